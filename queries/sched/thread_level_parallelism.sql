-- How many threads do something at once.

-- How many threads are runnable and wait for a CPU.
--
-- Columns:
--   ts: from when on, ns.
--   runnable_thread_count: the number.
--   trace: name of the trace.
CREATE VIEW sched_runnable_thread_count AS
WITH __tq_given AS (SELECT ts, dur, trace FROM thread_state WHERE state IN ('R', 'R+'))
SELECT ts, value AS runnable_thread_count, group_name AS trace
FROM intervals_overlap_count_by_group(__tq_given, ts, dur, trace);

-- How many threads sleep and cannot be interrupted.
--
-- Columns:
--   ts: from when on, ns.
--   uninterruptible_sleep_thread_count: the number.
--   trace: name of the trace.
CREATE VIEW sched_uninterruptible_sleep_thread_count AS
WITH __tq_given AS (SELECT ts, dur, trace FROM thread_state WHERE state = 'D')
SELECT ts, value AS uninterruptible_sleep_thread_count, group_name AS trace
FROM intervals_overlap_count_by_group(__tq_given, ts, dur, trace);

-- How many CPUs run a thread.
--
-- Columns:
--   ts: from when on, ns.
--   active_cpu_count: the number.
--   trace: name of the trace.
CREATE VIEW sched_active_cpu_count AS
WITH
  __tq_given AS (
    SELECT s.ts, s.dur, s.trace FROM sched s LEFT JOIN thread t ON t.utid = s.utid
    WHERE s.utid IS NOT NULL AND t.is_idle IS NOT TRUE
  )
SELECT ts, value AS active_cpu_count, group_name AS trace
FROM intervals_overlap_count_by_group(__tq_given, ts, dur, trace);
