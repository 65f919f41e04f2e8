-- How fast copies and fills were.

-- The power of two that a size reaches: 1000 gives 512, 0 gives 0.
--
-- Arguments: size (bytes).
CREATE MACRO _size_class(size) AS
  CASE WHEN size > 0 THEN 1::BIGINT << (length(bin(size::BIGINT)) - 1) ELSE 0 END;

-- Bandwidth of every copy.
--
--   a copy of 100 bytes (dur 10)   gives   bandwidth_bytes_per_s 10e9
--
-- Columns:
--   id, ts, dur (ns), name: the copy.
--   device_id, stream_id, copy_kind, src_memory, dst_memory, bytes: as in `gpu_memcpy`.
--   bandwidth_bytes_per_s: null where the size is not known or the length is 0.
--   launch_slice_id: the call that asked for it.
--   trace: name of the trace.
CREATE VIEW gpu_memcpy_rate AS
SELECT
  id, ts, dur, name, device_id, stream_id, copy_kind, src_memory, dst_memory, bytes,
  1e9 * bytes / nullif(greatest(dur, 0), 0) AS bandwidth_bytes_per_s, launch_slice_id, trace
FROM gpu_memcpy;

-- Bandwidth of copies by direction, kinds of memory and size: small copies are bound by latency,
-- so that only the large ones of a kind show what the link can do.
--
--   htod copies of 1000 bytes (dur 10) and 600 bytes (dur 10)   give   size_bytes 512, count 2,
--   bandwidth_bytes_per_s 80e9
--
-- Columns:
--   copy_kind, src_memory, dst_memory: as in `gpu_memcpy`.
--   size_bytes: the copies have from this many bytes to less than twice as many.
--   count: number of copies.
--   sum_bytes: of all.
--   sum_dur: ns.
--   bandwidth_bytes_per_s: all bytes by all time.
--   min_bytes_per_s, median_bytes_per_s, max_bytes_per_s: of single copies.
--   trace: name of the trace.
CREATE VIEW gpu_memcpy_bandwidth AS
SELECT
  copy_kind, src_memory, dst_memory, _size_class(bytes) AS size_bytes, count(*) AS count,
  sum(bytes)::BIGINT AS sum_bytes, sum(dur)::BIGINT AS sum_dur,
  1e9 * sum(bytes) / sum(dur) AS bandwidth_bytes_per_s,
  min(bandwidth_bytes_per_s) AS min_bytes_per_s,
  median(bandwidth_bytes_per_s) AS median_bytes_per_s,
  max(bandwidth_bytes_per_s) AS max_bytes_per_s, trace
FROM gpu_memcpy_rate WHERE bandwidth_bytes_per_s IS NOT NULL
GROUP BY copy_kind, src_memory, dst_memory, size_bytes, trace
ORDER BY trace, copy_kind, src_memory, dst_memory, size_bytes;
