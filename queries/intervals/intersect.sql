-- Where intervals of several tables meet.

-- What the intersections below share: rows of all tables, each with the number of its table.
CREATE MACRO _intersections(numbered, tables) AS TABLE
SELECT __tq_k, __tq_u.ts AS ts, __tq_u.dur AS dur, __tq_u.ids AS __tq_ids
FROM (
  SELECT
    __tq_k,
    unnest(__k_interval_intersect(
      list({'id': __tq_id::BIGINT, 'ts': __tq_ts::BIGINT, 'dur': __tq_dur::BIGINT,
            't': __tq_t::BIGINT}), tables::BIGINT)) AS __tq_u
  FROM query_table(numbered)
  WHERE __tq_ts IS NOT NULL AND __tq_dur IS NOT NULL GROUP BY __tq_k
);

-- Every pair of an interval of one table and one of another that overlap, and when. Intervals of one
-- table may overlap each other. An interval of length 0 meets those with ts <= t < ts + dur, and
-- others of length 0 at the same time.
--
--   first: (id 1, ts 0, dur 10)   second: (id 7, ts 5, dur 10)
--   gives   ts 5, dur 5, id_0 1, id_1 7
--
-- Arguments:
--   first_table: a table, view or CTE with columns id, ts, dur (ns); dur -1 is an interval that
--     never ends.
--   second_table: likewise.
--   key: an expression over the columns of both; only intervals of equal key meet, and NULL equals
--     NULL. A constant: all may meet.
-- Columns:
--   ts, dur: of the overlap, ns; dur -1 where it never ends.
--   id_0, id_1: the interval of each table.
--   key: the value of the key.
CREATE MACRO interval_intersect(first_table, second_table, key) AS TABLE
WITH
  __tq_of2 AS (
    SELECT key AS __tq_k, id AS __tq_id, ts AS __tq_ts, dur AS __tq_dur, 0 AS __tq_t
    FROM query_table(first_table)
    UNION ALL
    SELECT key AS __tq_k, id AS __tq_id, ts AS __tq_ts, dur AS __tq_dur, 1 AS __tq_t
    FROM query_table(second_table)
  )
SELECT ts, dur, __tq_ids[1] AS id_0, __tq_ids[2] AS id_1, __tq_k AS key
FROM _intersections(__tq_of2, 2);

-- As interval_intersect, of three tables: every choice of one interval from each that has a time in
-- common.
--
-- Arguments:
--   first_table: as first_table of interval_intersect.
--   second_table: as first_table of interval_intersect.
--   third_table: as first_table of interval_intersect.
--   key: as of interval_intersect.
-- Columns: ts, dur (ns); id_0, id_1, id_2; key.
CREATE MACRO interval_intersect3(first_table, second_table, third_table, key) AS TABLE
WITH
  __tq_of3 AS (
    SELECT key AS __tq_k, id AS __tq_id, ts AS __tq_ts, dur AS __tq_dur, 0 AS __tq_t
    FROM query_table(first_table)
    UNION ALL
    SELECT key AS __tq_k, id AS __tq_id, ts AS __tq_ts, dur AS __tq_dur, 1 AS __tq_t
    FROM query_table(second_table)
    UNION ALL
    SELECT key AS __tq_k, id AS __tq_id, ts AS __tq_ts, dur AS __tq_dur, 2 AS __tq_t
    FROM query_table(third_table)
  )
SELECT ts, dur, __tq_ids[1] AS id_0, __tq_ids[2] AS id_1, __tq_ids[3] AS id_2, __tq_k AS key
FROM _intersections(__tq_of3, 3);

-- As interval_intersect, of four tables: every choice of one interval from each that has a time in
-- common.
--
-- Arguments:
--   first_table: as first_table of interval_intersect.
--   second_table: as first_table of interval_intersect.
--   third_table: as first_table of interval_intersect.
--   fourth_table: as first_table of interval_intersect.
--   key: as of interval_intersect.
-- Columns: ts, dur (ns); id_0, id_1, id_2, id_3; key.
CREATE MACRO interval_intersect4(first_table, second_table, third_table, fourth_table, key) AS TABLE
WITH
  __tq_of4 AS (
    SELECT key AS __tq_k, id AS __tq_id, ts AS __tq_ts, dur AS __tq_dur, 0 AS __tq_t
    FROM query_table(first_table)
    UNION ALL
    SELECT key AS __tq_k, id AS __tq_id, ts AS __tq_ts, dur AS __tq_dur, 1 AS __tq_t
    FROM query_table(second_table)
    UNION ALL
    SELECT key AS __tq_k, id AS __tq_id, ts AS __tq_ts, dur AS __tq_dur, 2 AS __tq_t
    FROM query_table(third_table)
    UNION ALL
    SELECT key AS __tq_k, id AS __tq_id, ts AS __tq_ts, dur AS __tq_dur, 3 AS __tq_t
    FROM query_table(fourth_table)
  )
SELECT ts, dur, __tq_ids[1] AS id_0, __tq_ids[2] AS id_1, __tq_ids[3] AS id_2, __tq_ids[4] AS id_3, __tq_k AS key
FROM _intersections(__tq_of4, 4);

