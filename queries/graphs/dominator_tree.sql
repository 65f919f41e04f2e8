-- Dominators in a graph.

-- The immediate dominator of every node that a root reaches: the last node, other than itself, that
-- lies on every way from the root to it.
--
--   edges 1 -> 2, 1 -> 3, 2 -> 4, 3 -> 4, 4 -> 5; root 1
--   gives   (1, null), (2, 1), (3, 1), (4, 1), (5, 4)
--
-- Arguments:
--   graph_table: a table, view or CTE with columns source_node_id, dest_node_id: one row an edge.
--   root_node_id: the root, a constant.
-- Columns:
--   node_id: a node.
--   dominator_node_id: its dominator; null for the root.
-- kernel: graph_dominators
CREATE MACRO graph_dominator_tree(graph_table, root_node_id) AS TABLE
SELECT unnest(__k_graph_dominators(__tq_l, root_node_id::BIGINT), recursive := true)
FROM (
  SELECT list({'s': source_node_id::BIGINT, 'd': dest_node_id::BIGINT, 'o': 0::BIGINT}) AS __tq_l
  FROM query_table(graph_table)
  WHERE source_node_id IS NOT NULL AND dest_node_id IS NOT NULL HAVING count(*) > 0
);
