-- What the reports of `nsys stats` have in common.

-- Durations by label: total, mean, median, extremes, deviation, share.
CREATE MACRO _nsys_durations(rows_of) AS TABLE
SELECT
  label, round(100 * sum(dur) / nullif(sum(sum(dur)) OVER (PARTITION BY trace), 0), 1) AS ratio,
  sum(dur)::BIGINT AS total, count(*) AS count, round(avg(dur), 1) AS avg,
  round(median(dur), 1) AS med, min(dur) AS min, max(dur) AS max,
  round(coalesce(stddev_samp(dur), 0), 1) AS stddev, trace
FROM query_table(rows_of) GROUP BY label, trace;

-- Slices of the host with the numbers of their process and thread.
CREATE VIEW _nsys_call AS
SELECT
  s.id, s.ts, s.dur, s.name, s.category, s.args, s.correlation_id, s.track_id, s.depth,
  k.utid, k.upid, p.pid, h.tid, h.name AS thread_name, s.trace
FROM slice s
JOIN track k ON k.id = s.track_id
LEFT JOIN process p ON p.upid = k.upid
LEFT JOIN thread h ON h.utid = k.utid;

-- How a copy or fill is called in the reports.
CREATE MACRO _nsys_operation(kind, copy_kind, name) AS
CASE
  WHEN kind = 'memset' THEN '[CUDA memset]'
  WHEN copy_kind = 'htod' THEN '[CUDA memcpy Host-to-Device]'
  WHEN copy_kind = 'dtoh' THEN '[CUDA memcpy Device-to-Host]'
  WHEN copy_kind = 'dtod' THEN '[CUDA memcpy Device-to-Device]'
  WHEN copy_kind = 'htoh' THEN '[CUDA memcpy Host-to-Host]'
  WHEN copy_kind = 'ptop' THEN '[CUDA memcpy Peer-to-Peer]'
  WHEN copy_kind = 'uvm_htod' THEN '[CUDA Unified Memory memcpy HtoD]'
  WHEN copy_kind = 'uvm_dtoh' THEN '[CUDA Unified Memory memcpy DtoH]'
  WHEN copy_kind = 'uvm_dtod' THEN '[CUDA Unified Memory memcpy DtoD]'
  ELSE '[' || name || ']'
END;

-- Kernels, copies and fills with what the reports say of them; graphs that are traced as a whole
-- count as kernels do.
CREATE VIEW _nsys_work AS
SELECT
  s.id, s.ts, s.dur, s.args, s.correlation_id, g.kind, g.device_id, g.context_id, g.stream_id,
  g.launch_slice_id, g.bytes, g.src_memory, g.dst_memory, g.grid_x, g.grid_y, g.grid_z,
  g.block_x, g.block_y, g.block_z, g.registers_per_thread, g.static_shared_bytes,
  g.dynamic_shared_bytes,
  CASE WHEN g.kind IN ('memcpy', 'memset') THEN _nsys_operation(g.kind, g.copy_kind, s.name)
    ELSE s.name END AS name,
  CASE WHEN g.kind IN ('memcpy', 'memset') THEN 'MEMORY_OPER' ELSE 'CUDA_KERNEL' END AS category,
  printf('%4d %4d %4d', g.grid_x, g.grid_y, g.grid_z) AS grid,
  printf('%4d %4d %4d', g.block_x, g.block_y, g.block_z) AS block, s.trace
FROM gpu_op g JOIN slice s ON s.id = g.slice_id WHERE s.dur <> -1;
