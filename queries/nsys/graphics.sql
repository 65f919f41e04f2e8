-- Reports of `nsys stats` on graphics.

-- Vulkan calls by name.
--
-- Also called: vulkanapisum.
--
--   "a" (dur 10), "a" (dur 20), "b" (dur 10)   give   a: 75.0 %, 30 ns, 2 times
--
-- Columns:
--   Time (%): share of the total time of the report, to one decimal.
--   Total Time (ns), Num Calls, Avg (ns), Med (ns), Min (ns), Max (ns), StdDev (ns): over
--     durations; the deviation is that of a sample, 0 of one.
--   Name: what was summed.
--   trace: name of the trace.
CREATE VIEW nsys_vulkan_api_sum AS
WITH __tq_timed AS (
  SELECT name AS label, dur, trace FROM slice WHERE dur <> -1 AND category = 'vulkan'
)
SELECT
  ratio AS "Time (%)", total AS "Total Time (ns)", count AS "Num Calls", avg AS "Avg (ns)",
  med AS "Med (ns)", min AS "Min (ns)", max AS "Max (ns)", stddev AS "StdDev (ns)",
  label AS "Name", trace
FROM _nsys_durations(__tq_timed) ORDER BY trace, total DESC, label;

-- Every Vulkan call, by start.
--
-- Also called: vulkanapitrace.
--
--   a call at 5 (dur 10)   gives   Start 5, Duration 10
--
-- Columns:
--   Start (ns), Duration (ns), Name: of the call.
--   Event Class: kind of the event.
--   Context, CorrID: numbers that the export gives.
--   Pid, Tid, Thread Name: who called.
--   T-Pri: priority of the thread; null, as exports do not say it of calls.
--   trace: name of the trace.
CREATE VIEW nsys_vulkan_api_trace AS
SELECT
  ts AS "Start (ns)", dur AS "Duration (ns)", name AS "Name", 'VULKAN_API' AS "Event Class",
  (args ->> '$.contextId')::BIGINT AS "Context", correlation_id AS "CorrID", pid AS "Pid",
  tid AS "Tid", NULL::BIGINT AS "T-Pri", thread_name AS "Thread Name", trace
FROM _nsys_call WHERE category = 'vulkan' AND dur <> -1 ORDER BY trace, ts, id;

-- Vulkan work of devices by marker.
--
-- Also called: vulkangpumarkersum.
--
--   "a" (dur 10), "a" (dur 20), "b" (dur 10)   give   a: 75.0 %, 30 ns, 2 times
--
-- Columns:
--   Time (%): share of the total time of the report, to one decimal.
--   Total Time (ns), Instances, Avg (ns), Med (ns), Min (ns), Max (ns), StdDev (ns): over
--     durations; the deviation is that of a sample, 0 of one.
--   Range: what was summed.
--   trace: name of the trace.
CREATE VIEW nsys_vulkan_gpu_marker_sum AS
WITH __tq_timed AS (
  SELECT name AS label, dur, trace FROM slice WHERE dur <> -1 AND category = 'vulkan_workload'
)
SELECT
  ratio AS "Time (%)", total AS "Total Time (ns)", count AS "Instances", avg AS "Avg (ns)",
  med AS "Med (ns)", min AS "Min (ns)", max AS "Max (ns)", stddev AS "StdDev (ns)",
  label AS "Range", trace
FROM _nsys_durations(__tq_timed) ORDER BY trace, total DESC, label;

-- Vulkan markers of the host by name.
--
-- Also called: vulkanmarkerssum.
--
--   "a" (dur 10), "a" (dur 20), "b" (dur 10)   give   a: 75.0 %, 30 ns, 2 times
--
-- Columns:
--   Time (%): share of the total time of the report, to one decimal.
--   Total Time (ns), Instances, Avg (ns), Med (ns), Min (ns), Max (ns), StdDev (ns): over
--     durations; the deviation is that of a sample, 0 of one.
--   Range: what was summed.
--   trace: name of the trace.
CREATE VIEW nsys_vulkan_marker_sum AS
WITH __tq_timed AS (
  SELECT name AS label, dur, trace FROM slice WHERE dur <> -1 AND category = 'vulkan_debug'
)
SELECT
  ratio AS "Time (%)", total AS "Total Time (ns)", count AS "Instances", avg AS "Avg (ns)",
  med AS "Med (ns)", min AS "Min (ns)", max AS "Max (ns)", stddev AS "StdDev (ns)",
  label AS "Range", trace
