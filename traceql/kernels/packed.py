"""Packed rows: numbers of many columns, most of them missing, as words that move together.

A row is int64 words: its keys, a word that says which columns it has, and the values of those, in
order of the columns; at the end perhaps a text. Sorting and merging move a row at once and never
touch what is missing. Rows compare by their keys, first key first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from traceql.kernels.decorator import bare_kernel, kernel
from traceql.kernels.vector import first_bit, load8, load64, signed

Bool = NDArray[np.bool_]
Bytes = NDArray[np.uint8]
Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]

MOST_COLUMNS = 40
_SIZE_BITS = 40
"""Above this many bits of the second part of a row stands how many words the row has."""
_COLUMNS = (1 << _SIZE_BITS) - 1

OUT_IS_FULL = -1


class Columns(NamedTuple):
    """Columns to pack: those that have a value in any row."""

    numbers: Int64
    """Int64 [m]: which columns these are, ascending, below MOST_COLUMNS."""
    values: Sequence[Int64]
    """Int64 [n] each."""
    bits: Sequence[Bytes | None]
    """Uint8 [(n + 7) // 8] each, a bit for each value as in Arrow; None: all are there."""
    text: Bytes
    """The rows' texts one after the other; empty if they have none."""
    text_ends: Int64
    """Int64 [n + 1] or [0]: where in `text` each row's text ends, after a leading 0."""


def pack(keys: Sequence[Int64], rows: int, columns: Columns, words: Int64, at: int) -> int:
    """Write rows to `words` from `at` on; give the end.

    Args:
        keys: int64 [n] each, contiguous, first key first.
        rows: n.
        columns: what they have.
        words: int64, with room for k + 3 + m words a row, and the texts.
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
    bits = np.array([0 if b is None else b.ctypes.data for b in columns.bits], np.int64)
    return _pack(len(keys), rows, places, bits, columns.numbers, columns.text, columns.text_ends,
                 words, at)  # fmt: skip


@bare_kernel
def _pack(
    depth: int, rows: int, places: Int64, bits: Int64, numbers: Int64, text: Bytes, ends: Int64,
    words: Int64, at: int,
) -> int:  # fmt: skip
    """Pack from the addresses of keys and columns; `bits` are 0 where all values are there."""
    width = numbers.shape[0]
    with_text = ends.shape[0] > 0
    for i in range(rows):
        for k in range(depth):
            words[at + k] = signed(load64(places[k] + 8 * i))
        end = at + depth + 1
        mask = 0
        for c in range(width):
            # What is missing is written over by what comes next.
            words[end] = signed(load64(places[depth + c] + 8 * i))
            present = 1
            if bits[c] != 0:
                present = (int(load8(bits[c] + (i >> 3))) >> (i & 7)) & 1
            mask |= present << numbers[c]
            end += present
        if with_text:
            start, stop = ends[i], ends[i + 1]
            words[end] = stop - start
            end += 1
            for first in range(start, stop, 8):
                word = np.uint64(0)
                for b in range(min(8, stop - first)):
                    word |= np.uint64(text[first + b]) << np.uint64(8 * b)
                words[end] = np.int64(word)
                end += 1
        words[at + depth] = mask | (end - at) << _SIZE_BITS
        at = end
    return at


@kernel
def repack(
    source: Int64, starts: Int64, source_depth: int, keys: Int64, words: Int64, at: int
) -> int:
    """Write rows to `words` from `at` on with other keys than they had; give the end.

    Args:
        source: where the rows stand.
        starts: where each begins.
        source_depth: how many keys they had.
        keys: int64 [k, n], the new ones.
        words: int64, with room for them.
        at: where to begin.
    """
    depth = keys.shape[0]
    for i in range(starts.shape[0]):
        for k in range(depth):
            words[at + k] = keys[k, i]
        second = starts[i] + source_depth
        rest = (source[second] >> _SIZE_BITS) - source_depth
        words[at + depth] = (source[second] & _COLUMNS) | (depth + rest) << _SIZE_BITS
        for w in range(1, rest):
            words[at + depth + w] = source[second + w]
        at += depth + rest
    return at


@kernel
def find_starts(words: Int64, at: int, depth: int, starts: Int64) -> int:
    """Write where each row begins, the first at `at`; give where the last one ends."""
    for i in range(starts.shape[0]):
        starts[i] = at
        at += words[at + depth] >> _SIZE_BITS
    return at


@kernel
def read_keys(words: Int64, starts: Int64, keys: Int64) -> None:
    """Write the keys of rows to `keys`, int64 [k, n]."""
    for i in range(starts.shape[0]):
        at = starts[i]
        for k in range(keys.shape[0]):
            keys[k, i] = words[at + k]


@kernel
def columns_present(words: Int64, starts: Int64, depth: int) -> int:
    """Give the mask of the columns that any of the rows has."""
    mask = np.int64(0)
    for i in range(starts.shape[0]):
        mask |= words[starts[i] + depth]
    return int(mask & _COLUMNS)


@kernel
def columns_common(words: Int64, starts: Int64, depth: int) -> int:
    """Give the mask of the columns that all of the rows have; all columns if there are no rows."""
    mask = np.int64(_COLUMNS)
    for i in range(starts.shape[0]):
        mask &= words[starts[i] + depth]
    return int(mask & _COLUMNS)


@kernel
def unpack(
    words: Int64, starts: Int64, depth: int, place: Int64,
    values: Int64, bits: Bytes, counts: Int64,
) -> None:  # fmt: skip
    """Write the columns of rows.

    Args:
        words: where the rows stand.
        starts: where each begins.
        depth: how many keys they have.
        place: int64 [MOST_COLUMNS]: in which row of `values` each column goes.
        values: int64 [m, n]; what is missing is left as it is.
        bits: uint8 [m, (n + 7) // 8] of zeros: a bit for each value, lowest first, as in Arrow.
        counts: int64 [m] of zeros: how many rows have each column.
    """
    for i in range(starts.shape[0]):
        at = starts[i] + depth
        mask = words[at] & _COLUMNS
        byte, bit = i >> 3, np.uint8(1 << (i & 7))
        while mask:
            at += 1
            column = place[first_bit(np.uint64(mask))]
            mask &= mask - 1
            values[column, i] = words[at]
            bits[column, byte] |= bit
            counts[column] += 1


@kernel
def read_texts(words: Int64, starts: Int64, depth: int, text: Bytes, ends: Int32) -> None:
    """Write the texts of rows, and their ends after a leading 0, int32 [n + 1].

    With `text` empty only the ends are written: the last one is the room that `text` needs.
    """
    total = 0
    ends[0] = 0
    for i in range(starts.shape[0]):
        at = starts[i] + depth
        mask = words[at] & _COLUMNS
        at += 1
        while mask:
            mask &= mask - 1
            at += 1
        size = words[at]
        if text.shape[0]:
            for b in range(size):
                word = np.uint64(words[at + 1 + (b >> 3)])
                text[total + b] = np.uint8((word >> np.uint64(8 * (b & 7))) & np.uint64(255))
        total += size
        ends[i + 1] = total


@kernel
def count_words(words: Int64, starts: Int64, depth: int) -> int:
    """Give how many words these rows have together."""
    total = 0
    for i in range(starts.shape[0]):
        total += words[starts[i] + depth] >> _SIZE_BITS
    return total


@kernel
def copy_rows(words: Int64, starts: Int64, depth: int, first: int, out: Int64) -> tuple[int, int]:
    """Copy rows from number `first` on to `out`, in the order of `starts`, while they fit.

    Returns:
        (the row it came to, the words in `out`).
    """
    end = 0
    for i in range(first, starts.shape[0]):
        at = starts[i]
        size = words[at + depth] >> _SIZE_BITS
        if end + size > out.shape[0]:
            return i, end
        for w in range(size):
            out[end + w] = words[at + w]
        end += size
    return starts.shape[0], end


@kernel
def _is_before(words: Int64, one: int, other: int, depth: int) -> bool:
    for k in range(depth):
        if words[one + k] != words[other + k]:
            return bool(words[one + k] < words[other + k])
    return False


@kernel
def merge(
    words: Int64, place: Int64, stop: Int64, more: Bool, depth: int, out: Int64, starts: Int64
) -> tuple[int, int, int]:
    """Copy rows of sorted sources to `out` in order; of equal rows, the earlier source's first.

    It ends when `out` or `starts` is full, when a source that has more is used up, or with all.

    Args:
        words: rows of all sources; those of source s stand from place[s] to stop[s].
        place: int64 [s]; moves on as rows are taken.
        stop: int64 [s].
        more: bool [s]: whether more rows of the source are to come.
        depth: how many keys a row has.
        out: int64; what stands in it already, its rows and its words, is in starts[-2:].
        starts: int64 [n + 2]: where each row in `out` begins.

    Returns:
        (the source to be filled or OUT_IS_FULL, rows in `out`, words in `out`).
    """
    rows, end = starts[-2], starts[-1]
    while True:
        best, second = -1, -1
        for s in range(place.shape[0]):
            if place[s] == stop[s]:
                if more[s]:
                    return s, rows, end
            elif best < 0 or _is_before(words, place[s], place[best], depth):
                best, second = s, best
            elif second < 0 or _is_before(words, place[s], place[second], depth):
                second = s
        if best < 0:
            return OUT_IS_FULL, rows, end
        at, last = place[best], stop[best]
        while at < last:
            if second >= 0:
                limit = place[second]
                after = _is_before(words, limit, at, depth) if best < second else not (
                    _is_before(words, at, limit, depth)
                )  # fmt: skip
                if after:
                    break
            size = words[at + depth] >> _SIZE_BITS
            if rows + 2 == starts.shape[0] or end + size > out.shape[0]:
                place[best] = at
                return OUT_IS_FULL, rows, end
            for w in range(size):
                out[end + w] = words[at + w]
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
