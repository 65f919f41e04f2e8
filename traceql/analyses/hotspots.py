"""`hotspots`: where the time went, by name and by path of calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from traceql.model.protocols import Input, Scope, Tables

if TYPE_CHECKING:
    import pyarrow as pa

    from traceql.model.result import Result

NAME = "hotspots"
_WORK = """
SELECT
  s.id, s.ts, s.dur, s.self_dur, coalesce(s.name_id, -1) AS name_id, s.category_id, s.track_id,
  s.depth,
  CASE WHEN g.slice_id IS NOT NULL THEN 'device'
       WHEN t.device_id IS NOT NULL OR s.category = 'Trace' THEN 'annotation'
       ELSE 'host' END AS side
FROM slice s JOIN track t ON t.id = s.track_id LEFT JOIN gpu_op g ON g.slice_id = s.id
WHERE s.ts >= $window_start AND s.ts < $window_end
"""
_OPS = f"""
SELECT
  side, name_id, min(track_id) AS home_track_id, min(category_id) AS category_id,
  count(*) AS calls,
  sum(self_dur)::BIGINT AS self_dur, min(dur) AS min_dur, max(dur) AS max_dur,
  avg(dur) AS mean_dur, quantile_disc(dur, 0.5) AS p50_dur, quantile_disc(dur, 0.99) AS p99_dur
FROM ({_WORK}) WHERE dur >= 0 GROUP BY side, name_id ORDER BY side, name_id
"""  # noqa: S608
_BINS = f"""
SELECT
  w.side, w.name_id, any_value(best.home_track_id) AS home_track_id,
  floor(8 * log2(w.dur))::INTEGER AS bin, count(*) AS count
FROM ({_WORK}) w
JOIN (SELECT side, name_id, min(track_id) AS home_track_id
      FROM ({_WORK}) WHERE dur > 0 GROUP BY side, name_id
      ORDER BY sum(self_dur) DESC, side, name_id LIMIT 100) best USING (side, name_id)
WHERE w.dur > 0 GROUP BY w.side, w.name_id, bin ORDER BY w.side, w.name_id, bin
"""  # noqa: S608
# Narrow: all slices of a track stand in memory together.
_SLICES = f"""
SELECT track_id, id, ts, dur, self_dur, name_id, depth,
  CASE side WHEN 'annotation' THEN 0 WHEN 'device' THEN 1 ELSE 2 END::TINYINT AS side_code
FROM ({_WORK})
"""  # noqa: S608
_TRACKS = "SELECT * EXCLUDE (trace) FROM track_with_context ORDER BY track_id"


@dataclass(frozen=True)
class Hotspots:
    """Sum time by name, and by path of calls.

    Self time is a slice's length without its children: every ns of a track is counted once. Total
    time is that of the outermost slices of a name on each track, so that recursion does not count
    twice. Shares are of the self time of the same side: device operations, annotations (on device
    tracks, and the profiler's own span around everything), or host. Quantiles are exact: the value
    at the rank. The call tree merges slices with the same path of names on a track; what is
    beyond `nodes` is summed as "(other)", so that the self times of the tree still add up.

    Parameters:
        top: names shown in the bars; a third of them as histograms.
        nodes: most nodes of the call tree.
    """

    scope: ClassVar[Scope] = "trace"
    family: ClassVar[str] = "hotspots"
    question: ClassVar[str] = "Where did the time go?"
    needs: ClassVar[tuple[str, ...]] = ()
    inputs: ClassVar[Mapping[str, Input]] = {
        "op": Input(_OPS),
        "bin": Input(_BINS),
        "name": Input("SELECT id, text FROM dim_name"),
        "category": Input("SELECT id, text FROM dim_category"),
        "track": Input(_TRACKS),
        "slice": Input(
            _SLICES, order_by=("ts", "dur >= 0", "dur DESC", "id"), partition_by="track_id"
        ),
    }

    top: int = 24
    nodes: int = 3000

    def measure(self, tables: Tables) -> pa.Table:
        """Build the call tree of one track; sums of a name go with the first track it is on."""
        from traceql.analyses import _calls

        return _calls.measure(tables, self.nodes)

    def conclude(self, measured: pa.Table) -> Result:
        """Rank names, and join the trees of all tracks."""
        from traceql.analyses import _ranking

        return _ranking.conclude(NAME, measured, self.top, self.nodes)


PLUGIN = Hotspots
