-- Summaries as rocprofv3, rocpd and `rocprof --stats` write them, for whatever tool recorded.

-- Durations by label: calls, total, mean, share, extremes, deviation.
CREATE MACRO _rocm_durations(rows_of) AS TABLE
SELECT
  label, count(*) AS calls, sum(dur)::BIGINT AS total, avg(dur) AS average,
  100 * sum(dur) / nullif(sum(sum(dur)) OVER (PARTITION BY trace), 0) AS percentage,
  min(dur) AS least, max(dur) AS most, coalesce(stddev_samp(dur), 0) AS deviation, trace
FROM query_table(rows_of) GROUP BY label, trace;

-- Copies as rocprofv3 calls them.
CREATE MACRO _rocm_copy(copy_kind, name) AS
CASE copy_kind
  WHEN 'htoh' THEN 'MEMORY_COPY_HOST_TO_HOST'
  WHEN 'htod' THEN 'MEMORY_COPY_HOST_TO_DEVICE'
  WHEN 'dtoh' THEN 'MEMORY_COPY_DEVICE_TO_HOST'
  WHEN 'dtod' THEN 'MEMORY_COPY_DEVICE_TO_DEVICE'
  WHEN 'ptop' THEN 'MEMORY_COPY_DEVICE_TO_DEVICE'
  ELSE name
END;

-- Calls and work by the domain that rocprofv3 counts them in.
CREATE VIEW _rocm_timed AS
SELECT
  CASE
    WHEN g.kind = 'memcpy' THEN _rocm_copy(g.copy_kind, s.name) ELSE s.name
  END AS label, s.dur, s.ts, g.device_id,
  CASE
    WHEN g.kind = 'kernel' THEN 'KERNEL_DISPATCH'
    WHEN g.kind = 'memcpy' THEN 'MEMORY_COPY'
    WHEN s.category IN ('hip_runtime', 'hip_compiler', 'cuda_runtime', 'cuda_driver')
      THEN 'HIP_API'
    WHEN s.category = 'hsa_api' THEN 'HSA_API'
    WHEN s.category IN ('roctx', 'nvtx', 'nvtx_range', 'user_annotation') THEN 'MARKER_API'
    WHEN s.category = 'rccl' THEN 'RCCL_API'
    WHEN s.category = 'rocdecode' THEN 'ROCDECODE_API'
    WHEN s.category = 'rocjpeg' THEN 'ROCJPEG_API'
    WHEN s.category = 'memory_allocation' THEN 'MEMORY_ALLOCATION'
    WHEN s.category = 'scratch_memory' THEN 'SCRATCH_MEMORY'
  END AS domain, s.trace
FROM slice s LEFT JOIN gpu_op g ON g.slice_id = s.id
WHERE s.dur <> -1;

-- Kernels by name.
--
--   "a" (dur 10), "a" (dur 20), "b" (dur 10)   give   a: 2 calls, 30 ns, average 15, 75 %
--
-- Columns:
--   Name, Calls: what, and how often.
--   TotalDurationNs, AverageNs, MinNs, MaxNs: over durations, ns.
--   Percentage: of the total of this table.
--   StdDev: of a sample, ns; 0 of one.
--   trace: name of the trace.
CREATE VIEW rocpd_kernel_stats AS
WITH __tq_timed AS (
  SELECT label, dur, trace FROM _rocm_timed WHERE domain = 'KERNEL_DISPATCH'
)
SELECT
  label AS "Name", calls AS "Calls", total AS "TotalDurationNs", average AS "AverageNs",
  percentage AS "Percentage", least AS "MinNs", most AS "MaxNs", deviation AS "StdDev", trace
FROM _rocm_durations(__tq_timed) ORDER BY trace, total DESC, label;

