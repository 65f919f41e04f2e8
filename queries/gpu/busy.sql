-- When devices work, and when not.

-- Work of devices that ended, with its device.
CREATE VIEW _gpu_work AS
SELECT s.ts, s.dur, g.device_id, s.trace
FROM gpu_op g JOIN slice s ON s.id = g.slice_id WHERE s.dur <> -1;

-- Times at which a device does something: the union of its kernels, copies, fills and graphs.
--
--   kernels at 0 (dur 10) and 5 (dur 10)   give   ts 0, dur 15
--
-- Columns:
--   device_id: the device.
--   ts, dur: ns.
--   trace: name of the trace.
CREATE VIEW gpu_busy AS
WITH __tq_work AS (SELECT ts, dur, device_id, trace FROM _gpu_work)
SELECT key.device_id AS device_id, ts, dur, key.trace AS trace
FROM interval_union(__tq_work, {'device_id': device_id, 'trace': trace});

-- Times between two works at which a device does nothing.
--
--   busy at 0 (dur 10) and 12 (dur 5)   give   ts 10, dur 2
--
-- Columns:
--   device_id: the device.
--   ts, dur: the gap, ns.
--   trace: name of the trace.
CREATE VIEW gpu_idle_gaps AS
WITH __tq_busy AS (SELECT ts, dur, device_id, trace FROM gpu_busy)
SELECT key.device_id AS device_id, ts, dur, key.trace AS trace
FROM interval_gaps(__tq_busy, {'device_id': device_id, 'trace': trace});

-- How many works a device does at once, from each time on at which one starts or ends.
--
--   kernels at 0 (dur 10) and 5 (dur 10)   give   1 from 0, 2 from 5, 1 from 10, 0 from 15
--
-- Columns:
--   device_id: the device.
--   ts: from when on, ns.
--   value: the number.
--   trace: name of the trace.
CREATE VIEW gpu_concurrency AS
WITH __tq_work AS (SELECT ts, dur, device_id, trace FROM _gpu_work)
SELECT group_name.device_id AS device_id, ts, value, group_name.trace AS trace
FROM intervals_overlap_count_by_group(
  __tq_work, ts, dur, {'device_id': device_id, 'trace': trace});

-- How long each device did how many works at once, from its first work to its last.
--
--   kernels at 0 (dur 10) and 5 (dur 10)   give   1 for 10 ns, 2 for 5 ns
--
-- Columns:
--   device_id: the device.
--   concurrency: number of works at once; 0 is idle.
--   dur: how long, ns.
--   ratio: share of the time from its first work to its last.
--   trace: name of the trace.
CREATE VIEW gpu_time_by_concurrency AS
SELECT
  device_id, value AS concurrency, sum(dur)::BIGINT AS dur,
  sum(dur) / sum(sum(dur)) OVER (PARTITION BY device_id, trace) AS ratio, trace
FROM (
  SELECT
    device_id, value, trace, lead(ts) OVER (PARTITION BY device_id, trace ORDER BY ts) - ts AS dur
  FROM gpu_concurrency
)
WHERE dur > 0 GROUP BY device_id, value, trace;
