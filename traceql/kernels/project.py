"""Projection of ranges that a thread marked onto the device work that it launched within them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from traceql.kernels import segments
from traceql.kernels.decorator import as_input, kernel

Int64 = NDArray[np.int64]

_NONE = -1
_FIRST, _END, _CALLS, _WORKS, _SUM, _BUSY, _OWN_WORKS, _OWN_SUM, _OWN_BUSY = range(9)
_LEAST = np.iinfo(np.int64).min
_MOST = np.iinfo(np.int64).max


class Tree(NamedTuple):
    """Ranges of each segment, and the calls that lie in them."""

    parent: Int64
    """[ranges] row of the tightest range that contains it, -1: none. Of two of one length the
    later row is the tighter."""
    level: Int64
    """[ranges] number of ranges above it on the way of `parent`."""
    innermost: Int64
    """[calls] row of the tightest range that contains the call, -1: none."""
    below: Int64
    """[ranges] row that contains it in its lane, -1: none."""
    first: Int64
    """[calls + 1]: the lanes' innermost ranges of call j are members[first[j]:first[j + 1]]; they
    and what `below` leads to are all ranges that contain the call."""
    members: Int64


class Totals(NamedTuple):
    """Work of each range; times are of the work, not of the range. All int64 [ranges]."""

    ts: Int64
    """First start; meaningless where `work_count` is 0."""
    end: Int64
    """Last end."""
    call_count: Int64
    """Calls within the range that launched any work."""
    work_count: Int64
    sum_dur: Int64
    busy_dur: Int64
    """Length of the union of the work."""
    own_work_count: Int64
    """Work that no range within launched."""
    own_sum_dur: Int64
    own_busy_dur: Int64


def tree(
    offsets: ArrayLike, ts: ArrayLike, end: ArrayLike,
    call_offsets: ArrayLike, call_ts: ArrayLike, call_end: ArrayLike,
) -> Tree:  # fmt: skip
    """Find the ranges around calls, segment by segment.

    A range contains what starts no earlier and ends no later; so a call of length 0 at a time at
    which one range ends and another starts lies in both. Ranges may overlap: each goes to the
    first lane in which it meets only what contains it, and one stack per lane is swept. Linear in
    ranges and calls, times the number of lanes, which is the most that overlap at once.

    Args:
        offsets: int64 [s + 1] of ranges.
        ts: int64 [ranges], ascending in each segment.
        end: int64 [ranges], end >= ts; of equal starts the larger first.
        call_offsets: int64 [s + 1] of calls.
        call_ts: int64 [calls], ascending in each segment.
        call_end: int64 [calls].

    Raises:
        ValueError: lengths differ, or offsets do not cover the rows.
    """
    starts, ends = as_input(ts, np.int64), as_input(end, np.int64)
    called, returned = as_input(call_ts, np.int64), as_input(call_end, np.int64)
    bounds = segments.checked_offsets(offsets, len(starts))
    call_bounds = segments.checked_offsets(call_offsets, len(called))
    if len(starts) != len(ends) or len(called) != len(returned) or len(bounds) != len(call_bounds):
        raise ValueError("columns differ in length")
    parent, level = np.full(len(starts), _NONE), np.zeros(len(starts), np.int64)
    below, lanes = np.full(len(starts), _NONE), np.full(len(starts) + 1, _NONE)
    innermost, first = np.full(len(called), _NONE), np.zeros(len(called) + 1, np.int64)
    members = np.empty(0, np.int64)
    for fill in (False, True):  # the first time only counts
        if fill:
            members = np.empty(first[-1], np.int64)
        _sweep(
            bounds, starts, ends, call_bounds, called, returned,
            parent, level, below, lanes, innermost, first, members, fill,
        )  # fmt: skip
    return Tree(parent, level, innermost, below, first, members)


def totals(found: Tree, call: ArrayLike, ts: ArrayLike, end: ArrayLike, order: ArrayLike) -> Totals:
    """Sum the work of each range.

    Args:
        found: of `tree`.
        call: int64 [works]: row of the call that launched it.
        ts: int64 [works].
        end: int64 [works].
        order: int64 [works]: the rows by ascending ts, at least within each segment.

    Raises:
        ValueError: lengths differ.
    """
    calls, starts = as_input(call, np.int64), as_input(ts, np.int64)
    ends, places = as_input(end, np.int64), as_input(order, np.int64)
    if len({len(column) for column in (calls, starts, ends, places)}) != 1:
        raise ValueError("columns differ in length")
    rows = len(found.parent)
    out = np.zeros((rows, 9), np.int64)
    out[:, _FIRST], out[:, _END] = _MOST, _LEAST
    covered = np.full((rows, 2), _LEAST)
    is_counted = np.zeros(len(found.innermost), np.bool_)
    _total(
        calls, starts, ends, places,
        found.below, found.first, found.members, found.innermost, covered, is_counted, out,
    )  # fmt: skip
    return Totals(*np.ascontiguousarray(out.T))


def pairs(found: Tree, call: ArrayLike) -> tuple[Int64, Int64]:
    """Give every work with every range around its call, by work; tightest ranges first of a lane.

    Args:
        found: of `tree`.
        call: int64 [works]: row of the call that launched it.

    Returns:
        work int64 [n], range int64 [n]: rows.
    """
    calls = as_input(call, np.int64)
    none = np.empty(0, np.int64)
    count = _pair(calls, found.below, found.first, found.members, none, none)
    work, around = np.empty(count, np.int64), np.empty(count, np.int64)
    _pair(calls, found.below, found.first, found.members, work, around)
    return work, around


@kernel
def _around(end: Int64, below: Int64, top: int, until: int) -> int:
    """Give the innermost range of a lane that ends no earlier than `until`."""
    while top != _NONE and end[top] < until:
        top = below[top]
    return top


@kernel
def _tighter(ts: Int64, end: Int64, a: int, b: int) -> int:
    """Give the shorter of two ranges, the later row of equals."""
    if a == _NONE or b == _NONE:
        return max(a, b)
    length_a, length_b = end[a] - ts[a], end[b] - ts[b]
    if length_a == length_b:
        return max(a, b)
    return a if length_a < length_b else b


@kernel
def _open(
    row: int, ts: Int64, end: Int64, parent: Int64, level: Int64, below: Int64,
    lanes: Int64, used: int,
) -> int:  # fmt: skip
    """Put a range on the first lane where it meets only what contains it; give the lanes used."""
    chosen, tightest = _NONE, _NONE
    for lane in range(used):
        top = _around(end, below, lanes[lane], ts[row])
        lanes[lane] = top
        around = _around(end, below, top, end[row])
        tightest = _tighter(ts, end, tightest, around)
        if chosen == _NONE and around == top:
            chosen = lane
    if chosen == _NONE:
        chosen = used
        lanes[chosen] = _NONE
        used += 1
    below[row] = lanes[chosen]
    lanes[chosen] = row
    parent[row] = tightest
    level[row] = level[tightest] + 1 if tightest != _NONE else 0
    return used


@kernel
def _sweep(
    offsets: Int64, ts: Int64, end: Int64, call_offsets: Int64, call_ts: Int64, call_end: Int64,
    parent: Int64, level: Int64, below: Int64, lanes: Int64,
    innermost: Int64, first: Int64, members: Int64, fill: bool,
) -> None:  # fmt: skip
    count = 0
    for s in range(offsets.shape[0] - 1):
        i, used = offsets[s], 0
        for j in range(call_offsets[s], call_offsets[s + 1]):
            while i < offsets[s + 1] and ts[i] <= call_ts[j]:
                used = _open(i, ts, end, parent, level, below, lanes, used)
                i += 1
            tightest = _NONE
            for lane in range(used):
                lanes[lane] = _around(end, below, lanes[lane], call_ts[j])
                found = _around(end, below, lanes[lane], call_end[j])
                if found == _NONE:
                    continue
                tightest = _tighter(ts, end, tightest, found)
                if fill:
                    members[count] = found
                count += 1
            innermost[j] = tightest
            first[j + 1] = count
        while i < offsets[s + 1]:
            used = _open(i, ts, end, parent, level, below, lanes, used)
            i += 1


@kernel
def _total(
    call: Int64, ts: Int64, end: Int64, order: Int64,
    below: Int64, first: Int64, members: Int64, innermost: Int64,
    covered: Int64, is_counted: NDArray[np.bool_], out: Int64,
) -> None:  # fmt: skip
    """Walk from each work to all ranges around its call; `covered` is how far each is busy."""
    for k in range(order.shape[0]):
        i = order[k]
        j = call[i]
        fresh = 0 if is_counted[j] else 1
        is_counted[j] = True
        for m in range(first[j], first[j + 1]):
            row = members[m]
            while row != _NONE:
                out[row, _FIRST] = min(out[row, _FIRST], ts[i])
                out[row, _END] = max(out[row, _END], end[i])
                out[row, _CALLS] += fresh
                out[row, _WORKS] += 1
                out[row, _SUM] += end[i] - ts[i]
                out[row, _BUSY] += max(end[i] - max(ts[i], covered[row, 0]), 0)
                covered[row, 0] = max(covered[row, 0], end[i])
                row = below[row]
        row = innermost[j]
        if row != _NONE:
            out[row, _OWN_WORKS] += 1
            out[row, _OWN_SUM] += end[i] - ts[i]
            out[row, _OWN_BUSY] += max(end[i] - max(ts[i], covered[row, 1]), 0)
            covered[row, 1] = max(covered[row, 1], end[i])


@kernel
def _pair(
    call: Int64, below: Int64, first: Int64, members: Int64, work: Int64, around: Int64
) -> int:
    """Write the pairs where there is room for them; give their number."""
    count = 0
    for i in range(call.shape[0]):
        for m in range(first[call[i]], first[call[i] + 1]):
            row = members[m]
            while row != _NONE:
                if count < work.shape[0]:
                    work[count] = i
                    around[count] = row
                count += 1
                row = below[row]
    return count
