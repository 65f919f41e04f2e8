-- The interval that holds an instant.

-- For each instant the innermost interval that is open then: of several the one that started last,
-- then the shortest. An ASOF JOIN does not serve here: what started last may have ended already.
--
--   points: (id 7, ts 5), (id 8, ts 8), (id 9, ts 20)
--   intervals: (id 1, ts 0, dur 10), (id 2, ts 4, dur 2)
--   gives   (7, 5, 2), (8, 8, 1), (9, 20, null)
--
-- Arguments:
--   points: a table, view or CTE with columns id, ts (ns); rows without a ts are left out.
--   intervals: a table, view or CTE with columns id, ts, dur (ns); dur -1 never ends, and those of
--     length 0 hold nothing.
--   key: an expression over the columns of both; only those of equal key meet, and NULL equals NULL.
-- Columns:
--   point_id, ts: the point.
--   interval_id: the interval that holds it; null where none does.
--   key: the value of the key.
CREATE MACRO interval_containing(points, intervals, key) AS TABLE
WITH
  __tq_cover AS (SELECT key AS __tq_k, id, ts, dur FROM query_table(intervals)),
  __tq_cut AS (
    SELECT * FROM interval_flatten(__tq_cover, __tq_k) AS __tq_f(__tq_k, __tq_i, __tq_b, __tq_d)
  ),
  __tq_asked AS (
    SELECT key AS __tq_k, id AS __tq_p, ts AS __tq_t FROM query_table(points) WHERE ts IS NOT NULL
  )
SELECT
  p.__tq_p AS point_id, p.__tq_t AS ts,
  CASE WHEN c.__tq_d = -1 OR p.__tq_t < c.__tq_b + c.__tq_d THEN c.__tq_i END AS interval_id,
  p.__tq_k AS key
FROM __tq_asked p
ASOF LEFT JOIN __tq_cut c ON p.__tq_k IS NOT DISTINCT FROM c.__tq_k AND p.__tq_t >= c.__tq_b;
