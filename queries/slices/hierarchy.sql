-- Walking up and down the nesting of slices.

-- The slices around a slice, from its parent to the outermost.
--
--   0 encloses 1, 1 encloses 2      ancestor_slice(2)   gives   ids 1, 0
--
-- Arguments:
--   of_slice: id of the slice.
-- Columns: those of `slice`.
CREATE MACRO ancestor_slice(of_slice) AS TABLE
WITH RECURSIVE
  -- Only the slice's own track can hold its ancestors: one pruned scan, then small steps.
  __line AS MATERIALIZED (
    SELECT s.* FROM slice s
    JOIN (SELECT track_id, ts, depth FROM slice WHERE id = of_slice) o
      ON s.track_id = o.track_id AND s.ts <= o.ts AND s.depth <= o.depth
  ),
  __up AS (
    SELECT parent_id AS id FROM __line WHERE id = of_slice
    UNION ALL
    SELECT l.parent_id FROM __line l JOIN __up u ON l.id = u.id
  )
SELECT l.* FROM __line l JOIN __up u ON l.id = u.id ORDER BY l.depth DESC;

-- The slices inside a slice, at every depth, in order of time.
--
--   0 encloses 1, 1 encloses 2      descendant_slice(0)   gives   ids 1, 2
--
-- Arguments:
--   of_slice: id of the slice.
-- Columns: those of `slice`.
CREATE MACRO descendant_slice(of_slice) AS TABLE
WITH RECURSIVE
  __line AS MATERIALIZED (
    SELECT s.* FROM slice s
    JOIN (SELECT track_id, ts, dur, depth FROM slice WHERE id = of_slice) o
      ON s.track_id = o.track_id AND s.ts >= o.ts AND s.depth > o.depth
    WHERE o.dur = -1 OR s.ts <= o.ts + o.dur
  ),
  __down AS (
    SELECT id FROM __line WHERE parent_id = of_slice
    UNION ALL
    SELECT l.id FROM __line l JOIN __down u ON l.parent_id = u.id
  )
SELECT l.* FROM __line l JOIN __down u ON l.id = u.id ORDER BY l.ts, l.depth, l.id;

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
  FROM slice a, slice d
  WHERE a.id = ancestor AND d.id = descendant
);
