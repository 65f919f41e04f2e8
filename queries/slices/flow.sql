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

-- The flows that can be followed from a slice: those that leave it, and those that leave what they
-- enter, or what lies inside that.
--
-- Arguments:
--   of_slice: id of the slice.
-- Columns: id (of the flow), slice_out, slice_in; trace.
CREATE MACRO following_flow(of_slice) AS TABLE
WITH RECURSIVE
  __tq_met AS (
    SELECT of_slice::BIGINT AS id
    UNION
    SELECT __tq_next.id FROM __tq_met JOIN (
      SELECT slice_out::BIGINT AS below, slice_in::BIGINT AS id FROM flow
      UNION ALL SELECT parent_id, id FROM slice
      WHERE parent_id IS NOT NULL AND EXISTS (FROM flow)
    ) AS __tq_next ON __tq_next.below = __tq_met.id
    WHERE __tq_met.id <> of_slice OR __tq_next.id NOT IN (
      SELECT id FROM slice WHERE parent_id = of_slice)
  )
SELECT f.id, f.slice_out, f.slice_in, f.trace FROM flow f JOIN __tq_met ON f.slice_out = __tq_met.id;

-- The flows that lead to a slice: those that enter it, and those that enter where they leave from,
-- or what lies around that.
--
-- Arguments:
--   of_slice: id of the slice.
-- Columns: id (of the flow), slice_out, slice_in; trace.
CREATE MACRO preceding_flow(of_slice) AS TABLE
WITH RECURSIVE
  __tq_met AS (
    SELECT of_slice::BIGINT AS id
    UNION
    SELECT __tq_next.id FROM __tq_met JOIN (
      SELECT slice_in::BIGINT AS above, slice_out::BIGINT AS id FROM flow
      UNION ALL SELECT id, parent_id FROM slice
      WHERE parent_id IS NOT NULL AND EXISTS (FROM flow)
    ) AS __tq_next ON __tq_next.above = __tq_met.id
    WHERE __tq_met.id <> of_slice OR __tq_next.id IS DISTINCT FROM (
      SELECT parent_id FROM slice WHERE id = of_slice)
  )
SELECT f.id, f.slice_out, f.slice_in, f.trace FROM flow f JOIN __tq_met ON f.slice_in = __tq_met.id;
