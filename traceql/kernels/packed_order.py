"""Sorting order of packed rows, read off them without an array of keys between."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from traceql.kernels.decorator import bare_kernel
from traceql.kernels.order import LONG_TIE, WORD_BITS, argsort, radix_order, widths_of
from traceql.kernels.packed import address_of, is_before, number_at, read_keys
from traceql.kernels.vector import load64, signed

Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
UInt64 = NDArray[np.uint64]

SORT_BYTES = 40
"""What sorting takes for each row, its start and its place counted."""


def sorted_starts(words: Int32, starts: Int64, depth: int) -> Int64:
    """Give the starts of rows in order of their keys; equal rows keep their order.

    As `order.argsort`: as many leading keys as fit in 64 bits, each less its minimum, make a word
    that is radix-sorted; rows equal in that word are sorted by the other keys.

    Args:
        words: where the rows stand.
        starts: int64 [n], n < 2^31.
        depth: how many keys they have, at least 1.
    """
    rows = len(starts)
    low, high = np.empty(depth, np.int64), np.empty(depth, np.int64)
    if rows == 0 or _ranges(words, starts, low, high):
        return starts
    widths = widths_of(low, high)
    ranked = np.empty((2, rows), np.uint64)
    _rank(words, starts, low, widths, ranked)
    room = np.empty((2, rows), np.int32)
    used = int(widths.sum())
    counts = np.zeros((6, 2048), np.int64)
    now = radix_order(used, ranked, room, counts)
    found: Int64 = starts[room[now]]
    if len(widths) == depth or _order_ties(words, found, ranked[now & 1], depth):
        return found
    keys = np.empty((depth, rows), np.int64)
    read_keys(words, starts, keys)
    return starts[argsort(*keys)]


@bare_kernel
def _ranges(words: Int32, starts: Int64, low: Int64, high: Int64) -> bool:
    """Write the least and greatest value of each key; tell whether the rows are in order."""
    base, depth = address_of(words), low.shape[0]
    in_order, last = True, base + 4 * starts[0]
    for k in range(depth):
        low[k], high[k] = np.int64((1 << 63) - 1), np.int64(-(1 << 63))
    for i in range(starts.shape[0]):
        row = base + 4 * starts[i]
        wide = signed(load64(row)) >> 32
        at = row + 8
        for k in range(depth):
            long = (wide >> k) & 1
            value = number_at(at, long)
            low[k], high[k] = min(low[k], value), max(high[k], value)
            at += (1 + long) << 2
        if in_order and is_before(row, last, depth):
            in_order = False
        last = row
    return in_order


@bare_kernel
def _rank(words: Int32, starts: Int64, low: Int64, widths: Int64, ranked: UInt64) -> None:
    """Write a word for each row to the first row of `ranked`: its leading keys in their order."""
    base = address_of(words)
    for i in range(starts.shape[0]):
        row = base + 4 * starts[i]
        wide = signed(load64(row)) >> 32
        at = row + 8
        word = np.uint64(0)
        for k in range(widths.shape[0]):
            long = (wide >> k) & 1
            # Unsigned subtraction wraps to the right distance even over the whole int64 range.
            distance = np.uint64(number_at(at, long)) - np.uint64(low[k])
            # A shift by 64 is none; the keys before one of 64 bits are all the same.
            alone = widths[k] == WORD_BITS
            word = distance if alone else (word << np.uint64(widths[k])) | distance
            at += (1 + long) << 2
        ranked[0, i] = word


@bare_kernel
def _order_ties(words: Int32, starts: Int64, ranks: UInt64, depth: int) -> bool:
    """Sort each run of equal ranks by insertion; False, at a run that is too long for that."""
    base, first, rows = address_of(words), 0, starts.shape[0]
    for at in range(1, rows + 1):
        if at < rows and ranks[at] == ranks[first]:
            if at - first >= LONG_TIE:
                return False
            start, place = starts[at], at
            row = base + 4 * start
            while place > first and is_before(row, base + 4 * starts[place - 1], depth):
                starts[place] = starts[place - 1]
                place -= 1
            starts[place] = start
        else:
            first = at
    return True
