-- How busy CPUs are.

-- Number of CPUs of each trace: the highest one that worked, and those below it.
CREATE VIEW _cpu_counts AS
SELECT trace, max(cpu) + 1 AS cpus FROM sched GROUP BY trace;

-- Time at work of some spans in steps of a given length, counted from ts 0 on.
CREATE MACRO _utilization_per_period(work, period) AS TABLE
WITH
  -- A span is cut at the steps that it crosses, so this is no range join.
  __tq_parts AS (
    SELECT
      k * period::BIGINT AS __tq_ts, period::BIGINT AS __tq_step, w.trace,
      least(w.ts_end, (k + 1) * period::BIGINT) - greatest(w.ts, k * period::BIGINT) AS __tq_work
    FROM query_table(work) w,
      range(w.ts // period::BIGINT, (w.ts_end - 1) // period::BIGINT + 1) AS cut(k)
  )
SELECT
  p.__tq_ts AS ts, sum(p.__tq_work)::BIGINT / (p.__tq_step * c.cpus)::DOUBLE AS utilization,
  sum(p.__tq_work)::BIGINT / p.__tq_step::DOUBLE AS unnormalized_utilization, p.trace
FROM __tq_parts p JOIN _cpu_counts c ON c.trace = p.trace
GROUP BY p.trace, p.__tq_ts, p.__tq_step, c.cpus ORDER BY p.trace, p.__tq_ts;

-- Share of CPU time at work, in steps of a given length; as in Perfetto, a step begins at a multiple
-- of its length, and one without work is left out. The first and the last step may hold less than
-- the trace would show if it were longer.
--
--   one CPU busy from 0 to 5, CPU 1 never, a period of 10   gives   utilization 0.25 at ts 0
--
-- Arguments:
--   period: length of a step, ns.
-- Columns:
--   ts: start of the step, ns.
--   utilization: work over the time of all CPUs of the trace, 0 to 1.
--   unnormalized_utilization: work over time, 0 to the number of CPUs.
--   trace: name of the trace.
CREATE MACRO cpu_utilization_per_period(period) AS TABLE
WITH __tq_runs AS (SELECT ts, ts_end, trace FROM sched_at_work)
SELECT * FROM _utilization_per_period(__tq_runs, period);

-- Share of CPU time at work, second by second (as cpu_utilization_per_period).
--
-- Columns: ts (ns), utilization, unnormalized_utilization; trace.
CREATE VIEW cpu_utilization_per_second AS
SELECT * FROM cpu_utilization_per_period(1000000000);

-- Share of CPU time at work within an interval.
--
--   one CPU of two busy from 0 to 5, (0, 10)   gives   utilization 25, unnormalized 50
--
-- Arguments:
--   from_ts: where the interval begins, ns.
--   length_dur: its length, ns.
-- Columns:
--   awake_dur: time at work, of all CPUs together, ns.
--   awake_utilization: that over the time of all CPUs of the trace, in percent.
--   awake_unnormalized_utilization: that over the length, in percent.
--   trace: name of the trace.
CREATE MACRO cpu_utilization_in_interval(from_ts, length_dur) AS TABLE
WITH
  __tq_given AS (SELECT from_ts AS __tq_from, from_ts + length_dur AS __tq_end),
  __tq_part AS (
    SELECT trace, sum(least(ts_end, __tq_end) - greatest(ts, __tq_from))::BIGINT AS work
    FROM __tq_given JOIN sched_at_work ON ts < __tq_end AND ts_end > __tq_from GROUP BY trace
  )
SELECT
  coalesce(w.work, 0) AS awake_dur,
  round(100.0 * coalesce(w.work, 0) / ((__tq_end - __tq_from) * c.cpus), 2) AS awake_utilization,
  round(100.0 * coalesce(w.work, 0) / (__tq_end - __tq_from), 2)
    AS awake_unnormalized_utilization,
  c.trace
FROM __tq_given CROSS JOIN _cpu_counts c
LEFT JOIN __tq_part w ON w.trace = c.trace;

-- Share of CPU time that a process was at work (as cpu_utilization_per_period).
--
-- Arguments:
--   period: as of cpu_utilization_per_period.
--   of_upid: the process.
-- Columns: those of `cpu_utilization_per_period`.
CREATE MACRO cpu_process_utilization_per_period(period, of_upid) AS TABLE
WITH
  __tq_runs AS (
    SELECT w.ts, w.ts_end, w.trace
    FROM (SELECT of_upid AS __tq_upid) AS __tq_given
    JOIN thread t ON t.upid = __tq_upid
    JOIN sched_at_work w ON w.utid = t.utid
  )
SELECT * FROM _utilization_per_period(__tq_runs, period);

-- Share of CPU time that a process was at work, second by second.
--
-- Arguments:
--   of_upid: the process.
-- Columns: those of `cpu_utilization_per_period`.
CREATE MACRO cpu_process_utilization_per_second(of_upid) AS TABLE
SELECT * FROM cpu_process_utilization_per_period(1000000000, of_upid);

-- Share of CPU time that a thread was at work (as cpu_utilization_per_period).
--
-- Arguments:
--   period: as of cpu_utilization_per_period.
--   of_utid: the thread.
-- Columns: those of `cpu_utilization_per_period`.
CREATE MACRO cpu_thread_utilization_per_period(period, of_utid) AS TABLE
WITH
  __tq_runs AS (
    SELECT w.ts, w.ts_end, w.trace
    FROM (SELECT of_utid AS __tq_utid) AS __tq_given JOIN sched_at_work w ON w.utid = __tq_utid
  )
SELECT * FROM _utilization_per_period(__tq_runs, period);

-- Share of CPU time that a thread was at work, second by second.
--
-- Arguments:
--   of_utid: the thread.
-- Columns: those of `cpu_utilization_per_period`.
CREATE MACRO cpu_thread_utilization_per_second(of_utid) AS TABLE
SELECT * FROM cpu_thread_utilization_per_period(1000000000, of_utid);

-- Shares of CPU time of threads within an interval, added up for each key.
CREATE MACRO _shares_in_interval(from_ts, length_dur) AS TABLE
SELECT
  w.utid, t.upid, w.trace, __tq_end - __tq_from AS length, c.cpus,
  least(w.ts_end, __tq_end) - greatest(w.ts, __tq_from) AS work
FROM (SELECT from_ts AS __tq_from, from_ts + length_dur AS __tq_end) AS __tq_given
JOIN sched_at_work w ON w.ts < __tq_end AND w.ts_end > __tq_from
JOIN thread t ON t.utid = w.utid
JOIN _cpu_counts c ON c.trace = w.trace;

-- Share of CPU time of each process within an interval.
--
-- Arguments:
--   from_ts: where the interval begins, ns.
--   length_dur: its length, ns.
-- Columns:
--   upid, process_name: the process.
--   awake_dur: its time at work, ns.
--   awake_utilization: that over the time of all CPUs of the trace, in percent.
--   awake_unnormalized_utilization: that over the length, in percent.
--   trace: name of the trace.
CREATE MACRO cpu_process_utilization_in_interval(from_ts, length_dur) AS TABLE
SELECT
  p.upid, p.name AS process_name, sum(s.work)::BIGINT AS awake_dur,
  round(100.0 * sum(s.work) / any_value(s.length * s.cpus), 6) AS awake_utilization,
  round(100.0 * sum(s.work) / any_value(s.length), 6) AS awake_unnormalized_utilization, p.trace
FROM _shares_in_interval(from_ts, length_dur) s JOIN process p ON p.upid = s.upid
GROUP BY p.upid, p.name, p.trace ORDER BY p.upid;

-- Share of CPU time of each thread within an interval.
--
-- Arguments:
--   from_ts: as of cpu_process_utilization_in_interval.
--   length_dur: as of cpu_process_utilization_in_interval.
-- Columns:
--   utid, thread_name: the thread.
--   awake_dur, awake_utilization, awake_unnormalized_utilization: as of
--     cpu_process_utilization_in_interval.
--   trace: name of the trace.
CREATE MACRO cpu_thread_utilization_in_interval(from_ts, length_dur) AS TABLE
SELECT
  t.utid, t.name AS thread_name, sum(s.work)::BIGINT AS awake_dur,
  round(100.0 * sum(s.work) / any_value(s.length * s.cpus), 6) AS awake_utilization,
  round(100.0 * sum(s.work) / any_value(s.length), 6) AS awake_unnormalized_utilization, t.trace
FROM _shares_in_interval(from_ts, length_dur) s JOIN thread t ON t.utid = s.utid
GROUP BY t.utid, t.name, t.trace ORDER BY t.utid;
