"""Nesting of slices on their track: depth, parent, self time, and lanes where they overlap."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from traceql.kernels.decorator import as_input, bare_kernel, inlined
from traceql.kernels.vector import item64, store64

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
        self._nodes = np.empty((0, 8), np.int64)  # one cache line a node
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
        tracks, starts = as_input(track, np.int64), as_input(ts, np.int64)
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
                tracks, starts, durations, numbers, at, self._state, self._nodes.ctypes.data,
                self._lanes, depth, parent, lane, end, self_dur, late_row, late_self, late,
            )  # fmt: skip
        self._state[_ROW] += rows
        return Nested(depth, parent, lane, end, self_dur, late_row[:late], late_self[:late])

    def finish(self) -> tuple[Int64, Int64]:
        """Close what is open; give rows and self times, as `late_row` and `late_self_dur`."""
        late_row, late_self = self._room_for_late()
        none = np.empty(0, np.int64)
        row, lanes = int(self._state[_ROW]), int(self._state[_LANES])
        nodes = self._nodes.ctypes.data
        late = _close_all(nodes, self._lanes, lanes, row, none, late_row, late_self)
        self._state[_LANES] = 0
        return late_row[:late], late_self[:late]

    def _room_for_late(self) -> tuple[Int64, Int64]:
        room = int(self._state[_USED])
        return np.empty(room, np.int64), np.empty(room, np.int64)

    def _reserve(self, rows: int) -> None:
        needed = int(self._state[_USED]) + rows
        if needed > len(self._nodes):
            grown = np.empty((max(needed, 2 * len(self._nodes)), 8), np.int64)
            grown[: len(self._nodes)] = self._nodes
            self._nodes = grown
        if int(self._state[_LANES]) == len(self._lanes):
            lanes = np.full(max(16, 2 * len(self._lanes)), _NONE, np.int64)
            lanes[: len(self._lanes)] = self._lanes
            self._lanes = lanes


@inlined
def _of(nodes: int, node: int, field: int) -> int:
    return item64(nodes, 8 * node + field)


@inlined
def _set(nodes: int, node: int, field: int, value: int) -> None:
    store64(nodes + 64 * node + 8 * field, value)


@inlined
def _close(
    nodes: int, node: int, first: int,
    self_dur: Int64, late_row: Int64, late_self: Int64, late: int,
) -> int:  # fmt: skip
    """Write the self time of a node's slice; give the number of late rows."""
    dur = _of(nodes, node, _DUR)
    own = dur - _of(nodes, node, _COVERED) if dur >= 0 else -1
    row = _of(nodes, node, _PLACE)
    if row >= first:
        self_dur[row - first] = own
        return late
    late_row[late] = row
    late_self[late] = own
    return late + 1


@inlined
def _close_lanes(
    nodes: int, lanes: Int64, open_lanes: int, first: int,
    self_dur: Int64, late_row: Int64, late_self: Int64, late: int,
) -> int:  # fmt: skip
    """Close all slices of the first `open_lanes` lanes; give the number of late rows."""
    for lane in range(open_lanes):
        node = lanes[lane]
        while node != _NONE:
            late = _close(nodes, node, first, self_dur, late_row, late_self, late)
            node = _of(nodes, node, _BELOW)
    return late


@bare_kernel
def _close_all(
    nodes: int, lanes: Int64, open_lanes: int, first: int,
    self_dur: Int64, late_row: Int64, late_self: Int64,
) -> int:  # fmt: skip
    return _close_lanes(nodes, lanes, open_lanes, first, self_dur, late_row, late_self, 0)


@inlined
def _put(nodes: int, node: int, below: int, ts: int, dur: int, end: int) -> tuple[int, int]:
    """Make a node of a slice on top of another one, which it does not outlast.

    Returns:
        Its depth and its end.
    """
    depth = 0
    if below != _NONE:
        end = min(end, _of(nodes, below, _END))
        depth = _of(nodes, below, _DEPTH) + 1
        _set(nodes, below, _COVERED, _of(nodes, below, _COVERED) + end - ts)
    _set(nodes, node, _END, end)
    _set(nodes, node, _DUR, dur)
    _set(nodes, node, _COVERED, 0)
    _set(nodes, node, _DEPTH, depth)
    _set(nodes, node, _BELOW, below)
    return depth, end


@bare_kernel
def _nest(
    track: Int64, ts: Int64, dur: Int64, ids: Int64, start: int,
    state: Int64, nodes: int, lanes: Int64,
    depth: Int32, parent: Int64, lane_out: Int32, end_out: Int64, self_dur: Int64,
    late_row: Int64, late_self: Int64, late: int,
) -> tuple[int, int]:  # fmt: skip
    """Sweep with one stack per lane until the lanes are full; give the next row and late rows."""
    current, free, used = state[_TRACK], state[_FREE], state[_USED]
    first, open_lanes = state[_ROW], state[_LANES]
    i = start
    while i < track.shape[0]:
        if track[i] != current:
            late = _close_lanes(
                nodes, lanes, open_lanes, first, self_dur, late_row, late_self, late
            )
            current, free, used, open_lanes = track[i], _NONE, 0, 0
        if open_lanes == lanes.shape[0]:
            break
        begin, length = ts[i], dur[i]
        # Never-ending is also what would run over int64.
        endless = length < 0 or (begin > 0 and length > NEVER - begin)
        end = NEVER if endless else begin + length
        lane, top = 0, _NONE
        while lane < open_lanes:
            top = lanes[lane]
            while top != _NONE and _of(nodes, top, _END) <= begin:
                late = _close(nodes, top, first, self_dur, late_row, late_self, late)
                below = _of(nodes, top, _BELOW)
                _set(nodes, top, _BELOW, free)
                free, top = top, below
            lanes[lane] = top
            if top == _NONE or length < 0 or end <= _of(nodes, top, _END):
                break
            lane += 1
        if lane == open_lanes:
            open_lanes += 1
            top = _NONE
        if free != _NONE:
            node = free
            free = _of(nodes, node, _BELOW)
        else:
            node = used
            used += 1
        depth[i], end_out[i] = _put(nodes, node, top, begin, length, end)
        _set(nodes, node, _SLICE, ids[i])
        _set(nodes, node, _PLACE, first + i)
        lanes[lane] = node
        parent[i] = _of(nodes, top, _SLICE) if top != _NONE else _NONE
        lane_out[i] = lane
        i += 1
    state[_TRACK], state[_FREE], state[_USED], state[_LANES] = current, free, used, open_lanes
    return i, late
