"""`pattern.sequences`: operations that follow each other again and again, and what they cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from traceql.model.protocols import Input, Scope, Tables

if TYPE_CHECKING:
    import pyarrow as pa

    from traceql.model.result import Result

NAME = "pattern.sequences"
_NAMES = "SELECT id, text FROM dim_name"
_OPS = """
WITH stream AS (SELECT DISTINCT s.track_id FROM gpu_op g JOIN slice s ON s.id = g.slice_id),
op AS (
  SELECT s.id, s.ts, s.dur, s.track_id, coalesce(s.name_id, -1) AS name_id,
    g.slice_id IS NOT NULL AS is_device, CASE WHEN g.slice_id IS NULL THEN s.self_dur ELSE s.dur END
      AS cost_dur
  FROM slice s JOIN track t ON t.id = s.track_id LEFT JOIN gpu_op g ON g.slice_id = s.id
  WHERE s.dur >= 0 AND s.ts >= $window_start AND s.ts < $window_end
    AND (g.slice_id IS NOT NULL OR (t.utid IS NOT NULL AND t.device_id IS NULL
         AND t.type = 'thread' AND s.track_id NOT IN (SELECT track_id FROM stream)))),
track_ AS (
  SELECT track_id FROM op GROUP BY track_id, is_device HAVING count(*) >= 2 * $least_support
  QUALIFY row_number() OVER (PARTITION BY is_device ORDER BY sum(cost_dur) DESC, track_id)
    <= $most_tracks)
SELECT * FROM op WHERE track_id IN (SELECT track_id FROM track_)
QUALIFY row_number() OVER (PARTITION BY track_id ORDER BY ts, id) <= $longest
"""


@dataclass(frozen=True)
class Sequences:
    """Find sequences of operations that recur on a stream or thread, with support and cost.

    Operations are taken in order of their begin, on streams of devices and on threads of the host
    (there callees follow their caller, and time is self time). Sequences of 2 to 16 operations that
    occur `least_support` times or more are counted; one that repeats a shorter one is left out. The
    costliest is closed: it grows at either end as long as all occurrences agree (up to 64), so that
    no longer sequence has the same support. Its operations are set aside, and the next is taken.

    A finding is a sequence that takes `least_ratio` of the time of its stream or thread, at most
    `most` of each. `value` is its time, `impact_ratio` the idle time between its operations as a
    share of the span: what a CUDA graph or a fused kernel could gain at most. On threads nothing is
    claimed. Counting is exact, so is the confidence.

    How to read it: evidence gives the first operation of each occurrence. A long sequence that
    recurs often is a layer or step; a short one a candidate for fusion. Abstains without a stream
    or thread of twice `least_support` operations.

    Parameters:
        least_support: fewest occurrences.
        least_ratio: a sequence that takes a smaller share of its track makes no finding.
        most: sequences of a track.
        most_tracks: streams, and threads, that are looked at, the busiest first.
        longest: operations of a track that are looked at, from its begin.
    """

    scope: ClassVar[Scope] = "trace"
    family: ClassVar[str] = "patterns"
    question: ClassVar[str] = "Which operations follow each other again and again?"
    needs: ClassVar[tuple[str, ...]] = ()
    inputs: ClassVar[Mapping[str, Input]] = {
        "name": Input(_NAMES),
        "ops": Input(_OPS, order_by=("ts", "id"), partition_by="track_id"),
    }

    least_support: int = 8
    least_ratio: float = 0.02
    most: int = 5
    most_tracks: int = 8
    longest: int = 65_536

    def __post_init__(self) -> None:
        if self.least_support < 2:
            raise ValueError("least_support is at least 2")

    def measure(self, tables: Tables) -> pa.Table:
        """Find the sequences of one track."""
        from traceql.analyses.pattern import _recurring

        return _recurring.measure(tables, self.least_support, self.most)

    def conclude(self, measured: pa.Table) -> Result:
        """Write a finding for each sequence that costs enough."""
        from traceql.analyses.pattern import _repeats

        return _repeats.conclude(NAME, measured, self.least_ratio)


PLUGIN = Sequences
