"""Pairing of begins and ends."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from traceql.kernels.decorator import as_input, kernel

Int64 = NDArray[np.int64]
Int32 = NDArray[np.int32]
Bool = NDArray[np.bool_]

_NONE = -1
_TRACK, _TOP, _FREE, _USED, _ROW = range(5)
_EMPTY_STATE = (-1, _NONE, _NONE, 0, 0)


class Pairs(NamedTuple):
    """Rows, counted over all batches from 0, of begins and of the ends that closed them."""

    begin: Int64
    end: Int64


class Pairing:
    """Pairs begins and ends of tracks that come one after the other, over any number of batches.

    An end closes the innermost open begin of its track whose name and category fit: an end
    without category fits any, one with a category needs the same; names must be equal unless one
    of the two has none. The open begins above it stay open. These are Perfetto's rules
    (slice_tracker). An end that fits nothing is in no pair, a begin that nothing closed neither.
    """

    def __init__(self) -> None:
        self._state = np.array(_EMPTY_STATE, np.int64)
        self._nodes = np.empty((4, 0), np.int64)

    def feed(
        self, track: ArrayLike, name: ArrayLike, category: ArrayLike, is_end: ArrayLike
    ) -> Pairs:
        """Pair the next rows.

        Args:
            track: int32 [n]; rows of a track stand together, in order of time.
            name: int32 [n], -1 where there is none.
            category: int32 [n], -1 where there is none.
            is_end: bool [n].

        Returns:
            Pairs in the order of their ends, which are rows of this batch.

        Raises:
            ValueError: lengths differ.
        """
        tracks, names = as_input(track, np.int32), as_input(name, np.int32)
        categories, ends = as_input(category, np.int32), as_input(is_end, np.bool_)
        if len({len(tracks), len(names), len(categories), len(ends)}) != 1:
            raise ValueError("columns differ in length")
        self._reserve(len(ends) - int(ends.sum()))
        begin, end = np.empty(len(ends), np.int64), np.empty(len(ends), np.int64)
        size = _pair(tracks, names, categories, ends, self._state, self._nodes, begin, end)
        return Pairs(begin[:size], end[:size])

    def _reserve(self, begins: int) -> None:
        needed = int(self._state[_USED]) + begins
        if needed > self._nodes.shape[1]:
            grown = np.empty((4, max(needed, 2 * self._nodes.shape[1])), np.int64)
            grown[:, : self._nodes.shape[1]] = self._nodes
            self._nodes = grown


@kernel
def _pair(
    track: Int32,
    name: Int32,
    category: Int32,
    is_end: Bool,
    state: Int64,
    nodes: Int64,
    out_begin: Int64,
    out_end: Int64,
) -> int:
    """Keep open begins as a linked list per track; nodes are rows name, category, row, below."""
    top, free, used, row = state[_TOP], state[_FREE], state[_USED], state[_ROW]
    size = 0
    for i in range(track.shape[0]):
        if track[i] != state[_TRACK]:
            state[_TRACK] = track[i]
            top, free, used = _NONE, _NONE, 0
        if not is_end[i]:
            if free != _NONE:
                node = free
                free = nodes[3, node]
            else:
                node = used
                used += 1
            nodes[0, node] = name[i]
            nodes[1, node] = category[i]
            nodes[2, node] = row + i
            nodes[3, node] = top
            top = node
            continue
        above = _NONE
        node = top
        while node != _NONE:
            fits = category[i] == _NONE or category[i] == nodes[1, node]
            if fits and (name[i] == _NONE or nodes[0, node] == _NONE or name[i] == nodes[0, node]):
                break
            above = node
            node = nodes[3, node]
        if node == _NONE:
            continue
        out_begin[size] = nodes[2, node]
        out_end[size] = row + i
        size += 1
        if above == _NONE:
            top = nodes[3, node]
        else:
            nodes[3, above] = nodes[3, node]
        nodes[3, node] = free
        free = node
    state[_TOP], state[_FREE], state[_USED] = top, free, used
    state[_ROW] = row + track.shape[0]
    return size
