-- Clocks of CPUs.

-- Intervals of constant frequency of each CPU.
--
-- Columns:
--   id: of the first value of the interval, in `counter`.
--   track_id: the series.
--   ts, dur: ns; the last one of a track ends with its trace.
--   freq: in the unit of the track, kHz on Linux.
--   cpu, ucpu: the CPU.
--   trace: name of the trace.
CREATE VIEW cpu_frequency_counters AS
WITH
  __tq_values AS (
    SELECT
      c.id, c.track_id, c.ts, c.value, t.cpu, c.trace,
      lag(c.value) OVER (PARTITION BY c.track_id ORDER BY c.ts, c.id) AS before
    FROM counter c JOIN cpu_counter_track t ON t.id = c.track_id
    WHERE lower(t.name) IN ('cpufreq', 'cpu_frequency', 'freq', 'frequency', 'scaling_cur_freq')
  ),
  __tq_changes AS (SELECT * FROM __tq_values WHERE value IS DISTINCT FROM before)
SELECT
  v.id, v.track_id, v.ts,
  lead(v.ts, 1, b.end_ts) OVER (PARTITION BY v.track_id ORDER BY v.ts, v.id) - v.ts AS dur,
  v.value AS freq, v.cpu, u.ucpu, v.trace
FROM __tq_changes v
JOIN trace_bounds b ON b.trace = v.trace
LEFT JOIN cpu u ON u.trace = v.trace AND u.cpu = v.cpu;
