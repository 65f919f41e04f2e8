-- What devices do in each repetition of the main loop.

-- Busy and idle time of each device in each iteration.
--
-- Columns:
--   iteration_id: place in `iteration`, by trace, track and index.
--   track_id, iteration_index: the iteration.
--   ts, dur: of the iteration, ns.
--   device_id: the device.
--   busy_dur, idle_dur: time at work and not, ns; they add up to dur.
--   trace: name of the trace.
CREATE VIEW gpu_busy_per_iteration AS
WITH
  __tq_iterations AS (
    SELECT
      row_number() OVER (PARTITION BY trace ORDER BY track_id, iteration_index) - 1 AS id,
      track_id, iteration_index, ts, dur, trace
    FROM iteration
  ),
  __tq_busy AS (
    SELECT row_number() OVER () AS id, ts, dur, device_id, trace FROM gpu_busy
  ),
  __tq_met AS (
    SELECT id_0, key AS trace, b.device_id, sum(i.dur)::BIGINT AS busy_dur
    FROM interval_intersect(__tq_iterations, __tq_busy, trace) i
    JOIN __tq_busy b ON b.id = i.id_1
    GROUP BY id_0, key, b.device_id
  )
SELECT
  i.id AS iteration_id, i.track_id, i.iteration_index, i.ts, i.dur, d.device_id,
  coalesce(m.busy_dur, 0) AS busy_dur, i.dur - coalesce(m.busy_dur, 0) AS idle_dur, i.trace
FROM __tq_iterations i
JOIN (SELECT DISTINCT device_id, trace FROM __tq_busy) d ON d.trace = i.trace
LEFT JOIN __tq_met m
  ON m.trace = i.trace AND m.id_0 = i.id AND m.device_id IS NOT DISTINCT FROM d.device_id;
