-- Clocks of CPUs.

-- Intervals of constant frequency of each CPU.
--
--   values 1000 at 0, 1000 at 5, 2000 at 10   give   freq 1000 (ts 0, dur 10), 2000 (ts 10, …)
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
  __tq_clock AS (
    SELECT c.id, c.ts, c.track_id, c.value
    FROM counter c JOIN cpu_counter_track t ON t.id = c.track_id
    WHERE lower(t.name) IN ('cpufreq', 'cpu_frequency', 'freq', 'frequency', 'scaling_cur_freq')
  )
SELECT
  i.id, i.track_id, i.ts, i.dur, i.value::BIGINT AS freq, t.cpu, u.ucpu, t.trace
FROM counter_leading_intervals(__tq_clock) i
JOIN cpu_counter_track t ON t.id = i.track_id
LEFT JOIN cpu u ON u.trace = t.trace AND u.cpu = t.cpu;