-- HIP calls by name (of CUDA, calls of the runtime and driver).
--
--   "a" (dur 10), "a" (dur 20), "b" (dur 10)   give   a: 2 calls, 30 ns, average 15, 75 %
--
-- Columns:
--   Name, Calls: what, and how often.
--   TotalDurationNs, AverageNs, MinNs, MaxNs: over durations, ns.
--   Percentage: of the total of this table.
--   StdDev: of a sample, ns; 0 of one.
--   trace: name of the trace.
CREATE VIEW rocpd_hip_api_stats AS
WITH __tq_timed AS (
  SELECT label, dur, trace FROM _rocm_timed WHERE domain = 'HIP_API'
)
SELECT
  label AS "Name", calls AS "Calls", total AS "TotalDurationNs", average AS "AverageNs",
  percentage AS "Percentage", least AS "MinNs", most AS "MaxNs", deviation AS "StdDev", trace
FROM _rocm_durations(__tq_timed) ORDER BY trace, total DESC, label;

-- HSA calls by name.
--
--   "a" (dur 10), "a" (dur 20), "b" (dur 10)   give   a: 2 calls, 30 ns, average 15, 75 %
--
-- Columns:
--   Name, Calls: what, and how often.
--   TotalDurationNs, AverageNs, MinNs, MaxNs: over durations, ns.
--   Percentage: of the total of this table.
--   StdDev: of a sample, ns; 0 of one.
--   trace: name of the trace.
CREATE VIEW rocpd_hsa_api_stats AS
WITH __tq_timed AS (
  SELECT label, dur, trace FROM _rocm_timed WHERE domain = 'HSA_API'
)
SELECT
  label AS "Name", calls AS "Calls", total AS "TotalDurationNs", average AS "AverageNs",
  percentage AS "Percentage", least AS "MinNs", most AS "MaxNs", deviation AS "StdDev", trace
FROM _rocm_durations(__tq_timed) ORDER BY trace, total DESC, label;

-- Copies by direction.
--
--   "a" (dur 10), "a" (dur 20), "b" (dur 10)   give   a: 2 calls, 30 ns, average 15, 75 %
--
-- Columns:
--   Name, Calls: what, and how often.
--   TotalDurationNs, AverageNs, MinNs, MaxNs: over durations, ns.
--   Percentage: of the total of this table.
--   StdDev: of a sample, ns; 0 of one.
--   trace: name of the trace.
CREATE VIEW rocpd_memory_copy_stats AS
WITH __tq_timed AS (
  SELECT label, dur, trace FROM _rocm_timed WHERE domain = 'MEMORY_COPY'
)
SELECT
  label AS "Name", calls AS "Calls", total AS "TotalDurationNs", average AS "AverageNs",
  percentage AS "Percentage", least AS "MinNs", most AS "MaxNs", deviation AS "StdDev", trace
FROM _rocm_durations(__tq_timed) ORDER BY trace, total DESC, label;

-- Ranges that the program marked, by message.
--
--   "a" (dur 10), "a" (dur 20), "b" (dur 10)   give   a: 2 calls, 30 ns, average 15, 75 %
--
-- Columns:
--   Name, Calls: what, and how often.
--   TotalDurationNs, AverageNs, MinNs, MaxNs: over durations, ns.
--   Percentage: of the total of this table.
--   StdDev: of a sample, ns; 0 of one.
--   trace: name of the trace.
CREATE VIEW rocpd_marker_api_stats AS
WITH __tq_timed AS (
  SELECT label, dur, trace FROM _rocm_timed WHERE domain = 'MARKER_API'
)
SELECT
  label AS "Name", calls AS "Calls", total AS "TotalDurationNs", average AS "AverageNs",
  percentage AS "Percentage", least AS "MinNs", most AS "MaxNs", deviation AS "StdDev", trace
FROM _rocm_durations(__tq_timed) ORDER BY trace, total DESC, label;

-- RCCL calls by name.
--
--   "a" (dur 10), "a" (dur 20), "b" (dur 10)   give   a: 2 calls, 30 ns, average 15, 75 %
--
-- Columns:
--   Name, Calls: what, and how often.
--   TotalDurationNs, AverageNs, MinNs, MaxNs: over durations, ns.
--   Percentage: of the total of this table.
--   StdDev: of a sample, ns; 0 of one.
--   trace: name of the trace.
CREATE VIEW rocpd_rccl_api_stats AS
WITH __tq_timed AS (
  SELECT label, dur, trace FROM _rocm_timed WHERE domain = 'RCCL_API'
)
SELECT
  label AS "Name", calls AS "Calls", total AS "TotalDurationNs", average AS "AverageNs",
  percentage AS "Percentage", least AS "MinNs", most AS "MaxNs", deviation AS "StdDev", trace
