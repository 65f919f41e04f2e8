-- Time that threads spent in each state.

-- Time of each thread in each state.
--
-- Columns:
--   utid: the thread.
--   total_runtime: time in any state, ns.
--   state: the state.
--   time_in_state: time in it, ns.
--   percentage_in_state: its share, in whole percent, rounded down.
--   trace: name of the trace.
CREATE VIEW sched_time_in_state_for_thread AS
SELECT
  utid, total_runtime, state, time_in_state,
  (time_in_state * 100 // total_runtime)::BIGINT AS percentage_in_state, trace
FROM (
  SELECT
    utid, sum(sum(dur)) OVER (PARTITION BY utid)::BIGINT AS total_runtime, state,
    sum(dur)::BIGINT AS time_in_state, trace
  FROM thread_state WHERE dur <> -1 GROUP BY utid, state, trace
);

-- Share of each state in the time of each thread.
--
-- Columns:
--   utid: the thread.
--   running, runnable, runnable_preempted, sleeping, uninterruptible_sleep, other: in whole percent,
--     rounded down; null where it was never in that state.
--   trace: name of the trace.
CREATE VIEW sched_percentage_of_time_in_state AS
SELECT
  utid,
  max(percentage_in_state) FILTER (state = 'Running') AS running,
  max(percentage_in_state) FILTER (state = 'R') AS runnable,
  max(percentage_in_state) FILTER (state = 'R+') AS runnable_preempted,
  max(percentage_in_state) FILTER (state = 'S') AS sleeping,
  max(percentage_in_state) FILTER (state = 'D') AS uninterruptible_sleep,
  (sum(time_in_state) FILTER (state NOT IN ('Running', 'R', 'R+', 'S', 'D')) * 100
    // max(total_runtime))::BIGINT AS other,
  trace
FROM sched_time_in_state_for_thread GROUP BY utid, trace;

-- Time of a thread in each state within an interval.
--
--   a thread that runs from 0 to 10      (5, 100, utid)   gives   Running, dur 5
--
-- Arguments:
--   start_ts: where the interval begins, ns.
--   length_dur: its length, ns.
--   of_utid: the thread.
-- Columns:
--   state, io_wait, blocked_function: of the state.
--   dur: time in it, ns.
CREATE MACRO sched_time_in_state_for_thread_in_interval(start_ts, length_dur, of_utid) AS TABLE
SELECT
  state, io_wait, blocked_function,
  sum(CASE WHEN dur = -1 THEN __tq_end ELSE least(ts + dur, __tq_end) END
      - greatest(ts, __tq_start))::BIGINT AS dur
FROM (
  SELECT start_ts AS __tq_start, start_ts + length_dur AS __tq_end, of_utid AS __tq_utid
) AS __tq_given
JOIN thread_state ON utid = __tq_utid AND ts < __tq_end AND (dur = -1 OR ts + dur > __tq_start)
GROUP BY state, io_wait, blocked_function;

-- How long a thread was in each state on each CPU in an interval of time.
--
--   a thread that runs on CPU 2 from 0 to 10      (5, 100, utid)   gives   Running, cpu 2, dur 5
--
-- Arguments:
--   start_ts: where the interval begins, ns.
--   length_dur: its length, ns.
--   of_utid: the thread.
-- Columns:
--   state, io_wait, cpu, blocked_function: of the state; cpu is null where it did not run.
--   dur: time in it, ns.
CREATE MACRO sched_time_in_state_and_cpu_for_thread_in_interval(start_ts, length_dur, of_utid)
AS TABLE
SELECT
  state, io_wait, cpu, blocked_function,
  sum(CASE WHEN dur = -1 THEN __tq_end ELSE least(ts + dur, __tq_end) END
      - greatest(ts, __tq_start))::BIGINT AS dur
FROM (
  SELECT start_ts AS __tq_start, start_ts + length_dur AS __tq_end, of_utid AS __tq_utid
) AS __tq_given
JOIN thread_state ON utid = __tq_utid AND ts < __tq_end AND (dur = -1 OR ts + dur > __tq_start)
GROUP BY state, io_wait, cpu, blocked_function;

-- How long threads were on one CPU in an interval of time, by the state in which they left it.
--
--   a thread that runs on CPU 2 from 0 to 10 and then sleeps   (2, 5, 100)   gives   S, dur 5
--
-- Arguments:
--   of_cpu: number of the CPU.
--   start_ts: where the interval begins, ns.
--   length_dur: its length, ns.
-- Columns:
--   end_state: the state, as in `sched`.
--   dur: time on the CPU, ns.
--   trace: name of the trace.
CREATE MACRO sched_time_in_state_for_cpu_in_interval(of_cpu, start_ts, length_dur) AS TABLE
SELECT
  end_state,
  sum(CASE WHEN dur = -1 THEN __tq_end ELSE least(ts + dur, __tq_end) END
      - greatest(ts, __tq_start))::BIGINT AS dur, trace
FROM (
  SELECT start_ts AS __tq_start, start_ts + length_dur AS __tq_end, of_cpu AS __tq_cpu
) AS __tq_given
JOIN sched ON cpu = __tq_cpu AND ts < __tq_end AND (dur = -1 OR ts + dur > __tq_start)
GROUP BY end_state, trace;
