-- Statistics of counters over a window of values.

-- Describes the last few values of a series, at each of them. Values that are null take a place in
-- the window but do not count.
--
--   values 1, 5, 3 with window_count 2   give   medians 1, 3, 4 and means 1, 3, 4
--
-- Arguments:
--   samples: a table, view or CTE with columns id, ts (ns), value: `counter`, or a CTE over it.
--   key: an expression over its columns, such as track_id; each value of it is a series.
--   window_count: number of values, a constant.
-- Columns:
--   key: the value of the key.
--   id, ts, value: of the sample.
--   count: values in the window.
--   mean, stddev, min, median, max: of them; null where there are none, and stddev (of a sample)
--     where there are fewer than two.
-- kernel: rolling
CREATE MACRO counter_rolling(samples, key, window_count) AS TABLE
SELECT __tq_k AS key, unnest(__k_rolling(__tq_l, window_count::BIGINT), recursive := true)
FROM (
  SELECT
    key AS __tq_k,
    list({'id': id::BIGINT, 'ts': ts::BIGINT, 'value': value::DOUBLE}) AS __tq_l
  FROM query_table(samples) WHERE ts IS NOT NULL GROUP BY __tq_k
);
