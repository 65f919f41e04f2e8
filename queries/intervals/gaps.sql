-- Time that nothing covers.

-- The times between intervals, when none is open. Touching intervals leave no gap, and intervals of
-- length 0 fill none. Nothing is said about the time before the first and after the last.
--
--   ts | dur         ts | dur
--   0  | 10     ->   10 | 5
--   15 | 5
--
-- Arguments:
--   intervals: a table, view or CTE with columns ts, dur (ns). Rows without a ts or dur are left
--     out; dur -1 is an interval that never ends.
--   key: an expression over its columns; every value of it, NULL too, is a timeline of its own. A
--     struct makes several columns one key; a constant makes one timeline of all rows.
-- Columns:
--   key: the value of the key.
--   ts, dur: the gap, ns.
-- kernel: interval_gaps
CREATE MACRO interval_gaps(intervals, key) AS TABLE
SELECT
  __tq_k AS key,
  unnest(__k_interval_gaps(__tq_l, '-9223372036854775808'::BIGINT, '-9223372036854775808'::BIGINT),
         recursive := true)
FROM (
  SELECT key AS __tq_k, list({'ts': ts::BIGINT, 'dur': dur::BIGINT}) AS __tq_l
  FROM query_table(intervals) WHERE ts IS NOT NULL AND dur IS NOT NULL GROUP BY __tq_k
);
