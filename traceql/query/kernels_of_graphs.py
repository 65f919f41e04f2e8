"""Kernels over graphs and trees as SQL functions; the macros are in queries/graphs.

Each list is a graph of its own. Ids are any int64; they are numbered densely for the kernels.
Edges carry `o`, their place in the table, because a search depends on the order of edges.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from traceql.query.relations import Lists, as_lists, sql_kernel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    Int64 = NDArray[np.int64]

_EDGES = "STRUCT(s BIGINT, d BIGINT, o BIGINT)[]"
_NODES = "STRUCT(n BIGINT, o BIGINT)[]"
_FOUND = "STRUCT(node_id BIGINT, parent_node_id BIGINT)[]"


def _graphs(lists: Lists, *names: str) -> Iterator[list[Any]]:
    """Give the columns of each list; few lists, since a graph is large or alone."""
    columns = [lists[name] for name in names]
    for first, last in zip(lists.offsets[:-1], lists.offsets[1:], strict=True):
        yield [column[first:last] for column in columns]


def _stacked(found: list[tuple[Any, ...]], names: str) -> pa.Array:
    """Stack what each graph gave; a None in the second column's place is -1 in `found`."""
    import numpy as np
    import pyarrow as pa

    columns: dict[str, Any] = {}
    for place, name in enumerate(names.split()):
        parts = [graph[place] for graph in found]
        values = np.concatenate([np.ma.getdata(p) for p in parts]) if parts else np.empty(0, int)
        masks = [np.ma.getmaskarray(p) for p in parts]
        columns[name] = pa.array(values, mask=np.concatenate(masks) if masks else None)
    counts = np.array([len(graph[0]) for graph in found], np.int64)
    return as_lists(counts, columns)


def _search(graph: pa.Array, starts: pa.Array, search: Callable[[Any, Int64], Any]) -> pa.Array:
    import numpy as np

    from traceql.kernels import graphs

    found = []
    pairs = zip(_graphs(Lists(graph), "s", "d", "o"), _graphs(Lists(starts), "n", "o"), strict=True)
    for (source, target, place), (first, first_place) in pairs:
        ids, numbers = np.unique(np.concatenate((source, target, first)), return_inverse=True)
        order = np.argsort(place, kind="stable")
        size = len(source)
        edges = graphs.edges(len(ids), numbers[:size][order], numbers[size : 2 * size][order])
        begin = numbers[2 * size :][np.argsort(first_place, kind="stable")]
        reached = search(edges, begin)
        parents = np.ma.array(
            ids[np.maximum(reached.parent, 0)] if len(ids) else reached.parent,
            mask=reached.parent < 0,
        )
        found.append((ids[reached.node] if len(ids) else reached.node, parents))
    return _stacked(found, "node_id parent_node_id")


@sql_kernel(_EDGES, _NODES, gives=_FOUND)
def graph_bfs(graph: pa.Array, starts: pa.Array) -> pa.Array:
    """Give what a breadth-first search from the starts reaches, in its order."""
    from traceql.kernels import graphs

    return _search(graph, starts, graphs.breadth_first)


@sql_kernel(_EDGES, _NODES, gives=_FOUND)
def graph_dfs(graph: pa.Array, starts: pa.Array) -> pa.Array:
    """Give what a depth-first search from the starts reaches, in its order."""
    from traceql.kernels import graphs

    return _search(graph, starts, graphs.depth_first)


@sql_kernel(_EDGES, "BIGINT", gives="STRUCT(node_id BIGINT, dominator_node_id BIGINT)[]")
def graph_dominators(graph: pa.Array, root: pa.Array) -> pa.Array:
    """Give the immediate dominator of every node that the root reaches."""
    import numpy as np

    from traceql.kernels import graphs

    found = []
    for (source, target), start in zip(_graphs(Lists(graph), "s", "d"), root, strict=True):
        both = np.concatenate((source, target, [start.as_py()])).astype(np.int64)
        ids, numbers = np.unique(both, return_inverse=True)
        size = len(source)
        edges = graphs.edges(len(ids), numbers[:size], numbers[size:-1])
        dominator = graphs.dominators(edges, int(numbers[-1]))
        reached = np.flatnonzero(dominator > -2)
        named = np.ma.array(ids[np.maximum(dominator, 0)], mask=dominator < 0)
        found.append((ids[reached], named[reached]))
    return _stacked(found, "node_id dominator_node_id")


@sql_kernel(_EDGES, gives="STRUCT(node_id BIGINT, component_id BIGINT)[]")
def graph_components(graph: pa.Array) -> pa.Array:
    """Give the component of every node, named by its least node."""
    import numpy as np

    from traceql.kernels import graphs

    found = []
    for source, target in _graphs(Lists(graph), "s", "d"):
        ids, numbers = np.unique(np.concatenate((source, target)), return_inverse=True)
        component = graphs.components(len(ids), numbers[: len(source)], numbers[len(source) :])
        found.append((ids, ids[component] if len(ids) else ids))
    return _stacked(found, "node_id component_id")


@sql_kernel(
    "STRUCT(id BIGINT, parent_id BIGINT, value BIGINT)[]",
    gives="STRUCT(id BIGINT, parent_id BIGINT, depth BIGINT, root_id BIGINT, path_value BIGINT, "
    "subtree_value BIGINT, subtree_count BIGINT)[]",
)
def tree_totals(rows: pa.Array) -> pa.Array:
    """Give depth, root, and sums of every node of a forest; an unknown parent makes a root."""
    import numpy as np

    from traceql.kernels import graphs

    found = []
    for ids, parent, value in _graphs(Lists(rows), "id", "parent_id", "value"):
        order = np.argsort(ids, kind="stable")
        names = ids[order]
        if (names[1:] == names[:-1]).any():
            raise ValueError("two nodes of a tree have the same id")
        place = np.minimum(np.searchsorted(names, parent[order]), max(len(names) - 1, 0))
        known = names[place] == parent[order] if len(names) else place > 0
        above = np.where(known, place, -1)
        facts = graphs.totals(above, value[order])
        parents = np.ma.array(names[np.maximum(above, 0)] if len(names) else above, mask=above < 0)
        roots = names[facts.root] if len(names) else facts.root
        found.append(
            (names, parents, facts.depth, roots, facts.path_sum, facts.subtree_sum,
             facts.subtree_count)
        )  # fmt: skip
    return _stacked(found, "id parent_id depth root_id path_value subtree_value subtree_count")
