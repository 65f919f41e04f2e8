"""Blocks of columns: the numbers of each in as few bytes as what lies between them needs.

A number is kept as what it is more than the least of its column and block, in 0, 1, 2, 4 or 8
bytes; columns begin at multiples of 8 bytes. So most columns of a trace take a quarter of their
room, and constant ones none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from traceql.kernels.decorator import bare_kernel, inlined
from traceql.kernels.vector import item8, item32, item64

Bool = NDArray[np.bool_]
Bytes = NDArray[np.uint8]
Int16 = NDArray[np.uint16]
Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
Word32 = NDArray[np.uint32]

OUT_IS_FULL, ALL_TAKEN = -1, -2
ABSENT = -1
"""Width of a column that the block does not have."""
_WIDTHS = np.array([0, 1, 2, 4, 8], np.int64)
_MOST = np.array([0, 0xFF, 0xFFFF, 0xFFFFFFFF], np.uint64)


class Columns(NamedTuple):
    """Columns of a block that is to be, where they lie."""

    arrays: Sequence[NDArray[Any]]
    """Int64, int32, uint8 or bool [n] each, contiguous; kept here as long as they are read."""
    places: Int64
    """The address of each."""
    sizes: Int64
    """Bytes of each of its numbers."""


class Shape(NamedTuple):
    """How the columns of a block lie in it, int64 [c] each."""

    least: Int64
    widths: Int64
    """0, 1, 2, 4 or 8; ABSENT."""
    offsets: Int64
    """Bytes before each."""


class Target(NamedTuple):
    """Where columns of blocks go."""

    places: Int64
    """Int64 [c]: the row of the array for each column; -1: it is not wanted."""
    sizes: Int64
    """Int64 [c]: which array that is: 8, 4 or 1."""
    long: Int64
    """Int64 [a, n]."""
    word: Int32
    """Int32 [b, n]."""
    tiny: Bytes
    """Uint8 [c, n]."""


def columns_of(arrays: Sequence[NDArray[Any]]) -> Columns:
    """Say where columns lie.

    Raises:
        ValueError: one is not contiguous, of another type or another length.
    """
    for array in arrays:
        if array.dtype.kind not in "iub" or array.itemsize not in (1, 4, 8):
            raise ValueError(f"a column of {array.dtype}")
        if array.shape != arrays[0].shape or not array.flags.c_contiguous:
            raise ValueError("columns must be contiguous and of one length")
    places = [array.__array_interface__["data"][0] for array in arrays]
    sizes = [array.itemsize for array in arrays]
    return Columns(arrays, np.array(places, np.int64), np.array(sizes, np.int64))


def pack(columns: Columns, start: int, rows: int) -> tuple[Bytes, Shape]:
    """Make a block of `rows` rows, at least one, from `start` on."""
    least, most = np.empty((2, len(columns.places)), np.int64)
    places = columns.places + start * columns.sizes
    _bounds(places, columns.sizes, rows, least, most)
    widths = _WIDTHS[np.searchsorted(_MOST, (most - least).view(np.uint64))]
    ends = np.cumsum((rows * widths + 7) & ~7)
    offsets = ends - ((rows * widths + 7) & ~7)
    data = np.empty(int(ends[-1]) if len(ends) else 0, np.uint8)
    _put(places, columns.sizes, rows, least, widths, offsets, *views(data))
    return data, Shape(least, widths, offsets)


def views(data: Bytes) -> tuple[Bytes, Int16, Word32, Int64]:
    """Give a block as numbers of each width; its length is a multiple of 8."""
    return data, data.view(np.uint16), data.view(np.uint32), data.view(np.int64)


@bare_kernel
def _bounds(places: Int64, sizes: Int64, rows: int, least: Int64, most: Int64) -> None:
    for c in range(places.shape[0]):
        if sizes[c] == 8:
            low = high = item64(places[c], 0)
            for i in range(rows):
                value = item64(places[c], i)
                low, high = min(low, value), max(high, value)
        elif sizes[c] == 4:
            low = high = item32(places[c], 0)
            for i in range(rows):
                value = item32(places[c], i)
                low, high = min(low, value), max(high, value)
        else:
            low = high = item8(places[c], 0)
            for i in range(rows):
                value = item8(places[c], i)
                low, high = min(low, value), max(high, value)
        least[c], most[c] = low, high


@bare_kernel
def _put(
    places: Int64, sizes: Int64, rows: int, least: Int64, widths: Int64, offsets: Int64,
    tiny: Bytes, short: Int16, word: Word32, long: Int64,
) -> None:  # fmt: skip
    for c in range(places.shape[0]):
        width, at = widths[c], offsets[c]
        if width == 1:
            _put_column(places[c], sizes[c], rows, least[c], tiny, at)
        elif width == 2:
            _put_column(places[c], sizes[c], rows, least[c], short, at >> 1)
        elif width == 4:
            _put_column(places[c], sizes[c], rows, least[c], word, at >> 2)
        elif width == 8:
            _put_column(places[c], sizes[c], rows, least[c], long, at >> 3)


@inlined
def _put_column(
    place: int, size: int, rows: int, least: int, out: NDArray[Any], first: int
) -> None:
    part = out[first : first + rows]  # counted from 0, so that the loops become those of vectors
    if size == 8:
        for i in range(rows):
            part[i] = item64(place, i) - least
    elif size == 4:
        for i in range(rows):
            part[i] = item32(place, i) - least
    else:
        for i in range(rows):
            part[i] = item8(place, i) - least


def take(
    block: tuple[Bytes, Int16, Word32, Int64], shape: Shape, first: int, where: Int32,
    target: Target,
) -> None:  # fmt: skip
    """Copy rows of a block.

    Args:
        block: its `views`.
        shape: of the block.
        first: of its rows.
        where: int32 [m], m > 0, ascending: where each goes in the target.
        target: as many columns as the shape has; absent ones stay as they are.
    """
    at = int(where[0])
    # Without a sign, so that nobody looks for places counted from the end.
    places = (where[:0] if int(where[-1]) - at == len(where) - 1 else where).view(np.uint32)
    _take(
        *block, *shape, first, len(where), places, at,
        target.places, target.sizes, target.long, target.word, target.tiny,
    )  # fmt: skip


@bare_kernel
def _take(
    tiny: Bytes, short: Int16, word: Word32, long: Int64, least: Int64, widths: Int64,
    offsets: Int64, first: int, rows: int, where: Word32, at: int, places: Int64, sizes: Int64,
    out_long: Int64, out_word: Int32, out_tiny: Bytes,
) -> None:  # fmt: skip
    for c in range(places.shape[0]):
        place, width = places[c], widths[c]
        if place < 0 or width < 0:
            continue
        if sizes[c] == 8:
            _of_width(tiny, short, word, long, width, offsets[c], least[c], first, rows, where,
                      at, out_long, place)  # fmt: skip
        elif sizes[c] == 4:
            _of_width(tiny, short, word, long, width, offsets[c], least[c], first, rows, where,
                      at, out_word, place)  # fmt: skip
        else:
            _of_width(tiny, short, word, long, width, offsets[c], least[c], first, rows, where,
                      at, out_tiny, place)  # fmt: skip


@inlined
def _of_width(
    tiny: Bytes, short: Int16, word: Word32, long: Int64, width: int, offset: int, least: int,
    first: int, rows: int, where: Word32, at: int, out: NDArray[Any], place: int,
) -> None:  # fmt: skip
    if width == 0:
        column = out[place]
        if where.shape[0] == 0:
            column[at : at + rows] = least
        else:
            for i in range(rows):
                column[where[i]] = least
    elif width == 1:
        _take_column(tiny, offset + first, least, rows, where, at, out, place)
    elif width == 2:
        _take_column(short, (offset >> 1) + first, least, rows, where, at, out, place)
    elif width == 4:
        _take_column(word, (offset >> 2) + first, least, rows, where, at, out, place)
    else:
        _take_column(long, (offset >> 3) + first, least, rows, where, at, out, place)


@inlined
def _take_column(
    source: NDArray[Any], first: int, least: int, rows: int, where: Word32, at: int,
    out: NDArray[Any], place: int,
) -> None:  # fmt: skip
    column, numbers = out[place], source[first : first + rows]
    if where.shape[0] == 0:
        part = column[at : at + rows]
        for i in range(rows):
            part[i] = np.int64(numbers[i]) + least
    else:
        for i in range(rows):
            column[where[i]] = np.int64(numbers[i]) + least


@bare_kernel
def merge(
    keys: Int64, place: Int64, stop: Int64, more: Bool, where: Int32, counts: Int64, rows: int
) -> tuple[int, int]:
    """Say where rows of sorted lanes go when they are merged.

    Args:
        keys: int64 [s, k, n], of the rows of the block at which each lane stands.
        place: int64 [s]: the next row of each lane; moves on as rows are taken.
        stop: int64 [s]: where its rows end.
        more: bool [s]: whether the lane has more blocks.
        where: int32 [s, m]: written, for each row taken from a lane, its place among m rows.
        counts: int64 [s]: written, how many were taken.
        rows: how many stand there already.

    Returns:
        (the lane to be filled, OUT_IS_FULL or ALL_TAKEN; rows that stand there now).
    """
    room = where.shape[1]
    for s in range(place.shape[0]):
        counts[s] = 0
    while True:
        best, second = -1, -1
        for s in range(place.shape[0]):
            if place[s] == stop[s]:
                if more[s]:
                    return s, rows
            elif best < 0 or _is_before(keys, s, place[s], best, place[best]):
                best, second = s, best
            elif second < 0 or _is_before(keys, s, place[s], second, place[second]):
                second = s
        if best < 0:
            return ALL_TAKEN, rows
        at, last, taken = place[best], stop[best], counts[best]
        limit = min(last, at + room - rows)
        if second >= 0 and _is_before(keys, second, place[second], best, last - 1):
            there = place[second]
            while at < limit and not _is_before(keys, second, there, best, at):
                where[best, taken] = rows
                taken, rows, at = taken + 1, rows + 1, at + 1
        else:
            for i in range(limit - at):
                where[best, taken + i] = rows + i
            taken, rows, at = taken + limit - at, rows + limit - at, limit
        place[best], counts[best] = at, taken
        if rows == room:
            return OUT_IS_FULL, rows


@inlined
def _is_before(keys: Int64, one: int, at: int, other: int, there: int) -> bool:
    for k in range(keys.shape[1]):
        if keys[one, k, at] != keys[other, k, there]:
            return bool(keys[one, k, at] < keys[other, k, there])
    return False
