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
  WITH __tqx_spans AS (SELECT id, ts, dur FROM $spans)
  SELECT ts, dur, group_id, id, interval_ends_at_ts FROM interval_self_intersect(__tqx_spans)
  ORDER BY ts, id
);

CREATE PERFETTO MACRO _interval_self_intersect(spans TableOrSubquery)
RETURNS TableOrSubquery AS interval_self_intersect!($spans);

-- module: intervals.overlap
CREATE PERFETTO MACRO intervals_overlap_count(
  spans TableOrSubquery, ts_column ColumnName, dur_column ColumnName)
RETURNS TableOrSubquery AS (
  WITH __tqo_spans AS (SELECT $ts_column AS ts, $dur_column AS dur FROM $spans)
  SELECT ts, value FROM intervals_overlap_count(__tqo_spans, ts, dur) ORDER BY ts
);

CREATE PERFETTO MACRO intervals_overlap_count_by_group(
  spans TableOrSubquery, ts_column ColumnName, dur_column ColumnName, group_column ColumnName)
RETURNS TableOrSubquery AS (
  WITH
    __tqo_spans AS (
      SELECT $ts_column AS ts, $dur_column AS dur, $group_column AS __group FROM $spans
    )
  SELECT ts, value, group_name
  FROM intervals_overlap_count_by_group(__tqo_spans, ts, dur, __group)
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

-- module: graphs.critical_path
CREATE PERFETTO MACRO _critical_path(graph_table TableOrSubquery, root_table TableOrSubquery)
RETURNS TableOrSubquery AS (
  WITH
    __tqp_roots AS (
      SELECT root_node_id, capacity AS root_target_weight FROM $root_table
    ),
    __tqp_reach AS (
      SELECT MIN(root_node_id - root_target_weight) AS __low,
        MAX(root_node_id + root_target_weight) AS __high
      FROM __tqp_roots
    ),
    __tqp_edges AS (
      SELECT source_node_id, COALESCE(dest_node_id, source_node_id) AS dest_node_id, edge_weight
      FROM $graph_table JOIN __tqp_reach ON source_node_id BETWEEN __low AND __high
    )
  SELECT DISTINCT root_node_id AS root_id, parent_node_id AS parent_id, node_id AS id
  FROM graph_reachable_weight_bounded_dfs!(__tqp_edges, __tqp_roots, 1)
);

CREATE PERFETTO MACRO _critical_path_to_intervals(
  critical_path_table TableOrSubquery, node_table TableOrSubquery)
RETURNS TableOrSubquery AS (
  WITH
    __tqp_nodes AS (SELECT id, ts, dur, idle_dur FROM $node_table),
    __tqp_tasks AS (
      SELECT c.root_id AS root_id, c.id AS id, n.ts AS ts,
        LEAD(n.ts) OVER (PARTITION BY c.root_id ORDER BY c.id) AS __next
      FROM $critical_path_table AS c JOIN __tqp_nodes AS n ON n.id = c.id
    ),
    __tqp_cut AS (
      SELECT t.root_id AS root_id, t.id AS id, MAX(t.ts, r.ts - r.idle_dur) AS ts,
        MIN(t.__next, r.ts) AS __end
      FROM __tqp_tasks AS t JOIN __tqp_nodes AS r ON r.id = t.root_id
    )
  SELECT ts, __end - ts AS dur, id, root_id FROM __tqp_cut WHERE __end > ts
  ORDER BY root_id, ts
);

CREATE PERFETTO MACRO _critical_path_intervals(
  graph_table TableOrSubquery, root_table TableOrSubquery, interval_table TableOrSubquery)
RETURNS TableOrSubquery AS (
  WITH
    __tqp_path AS (SELECT root_id, id FROM _critical_path!($graph_table, $root_table))
  SELECT root_id, id, ts, dur FROM _critical_path_to_intervals!(__tqp_path, $interval_table)
  UNION ALL
  SELECT n.id AS root_id, n.id AS id, n.ts AS ts, n.dur AS dur
  FROM $interval_table AS n JOIN $root_table AS r ON r.root_node_id = n.id
);

-- module: sched.thread_executing_span
CREATE PERFETTO MACRO _intervals_to_roots(source_table TableOrSubquery, node_table TableOrSubquery)
RETURNS TableOrSubquery AS (
  WITH
    __tqr_nodes AS (
      SELECT id, prev_id, ts, utid, LEAD(ts) OVER (PARTITION BY utid ORDER BY ts) AS __next,
        LAG(ts) OVER (PARTITION BY utid ORDER BY ts) AS __before
      FROM $node_table
    ),
    __tqr_source AS (SELECT ts, dur, utid FROM $source_table)
  SELECT DISTINCT n.id AS root_node_id, n.id - COALESCE(n.prev_id, n.id) AS capacity
  FROM __tqr_source AS s
  JOIN __tqr_nodes AS n ON n.utid = s.utid
    AND (n.__next IS NULL OR n.__next > s.ts)
    AND (n.__before IS NULL OR n.__before < s.ts + s.dur)
);

CREATE PERFETTO MACRO _critical_path_by_roots(
  roots_table TableOrSubquery, node_table TableOrSubquery)
RETURNS TableOrSubquery AS (
  WITH
    __tqr_roots AS (SELECT DISTINCT root_node_id FROM $roots_table),
    __tqr_nodes AS (SELECT id FROM $node_table)
  SELECT p.root_id AS root_id, p.id AS id, p.ts AS ts, p.dur AS dur
  FROM sched_critical_path AS p
  JOIN __tqr_roots AS r ON r.root_node_id = p.root_id
  JOIN __tqr_nodes AS n ON n.id = p.id
  ORDER BY p.root_id, p.ts
);

CREATE PERFETTO MACRO _critical_path_by_intervals(
  intervals_table TableOrSubquery, node_table TableOrSubquery)
RETURNS TableOrSubquery AS (
  WITH
    __tqr_given AS (SELECT ts, dur, utid FROM $intervals_table),
    __tqr_nodes AS (SELECT id FROM $node_table)
  SELECT DISTINCT
    p.root_utid AS root_utid, p.utid AS utid, p.root_id AS root_id, p.id AS id,
    MAX(p.ts, g.ts) AS ts, MIN(p.ts + p.dur, g.ts + g.dur) - MAX(p.ts, g.ts) AS dur,
    g.ts AS interval_ts, g.dur AS interval_dur
  FROM __tqr_given AS g
  JOIN sched_critical_path AS p
    ON p.root_utid = g.utid AND p.ts < g.ts + g.dur AND p.ts + p.dur > g.ts
  JOIN __tqr_nodes AS n ON n.id = p.id
);
