-- When devices work, and when not.

-- Times at which a device does something: the union of its kernels, copies, fills and graphs.
--
--   kernels at 0 (dur 10) and 5 (dur 10)   give   ts 0, dur 15
--
-- Columns:
--   device_id: the device.
--   ts, dur: ns.
--   trace: name of the trace.
CREATE VIEW gpu_busy AS
WITH
  __tq_work AS (
    SELECT s.ts, s.dur, g.device_id, s.trace
    FROM gpu_op g JOIN slice s ON s.id = g.slice_id WHERE s.dur <> -1
  )
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
-- Columns:
--   device_id: the device.
--   ts: from when on, ns.
--   value: the number.
--   trace: name of the trace.
CREATE VIEW gpu_concurrency AS
WITH
  __tq_work AS (
    SELECT s.ts, s.dur, g.device_id, s.trace
    FROM gpu_op g JOIN slice s ON s.id = g.slice_id WHERE s.dur <> -1
  )
SELECT group_name.device_id AS device_id, ts, value, group_name.trace AS trace
FROM intervals_overlap_count_by_group(
  __tq_work, ts, dur, {'device_id': device_id, 'trace': trace});
