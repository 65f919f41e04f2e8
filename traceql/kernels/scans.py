"""Scans over graphs and trees: what flows along edges, how far a search may go, who leads to whom.

Nodes are numbered 0 to n - 1, as in `graphs`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from traceql.kernels import graphs
from traceql.kernels.decorator import as_input, kernel
from traceql.kernels.segments import checked_offsets

Int64 = NDArray[np.int64]
UInt64 = NDArray[np.uint64]

NONE = -1
OPERATIONS = ("sum", "min", "max")


class Bounded(NamedTuple):
    """Rows of a bounded search, all int64 [m]; `root` is a place in the list of roots."""

    root: Int64
    node: Int64
    parent: Int64


class Pieces(NamedTuple):
    """Pieces of time of each segment: `counts` int64 [s], others int64 [sum of counts]."""

    counts: Int64
    root: Int64
    row: Int64
    ts: Int64
    end: Int64


def bounded_depth_first(
    nodes: int,
    source: ArrayLike,
    target: ArrayLike,
    weight: ArrayLike,
    roots: ArrayLike,
    limits: ArrayLike,
    *,
    floor: bool,
) -> Bounded:
    """Search depth first from each root until the weights of the edges taken exceed its limit.

    Each root begins anew. Edges are followed in the order of rows.

    Args:
        nodes: number of nodes.
        source: int64 [m]; target, weight likewise.
        target: where the edge leads.
        weight: what taking it costs.
        roots: int64 [r], nodes.
        limits: int64 [r].
        floor: whether the node that exceeds the limit is given; the search ends there either way.

    Raises:
        ValueError: lengths differ, or a node is not one of `nodes`.
    """
    graph = graphs.edges(nodes, source, target)
    weights = as_input(weight, np.int64)
    begins, most = as_input(roots, np.int64), as_input(limits, np.int64)
    if len(weights) != len(graph.target) or len(begins) != len(most):
        raise ValueError("columns differ in length")
    if len(begins) and (begins.min() < 0 or begins.max() >= nodes):
        raise ValueError(f"a root is not one of {nodes} nodes")
    order = np.argsort(as_input(source, np.int64), kind="stable")
    given = (
        as_input(graph.start, np.int64), as_input(graph.target, np.int64),
        as_input(weights[order], np.int64), begins, most, floor,
    )  # fmt: skip
    size = _bounded(*given, np.empty((0, 3), np.int64))
    out = np.empty((size, 3), np.int64)
    _bounded(*given, out)
    return Bounded(*(np.ascontiguousarray(out[:, i]) for i in range(3)))


def aggregate(
    graph: graphs.Edges, value: ArrayLike, is_start: ArrayLike, operation: str
) -> tuple[Int64, NDArray[np.bool_]]:
    """Carry values along edges: each node's is made of its own and of all that lead to it.

    A value counts once for every way on which it arrives. Nodes are taken in topological order
    (Kahn, 1962).

    Args:
        graph: of n nodes, as `graphs.edges` gives it.
        value: int64 [n]; only those of starts count.
        is_start: bool [n].
        operation: one of OPERATIONS.

    Returns:
        int64 [n] and bool [n]: the value, and whether any start leads to the node.

    Raises:
        ValueError: unknown operation, lengths differ, or edges go round in a circle.
        OverflowError: a sum exceeds int64.
    """
    if operation not in OPERATIONS:
        raise ValueError(f"{operation!r} is not one of {', '.join(OPERATIONS)}")
    begins = as_input(is_start, np.bool_)
    found = np.array(as_input(value, np.int64))
    if not len(begins) == len(found) == len(graph.start) - 1:
        raise ValueError("columns differ in length")
    reached = np.array(begins)
    start, target = as_input(graph.start, np.int64), as_input(graph.target, np.int64)
    code = _aggregate(start, target, OPERATIONS.index(operation), found, reached)
    if code == 1:
        raise ValueError("edges go round in a circle")
    if code == 2:
        raise OverflowError("a sum over the graph exceeds 64 bits")
    return found, reached


def path_hashes(parent: ArrayLike, value: ArrayLike) -> Int64:
    """Hash the values on the way from the root to each node of a forest.

    Equal ways give equal hashes, in any forest; finished as splitmix64 (Steele and others, 2014).

    Args:
        parent: int64 [n], NONE for a root.
        value: int64 [n].

    Returns:
        int64 [n], at least 1.

    Raises:
        ValueError: lengths differ, a parent is not a node, or parents go round in a circle.
    """
    parents, values = as_input(parent, np.int64), as_input(value, np.int64)
    if len(parents) != len(values):
        raise ValueError(f"{len(parents)} parents and {len(values)} values")
    if len(parents) and (parents.min() < NONE or parents.max() >= len(parents)):
        raise ValueError("a parent is not a node")
    out = np.zeros(len(parents), np.uint64)
    if not _path_hashes(parents, as_input(values.view(np.uint64), np.uint64), out):
        raise ValueError("parents go round in a circle")
    return out.view(np.int64)


def partition_by_group(parent: ArrayLike, group: ArrayLike) -> Int64:
    """Give each node of a forest its nearest ancestor of the same group; NONE where there is none.

    Args:
        parent: int64 [n], NONE for a root.
        group: int64 [n], 0 to n - 1.

    Raises:
        ValueError: lengths differ, a parent or group is out of range, or parents go in a circle.
    """
    parents, groups = as_input(parent, np.int64), as_input(group, np.int64)
    nodes = len(parents)
    if len(groups) != nodes:
        raise ValueError(f"{nodes} parents and {len(groups)} groups")
    if nodes and (groups.min() < 0 or groups.max() >= nodes):
        raise ValueError("a group is out of range")
    inner = parents >= 0
    tree = graphs.edges(nodes, parents[inner], np.flatnonzero(inner))
    out = np.full(nodes, NONE, np.int64)
    start, target = as_input(tree.start, np.int64), as_input(tree.target, np.int64)
    if _partition(start, target, as_input(np.flatnonzero(~inner), np.int64), groups, out) < nodes:
        raise ValueError("parents go round in a circle")
    return out


def back_chains(offsets: ArrayLike, ts: ArrayLike, begin: ArrayLike, leads: ArrayLike) -> Pieces:
    """Walk back in time from each row along the rows that led to it, until a time is reached.

    Row r asks about [begin[r], ts[r]). The row that led to it has the part from its own ts on, the
    row that led to that one the part before, and so on.

    Args:
        offsets: int64 [s + 1].
        ts: int64 [n].
        begin: int64 [n], begin[r] >= ts[r]: row r asks about nothing.
        leads: int64 [n], the row of the same segment that led to each, NONE where unknown.

    Returns:
        Pieces; root and row are rows; those of a root go back in time, and none is of length 0.

    Raises:
        ValueError: lengths differ, or a row is out of its segment.
    """
    starts, lows, rows = (as_input(given, np.int64) for given in (ts, begin, leads))
    if not len(starts) == len(lows) == len(rows):
        raise ValueError("columns differ in length")
    bounds = checked_offsets(offsets, len(starts))
    own = np.repeat(np.arange(len(bounds) - 1), np.diff(bounds))
    known = rows >= 0
    if ((rows[known] < bounds[:-1][own[known]]) | (rows[known] >= bounds[1:][own[known]])).any():
        raise ValueError("a row is out of its segment")
    counts = np.zeros(len(bounds) - 1, np.int64)
    size = _back_chains(bounds, starts, lows, rows, counts, np.empty((0, 4), np.int64))
    out = np.empty((size, 4), np.int64)
    _back_chains(bounds, starts, lows, rows, counts, out)
    return Pieces(counts, *(np.ascontiguousarray(out[:, i]) for i in range(4)))


@kernel
def _bounded(
    start: Int64, target: Int64, weight: Int64, roots: Int64, limits: Int64, floor: bool, out: Int64
) -> int:
    """Search; `out` too small: only count."""
    nodes = start.shape[0] - 1
    seen = np.full(nodes, NONE, np.int64)
    stack, edge = np.empty(nodes, np.int64), np.empty(nodes, np.int64)
    size = 0
    for r in range(roots.shape[0]):
        node, parent, cost, total, depth = roots[r], NONE, 0, 0, 0
        while True:
            seen[node] = r
            total += cost
            if total <= limits[r] or floor:
                if size < out.shape[0]:
                    out[size, 0], out[size, 1], out[size, 2] = r, node, parent
                size += 1
            if total > limits[r]:
                break
            stack[depth], edge[depth] = node, start[node]
            depth += 1
            node = NONE
            while depth > 0 and node == NONE:
                v = stack[depth - 1]
                e = edge[depth - 1]
                if e == start[v + 1]:
                    depth -= 1
                    continue
                edge[depth - 1] += 1
                if seen[target[e]] != r:
                    node, parent, cost = target[e], v, weight[e]
            if node == NONE:
                break
    return size


@kernel
def _aggregate(
    start: Int64, target: Int64, operation: int, value: Int64, reached: NDArray[np.bool_]
) -> int:
    """Give 0; 1: there is a circle; 2: a sum exceeds int64."""
    nodes = start.shape[0] - 1
    waits = np.zeros(nodes, np.int64)
    for w in target:
        waits[w] += 1
    queue = np.empty(nodes, np.int64)
    size = 0
    for v in range(nodes):
        if waits[v] == 0:
            queue[size] = v
            size += 1
    at = 0
    while at < size:
        v = queue[at]
        at += 1
        for e in range(start[v], start[v + 1]):
            w = target[e]
            if reached[v]:
                if not reached[w]:
                    value[w] = value[v]
                elif operation == 0:
                    both = value[w] + value[v]
                    if (value[w] < 0) == (value[v] < 0) and (both < 0) != (value[v] < 0):
                        return 2
                    value[w] = both
                elif operation == 1:
                    value[w] = min(value[w], value[v])
                else:
                    value[w] = max(value[w], value[v])
                reached[w] = True
            waits[w] -= 1
            if waits[w] == 0:
                queue[size] = w
                size += 1
    return 0 if size == nodes else 1


@kernel
def _path_hashes(parent: Int64, value: UInt64, out: UInt64) -> bool:
    """Climb from each node to one that is done, then come down; 0 in `out`: not done."""
    path = np.empty(parent.shape[0] + 1, np.int64)
    for node in range(parent.shape[0]):
        size, v = 0, node
        while v >= 0 and out[v] == 0:
            if size == parent.shape[0]:
                return False
            path[size] = v
            size += 1
            v = parent[v]
        above = out[v] if v >= 0 else np.uint64(0)
        for place in range(size - 1, -1, -1):
            x = above * np.uint64(0x9E3779B97F4A7C15) + value[path[place]]
            x += np.uint64(0x9E3779B97F4A7C15)
            x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            x = (x ^ (x >> np.uint64(31))) >> np.uint64(1)
            above = max(x, np.uint64(1))
            out[path[place]] = above
    return True


@kernel
def _partition(start: Int64, target: Int64, roots: Int64, group: Int64, out: Int64) -> int:
    """Go through the trees; `last` holds the nearest node of each group on the way down."""
    nodes = start.shape[0] - 1
    last = np.full(nodes, NONE, np.int64)
    stack, edge = np.empty(nodes, np.int64), start[:nodes].copy()
    met = 0
    for root in roots:
        stack[0] = root
        depth = 1
        out[root] = last[group[root]]
        last[group[root]] = root
        met += 1
        while depth > 0:
            v = stack[depth - 1]
            if edge[v] == start[v + 1]:
                last[group[v]] = out[v]
                depth -= 1
                continue
            w = target[edge[v]]
            edge[v] += 1
            out[w] = last[group[w]]
            last[group[w]] = w
            stack[depth] = w
            depth += 1
            met += 1
    return met


@kernel
def _back_chains(
    offsets: Int64, ts: Int64, begin: Int64, leads: Int64, counts: Int64, out: Int64
) -> int:
    """Walk back; `out` too small: only count."""
    size = 0
    for s in range(offsets.shape[0] - 1):
        first = size
        for r in range(offsets[s], offsets[s + 1]):
            at, row = ts[r], leads[r]
            # Rows that led to each other at one time go in a circle: no more steps than rows.
            steps = offsets[s + 1] - offsets[s]
            while row >= 0 and at > begin[r] and steps > 0:
                low = max(ts[row], begin[r])
                if low < at:
                    if size < out.shape[0]:
                        out[size, 0], out[size, 1], out[size, 2], out[size, 3] = r, row, low, at
                    size += 1
                    at = low
                row = leads[row]
                steps -= 1
        counts[s] = size - first
    return size