FROM _nsys_durations(__tq_timed) ORDER BY trace, total DESC, label;

-- PIX ranges of Direct3D 11 by name.
--
-- Also called: dx11pixsum.
--
--   "a" (dur 10), "a" (dur 20), "b" (dur 10)   give   a: 75.0 %, 30 ns, 2 times
--
-- Columns:
--   Time (%): share of the total time of the report, to one decimal.
--   Total Time (ns), Instances, Avg (ns), Med (ns), Min (ns), Max (ns), StdDev (ns): over
--     durations; the deviation is that of a sample, 0 of one.
--   Range: what was summed.
--   trace: name of the trace.
CREATE VIEW nsys_dx11_pix_sum AS
WITH __tq_timed AS (
  SELECT name AS label, dur, trace FROM slice WHERE dur <> -1 AND category = 'd3d11_debug'
)
SELECT
  ratio AS "Time (%)", total AS "Total Time (ns)", count AS "Instances", avg AS "Avg (ns)",
  med AS "Med (ns)", min AS "Min (ns)", max AS "Max (ns)", stddev AS "StdDev (ns)",
  label AS "Range", trace
FROM _nsys_durations(__tq_timed) ORDER BY trace, total DESC, label;

-- Direct3D 12 work of devices by marker.
--
-- Also called: dx12gpumarkersum.
--
--   "a" (dur 10), "a" (dur 20), "b" (dur 10)   give   a: 75.0 %, 30 ns, 2 times
--
-- Columns:
--   Time (%): share of the total time of the report, to one decimal.
--   Total Time (ns), Instances, Avg (ns), Med (ns), Min (ns), Max (ns), StdDev (ns): over
--     durations; the deviation is that of a sample, 0 of one.
--   Range: what was summed.
--   trace: name of the trace.
CREATE VIEW nsys_dx12_gpu_marker_sum AS
WITH __tq_timed AS (
  SELECT name AS label, dur, trace FROM slice WHERE dur <> -1 AND category = 'dx12_workload'
)
SELECT
  ratio AS "Time (%)", total AS "Total Time (ns)", count AS "Instances", avg AS "Avg (ns)",
  med AS "Med (ns)", min AS "Min (ns)", max AS "Max (ns)", stddev AS "StdDev (ns)",
  label AS "Range", trace
FROM _nsys_durations(__tq_timed) ORDER BY trace, total DESC, label;

-- PIX ranges of Direct3D 12 by name.
--
-- Also called: pixsum.
--
--   "a" (dur 10), "a" (dur 20), "b" (dur 10)   give   a: 75.0 %, 30 ns, 2 times
--
-- Columns:
--   Time (%): share of the total time of the report, to one decimal.
--   Total Time (ns), Instances, Avg (ns), Med (ns), Min (ns), Max (ns), StdDev (ns): over
--     durations; the deviation is that of a sample, 0 of one.
--   Range: what was summed.
--   trace: name of the trace.
CREATE VIEW nsys_dx12_pix_sum AS
WITH __tq_timed AS (
  SELECT name AS label, dur, trace FROM slice WHERE dur <> -1 AND category = 'd3d12_debug'
)
SELECT
  ratio AS "Time (%)", total AS "Total Time (ns)", count AS "Instances", avg AS "Avg (ns)",
  med AS "Med (ns)", min AS "Min (ns)", max AS "Max (ns)", stddev AS "StdDev (ns)",
  label AS "Range", trace
FROM _nsys_durations(__tq_timed) ORDER BY trace, total DESC, label;

