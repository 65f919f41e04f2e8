"""Binding of points in time to the slices around them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from traceql.kernels.decorator import as_input, kernel

Int64 = NDArray[np.int64]
Int32 = NDArray[np.int32]
Bool = NDArray[np.bool_]

UNBOUND = -1

_TRACK, _OPEN, _LAST_TS, _SLICE_AT, _POINT_AT = range(5)


class Binding:
    """Binds points to slices of their track; both come sorted, in batches of any size.

    A point of kind *enclosing* binds to the slice that started last among those with
    ts <= t <= end; of several that start together, the one that sorts last, which is the
    innermost. A point of kind *next* binds to the first slice with ts >= t.

    Slices: sorted by (track, ts, dur descending). Points: sorted by (track, ts, next first).
    """

    def __init__(self) -> None:
        self._state = np.array((-1, 0, 0, 0, 0), np.int64)
        self._open = np.empty((2, 0), np.int64)
        self._slices = _slices((), (), (), ())
        self._points = _points((), (), ())
        self._out = np.empty(0, np.int64)
        self._done = False

    def slices(self, track: ArrayLike, ts: ArrayLike, end: ArrayLike, ids: ArrayLike) -> None:
        """Give the next slices; the previous ones must be used up (`needs_slices`).

        Args:
            track: int32 [n].
            ts: int64 [n].
            end: int64 [n], NEVER (the largest int64) where nothing closes it.
            ids: int64 [n].
        """
        self._slices = _slices(track, ts, end, ids)
        self._state[_SLICE_AT] = 0
        self._reserve(len(self._slices[0]))

    def no_more_slices(self) -> None:
        """Say that all slices were given."""
        self._done = True

    def points(self, track: ArrayLike, ts: ArrayLike, is_next: ArrayLike) -> None:
        """Give the next points; the previous ones must be bound.

        Args:
            track: int32 [n].
            ts: int64 [n].
            is_next: bool [n].
        """
        self._points = _points(track, ts, is_next)
        self._state[_POINT_AT] = 0
        self._out = np.full(len(self._points[0]), UNBOUND, np.int64)

    def bound(self) -> Int64 | None:
        """Bind what can be bound; give the slice ids of all given points, or None if slices lack.

        Returns:
            int64 [n], UNBOUND where no slice fits; None: call `slices` or `no_more_slices` first.
        """
        _bind(*self._slices, *self._points, self._done, self._state, self._open, self._out)
        return self._out if int(self._state[_POINT_AT]) == len(self._out) else None

    def _reserve(self, rows: int) -> None:
        """Make room; drop what ended before the last slice, which overlaps leave in the stack.

        A point not bound yet never lies before the last slice on the stack.
        """
        size = int(self._state[_OPEN])
        if size + rows <= self._open.shape[1]:
            return
        kept = self._open[:, :size]
        kept = kept[:, kept[0] >= self._state[_LAST_TS]]
        self._open = np.empty((2, 2 * kept.shape[1] + rows), np.int64)
        self._open[:, : kept.shape[1]] = kept
        self._state[_OPEN] = kept.shape[1]


def _slices(*columns: ArrayLike) -> tuple[Int32, Int64, Int64, Int64]:
    track, ts, end, ids = columns
    return (
        as_input(track, np.int32),
        as_input(ts, np.int64),
        as_input(end, np.int64),
        as_input(ids, np.int64),
    )


def _points(*columns: ArrayLike) -> tuple[Int32, Int64, Bool]:
    track, ts, is_next = columns
    return as_input(track, np.int32), as_input(ts, np.int64), as_input(is_next, np.bool_)


@kernel
def _bind(
    track: Int32, ts: Int64, end: Int64, ids: Int64,
    point_track: Int32, point_ts: Int64, is_next: Bool,
    done: bool, state: Int64, stack: Int64, out: Int64,
) -> None:  # fmt: skip
    """Merge slices and points. The stack holds slices of one track, last started on top.

    What has ended is taken off only when it comes to the top: time only grows, so it can never
    be asked for again.
    """
    i, size = state[_SLICE_AT], state[_OPEN]
    j = state[_POINT_AT]
    while j < point_track.shape[0]:
        at_track, at_ts = point_track[j], point_ts[j]
        if i < track.shape[0]:
            before = track[i] < at_track or (track[i] == at_track and ts[i] < at_ts)
            tied = track[i] == at_track and ts[i] == at_ts
            if before or (tied and not is_next[j]):
                if track[i] != state[_TRACK]:
                    state[_TRACK] = track[i]
                    size = 0
                stack[0, size] = end[i]
                stack[1, size] = ids[i]
                size += 1
                state[_LAST_TS] = ts[i]
                i += 1
                continue
            if is_next[j] and track[i] == at_track:
                out[j] = ids[i]
        elif not done:
            break
        if not is_next[j] and state[_TRACK] == at_track:
            while size > 0 and stack[0, size - 1] < at_ts:
                size -= 1
            if size > 0:
                out[j] = stack[1, size - 1]
        j += 1
    state[_SLICE_AT], state[_OPEN], state[_POINT_AT] = i, size, j
