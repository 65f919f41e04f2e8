-- Nested intervals as a line, and as a tree.

-- Cuts time into pieces, each with the innermost interval that is open: of several the one that
-- started last, then the shortest. The pieces of an interval add up to its self time.
--
--   id | ts | dur         id | ts | dur
--   1  | 0  | 10     ->   1  | 0  | 3
--   2  | 3  | 4           2  | 3  | 4
--                         1  | 7  | 3
--
-- Arguments:
--   intervals: a table, view or CTE with columns id, ts, dur (ns); dur -1 never ends.
--   key: an expression over its columns; every value of it, NULL too, is a timeline of its own. A
--     struct makes several columns one key; a constant makes one timeline of all rows.
-- Columns:
--   key: the value of the key.
--   id: the interval.
--   ts, dur: the piece, ns.
-- kernel: interval_flatten
CREATE MACRO interval_flatten(intervals, key) AS TABLE
SELECT __tq_k AS key, unnest(__k_interval_flatten(__tq_l), recursive := true)
FROM (
  SELECT key AS __tq_k, list({'id': id::BIGINT, 'ts': ts::BIGINT, 'dur': dur::BIGINT}) AS __tq_l
  FROM query_table(intervals) WHERE ts IS NOT NULL AND dur IS NOT NULL GROUP BY __tq_k
);

-- Depth, parent and self time of intervals, by containment: one lies in another that starts no
-- later and ends no earlier. Those that overlap without one holding the other go to further lanes.
--
--   id | ts | dur         id | depth | parent_id | self_dur | lane
--   1  | 0  | 10     ->   1  | 0     | null      | 6        | 0
--   2  | 3  | 4           2  | 1     | 1         | 4        | 0
--
-- Arguments:
--   intervals: a table, view or CTE with columns id, ts, dur (ns); dur -1 ends with its parent.
--   key: an expression over its columns; every value of it, NULL too, is a timeline of its own. A
--     struct makes several columns one key; a constant makes one timeline of all rows.
-- Columns:
--   key: the value of the key.
--   id: the interval.
--   depth: from 0.
--   parent_id: the interval around it; null for the outermost.
--   self_dur: dur less that of its children, ns; null where dur is -1.
--   lane: 0, or the first lane where it overlaps nothing.
-- kernel: interval_depth
CREATE MACRO interval_depth(intervals, key) AS TABLE
SELECT __tq_k AS key, unnest(__k_interval_depth(__tq_l), recursive := true)
FROM (
  SELECT key AS __tq_k, list({'id': id::BIGINT, 'ts': ts::BIGINT, 'dur': dur::BIGINT}) AS __tq_l
  FROM query_table(intervals) WHERE ts IS NOT NULL AND dur IS NOT NULL GROUP BY __tq_k
);

-- Flattens trees of intervals: at each time of a root, the innermost of its intervals.
--
-- Arguments:
--   children_with_roots: a table, view or CTE with columns root_id, root_ts, root_dur, id,
--     parent_id, ts, dur (ns), one row a child; id is null for a root without children.
-- Columns:
--   root_id: the root.
--   id: the innermost interval; the root itself where no child is open.
--   ts, dur: the piece, ns.
-- kernel: interval_flatten
CREATE MACRO intervals_flatten(children_with_roots) AS TABLE
WITH
  __tq_given AS (SELECT * FROM query_table(children_with_roots)),
  __tq_all AS (
    SELECT root_id, id, ts, dur FROM __tq_given WHERE id IS NOT NULL
    UNION ALL
    SELECT DISTINCT root_id, root_id, root_ts, root_dur FROM __tq_given
  )
SELECT key AS root_id, id, ts, dur FROM interval_flatten(__tq_all, root_id);
