-- How many intervals are open at a time.

-- The number of open intervals, at every time at which one starts or ends. It holds until the next
-- row. A time at which as many start as end, or an interval of length 0, gives a row all the same.
--
--   ts | dur         ts | value
--   0  | 10     ->   0  | 1
--   5  | 10          5  | 2
--                    10 | 1
--                    15 | 0
--
-- Arguments:
--   segments: a table, view or CTE.
--   ts_column: its column with the start (ns), such as ts.
--   dur_column: its column with the length (ns), such as dur; -1 is an interval that never ends.
-- Columns:
--   ts: from when on, ns.
--   value: the number.
-- kernel: overlap_count
CREATE MACRO intervals_overlap_count(segments, ts_column, dur_column) AS TABLE
SELECT unnest(__k_overlap_count(__tq_l), recursive := true)
FROM (
  SELECT list({'ts': ts_column::BIGINT, 'dur': dur_column::BIGINT}) AS __tq_l
  FROM query_table(segments) WHERE ts_column IS NOT NULL AND dur_column IS NOT NULL
  HAVING count(*) > 0
);

-- The number of open intervals of each group (as intervals_overlap_count).
--
-- Arguments:
--   segments: a table, view or CTE.
--   ts_column: as of intervals_overlap_count.
--   dur_column: as of intervals_overlap_count.
--   group_column: a column or expression; each value of it, NULL too, is counted on its own.
-- Columns:
--   ts: from when on, ns.
--   value: the number.
--   group_name: the value of group_column.
-- kernel: overlap_count
CREATE MACRO intervals_overlap_count_by_group(segments, ts_column, dur_column, group_column) AS TABLE
SELECT __tq_u.ts AS ts, __tq_u.value AS value, __tq_k AS group_name
FROM (
  SELECT __tq_k, unnest(__k_overlap_count(__tq_l)) AS __tq_u
  FROM (
    SELECT
      group_column AS __tq_k,
      list({'ts': ts_column::BIGINT, 'dur': dur_column::BIGINT}) AS __tq_l
    FROM query_table(segments) WHERE ts_column IS NOT NULL AND dur_column IS NOT NULL
    GROUP BY __tq_k
  )
);
