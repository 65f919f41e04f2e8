-- Slices with the thread and the process they belong to.

-- Slices on tracks of threads, with names and numbers of thread and process.
--
-- Columns:
--   id, ts, dur, category, name, depth, parent_id, arg_set_id, thread_ts, thread_dur, track_id,
--   track_name: as in `slice` and `track` (times in ns).
--   thread_name, utid, tid, is_main_thread: of the thread.
--   process_name, upid, pid: of its process.
--   self_dur, name_id: as in `slice`.
--   trace: name of the trace.
CREATE VIEW thread_slice AS
SELECT
  s.id, s.ts, s.dur, s.category, s.track_id, k.name AS track_name, s.name, s.depth, s.parent_id,
  s.arg_set_id, s.thread_ts, s.thread_dur,
  t.name AS thread_name, t.utid, t.tid, t.is_main_thread,
  p.name AS process_name, p.upid, p.pid, s.self_dur, s.name_id, s.trace
FROM slice s
JOIN thread_track k ON k.id = s.track_id
JOIN thread t ON t.utid = k.utid
LEFT JOIN process p ON p.upid = t.upid;

-- Slices on tracks of processes: async work and what belongs to no thread.
--
-- Columns: those of `thread_slice`, without those of a thread.
CREATE VIEW process_slice AS
SELECT
  s.id, s.ts, s.dur, s.category, s.track_id, k.name AS track_name, s.name, s.depth, s.parent_id,
  s.arg_set_id, s.thread_ts, s.thread_dur,
  p.name AS process_name, p.upid, p.pid, s.self_dur, s.name_id, s.trace
FROM slice s
JOIN process_track k ON k.id = s.track_id
JOIN process p ON p.upid = k.upid;

-- Slices on tracks of threads and of processes; columns of the thread are null for the latter.
--
-- Columns: those of `thread_slice`.
CREATE VIEW thread_or_process_slice AS
SELECT * FROM thread_slice UNION ALL BY NAME SELECT * FROM process_slice;
