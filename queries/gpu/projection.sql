-- Ranges that the program marked (NVTX, roctx, record_function), and the work they launched.

-- Ranges of threads, those never closed cut at the latest time that any range speaks of.
CREATE VIEW _marked_range AS
SELECT
  id, name, name_id, ts,
  CASE WHEN dur = -1 THEN max(ts + greatest(dur, 0)) OVER (PARTITION BY trace) - ts ELSE dur
  END AS dur,
  utid, upid, track_id, trace
FROM (
  SELECT s.id, s.name, s.name_id, s.ts, s.dur, k.utid, k.upid, s.track_id, s.trace
  FROM slice s JOIN track k ON k.id = s.track_id
  WHERE s.category IN ('nvtx', 'nvtx_range', 'roctx', 'user_annotation') AND k.utid IS NOT NULL
);

-- Works with the calls that launched them and the threads of those.
CREATE VIEW _launched_work AS
SELECT id, api_id AS call_id, api_ts AS call_ts, api_dur AS call_dur, utid, ts, dur
FROM gpu_launch WHERE utid IS NOT NULL;

-- Projects ranges of threads onto the work that calls within them launched. A range contains the
-- calls of its own thread that start no earlier and end no later than it.
--
--   range 1 (0 to 100) contains range 2 (10 to 40); a call of work of dur 5 lies in 2, one of work
--   of dur 7 in 1 only   gives   1: op_count 2, sum_dur 12, own_sum_dur 7; 2: sum_dur 5
--
-- Arguments:
--   ranges: a table, view or CTE with columns id, ts, dur (ns) and utid. Rows without any of them,
--     and those with dur -1, are left out.
--   works: a table, view or CTE with columns id, ts, dur of the work; call_id, call_ts, call_dur
--     of the call that launched it (ns); utid, the thread that called.
-- Columns:
--   id: of the range. Ranges that launched nothing are left out.
--   parent_id: the tightest range that contains it on its thread.
--   level: number of ranges around it, from 0.
--   ts, dur: from the first start to the last end of the work, ns.
--   call_count, op_count: calls that launched work, and works.
--   sum_dur: lengths of the works together, ns.
--   busy_dur: length of their union, ns.
--   own_op_count, own_sum_dur, own_busy_dur: of the works that no range within launched.
-- kernel: gpu_project
CREATE MACRO gpu_projection(ranges, works) AS TABLE
SELECT unnest(__k_gpu_project(__tq_l, __tq_w), recursive := true)
FROM (
  SELECT
    utid AS __tq_k, list({'id': id::BIGINT, 'ts': ts::BIGINT, 'dur': dur::BIGINT}) AS __tq_l
  FROM query_table(ranges)
  WHERE utid IS NOT NULL AND id IS NOT NULL AND ts IS NOT NULL AND dur >= 0 GROUP BY __tq_k
)
JOIN (
  SELECT
    utid AS __tq_j,
    list({'id': id::BIGINT, 'call_id': call_id::BIGINT, 'call_ts': call_ts::BIGINT,
          'call_dur': call_dur::BIGINT, 'ts': ts::BIGINT, 'dur': dur::BIGINT}) AS __tq_w
  FROM query_table(works)
  WHERE utid IS NOT NULL AND id IS NOT NULL AND call_id IS NOT NULL AND call_ts IS NOT NULL
    AND call_dur >= 0 AND ts IS NOT NULL AND dur >= 0
  GROUP BY __tq_j
) ON __tq_k = __tq_j;

-- Every work with every range around the call that launched it (as gpu_projection).
--
--   range 1 contains range 2, in which work 9 was launched   gives   9, 1 and 9, 2 (innermost)
--
-- Arguments:
--   ranges: as of gpu_projection.
--   works: as of gpu_projection.
-- Columns:
--   id: of the work.
--   range_id: of the range.
--   is_innermost: whether it is the tightest of them.
-- kernel: gpu_project_pairs
CREATE MACRO gpu_projection_pairs(ranges, works) AS TABLE
SELECT unnest(__k_gpu_project_pairs(__tq_l, __tq_w), recursive := true)
FROM (
  SELECT
    utid AS __tq_k, list({'id': id::BIGINT, 'ts': ts::BIGINT, 'dur': dur::BIGINT}) AS __tq_l
  FROM query_table(ranges)
  WHERE utid IS NOT NULL AND id IS NOT NULL AND ts IS NOT NULL AND dur >= 0 GROUP BY __tq_k
)
JOIN (
  SELECT
    utid AS __tq_j,
    list({'id': id::BIGINT, 'call_id': call_id::BIGINT, 'call_ts': call_ts::BIGINT,
          'call_dur': call_dur::BIGINT, 'ts': ts::BIGINT, 'dur': dur::BIGINT}) AS __tq_w
  FROM query_table(works)
  WHERE utid IS NOT NULL AND id IS NOT NULL AND call_id IS NOT NULL AND call_ts IS NOT NULL
    AND call_dur >= 0 AND ts IS NOT NULL AND dur >= 0
  GROUP BY __tq_j
) ON __tq_k = __tq_j;

