-- How busy CPUs are.

-- Share of CPU time at work, in steps of a given length from the first instant of each trace on.
--
--   one CPU of two busy from 0 to 5, a period of 10   gives   utilization 0.25
--
-- Arguments:
--   period: length of a step, ns.
-- Columns:
--   ts: start of the step, ns.
--   utilization: work over the time of all CPUs of the trace, 0 to 1.
--   unnormalized_utilization: work over time, 0 to the number of CPUs.
--   trace: name of the trace.
CREATE MACRO cpu_utilization_per_period(period) AS TABLE
WITH
  __tq_runs AS (
    SELECT ts, ts_end AS te, trace FROM sched_at_work
  ),
  __tq_steps AS (
    SELECT
      b.start_ts + k * period AS ts, least(b.start_ts + (k + 1) * period, b.end_ts) AS te, b.trace
    FROM trace_bounds b, range((b.end_ts - b.start_ts + period - 1) // period) AS steps(k)
  ),
  -- A run is cut at the steps it crosses, so this is an equality join and no range join.
  __tq_parts AS (
    SELECT
      k, r.trace,
      least(r.te, b.start_ts + (k + 1) * period) - greatest(r.ts, b.start_ts + k * period) AS work
    FROM __tq_runs r JOIN trace_bounds b ON b.trace = r.trace,
      range((r.ts - b.start_ts) // period, (r.te - 1 - b.start_ts) // period + 1) AS cut(k)
  ),
  __tq_work AS (SELECT k, trace, sum(work)::BIGINT AS work FROM __tq_parts GROUP BY k, trace),
  __tq_cpus AS (SELECT trace, count(DISTINCT cpu) AS cpus FROM sched GROUP BY trace)
SELECT
  s.ts::BIGINT AS ts, coalesce(w.work, 0) / ((s.te - s.ts) * c.cpus)::DOUBLE AS utilization,
  coalesce(w.work, 0) / (s.te - s.ts)::DOUBLE AS unnormalized_utilization, s.trace
FROM __tq_steps s
JOIN __tq_cpus c ON c.trace = s.trace
JOIN trace_bounds b ON b.trace = s.trace
LEFT JOIN __tq_work w ON w.trace = s.trace AND w.k = (s.ts - b.start_ts) // period
ORDER BY s.trace, s.ts;

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
FROM __tq_given, (SELECT trace, count(DISTINCT cpu) AS cpus FROM sched GROUP BY trace) c
LEFT JOIN __tq_part w ON w.trace = c.trace;
