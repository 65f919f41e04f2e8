-- Joins of two tables by time.

-- What the three joins below share. Places in lists of rows with a NULL put in front: list_select
-- takes that for a row that is missing, where a NULL place would show the first row's values.
CREATE MACRO _span_join(left_table, left_key, right_table, right_key, keep_left, keep_right) AS TABLE
WITH
  __tq_a AS (
    SELECT
      left_key AS __tq_k, list({'ts': ts::BIGINT, 'dur': dur::BIGINT}) AS __tq_s,
      list(__tq_t) AS __tq_r
    FROM query_table(left_table) AS __tq_t WHERE ts IS NOT NULL AND dur IS NOT NULL GROUP BY __tq_k
  ),
  __tq_b AS (
    SELECT
      right_key AS __tq_k, list({'ts': ts::BIGINT, 'dur': dur::BIGINT}) AS __tq_s,
      list(__tq_t) AS __tq_r
    FROM query_table(right_table) AS __tq_t WHERE ts IS NOT NULL AND dur IS NOT NULL GROUP BY __tq_k
  )
SELECT
  unnest(__tq_j.ts) AS ts, unnest(__tq_j.dur) AS dur, __tq_k AS key,
  unnest(list_select(list_prepend(NULL, coalesce(__tq_l, [])), __tq_j.l)) AS l,
  unnest(list_select(list_prepend(NULL, coalesce(__tq_r, [])), __tq_j.r)) AS r
FROM (
  SELECT
    coalesce(__tq_a.__tq_k, __tq_b.__tq_k) AS __tq_k, __tq_a.__tq_r AS __tq_l,
    __tq_b.__tq_r AS __tq_r,
    __k_span_join(coalesce(__tq_a.__tq_s, []), coalesce(__tq_b.__tq_s, []), keep_left, keep_right)
      AS __tq_j
  FROM __tq_a FULL JOIN __tq_b ON __tq_a.__tq_k IS NOT DISTINCT FROM __tq_b.__tq_k
);

-- The pieces of time that spans of two tables share, with both rows. As Perfetto's SPAN_JOIN: a span
-- of dur 0 is an instant, which meets spans with ts <= t < ts + dur; so is one of dur -1, and what
-- it takes part in has dur -1. Unlike there, spans of one table may overlap: every pair is given.
--
--   l: (ts 0, dur 10, a 'x')   r: (ts 5, dur 10, b 'y')
--   gives   ts 5, dur 5, l {ts 0, dur 10, a x}, r {ts 5, dur 10, b y}
--
-- Arguments:
--   left_table: a table, view or CTE with columns ts, dur (ns). Every column is carried along:
--     choose those that you need in a CTE.
--   left_key: an expression over its columns; spans of equal keys meet, and NULL equals NULL. A
--     constant in both: all may meet.
--   right_table: as left_table.
--   right_key: as left_key, over the columns of right_table.
-- Columns:
--   ts, dur: the piece, ns.
--   key: the value of the keys.
--   l, r: the rows, as structs: l.name, unnest(r).
CREATE MACRO span_join(left_table, left_key, right_table, right_key) AS TABLE
SELECT * FROM _span_join(left_table, left_key, right_table, right_key, false, false);

-- As span_join, with the pieces of left spans that no right span meets; their r is null.
--
--   l: (ts 0, dur 10)   r: (ts 5, dur 10)   gives   ts 0, dur 5, r null   and   ts 5, dur 5
--
-- Arguments:
--   left_table: as of span_join.
--   left_key: as of span_join.
--   right_table: as of span_join.
--   right_key: as of span_join.
-- Columns: as of span_join.
CREATE MACRO span_left_join(left_table, left_key, right_table, right_key) AS TABLE
SELECT * FROM _span_join(left_table, left_key, right_table, right_key, true, false);

-- As span_join, with the pieces of either table that no span of the other meets; the row that is
-- missing is null.
--
--   l: (ts 0, dur 10)   r: (ts 5, dur 10)
--   gives   ts 0, dur 5, r null   and   ts 5, dur 5   and   ts 10, dur 5, l null
--
-- Arguments:
--   left_table: as of span_join.
--   left_key: as of span_join.
--   right_table: as of span_join.
--   right_key: as of span_join.
-- Columns: as of span_join.
CREATE MACRO span_outer_join(left_table, left_key, right_table, right_key) AS TABLE
SELECT * FROM _span_join(left_table, left_key, right_table, right_key, true, true);
