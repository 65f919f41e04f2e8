-- What devices did, by name: kernels, copies, fills, and waits for them.

-- Work of devices that ended, with its name and device.
CREATE VIEW _gpu_named_work AS
SELECT
  g.slice_id, g.kind, g.device_id, g.stream_id, g.copy_kind, g.src_memory, g.dst_memory, g.bytes,
  s.name, s.name_id, s.ts, s.dur, s.trace
FROM gpu_op g JOIN slice s ON s.id = g.slice_id WHERE s.dur <> -1;

-- Kernels by name, the longest in total first.
--
--   kernels a (dur 10), a (dur 20), b (dur 10)   give   a: count 2, sum_dur 30, ratio 0.75
--
-- Columns:
--   name, name_id: the kernel.
--   count: how often it ran.
--   sum_dur, avg_dur, min_dur, median_dur, max_dur: over its runs, ns.
--   stddev_dur: of a sample (n - 1), ns; null of one run.
--   ratio: share of the time of all kernels of the trace.
--   trace: name of the trace.
CREATE VIEW gpu_kernel_summary AS
SELECT
  name, name_id, count(*) AS count, sum(dur)::BIGINT AS sum_dur, avg(dur) AS avg_dur,
  min(dur) AS min_dur, median(dur) AS median_dur, max(dur) AS max_dur,
  stddev_samp(dur) AS stddev_dur,
  sum(dur) / nullif(sum(sum(dur)) OVER (PARTITION BY trace), 0) AS ratio, trace
FROM _gpu_named_work WHERE kind = 'kernel'
GROUP BY name, name_id, trace ORDER BY trace, sum_dur DESC, name;

-- Copies by direction and kinds of memory, the longest in total first.
--
--   htod copies of 100 bytes (dur 10) and 300 bytes (dur 10)   give   count 2, sum_bytes 400,
--   bandwidth_bytes_per_s 20e9
--
-- Columns:
--   copy_kind, src_memory, dst_memory: as in `gpu_memcpy`.
--   count: number of copies.
--   sum_dur, avg_dur, min_dur, median_dur, max_dur: over the copies, ns.
--   sum_bytes, min_bytes, median_bytes, max_bytes: over the copies whose size is known.
--   bandwidth_bytes_per_s: bytes of the copies of known size and length, by their time together.
--   ratio: share of the time of all copies of the trace.
--   trace: name of the trace.
CREATE VIEW gpu_memcpy_summary AS
SELECT
  copy_kind, src_memory, dst_memory, count(*) AS count, sum(dur)::BIGINT AS sum_dur,
  avg(dur) AS avg_dur, min(dur) AS min_dur, median(dur) AS median_dur, max(dur) AS max_dur,
  sum(bytes)::BIGINT AS sum_bytes, min(bytes) AS min_bytes, median(bytes) AS median_bytes,
  max(bytes) AS max_bytes,
  1e9 * sum(bytes) FILTER (WHERE dur > 0)
    / sum(dur) FILTER (WHERE dur > 0 AND bytes IS NOT NULL) AS bandwidth_bytes_per_s,
  sum(dur) / nullif(sum(sum(dur)) OVER (PARTITION BY trace), 0) AS ratio, trace
FROM _gpu_named_work WHERE kind = 'memcpy'
GROUP BY copy_kind, src_memory, dst_memory, trace
ORDER BY trace, sum_dur DESC, copy_kind, src_memory, dst_memory;

