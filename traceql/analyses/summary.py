"""`summary`: what the trace holds, and when its tracks were busy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from traceql.model.protocols import Input, Scope, Tables

if TYPE_CHECKING:
    import pyarrow as pa

    from traceql.model.result import Result

NAME = "summary"
_IN = "ts >= $window_start AND ts < $window_end"
_FACTS = f"""
SELECT
  s.slices AS slice_count, s.unclosed AS unclosed_count, s.instants AS instant_count,
  s.self_dur,
  CASE WHEN b.start_ts IS NOT NULL THEN greatest(b.start_ts, $window_start) END AS start_ts,
  CASE WHEN b.end_ts IS NOT NULL THEN least(b.end_ts, $window_end) END AS end_ts,
  (SELECT count(*) FROM track) AS track_count,
  (SELECT count(*) FROM process) AS process_count,
  (SELECT count(*) FROM thread) AS thread_count,
  (SELECT count(*) FROM device) AS device_count,
  (SELECT count(DISTINCT rank) FROM process) AS rank_count,
  (SELECT count(*) FROM gpu_op) AS gpu_op_count,
  (SELECT count(*) FROM flow) AS flow_count,
  (SELECT count(*) FROM counter WHERE {_IN}) AS counter_value_count,
  (SELECT count(*) FROM sample WHERE {_IN}) AS sample_count,
  (SELECT count(*) FROM allocation WHERE {_IN}) AS allocation_count
FROM (SELECT count(*) AS slices, count(*) FILTER (WHERE dur = -1) AS unclosed,
             count(*) FILTER (WHERE dur = 0) AS instants,
             coalesce(sum(self_dur), 0)::BIGINT AS self_dur FROM slice WHERE {_IN}) s,
     (SELECT min(start_ts) AS start_ts, max(end_ts) AS end_ts FROM trace_bounds) b
"""  # noqa: S608
_CATEGORIES = f"""
SELECT c.text AS category, k.slices AS slice_count, k.self_dur
FROM (SELECT category_id, count(*) AS slices, coalesce(sum(self_dur), 0)::BIGINT AS self_dur
      FROM slice WHERE {_IN} GROUP BY category_id) k
LEFT JOIN dim_category c ON c.id = k.category_id
ORDER BY k.slices DESC, c.text LIMIT $top
"""  # noqa: S608
_BUSY = f"""
WITH busiest AS (
  SELECT track_id FROM slice WHERE depth = 0 AND dur > 0 AND category IS DISTINCT FROM 'Trace'
    AND {_IN}
  GROUP BY track_id ORDER BY sum(dur) DESC, track_id LIMIT $tracks)
SELECT s.track_id, s.id, s.ts, s.ts + s.dur AS end_ts
FROM slice s JOIN busiest USING (track_id)
WHERE s.depth = 0 AND s.dur > 0 AND {_IN.replace("ts ", "s.ts ")}
"""  # noqa: S608
_TRACKS = "SELECT * EXCLUDE (trace) FROM track_with_context ORDER BY track_id"


@dataclass(frozen=True)
class Summary:
    """Count what the trace holds, and show when its busiest tracks were busy.

    A bin of the overview holds the share of its time that at least one outermost slice of the
    track covers, exactly; slices that were never closed are counted and not drawn. What the
    importer had to leave out becomes a finding, so that nobody reads a damaged trace as a whole.

    Parameters:
        top: categories shown.
        tracks: tracks in the overview, those with most time in outermost slices.
        bins: bins of the overview.
    """

    scope: ClassVar[Scope] = "trace"
    family: ClassVar[str] = "summary"
    question: ClassVar[str] = "What does this trace hold, and is it whole?"
    needs: ClassVar[tuple[str, ...]] = ()
    inputs: ClassVar[Mapping[str, Input]] = {
        "fact": Input(_FACTS),
        "categories": Input(_CATEGORIES),
        "devices": Input("SELECT * EXCLUDE (args, trace) FROM device", order_by=("device_id",)),
        "processes": Input("SELECT upid, pid, name, rank, host FROM process", order_by=("upid",)),
        "diagnostics": Input(
            "SELECT severity, code, count, first_offset, message FROM diagnostic",
            order_by=("code", "message"),
        ),
        "track": Input(_TRACKS),
        "busy": Input(_BUSY, order_by=("ts", "id"), partition_by="track_id"),
    }

    top: int = 20
    tracks: int = 40
    bins: int = 400

    def __post_init__(self) -> None:
        if min(self.top, self.tracks, self.bins) < 1:
            raise ValueError("top, tracks and bins are at least 1")

    def measure(self, tables: Tables) -> pa.Table:
        """Bin one track; what is about the whole trace goes along."""
        from traceql.analyses import _overview

        return _overview.measure(tables, self.bins)

    def conclude(self, measured: pa.Table) -> Result:
        """Put the facts together."""
        from traceql.analyses import _overview

        return _overview.conclude(NAME, measured)


PLUGIN = Summary
