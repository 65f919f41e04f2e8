"""The call tree of a track: slices with the same path of names are one node."""

from __future__ import annotations

from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from traceql.kernels.decorator import as_input, kernel

Int64 = NDArray[np.int64]
Int32 = NDArray[np.int32]
T = TypeVar("T", np.int32, np.int64)

_FIRST_NODES = 1024
_TOP, _SIZE = 0, 1
"""Places in a walk's state: how many slices are open, how many nodes there are."""
_DEPTH, _NODE, _CELL = 0, 1, 2
"""Rows of a walk's stack: of each open slice its depth, its node, its place in the sums."""


class CallTree(NamedTuple):
    """Nodes; a parent stands before its children. Each [m]."""

    parent: Int32
    """Index of the parent, -1 for a root."""
    name: Int32
    total_dur: Int64
    """Its self time and that of all nodes below."""
    self_dur: Int64
    calls: Int64


class Outermost(NamedTuple):
    """Per name, ascending: the time of slices that no slice of the same name encloses."""

    name: Int64
    total_dur: Int64


class Walk:
    """Merges the slices of one track by their path of names, part by part.

    It holds the nodes and the open slices only, whatever the number of slices.
    """

    def __init__(self, groups: int = 1) -> None:
        """Begin.

        Args:
            groups: into how many groups slices fall; a slice encloses those of its group only.
        """
        self._groups = groups
        self._state = np.zeros(2, np.int64)
        self._stack = np.empty((3, 16), np.int64)
        # Where no path comes twice, there are as many nodes as slices: so they are narrow.
        self._links = np.zeros((2, _FIRST_NODES), np.int32)  # parent, name
        self._own = np.zeros((2, _FIRST_NODES), np.int64)  # self time, calls
        self._table = np.full(2 * _FIRST_NODES, -1, np.int32)
        self._sums = np.zeros((3, groups), np.int64)  # open, total, seen

    def add(
        self,
        depth: ArrayLike,
        name: ArrayLike,
        self_dur: ArrayLike,
        dur: ArrayLike,
        group: ArrayLike | None = None,
    ) -> None:
        """Go on with the next slices of the track.

        Args:
            depth: int64 [n], >= 0, in nesting order (a parent before its children); where parents
                are missing, as in a window, the next one up stands in.
            name: int64 [n], ids from -1, below 2^31 as all ids are.
            self_dur: int64 [n], negative where never closed: such a slice is a node without time.
            dur: int64 [n], negative where never closed.
            group: int64 [n], in 0 … groups - 1; None: all are of group 0.

        Raises:
            ValueError: lengths differ, a depth is negative, or a name or a group is no such number.
        """
        count = len(as_input(depth, np.int64))
        groups = np.zeros(count, np.int64) if group is None else group
        columns = [as_input(c, np.int64) for c in (depth, name, self_dur, dur, groups)]
        depths, names, selfs, durs, groups = columns
        if any(len(column) != count for column in columns):
            raise ValueError("columns differ in length")
        if not count:
            return
        if depths.min() < 0:
            raise ValueError("a depth is negative")
        if names.min() < -1 or not 0 <= groups.min() <= groups.max() < self._groups:
            raise ValueError(f"names from -1, groups from 0 to {self._groups - 1}")
        self._stack = _wider(self._stack, int(depths.max()) + 2)
        self._sums = _wider(self._sums, (int(names.max()) + 2) * self._groups)
        at = 0
        while True:
            at = _walk(
                depths, names, selfs, durs, groups, at, self._groups, self._state, self._stack,
                self._table, self._links, self._own, self._sums,
            )  # fmt: skip
            if at == count:
                return
            self._table = np.full(2 * len(self._table), -1, np.int32)
            self._links = _wider(self._links, 2 * self._links.shape[1])
            self._own = _wider(self._own, 2 * self._own.shape[1])
            _enter(self._table, self._links, int(self._state[_SIZE]))

    def tree(self) -> CallTree:
        """Give the tree of all slices so far, until the walk goes on: its columns are shared."""
        size = self._state[_SIZE]
        parent, name = self._links[:, :size]
        own, calls = self._own[:, :size]
        total = own.copy()
        _add_up(parent, total)
        return CallTree(parent, name, total, own, calls)

    def outermost(self, group: int = 0) -> Outermost:
        """Give the time of the outermost slices of each name of a group, ascending."""
        _, total, seen = self._sums[:, group :: self._groups]
        cells = np.flatnonzero(seen)
        return Outermost(cells - 1, total[cells])


