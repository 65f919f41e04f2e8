"""Rows in segments: many groups in one array, each sorted on its own.

Segment s is rows offsets[s] to offsets[s + 1]. What an engine gathers with several threads comes as
long sorted runs behind each other, so each segment is sorted by a natural merge of its runs.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from traceql.kernels.decorator import as_input, kernel

Int64 = NDArray[np.int64]

NEVER = np.iinfo(np.int64).max
"""End of an interval that nothing closes."""


def order(offsets: ArrayLike, *keys: ArrayLike) -> Int64 | None:
    """Order the rows of each segment by up to three keys; equal rows keep their order.

    Natural merge sort (Knuth, TAOCP 3, 5.2.4): runs that ascend already are merged in pairs.

    Args:
        offsets: int64 [s + 1], ascending from 0 to n.
        keys: int64 [n] each, one to three.

    Returns:
        int64 [n]: the row that stands at each place; None: rows are in order as they are.

    Raises:
        ValueError: lengths differ, or offsets do not cover the rows.
    """
    bounds = checked_offsets(offsets, len(as_input(keys[0], np.int64)))
    given = [as_input(key, np.int64) for key in keys]
    if len({len(key) for key in given}) != 1:
        raise ValueError("keys differ in length")
    first, second, third = (given + given[-1:] * 2)[:3]
    if _is_ordered(bounds, first, second, third):
        return None
    places = np.arange(len(first), dtype=np.int64)
    _order(bounds, first, second, third, places, np.empty_like(places))
    return places


def checked_offsets(offsets: ArrayLike, rows: int) -> Int64:
    """Give the offsets as an input array.

    Raises:
        ValueError: they do not ascend from 0 to `rows`.
    """
    bounds = as_input(offsets, np.int64)
    if not len(bounds) or bounds[0] != 0 or bounds[-1] != rows or (bounds[1:] < bounds[:-1]).any():
        raise ValueError(f"offsets do not ascend from 0 to {rows}")
    return bounds


def places(offsets: ArrayLike, key: ArrayLike, wanted: ArrayLike) -> Int64:
    """Find for each row the place of the row of its segment that has the key it wants.

    Args:
        offsets: int64 [s + 1].
        key: int64 [n], ascending within a segment, no two equal.
        wanted: int64 [n].

    Returns:
        int64 [n], -1 where the segment has no such key.

    Raises:
        ValueError: lengths differ, or offsets do not cover the rows.
    """
    keys, asked = as_input(key, np.int64), as_input(wanted, np.int64)
    if len(keys) != len(asked):
        raise ValueError("columns differ in length")
    out = np.empty(len(keys), np.int64)
    _places(checked_offsets(offsets, len(keys)), keys, asked, out)
    return out


def ends_of(ts: ArrayLike, dur: ArrayLike) -> Int64:
    """Give ts + dur; NEVER where dur is negative (open), or where the end exceeds int64."""
    starts, lengths = as_input(ts, np.int64), as_input(dur, np.int64)
    if len(starts) != len(lengths):
        raise ValueError(f"{len(starts)} starts and {len(lengths)} lengths")
    out = np.empty(len(starts), np.int64)
    _ends(starts, lengths, out)
    return out


def lengths_of(ts: ArrayLike, end: ArrayLike) -> Int64:
    """Give end - ts; -1 where the end is NEVER."""
    starts, ends = as_input(ts, np.int64), as_input(end, np.int64)
    return np.where(ends == NEVER, -1, ends - starts)


@kernel
def _ends(ts: Int64, dur: Int64, out: Int64) -> None:
    for i in range(ts.shape[0]):
        if dur[i] < 0 or (ts[i] > 0 and dur[i] > NEVER - ts[i]):
            out[i] = NEVER
        else:
            out[i] = ts[i] + dur[i]


@kernel
def _after(first: Int64, second: Int64, third: Int64, i: int, j: int) -> bool:
    """Whether row i sorts after row j."""
    if first[i] != first[j]:
        return bool(first[i] > first[j])
    if second[i] != second[j]:
        return bool(second[i] > second[j])
    return bool(third[i] > third[j])


@kernel
def _is_ordered(offsets: Int64, first: Int64, second: Int64, third: Int64) -> bool:
    for s in range(offsets.shape[0] - 1):
        for i in range(offsets[s] + 1, offsets[s + 1]):
            if first[i] < first[i - 1]:
                return False
            if first[i] == first[i - 1] and _after(first, second, third, i - 1, i):
                return False
    return True


@kernel
def _order(
    offsets: Int64, first: Int64, second: Int64, third: Int64, order: Int64, spare: Int64
) -> None:
    for s in range(offsets.shape[0] - 1):
        begin, end = offsets[s], offsets[s + 1]
        size = 1
        for i in range(begin + 1, end):
            if _after(first, second, third, i - 1, i):
                size += 1
        if size == 1:
            continue
        runs = np.empty(size + 1, np.int64)
        runs[0] = begin
        runs[size] = end
        size = 1
        for i in range(begin + 1, end):
            if _after(first, second, third, i - 1, i):
                runs[size] = i
                size += 1
        while size > 1:
            kept = 0
            for pair in range(0, size, 2):
                if pair + 1 < size:
                    left, middle, right = runs[pair], runs[pair + 1], runs[pair + 2]
                    _merge(left, middle, right, first, second, third, order, spare)
                runs[kept] = runs[pair]
                kept += 1
            runs[kept] = end
            size = kept


@kernel
def _merge(
    left: int, middle: int, right: int,
    first: Int64, second: Int64, third: Int64, order: Int64, spare: Int64,
) -> None:  # fmt: skip
    """Merge two runs behind each other; what is in its place already is not touched."""
    low, high = left, middle
    while low < high:
        half = (low + high) // 2
        if _after(first, second, third, order[half], order[middle]):
            high = half
        else:
            low = half + 1
    begin = low
    low, high = middle, right
    while low < high:
        half = (low + high) // 2
        if _after(first, second, third, order[middle - 1], order[half]):
            low = half + 1
        else:
            high = half
    end = low
    i, j, at = begin, middle, begin
    while i < middle and j < end:
        if _after(first, second, third, order[i], order[j]):
            spare[at] = order[j]
            j += 1
        else:
            spare[at] = order[i]
            i += 1
        at += 1
    # What is left of the second run lies where it belongs.
    order[end - (middle - i) : end] = order[i:middle].copy()
    order[begin:at] = spare[begin:at]


@kernel
def _places(offsets: Int64, key: Int64, wanted: Int64, out: Int64) -> None:
    for s in range(offsets.shape[0] - 1):
        for i in range(offsets[s], offsets[s + 1]):
            low, high = offsets[s], offsets[s + 1]
            while low < high:
                middle = (low + high) // 2
                if key[middle] < wanted[i]:
                    low = middle + 1
                else:
                    high = middle
            is_found = low < offsets[s + 1] and key[low] == wanted[i]
            out[i] = low if is_found else -1
