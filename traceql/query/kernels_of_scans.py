"""Kernels that scan graphs and trees as SQL functions; macros in queries/graphs, slices, sched.

Each list is a graph of its own; ids are any int64, as in `kernels_of_graphs`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from traceql.query.relations import Lists, as_lists, constant, sql_kernel

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    Int64 = NDArray[np.int64]

_TREE = "STRUCT(id BIGINT, parent_id BIGINT, value BIGINT)[]"


def _named(names: Int64, places: Int64) -> pa.Array:
    """Give the names at some places; null where a place is negative."""
    import pyarrow as pa

    return pa.array(names[places.clip(0)] if len(names) else places, mask=places < 0)


def _forest(offsets: Int64, ids: Int64, parents: Int64) -> tuple[Int64, Int64, Int64]:
    """Put the nodes of each list in the order of their ids, and find their parents.

    Returns:
        All int64 [n]: names of the nodes, the place of each one's parent or -1 where the list has
        no such node, and the row that stands at each place.

    Raises:
        ValueError: two nodes of one list have the same id.
    """
    import numpy as np

    from traceql.kernels import segments

    order = segments.order(offsets, ids)
    row = np.arange(len(ids)) if order is None else order
    names = ids[row]
    is_first = np.zeros(len(ids) + 1, np.bool_)
    is_first[offsets] = True
    if ((names[1:] == names[:-1]) & ~is_first[1:-1]).any():
        raise ValueError("two nodes of a tree have the same id")
    return names, segments.places(offsets, names, parents[row]), row


@sql_kernel(_TREE, gives="STRUCT(id BIGINT, path_hash BIGINT, parent_path_hash BIGINT)[]")
def tree_path_hashes(rows: pa.Array) -> pa.Array:
    """Give a hash of the values from the root to each node, and that of its parent or null."""
    import numpy as np

    from traceql.kernels import scans

    lists = Lists(rows)
    names, parent, row = _forest(lists.offsets, lists["id"], lists["parent_id"])
    found = scans.path_hashes(parent, lists["value"][row])
    columns = {"id": names, "path_hash": found, "parent_path_hash": _named(found, parent)}
    return as_lists(np.diff(lists.offsets), columns)


@sql_kernel(_TREE, gives="STRUCT(id BIGINT, parent_id BIGINT, group_key BIGINT)[]")
def tree_partition(rows: pa.Array) -> pa.Array:
    """Give each node its nearest ancestor of the same value."""
    import numpy as np

    from traceql.kernels import scans

    lists = Lists(rows)
    names, parent, row = _forest(lists.offsets, lists["id"], lists["parent_id"])
    keys = lists["value"][row]
    _, group = np.unique(keys, return_inverse=True)
    above = scans.partition_by_group(parent, group)
    columns = {"id": names, "parent_id": _named(names, above), "group_key": keys}
    return as_lists(np.diff(lists.offsets), columns)


@sql_kernel(
    "STRUCT(s BIGINT, d BIGINT, w BIGINT, o BIGINT)[]",
    "STRUCT(n BIGINT, w BIGINT, o BIGINT)[]",
    "BOOLEAN",
    gives="STRUCT(root_node_id BIGINT, node_id BIGINT, parent_node_id BIGINT)[]",
)
def graph_bounded_dfs(graph: pa.Array, roots: pa.Array, floor: pa.Array) -> pa.Array:
    """Give what a search from each root reaches until its weight is exceeded."""
    import numpy as np

    from traceql.kernels import scans

    edges, begins = Lists(graph), Lists(roots)
    order, begin_order = np.argsort(edges["o"]), np.argsort(begins["o"])
    source, target, root = edges["s"][order], edges["d"][order], begins["n"][begin_order]
    ids, number = np.unique(np.concatenate((source, target, root)), return_inverse=True)
    size = len(source)
    found = scans.bounded_depth_first(
        len(ids), number[:size], number[size : 2 * size], edges["w"][order], number[2 * size :],
        begins["w"][begin_order], floor=bool(constant(floor)),
    )  # fmt: skip
    columns = {
        "root_node_id": root[found.root],
        "node_id": ids[found.node],
        "parent_node_id": _named(ids, found.parent),
    }
    return as_lists(np.array([len(found.node)]), columns)


@sql_kernel(
    "STRUCT(s BIGINT, d BIGINT, o BIGINT)[]",
    "STRUCT(n BIGINT, v BIGINT)[]",
    "VARCHAR",
    gives="STRUCT(node_id BIGINT, value BIGINT)[]",
)
def graph_scan(graph: pa.Array, starts: pa.Array, operation: pa.Array) -> pa.Array:
    """Give the value that arrives at every node which a start leads to."""
    import numpy as np

    from traceql.kernels import graphs, scans

    edges, begins = Lists(graph), Lists(starts)
    source, target, node, value = edges["s"], edges["d"], begins["n"], begins["v"]
    ids, number = np.unique(np.concatenate((source, target, node)), return_inverse=True)
    size = len(source)
    begin = number[2 * size :]
    if len(np.unique(begin)) != len(begin):
        raise ValueError("a node to start from is given twice")
    values, is_start = np.zeros(len(ids), np.int64), np.zeros(len(ids), np.bool_)
    values[begin], is_start[begin] = value, True
    numbered = graphs.edges(len(ids), number[:size], number[size : 2 * size])
    result, reached = scans.aggregate(numbered, values, is_start, str(constant(operation)))
    columns = {"node_id": ids[reached], "value": result[reached]}
    return as_lists(np.array([int(reached.sum())]), columns)


@sql_kernel(
    "STRUCT(id BIGINT, ts BIGINT, start BIGINT, lead BIGINT)[]",
    gives="STRUCT(root_id BIGINT, id BIGINT, ts BIGINT, dur BIGINT)[]",
)
def back_chains(rows: pa.Array) -> pa.Array:
    """Give the parts of [start, ts) of each row, walked back along the rows that led to it."""
    from traceql.kernels import scans

    lists = Lists(rows)
    ids, leads, row = _forest(lists.offsets, lists["id"], lists["lead"])
    found = scans.back_chains(lists.offsets, lists["ts"][row], lists["start"][row], leads)
    columns = {
        "root_id": ids[found.root],
        "id": ids[found.row],
        "ts": found.ts,
        "dur": found.end - found.ts,
    }
    return as_lists(found.counts, columns)
