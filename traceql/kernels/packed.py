"""Packed rows: numbers of many columns, most of them missing, as words that move together.

A row is words of 32 bits: a header of two, which says what the row has and which of its numbers
take two words; its keys; the values of the columns that it has, in their order; at the end perhaps
a text. Sorting and merging move a row at once and never touch what is missing. Rows compare by
their keys, first key first. Rows are moved in steps of 32 bytes, so every array of words needs
SPARE words beyond its rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from traceql.kernels.decorator import bare_kernel, inlined, kernel
from traceql.kernels.vector import (
    copy_bytes,
    count_bits,
    first_bit,
    load8,
    load64,
    signed,
    store8,
    store64,
)

Bool = NDArray[np.bool_]
Bytes = NDArray[np.uint8]
Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]

MOST_COLUMNS = 31
"""Of a row, its keys counted: bits of the header."""
SPARE = 8
"""Words that an array of rows needs beyond them."""
_HAS_TEXT = 1 << MOST_COLUMNS
_COLUMNS = _HAS_TEXT - 1
_NUMBERS = np.uint64((1 << 64) - 1 - _HAS_TEXT)
"""Bits of the header that stand for a word each."""
_LENGTH = (1 << 32) - 1

OUT_IS_FULL = -1


class Columns(NamedTuple):
    """Columns to pack: those that have a value in any row."""

    numbers: Int64
    """Int64 [m]: which columns these are, ascending; with the keys below MOST_COLUMNS."""
    values: Sequence[Int64]
    """Int64 [n] each."""
    bits: Sequence[Bytes | None]
    """Uint8 [(n + 7) // 8] each, a bit for each value as in Arrow; None: all are there."""
    text: Bytes
    """The rows' texts one after the other; empty if they have none."""
    text_ends: Int64
    """Int64 [n + 1] or [0]: where in `text` each row's text ends, after a leading 0."""


def most_words(depth: int, rows: int, columns: Columns) -> int:
    """Give the room that rows may take, the spare words included."""
    texts = rows + (len(columns.text) + 3 * rows) // 4 if len(columns.text_ends) else 0
    return rows * 2 * (1 + depth + len(columns.numbers)) + texts + SPARE


def pack(keys: Sequence[Int64], rows: int, columns: Columns, words: Int32, at: int) -> int:
    """Write rows to `words` from `at` on; give the end.

    Args:
        keys: int64 [n] each, contiguous, first key first.
        rows: n.
        columns: what they have.
        words: int32, with `most_words` from `at` on.
        at: where to begin.

    Raises:
        ValueError: lengths differ, or an array is not as described.
    """
    sources = [*keys, *columns.values]
    size = (rows + 7) // 8
    if any(array.dtype != np.int64 or array.shape != (rows,) for array in sources) or any(
        bits is not None and (bits.dtype != np.uint8 or bits.shape != (size,))
        for bits in columns.bits
    ):
        raise ValueError("columns must be of their types and of one length")
    if not all(
        array.flags.c_contiguous for array in (*sources, *columns.bits) if array is not None
    ):
        raise ValueError("columns must be contiguous")
    # Columns lie where they lie: to gather them in one array would cost as much as to pack them.
    places = np.array([array.ctypes.data for array in sources], np.int64)
    bits = np.zeros(len(sources), np.int64)
    bits[len(keys) :] = [0 if b is None else b.ctypes.data for b in columns.bits]
    numbers = np.concatenate([np.arange(len(keys)), columns.numbers + len(keys)])
    return _pack(rows, places, bits, numbers, columns.text, columns.text_ends, words, at)


@inlined
def address_of(array: NDArray[Any]) -> int:
    """Give where the elements of an array lie."""
    return signed(np.uint64(array.ctypes.data))


@bare_kernel
def _pack(
    rows: int, places: Int64, bits: Int64, numbers: Int64, text: Bytes, ends: Int64,
    words: Int32, at: int,
) -> int:  # fmt: skip
    """Pack from the addresses of keys and columns; `bits` are 0 where all values are there."""
    width = numbers.shape[0]
    with_text = ends.shape[0] > 0
    base, texts = address_of(words), address_of(text)
    row = base + 4 * at
    for i in range(rows):
        end = row + 8
        header = _HAS_TEXT if with_text else 0
        for c in range(width):
            # What is missing is written over by what comes next, as is half of a short number.
            value = signed(load64(places[c] + 8 * i))
            store64(end, value)
            there = 1
            if bits[c] != 0:
                there = (int(load8(bits[c] + (i >> 3))) >> (i & 7)) & 1
            wide = there & _is_wide(value)
            header |= (there | wide << 32) << numbers[c]
            end += (there + wide) << 2
        if with_text:
            end = _put_text(end, texts + ends[i], ends[i + 1] - ends[i])
        store64(row, header)
        row = end
    return (row - base) >> 2


@inlined
def _is_wide(value: int) -> int:
    return 1 if value << 32 >> 32 != value else 0


@inlined
def _put_text(end: int, source: int, size: int) -> int:
    """Write a text and its length; the last word is filled up with zeros."""
    store64(end, size)
    end += 4
    whole = size & ~7
    for b in range(0, whole, 8):
        store64(end + b, signed(load64(source + b)))
    if whole < size:
        store64(end + whole, 0)
    for b in range(whole, size):
        store8(end + b, load8(source + b))
    return end + ((size + 3) & ~3)


@inlined
def number_at(at: int, wide: int) -> int:
    """Read a number of one word, or of two."""
    shift = (1 - wide) << 5
    return signed(load64(at)) << shift >> shift


@inlined
def _numbers_end(row: int) -> int:
    """Give where the numbers of a row end."""
    return row + 8 + (count_bits(load64(row) & _NUMBERS) << 2)


@inlined
def _end(row: int) -> int:
    """Give where a row ends."""
    end = _numbers_end(row)
    if signed(load64(row)) & _HAS_TEXT:
        end += 4 + (((signed(load64(end)) & _LENGTH) + 3) & ~3)
    return end


@inlined
def _columns_at(row: int, depth: int) -> int:
    """Give where the columns begin, behind the keys."""
    wide = (signed(load64(row)) >> 32) & ((1 << depth) - 1)
    return row + 8 + ((depth + count_bits(np.uint64(wide))) << 2)


@bare_kernel
def repack(
    source: Int32, starts: Int64, source_depth: int, keys: Int64, words: Int32, at: int
) -> int:
    """Write rows to `words` from `at` on with other keys than they had; give the end.

    Args:
        source: where the rows stand.
        starts: where each begins.
        source_depth: how many keys they had.
        keys: int64 [k, n], the new ones.
        words: int32, with room for them.
        at: where to begin.
    """
    depth = keys.shape[0]
    base, from_base = address_of(words), address_of(source)
    row = base + 4 * at
    for i in range(starts.shape[0]):
        old = from_base + 4 * starts[i]
        before = signed(load64(old))
        header = (before & _HAS_TEXT) | ((1 << depth) - 1)
        header |= (before & _COLUMNS) >> source_depth << depth
        header |= before >> 32 >> source_depth << depth << 32
        end = row + 8
        for k in range(depth):
            value = keys[k, i]
            wide = _is_wide(value)
            store64(end, value)
            header |= wide << 32 << k
            end += (1 + wide) << 2
        store64(row, header)
        first = _columns_at(old, source_depth)
        rest = _end(old) - first
        copy_bytes(end, first, rest)
        row = end + rest
    return (row - base) >> 2


@bare_kernel
def find_starts(words: Int32, at: int, starts: Int64) -> int:
    """Write where each row begins, the first at `at`; give where the last one ends."""
    base = address_of(words)
    row = base + 4 * at
    for i in range(starts.shape[0]):
        starts[i] = (row - base) >> 2
        row = _end(row)
    return (row - base) >> 2


@bare_kernel
def read_keys(words: Int32, starts: Int64, keys: Int64) -> None:
    """Write the keys of rows to `keys`, int64 [k, n]."""
    base = address_of(words)
    for i in range(starts.shape[0]):
        row = base + 4 * starts[i]
        wide = signed(load64(row)) >> 32
        at = row + 8
        for k in range(keys.shape[0]):
            long = (wide >> k) & 1
            keys[k, i] = number_at(at, long)
            at += (1 + long) << 2


@bare_kernel
def columns_of(words: Int32, starts: Int64, depth: int) -> tuple[int, int]:
    """Give the masks of the columns that any of the rows has, and that all of them have.

    All have all columns if there are no rows.
    """
    base = address_of(words)
    some, common = 0, _COLUMNS
    for i in range(starts.shape[0]):
        header = signed(load64(base + 4 * starts[i]))
        some |= header
        common &= header
    return (some & _COLUMNS) >> depth, (common & _COLUMNS) >> depth


@bare_kernel
def unpack(
    words: Int32, starts: Int64, depth: int, place: Int64, common: int,
    values: Int64, bits: Bytes,
) -> None:  # fmt: skip
    """Write the columns of rows.

    Args:
        words: where the rows stand.
        starts: where each begins.
        depth: how many keys they have.
        place: int64 [MOST_COLUMNS]: in which row of `values` each column goes.
        common: the mask of columns that all rows have: nothing is written to their bits.
        values: int64 [m, n]; what is missing is left as it is.
        bits: uint8 [m, (n + 7) // 8] of zeros: a bit for each value, lowest first, as in Arrow.
    """
    base = address_of(words)
    for i in range(starts.shape[0]):
        row = base + 4 * starts[i]
        header = signed(load64(row))
        mask, wide = (header & _COLUMNS) >> depth, header >> 32 >> depth
        at = _columns_at(row, depth)
        byte, bit = i >> 3, np.uint8(1 << (i & 7))
        while mask:
            number = first_bit(np.uint64(mask))
            long = (wide >> number) & 1
            column = place[number]
            values[column, i] = number_at(at, long)
            if not (common >> number) & 1:
                bits[column, byte] |= bit
            mask &= mask - 1
            at += (1 + long) << 2


@bare_kernel
def read_texts(words: Int32, starts: Int64, text: Bytes, ends: Int32) -> None:
    """Write the texts of rows, and their ends after a leading 0, int32 [n + 1].

    With `text` empty only the ends are written: the last one is the room that `text` needs, with
    32 bytes more to copy in steps.
    """
    base, target = address_of(words), address_of(text)
    total = 0
    ends[0] = 0
    for i in range(starts.shape[0]):
        at = _numbers_end(base + 4 * starts[i])
        size = signed(load64(at)) & _LENGTH
        if text.shape[0]:
            copy_bytes(target + total, at + 4, size)
        total += size
        ends[i + 1] = total


@bare_kernel
def count_words(words: Int32, starts: Int64) -> int:
    """Give how many words these rows have together."""
    base = address_of(words)
    total = 0
    for i in range(starts.shape[0]):
        row = base + 4 * starts[i]
        total += _end(row) - row
    return total >> 2


@bare_kernel
def copy_rows(words: Int32, starts: Int64, first: int, out: Int32) -> tuple[int, int]:
    """Copy rows from number `first` on to `out`, in the order of `starts`, while they fit.

    Returns:
        (the row it came to, the words in `out`).
    """
    base, target = address_of(words), address_of(out)
    end, last = target, target + 4 * (out.shape[0] - SPARE)
    for i in range(first, starts.shape[0]):
        row = base + 4 * starts[i]
        size = _end(row) - row
        if end + size > last:
            return i, (end - target) >> 2
        copy_bytes(end, row, size)
        end += size
    return starts.shape[0], (end - target) >> 2


@inlined
def is_before(one: int, other: int, depth: int) -> bool:
    """Tell whether the row at one address comes before that at another by its keys."""
    return _is_first(one, other, depth, False)


@inlined
def _is_first(one: int, other: int, depth: int, wins: bool) -> bool:
    """Tell whether a row comes before another; `wins`: if they are equal."""
    wide_one, wide_other = signed(load64(one)) >> 32, signed(load64(other)) >> 32
    one += 8
    other += 8
    for k in range(depth):
        long_one, long_other = (wide_one >> k) & 1, (wide_other >> k) & 1
        here, there = number_at(one, long_one), number_at(other, long_other)
        if here != there:
            return here < there
        one += (1 + long_one) << 2
        other += (1 + long_other) << 2
    return wins


@bare_kernel
def merge(
    words: Int32, place: Int64, stop: Int64, more: Bool, rank: Int64, depth: int, out: Int32,
    starts: Int64,
) -> tuple[int, int, int]:  # fmt: skip
    """Copy rows of sorted sources to `out` in order; of equal rows, those of the lower rank first.

    It ends when `out` or `starts` is full, when a source that has more is used up, or with all.

    Args:
        words: rows of all sources; those of source s stand from place[s] to stop[s].
        place: int64 [s]; moves on as rows are taken.
        stop: int64 [s].
        more: bool [s]: whether more rows of the source are to come.
        rank: int64 [s], no two equal, unless sources are empty.
        depth: how many keys a row has.
        out: int32; what stands in it already, its rows and its words, is in starts[-2:].
        starts: int64 [n + 2]: where each row in `out` begins.

    Returns:
        (the source to be filled or OUT_IS_FULL, rows in `out`, words in `out`).
    """
    base, target = address_of(words), address_of(out)
    rows, end = starts[-2], starts[-1]
    while True:
        best, second = -1, -1
        for s in range(place.shape[0]):
            row = base + 4 * place[s]
            if place[s] == stop[s]:
                if more[s]:
                    return s, rows, end
            elif best < 0 or _is_first(row, base + 4 * place[best], depth, rank[s] < rank[best]):
                best, second = s, best
            elif second < 0 or _is_first(
                row, base + 4 * place[second], depth, rank[s] < rank[second]
            ):
                second = s
        if best < 0:
            return OUT_IS_FULL, rows, end
        at, last = place[best], stop[best]
        limit = base + 4 * place[second]
        wins = second >= 0 and rank[best] < rank[second]
        while at < last:
            row = base + 4 * at
            if second >= 0 and not _is_first(row, limit, depth, wins):
                break
            size = (_end(row) - row) >> 2
            if rows + 2 == starts.shape[0] or end + size > out.shape[0] - SPARE:
                place[best] = at
                return OUT_IS_FULL, rows, end
            copy_bytes(target + 4 * end, row, 4 * size)
            starts[rows] = end
            rows, end, at = rows + 1, end + size, at + size
        place[best] = at


@kernel
def hash_texts(text: Bytes, ends: Int32, high: Int64, low: Int64) -> None:
    """Hash texts to 128 bits each: two 64-bit FNV-1a sums over words, stirred as in MurmurHash3."""
    for i in range(ends.shape[0] - 1):
        one = np.uint64(0xCBF29CE484222325)
        two = np.uint64(ends[i + 1] - ends[i]) ^ np.uint64(0x9E3779B97F4A7C15)
        at = ends[i]
        while at < ends[i + 1]:
            word = np.uint64(0)
            for b in range(min(8, ends[i + 1] - at)):
                word |= np.uint64(text[at + b]) << np.uint64(8 * b)
            at += 8
            one = _stir((one ^ word) * np.uint64(0x100000001B3))
            two = _stir((two + word) * np.uint64(0xD6E8FEB86659FD93))
        high[i] = np.int64(_stir(one + two))
        low[i] = np.int64(_stir(two ^ (one << np.uint64(1))))


@kernel
def _stir(word: np.uint64) -> np.uint64:
    """Let every bit reach every other (finaliser of MurmurHash3, A. Appleby, public domain)."""
    word ^= word >> np.uint64(33)
    word *= np.uint64(0xFF51AFD7ED558CCD)
    word ^= word >> np.uint64(33)
    word *= np.uint64(0xC4CEB9FE1A85EC53)
    word ^= word >> np.uint64(33)
    return word
