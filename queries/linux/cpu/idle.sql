-- Idle states of CPUs.

-- Intervals of constant idle state of each CPU: of its counter tracks named `cpuidle`.
--
--   values 1 at 0, 4294967295 at 10   give   idle 1 (ts 0, dur 10), idle -1 (ts 10, …)
--
-- Columns:
--   id: of the first value of the interval, in `counter`.
--   track_id: the series.
--   ts, dur: ns; the last one of a track ends with its trace.
--   idle: the state; -1 is at work, and the larger the deeper.
--   cpu: the CPU.
--   trace: name of the trace.
CREATE VIEW cpu_idle_counters AS
WITH
  __tq_idle AS (
    SELECT c.id, c.ts, c.track_id, c.value
    FROM counter c JOIN cpu_counter_track t ON t.id = c.track_id
    WHERE lower(t.name) IN ('cpuidle', 'cpu_idle') AND c.value IS NOT NULL
  )
SELECT
  i.id, i.track_id, i.ts, i.dur,
  CASE WHEN i.value = 4294967295 THEN -1 ELSE i.value::BIGINT END AS idle, t.cpu, t.trace
FROM counter_leading_intervals(__tq_idle) i JOIN cpu_counter_track t ON t.id = i.track_id;

-- How often and how long each CPU was in each idle state.
--
-- Columns:
--   cpu: the CPU.
--   state: the idle state plus 1, so that 1 is the lightest.
--   count: how often it was entered.
--   dur: time in it, ns; avg_dur: that over count.
--   idle_percent: share of the time that is known of the CPU.
--   trace: name of the trace.
CREATE VIEW cpu_idle_stats AS
SELECT
  cpu, idle + 1 AS state, count, dur, dur // count AS avg_dur, 100.0 * dur / total AS idle_percent,
  trace
FROM (
  SELECT
    cpu, idle, trace, count(*) AS count, sum(dur)::BIGINT AS dur,
    (sum(sum(dur)) OVER (PARTITION BY trace, cpu))::BIGINT AS total
  FROM cpu_idle_counters GROUP BY cpu, idle, trace
)
WHERE idle >= 0;
