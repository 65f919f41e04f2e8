"""Interval sweeps over many segments at once: merge, gaps, overlap count, flattening, segments.

An interval is [ts, end); `end` is segments.NEVER where nothing closes it. Inputs are sorted by ts
within their segment; results come with the number of rows of each segment.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from traceql.kernels.decorator import as_input, kernel
from traceql.kernels.segments import NEVER, checked_offsets

Int64 = NDArray[np.int64]

_MOST_OPEN = 256
"""With more intervals open at once their ends are better sorted as a whole."""


class Spans(NamedTuple):
    """Intervals of each segment: `counts` int64 [s], the others int64 [sum of counts]."""

    counts: Int64
    ts: Int64
    end: Int64


class Points(NamedTuple):
    """Values from a time on, of each segment: `counts` int64 [s], others int64 [sum of counts]."""

    counts: Int64
    ts: Int64
    value: Int64


class Owned(NamedTuple):
    """Intervals with the row they are of: `counts` int64 [s], others int64 [sum of counts]."""

    counts: Int64
    row: Int64
    ts: Int64
    end: Int64


class Atoms(NamedTuple):
    """Rows of `atoms`: `counts` int64 [s], others int64 [sum of counts]."""

    counts: Int64
    ts: Int64
    end: Int64
    group: Int64
    row: Int64
    is_end: Int64


def merge(
    offsets: ArrayLike, ts: ArrayLike, end: ArrayLike, epsilon: int = 0, *, instants: bool = True
) -> Spans:
    """Merge intervals that overlap, touch, or are at most `epsilon` apart.

    Args:
        offsets: int64 [s + 1].
        ts: int64 [n], ascending within a segment.
        end: int64 [n], end[i] >= ts[i].
        epsilon: ns, at least 0.
        instants: whether an interval of length 0 counts; else it covers nothing.

    Raises:
        ValueError: lengths differ, or epsilon is negative.
    """
    bounds, starts, ends = _checked(offsets, ts, end)
    if epsilon < 0:
        raise ValueError(f"epsilon {epsilon} is negative")
    counts = np.zeros(len(bounds) - 1, np.int64)
    out_ts, out_end = np.empty(len(starts), np.int64), np.empty(len(starts), np.int64)
    size = _merge(bounds, starts, ends, epsilon, instants, counts, out_ts, out_end)
    return Spans(counts, out_ts[:size], out_end[:size])


def disjoint(offsets: ArrayLike, ts: ArrayLike, end: ArrayLike) -> Spans:
    """Merge intervals that overlap or start together, but not those that only touch.

    So an instant where an interval ends stays on its own. Arguments as of `merge`.
    """
    bounds, starts, ends = _checked(offsets, ts, end)
    counts = np.zeros(len(bounds) - 1, np.int64)
    out_ts, out_end = np.empty(len(starts), np.int64), np.empty(len(starts), np.int64)
    size = _merge(bounds, starts, ends, -1, True, counts, out_ts, out_end)
    return Spans(counts, out_ts[:size], out_end[:size])


def gaps(
    offsets: ArrayLike,
    ts: ArrayLike,
    end: ArrayLike,
    start: int | None = None,
    stop: int | None = None,
) -> Spans:
    """Find the times that no interval of a segment covers; touching leaves no gap.

    Args:
        offsets: int64 [s + 1].
        ts: int64 [n], ascending within a segment.
        end: int64 [n].
        start: first time looked at; None: the first start of the segment.
        stop: last time looked at; None: the last end of the segment.
    """
    bounds, starts, ends = _checked(offsets, ts, end)
    counts = np.zeros(len(bounds) - 1, np.int64)
    room = len(starts) + len(counts)
    out_ts, out_end = np.empty(room, np.int64), np.empty(room, np.int64)
    low = np.iinfo(np.int64).min if start is None else start
    high = NEVER if stop is None else stop
    size = _gaps(
        bounds, starts, ends, low, high, start is not None, stop is not None,
        counts, out_ts, out_end,
    )  # fmt: skip
    return Spans(counts, out_ts[:size], out_end[:size])


def overlap_count(offsets: ArrayLike, ts: ArrayLike, end: ArrayLike) -> Points:
    """Count the open intervals at every time at which one starts or ends.

    Both at once, or an interval of length 0, give a row even where the count stays.

    Args:
        offsets: int64 [s + 1].
        ts: int64 [n], ascending within a segment.
        end: int64 [n].
    """
    bounds, starts, ends = _checked(offsets, ts, end)
    counts = np.zeros(len(bounds) - 1, np.int64)
    room = 2 * len(starts)
    out_ts, out_value = np.empty(room, np.int64), np.empty(room, np.int64)
    stack = np.empty(_MOST_OPEN, np.int64)
    size = _overlap_count(bounds, starts, ends, stack, counts, out_ts, out_value)
    if size < 0:
        segment = np.repeat(np.arange(len(counts)), np.diff(bounds))
        ordered = ends[np.lexsort((ends, segment))]
        size = _overlap_count_of_many(bounds, starts, ordered, counts, out_ts, out_value)
    return Points(counts, out_ts[:size], out_value[:size])


def flatten(offsets: ArrayLike, ts: ArrayLike, end: ArrayLike) -> Owned:
    """Cut time into pieces, each with the open interval that started last.

    Nested intervals: a piece is of the innermost one, so the pieces of an interval add up to its
    self time. Of several that start together the one that sorts last is innermost.

    Args:
        offsets: int64 [s + 1].
        ts: int64 [n], ascending within a segment, the outer before the inner.
        end: int64 [n].
    """
    bounds, starts, ends = _checked(offsets, ts, end)
    counts = np.zeros(len(bounds) - 1, np.int64)
    room = 2 * len(starts)
    row, out_ts, out_end = (np.empty(room, np.int64) for _ in range(3))
    stack = np.empty(len(starts), np.int64)
    size = _flatten(bounds, starts, ends, stack, counts, row, out_ts, out_end)
    return Owned(counts, row[:size], out_ts[:size], out_end[:size])


def atoms(offsets: ArrayLike, ts: ArrayLike, end: ArrayLike) -> Atoms:
    """Cut time at every start and end; give every interval of every piece.

    Pieces are numbered from 1. A row has is_end 0 where the interval covers the piece, and 1 in
    the piece that begins where the interval ends; the piece after the last end has length 0.

    Args:
        offsets: int64 [s + 1].
        ts: int64 [n], ascending within a segment.
        end: int64 [n].
    """
    bounds, starts, ends = _checked(offsets, ts, end)
    counts = np.zeros(len(bounds) - 1, np.int64)
    nothing = np.empty((0, 5), np.int64)
    size = _atoms(bounds, starts, ends, counts, nothing)
    out = np.empty((size, 5), np.int64)
    _atoms(bounds, starts, ends, counts, out)
    return Atoms(counts, *(np.ascontiguousarray(out[:, i]) for i in range(5)))


def _checked(offsets: ArrayLike, ts: ArrayLike, end: ArrayLike) -> tuple[Int64, Int64, Int64]:
    starts, ends = as_input(ts, np.int64), as_input(end, np.int64)
    if len(starts) != len(ends):
        raise ValueError(f"{len(starts)} starts and {len(ends)} ends")
    return checked_offsets(offsets, len(starts)), starts, ends


@kernel
def _merge(
    offsets: Int64, ts: Int64, end: Int64, epsilon: int, instants: bool,
    counts: Int64, out_ts: Int64, out_end: Int64,
) -> int:  # fmt: skip
    size = 0
    for s in range(offsets.shape[0] - 1):
        first = size
        for i in range(offsets[s], offsets[s + 1]):
            if not instants and end[i] <= ts[i]:
                continue
            # Written as a difference: end + epsilon may run over int64.
            if size > first and (
                ts[i] < out_end[size - 1]
                or ts[i] == out_ts[size - 1]
                or (epsilon >= 0 and ts[i] - out_end[size - 1] <= epsilon)
            ):
                out_end[size - 1] = max(out_end[size - 1], end[i])
            else:
                out_ts[size] = ts[i]
                out_end[size] = end[i]
                size += 1
        counts[s] = size - first
    return size


@kernel
def _gaps(
    offsets: Int64, ts: Int64, end: Int64, start: int, stop: int, from_start: bool, to_stop: bool,
    counts: Int64, out_ts: Int64, out_end: Int64,
) -> int:  # fmt: skip
    size = 0
    for s in range(offsets.shape[0] - 1):
        first = size
        known = from_start
        at = start
        for i in range(offsets[s], offsets[s + 1]):
            if end[i] <= ts[i]:
                continue
            if not known:
                known = True
                at = max(at, ts[i])
            begin = min(ts[i], stop)
            if begin > at:
                out_ts[size] = at
                out_end[size] = begin
                size += 1
            at = max(at, end[i])
        if known and to_stop and at < stop:
            out_ts[size] = at
            out_end[size] = stop
            size += 1
        counts[s] = size - first
    return size


@kernel
def _overlap_count(
    offsets: Int64, ts: Int64, end: Int64, stack: Int64,
    counts: Int64, out_ts: Int64, out_value: Int64,
) -> int:  # fmt: skip
    """Sweep with the ends of what is open on a stack, the next one on top; -1: it is too small.

    Intervals that nest, as slices do, go on top at once; others sink to their place.
    """
    size = 0
    for s in range(offsets.shape[0] - 1):
        first, i, stop = size, offsets[s], offsets[s + 1]
        depth = 0
        while i < stop or (depth > 0 and stack[depth - 1] != NEVER):
            at = stack[depth - 1] if depth > 0 else NEVER
            if i < stop and ts[i] <= at:
                at = ts[i]
            # NEVER is no time: what is open for ever just stays.
            while i < stop and ts[i] == at:
                if depth == stack.shape[0]:
                    return -1
                place = depth
                while place > 0 and stack[place - 1] < end[i]:
                    stack[place] = stack[place - 1]
                    place -= 1
                stack[place] = end[i]
                depth += 1
                i += 1
            while depth > 0 and stack[depth - 1] <= at and at != NEVER:
                depth -= 1
            out_ts[size] = at
            out_value[size] = depth
            size += 1
        counts[s] = size - first
    return size


@kernel
def _overlap_count_of_many(
    offsets: Int64, ts: Int64, ends: Int64, counts: Int64, out_ts: Int64, out_value: Int64
) -> int:
    """Merge starts and ends; `ends` ascend in each segment."""
    size = 0
    for s in range(offsets.shape[0] - 1):
        first, i, j, stop = size, offsets[s], offsets[s], offsets[s + 1]
        while i < stop or (j < stop and ends[j] != NEVER):
            if i < stop and (j == stop or ts[i] <= ends[j]):
                at = ts[i]
            else:
                at = ends[j]
            while i < stop and ts[i] == at:
                i += 1
            while j < stop and ends[j] <= at and at != NEVER:
                j += 1
            out_ts[size] = at
            out_value[size] = i - j
            size += 1
        counts[s] = size - first
    return size


@kernel
def _flatten(
    offsets: Int64, ts: Int64, end: Int64, stack: Int64,
    counts: Int64, row: Int64, out_ts: Int64, out_end: Int64,
) -> int:  # fmt: skip
    size = 0
    for s in range(offsets.shape[0] - 1):
        first, depth, at = size, 0, 0
        stop = offsets[s + 1]
        for i in range(offsets[s], stop + 1):
            last = i == stop
            if not last and end[i] <= ts[i]:
                continue
            until = NEVER if last else ts[i]
            while depth > 0 and at < until:
                top = stack[depth - 1]
                piece = min(end[top], until)
                if piece > at:
                    row[size] = top
                    out_ts[size] = at
                    out_end[size] = piece
                    size += 1
                    at = piece
                if end[top] <= until:
                    depth -= 1
            if not last:
                stack[depth] = i
                depth += 1
                at = ts[i]
        counts[s] = size - first
    return size


@kernel
def _atoms(offsets: Int64, ts: Int64, end: Int64, counts: Int64, out: Int64) -> int:
    size = 0
    for s in range(offsets.shape[0] - 1):
        first, begin, stop = size, offsets[s], offsets[s + 1]
        rows = stop - begin
        cuts = np.unique(np.concatenate((ts[begin:stop], end[begin:stop])))
        active = np.empty(rows, np.int64)
        open_count, arrived = 0, begin
        for c in range(cuts.shape[0]):
            at = cuts[c]
            if at == NEVER:
                break
            until = cuts[c + 1] if c + 1 < cuts.shape[0] else at
            while arrived < stop and ts[arrived] <= at:
                active[open_count] = arrived
                open_count += 1
                arrived += 1
            kept = 0
            for k in range(open_count):
                i = active[k]
                ended = end[i] <= at
                if size < out.shape[0]:
                    out[size, 0] = at
                    out[size, 1] = until
                    out[size, 2] = c + 1
                    out[size, 3] = i
                    out[size, 4] = 1 if ended else 0
                size += 1
                if not ended:
                    active[kept] = i
                    kept += 1
            open_count = kept
        counts[s] = size - first
    return size
