-- Reports of `nsys stats` on calls of the CUDA runtime and driver.

-- Calls of the runtime and the driver.
CREATE VIEW _nsys_api AS
SELECT * FROM _nsys_call WHERE category IN ('cuda_runtime', 'cuda_driver') AND dur <> -1;

-- Calls by name.
--
-- Also called: cudaapisum.
--
--   "a" (dur 10), "a" (dur 20), "b" (dur 10)   give   a: 75.0 %, 30 ns, 2 times
--
-- Columns:
--   Time (%): share of the total time of the report, to one decimal.
--   Total Time (ns), Num Calls, Avg (ns), Med (ns), Min (ns), Max (ns), StdDev (ns): over
--     durations; the deviation is that of a sample, 0 of one.
--   Name: what was summed.
--   trace: name of the trace.
CREATE VIEW nsys_cuda_api_sum AS
WITH __tq_timed AS (
  SELECT name AS label, dur, trace FROM _nsys_api
)
SELECT
  ratio AS "Time (%)", total AS "Total Time (ns)", count AS "Num Calls", avg AS "Avg (ns)",
  med AS "Med (ns)", min AS "Min (ns)", max AS "Max (ns)", stddev AS "StdDev (ns)",
  label AS "Name", trace
FROM _nsys_durations(__tq_timed) ORDER BY trace, total DESC, label;

-- Every call, by start.
--
-- Also called: cudaapitrace.
--
--   a call of cudaMalloc at 5 (dur 10)   gives   Start 5, Duration 10, Result 0
--
-- Columns:
--   Start (ns), Duration (ns), Name: of the call.
--   Result: what it returned; 0 is success.
--   CorrID: number that its work has too.
--   Pid, Tid, Thread Name: who called.
--   T-Pri: priority of the thread; null, as exports do not say it of calls.
--   trace: name of the trace.
CREATE VIEW nsys_cuda_api_trace AS
SELECT
  ts AS "Start (ns)", dur AS "Duration (ns)", name AS "Name",
  (args ->> '$.returnValue')::BIGINT AS "Result", correlation_id AS "CorrID", pid AS "Pid",
  tid AS "Tid", NULL::BIGINT AS "T-Pri", thread_name AS "Thread Name", trace
FROM _nsys_api ORDER BY trace, ts, id;

-- Calls, kernels, copies and fills together.
--
-- Also called: apigpusum.
--
--   a call (dur 10) and its kernel (dur 30)   give   25.0 % and 75.0 %
--
-- Columns:
--   Time (%): share of the total time of the report, to one decimal.
--   Total Time (ns), Instances, Avg (ns), Med (ns), Min (ns), Max (ns), StdDev (ns): over
--     durations; the deviation is that of a sample, 0 of one.
--   Category: CUDA_KERNEL, MEMORY_OPER or CUDA_API.
--   Operation: what was summed.
--   trace: name of the trace.
CREATE VIEW nsys_cuda_api_gpu_sum AS
WITH __tq_timed AS (
  SELECT {'category': category, 'name': name} AS label, dur, trace FROM _nsys_work
  UNION ALL
  SELECT {'category': 'CUDA_API', 'name': name}, dur, trace FROM _nsys_api
)
SELECT
  ratio AS "Time (%)", total AS "Total Time (ns)", count AS "Instances", avg AS "Avg (ns)",
  med AS "Med (ns)", min AS "Min (ns)", max AS "Max (ns)", stddev AS "StdDev (ns)",
  label.category AS "Category", label.name AS "Operation", trace
FROM _nsys_durations(__tq_timed) ORDER BY trace, total DESC, label.category, label.name;

-- A kernel and the call that launched it. Queue time is counted where the kernel starts after the
-- call has returned.
CREATE VIEW _nsys_launch AS
SELECT
  g.id, p.pid, h.tid, g.device_id % 4294967296 AS device, g.api_ts, g.api_dur, g.queue_ts,
  g.queue_dur, g.ts, g.dur, g.total_dur, g.api_name, g.name, o.grid_x, o.grid_y, o.grid_z,
  o.block_x, o.block_y, o.block_z, g.trace
FROM gpu_launch g
JOIN gpu_op o ON o.slice_id = g.id
LEFT JOIN process p ON p.upid = g.upid
LEFT JOIN thread h ON h.utid = g.utid
WHERE g.kind = 'kernel';