def build(depth: ArrayLike, name: ArrayLike, self_dur: ArrayLike) -> CallTree:
    """Merge slices by their path of names; arguments and errors as `Walk.add`."""
    walk = Walk()
    walk.add(depth, name, self_dur, self_dur)
    return walk.tree()


def outermost(depth: ArrayLike, name: ArrayLike, dur: ArrayLike) -> Outermost:
    """Sum per name the time of its outermost slices, so that recursion counts once.

    Arguments and errors as `Walk.add`.
    """
    walk = Walk()
    walk.add(depth, name, dur, dur)
    return walk.outermost()


def _wider(table: NDArray[T], columns: int) -> NDArray[T]:
    """Give a table with at least so many columns; new ones hold 0."""
    if table.shape[1] >= columns:
        return table
    wide = np.zeros((table.shape[0], max(columns, table.shape[1])), table.dtype)
    wide[:, : table.shape[1]] = table
    return wide


@kernel
def _slot(table: Int32, links: Int32, above: int, name: int) -> int:
    """Find the place of a node in the open hash `table`, or the free one where it belongs."""
    mask = table.shape[0] - 1
    at = ((above * 0x9E3779B1 + name * 0x85EBCA77) >> 7) & mask
    while table[at] >= 0 and not (links[0, table[at]] == above and links[1, table[at]] == name):
        at = (at + 1) & mask
    return int(at)


@kernel
def _walk(
    depth: Int64, name: Int64, self_dur: Int64, dur: Int64, group: Int64, first: int, groups: int,
    state: Int64, stack: Int64, table: Int32, links: Int32, own: Int64, sums: Int64,
) -> int:  # fmt: skip
    """Give the place of the slice for whose node there is no room, or how many slices there are."""
    top, size = state[_TOP], state[_SIZE]
    for i in range(first, depth.shape[0]):
        while top > 0 and stack[_DEPTH, top - 1] >= depth[i]:
            top -= 1
            sums[0, stack[_CELL, top]] -= 1
        above = stack[_NODE, top - 1] if top > 0 else -1
        at = _slot(table, links, above, name[i])
        if table[at] < 0:
            if size == links.shape[1]:
                state[_TOP], state[_SIZE] = top, size
                return i
            table[at] = size
            links[0, size], links[1, size] = above, name[i]
            size += 1
        node = table[at]
        own[1, node] += 1
        if self_dur[i] > 0:
            own[0, node] += self_dur[i]
        cell = (name[i] + 1) * groups + group[i]
        if sums[0, cell] == 0 and dur[i] > 0:
            sums[1, cell] += dur[i]
        sums[0, cell] += 1
        sums[2, cell] = 1
        stack[_DEPTH, top], stack[_NODE, top], stack[_CELL, top] = depth[i], node, cell
        top += 1
    state[_TOP], state[_SIZE] = top, size
    return int(depth.shape[0])


@kernel
def _enter(table: Int32, links: Int32, size: int) -> None:
    """Enter the nodes in a new, larger hash."""
    for j in range(size):
        table[_slot(table, links, links[0, j], links[1, j])] = j


@kernel
def _add_up(parent: Int32, total: Int64) -> None:
    """Add to each node what is below it, from the leaves up."""
    for j in range(total.shape[0] - 1, -1, -1):
        if parent[j] >= 0:
            total[parent[j]] += total[j]
