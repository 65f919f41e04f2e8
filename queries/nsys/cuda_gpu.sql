-- Reports of `nsys stats` on the work of devices.

-- Kernels by name.
--
-- Also called: gpukernsum.
--
--   "a" (dur 10), "a" (dur 20), "b" (dur 10)   give   a: 75.0 %, 30 ns, 2 times
--
-- Columns:
--   Time (%): share of the total time of the report, to one decimal.
--   Total Time (ns), Instances, Avg (ns), Med (ns), Min (ns), Max (ns), StdDev (ns): over
--     durations; the deviation is that of a sample, 0 of one.
--   Name: what was summed.
--   trace: name of the trace.
CREATE VIEW nsys_cuda_gpu_kern_sum AS
WITH __tq_timed AS (
  SELECT name AS label, dur, trace FROM _nsys_work WHERE kind = 'kernel'
)
SELECT
  ratio AS "Time (%)", total AS "Total Time (ns)", count AS "Instances", avg AS "Avg (ns)",
  med AS "Med (ns)", min AS "Min (ns)", max AS "Max (ns)", stddev AS "StdDev (ns)",
  label AS "Name", trace
FROM _nsys_durations(__tq_timed) ORDER BY trace, total DESC, label;

-- Kernels by name, grid and block.
--
-- Also called: gpukerngbsum.
--
--   "a" on a grid of 1 and "a" on a grid of 2   give   two rows
--
-- Columns:
--   Time (%): share of the total time of the report, to one decimal.
--   Total Time (ns), Instances, Avg (ns), Med (ns), Min (ns), Max (ns), StdDev (ns): over
--     durations; the deviation is that of a sample, 0 of one.
--   GridXYZ, BlockXYZ: sizes.
--   Name: the kernel.
--   trace: name of the trace.
CREATE VIEW nsys_cuda_gpu_kern_gb_sum AS
WITH __tq_timed AS (
  SELECT {'name': name, 'grid': grid, 'block': block} AS label, dur, trace
  FROM _nsys_work WHERE kind = 'kernel'
)
SELECT
  ratio AS "Time (%)", total AS "Total Time (ns)", count AS "Instances", avg AS "Avg (ns)",
  med AS "Med (ns)", min AS "Min (ns)", max AS "Max (ns)", stddev AS "StdDev (ns)",
  label.grid AS "GridXYZ", label.block AS "BlockXYZ", label.name AS "Name", trace
FROM _nsys_durations(__tq_timed)
ORDER BY trace, total DESC, label.name, label.grid, label.block;

-- Copies and fills by operation: their time.
--
-- Also called: gpumemtimesum.
--
--   "a" (dur 10), "a" (dur 20), "b" (dur 10)   give   a: 75.0 %, 30 ns, 2 times
--
-- Columns:
--   Time (%): share of the total time of the report, to one decimal.
--   Total Time (ns), Count, Avg (ns), Med (ns), Min (ns), Max (ns), StdDev (ns): over
--     durations; the deviation is that of a sample, 0 of one.
--   Operation: what was summed.
--   trace: name of the trace.
CREATE VIEW nsys_cuda_gpu_mem_time_sum AS
WITH __tq_timed AS (
  SELECT name AS label, dur, trace FROM _nsys_work WHERE category = 'MEMORY_OPER'
)
SELECT
  ratio AS "Time (%)", total AS "Total Time (ns)", count AS "Count", avg AS "Avg (ns)",
  med AS "Med (ns)", min AS "Min (ns)", max AS "Max (ns)", stddev AS "StdDev (ns)",
  label AS "Operation", trace
FROM _nsys_durations(__tq_timed) ORDER BY trace, total DESC, label;