FROM _rocm_durations(__tq_timed) ORDER BY trace, total DESC, label;

-- Calls of the video decoder by name.
--
--   "a" (dur 10), "a" (dur 20), "b" (dur 10)   give   a: 2 calls, 30 ns, average 15, 75 %
--
-- Columns:
--   Name, Calls: what, and how often.
--   TotalDurationNs, AverageNs, MinNs, MaxNs: over durations, ns.
--   Percentage: of the total of this table.
--   StdDev: of a sample, ns; 0 of one.
--   trace: name of the trace.
CREATE VIEW rocpd_rocdecode_api_stats AS
WITH __tq_timed AS (
  SELECT label, dur, trace FROM _rocm_timed WHERE domain = 'ROCDECODE_API'
)
SELECT
  label AS "Name", calls AS "Calls", total AS "TotalDurationNs", average AS "AverageNs",
  percentage AS "Percentage", least AS "MinNs", most AS "MaxNs", deviation AS "StdDev", trace
FROM _rocm_durations(__tq_timed) ORDER BY trace, total DESC, label;

-- Calls of the JPEG decoder by name.
--
--   "a" (dur 10), "a" (dur 20), "b" (dur 10)   give   a: 2 calls, 30 ns, average 15, 75 %
--
-- Columns:
--   Name, Calls: what, and how often.
--   TotalDurationNs, AverageNs, MinNs, MaxNs: over durations, ns.
--   Percentage: of the total of this table.
--   StdDev: of a sample, ns; 0 of one.
--   trace: name of the trace.
CREATE VIEW rocpd_rocjpeg_api_stats AS
WITH __tq_timed AS (
  SELECT label, dur, trace FROM _rocm_timed WHERE domain = 'ROCJPEG_API'
)
SELECT
  label AS "Name", calls AS "Calls", total AS "TotalDurationNs", average AS "AverageNs",
  percentage AS "Percentage", least AS "MinNs", most AS "MaxNs", deviation AS "StdDev", trace
FROM _rocm_durations(__tq_timed) ORDER BY trace, total DESC, label;

-- Allocations and frees by operation.
--
--   "a" (dur 10), "a" (dur 20), "b" (dur 10)   give   a: 2 calls, 30 ns, average 15, 75 %
--
-- Columns:
--   Name, Calls: what, and how often.
--   TotalDurationNs, AverageNs, MinNs, MaxNs: over durations, ns.
--   Percentage: of the total of this table.
--   StdDev: of a sample, ns; 0 of one.
--   trace: name of the trace.
CREATE VIEW rocpd_memory_allocation_stats AS
WITH __tq_timed AS (
  SELECT label, dur, trace FROM _rocm_timed WHERE domain = 'MEMORY_ALLOCATION'
)
SELECT
  label AS "Name", calls AS "Calls", total AS "TotalDurationNs", average AS "AverageNs",
  percentage AS "Percentage", least AS "MinNs", most AS "MaxNs", deviation AS "StdDev", trace
FROM _rocm_durations(__tq_timed) ORDER BY trace, total DESC, label;

-- Changes of scratch memory by operation.
--
--   "a" (dur 10), "a" (dur 20), "b" (dur 10)   give   a: 2 calls, 30 ns, average 15, 75 %
--
-- Columns:
--   Name, Calls: what, and how often.
--   TotalDurationNs, AverageNs, MinNs, MaxNs: over durations, ns.
--   Percentage: of the total of this table.
--   StdDev: of a sample, ns; 0 of one.
--   trace: name of the trace.
CREATE VIEW rocpd_scratch_memory_stats AS
WITH __tq_timed AS (
  SELECT label, dur, trace FROM _rocm_timed WHERE domain = 'SCRATCH_MEMORY'
)
SELECT
  label AS "Name", calls AS "Calls", total AS "TotalDurationNs", average AS "AverageNs",
  percentage AS "Percentage", least AS "MinNs", most AS "MaxNs", deviation AS "StdDev", trace
