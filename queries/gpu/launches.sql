-- From the call that asks for work to the work: how long each phase takes.

-- Phases of each work whose call is known: the call itself, waiting in the queue, the work.
--
--   a call at 0 (dur 10) launches a kernel at 25 (dur 5)   gives   api_dur 10, queue_dur 15,
--   dur 5, total_dur 30
--
-- The device may begin before the call returns: then the work waited in no queue.
--
-- Columns:
--   id, ts, dur (ns), name, name_id: the work.
--   kind, device_id, context_id, stream_id: as in `gpu_op`.
--   api_id, api_name, api_ts, api_dur: the call (ns).
--   upid, utid: process and thread of the call.
--   queue_ts, queue_dur: from the end of the call to the start of the work, ns; null where the
--     work starts before the call returns.
--   delay_dur: from the end of the call to the start of the work, ns; 0 where it starts earlier.
--   total_dur: from the start of the call to the end of what ends last, ns.
--   trace: name of the trace.
CREATE VIEW gpu_launch AS
SELECT
  s.id, s.ts, s.dur, s.name, s.name_id, g.kind, g.device_id, g.context_id, g.stream_id,
  a.id AS api_id, a.name AS api_name, a.ts AS api_ts, a.dur AS api_dur, k.upid, k.utid,
  CASE WHEN s.ts > a.ts + a.dur THEN a.ts + a.dur END AS queue_ts,
  CASE WHEN s.ts > a.ts + a.dur THEN s.ts - (a.ts + a.dur) END AS queue_dur,
  greatest(s.ts - (a.ts + a.dur), 0) AS delay_dur,
  greatest(s.ts + s.dur, a.ts + a.dur) - a.ts AS total_dur, s.trace
FROM gpu_op g
JOIN slice s ON s.id = g.slice_id
JOIN slice a ON a.id = g.launch_slice_id
LEFT JOIN track k ON k.id = a.track_id
WHERE s.dur <> -1 AND a.dur <> -1;

-- Phases of kernels by thread, device, call and kernel, the longest in total first.
--
--   two launches of k: api_dur 10 and 20, queue_dur 15 and none   give   count 2, queue_count 1,
--   sum_api_dur 30, sum_queue_dur 15
--
-- Columns:
--   upid, utid: process and thread of the calls.
--   device_id: the device.
--   api_name, name: call and kernel.
--   count, queue_count: number of launches, and of those that waited in the queue.
--   sum_total_dur, avg_total_dur, min_total_dur, median_total_dur, max_total_dur: ns.
--   sum_api_dur, avg_api_dur, min_api_dur, median_api_dur, max_api_dur: of the calls, ns.
--   sum_queue_dur, avg_queue_dur, min_queue_dur, median_queue_dur, max_queue_dur: of the waits in
--     the queue, ns; null where there was none.
--   sum_dur, avg_dur, min_dur, median_dur, max_dur: of the kernels, ns.
--   trace: name of the trace.
CREATE VIEW gpu_launch_summary AS
SELECT
  upid, utid, device_id, api_name, name, count(*) AS count, count(queue_dur) AS queue_count,
  sum(total_dur)::BIGINT AS sum_total_dur, avg(total_dur) AS avg_total_dur,
  min(total_dur) AS min_total_dur, median(total_dur) AS median_total_dur,
  max(total_dur) AS max_total_dur,
  sum(api_dur)::BIGINT AS sum_api_dur, avg(api_dur) AS avg_api_dur, min(api_dur) AS min_api_dur,
  median(api_dur) AS median_api_dur, max(api_dur) AS max_api_dur,
  sum(queue_dur)::BIGINT AS sum_queue_dur, avg(queue_dur) AS avg_queue_dur,
  min(queue_dur) AS min_queue_dur, median(queue_dur) AS median_queue_dur,
  max(queue_dur) AS max_queue_dur,
  sum(dur)::BIGINT AS sum_dur, avg(dur) AS avg_dur, min(dur) AS min_dur,
  median(dur) AS median_dur, max(dur) AS max_dur, trace
FROM gpu_launch WHERE kind = 'kernel'
GROUP BY upid, utid, device_id, api_name, name, trace
ORDER BY trace, sum_total_dur DESC, api_name, name, upid, utid, device_id;

-- How many works of each stream were launched and had not begun, at every time at which that
-- changes. Works whose call is not known are not counted.
--
--   calls at 0 and 2 launch works that begin at 5 and 9   give   1 from 0, 2 from 2, 1 from 5,
--   0 from 9
--
-- Columns:
--   device_id, stream_id: the stream.
--   ts: from when on, ns.
--   value: the number.
--   trace: name of the trace.
CREATE VIEW gpu_queue_length AS
WITH __tq_waits AS (
  SELECT api_ts AS ts, greatest(ts - api_ts, 0) AS dur, device_id, stream_id, trace FROM gpu_launch
)
SELECT
  group_name.device_id AS device_id, group_name.stream_id AS stream_id, ts, value,
  group_name.trace AS trace
FROM intervals_overlap_count_by_group(
  __tq_waits, ts, dur, {'device_id': device_id, 'stream_id': stream_id, 'trace': trace});
