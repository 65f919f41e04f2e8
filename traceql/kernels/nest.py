"""Nesting of slices on their track: depth, parent, self time, and lanes where they overlap."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from traceql.kernels.decorator import as_input, kernel

Int64 = NDArray[np.int64]
Int32 = NDArray[np.int32]

NEVER = np.iinfo(np.int64).max
"""End of a slice that nothing closes."""
PENDING = -2
"""Self time that a later batch, or `finish`, gives as late."""

_NONE = -1
_TRACK, _FREE, _USED, _ROW, _LANES = range(5)
_END, _DUR, _COVERED, _SLICE, _PLACE, _DEPTH, _BELOW = range(7)


class Nested(NamedTuple):
    """What `Nesting.feed` finds for its rows, and for earlier ones that closed meanwhile."""

    depth: Int32
    """From 0, within the lane."""
    parent: Int64
    """Id of the enclosing slice of the same lane, -1 where there is none."""
    lane: Int32
    """0, or the first lane in which the slice overlaps nothing."""
    end: Int64
    """End; of an unclosed slice its parent's, and NEVER where it has no parent."""
    self_dur: Int64
    """Length less that of the direct children; -1 where dur is -1, PENDING while still open."""
    late_row: Int64
    """Rows of earlier batches, counted over all batches, whose self time is known now."""
    late_self_dur: Int64
    """Their self time."""


class Nesting:
    """Nests slices that come sorted by (track, ts, dur descending with -1 first).

    A slice lies inside another when it starts before that one's end and ends no later; touching
    is not overlap, and a slice of length 0 lies inside what is open at its time. One that overlaps
    goes to the first lane of its track in which it overlaps nothing. An unclosed slice (dur -1)
    ends where its parent ends. Memory: one node per open slice.
    """

    def __init__(self) -> None:
        self._state = np.array((-1, _NONE, 0, 0, 0), np.int64)
        self._nodes = np.empty((7, 0), np.int64)
        self._lanes = np.empty(0, np.int64)

    def feed(self, track: ArrayLike, ts: ArrayLike, dur: ArrayLike, ids: ArrayLike) -> Nested:
        """Nest the next rows.

        Args:
            track: int32 [n], at least 0.
            ts: int64 [n].
            dur: int64 [n], -1 where never closed.
            ids: int64 [n], the number by which children name their parent.

        Raises:
            ValueError: lengths differ.
        """
        tracks, starts = as_input(track, np.int32), as_input(ts, np.int64)
        durations, numbers = as_input(dur, np.int64), as_input(ids, np.int64)
        rows = len(tracks)
        if {len(starts), len(durations), len(numbers)} != {rows}:
            raise ValueError("columns differ in length")
        late_row, late_self = self._room_for_late()
        depth, lane = np.empty(rows, np.int32), np.empty(rows, np.int32)
        parent, end = np.empty(rows, np.int64), np.empty(rows, np.int64)
        self_dur = np.full(rows, PENDING, np.int64)
        at = late = 0
        while at < rows:
            # A row needs at most one node and one lane, so each call gets some way.
            self._reserve(rows - at)
            at, late = _nest(
                tracks, starts, durations, numbers, at, self._state, self._nodes, self._lanes,
                depth, parent, lane, end, self_dur, late_row, late_self, late,
            )  # fmt: skip
        self._state[_ROW] += rows
        return Nested(depth, parent, lane, end, self_dur, late_row[:late], late_self[:late])

    def finish(self) -> tuple[Int64, Int64]:
        """Close what is open; give rows and self times, as `late_row` and `late_self_dur`."""
        late_row, late_self = self._room_for_late()
        none = np.empty(0, np.int64)
        late = _close_all(
            self._state,
            self._nodes,
            self._lanes,
            int(self._state[_ROW]),
            none,
            late_row,
            late_self,
            0,
        )
        return late_row[:late], late_self[:late]

    def _room_for_late(self) -> tuple[Int64, Int64]:
        room = int(self._state[_USED])
        return np.empty(room, np.int64), np.empty(room, np.int64)

    def _reserve(self, rows: int) -> None:
        needed = int(self._state[_USED]) + rows
        if needed > self._nodes.shape[1]:
            grown = np.empty((7, max(needed, 2 * self._nodes.shape[1])), np.int64)
            grown[:, : self._nodes.shape[1]] = self._nodes
            self._nodes = grown
        if int(self._state[_LANES]) + 1 >= len(self._lanes):
            lanes = np.full(max(16, 2 * len(self._lanes)), _NONE, np.int64)
            lanes[: len(self._lanes)] = self._lanes
            self._lanes = lanes


