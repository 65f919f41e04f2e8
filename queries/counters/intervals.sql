-- Counters as intervals of constant value.

-- Turns values at instants into intervals that last until the value changes. As in Perfetto, of
-- equal values in a row the first has an interval of its own and all others share one, so that a
-- delta of 0 is seen. The last interval of a track ends with its trace; null is a value too.
--
--   ts | track_id | value         ts | dur | track_id | value | next_value | delta_value
--   0  | 1        | 10       ->   0  | 10  | 1        | 10    | 10         | null
--   10 | 1        | 10            10 | 20  | 1        | 10    | 20         | 0
--   20 | 1        | 10            30 | …   | 1        | 20    | null       | 10
--   30 | 1        | 20
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
      lag(value, 2) OVER (PARTITION BY track_id ORDER BY ts, id) AS long_before,
      row_number() OVER (PARTITION BY track_id ORDER BY ts, id) AS place
    FROM query_table(samples)
  ),
  __tq_kept AS (
    SELECT * FROM __tq_changes
    WHERE place <= 2 OR value IS DISTINCT FROM before OR before IS DISTINCT FROM long_before
  )
SELECT
  k.id, k.ts,
  lead(k.ts, 1, coalesce(e.end_ts, trace_end())) OVER (PARTITION BY k.track_id ORDER BY k.ts, k.id)
    - k.ts AS dur,
  k.track_id, k.value,
  lead(k.value) OVER (PARTITION BY k.track_id ORDER BY k.ts, k.id) AS next_value,
  k.value - k.before AS delta_value
FROM __tq_kept k
-- The number of a trace stands in the upper half of its ids.
LEFT JOIN stored.trace e ON e.trace_no = k.track_id // 4294967296
ORDER BY k.track_id, k.ts, k.id;
