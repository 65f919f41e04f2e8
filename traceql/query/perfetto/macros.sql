-- Macros of Perfetto's standard library, written for this dialect.

-- module: prelude.after_eof.casts
CREATE PERFETTO MACRO cast_int(value Expr) RETURNS Expr AS CAST($value AS INT);

CREATE PERFETTO MACRO cast_double(value Expr) RETURNS Expr AS CAST($value AS REAL);

CREATE PERFETTO MACRO cast_string(value Expr) RETURNS Expr AS CAST($value AS TEXT);

-- module: intervals.intersect
CREATE PERFETTO MACRO _interval_intersect_single(ts Expr, dur Expr, spans TableOrSubquery)
RETURNS TableOrSubquery AS (
  SELECT id_0 AS id, ts, dur
  FROM _interval_intersect!(($spans, (SELECT 0 AS id, $ts AS ts, $dur AS dur)), ())
);

CREATE PERFETTO MACRO interval_self_intersect(spans TableOrSubquery)
RETURNS TableOrSubquery AS (
  WITH
    __tqx_spans AS MATERIALIZED (SELECT id, ts, dur FROM $spans),
    __tqx_edges AS (
      SELECT ts FROM __tqx_spans UNION SELECT ts + dur FROM __tqx_spans
    ),
    __tqx_atoms AS MATERIALIZED (
      SELECT ts, COALESCE(LEAD(ts) OVER (ORDER BY ts) - ts, 0) AS dur,
        ROW_NUMBER() OVER (ORDER BY ts) AS group_id
      FROM __tqx_edges
    )
  SELECT a.ts AS ts, a.dur AS dur, a.group_id AS group_id, s.id AS id,
    CASE WHEN s.ts + s.dur = a.ts THEN 1 ELSE 0 END AS interval_ends_at_ts
  FROM __tqx_atoms AS a
  JOIN __tqx_spans AS s ON s.ts <= a.ts AND s.ts + s.dur >= a.ts
  ORDER BY a.ts, s.id
);

CREATE PERFETTO MACRO _interval_self_intersect(spans TableOrSubquery)
RETURNS TableOrSubquery AS interval_self_intersect!($spans);

-- module: intervals.overlap
CREATE PERFETTO MACRO intervals_overlap_count(
  spans TableOrSubquery, ts_column ColumnName, dur_column ColumnName)
RETURNS TableOrSubquery AS (
  SELECT ts, SUM(__step) OVER (ORDER BY ts) AS value
  FROM (
    SELECT ts, SUM(__step) AS __step
    FROM (
      SELECT $ts_column AS ts, 1 AS __step FROM $spans
      UNION ALL
      SELECT $ts_column + $dur_column, -1 FROM $spans WHERE $dur_column <> -1
    )
    GROUP BY ts
  )
  ORDER BY ts
);

CREATE PERFETTO MACRO intervals_overlap_count_by_group(
  spans TableOrSubquery, ts_column ColumnName, dur_column ColumnName, group_column ColumnName)
RETURNS TableOrSubquery AS (
  SELECT ts, SUM(__step) OVER (PARTITION BY group_name ORDER BY ts) AS value, group_name
  FROM (
    SELECT ts, group_name, SUM(__step) AS __step
    FROM (
      SELECT $ts_column AS ts, $group_column AS group_name, 1 AS __step FROM $spans
      UNION ALL
      SELECT $ts_column + $dur_column, $group_column, -1 FROM $spans WHERE $dur_column <> -1
    )
    GROUP BY ts, group_name
  )
  ORDER BY ts, group_name
);

CREATE PERFETTO MACRO _intervals_overlap_in_table(spans TableOrSubquery)
RETURNS TableOrSubquery AS (
  SELECT COALESCE(MAX(CASE WHEN __end > __next THEN 1 ELSE 0 END), 0) AS has_overlaps
  FROM (SELECT ts + dur AS __end, LEAD(ts) OVER (ORDER BY ts) AS __next
        FROM $spans WHERE dur <> -1)
);

CREATE PERFETTO MACRO _intervals_merge_root_and_children(
  roots TableOrSubquery, children TableOrSubquery)
RETURNS TableOrSubquery AS (
  SELECT r.id AS root_id, r.ts AS root_ts, r.dur AS root_dur,
    c.id AS id, c.parent_id AS parent_id, c.ts AS ts, c.dur AS dur
  FROM $roots AS r
  LEFT JOIN (SELECT * FROM $children WHERE dur > 0) AS c ON c.root_id = r.id
  WHERE r.dur > 0
);

CREATE PERFETTO MACRO _intervals_flatten(spans TableOrSubquery)
RETURNS TableOrSubquery AS (
  WITH
    __tqf_spans AS MATERIALIZED (
      SELECT root_id, root_ts, root_dur, id, parent_id, ts, dur FROM $spans
      WHERE root_dur > 0 AND (dur IS NULL OR dur > 0)
    ),
    __tqf_steps AS (
      SELECT root_id, root_ts AS ts, root_id AS id, 0 AS __rank FROM __tqf_spans
      UNION ALL
      SELECT root_id, ts + dur, COALESCE(parent_id, root_id), 1 FROM __tqf_spans
      WHERE id IS NOT NULL
      UNION ALL
      SELECT root_id, ts, id, 2 FROM __tqf_spans WHERE id IS NOT NULL
      UNION ALL
      SELECT root_id, root_ts + root_dur, NULL, 3 FROM __tqf_spans
    ),
    __tqf_last AS (
      SELECT root_id, ts, id, ROW_NUMBER() OVER (
        PARTITION BY root_id, ts ORDER BY __rank DESC, id DESC) AS __place
      FROM __tqf_steps
    ),
    __tqf_parts AS (
      SELECT root_id, ts, id, LEAD(ts) OVER (PARTITION BY root_id ORDER BY ts) - ts AS dur
      FROM __tqf_last WHERE __place = 1
    )
  SELECT root_id, id, ts, dur FROM __tqf_parts WHERE id IS NOT NULL AND dur > 0
  ORDER BY root_id, ts
);

-- module: intervals.create_intervals
CREATE PERFETTO MACRO _interval_create(starts TableOrSubquery, ends TableOrSubquery)
RETURNS TableOrSubquery AS (
  WITH __tqc_starts AS (SELECT ts FROM $starts), __tqc_ends AS (SELECT ts FROM $ends)
  SELECT ts, dur FROM __tq_create(__tqc_starts, __tqc_ends) ORDER BY ts
);
