-- Counters as intervals of constant value.

-- Turns values at instants into intervals that last until the value changes; equal values in a row
-- become one interval. The last interval of a track ends at trace_end().
--
--   ts | track_id | value         ts | dur | track_id | value | next_value | delta_value
--   0  | 1        | 10       ->   0  | 20  | 1        | 10    | 20         | null
--   10 | 1        | 10            20 | …   | 1        | 20    | null       | 10
--   20 | 1        | 20
--
-- Arguments:
--   samples: a table or view with columns id, ts (ns), track_id, value: `counter`, or a CTE over it.
-- Columns:
--   id: of the first value of the interval.
--   ts, dur: start and length, ns.
--   track_id: the series.
--   value: in the interval.
--   next_value: in the interval after it; null for the last.
--   delta_value: value less the one before it; null for the first.
CREATE MACRO counter_leading_intervals(samples) AS TABLE
WITH
  __tq_changes AS (
    SELECT id, ts, track_id, value,
      lag(value) OVER (PARTITION BY track_id ORDER BY ts, id) AS before,
      row_number() OVER (PARTITION BY track_id ORDER BY ts, id) AS place
    FROM query_table(samples)
  )
SELECT
  id, ts,
  lead(ts, 1, trace_end()) OVER (PARTITION BY track_id ORDER BY ts, id) - ts AS dur,
  track_id, value,
  lead(value) OVER (PARTITION BY track_id ORDER BY ts, id) AS next_value,
  value - before AS delta_value
FROM __tq_changes
WHERE place = 1 OR value IS DISTINCT FROM before
ORDER BY track_id, ts, id;
