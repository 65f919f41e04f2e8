"""`correlation.events`: which operations come close to others more often than chance has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from traceql.model.protocols import Input, Scope, Tables

if TYPE_CHECKING:
    import pyarrow as pa

    from traceql.model.result import Result

NAME = "correlation.events"
_OPS = """
WITH op AS (
  SELECT 'device' AS side, s.name_id, s.ts, s.dur, coalesce(l.ts, s.ts) AS issued_ts,
    coalesce(l.track_id, s.track_id) AS track_id, s.dur AS cost
  FROM gpu_op g JOIN slice s ON s.id = g.slice_id LEFT JOIN slice l ON l.id = g.launch_slice_id
  WHERE s.dur >= 0 AND s.name_id IS NOT NULL AND s.ts >= $window_start AND s.ts < $window_end
  UNION ALL
  SELECT 'host', s.name_id, s.ts, s.dur, s.ts, s.track_id, s.self_dur
  FROM slice s JOIN track t ON t.id = s.track_id
  WHERE s.dur >= 0 AND s.name_id IS NOT NULL AND t.device_id IS NULL
    AND coalesce(s.category, '') NOT IN ('Trace', 'python_function')
    AND s.id NOT IN (SELECT slice_id FROM gpu_op)
    AND s.ts >= $window_start AND s.ts < $window_end),
rare AS (
  SELECT side, name_id FROM op GROUP BY side, name_id
  HAVING count(*) BETWEEN $least_events AND $most_events
  QUALIFY row_number() OVER (PARTITION BY side ORDER BY sum(cost) DESC, name_id) <= $most_ops)
SELECT side, name_id, ts, dur, issued_ts, track_id FROM op SEMI JOIN rare USING (side, name_id)
ORDER BY side, name_id, ts
"""


@dataclass(frozen=True)
class Events:
    """Test every pair of operations for coming close in time, at once or some time later.

    Time is cut into `bins`; the begins of one operation are correlated with the bins in which the
    other begins, at every shift of one against the other (circular, by Fourier transforms). How
    often the second begins in the same bin as the first or in the next is compared with what the
    shifts give: they keep the rhythm and the bursts of both and break only what ties them, so that
    a program that repeats its steps ties nothing. The distribution of the counts over the shifts is
    taken as negative binomial (Poisson, where they vary less), and p is never below the share of
    the shifts that give as much. It is asked twice, of all shifts and of those within an eighth of
    the recording: what both do in the same phase of a run is near only between phases, and p is
    the greater of the two. The best lag within 64 bins is tried too, at the price of so many
    tests. q is Benjamini-Hochberg's over all ordered pairs.

    What calls, encloses or launches the other is shown and makes no finding (`nested`); nor do
    operations that one thread issues (`in order`: its program has them follow each other; see
    `pattern.sequences`); nor what is gone within phases. A finding is a pair of at least
    `least_strength`: the share of the first that the second is near, by its lower bound (Wilson,
    95 %), less the share by chance, over one less that. `value` is the share, `baseline` that by
    chance, `effect` their ratio. The lag is in the table; evidence gives the events of the first
    that the second is near.

    Parameters:
        q: highest expected share of false pairs.
        least_strength: smallest strength that makes a finding.
        bins: into how many parts time is cut; near is a part or two.
        least_events: rarer operations are not looked at.
        most_events: nor more frequent ones.
        most_ops: operations of each side that are looked at, by time.
        most_findings: pairs that become findings, the strongest first; the table has all.
    """

    scope: ClassVar[Scope] = "trace"
    family: ClassVar[str] = "correlations"
    question: ClassVar[str] = "Which operations come close to others more often than by chance?"
    needs: ClassVar[tuple[str, ...]] = ()
    inputs: ClassVar[Mapping[str, Input]] = {
        "name": Input("SELECT id, text FROM dim_name"),
        "op": Input(_OPS),
    }

    q: float = 0.01
    least_strength: float = 0.3
    bins: int = 4096
    least_events: int = 8
    most_events: int = 2000
    most_ops: int = 30
    most_findings: int = 20

    def __post_init__(self) -> None:
        if not 0 < self.q < 1:
            raise ValueError("q lies between 0 and 1")
        if self.bins < 1024:
            raise ValueError("bins is at least 1024")

    def measure(self, tables: Tables) -> pa.Table:
        """Correlate all pairs."""
        from traceql.analyses.correlation import _near

        return _near.measure(tables, self.bins)

    def conclude(self, measured: pa.Table) -> Result:
        """Control false discoveries, and write a finding for each pair that is strong enough."""
        from traceql.analyses.correlation import _nearness

        rule = _nearness.Rule(self.q, self.least_strength, self.most_findings)
        return _nearness.conclude(NAME, measured, rule)


PLUGIN = Events
