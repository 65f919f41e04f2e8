"""`cluster.operations`: which operations behave alike, and which unlike all others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from traceql.model.protocols import Input, Scope, Tables

if TYPE_CHECKING:
    import pyarrow as pa

    from traceql.model.result import Result

NAME = "cluster.operations"
_OPS = """
WITH work AS (
  SELECT 'device' AS side, coalesce(s.name_id, -1) AS name_id, s.dur AS value,
    g.grid_x::DOUBLE * g.grid_y * g.grid_z * g.block_x * g.block_y * g.block_z AS threads
  FROM gpu_op g JOIN slice s ON s.id = g.slice_id
  WHERE s.dur > 0 AND g.kind = 'kernel' AND s.ts >= $window_start AND s.ts < $window_end
  UNION ALL
  SELECT 'host', coalesce(s.name_id, -1), s.self_dur, NULL
  FROM slice s JOIN track t ON t.id = s.track_id
  WHERE t.device_id IS NULL AND s.self_dur > 0 AND s.category IS DISTINCT FROM 'Trace'
    AND s.id NOT IN (SELECT slice_id FROM gpu_op)
    AND s.ts >= $window_start AND s.ts < $window_end),
op AS (
  SELECT side, name_id, count(*) AS calls, sum(value)::BIGINT AS total_dur,
    quantile_disc(value, 0.1) AS p10_dur, quantile_disc(value, 0.5) AS p50_dur,
    quantile_disc(value, 0.9) AS p90_dur, median(threads) AS threads
  FROM work GROUP BY side, name_id)
SELECT op.*, n.text AS name, sum(total_dur) OVER (PARTITION BY side)::BIGINT AS side_dur
FROM op LEFT JOIN dim_name n ON n.id = op.name_id
WHERE NOT coalesce(regexp_full_match(n.text, $marker_pattern, 'i'), false)
QUALIFY row_number() OVER (PARTITION BY side ORDER BY total_dur DESC, name_id) <= 2000
ORDER BY side, total_dur DESC, name_id
"""


@dataclass(frozen=True)
class Operations:
    """Group operations by how long they take, how much that varies, and how often they run.

    A point is one name on one side: kernels of the devices by length, host work by self time. Its
    features are logarithms of the median, of the ratio of the ninth to the first decile, of the
    number of calls and, for kernels whose launches are recorded, of the threads launched; they are
    taken as they are and divided by their interquartile ranges, and the better separated groups are
    kept. k-means++ is run for every k up to ten; a k counts only if
    points thin out between every two groups and bootstraps find the same groups (adjusted Rand
    index of 0.8), and the largest such k is taken. That there are no groups is an answer, and with
    fewer than `least` operations nothing is looked for.

    Operations far from the bulk are those whose Mahalanobis distance by the minimum covariance
    determinant (Rousseeuw & Van Driessen 1999) one in a thousand normal points would have. The
    features of operations are not normal, and where they fall into groups the bulk is wide. So what
    lies `between` is marked beside: where a mixture of up to five normal distributions
    (variational, Bishop 2006) is thinner than nearly everywhere in itself. Both rank what to look
    at first and are no test: the table marks them, and they are no findings.

    Parameters:
        least: fewest operations of a side that are looked at.
        alpha: share of normal points that would lie so far from the bulk.
        marker_pattern: regular expression, any case, for the whole name of a step marker.
        seed: of starts and bootstraps.
    """

    scope: ClassVar[Scope] = "trace"
    family: ClassVar[str] = "clusters"
    question: ClassVar[str] = "Which operations behave alike, and which unlike all others?"
    needs: ClassVar[tuple[str, ...]] = ()
    inputs: ClassVar[Mapping[str, Input]] = {"op": Input(_OPS)}

    least: int = 20
    alpha: float = 0.001
    marker_pattern: str = (
        r"ProfilerStep[*#]?\d*|(global |train |training )?(iteration|iter|step|batch|frame)"
        r"[ _#:\-]*\d+"
    )
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1:
            raise ValueError("alpha lies between 0 and 1")

    def measure(self, tables: Tables) -> pa.Table:
        """Pass on the operations, which are summed already."""
        return tables["op"]

    def conclude(self, measured: pa.Table) -> Result:
        """Group the operations of each side, and find those unlike the others."""
        from traceql.analyses.cluster import _alike

        rule = _alike.Rule(self.least, self.alpha, self.seed)
        return _alike.conclude(NAME, measured, rule)


PLUGIN = Operations
