"""`correlation.together`: which operations come in the same steps, and which never do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from traceql.model.protocols import Input, Scope, Tables

if TYPE_CHECKING:
    import pyarrow as pa

    from traceql.model.result import Result

NAME = "correlation.together"
_EVENTS = """
WITH op AS (
  SELECT 1 AS is_device, s.name_id, s.ts, coalesce(l.ts, s.ts) AS issued_ts, s.dur AS cost
  FROM gpu_op g JOIN slice s ON s.id = g.slice_id LEFT JOIN slice l ON l.id = g.launch_slice_id
  WHERE s.dur >= 0 AND s.name_id IS NOT NULL AND s.ts >= $window_start AND s.ts < $window_end
  UNION ALL
  SELECT 0, s.name_id, s.ts, s.ts, s.self_dur
  FROM slice s JOIN track t ON t.id = s.track_id
  WHERE s.dur >= 0 AND s.name_id IS NOT NULL AND t.device_id IS NULL
    AND coalesce(s.category, '') NOT IN ('Trace', 'python_function')
    AND s.id NOT IN (SELECT slice_id FROM gpu_op)
    AND s.ts >= $window_start AND s.ts < $window_end),
chosen AS (
  SELECT is_device, name_id FROM op GROUP BY is_device, name_id
  HAVING count(*) BETWEEN $least_steps AND $most_events
  QUALIFY row_number() OVER (PARTITION BY is_device ORDER BY sum(cost) DESC, name_id) <= $most_ops)
SELECT name_id::BIGINT * 2 + is_device AS series, is_device, name_id, ts, issued_ts
FROM op SEMI JOIN chosen USING (is_device, name_id)
"""


@dataclass(frozen=True)
class Together:
    """Ask of every pair of operations whether they come in the same steps.

    Only operations that come in some steps and not in others can tell: those of at least
    `least_steps` steps, and missing from as many. For a pair the number of steps with both is
    compared with what independence gives: p is the greater of Fisher's exact test (two-sided) and
    of the test of the correlation of both presences (phi) with as many steps as are independent
    (Bartlett 1946), so that what comes for a stretch of steps and then not counts as few. q is
    Benjamini-Hochberg's over all pairs. Lift is the number of steps with both over what
    independence gives, `pmi_bits` its log2. Strength is that of the end of the 95 % interval of phi
    nearer to zero; two guards as in `correlation.steps`: what is gone without the drift, or within
    quarters of the run, is shown and makes no finding.

    A finding is a pair that is at least moderate: `together`, or `apart` where one comes instead
    of the other. `value` is phi with its interval as `effect`, `n` the steps. What one always calls
    for the other is together as well: the pair is told once, callers are not sorted out. Evidence
    gives the events of the rarer operation.

    Parameters:
        q: highest expected share of false pairs.
        least_phi: smallest |phi|, by its interval, that makes a finding.
        least_steps: steps in which an operation must come, and must not.
        most_events: more frequent operations are not looked at: they hardly miss a step.
        most_ops: operations of each side that are looked at, by time.
        most_findings: pairs that become findings, the strongest first; the table has all.
    """

    scope: ClassVar[Scope] = "trace"
    family: ClassVar[str] = "correlations"
    question: ClassVar[str] = "Which operations come in the same steps, and which never do?"
    needs: ClassVar[tuple[str, ...]] = ("iteration",)
    inputs: ClassVar[Mapping[str, Input]] = {
        "name": Input("SELECT id, text FROM dim_name ORDER BY id"),
        "op": Input(_EVENTS, order_by=("issued_ts",), partition_by="series"),
    }

    q: float = 0.01
    least_phi: float = 0.3
    least_steps: int = 4
    most_events: int = 20_000
    most_ops: int = 200
    most_findings: int = 10

    def __post_init__(self) -> None:
        if not 0 < self.q < 1:
            raise ValueError("q lies between 0 and 1")

    def measure(self, tables: Tables) -> pa.Table:
        """Say in which steps an operation comes."""
        from traceql.analyses.correlation import _presence

        return _presence.measure(tables, self.least_steps)

    def conclude(self, measured: pa.Table) -> Result:
        """Test all pairs, and control false discoveries."""
        from traceql.analyses.correlation import _presence

        rule = _presence.Rule(self.q, self.least_phi, self.most_findings)
        return _presence.conclude(NAME, measured, rule)


PLUGIN = Together
