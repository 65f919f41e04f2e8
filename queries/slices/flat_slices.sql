-- Slices as a line: at each time of a track, the innermost.

-- Pieces of time of each track with the innermost slice that is open; the pieces of a slice add up
-- to its self time.
--
--   slice 0: ts 0, dur 10, child 1: ts 3, dur 4
--   gives   (0, ts 0, dur 3), (1, ts 3, dur 4), (0, ts 7, dur 3)
--
-- Columns:
--   slice_id: the slice.
--   ts, dur: the piece, ns; dur -1 where it never ends.
--   track_id: the track.
--   depth, name: of the slice.
--   trace: name of the trace.
CREATE VIEW slice_flattened AS
WITH __tq_slices AS (SELECT id, ts, dur, track_id FROM slice)
SELECT f.id AS slice_id, f.ts, f.dur, s.track_id, s.depth, s.name, s.trace
FROM interval_flatten(__tq_slices, track_id) f JOIN slice s ON s.id = f.id;

-- Slices of threads, flattened, under the name and with the columns that Perfetto has.
CREATE VIEW _slice_flattened AS
SELECT
  f.slice_id, f.ts, f.dur, k.utid, t.tid, t.name AS thread_name, p.upid, p.pid,
  p.name AS process_name, f.depth, f.name, f.trace
FROM slice_flattened f
JOIN thread_track k ON k.id = f.track_id
JOIN thread t ON t.utid = k.utid
LEFT JOIN process p ON p.upid = t.upid;