@kernel
def _close(
    node: int,
    state: Int64,
    nodes: Int64,
    first: int,
    self_dur: Int64,
    late_row: Int64,
    late_self: Int64,
    late: int,
) -> int:
    """Write the self time of a node's slice and free the node; give the number of late rows."""
    dur = nodes[_DUR, node]
    own = dur - nodes[_COVERED, node] if dur >= 0 else -1
    row = nodes[_PLACE, node]
    if row >= first:
        self_dur[row - first] = own
    else:
        late_row[late] = row
        late_self[late] = own
        late += 1
    nodes[_BELOW, node] = state[_FREE]
    state[_FREE] = node
    return late


@kernel
def _close_all(
    state: Int64,
    nodes: Int64,
    lanes: Int64,
    first: int,
    self_dur: Int64,
    late_row: Int64,
    late_self: Int64,
    late: int,
) -> int:
    for lane in range(state[_LANES]):
        node = lanes[lane]
        while node != _NONE:
            below = nodes[_BELOW, node]
            late = _close(node, state, nodes, first, self_dur, late_row, late_self, late)
            node = below
    state[_LANES], state[_FREE], state[_USED] = 0, _NONE, 0
    return late


@kernel
def _push(lane: int, state: Int64, nodes: Int64, lanes: Int64, ts: int, dur: int) -> int:
    """Put a slice on top of its lane; give its node."""
    below = lanes[lane]
    if state[_FREE] != _NONE:
        node = state[_FREE]
        state[_FREE] = nodes[_BELOW, node]
    else:
        node = state[_USED]
        state[_USED] += 1
    limit = nodes[_END, below] if below != _NONE else NEVER
    end = limit if dur < 0 or dur > limit - ts else ts + dur
    nodes[_END, node] = end
    nodes[_DUR, node] = dur
    nodes[_COVERED, node] = 0
    nodes[_BELOW, node] = below
    nodes[_DEPTH, node] = 0
    if below != _NONE:
        nodes[_DEPTH, node] = nodes[_DEPTH, below] + 1
        nodes[_COVERED, below] += end - ts
    lanes[lane] = node
    return int(node)


@kernel
def _nest(
    track: Int32, ts: Int64, dur: Int64, ids: Int64, start: int,
    state: Int64, nodes: Int64, lanes: Int64,
    depth: Int32, parent: Int64, lane_out: Int32, end_out: Int64, self_dur: Int64,
    late_row: Int64, late_self: Int64, late: int,
) -> tuple[int, int]:  # fmt: skip
    """Sweep with one stack per lane until the lanes are full; give the next row and late rows."""
    first = state[_ROW]
    for i in range(start, track.shape[0]):
        if track[i] != state[_TRACK]:
            late = _close_all(state, nodes, lanes, first, self_dur, late_row, late_self, late)
            state[_TRACK] = track[i]
        if state[_LANES] + 1 >= lanes.shape[0]:
            return i, late
        lane = 0
        while lane < state[_LANES]:
            top = lanes[lane]
            while top != _NONE and nodes[_END, top] <= ts[i]:
                lanes[lane] = nodes[_BELOW, top]
                late = _close(top, state, nodes, first, self_dur, late_row, late_self, late)
                top = lanes[lane]
            if top == _NONE or dur[i] <= nodes[_END, top] - ts[i]:
                break
            lane += 1
        if lane == state[_LANES]:
            lanes[lane] = _NONE
            state[_LANES] += 1
        node = _push(lane, state, nodes, lanes, ts[i], dur[i])
        nodes[_SLICE, node] = ids[i]
        nodes[_PLACE, node] = first + i
        below = nodes[_BELOW, node]
        depth[i] = nodes[_DEPTH, node]
        parent[i] = nodes[_SLICE, below] if below != _NONE else _NONE
        lane_out[i] = lane
        end_out[i] = nodes[_END, node]
    return track.shape[0], late