-- As interval_intersect, of five tables: every choice of one interval from each that has a time in
-- common.
--
-- Arguments:
--   first_table: as first_table of interval_intersect.
--   second_table: as first_table of interval_intersect.
--   third_table: as first_table of interval_intersect.
--   fourth_table: as first_table of interval_intersect.
--   fifth_table: as first_table of interval_intersect.
--   key: as of interval_intersect.
-- Columns: ts, dur (ns); id_0, id_1, id_2, id_3, id_4; key.
CREATE MACRO interval_intersect5(first_table, second_table, third_table, fourth_table, fifth_table, key) AS TABLE
WITH
  __tq_of5 AS (
    SELECT key AS __tq_k, id AS __tq_id, ts AS __tq_ts, dur AS __tq_dur, 0 AS __tq_t
    FROM query_table(first_table)
    UNION ALL
    SELECT key AS __tq_k, id AS __tq_id, ts AS __tq_ts, dur AS __tq_dur, 1 AS __tq_t
    FROM query_table(second_table)
    UNION ALL
    SELECT key AS __tq_k, id AS __tq_id, ts AS __tq_ts, dur AS __tq_dur, 2 AS __tq_t
    FROM query_table(third_table)
    UNION ALL
    SELECT key AS __tq_k, id AS __tq_id, ts AS __tq_ts, dur AS __tq_dur, 3 AS __tq_t
    FROM query_table(fourth_table)
    UNION ALL
    SELECT key AS __tq_k, id AS __tq_id, ts AS __tq_ts, dur AS __tq_dur, 4 AS __tq_t
    FROM query_table(fifth_table)
  )
SELECT ts, dur, __tq_ids[1] AS id_0, __tq_ids[2] AS id_1, __tq_ids[3] AS id_2, __tq_ids[4] AS id_3, __tq_ids[5] AS id_4, __tq_k AS key
FROM _intersections(__tq_of5, 5);

-- As interval_intersect, of any number of tables, which are given as one with a column that says of
-- which table a row is.
--
--   id | ts | dur | n         ts | dur | ids    | key
--   1  | 0  | 10  | 0    ->   5  | 5   | [1, 7] | 0       with table_number n, tables 2, key 0
--   7  | 5  | 10  | 1
--
-- Arguments:
--   intervals: a table, view or CTE with columns id, ts, dur (ns), as UNION ALL makes it of several.
--   table_number: an expression over its columns: 0 to tables - 1.
--   tables: the number of tables, a constant. Nothing is found where one of them has no rows.
--   key: as of interval_intersect.
-- Columns:
--   ts, dur: of the overlap, ns; dur -1 where it never ends.
--   ids: the interval of each table, in the order of their numbers.
--   key: the value of the key.
CREATE MACRO interval_intersect_many(intervals, table_number, tables, key) AS TABLE
WITH
  __tq_ofmany AS (
    SELECT key AS __tq_k, id AS __tq_id, ts AS __tq_ts, dur AS __tq_dur, table_number AS __tq_t
    FROM query_table(intervals)
  )
SELECT ts, dur, __tq_ids AS ids, __tq_k AS key FROM _intersections(__tq_ofmany, tables);

-- The parts of intervals that lie in one given interval.
--
--   (id 1, ts 0, dur 10) in ts 5, dur 10   gives   id 1, ts 5, dur 5
--
-- Arguments:
--   start_ts: where the interval begins, ns.
--   length_dur: its length, ns.
--   intervals: a table, view or CTE with columns id, ts, dur (ns); dur -1 never ends.
-- Columns:
--   id: of the interval.
--   ts, dur: its part, ns.
CREATE MACRO interval_intersect_single(start_ts, length_dur, intervals) AS TABLE
SELECT
  id, greatest(ts, start_ts)::BIGINT AS ts,
  (CASE WHEN dur = -1 THEN start_ts + length_dur
        ELSE least(ts + dur, start_ts + length_dur) END - greatest(ts, start_ts))::BIGINT AS dur
FROM query_table(intervals)
WHERE ts < start_ts + length_dur AND (dur = -1 OR ts + dur > start_ts OR (dur = 0 AND ts = start_ts));

-- Cuts time at every start and end, and gives every interval of each piece; where an interval ends
-- it gets one more row, in the piece that begins there.
--
--   id | ts | dur         ts | dur | group_id | id | interval_ends_at_ts
--   1  | 0  | 10     ->   0  | 5   | 1        | 1  | false
--   2  | 5  | 5           5  | 5   | 2        | 1  | false
--                         5  | 5   | 2        | 2  | false
--                         10 | 0   | 3        | 1  | true
--                         10 | 0   | 3        | 2  | true
--
-- Arguments:
--   intervals: a table, view or CTE with columns id, ts, dur (ns); dur -1 never ends.
-- Columns:
--   ts, dur: of the piece, ns; the one after the last end has length 0.
--   group_id: number of the piece, from 1.
--   id: the interval.
--   interval_ends_at_ts: whether it ends here; else it covers the piece.
-- kernel: interval_self_intersect
CREATE MACRO interval_self_intersect(intervals) AS TABLE
SELECT unnest(__k_interval_self_intersect(__tq_l), recursive := true)
FROM (SELECT list({'id': id::BIGINT, 'ts': ts::BIGINT, 'dur': dur::BIGINT}) AS __tq_l
      FROM query_table(intervals) WHERE ts IS NOT NULL AND dur IS NOT NULL HAVING count(*) > 0);
