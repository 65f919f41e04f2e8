"""`cluster.cost`: what the length of device work depends on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from traceql.model.protocols import Input, Scope, Tables

if TYPE_CHECKING:
    import pyarrow as pa

    from traceql.model.result import Result

NAME = "cluster.cost"
_STRATA = """
SELECT * FROM (SELECT
  CASE WHEN g.kind = 'kernel' THEN 'kernel' ELSE coalesce(g.copy_kind, g.kind) END AS kind,
  coalesce(s.name_id, -1) AS name_id,
  g.grid_x::DOUBLE * g.grid_y * g.grid_z AS blocks,
  g.block_x::DOUBLE * g.block_y * g.block_z AS threads_per_block,
  CASE WHEN g.kind = 'kernel' THEN NULL ELSE g.bytes END AS bytes,
  count(*) AS calls, quantile_disc(s.dur, 0.5) AS p50_dur, sum(s.dur)::BIGINT AS total_dur
FROM gpu_op g JOIN slice s ON s.id = g.slice_id
WHERE s.dur > 0 AND s.ts >= $window_start AND s.ts < $window_end
  AND (g.kind = 'kernel' OR g.bytes > 0)
GROUP BY ALL)
QUALIFY row_number() OVER (ORDER BY total_dur DESC, name_id) <= 20000
ORDER BY kind, total_dur DESC, name_id, blocks, threads_per_block, bytes
"""


@dataclass(frozen=True)
class Cost:
    """Fit models of cost, and say what they are worth on operations they have not seen.

    *Copies and fills*, by direction: time = latency + bytes / bandwidth (Hockney 1994), both not
    negative, by least squares of relative errors over the median time of each size; where there
    are at least `least` sizes. *Kernels*: log time is linear in the logarithms of the number of
    blocks and of threads per block, by least squares with outliers weighted down (Huber 1964), over
    the median time of each name and shape. A kernel model is judged on names it has not seen (five
    folds, all shapes of a name together): its typical factor, exp of the mean absolute error of log
    time, stands beside that of the median of the others. It holds if it is better by
    `least_gain_ratio` in logarithms, for most names (Wilcoxon's signed rank test, p < 0.01), and
    wrong by a factor of two at most. That no model holds is an answer: shapes alone do not tell
    what a kernel does.

    Parameters:
        least: fewest strata that a model is fitted to.
        least_gain_ratio: share of the baseline's error by which a kernel model must be better.
    """

    scope: ClassVar[Scope] = "trace"
    family: ClassVar[str] = "clusters"
    question: ClassVar[str] = "What does the length of copies and kernels depend on?"
    needs: ClassVar[tuple[str, ...]] = ()
    inputs: ClassVar[Mapping[str, Input]] = {"stratum": Input(_STRATA)}

    least: int = 8
    least_gain_ratio: float = 0.1

    def measure(self, tables: Tables) -> pa.Table:
        """Pass on the strata, which are summed already."""
        return tables["stratum"]

    def conclude(self, measured: pa.Table) -> Result:
        """Fit the models, and judge them."""
        from traceql.analyses.cluster import _models

        return _models.conclude(NAME, measured, self.least, self.least_gain_ratio)


PLUGIN = Cost