-- Fills by kind of memory, the longest in total first.
--
--   fills of 100 bytes (dur 10) and 300 bytes (dur 10)   give   count 2, sum_bytes 400
--
-- Columns:
--   dst_memory: kind of the memory that is filled; null where the tool does not say.
--   count: number of fills.
--   sum_dur, avg_dur, min_dur, median_dur, max_dur: over the fills, ns.
--   sum_bytes, min_bytes, median_bytes, max_bytes: over the fills whose size is known.
--   bandwidth_bytes_per_s: as in `gpu_memcpy_summary`.
--   ratio: share of the time of all fills of the trace.
--   trace: name of the trace.
CREATE VIEW gpu_memset_summary AS
SELECT
  dst_memory, count(*) AS count, sum(dur)::BIGINT AS sum_dur,
  avg(dur) AS avg_dur, min(dur) AS min_dur, median(dur) AS median_dur, max(dur) AS max_dur,
  sum(bytes)::BIGINT AS sum_bytes, min(bytes) AS min_bytes, median(bytes) AS median_bytes,
  max(bytes) AS max_bytes,
  1e9 * sum(bytes) FILTER (WHERE dur > 0)
    / sum(dur) FILTER (WHERE dur > 0 AND bytes IS NOT NULL) AS bandwidth_bytes_per_s,
  sum(dur) / nullif(sum(sum(dur)) OVER (PARTITION BY trace), 0) AS ratio, trace
FROM _gpu_named_work WHERE kind = 'memset'
GROUP BY dst_memory, trace ORDER BY trace, sum_dur DESC, dst_memory;

-- Waits for devices by name, the longest in total first: those of `gpu_sync` that ended.
--
--   two waits "Stream Synchronize" (dur 10 and 20)   give   count 2, sum_dur 30
--
-- Columns:
--   name, name_id: the kind of wait.
--   count: how often.
--   sum_dur, avg_dur, min_dur, median_dur, max_dur: over the waits, ns.
--   ratio: share of the time of all waits of the trace.
--   trace: name of the trace.
CREATE VIEW gpu_sync_summary AS
SELECT
  name, name_id, count(*) AS count, sum(dur)::BIGINT AS sum_dur, avg(dur) AS avg_dur,
  min(dur) AS min_dur, median(dur) AS median_dur, max(dur) AS max_dur,
  sum(dur) / nullif(sum(sum(dur)) OVER (PARTITION BY trace), 0) AS ratio, trace
FROM gpu_sync WHERE dur <> -1
GROUP BY name, name_id, trace ORDER BY trace, sum_dur DESC, name;

-- How much each device worked, from the start of its first work to the end of its last.
--
--   kernels at 0 (dur 10), 5 (dur 10) and 20 (dur 5)   give   span_dur 25, busy_dur 20, idle_dur 5
--
-- Columns:
--   device_id: the device.
--   ts: start of its first work, ns.
--   span_dur: from there to the end of its last work, ns.
--   busy_dur: time with at least one work, ns.
--   idle_dur: the rest, ns.
--   busy_ratio: busy_dur by span_dur.
--   sum_dur: lengths of all works together, ns; more than busy_dur where works overlap.
--   kernel_count, memcpy_count, memset_count: numbers of works.
--   trace: name of the trace.
CREATE VIEW gpu_device_summary AS
WITH
  __tq_works AS (
    SELECT
      device_id, trace, min(ts) AS ts, max(ts + dur) - min(ts) AS span_dur,
      sum(dur)::BIGINT AS sum_dur, count(*) FILTER (WHERE kind = 'kernel') AS kernel_count,
      count(*) FILTER (WHERE kind = 'memcpy') AS memcpy_count,
      count(*) FILTER (WHERE kind = 'memset') AS memset_count
    FROM _gpu_named_work GROUP BY device_id, trace
  ),
  __tq_covered AS (
    SELECT device_id, trace, sum(dur)::BIGINT AS busy_dur FROM gpu_busy GROUP BY device_id, trace
  )
SELECT
  w.device_id, w.ts, w.span_dur, coalesce(c.busy_dur, 0) AS busy_dur,
  w.span_dur - coalesce(c.busy_dur, 0) AS idle_dur,
  coalesce(c.busy_dur, 0) / nullif(w.span_dur, 0) AS busy_ratio, w.sum_dur, w.kernel_count,
  w.memcpy_count, w.memset_count, w.trace
FROM __tq_works w
LEFT JOIN __tq_covered c ON c.trace = w.trace AND c.device_id IS NOT DISTINCT FROM w.device_id
ORDER BY w.trace, w.device_id;
