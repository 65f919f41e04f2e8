"""Directed graphs: what can be reached, what dominates, what hangs together; sums over trees.

Nodes are numbered 0 to n - 1. Edges are rows sorted by source, in `start` int64 [n + 1] (as in
compressed sparse rows) and `target` int64 [m].
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from traceql.kernels.decorator import as_input, kernel

Int64 = NDArray[np.int64]

NONE = -1


class Edges(NamedTuple):
    """Edges by source: those of node v lead to target[start[v]:start[v + 1]]."""

    start: Int64
    target: Int64


class Reached(NamedTuple):
    """Nodes in the order in which a search meets them, and from where; NONE for a start."""

    node: Int64
    parent: Int64


class Totals(NamedTuple):
    """Facts of every node of a forest, all int64 [n]."""

    depth: Int64
    root: Int64
    path_sum: Int64
    """Values from the root down to the node, with both."""
    subtree_sum: Int64
    """Values of the node and all below it."""
    subtree_count: Int64


def edges(nodes: int, source: ArrayLike, target: ArrayLike) -> Edges:
    """Sort edges by source; those of one source keep their order.

    Raises:
        ValueError: lengths differ, or a node is not one of `nodes`.
    """
    sources, targets = as_input(source, np.int64), as_input(target, np.int64)
    if len(sources) != len(targets):
        raise ValueError(f"{len(sources)} sources and {len(targets)} targets")
    for ends in (sources, targets):
        if len(ends) and (ends.min() < 0 or ends.max() >= nodes):
            raise ValueError(f"a node is not one of {nodes}")
    start = np.concatenate(([0], np.cumsum(np.bincount(sources, minlength=nodes))))
    return Edges(start.astype(np.int64), targets[np.argsort(sources, kind="stable")])


def breadth_first(graph: Edges, starts: ArrayLike) -> Reached:
    """Search from the starts, level by level; edges in their order."""
    given = as_input(starts, np.int64)
    node, parent = (np.empty(len(graph.start) - 1, np.int64) for _ in range(2))
    size = _breadth_first(*_inputs(graph), given, node, parent)
    return Reached(node[:size], parent[:size])


def depth_first(graph: Edges, starts: ArrayLike) -> Reached:
    """Search from each start in turn, as deep as it goes first; edges in their order."""
    given = as_input(starts, np.int64)
    node, parent = (np.empty(len(graph.start) - 1, np.int64) for _ in range(2))
    size = _depth_first(*_inputs(graph), given, node, parent)
    return Reached(node[:size], parent[:size])


def components(nodes: int, source: ArrayLike, target: ArrayLike) -> Int64:
    """Give for every node the least node that it hangs together with, whatever the direction.

    Union-find with path halving (Tarjan and van Leeuwen, 1984).
    """
    graph = edges(nodes, source, target)  # checks
    found = np.arange(nodes, dtype=np.int64)
    _components(*_inputs(graph), found)
    return found


def dominators(graph: Edges, root: int) -> Int64:
    """Give the immediate dominator of every node: the last one on all ways from the root to it.

    Iteration over the reverse post-order (Cooper, Harvey and Kennedy, 2001).

    Returns:
        int64 [n]: NONE for the root, and -2 for nodes that the root does not reach.

    Raises:
        ValueError: the root is not a node.
    """
    nodes = len(graph.start) - 1
    if not 0 <= root < nodes:
        raise ValueError(f"root {root} is not one of {nodes} nodes")
    sources = np.repeat(np.arange(nodes), np.diff(graph.start))
    back = edges(nodes, graph.target, sources)
    found = np.full(nodes, -2, np.int64)
    _dominators(*_inputs(graph), *_inputs(back), root, found)
    return found


def totals(parent: ArrayLike, value: ArrayLike) -> Totals:
    """Sum values over a forest, downwards along paths and upwards over subtrees.

    Args:
        parent: int64 [n], the parent of each node, NONE for a root.
        value: int64 [n].

    Raises:
        ValueError: lengths differ, a parent is not a node, or parents go round in a circle.
    """
    parents, values = as_input(parent, np.int64), as_input(value, np.int64)
    nodes = len(parents)
    if len(values) != nodes:
        raise ValueError(f"{nodes} parents and {len(values)} values")
    if nodes and (parents.min() < NONE or parents.max() >= nodes):
        raise ValueError("a parent is not a node")
    inner = parents >= 0
    graph = edges(nodes, parents[inner], np.flatnonzero(inner))
    reached = breadth_first(graph, np.flatnonzero(~inner))
    if len(reached.node) != nodes:
        raise ValueError("parents go round in a circle")
    out = np.zeros((5, nodes), np.int64)
    _totals(parents, values, as_input(reached.node, np.int64), out)
    return Totals(*out)


def _inputs(graph: Edges) -> tuple[Int64, Int64]:
    return as_input(graph.start, np.int64), as_input(graph.target, np.int64)


@kernel
def _breadth_first(start: Int64, target: Int64, starts: Int64, node: Int64, parent: Int64) -> int:
    seen = np.zeros(start.shape[0] - 1, np.bool_)
    size = 0
    for s in starts:
        if not seen[s]:
            seen[s] = True
            node[size], parent[size] = s, NONE
            size += 1
    at = 0
    while at < size:
        v = node[at]
        for e in range(start[v], start[v + 1]):
            w = target[e]
            if not seen[w]:
                seen[w] = True
                node[size], parent[size] = w, v
                size += 1
        at += 1
    return size


@kernel
def _depth_first(start: Int64, target: Int64, starts: Int64, node: Int64, parent: Int64) -> int:
    nodes = start.shape[0] - 1
    seen = np.zeros(nodes, np.bool_)
    edge = start[:nodes].copy()
    stack = np.empty(nodes, np.int64)
    size = 0
    for s in starts:
        if seen[s]:
            continue
        seen[s] = True
        node[size], parent[size] = s, NONE
        size += 1
        stack[0] = s
        depth = 1
        while depth > 0:
            v = stack[depth - 1]
            if edge[v] == start[v + 1]:
                depth -= 1
                continue
            w = target[edge[v]]
            edge[v] += 1
            if not seen[w]:
                seen[w] = True
                node[size], parent[size] = w, v
                size += 1
                stack[depth] = w
                depth += 1
    return size


@kernel
def _find(found: Int64, v: int) -> int:
    while found[v] != v:
        found[v] = found[found[v]]
        v = found[v]
    return v


@kernel
def _components(start: Int64, target: Int64, found: Int64) -> None:
    for v in range(found.shape[0]):
        for e in range(start[v], start[v + 1]):
            a, b = _find(found, v), _find(found, target[e])
            # The least node is the root, so that it names the component.
            found[max(a, b)] = min(a, b)
    for v in range(found.shape[0]):
        found[v] = _find(found, v)


@kernel
def _post_order(start: Int64, target: Int64, root: int, order: Int64, number: Int64) -> int:
    nodes = start.shape[0] - 1
    seen = np.zeros(nodes, np.bool_)
    edge = start[:nodes].copy()
    stack = np.empty(nodes, np.int64)
    stack[0] = root
    seen[root] = True
    depth, size = 1, 0
    while depth > 0:
        v = stack[depth - 1]
        if edge[v] < start[v + 1]:
            w = target[edge[v]]
            edge[v] += 1
            if not seen[w]:
                seen[w] = True
                stack[depth] = w
                depth += 1
        else:
            order[size] = v
            number[v] = size
            size += 1
            depth -= 1
    return size


@kernel
def _dominators(
    start: Int64, target: Int64, back_start: Int64, back_target: Int64, root: int, found: Int64
) -> None:
    nodes = found.shape[0]
    order, number = np.empty(nodes, np.int64), np.full(nodes, -1, np.int64)
    size = _post_order(start, target, root, order, number)
    found[root] = root
    changed = True
    while changed:
        changed = False
        for place in range(size - 2, -1, -1):
            v = order[place]
            best = -2
            for e in range(back_start[v], back_start[v + 1]):
                p = back_target[e]
                if number[p] < 0 or found[p] == -2:
                    continue
                if best == -2:
                    best = p
                    continue
                a, b = p, best
                while a != b:
                    while number[a] < number[b]:
                        a = found[a]
                    while number[b] < number[a]:
                        b = found[b]
                best = a
            if found[v] != best:
                found[v] = best
                changed = True
    found[root] = NONE


@kernel
def _totals(parent: Int64, value: Int64, order: Int64, out: Int64) -> None:
    for v in order:
        p = parent[v]
        out[0, v] = 0 if p < 0 else out[0, p] + 1
        out[1, v] = v if p < 0 else out[1, p]
        out[2, v] = value[v] + (0 if p < 0 else out[2, p])
        out[3, v] = value[v]
        out[4, v] = 1
    for place in range(order.shape[0] - 1, -1, -1):
        v = order[place]
        if parent[v] >= 0:
            out[3, parent[v]] += out[3, v]
            out[4, parent[v]] += out[4, v]
