-- Reports of `nsys stats` on NVTX ranges.

-- Ranges with their domain before the name, unless it is the default one; push/pop ranges and
-- start/end ranges.
CREATE VIEW _nsys_range AS
SELECT
  id, ts, dur, pid, tid, utid, track_id,
  coalesce((args ->> '$.domain') || ':', '') || coalesce(name, '') AS name,
  CASE category WHEN 'nvtx' THEN 'PushPop' ELSE 'StartEnd' END AS style, trace
FROM _nsys_call WHERE category IN ('nvtx', 'nvtx_range');

-- Ranges by name and style.
--
-- Also called: nvtxsum.
--
--   "a" (dur 10), "a" (dur 20), "b" (dur 10)   give   a: 75.0 %, 30 ns, 2 times
--
-- Columns:
--   Time (%): share of the total time of the report, to one decimal.
--   Total Time (ns), Instances, Avg (ns), Med (ns), Min (ns), Max (ns), StdDev (ns): over
--     durations; the deviation is that of a sample, 0 of one. Ranges that are never closed do not count.
--   Style: PushPop or StartEnd.
--   Range: the name, with its domain.
--   trace: name of the trace.
CREATE VIEW nsys_nvtx_sum AS
WITH __tq_timed AS (
  SELECT {'style': style, 'name': name} AS label, dur, trace FROM _nsys_range WHERE dur <> -1
)
SELECT
  ratio AS "Time (%)", total AS "Total Time (ns)", count AS "Instances", avg AS "Avg (ns)",
  med AS "Med (ns)", min AS "Min (ns)", max AS "Max (ns)", stddev AS "StdDev (ns)",
  label.style AS "Style", label.name AS "Range", trace
FROM _nsys_durations(__tq_timed) ORDER BY trace, total DESC, label.name, label.style;

-- Push/pop ranges by name.
--
-- Also called: nvtxppsum, pushpopsum.
--
--   "a" (dur 10), "a" (dur 20), "b" (dur 10)   give   a: 75.0 %, 30 ns, 2 times
--
-- Columns:
--   Time (%): share of the total time of the report, to one decimal.
--   Total Time (ns), Instances, Avg (ns), Med (ns), Min (ns), Max (ns), StdDev (ns): over
--     durations; the deviation is that of a sample, 0 of one. Ranges that are never closed do not count.
--   Range: the name, with its domain.
--   trace: name of the trace.
CREATE VIEW nsys_nvtx_pushpop_sum AS
WITH __tq_timed AS (
  SELECT name AS label, dur, trace FROM _nsys_range WHERE dur <> -1 AND style = 'PushPop'
)
SELECT
  ratio AS "Time (%)", total AS "Total Time (ns)", count AS "Instances", avg AS "Avg (ns)",
  med AS "Med (ns)", min AS "Min (ns)", max AS "Max (ns)", stddev AS "StdDev (ns)",
  label AS "Range", trace
FROM _nsys_durations(__tq_timed) ORDER BY trace, total DESC, label;

-- Start/end ranges by name.
--
-- Also called: nvtxsesum, startendsum, nvtxstartendsum.
--
--   "a" (dur 10), "a" (dur 20), "b" (dur 10)   give   a: 75.0 %, 30 ns, 2 times
--
-- Columns:
--   Time (%): share of the total time of the report, to one decimal.
--   Total Time (ns), Instances, Avg (ns), Med (ns), Min (ns), Max (ns), StdDev (ns): over
--     durations; the deviation is that of a sample, 0 of one. Ranges that are never closed do not count.
--   Range: the name, with its domain.
--   trace: name of the trace.
CREATE VIEW nsys_nvtx_startend_sum AS
WITH __tq_timed AS (
  SELECT name AS label, dur, trace FROM _nsys_range WHERE dur <> -1 AND style = 'StartEnd'
)
SELECT
  ratio AS "Time (%)", total AS "Total Time (ns)", count AS "Instances", avg AS "Avg (ns)",
  med AS "Med (ns)", min AS "Min (ns)", max AS "Max (ns)", stddev AS "StdDev (ns)",
  label AS "Range", trace
FROM _nsys_durations(__tq_timed) ORDER BY trace, total DESC, label;