FROM _rocm_durations(__tq_timed) ORDER BY trace, total DESC, label;

-- All of these by domain.
--
--   "a" (dur 10), "a" (dur 20), "b" (dur 10)   give   a: 2 calls, 30 ns, average 15, 75 %
--
-- Columns:
--   Name, Calls: what, and how often.
--   TotalDurationNs, AverageNs, MinNs, MaxNs: over durations, ns.
--   Percentage: of the total of this table.
--   StdDev: of a sample, ns; 0 of one.
--   trace: name of the trace.
CREATE VIEW rocpd_domain_stats AS
WITH __tq_timed AS (
  SELECT domain AS label, dur, trace FROM _rocm_timed WHERE domain IS NOT NULL
)
SELECT
  label AS "Name", calls AS "Calls", total AS "TotalDurationNs", average AS "AverageNs",
  percentage AS "Percentage", least AS "MinNs", most AS "MaxNs", deviation AS "StdDev", trace
FROM _rocm_durations(__tq_timed) ORDER BY trace, total DESC, label;

-- What `rocprof --stats` writes of kernels: the mean is cut to whole ns.
--
-- Also called: rocprof_stats.
--
--   "a" (dur 10), "a" (dur 21)   give   2 calls, 31 ns, average 15
--
-- Columns:
--   Name, Calls: the kernel, and how often.
--   TotalDurationNs, AverageNs: over durations, ns.
--   Percentage: of the time of all kernels.
--   trace: name of the trace.
CREATE VIEW rocpd_stats AS
SELECT
  "Name", "Calls", "TotalDurationNs", "TotalDurationNs" // "Calls" AS "AverageNs", "Percentage",
  trace
FROM rocpd_kernel_stats ORDER BY trace, "TotalDurationNs" DESC, "Name";

-- Kernels as rocpd's own view `top_kernels` has them.
--
--   "a" (dur 10), "a" (dur 20), "b" (dur 10)   give   a: 2 calls, 30 ns, average 15, 75 %
--
-- Columns:
--   name, total_calls: the kernel, and how often.
--   total_duration, average: over durations, ns.
--   percentage: of the time of all kernels.
--   trace: name of the trace.
CREATE VIEW rocpd_top_kernels AS
SELECT
  "Name" AS name, "Calls" AS total_calls, "TotalDurationNs" AS total_duration,
  "AverageNs" AS average, "Percentage" AS percentage, trace
FROM rocpd_kernel_stats ORDER BY trace, total_duration DESC, name;

-- Calls, copies and kernels together, as rocpd's own view `top` has them.
--
--   a call (dur 10) and its kernel (dur 30)   give   25 % and 75 %
--
-- Columns:
--   name, total_calls: what, and how often.
--   total_duration, average: over durations, ns.
--   percentage: of the total.
--   trace: name of the trace.
CREATE VIEW rocpd_top AS
WITH __tq_timed AS (SELECT label, dur, trace FROM _rocm_timed WHERE domain IS NOT NULL)
SELECT
  label AS name, calls AS total_calls, total AS total_duration, average, percentage, trace
FROM _rocm_durations(__tq_timed) ORDER BY trace, total DESC, label;

-- How busy each device was with kernels and copies, as rocpd's own view `busy` has it: work that
-- runs at once counts twice.
--
--   kernels at 0 (dur 10) and 30 (dur 10)   give   GpuTime 20, WallTime 40, Busy 0.5
--
-- Columns:
--   agent_id: the device.
--   GpuTime: lengths of its work together, ns.
--   WallTime: from its first start to its last end, ns.
--   Busy: one over the other; above 1 where much runs at once.
--   trace: name of the trace.
CREATE VIEW rocpd_busy AS
SELECT
  device_id % 4294967296 AS agent_id, sum(dur)::BIGINT AS "GpuTime",
  max(ts + dur) - min(ts) AS "WallTime",
  sum(dur) / nullif(max(ts + dur) - min(ts), 0) AS "Busy", trace
FROM _rocm_timed WHERE domain IN ('KERNEL_DISPATCH', 'MEMORY_COPY') AND device_id IS NOT NULL
GROUP BY device_id, trace ORDER BY trace, agent_id;
