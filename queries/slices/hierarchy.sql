-- Walking up and down the nesting of slices.

-- The slices around a slice, from the outermost to its parent.
--
--   0 encloses 1, 1 encloses 2      ancestor_slice(2)   gives   ids 0, 1
--
-- Arguments:
--   of_slice: id of the slice.
-- Columns: those of `slice`.
CREATE MACRO ancestor_slice(of_slice) AS TABLE
WITH RECURSIVE
  -- An argument may be a column of the query around: no column here may have its name.
  __tq_given AS (SELECT of_slice::BIGINT AS __tq_of),
  -- Only the slice's own track can hold its ancestors: one pruned scan, then small steps.
  __tq_line AS MATERIALIZED (
    SELECT s.* FROM slice s
    JOIN (SELECT i.track_id, i.ts, i.depth FROM slice i JOIN __tq_given ON i.id = __tq_of) o
      ON s.track_id = o.track_id AND s.ts <= o.ts AND s.depth <= o.depth
  ),
  __tq_up AS (
    SELECT l.parent_id AS id FROM __tq_line l JOIN __tq_given ON l.id = __tq_of
    UNION ALL
    SELECT l.parent_id FROM __tq_line l JOIN __tq_up u ON l.id = u.id
  )
SELECT l.* FROM __tq_line l JOIN __tq_up u ON l.id = u.id ORDER BY l.depth;

-- The slices inside a slice, at every depth, in order of time.
--
--   0 encloses 1, 1 encloses 2      descendant_slice(0)   gives   ids 1, 2
--
-- Arguments:
--   of_slice: id of the slice.
-- Columns: those of `slice`.
CREATE MACRO descendant_slice(of_slice) AS TABLE
WITH RECURSIVE
  __tq_given AS (SELECT of_slice::BIGINT AS __tq_of),
  __tq_line AS MATERIALIZED (
    SELECT s.* FROM slice s
    JOIN (SELECT i.track_id, i.ts, i.dur, i.depth FROM slice i JOIN __tq_given ON i.id = __tq_of) o
      ON s.track_id = o.track_id AND s.ts >= o.ts AND s.depth > o.depth
    WHERE o.dur = -1 OR s.ts <= o.ts + o.dur
  ),
  __tq_down AS (
    SELECT l.id FROM __tq_line l JOIN __tq_given ON l.parent_id = __tq_of
    UNION ALL
    SELECT l.id FROM __tq_line l JOIN __tq_down u ON l.parent_id = u.id
  )
SELECT l.* FROM __tq_line l JOIN __tq_down u ON l.id = u.id ORDER BY l.ts, l.depth, l.id;

-- Whether one slice lies around another on the same track, judged by time and depth.
--
--   0 encloses 1      slice_is_ancestor(0, 1)   gives   true
--
-- Arguments:
--   ancestor: id of the slice that may be around.
--   descendant: id of the slice that may be inside.
CREATE MACRO slice_is_ancestor(ancestor, descendant) AS (
  SELECT
    a.track_id = d.track_id AND a.depth < d.depth AND a.ts <= d.ts
    AND (a.dur = -1 OR (d.dur <> -1 AND a.ts + a.dur >= d.ts + d.dur))
  FROM (SELECT ancestor AS __tq_outer, descendant AS __tq_inner) AS __tq_given
  JOIN slice a ON a.id = __tq_outer
  JOIN slice d ON d.id = __tq_inner
);
