-- Intervals that leave no time out.

-- The intervals of a key, and rows without data for the times in between, from trace_start() to
-- trace_end(). Intervals of one key must not overlap; those of length 0 are left out. A key that
-- has only rows without ts gets one row over the whole trace.
--
--   ts  | dur | k | d          ts  | dur | key | data        (a trace from 100 to 130)
--   110 | 5   | 1 | 'x'   ->   100 | 10  | 1   | null
--                              110 | 5   | 1   | x
--                              115 | 15  | 1   | null
--
-- Arguments:
--   group_key: an expression over the columns; each value of it is filled on its own.
--   data_columns: what to carry along: a column, or a struct of several.
--   intervals: a table, view or CTE with columns ts, dur (ns); dur -1 never ends.
-- Columns:
--   ts, dur: ns.
--   key: the value of group_key.
--   data: the data; null in gaps.
-- kernel: interval_gaps
CREATE MACRO intervals_fill_gaps(group_key, data_columns, intervals) AS TABLE
WITH
  __tq_rows AS (
    SELECT ts AS __tq_ts, dur AS __tq_dur, group_key AS __tq_k, data_columns AS __tq_d
    FROM query_table(intervals)
  ),
  __tq_gaps AS (
    SELECT __tq_k, unnest(__k_interval_gaps(__tq_l, trace_start(), trace_end())) AS __tq_g
    FROM (
      SELECT
        __tq_k,
        coalesce(list({'ts': __tq_ts::BIGINT, 'dur': __tq_dur::BIGINT})
          FILTER (WHERE __tq_ts IS NOT NULL AND __tq_dur IS NOT NULL), []) AS __tq_l
      FROM __tq_rows GROUP BY __tq_k
    )
  )
SELECT __tq_ts::BIGINT AS ts, __tq_dur::BIGINT AS dur, __tq_k AS key, __tq_d AS data
FROM __tq_rows WHERE __tq_ts IS NOT NULL AND (__tq_dur > 0 OR __tq_dur = -1)
UNION ALL
SELECT __tq_g.ts, __tq_g.dur, __tq_k, NULL FROM __tq_gaps;
