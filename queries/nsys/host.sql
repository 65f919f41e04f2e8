-- Reports of `nsys stats` on calls of the operating system and of libraries on the host.

-- Calls of the operating system runtime by name.
--
-- Also called: osrtsum.
--
--   "a" (dur 10), "a" (dur 20), "b" (dur 10)   give   a: 75.0 %, 30 ns, 2 times
--
-- Columns:
--   Time (%): share of the total time of the report, to one decimal.
--   Total Time (ns), Num Calls, Avg (ns), Med (ns), Min (ns), Max (ns), StdDev (ns): over
--     durations; the deviation is that of a sample, 0 of one.
--   Name: what was summed.
--   trace: name of the trace.
CREATE VIEW nsys_osrt_sum AS
WITH __tq_timed AS (
  SELECT name AS label, dur, trace FROM slice WHERE dur <> -1 AND category = 'osrt'
)
SELECT
  ratio AS "Time (%)", total AS "Total Time (ns)", count AS "Num Calls", avg AS "Avg (ns)",
  med AS "Med (ns)", min AS "Min (ns)", max AS "Max (ns)", stddev AS "StdDev (ns)",
  label AS "Name", trace
FROM _nsys_durations(__tq_timed) ORDER BY trace, total DESC, label;

-- System calls by name.
--
--   "a" (dur 10), "a" (dur 20), "b" (dur 10)   give   a: 75.0 %, 30 ns, 2 times
--
-- Columns:
--   Time (%): share of the total time of the report, to one decimal.
--   Total Time (ns), Num Calls, Avg (ns), Med (ns), Min (ns), Max (ns), StdDev (ns): over
--     durations; the deviation is that of a sample, 0 of one.
--   Name: what was summed.
--   trace: name of the trace.
CREATE VIEW nsys_syscall_sum AS
WITH __tq_timed AS (
  SELECT name AS label, dur, trace FROM slice WHERE dur <> -1 AND category = 'syscall'
)
SELECT
  ratio AS "Time (%)", total AS "Total Time (ns)", count AS "Num Calls", avg AS "Avg (ns)",
  med AS "Med (ns)", min AS "Min (ns)", max AS "Max (ns)", stddev AS "StdDev (ns)",
  label AS "Name", trace
FROM _nsys_durations(__tq_timed) ORDER BY trace, total DESC, label;

-- OpenACC events by name.
--
-- Also called: openaccsum.
--
--   "a" (dur 10), "a" (dur 20), "b" (dur 10)   give   a: 75.0 %, 30 ns, 2 times
--
-- Columns:
--   Time (%): share of the total time of the report, to one decimal.
--   Total Time (ns), Count, Avg (ns), Med (ns), Min (ns), Max (ns), StdDev (ns): over
--     durations; the deviation is that of a sample, 0 of one.
--   Name: what was summed.
--   trace: name of the trace.
CREATE VIEW nsys_openacc_sum AS
WITH __tq_timed AS (
  SELECT name AS label, dur, trace FROM slice WHERE dur <> -1 AND category = 'openacc'
)
SELECT
  ratio AS "Time (%)", total AS "Total Time (ns)", count AS "Count", avg AS "Avg (ns)",
  med AS "Med (ns)", min AS "Min (ns)", max AS "Max (ns)", stddev AS "StdDev (ns)",
  label AS "Name", trace
FROM _nsys_durations(__tq_timed) ORDER BY trace, total DESC, label;

-- OpenMP events by name.
--
-- Also called: openmpevtsum.
--
--   "a" (dur 10), "a" (dur 20), "b" (dur 10)   give   a: 75.0 %, 30 ns, 2 times
--
-- Columns:
--   Time (%): share of the total time of the report, to one decimal.
--   Total Time (ns), Count, Avg (ns), Med (ns), Min (ns), Max (ns), StdDev (ns): over
--     durations; the deviation is that of a sample, 0 of one.
--   Name: what was summed.
--   trace: name of the trace.
CREATE VIEW nsys_openmp_sum AS
WITH __tq_timed AS (
  SELECT name AS label, dur, trace FROM slice WHERE dur <> -1 AND starts_with(category, 'openmp')
)
SELECT
  ratio AS "Time (%)", total AS "Total Time (ns)", count AS "Count", avg AS "Avg (ns)",
  med AS "Med (ns)", min AS "Min (ns)", max AS "Max (ns)", stddev AS "StdDev (ns)",
  label AS "Name", trace
FROM _nsys_durations(__tq_timed) ORDER BY trace, total DESC, label;

-- Calls of the video encoder, decoder and JPEG libraries by name.
--
--   "a" (dur 10), "a" (dur 20), "b" (dur 10)   give   a: 75.0 %, 30 ns, 2 times
--
-- Columns:
--   Time (%): share of the total time of the report, to one decimal.
--   Total Time (ns), Num Calls, Avg (ns), Med (ns), Min (ns), Max (ns), StdDev (ns): over
--     durations; the deviation is that of a sample, 0 of one.
--   Event Name: what was summed.
--   trace: name of the trace.
CREATE VIEW nsys_nvvideo_api_sum AS
WITH __tq_timed AS (
  SELECT name AS label, dur, trace FROM slice WHERE dur <> -1 AND category = 'nvvideo'
)
SELECT
  ratio AS "Time (%)", total AS "Total Time (ns)", count AS "Num Calls", avg AS "Avg (ns)",
  med AS "Med (ns)", min AS "Min (ns)", max AS "Max (ns)", stddev AS "StdDev (ns)",
  label AS "Event Name", trace
FROM _nsys_durations(__tq_timed) ORDER BY trace, total DESC, label;
