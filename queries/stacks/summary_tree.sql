-- Samples summed over the tree of stacks.

-- Every frame of the tree of stacks with the samples in it and below it.
--
--   2 samples in main > work, 1 in main   give   main: self 1, cumulative 3; work: self 2, 2
--
-- Columns:
--   id, parent_id: the frame and its caller, as in `frame`.
--   name, mapping_name, source_file, line_number: of the frame.
--   self_count: samples whose innermost frame it is.
--   cumulative_count: samples in it and in what it calls.
--   trace: name of the trace.
CREATE VIEW cpu_profiling_summary_tree AS
WITH
  __tq_counts AS (
    SELECT frame_id, count(*) AS samples FROM sample WHERE frame_id IS NOT NULL GROUP BY frame_id
  ),
  __tq_nodes AS (
    SELECT f.id, f.parent_id, coalesce(c.samples, 0) AS value
    FROM frame f LEFT JOIN __tq_counts c ON c.frame_id = f.id
  )
SELECT
  f.id, f.parent_id, f.name, f.module AS mapping_name, f.file AS source_file,
  f.line AS line_number, n.value AS self_count, t.subtree_value AS cumulative_count, f.trace
FROM tree_totals(__tq_nodes) t
JOIN __tq_nodes n ON n.id = t.id JOIN frame f ON f.id = t.id
WHERE t.subtree_value > 0;

-- Samples with the name of their innermost frame, thread and process.
--
-- Columns: id, ts (ns); utid, tid, thread_name; ucpu; callsite_id (key into
-- stack_profile_callsite); name (of the frame); trace.
CREATE VIEW cpu_profiling_samples AS
SELECT
  s.id, s.ts, s.utid, t.tid, t.name AS thread_name, s.ucpu, s.callsite_id, f.name, s.trace
FROM stack_sample s LEFT JOIN thread t ON t.utid = s.utid LEFT JOIN frame f ON f.id = s.callsite_id;

-- The summary tree under the name it has for Linux perf.
--
-- Columns: those of `cpu_profiling_summary_tree`.
CREATE VIEW linux_perf_samples_summary_tree AS SELECT * FROM cpu_profiling_summary_tree;