-- Copies and fills by operation: their bytes, in MB of 10^6.
--
-- Also called: gpumemsizesum.
--
--   copies to the device of 1 MB and 3 MB   give   total 4.0, count 2, avg 2.0
--
-- Columns:
--   Total (MB), Count, Avg (MB), Med (MB), Min (MB), Max (MB), StdDev (MB): over sizes, to three
--     decimals.
--   Operation: the operation.
--   trace: name of the trace.
CREATE VIEW nsys_cuda_gpu_mem_size_sum AS
SELECT
  round(sum(bytes) / 1e6, 3) AS "Total (MB)", count(*) AS "Count",
  round(avg(bytes) / 1e6, 3) AS "Avg (MB)", round(median(bytes) / 1e6, 3) AS "Med (MB)",
  round(min(bytes) / 1e6, 3) AS "Min (MB)", round(max(bytes) / 1e6, 3) AS "Max (MB)",
  round(coalesce(stddev_samp(bytes), 0) / 1e6, 3) AS "StdDev (MB)", name AS "Operation", trace
FROM _nsys_work WHERE category = 'MEMORY_OPER' AND bytes IS NOT NULL
GROUP BY name, trace ORDER BY trace, sum(bytes) DESC, name;

-- Kernels, copies and fills together.
--
-- Also called: gpusum.
--
--   a kernel (dur 10) and a fill (dur 30)   give   25.0 % and 75.0 %
--
-- Columns:
--   Time (%): share of the total time of the report, to one decimal.
--   Total Time (ns), Instances, Avg (ns), Med (ns), Min (ns), Max (ns), StdDev (ns): over
--     durations; the deviation is that of a sample, 0 of one.
--   Category: CUDA_KERNEL, MEMORY_OPER or CUDA_API.
--   Operation: what was summed.
--   trace: name of the trace.
CREATE VIEW nsys_cuda_gpu_sum AS
WITH __tq_timed AS (
  SELECT {'category': category, 'name': name} AS label, dur, trace FROM _nsys_work
)
SELECT
  ratio AS "Time (%)", total AS "Total Time (ns)", count AS "Instances", avg AS "Avg (ns)",
  med AS "Med (ns)", min AS "Min (ns)", max AS "Max (ns)", stddev AS "StdDev (ns)",
  label.category AS "Category", label.name AS "Operation", trace
FROM _nsys_durations(__tq_timed) ORDER BY trace, total DESC, label.category, label.name;

-- Every kernel, copy and fill, by start.
--
-- Also called: gputrace.
--
--   a copy of 100 bytes in 10 ns   gives   Throughput 10000 MB/s
--
-- Columns:
--   Start (ns), Duration (ns), CorrId: of the work.
--   GrdX, GrdY, GrdZ, BlkX, BlkY, BlkZ, Reg/Trd: of kernels.
--   StcSMem (MB), DymSMem (MB): shared memory of kernels.
--   Bytes (MB), Throughput (MB/s), SrcMemKd, DstMemKd: of copies and fills.
--   Device, Ctx, GreenCtx, Strm: where it ran.
--   Name: kernel or operation.
--   trace: name of the trace.
CREATE VIEW nsys_cuda_gpu_trace AS
SELECT
  w.ts AS "Start (ns)", w.dur AS "Duration (ns)", w.correlation_id AS "CorrId",
  w.grid_x AS "GrdX", w.grid_y AS "GrdY", w.grid_z AS "GrdZ", w.block_x AS "BlkX",
  w.block_y AS "BlkY", w.block_z AS "BlkZ", w.registers_per_thread AS "Reg/Trd",
  round(w.static_shared_bytes / 1e6, 3) AS "StcSMem (MB)",
  round(w.dynamic_shared_bytes / 1e6, 3) AS "DymSMem (MB)", round(w.bytes / 1e6, 3) AS "Bytes (MB)",
  CASE WHEN w.dur > 0 THEN round(w.bytes * 1e3 / w.dur, 3) END AS "Throughput (MB/s)",
  w.src_memory AS "SrcMemKd", w.dst_memory AS "DstMemKd",
  coalesce(d.name || ' (' || w.device_id % 4294967296 || ')', (w.device_id % 4294967296)::VARCHAR)
    AS "Device",
  w.context_id AS "Ctx", (w.args ->> '$.greenContextId')::BIGINT AS "GreenCtx",
  w.stream_id AS "Strm", w.name AS "Name", w.trace
FROM _nsys_work w LEFT JOIN device d ON d.device_id = w.device_id
ORDER BY w.trace, w.ts, w.id;
