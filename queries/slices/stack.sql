-- Slices by their stack: the names of the slices around them and their own.

-- Hashes of the stacks of all slices.
CREATE VIEW _slice_stack AS
SELECT unnest(__k_tree_path_hashes(__tq_l), recursive := true)
FROM (
  SELECT
    list({'id': id::BIGINT, 'parent_id': parent_id::BIGINT,
          'value': (hash(coalesce(category, ''), coalesce(name, '')) >> 1)::BIGINT}) AS __tq_l
  FROM slice GROUP BY track_id
);

-- Slices with a number of their stack: slices with equal names and categories, from the outermost
-- slice down to themselves, have the same, on every track and in every trace.
--
--   step > op   and elsewhere   step > op   give   the same stack_id and parent_stack_id
--
-- Columns:
--   id, ts, dur, track_id, category, name, depth, parent_id, arg_set_id, thread_ts, thread_dur,
--   thread_instruction_count, thread_instruction_delta: as in `slice` (times in ns).
--   stack_id: the number.
--   parent_stack_id: that of the slice around it; 0 where there is none.
--   trace: name of the trace.
CREATE VIEW slice_with_stack_id AS
SELECT
  s.id, s.ts, s.dur, s.track_id, s.category, s.name, s.depth, s.parent_id, s.arg_set_id,
  s.thread_ts, s.thread_dur, s.thread_instruction_count, s.thread_instruction_delta,
  h.path_hash AS stack_id, coalesce(h.parent_path_hash, 0) AS parent_stack_id, s.trace
FROM slice s JOIN _slice_stack h ON h.id = s.id;

-- The slices of a stack, and all slices around them.
--
--   0 (step) encloses 1 (op)      ancestor_slice_by_stack(stack of 1)   gives   ids 0, 1
--
-- Arguments:
--   stack_hash: a stack_id of `slice_with_stack_id`.
-- Columns: id, ts, dur (ns), track_id, category, name, depth, parent_id, arg_set_id, thread_ts,
-- thread_dur; trace.
CREATE MACRO ancestor_slice_by_stack(stack_hash) AS TABLE
WITH RECURSIVE
  __tq_up AS (
    SELECT id FROM _slice_stack WHERE path_hash = stack_hash
    UNION
    SELECT s.parent_id FROM slice s JOIN __tq_up u ON s.id = u.id WHERE s.parent_id IS NOT NULL
  )
SELECT
  s.id, s.ts, s.dur, s.track_id, s.category, s.name, s.depth, s.parent_id, s.arg_set_id,
  s.thread_ts, s.thread_dur, s.trace
FROM slice s JOIN __tq_up u ON s.id = u.id ORDER BY s.ts, s.depth, s.id;

-- The slices of a stack, and all slices inside them.
--
--   0 (step) encloses 1 (op)      descendant_slice_by_stack(stack of 0)   gives   ids 0, 1
--
-- Arguments:
--   stack_hash: a stack_id of `slice_with_stack_id`.
-- Columns: as of ancestor_slice_by_stack.
CREATE MACRO descendant_slice_by_stack(stack_hash) AS TABLE
WITH RECURSIVE
  __tq_down AS (
    SELECT id FROM _slice_stack WHERE path_hash = stack_hash
    UNION
    SELECT s.id FROM slice s JOIN __tq_down u ON s.parent_id = u.id
  )
SELECT
  s.id, s.ts, s.dur, s.track_id, s.category, s.name, s.depth, s.parent_id, s.arg_set_id,
  s.thread_ts, s.thread_dur, s.trace
FROM slice s JOIN __tq_down u ON s.id = u.id ORDER BY s.ts, s.depth, s.id;

-- Slices with all columns of `slice`, stack_id and parent_stack_id filled.
CREATE VIEW _slice_by_stack AS
SELECT s.* REPLACE (h.path_hash AS stack_id, coalesce(h.parent_path_hash, 0) AS parent_stack_id)
FROM slice s JOIN _slice_stack h ON h.id = s.id;
