-- Trees cut into one forest for each group.

-- Gives each node of a tree its nearest ancestor of the same group, so that each group becomes a
-- forest of its own in which ancestors stay ancestors.
--
--   id | parent_id | group_key         id | parent_id | group_key
--   1  | null      | 1            ->   1  | null      | 1
--   2  | 1         | 2                 2  | null      | 2
--   3  | 2         | 1                 3  | 1         | 1
--
-- Arguments:
--   tree_table: a table, view or CTE with columns id (unique), parent_id (null, or no node: a root),
--     group_key (an integer; null is a group).
-- Columns:
--   id: the node.
--   parent_id: its nearest ancestor of the same group; null where there is none.
--   group_key: its group.
CREATE MACRO tree_structural_partition_by_group(tree_table) AS TABLE
SELECT id, parent_id, nullif(group_key, '-9223372036854775808'::BIGINT) AS group_key
FROM (
  SELECT unnest(__k_tree_partition(__tq_l), recursive := true)
  FROM (
    SELECT list({'id': id::BIGINT, 'parent_id': parent_id::BIGINT,
                 'value': group_key::BIGINT}) AS __tq_l
    FROM query_table(tree_table) WHERE id IS NOT NULL HAVING count(*) > 0
  )
);