-- Launches by thread, device, call and kernel: time in all (T), in the call (A), in the queue (Q)
-- and in the kernel (K).
--
-- Also called: kernexecsum.
--
--   a call at 0 (dur 10) launches a kernel at 25 (dur 5)   gives   TAvg 30, AAvg 10, QAvg 15,
--   KAvg 5
--
-- Columns:
--   PID, TID, DevId: process and thread of the call, device of the kernel.
--   Count, QCount: launches, and those that waited in the queue.
--   TAvg (ns), TMed (ns), TMin (ns), TMax (ns), TStdDev (ns): from the start of the
--     call to the end.
--   AAvg (ns), AMed (ns), AMin (ns), AMax (ns), AStdDev (ns): of the calls.
--   QAvg (ns), QMed (ns), QMin (ns), QMax (ns), QStdDev (ns): of the waits in the queue.
--   KAvg (ns), KMed (ns), KMin (ns), KMax (ns), KStdDev (ns): of the kernels.
--   API Name, Kernel Name: the call and the kernel.
--   trace: name of the trace.
CREATE VIEW nsys_cuda_kern_exec_sum AS
SELECT
  pid AS "PID", tid AS "TID", device AS "DevId", count(*) AS "Count", count(queue_dur) AS "QCount",
  round(avg(total_dur), 1) AS "TAvg (ns)", round(median(total_dur), 1) AS "TMed (ns)",
  min(total_dur) AS "TMin (ns)", max(total_dur) AS "TMax (ns)",
  round(coalesce(stddev_samp(total_dur), CASE WHEN count(total_dur) = 1 THEN 0 END), 1)
    AS "TStdDev (ns)",
  round(avg(api_dur), 1) AS "AAvg (ns)", round(median(api_dur), 1) AS "AMed (ns)",
  min(api_dur) AS "AMin (ns)", max(api_dur) AS "AMax (ns)",
  round(coalesce(stddev_samp(api_dur), CASE WHEN count(api_dur) = 1 THEN 0 END), 1)
    AS "AStdDev (ns)",
  round(avg(queue_dur), 1) AS "QAvg (ns)", round(median(queue_dur), 1) AS "QMed (ns)",
  min(queue_dur) AS "QMin (ns)", max(queue_dur) AS "QMax (ns)",
  round(coalesce(stddev_samp(queue_dur), CASE WHEN count(queue_dur) = 1 THEN 0 END), 1)
    AS "QStdDev (ns)",
  round(avg(dur), 1) AS "KAvg (ns)", round(median(dur), 1) AS "KMed (ns)",
  min(dur) AS "KMin (ns)", max(dur) AS "KMax (ns)",
  round(coalesce(stddev_samp(dur), CASE WHEN count(dur) = 1 THEN 0 END), 1)
    AS "KStdDev (ns)",
  api_name AS "API Name", name AS "Kernel Name", trace
FROM _nsys_launch GROUP BY pid, tid, device, api_name, name, trace
ORDER BY trace, sum(total_dur) DESC, pid, tid, device, api_name, name;

-- Every launch, by the start of the call.
--
-- Also called: kernexectrace.
--
--   a call at 0 (dur 10) launches a kernel at 25 (dur 5)   gives   Queue Start 10, Queue Dur 15
--
-- Columns:
--   API Start (ns), API Dur (ns), Queue Start (ns), Queue Dur (ns), Kernel Start (ns),
--   Kernel Dur (ns), Total Dur (ns): of each phase; the queue is null where the kernel starts
--     before the call returns.
--   PID, TID, DevId: process and thread of the call, device of the kernel.
--   API Function, GridXYZ, BlockXYZ, Kernel Name: what was launched, and how.
--   trace: name of the trace.
CREATE VIEW nsys_cuda_kern_exec_trace AS
SELECT
  api_ts AS "API Start (ns)", api_dur AS "API Dur (ns)", queue_ts AS "Queue Start (ns)",
  queue_dur AS "Queue Dur (ns)", ts AS "Kernel Start (ns)", dur AS "Kernel Dur (ns)",
  total_dur AS "Total Dur (ns)", pid AS "PID", tid AS "TID", device AS "DevId",
  api_name AS "API Function", printf('%4d %4d %4d', grid_x, grid_y, grid_z) AS "GridXYZ",
  printf('%4d %4d %4d', block_x, block_y, block_z) AS "BlockXYZ", name AS "Kernel Name", trace
FROM _nsys_launch ORDER BY trace, api_ts, id;
