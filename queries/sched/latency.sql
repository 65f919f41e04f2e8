-- How long threads waited for a CPU.

-- For each time a thread ran, the last runnable state before it.
--
-- Columns:
--   id: the running state, in `thread_state`.
--   prev_runnable_id: the runnable state before it; null where there is none.
--   prev_wakeup_runnable_id: the same, where a wakeup and no preemption made it runnable.
--   trace: name of the trace.
CREATE VIEW sched_previous_runnable_on_thread AS
SELECT id, prev_runnable_id, prev_wakeup_runnable_id, trace
FROM (
  SELECT
    id, state, trace,
    last_value(CASE WHEN state IN ('R', 'R+') THEN id END IGNORE NULLS) OVER (
      PARTITION BY utid ORDER BY ts, id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS prev_runnable_id,
    last_value(CASE WHEN state = 'R' THEN id END IGNORE NULLS) OVER (
      PARTITION BY utid ORDER BY ts, id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS prev_wakeup_runnable_id
  FROM thread_state
)
WHERE state = 'Running';

-- How long a thread was runnable before it ran.
--
-- Columns:
--   thread_state_id: the running state, in `thread_state`.
--   utid: the thread.
--   runnable_latency_id: the runnable state before it.
--   latency_dur: length of that, ns.
--   trace: name of the trace.
CREATE VIEW sched_latency_for_running_interval AS
SELECT
  r.id AS thread_state_id, w.utid, r.prev_runnable_id AS runnable_latency_id,
  w.dur AS latency_dur, r.trace
FROM sched_previous_runnable_on_thread r JOIN thread_state w ON w.id = r.prev_runnable_id;
