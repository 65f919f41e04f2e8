-- Tracks with the thread and the process they belong to.

-- Tracks, each with a name where anything has one: its own, else that of its thread.
--
--   track 4 of thread 'main' of process 'python'   gives   track_id 4, name main, process python
--
-- Columns:
--   track_id: the track; type: as in `track`.
--   name: its own name, else that of its thread.
--   process: name of its process.
--   device_id, stream_id: of a device's track.
--   tid: of a thread's track.
--   trace: name of the trace.
CREATE VIEW track_with_context AS
SELECT
  t.id AS track_id, t.type, coalesce(t.name, h.name) AS name, p.name AS process, t.device_id,
  t.stream_id, h.tid, t.trace
FROM track t LEFT JOIN thread h ON h.utid = t.utid LEFT JOIN process p ON p.upid = t.upid;
