-- Walking along flows: from launches to what they launched, from senders to receivers.

-- The flows of the chains through a slice: those that leave it, those that leave what they enter,
-- and so on; and those that enter it, those that enter where they leave from, and so on.
--
--   flow 0: slice 1 to 2; flow 1: slice 2 to 3      directly_connected_flow(3)   gives   flows 0, 1
--
-- Arguments:
--   of_slice: id of the slice.
-- Columns: id (of the flow), slice_out, slice_in, trace_id (null), arg_set_id; trace.
CREATE MACRO directly_connected_flow(of_slice) AS TABLE
WITH RECURSIVE
  -- An argument may be a column of the query around: no column here may have its name.
  __tq_after AS (
    SELECT of_slice::BIGINT AS id
    UNION
    SELECT f.slice_in FROM __tq_after JOIN flow f ON f.slice_out = __tq_after.id
  ),
  __tq_before AS (
    SELECT of_slice::BIGINT AS id
    UNION
    SELECT f.slice_out FROM __tq_before JOIN flow f ON f.slice_in = __tq_before.id
  )
SELECT f.id, f.slice_out, f.slice_in, f.trace_id, f.arg_set_id, f.trace
FROM flow f JOIN __tq_after a ON f.slice_out = a.id
UNION
SELECT f.id, f.slice_out, f.slice_in, f.trace_id, f.arg_set_id, f.trace
FROM flow f JOIN __tq_before b ON f.slice_in = b.id
ORDER BY id;

-- The slices that a walk from a slice meets. `steps` has columns a, b: one row a way from a to b.
CREATE MACRO _walk(of_slice, steps) AS TABLE
WITH RECURSIVE
  __tq_met AS (
    SELECT of_slice::BIGINT AS id
    UNION
    SELECT __tq_n.b FROM __tq_met JOIN query_table(steps) AS __tq_n ON __tq_n.a = __tq_met.id
  )
SELECT id FROM __tq_met;

-- The flows that can be followed from a slice: those that leave it or what lies inside it, and
-- those that leave what they enter, or what lies inside that.
--
--   flow 0: slice 1 to 2; slice 2 encloses 3; flow 1: slice 3 to 4
--   following_flow(1)   gives   flows 0, 1
--
-- Arguments:
--   of_slice: id of the slice.
-- Columns: id (of the flow), slice_out, slice_in, trace_id (null), arg_set_id; trace.
CREATE MACRO following_flow(of_slice) AS TABLE
WITH
  __tq_onward AS (
    SELECT slice_out::BIGINT AS a, slice_in::BIGINT AS b FROM flow
    UNION ALL
    SELECT parent_id, id FROM slice WHERE parent_id IS NOT NULL AND EXISTS (FROM flow)
  )
SELECT f.id, f.slice_out, f.slice_in, f.trace_id, f.arg_set_id, f.trace
FROM flow f JOIN _walk(of_slice, __tq_onward) w ON f.slice_out = w.id ORDER BY f.id;

-- The flows that lead to a slice: those that enter it or what lies around it, and those that
-- enter where they leave from, or what lies around that.
--
--   flow 0: slice 1 to 2; slice 2 encloses 3; flow 1: slice 3 to 4
--   preceding_flow(4)   gives   flows 0, 1
--
-- Arguments:
--   of_slice: id of the slice.
-- Columns: id (of the flow), slice_out, slice_in, trace_id (null), arg_set_id; trace.
CREATE MACRO preceding_flow(of_slice) AS TABLE
WITH
  __tq_back AS (
    SELECT slice_in::BIGINT AS a, slice_out::BIGINT AS b FROM flow
    UNION ALL
    SELECT id, parent_id FROM slice WHERE parent_id IS NOT NULL AND EXISTS (FROM flow)
  )
SELECT f.id, f.slice_out, f.slice_in, f.trace_id, f.arg_set_id, f.trace
FROM flow f JOIN _walk(of_slice, __tq_back) w ON f.slice_in = w.id ORDER BY f.id DESC;