-- Push/pop ranges among the others of their thread, whatever calls stand between them.
CREATE VIEW _nsys_nested AS
WITH RECURSIVE
  __tq_ranges AS (
    SELECT id, ts, dur, utid FROM _nsys_range WHERE style = 'PushPop' AND dur <> -1
  ),
  nested AS MATERIALIZED (
    SELECT id, parent_id, depth, self_dur FROM interval_depth(__tq_ranges, utid)
  ),
  stacked AS (
    SELECT n.id, n.parent_id, n.depth, n.self_dur, ':' || n.id % 4294967296 AS stack, r.name AS tree
    FROM nested n JOIN _nsys_range r ON r.id = n.id WHERE n.parent_id IS NULL
    UNION ALL
    SELECT n.id, n.parent_id, n.depth, n.self_dur, s.stack || ':' || n.id % 4294967296, r.name
    FROM nested n JOIN stacked s ON s.id = n.parent_id JOIN _nsys_range r ON r.id = n.id
  )
SELECT s.*, coalesce(c.children, 0) AS children
FROM stacked s
LEFT JOIN (SELECT parent_id, count(*) AS children FROM nested GROUP BY parent_id) c
  ON c.parent_id = s.id;

-- Every push/pop range, by start, among those of its thread.
--
-- Also called: nvtxpptrace.
--
--   "outer" (0 to 10) around "inner" (2 to 5)   give   outer: DurChild 3, DurNonChild 7, NumChild 1
--
-- Columns:
--   Start (ns), End (ns), Duration (ns): of the range.
--   DurChild (ns), DurNonChild (ns): in ranges within it, and not.
--   Name, PID, TID: of the range.
--   Lvl: number of ranges around it. NumChild: number of ranges directly within.
--   RangeId, ParentId: numbers of the range and of the one around it, within its trace.
--   RangeStack: the numbers from the outermost range to this one.
--   NameTree: the name, indented by level.
--   trace: name of the trace.
CREATE VIEW nsys_nvtx_pushpop_trace AS
SELECT
  r.ts AS "Start (ns)", r.ts + r.dur AS "End (ns)", r.dur AS "Duration (ns)",
  r.dur - n.self_dur AS "DurChild (ns)", n.self_dur AS "DurNonChild (ns)", r.name AS "Name",
  r.pid AS "PID", r.tid AS "TID", n.depth AS "Lvl", n.children AS "NumChild", r.id % 4294967296 AS "RangeId",
  n.parent_id % 4294967296 AS "ParentId", n.stack AS "RangeStack", repeat('  ', n.depth) || r.name AS "NameTree",
  r.trace
FROM _nsys_range r JOIN _nsys_nested n ON n.id = r.id
ORDER BY r.trace, r.ts, n.depth, r.id;

-- Ranges with the work of devices that they launched.
CREATE VIEW _nsys_projected AS
WITH projected AS MATERIALIZED (
  SELECT id, ts, dur, range_ts, range_dur, op_count, level, parent_id FROM gpu_range
)
SELECT
  g.id, r.name, r.style, g.ts, g.dur, g.range_ts, g.range_dur, r.pid, r.tid, g.op_count, g.level,
  g.parent_id, coalesce(c.children, 0) AS children, r.trace
FROM projected g
JOIN _nsys_range r ON r.id = g.id
LEFT JOIN (SELECT parent_id, count(*) AS children FROM projected GROUP BY parent_id) c
  ON c.parent_id = g.id;

-- Ranges by name, as seen by the devices: from the first start to the last end of what was
-- launched in them.
--
-- Also called: nvtxgpuproj.
--
--   "a" (0 to 10) launches a kernel from 20 to 50   gives   Total Proj Time 30, Total Range Time 10
--
-- Columns:
--   Range, Style: the name with its domain, PushPop or StartEnd.
--   Total Proj Time (ns), Total Range Time (ns): on devices, on the host.
--   Range Instances: ranges that launched something.
--   Proj Avg (ns), Proj Med (ns), Proj Min (ns), Proj Max (ns), Proj StdDev (ns): on devices.
--   Total GPU Ops, Avg GPU Ops: works.
--   Avg Range Lvl, Avg Num Child: ranges around and within, that launched something too.
--   trace: name of the trace.
CREATE VIEW nsys_nvtx_gpu_proj_sum AS
SELECT
  name AS "Range", style AS "Style", sum(dur)::BIGINT AS "Total Proj Time (ns)",
  sum(range_dur)::BIGINT AS "Total Range Time (ns)", count(*) AS "Range Instances",
  round(avg(dur), 1) AS "Proj Avg (ns)", round(median(dur), 1) AS "Proj Med (ns)",
  min(dur) AS "Proj Min (ns)", max(dur) AS "Proj Max (ns)",
  round(coalesce(stddev_samp(dur), 0), 1) AS "Proj StdDev (ns)",
  sum(op_count)::BIGINT AS "Total GPU Ops", round(avg(op_count), 1) AS "Avg GPU Ops",
  round(avg(level), 1) AS "Avg Range Lvl", round(avg(children), 1) AS "Avg Num Child", trace