-- Ranges that the program marked, as seen by the devices.
--
--   range "forward" (0 to 100) launches kernels at 50 (dur 10) and 120 (dur 10)   give   ts 50,
--   dur 80, op_count 2, busy_dur 20
--
-- A range belongs to its thread; one never closed counts to the latest time of any range.
--
-- Columns:
--   id, name, name_id: the range.
--   range_ts, range_dur: when the thread was in it, ns.
--   upid, utid: its process and thread.
--   parent_id, level, ts, dur, call_count, op_count, sum_dur, busy_dur, own_op_count, own_sum_dur,
--     own_busy_dur: as of `gpu_projection` (times in ns).
--   trace: name of the trace.
CREATE VIEW gpu_range AS
WITH
  __tq_ranges AS (SELECT id, ts, dur, utid FROM _marked_range),
  __tq_works AS (SELECT id, call_id, call_ts, call_dur, utid, ts, dur FROM _launched_work)
SELECT
  p.id, r.name, r.name_id, r.ts AS range_ts, r.dur AS range_dur, r.upid, r.utid, p.parent_id,
  p.level, p.ts, p.dur, p.call_count, p.op_count, p.sum_dur, p.busy_dur, p.own_op_count,
  p.own_sum_dur, p.own_busy_dur, r.trace
FROM gpu_projection(__tq_ranges, __tq_works) p JOIN _marked_range r ON r.id = p.id;

-- Works and the ranges they were launched in: a row for each range around the call.
--
--   work 9 is launched in range 2, which lies in range 1   give   9, 2 (innermost) and 9, 1
--
-- Columns:
--   slice_id: the work.
--   range_id: the range.
--   is_innermost: whether no tighter range is around the call.
--   trace: name of the trace.
CREATE VIEW gpu_op_range AS
WITH
  __tq_ranges AS (SELECT id, ts, dur, utid FROM _marked_range),
  __tq_works AS (SELECT id, call_id, call_ts, call_dur, utid, ts, dur FROM _launched_work)
SELECT p.id AS slice_id, p.range_id, p.is_innermost, r.trace
FROM gpu_projection_pairs(__tq_ranges, __tq_works) p JOIN _marked_range r ON r.id = p.range_id;

-- Ranges as seen by the devices, by name, those of the most work first.
--
--   two ranges "step" with work of 10 and 20 ns   give   count 2, sum_dur 30
--
-- Columns:
--   name, name_id: of the ranges.
--   count: ranges that launched work.
--   op_count: works.
--   sum_range_dur: time of the threads in them, ns.
--   sum_projected_dur, avg_projected_dur, min_projected_dur, median_projected_dur,
--     max_projected_dur: from the first start to the last end of the work of each range, ns.
--   sum_dur: lengths of the works together, ns.
--   sum_busy_dur: of the unions of the work of each range, ns.
--   own_op_count, sum_own_dur: works that no range within launched, and their lengths, ns.
--   avg_level: number of ranges around them.
--   trace: name of the trace.
CREATE VIEW gpu_range_summary AS
SELECT
  name, name_id, count(*) AS count, sum(op_count)::BIGINT AS op_count,
  sum(range_dur)::BIGINT AS sum_range_dur, sum(dur)::BIGINT AS sum_projected_dur,
  avg(dur) AS avg_projected_dur, min(dur) AS min_projected_dur,
  median(dur) AS median_projected_dur, max(dur) AS max_projected_dur,
  sum(sum_dur)::BIGINT AS sum_dur, sum(busy_dur)::BIGINT AS sum_busy_dur,
  sum(own_op_count)::BIGINT AS own_op_count, sum(own_sum_dur)::BIGINT AS sum_own_dur,
  avg(level) AS avg_level, trace
FROM gpu_range GROUP BY name, name_id, trace ORDER BY trace, sum_dur DESC, name;

-- Kernels by the range they were launched in. A kernel counts for every range around its call.
--
--   a kernel (dur 10) launched twice in "forward"   gives   kernel_count 2, sum_dur 20
--
-- Columns:
--   range_name, range_name_id: the range.
--   upid, utid: its process and thread.
--   range_count: ranges of that name and thread that launched the kernel.
--   name, name_id: the kernel.
--   kernel_count: how often it ran for them.
--   sum_dur, avg_dur, min_dur, median_dur, max_dur: over its runs, ns.
--   trace: name of the trace.
CREATE VIEW gpu_range_kernel_summary AS
SELECT
  r.name AS range_name, r.name_id AS range_name_id, r.upid, r.utid,
  count(DISTINCT r.id) AS range_count, k.name, k.name_id, count(*) AS kernel_count,
  sum(k.dur)::BIGINT AS sum_dur, avg(k.dur) AS avg_dur, min(k.dur) AS min_dur,
  median(k.dur) AS median_dur, max(k.dur) AS max_dur, k.trace
FROM gpu_op_range o
JOIN _marked_range r ON r.id = o.range_id
JOIN gpu_kernel k ON k.id = o.slice_id
GROUP BY r.name, r.name_id, r.upid, r.utid, k.name, k.name_id, k.trace
ORDER BY k.trace, sum_dur DESC, range_name, k.name;
