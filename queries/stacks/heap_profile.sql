-- Memory over the tree of stacks that allocated it.

-- Allocations and frees under the name and columns that they have in Perfetto.
--
-- Columns: id; ts (ns); upid; heap_name (the pool); callsite_id (key into stack_profile_callsite);
-- count (1, or -1 for a free); size (bytes; negative for a free); trace.
CREATE VIEW heap_profile_allocation AS
SELECT
  id, ts, upid, pool AS heap_name, frame_id AS callsite_id,
  CASE WHEN kind = 'free' THEN -1 ELSE 1 END AS count,
  CASE WHEN kind = 'free' THEN -bytes ELSE bytes END AS size, trace
FROM allocation;

-- Every frame of the tree of stacks with the memory that it and what it calls allocated, and how much
-- of that was not freed. A free counts at the stack that the tool names for it: where tools name the
-- stack of the free and not of the allocation, only the columns of allocations tell something.
--
--   work, which main calls: alloc 64, free 64; main: alloc 32
--   give   main: self_size 32, cumulative_size 32, cumulative_alloc_size 96; work: 0, 0, 64
--
-- Columns:
--   id, parent_id: the frame and its caller, as in `frame`.
--   name, mapping_name, source_file, line_number: of the frame.
--   self_count, self_size: allocations less frees in it, in number and bytes.
--   cumulative_count, cumulative_size: in it and in what it calls.
--   self_alloc_count, self_alloc_size, cumulative_alloc_count, cumulative_alloc_size: allocations
--     alone.
--   trace: name of the trace.
CREATE VIEW heap_profile_summary_tree AS
WITH
  __tq_at AS (
    SELECT
      callsite_id, sum(count)::BIGINT AS count, coalesce(sum(size), 0)::BIGINT AS size,
      count(*) FILTER (WHERE count > 0) AS alloc_count,
      coalesce(sum(size) FILTER (WHERE count > 0), 0)::BIGINT AS alloc_size
    FROM heap_profile_allocation WHERE callsite_id IS NOT NULL GROUP BY callsite_id
  ),
  __tq_all AS (SELECT f.id, f.parent_id, a.* FROM frame f LEFT JOIN __tq_at a ON a.callsite_id = f.id),
  __tq_count AS (SELECT id, parent_id, count AS value FROM __tq_all),
  __tq_size AS (SELECT id, parent_id, size AS value FROM __tq_all),
  __tq_alloc_count AS (SELECT id, parent_id, alloc_count AS value FROM __tq_all),
  __tq_alloc_size AS (SELECT id, parent_id, alloc_size AS value FROM __tq_all)
SELECT
  f.id, f.parent_id, f.name, f.module AS mapping_name, f.file AS source_file,
  f.line AS line_number, coalesce(a.count, 0) AS self_count, coalesce(a.size, 0) AS self_size,
  c.subtree_value AS cumulative_count, s.subtree_value AS cumulative_size,
  coalesce(a.alloc_count, 0) AS self_alloc_count, coalesce(a.alloc_size, 0) AS self_alloc_size,
  d.subtree_value AS cumulative_alloc_count, e.subtree_value AS cumulative_alloc_size, f.trace
FROM frame f
JOIN __tq_all a ON a.id = f.id
JOIN tree_totals(__tq_count) c ON c.id = f.id JOIN tree_totals(__tq_size) s ON s.id = f.id
JOIN tree_totals(__tq_alloc_count) d ON d.id = f.id
JOIN tree_totals(__tq_alloc_size) e ON e.id = f.id
WHERE d.subtree_value > 0 OR c.subtree_value <> 0;
