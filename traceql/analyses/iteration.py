"""`iteration`: the repeated steps of the program; makes the derived table of that name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from traceql.model.protocols import Input, Scope, Tables

if TYPE_CHECKING:
    import pyarrow as pa

    from traceql.model.result import Result

NAME = "iteration"
_MARKERS = """
SELECT s.track_id, s.ts, s.dur, n.text AS name
FROM slice s
JOIN (SELECT id, text FROM dim_name WHERE regexp_full_match(text, $marker_pattern, 'i')) n
  ON n.id = s.name_id
JOIN track t ON t.id = s.track_id
WHERE $markers AND t.device_id IS NULL AND s.dur > 0
  AND s.ts >= $window_start AND s.ts < $window_end
ORDER BY s.track_id, s.ts, s.id
"""
_SEQUENCE = """
WITH per_stream AS (
  SELECT g.device_id, s.track_id, count(*) AS ops, sum(s.dur)::BIGINT AS busy
  FROM gpu_op g JOIN slice s ON s.id = g.slice_id
  WHERE s.dur >= 0 GROUP BY ALL),
main_stream AS (
  SELECT arg_max(track_id, (ops, busy, -track_id)) AS track_id FROM per_stream GROUP BY device_id),
busiest_thread AS (
  SELECT arg_max(track_id, (busy, -track_id)) AS track_id
  FROM (SELECT s.track_id, sum(s.dur)::BIGINT AS busy
        FROM slice s JOIN track t ON t.id = s.track_id
        WHERE s.depth = 0 AND s.dur > 0 AND t.utid IS NOT NULL GROUP BY s.track_id)
  WHERE NOT EXISTS (SELECT 1 FROM per_stream))
SELECT
  s.id, s.track_id, s.ts, s.dur, coalesce(s.name_id, -1) AS name_id,
  coalesce(l.ts, s.ts) AS issued_ts
FROM slice s
LEFT JOIN gpu_op g ON g.slice_id = s.id
LEFT JOIN slice l ON l.id = g.launch_slice_id
WHERE s.dur >= 0 AND s.ts >= $window_start AND s.ts < $window_end AND (
  (s.track_id IN (SELECT track_id FROM main_stream)
   AND s.id IN (SELECT slice_id FROM gpu_op))
  OR (s.depth = 0 AND s.track_id IN (SELECT track_id FROM busiest_thread)))
"""


@dataclass(frozen=True)
class Iteration:
    """Find the steps that a program repeats: training steps, frames, requests.

    Markers win where there are any: slices whose whole name matches `marker_pattern`, on tracks of
    the host. Else the period of a sequence of names is sought: of the operations on the busiest
    stream of each device, or, without a device, of the top-level slices of the busiest
    thread. The sequence is compared with itself at every lag; a match of a rare name counts more
    (1/occurrences); the first lag within 1 % of the best is the period, kept if at least
    `least_match` of the sequence repeats after it; or if half of it does, and steps that differ by
    some operations have `least_match` of them in common with a usual step. A sequence of whole
    steps begins with one; else, of the possible first positions, the one after the longest waits is
    taken. At least two steps must be whole. Where not all steps are alike, each is sought near its
    place by the operations that the first begins with. An iteration found so lasts until the next
    begins.
    `confidence` is the share of the sequence that repeats; 1 for markers.

    Parameters:
        markers: use markers; false hides them, to look for the period alone.
        marker_pattern: regular expression, any case, for the whole name of a marker.
        least_match: least share of the sequence that must repeat.
        longest: the sequence is cut to this many operations before its period is sought.
    """

    scope: ClassVar[Scope] = "trace"
    family: ClassVar[str] = "patterns"
    question: ClassVar[str] = "Which steps does the program repeat, and how steady are they?"
    needs: ClassVar[tuple[str, ...]] = ()
    inputs: ClassVar[Mapping[str, Input]] = {
        "markers": Input(_MARKERS),
        "sequence": Input(_SEQUENCE, order_by=("ts", "id"), partition_by="track_id"),
    }

    markers: bool = True
    marker_pattern: str = (
        r"ProfilerStep[*#]?\d+|(global |train |training )?(iteration|iter|step|batch|frame)"
        r"[ _#:\-]*\d+"
    )
    least_match: float = 0.9
    longest: int = 65_536

    def measure(self, tables: Tables) -> pa.Table:
        """Find the steps: by markers, else in one sequence."""
        from traceql.analyses import _steps

        if tables["markers"].num_rows:
            return _steps.marked(tables["markers"], tables["sequence"])
        return _steps.repeated(tables["sequence"], self.least_match, self.longest)

    def conclude(self, measured: pa.Table) -> Result:
        """Give the steps, and how steady they are."""
        from traceql.analyses import _steps

        return _steps.conclude(NAME, measured)


PLUGIN = Iteration
