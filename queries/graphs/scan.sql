-- Values that flow along the edges of a graph.

-- Carries values from some nodes along edges: each node's is the sum (or least, or greatest) of its
-- own and of those of all nodes with an edge to it. In a sum a value counts once for each way on
-- which it arrives. Edges that go round in a circle are an error.
--
--   edges 1 -> 2, 1 -> 3, 2 -> 4, 3 -> 4; init (1, 5), (3, 2); 'sum'
--   gives   (1, 5), (2, 5), (3, 7), (4, 12)
--
-- Arguments:
--   graph_table: a table, view or CTE with columns source_node_id, dest_node_id: one row an edge.
--   init_table: a table, view or CTE with columns node_id (unique), value (an integer; rows without
--     one are left out).
--   operation: sum, min or max; a constant.
-- Columns:
--   node_id: a node of init_table, or one that such a node leads to.
--   value: what arrives there.
CREATE MACRO graph_scan(graph_table, init_table, operation) AS TABLE
SELECT unnest(__k_graph_scan(__tq_e, __tq_i, operation::VARCHAR), recursive := true)
FROM _edge_list(graph_table), (
  SELECT coalesce(list({'n': node_id::BIGINT, 'v': value::BIGINT}), []) AS __tq_i
  FROM query_table(init_table) WHERE node_id IS NOT NULL AND value IS NOT NULL
);
