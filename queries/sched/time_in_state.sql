-- Time that threads spent in each state.

-- Time of each thread in each state.
--
-- Columns:
--   utid: the thread.
--   total_runtime: time in any state, ns.
--   state: the state.
--   time_in_state: time in it, ns.
--   trace: name of the trace.
CREATE VIEW sched_time_in_state_for_thread AS
SELECT
  utid, sum(sum(dur)) OVER (PARTITION BY utid)::BIGINT AS total_runtime, state,
  sum(dur)::BIGINT AS time_in_state, trace
FROM thread_state WHERE dur <> -1 GROUP BY utid, state, trace;

-- Share of each state in the time of each thread.
--
-- Columns:
--   utid: the thread.
--   running, runnable, runnable_preempted, sleeping, uninterruptible_sleep, other: in percent.
--   trace: name of the trace.
CREATE VIEW sched_percentage_of_time_in_state AS
SELECT
  utid,
  100 * sum(CASE WHEN state = 'Running' THEN dur ELSE 0 END)::BIGINT / sum(dur)::DOUBLE AS running,
  100 * sum(CASE WHEN state = 'R' THEN dur ELSE 0 END)::BIGINT / sum(dur)::DOUBLE AS runnable,
  100 * sum(CASE WHEN state = 'R+' THEN dur ELSE 0 END)::BIGINT / sum(dur)::DOUBLE
    AS runnable_preempted,
  100 * sum(CASE WHEN state = 'S' THEN dur ELSE 0 END)::BIGINT / sum(dur)::DOUBLE AS sleeping,
  100 * sum(CASE WHEN state = 'D' THEN dur ELSE 0 END)::BIGINT / sum(dur)::DOUBLE
    AS uninterruptible_sleep,
  100 * sum(CASE WHEN state IN ('Running', 'R', 'R+', 'S', 'D') THEN 0 ELSE dur END)::BIGINT
    / sum(dur)::DOUBLE AS other,
  trace
FROM thread_state WHERE dur > 0 GROUP BY utid, trace;

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

-- How long threads were in each state that says a CPU, in an interval of time: on one CPU.
--
--   a thread that runs on CPU 2 from 0 to 10      (2, 5, 100)   gives   Running, dur 5
--
-- Arguments:
--   of_cpu: number of the CPU.
--   start_ts: where the interval begins, ns.
--   length_dur: its length, ns.
-- Columns:
--   state, io_wait, cpu, blocked_function: of the state.
--   dur: time in it, ns.
--   trace: name of the trace.
CREATE MACRO sched_time_in_state_for_cpu_in_interval(of_cpu, start_ts, length_dur) AS TABLE
SELECT
  state, io_wait, cpu, blocked_function,
  sum(CASE WHEN dur = -1 THEN __tq_end ELSE least(ts + dur, __tq_end) END
      - greatest(ts, __tq_start))::BIGINT AS dur, trace
FROM (
  SELECT start_ts AS __tq_start, start_ts + length_dur AS __tq_end, of_cpu AS __tq_cpu
) AS __tq_given
JOIN thread_state ON cpu = __tq_cpu AND ts < __tq_end AND (dur = -1 OR ts + dur > __tq_start)
GROUP BY state, io_wait, cpu, blocked_function, trace;
