-- Intervals merged where they overlap.

-- Merges intervals that overlap, touch, or are at most epsilon apart. Intervals of length 0 count.
--
--   ts | dur         ts | dur
--   0  | 10     ->   0  | 15       with epsilon 0
--   5  | 10          17 | 0
--   17 | 0
--
-- Arguments:
--   intervals: a table, view or CTE with columns ts, dur (ns). Rows without a ts or dur are left
--     out; dur -1 is an interval that never ends.
--   epsilon: largest distance that still merges, ns; a constant.
-- Columns:
--   ts, dur: merged intervals, ns; dur -1 where it never ends.
-- kernel: interval_merge
CREATE MACRO interval_merge_overlapping(intervals, epsilon) AS TABLE
SELECT unnest(__k_interval_merge(__tq_l, epsilon::BIGINT), recursive := true)
FROM (SELECT list({'ts': ts::BIGINT, 'dur': dur::BIGINT}) AS __tq_l FROM query_table(intervals) WHERE ts IS NOT NULL AND dur IS NOT NULL
      HAVING count(*) > 0);

-- Merges intervals that overlap or touch, each value of a key on its own.
--
--   ts | dur | k         key | ts | dur
--   0  | 10  | 1    ->   1   | 0  | 15
--   5  | 10  | 1         2   | 5  | 10
--   5  | 10  | 2
--
-- Arguments:
--   intervals: a table, view or CTE with columns ts, dur (ns). Rows without a ts or dur are left
--     out; dur -1 is an interval that never ends.
--   key: an expression over its columns; every value of it, NULL too, is a timeline of its own. A
--     struct makes several columns one key; a constant makes one timeline of all rows.
-- Columns:
--   key: the value of the key.
--   ts, dur: merged intervals, ns; dur -1 where it never ends.
-- kernel: interval_merge
CREATE MACRO interval_merge_overlapping_partitioned(intervals, key) AS TABLE
SELECT __tq_k AS key, unnest(__k_interval_merge(__tq_l, 0), recursive := true)
FROM (
  SELECT key AS __tq_k, list({'ts': ts::BIGINT, 'dur': dur::BIGINT}) AS __tq_l
  FROM query_table(intervals) WHERE ts IS NOT NULL AND dur IS NOT NULL GROUP BY __tq_k
);
