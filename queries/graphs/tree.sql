-- Sums over trees.

-- Depth, root and sums of every node of a forest.
--
--   id | parent_id | value         id | depth | root_id | path_value | subtree_value | subtree_count
--   1  | null      | 5        ->   1  | 0     | 1       | 5          | 15            | 3
--   2  | 1         | 7             2  | 1     | 1       | 12         | 7             | 1
--   3  | 1         | 3             3  | 1     | 1       | 8          | 3             | 1
--
-- Arguments:
--   nodes: a table, view or CTE with columns id (unique), parent_id (null, or no node: a root) and
--     value (an integer; null is 0).
-- Columns:
--   id, parent_id: the node and its parent; null for a root.
--   depth: from 0.
--   root_id: the root of its tree.
--   path_value: sum of value from the root to the node.
--   subtree_value: sum of value over the node and all below it.
--   subtree_count: number of these nodes.
-- kernel: tree_totals
CREATE MACRO tree_totals(nodes) AS TABLE
SELECT unnest(__k_tree_totals(__tq_l), recursive := true)
FROM (
  SELECT list({'id': id::BIGINT, 'parent_id': parent_id::BIGINT,
               'value': coalesce(value, 0)::BIGINT}) AS __tq_l
  FROM query_table(nodes) WHERE id IS NOT NULL HAVING count(*) > 0
);