FROM _nsys_projected GROUP BY name, style, trace
ORDER BY trace, sum(dur) DESC, name, style;

-- Every range that launched work, by start on the devices.
--
-- Also called: nvtxgpuprojtrace.
--
--   "a" (0 to 10) launches a kernel from 20 to 50   gives   Projected Start 20, Duration 30
--
-- Columns:
--   Name: of the range, with its domain.
--   Projected Start (ns), Projected Duration (ns): on devices.
--   Orig Start (ns), Orig Duration (ns): on the host.
--   Style, PID, TID: of the range.
--   NumGPUOps: works.
--   Lvl, NumChild: ranges around and within, that launched something too.
--   RangeId, ParentId: numbers of the range and of the one around it, within its trace.
--   RangeStack: the numbers from the outermost range to this one.
--   trace: name of the trace.
CREATE VIEW nsys_nvtx_gpu_proj_trace AS
WITH RECURSIVE
  projected AS MATERIALIZED (SELECT * FROM _nsys_projected),
  stacked AS (
    SELECT id, ':' || id % 4294967296 AS stack FROM projected WHERE parent_id IS NULL
    UNION ALL
    SELECT p.id, s.stack || ':' || p.id % 4294967296 FROM projected p JOIN stacked s ON s.id = p.parent_id
  )
SELECT
  p.name AS "Name", p.ts AS "Projected Start (ns)", p.dur AS "Projected Duration (ns)",
  p.range_ts AS "Orig Start (ns)", p.range_dur AS "Orig Duration (ns)", p.style AS "Style",
  p.pid AS "PID", p.tid AS "TID", p.op_count AS "NumGPUOps", p.level AS "Lvl",
  p.children AS "NumChild", p.id % 4294967296 AS "RangeId",
  p.parent_id % 4294967296 AS "ParentId",
  s.stack AS "RangeStack", p.trace
FROM projected p JOIN stacked s ON s.id = p.id
ORDER BY p.trace, p.ts, p.level, p.id;

-- Kernels by the range that they were launched in; a kernel counts for every range around it.
--
-- Also called: nvtxkernsum.
--
--   "a" around "b" launches a kernel (dur 10)   gives   the kernel in "a" and in "b"
--
-- Columns:
--   NVTX Range, Style, PID, TID: the range, with its domain.
--   NVTX Inst, Kern Inst: ranges of that name that launched the kernel; how often it ran for them.
--   Total Time (ns), Avg (ns), Med (ns), Min (ns), Max (ns), StdDev (ns): of the kernel.
--   Kernel Name: the kernel.
--   trace: name of the trace.
CREATE VIEW nsys_nvtx_kern_sum AS
SELECT
  r.name AS "NVTX Range", r.style AS "Style", r.pid AS "PID", r.tid AS "TID",
  count(DISTINCT r.id) AS "NVTX Inst", count(*) AS "Kern Inst",
  sum(k.dur)::BIGINT AS "Total Time (ns)", round(avg(k.dur), 1) AS "Avg (ns)",
  round(median(k.dur), 1) AS "Med (ns)", min(k.dur) AS "Min (ns)", max(k.dur) AS "Max (ns)",
  round(coalesce(stddev_samp(k.dur), 0), 1) AS "StdDev (ns)", k.name AS "Kernel Name", k.trace
FROM gpu_op_range o
JOIN _nsys_range r ON r.id = o.range_id
JOIN gpu_kernel k ON k.id = o.slice_id
GROUP BY r.name, r.style, r.pid, r.tid, k.name, k.trace
ORDER BY k.trace, sum(k.dur) DESC, "NVTX Range", "Kernel Name", r.pid, r.tid;
