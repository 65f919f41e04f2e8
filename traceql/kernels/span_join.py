"""Intervals of several tables that overlap, and what of one table no other covers.

An interval [ts, end) of length 0 is an instant: it meets an interval that has ts <= t < end, and
another instant at the same time. Intervals of one table may overlap each other.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from traceql.kernels import segments, spans
from traceql.kernels.decorator import as_input, kernel

Int64 = NDArray[np.int64]

_NONE = -1


class Meetings(NamedTuple):
    """Overlaps of each segment: counts [s]; ts, end [m]; rows [m, tables]; all int64."""

    counts: Int64
    ts: Int64
    end: Int64
    rows: Int64


def intersect(
    offsets: ArrayLike, ts: ArrayLike, end: ArrayLike, table: ArrayLike, tables: int
) -> Meetings:
    """Find every choice of one interval from each table whose intersection is not empty.

    Args:
        offsets: int64 [s + 1].
        ts: int64 [n], ascending within a segment.
        end: int64 [n], segments.NEVER where open.
        table: int64 [n], 0 to tables - 1.
        tables: number of tables, at least 1.

    Raises:
        ValueError: lengths differ, or a table is out of range.
    """
    starts, ends = as_input(ts, np.int64), as_input(end, np.int64)
    of = as_input(table, np.int64)
    if not len(starts) == len(ends) == len(of):
        raise ValueError("columns differ in length")
    if tables < 1 or (len(of) and (of.min() < 0 or of.max() >= tables)):
        raise ValueError(f"a table is not one of {tables}")
    bounds = segments.checked_offsets(offsets, len(starts))
    counts = np.zeros(len(bounds) - 1, np.int64)
    following = np.empty(len(starts), np.int64)
    nothing = np.empty((0, tables + 2), np.int64)
    size = _intersect(bounds, starts, ends, of, tables, following, counts, nothing)
    out = np.empty((size, tables + 2), np.int64)
    _intersect(bounds, starts, ends, of, tables, following, counts, out)
    parts = [np.ascontiguousarray(out[:, i]) for i in range(2)]
    return Meetings(counts, parts[0], parts[1], out[:, 2:])


def uncovered(
    offsets: ArrayLike,
    ts: ArrayLike,
    end: ArrayLike,
    other_offsets: ArrayLike,
    other_ts: ArrayLike,
    other_end: ArrayLike,
) -> spans.Owned:
    """Find the pieces of intervals that no interval of the other table meets.

    An instant of the other table covers no time, but cuts a piece in two.

    Args:
        offsets: int64 [s + 1].
        ts: int64 [n], ascending within a segment.
        end: int64 [n].
        other_offsets: int64 [s + 1]: the same segments.
        other_ts: int64 [m], ascending within a segment.
        other_end: int64 [m].

    Raises:
        ValueError: lengths differ.
    """
    starts, ends = as_input(ts, np.int64), as_input(end, np.int64)
    bounds = segments.checked_offsets(offsets, len(starts))
    covered = spans.disjoint(other_offsets, other_ts, other_end)
    if len(covered.counts) != len(bounds) - 1 or len(starts) != len(ends):
        raise ValueError("columns differ in length")
    counts = np.zeros(len(bounds) - 1, np.int64)
    nothing = np.empty((0, 3), np.int64)
    given = (as_input(covered.counts, np.int64), as_input(covered.ts, np.int64),
             as_input(covered.end, np.int64))  # fmt: skip
    size = _uncovered(bounds, starts, ends, *given, counts, nothing)
    out = np.empty((size, 3), np.int64)
    _uncovered(bounds, starts, ends, *given, counts, out)
    return spans.Owned(counts, *(np.ascontiguousarray(out[:, i]) for i in range(3)))


@kernel
def _intersect(
    offsets: Int64, ts: Int64, end: Int64, table: Int64, tables: int,
    following: Int64, counts: Int64, out: Int64,
) -> int:  # fmt: skip
    """Sweep by start; each table keeps a chain of what is still open.

    `out` too small: only count.
    """
    size = 0
    heads = np.empty(tables, np.int64)
    chosen = np.empty(tables, np.int64)
    for s in range(offsets.shape[0] - 1):
        first = size
        heads[:] = _NONE
        for i in range(offsets[s], offsets[s + 1]):
            at = ts[i]
            all_open = True
            for other in range(tables):
                if other == table[i]:
                    continue
                before, node = _NONE, heads[other]
                while node != _NONE:
                    after = following[node]
                    if end[node] <= at and ts[node] < at:
                        if before == _NONE:
                            heads[other] = after
                        else:
                            following[before] = after
                    else:
                        before = node
                    node = after
                chosen[other] = heads[other]
                if heads[other] == _NONE:
                    all_open = False
                    break
            chosen[table[i]] = i
            while all_open:
                if size < out.shape[0]:
                    until = end[i]
                    for other in range(tables):
                        until = min(until, end[chosen[other]])
                        out[size, 2 + other] = chosen[other]
                    out[size, 0] = at
                    out[size, 1] = until
                size += 1
                all_open = False
                # Count up like an odometer whose digits are the places in the chains.
                for other in range(tables - 1, -1, -1):
                    if other == table[i]:
                        continue
                    chosen[other] = following[chosen[other]]
                    if chosen[other] != _NONE:
                        all_open = True
                        break
                    chosen[other] = heads[other]
            following[i] = heads[table[i]]
            heads[table[i]] = i
        counts[s] = size - first
    return size


@kernel
def _uncovered(
    offsets: Int64, ts: Int64, end: Int64,
    cover_counts: Int64, cover_ts: Int64, cover_end: Int64, counts: Int64, out: Int64,
) -> int:  # fmt: skip
    size, stop = 0, 0
    for s in range(offsets.shape[0] - 1):
        first, p = size, stop
        stop += cover_counts[s]
        for i in range(offsets[s], offsets[s + 1]):
            at = ts[i]
            while p < stop and cover_end[p] <= at and cover_ts[p] < at:
                p += 1
            until = end[i]
            q = p
            if until <= at:
                if q == stop or cover_ts[q] > at:
                    if size < out.shape[0]:
                        out[size, 0], out[size, 1], out[size, 2] = i, at, until
                    size += 1
                continue
            while q < stop and cover_ts[q] < until:
                if cover_ts[q] > at:
                    if size < out.shape[0]:
                        out[size, 0], out[size, 1], out[size, 2] = i, at, cover_ts[q]
                    size += 1
                at = max(at, cover_end[q])
                q += 1
            if at < until:
                if size < out.shape[0]:
                    out[size, 0], out[size, 1], out[size, 2] = i, at, until
                size += 1
        counts[s] = size - first
    return size
