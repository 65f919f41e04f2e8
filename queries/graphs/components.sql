-- Parts of a graph that hang together.

-- The component of every node, whatever the direction of the edges.
--
--   edges 1 -> 2, 3 -> 2, 7 -> 9   gives   (1, 1), (2, 1), (3, 1), (7, 7), (9, 7)
--
-- Arguments:
--   graph_table: a table, view or CTE with columns source_node_id, dest_node_id: one row an edge.
-- Columns:
--   node_id: a node.
--   component_id: the least node of its component.
-- kernel: graph_components
CREATE MACRO graph_components(graph_table) AS TABLE
SELECT unnest(__k_graph_components(__tq_l), recursive := true)
FROM (
  SELECT list({'s': source_node_id::BIGINT, 'd': dest_node_id::BIGINT, 'o': 0::BIGINT}) AS __tq_l
  FROM query_table(graph_table)
  WHERE source_node_id IS NOT NULL AND dest_node_id IS NOT NULL HAVING count(*) > 0
);
