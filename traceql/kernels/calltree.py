"""The call tree of a track: slices with the same path of names are one node."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from traceql.kernels.decorator import as_input, kernel

Int64 = NDArray[np.int64]


class CallTree(NamedTuple):
    """Nodes; a parent stands before its children. All int64 [m]."""

    parent: Int64
    """Index of the parent, -1 for a root."""
    name: Int64
    total_dur: Int64
    """Its self time and that of all nodes below."""
    self_dur: Int64
    calls: Int64


class Outermost(NamedTuple):
    """Per name, ascending: the time of slices that no slice of the same name encloses."""

    name: Int64
    total_dur: Int64


def build(depth: ArrayLike, name: ArrayLike, self_dur: ArrayLike) -> CallTree:
    """Merge slices by their path of names.

    Args:
        depth: int64 [n], >= 0, slices of one track in nesting order (a parent before its
            children); where parents are missing, as in a window, the next one up stands in.
        name: int64 [n].
        self_dur: int64 [n], negative where never closed: such a slice is a node without time.

    Returns:
        CallTree; the self times of all nodes sum to those of all closed slices.

    Raises:
        ValueError: lengths differ, or a depth is negative.
    """
    depths, names, selfs = _checked(depth, name, self_dur)
    parent = np.empty(len(depths), np.int64)
    _parents(depths, parent)
    node = np.empty(len(depths), np.int64)
    table = np.full(1 << max(4, (2 * len(depths)).bit_length()), -1, np.int64)
    out_parent, out_name = np.empty(len(depths), np.int64), np.empty(len(depths), np.int64)
    size = _nodes(parent, names, node, table, out_parent, out_name)
    own, total = np.zeros(size, np.int64), np.zeros(size, np.int64)
    count = np.zeros(size, np.int64)
    _fill(node, selfs, out_parent, own, total, count)
    return CallTree(out_parent[:size].copy(), out_name[:size].copy(), total, own, count)


def outermost(depth: ArrayLike, name: ArrayLike, dur: ArrayLike) -> Outermost:
    """Sum per name the time of its outermost slices, so that recursion counts once.

    Arguments and errors as `build`, with the length `dur` in the place of `self_dur`.
    """
    depths, names, durs = _checked(depth, name, dur)
    found, codes = np.unique(names, return_inverse=True)
    total = np.zeros(len(found), np.int64)
    inside = np.zeros(len(found), np.int64)
    stack = np.empty(int(depths.max(initial=-1)) + 1, np.int64)
    _outermost(depths, as_input(codes, np.int64), durs, stack, inside, total)
    return Outermost(found, total)


def _checked(depth: ArrayLike, name: ArrayLike, dur: ArrayLike) -> tuple[Int64, Int64, Int64]:
    depths, names = as_input(depth, np.int64), as_input(name, np.int64)
    durs = as_input(dur, np.int64)
    if not len(depths) == len(names) == len(durs):
        raise ValueError("columns differ in length")
    if (depths < 0).any():
        raise ValueError("a depth is negative")
    return depths, names, durs


@kernel
def _parents(depth: Int64, parent: Int64) -> None:
    """Give the index of the slice around each: the last one before it that is less deep."""
    for i in range(depth.shape[0]):
        at = i - 1
        while at >= 0 and depth[at] >= depth[i]:
            at = parent[at]
        parent[i] = at


@kernel
def _nodes(
    parent: Int64, name: Int64, node: Int64, table: Int64, out_parent: Int64, out_name: Int64
) -> int:
    """Give each slice the node of its path; `table` is an open hash of nodes."""
    size = 0
    mask = table.shape[0] - 1
    for i in range(parent.shape[0]):
        above = node[parent[i]] if parent[i] >= 0 else -1
        at = ((above * 0x9E3779B1 + name[i] * 0x85EBCA77) >> 7) & mask
        while table[at] >= 0 and not (
            out_parent[table[at]] == above and out_name[table[at]] == name[i]
        ):
            at = (at + 1) & mask
        if table[at] < 0:
            table[at] = size
            out_parent[size] = above
            out_name[size] = name[i]
            size += 1
        node[i] = table[at]
    return size


@kernel
def _fill(
    node: Int64, self_dur: Int64, parent: Int64, own: Int64, total: Int64, count: Int64
) -> None:
    """Sum the slices of each node, then from the leaves up."""
    for i in range(node.shape[0]):
        count[node[i]] += 1
        if self_dur[i] > 0:
            own[node[i]] += self_dur[i]
    for j in range(own.shape[0] - 1, -1, -1):
        total[j] += own[j]
        if parent[j] >= 0:
            total[parent[j]] += total[j]


@kernel
def _outermost(
    depth: Int64, name: Int64, dur: Int64, stack: Int64, inside: Int64, total: Int64
) -> None:
    """Keep the open slices, outermost first, and how many of each name are open."""
    top = 0
    for i in range(depth.shape[0]):
        while top > 0 and depth[stack[top - 1]] >= depth[i]:
            top -= 1
            inside[name[stack[top]]] -= 1
        if inside[name[i]] == 0 and dur[i] > 0:
            total[name[i]] += dur[i]
        stack[top] = i
        inside[name[i]] += 1
        top += 1
