-- What devices do in each repetition of the main loop.

-- Iterations of all tracks with a number, from 0 in each trace, by track and index.
CREATE VIEW _numbered_iteration AS
SELECT
  row_number() OVER (PARTITION BY trace ORDER BY track_id, iteration_index) - 1 AS id,
  track_id, iteration_index, ts, dur, trace
FROM iteration;

-- Busy and idle time of each device in each iteration.
--
--   an iteration from 0 to 10, a kernel from 8 to 12   give   busy_dur 2, idle_dur 8
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
  __tq_iterations AS (SELECT id, ts, dur, trace FROM _numbered_iteration),
  __tq_busy AS (SELECT row_number() OVER () AS id, ts, dur, device_id, trace FROM gpu_busy),
  __tq_met AS (
    SELECT id_0, key AS trace, b.device_id, sum(i.dur)::BIGINT AS busy_dur
    FROM interval_intersect(__tq_iterations, __tq_busy, trace) i
    JOIN __tq_busy b ON b.id = i.id_1
    GROUP BY id_0, key, b.device_id
  )
SELECT
  i.id AS iteration_id, i.track_id, i.iteration_index, i.ts, i.dur, d.device_id,
  coalesce(m.busy_dur, 0) AS busy_dur, i.dur - coalesce(m.busy_dur, 0) AS idle_dur, i.trace
FROM _numbered_iteration i
JOIN (SELECT DISTINCT device_id, trace FROM __tq_busy) d ON d.trace = i.trace
LEFT JOIN __tq_met m
  ON m.trace = i.trace AND m.id_0 = i.id AND m.device_id IS NOT DISTINCT FROM d.device_id;

-- Work of each kind of each device in each iteration: that which begins in it.
--
--   an iteration from 0 to 10, a kernel from 8 to 12   give   kind kernel, count 1, sum_dur 4
--
-- Columns:
--   iteration_id, track_id, iteration_index: the iteration, as in `gpu_busy_per_iteration`.
--   device_id, kind: as in `gpu_op`.
--   count: number of works.
--   sum_dur: their lengths together, ns; it exceeds the iteration where works overlap.
--   bytes: that they moved; null where no work says.
--   trace: name of the trace.
CREATE VIEW gpu_work_per_iteration AS
WITH
  __tq_iterations AS (SELECT * FROM _numbered_iteration WHERE dur > 0),
  __tq_begun AS (
    SELECT g.device_id, g.kind, g.bytes, s.id, s.ts, s.dur, s.trace
    FROM gpu_op g JOIN slice s ON s.id = g.slice_id WHERE s.dur <> -1
  ),
  -- As instants: so that each work is of the iterations that it begins in.
  __tq_instants AS (SELECT id, ts, 0 AS dur, trace FROM __tq_begun),
  __tq_met AS (
    SELECT id_0, id_1, key AS trace FROM interval_intersect(__tq_iterations, __tq_instants, trace)
  )
SELECT
  m.id_0 AS iteration_id, i.track_id, i.iteration_index, w.device_id, w.kind, count(*) AS count,
  sum(w.dur)::BIGINT AS sum_dur, sum(w.bytes)::BIGINT AS bytes, i.trace
FROM __tq_met m
JOIN __tq_begun w ON w.id = m.id_1
JOIN __tq_iterations i ON i.trace = m.trace AND i.id = m.id_0
GROUP BY ALL;

-- Times in an iteration at which a device does nothing, cut at the iteration's ends.
--
--   an iteration from 0 to 10, kernels at 0 (dur 2) and 8 (dur 4)   give   ts 2, dur 6
--
-- Columns:
--   iteration_id, track_id, iteration_index: the iteration, as in `gpu_busy_per_iteration`.
--   device_id: the device.
--   ts, dur: the gap between two works, ns.
--   trace: name of the trace.
CREATE VIEW gpu_idle_gaps_per_iteration AS
WITH
  __tq_iterations AS (SELECT * FROM _numbered_iteration WHERE dur > 0),
  __tq_gaps AS (SELECT row_number() OVER () AS id, ts, dur, device_id, trace FROM gpu_idle_gaps)
SELECT m.id_0 AS iteration_id, i.track_id, i.iteration_index, g.device_id, m.ts, m.dur, i.trace
FROM interval_intersect(__tq_iterations, __tq_gaps, trace) m
JOIN __tq_gaps g ON g.id = m.id_1
JOIN __tq_iterations i ON i.trace = m.key AND i.id = m.id_0;
