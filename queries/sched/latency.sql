-- How long threads waited for a CPU.

-- How long a thread was runnable before it ran.
--
--   states of a thread: 0 R (dur 5), 1 Running   gives   thread_state_id 1, latency_dur 5
--
-- Columns:
--   thread_state_id: the running state, in `thread_state`.
--   sched_id: the same, in `sched`.
--   utid: the thread.
--   runnable_latency_id: the runnable state before it.
--   latency_dur: length of that, ns.
--   trace: name of the trace.
CREATE VIEW sched_latency_for_running_interval AS
SELECT
  r.id AS thread_state_id, s.id AS sched_id, w.utid, r.prev_runnable_id AS runnable_latency_id,
  w.dur AS latency_dur, r.trace
FROM sched_previous_runnable_on_thread r
JOIN thread_state w ON w.id = r.prev_runnable_id
JOIN thread_state n ON n.id = r.id
LEFT JOIN sched s ON s.utid = n.utid AND s.ts = n.ts;
