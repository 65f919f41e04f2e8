-- Walking along flows: from launches to what they launched, from senders to receivers.

-- The flows that leave or enter a slice.
--
--   flow 0 leads from slice 1 to slice 2      directly_connected_flow(2)   gives   flow 0
--
-- Arguments:
--   of_slice: id of the slice.
-- Columns: id (of the flow), slice_out, slice_in; trace.
CREATE MACRO directly_connected_flow(of_slice) AS TABLE
SELECT id, slice_out, slice_in, trace FROM flow
WHERE slice_out = of_slice OR slice_in = of_slice;

-- The slices that a walk from a slice meets. `steps` has columns a, b, inward: one row a way from a
-- to b. From the slice itself no way inward is taken: its own children, or its parent, say nothing
-- about it.
CREATE MACRO _walk(of_slice, steps) AS TABLE
WITH RECURSIVE
  __tq_met AS (
    SELECT of_slice::BIGINT AS id
    UNION
    SELECT __tq_n.b FROM __tq_met JOIN query_table(steps) AS __tq_n ON __tq_n.a = __tq_met.id
    WHERE NOT (__tq_n.inward AND __tq_met.id = of_slice)
  )
SELECT id FROM __tq_met;

-- The flows that can be followed from a slice: those that leave it, and those that leave what they
-- enter, or what lies inside that.
--
--   flow 0: slice 1 to 2; slice 2 encloses 3; flow 1: slice 3 to 4
--   following_flow(1)   gives   flows 0, 1
--
-- Arguments:
--   of_slice: id of the slice.
-- Columns: id (of the flow), slice_out, slice_in; trace.
CREATE MACRO following_flow(of_slice) AS TABLE
WITH
  __tq_onward AS (
    SELECT slice_out::BIGINT AS a, slice_in::BIGINT AS b, false AS inward FROM flow
    UNION ALL
    SELECT parent_id, id, true FROM slice WHERE parent_id IS NOT NULL AND EXISTS (FROM flow)
  )
SELECT f.id, f.slice_out, f.slice_in, f.trace
FROM flow f JOIN _walk(of_slice, __tq_onward) w ON f.slice_out = w.id;

-- The flows that lead to a slice: those that enter it, and those that enter where they leave from,
-- or what lies around that.
--
--   flow 0: slice 1 to 2; slice 2 encloses 3; flow 1: slice 3 to 4
--   preceding_flow(4)   gives   flows 0, 1
--
-- Arguments:
--   of_slice: id of the slice.
-- Columns: id (of the flow), slice_out, slice_in; trace.
CREATE MACRO preceding_flow(of_slice) AS TABLE
WITH
  __tq_back AS (
    SELECT slice_in::BIGINT AS a, slice_out::BIGINT AS b, false AS inward FROM flow
    UNION ALL
    SELECT id, parent_id, true FROM slice WHERE parent_id IS NOT NULL AND EXISTS (FROM flow)
  )
SELECT f.id, f.slice_out, f.slice_in, f.trace
FROM flow f JOIN _walk(of_slice, __tq_back) w ON f.slice_in = w.id;