-- KHR debug ranges of OpenGL on the host by name.
--
-- Also called: khrdebugsum.
--
--   "a" (dur 10), "a" (dur 20), "b" (dur 10)   give   a: 75.0 %, 30 ns, 2 times
--
-- Columns:
--   Time (%): share of the total time of the report, to one decimal.
--   Total Time (ns), Instances, Avg (ns), Med (ns), Min (ns), Max (ns), StdDev (ns): over
--     durations; the deviation is that of a sample, 0 of one.
--   Range: what was summed.
--   trace: name of the trace.
CREATE VIEW nsys_opengl_khr_range_sum AS
WITH __tq_timed AS (
  SELECT name AS label, dur, trace FROM slice WHERE dur <> -1 AND category = 'opengl_debug'
)
SELECT
  ratio AS "Time (%)", total AS "Total Time (ns)", count AS "Instances", avg AS "Avg (ns)",
  med AS "Med (ns)", min AS "Min (ns)", max AS "Max (ns)", stddev AS "StdDev (ns)",
  label AS "Range", trace
FROM _nsys_durations(__tq_timed) ORDER BY trace, total DESC, label;

-- KHR debug ranges of OpenGL on devices by name.
--
-- Also called: khrdebuggpusum.
--
--   "a" (dur 10), "a" (dur 20), "b" (dur 10)   give   a: 75.0 %, 30 ns, 2 times
--
-- Columns:
--   Time (%): share of the total time of the report, to one decimal.
--   Total Time (ns), Instances, Avg (ns), Med (ns), Min (ns), Max (ns), StdDev (ns): over
--     durations; the deviation is that of a sample, 0 of one.
--   Range: what was summed.
--   trace: name of the trace.
CREATE VIEW nsys_opengl_khr_gpu_range_sum AS
WITH __tq_timed AS (
  SELECT name AS label, dur, trace FROM slice WHERE dur <> -1 AND category = 'opengl_workload'
)
SELECT
  ratio AS "Time (%)", total AS "Total Time (ns)", count AS "Instances", avg AS "Avg (ns)",
  med AS "Med (ns)", min AS "Min (ns)", max AS "Max (ns)", stddev AS "StdDev (ns)",
  label AS "Range", trace
FROM _nsys_durations(__tq_timed) ORDER BY trace, total DESC, label;

-- Packets of the Windows display driver's queues: how busy each queue was.
--
--   packets at 0 (dur 10) and 30 (dur 10) of one queue   give   Utilization 50.0 %, 2 instances
--
-- Columns:
--   Utilization (%): share of the time from the first packet of the queue to the end of the last.
--   Instances, Avg (ns), Med (ns), Min (ns), Max (ns), StdDev (ns): over packets.
--   Name: kind of the packets. Q Type, Q Name, GPU ID, Context, Engine, Node Ordinal: of the queue.
--   PID: the process.
--   trace: name of the trace.
CREATE VIEW nsys_wddm_queue_sum AS
SELECT
  round(100 * sum(dur) / nullif(max(ts + dur) - min(ts), 0), 1) AS "Utilization (%)",
  count(*) AS "Instances", round(avg(dur), 1) AS "Avg (ns)", round(median(dur), 1) AS "Med (ns)",
  min(dur) AS "Min (ns)", max(dur) AS "Max (ns)",
  round(coalesce(stddev_samp(dur), 0), 1) AS "StdDev (ns)", name AS "Name",
  category AS "Q Type", args ->> '$.queueName' AS "Q Name", pid AS "PID",
  (args ->> '$.gpu')::BIGINT AS "GPU ID", (args ->> '$.context')::BIGINT AS "Context",
  (args ->> '$.engine')::VARCHAR AS "Engine", (args ->> '$.nodeOrdinal')::BIGINT AS "Node Ordinal",
  trace
FROM _nsys_call WHERE starts_with(category, 'wddm') AND dur <> -1
GROUP BY "Name", "Q Type", "Q Name", "PID", "GPU ID", "Context", "Engine", "Node Ordinal", trace
ORDER BY trace, "Utilization (%)" DESC, "Name", "Q Type", "Q Name", "PID";
