-- Covered time.

-- The times that at least one interval covers, disjoint and not touching. Intervals of length 0
-- cover nothing.
--
--   ts | dur | k         key | ts | dur
--   0  | 10  | 1    ->   1   | 0  | 15
--   5  | 10  | 1         1   | 20 | 1
--   20 | 1   | 1
--
-- Arguments:
--   intervals: a table, view or CTE with columns ts, dur (ns). Rows without a ts or dur are left
--     out; dur -1 is an interval that never ends.
--   key: an expression over its columns; every value of it, NULL too, is a timeline of its own. A
--     struct makes several columns one key; a constant makes one timeline of all rows.
-- Columns:
--   key: the value of the key.
--   ts, dur: covered time, ns; dur -1 where it never ends.
-- kernel: interval_union
CREATE MACRO interval_union(intervals, key) AS TABLE
SELECT __tq_k AS key, unnest(__k_interval_union(__tq_l), recursive := true)
FROM (
  SELECT key AS __tq_k, list({'ts': ts::BIGINT, 'dur': dur::BIGINT}) AS __tq_l
  FROM query_table(intervals) WHERE ts IS NOT NULL AND dur IS NOT NULL GROUP BY __tq_k
);
