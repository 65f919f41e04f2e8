-- What can be reached in a graph.

-- Edges as one list, in the order of rows; an empty one where there are none.
CREATE MACRO _edge_list(graph_table) AS TABLE
SELECT coalesce(list({'s': source_node_id::BIGINT, 'd': dest_node_id::BIGINT, 'o': __tq_o})
  FILTER (WHERE source_node_id IS NOT NULL AND dest_node_id IS NOT NULL), []) AS __tq_e
FROM (SELECT source_node_id, dest_node_id, row_number() OVER () AS __tq_o
      FROM query_table(graph_table));

-- Nodes to start from as one list (as _edge_list).
CREATE MACRO _node_list(start_nodes) AS TABLE
SELECT coalesce(list({'n': node_id::BIGINT, 'o': __tq_o}) FILTER (WHERE node_id IS NOT NULL), [])
  AS __tq_s
FROM (SELECT node_id, row_number() OVER () AS __tq_o FROM query_table(start_nodes));

-- A breadth-first search: every node that can be reached, over as few edges as possible.
--
--   edges 1 -> 2, 1 -> 3, 2 -> 4, 3 -> 4; start 1
--   gives   (1, null), (2, 1), (3, 1), (4, 2)
--
-- Arguments:
--   graph_table: a table, view or CTE with columns source_node_id, dest_node_id: one row an edge.
--     Edges of a node are followed in the order of rows.
--   start_nodes: a table, view or CTE with a column node_id.
-- Columns:
--   node_id: a node that can be reached; rows come in the order of the search.
--   parent_node_id: the node it was reached from; null for a start.
CREATE MACRO graph_reachable_bfs(graph_table, start_nodes) AS TABLE
SELECT unnest(__k_graph_bfs(__tq_e, __tq_s), recursive := true)
FROM _edge_list(graph_table), _node_list(start_nodes);

-- A depth-first search: every node that can be reached, going as deep as it goes first.
--
--   edges 1 -> 2, 1 -> 3, 2 -> 4, 4 -> 3; start 1
--   gives   (1, null), (2, 1), (4, 2), (3, 4)
--
-- Arguments:
--   graph_table: as of graph_reachable_bfs.
--   start_nodes: as of graph_reachable_bfs.
-- Columns: as of graph_reachable_bfs.
CREATE MACRO graph_reachable_dfs(graph_table, start_nodes) AS TABLE
SELECT unnest(__k_graph_dfs(__tq_e, __tq_s), recursive := true)
FROM _edge_list(graph_table), _node_list(start_nodes);

-- The next node under the same parent.
--
--   nodes (1, parent null, key 0), (2, parent 1, key 5), (3, parent 1, key 7)   gives   2 -> 3
--
-- Arguments:
--   graph_table: a table, view or CTE with columns node_id, node_parent_id, sort_key.
-- Columns:
--   node_id: the node.
--   next_node_id: the one with the next larger sort_key; null for the last.
CREATE MACRO graph_next_sibling(graph_table) AS TABLE
SELECT
  node_id,
  lead(node_id) OVER (PARTITION BY node_parent_id ORDER BY sort_key, node_id) AS next_node_id
FROM query_table(graph_table);

-- A depth-first search from each of several roots, which ends when the edges taken weigh more than a
-- root allows. Weights add up over the whole search of a root, not along one way.
--
--   edges 1 -> 2 (weight 3), 2 -> 3 (weight 4), 3 -> 4 (weight 1); root 1, target weight 5
--   gives   (1, 1, null), (1, 2, 1)   and as a floor also   (1, 3, 2)
--
-- Arguments:
--   graph_table: a table, view or CTE with columns source_node_id, dest_node_id, edge_weight (an
--     integer): one row an edge. Edges of a node are followed in the order of rows.
--   root_table: a table, view or CTE with columns root_node_id, root_target_weight.
--   is_target_weight_floor: whether the node that exceeds the weight is given too; a constant.
-- Columns:
--   root_node_id: the root.
--   node_id: a node that it reaches; rows come in the order of the search.
--   parent_node_id: the node it was reached from; null for the root.
CREATE MACRO graph_reachable_weight_bounded_dfs(graph_table, root_table, is_target_weight_floor) AS TABLE
SELECT unnest(__k_graph_bounded_dfs(__tq_e, __tq_s, is_target_weight_floor::BOOLEAN), recursive := true)
FROM (
  SELECT coalesce(list({'s': source_node_id::BIGINT, 'd': dest_node_id::BIGINT,
                        'w': coalesce(edge_weight, 0)::BIGINT, 'o': __tq_o})
    FILTER (WHERE source_node_id IS NOT NULL AND dest_node_id IS NOT NULL), []) AS __tq_e
  FROM (SELECT *, row_number() OVER () AS __tq_o FROM query_table(graph_table))
), (
  SELECT coalesce(list({'n': root_node_id::BIGINT, 'w': coalesce(root_target_weight, 0)::BIGINT,
                        'o': __tq_o})
    FILTER (WHERE root_node_id IS NOT NULL), []) AS __tq_s
  FROM (SELECT *, row_number() OVER () AS __tq_o FROM query_table(root_table))
);
