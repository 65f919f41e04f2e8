"""Values of a Parquet page: compacted, numbered, and encoded as the format says.

The source is https://parquet.apache.org/docs/file-format/data-pages/encodings: deltas in blocks of
128 values with four widths (DELTA_BINARY_PACKED), runs and packed groups of eight (RLE), texts
behind their lengths (PLAIN). All numbers are little-endian. Arrays come as addresses, so that one
piece of machine code serves what Arrow has, read-only or not; callers keep them alive.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from traceql.kernels.decorator import bare_kernel, inlined
from traceql.kernels.packed import address_of
from traceql.kernels.sqlite_bytes import copy_exactly
from traceql.kernels.vector import (
    count_bits,
    load8,
    load64,
    load_int32,
    signed,
    store8,
    store64,
)

Bytes = NDArray[np.uint8]
Int64 = NDArray[np.int64]

BLOCK = 128
"""Values of a block of deltas; four of its parts have a width each."""
_PART = 32
SPARE = 64
"""Bytes that a place to encode to needs beyond what is written."""
TOO_MANY = -1

_LONG_RUN = 16
"""Equal values from which a run is shorter than packed groups, its two headers counted."""
_MOST_GROUPS = 63
"""Of eight values, behind a header of one byte."""
_MOST, _LEAST = (1 << 63) - 1, -(1 << 63)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def delta_room(count: int) -> int:
    """Give how many bytes `delta` may write for so many values."""
    return 8 * count + 14 * (count // BLOCK + 2) + 8 * _PART + SPARE


def run_room(count: int, width: int) -> int:
    """Give how many bytes `runs` may write for so many values."""
    groups = (count + 7) // 8
    return groups * (width + 1) + (count // _LONG_RUN + 1) * 9 + SPARE


@bare_kernel
def present(
    source: int, item_bytes: int, valid: int, first: int, rows: int, values: Int64, bounds: Int64
) -> int:
    """Gather the values that are there, widened to 64 bits.

    Args:
        source: where the values lie.
        item_bytes: 4 or 8.
        valid: where their bits lie, as in Arrow; 0: all are there.
        first: number of the bit of the first value.
        rows: how many values lie there.
        values: int64, for `rows` of them.
        bounds: int64 [2]; gets the least and the greatest, if there is any.

    Returns:
        How many there are.
    """
    target, least, most = address_of(values), _MOST, _LEAST
    if valid == 0:
        for i in range(rows):
            value = _item(source, item_bytes, i)
            store64(target + 8 * i, value)
            least, most = min(least, value), max(most, value)
        bounds[0], bounds[1] = least, most
        return rows
    count = 0
    for i in range(rows):
        value = _item(source, item_bytes, i)
        bit = first + i
        there = (int(load8(valid + (bit >> 3))) >> (bit & 7)) & 1
        # What is missing is written over by what comes next.
        store64(target + 8 * count, value)
        count += there
        least = min(least, value if there else _MOST)
        most = max(most, value if there else _LEAST)
    bounds[0], bounds[1] = least, most
    return count


@inlined
def _item(source: int, item_bytes: int, i: int) -> int:
    return load_int32(source + 4 * i) if item_bytes == 4 else signed(load64(source + 8 * i))


@bare_kernel
def distinct(values: Int64, count: int, slots: Int64, numbers: Int64, found: Int64) -> int:
    """Number values by first appearance.

    Args:
        values: int64, the first `count` of them.
        count: how many.
        slots: int64 of zeros, a power of two, at least twice as many as `found`.
        numbers: int64, gets the number of each value.
        found: int64 [m], gets the different values.

    Returns:
        How many different ones there are; TOO_MANY: more than m.
    """
    mask = np.uint64(slots.shape[0] - 1)
    known, last_value, last_number = 0, 0, -1
    for i in range(count):
        value = values[i]
        if last_number >= 0 and value == last_value:
            numbers[i] = last_number
            continue
        mixed = np.uint64(value) * _GOLDEN
        slot = (mixed ^ (mixed >> np.uint64(32))) & mask
        number = slots[slot]
        while number != 0 and found[number - 1] != value:
            slot = (slot + np.uint64(1)) & mask
            number = slots[slot]
        if number == 0:
            if known == found.shape[0]:
                return TOO_MANY
            found[known] = value
            known += 1
            number = known
            slots[slot] = number
        last_value, last_number = value, number - 1
        numbers[i] = last_number
    return known


@bare_kernel
def delta(values: Int64, count: int, bits: int, room: Int64, out: Bytes, at: int) -> int:
    """Write values as differences, DELTA_BINARY_PACKED.

    Args:
        values: int64, the first `count` of them; of a column of 32 bits they fit those.
        count: how many; at least one.
        bits: 32 or 64, of the column: differences wrap within them.
        room: int64 [BLOCK], to work in.
        out: uint8, with `delta_room` from `at` on.
        at: where to begin.

    Returns:
        Where it ends.
    """
    base, source, work, wrap = address_of(out), address_of(values), address_of(room), 64 - bits
    previous = values[0]
    end = _varint(_varint(_varint(base + at, BLOCK), BLOCK // _PART), count)
    end = _varint(end, (previous << 1) ^ (previous >> 63))
    done = 1
    while done < count:
        size, least = min(BLOCK, count - done), _MOST
        for k in range(size):
            value = signed(load64(source + 8 * (done + k)))
            step = (value - previous) << wrap >> wrap
            store64(work + 8 * k, step)
            least, previous = min(least, step), value
        for k in range(size, (size + _PART - 1) & -_PART):
            store64(work + 8 * k, least)
        end = _varint(end, (least << 1) ^ (least >> 63))
        widths = end
        end += BLOCK // _PART
        for part in range(BLOCK // _PART):
            width, start = 0, work + 8 * _PART * part
            if part * _PART < size:
                width = _rebase(start, least)
                end = _packed(start, _PART, width, end)
            store8(widths + part, np.uint8(width))
        done += size
    return end - base


@inlined
def _rebase(start: int, least: int) -> int:
    """Take the least off the values of a part; give how many bits the greatest needs."""
    every = 0
    for k in range(_PART):
        rest = signed(load64(start + 8 * k)) - least
        store64(start + 8 * k, rest)
        every |= rest
    return _width(every)


@inlined
def _width(number: int) -> int:
    """Give how many bits an unsigned number has."""
    word = np.uint64(number)
    for shift in (1, 2, 4, 8, 16, 32):
        word |= word >> np.uint64(shift)
    return count_bits(word)


@inlined
def _packed(source: int, count: int, width: int, at: int) -> int:
    """Write the lowest bits of int64 numbers, the first lowest; give the end.

    Writes up to 7 bytes more.
    """
    word, filled = np.uint64(0), 0
    for k in range(count):
        value = load64(source + 8 * k)
        word |= value << np.uint64(filled)
        filled += width
        if filled >= 64:
            store64(at, signed(word))
            at += 8
            filled -= 64
            word = value >> np.uint64(width - filled) if filled else np.uint64(0)
    store64(at, signed(word))
    return at + ((filled + 7) >> 3)


@inlined
def _varint(at: int, number: int) -> int:
    """Write an unsigned number in groups of seven bits, the lowest first; give the end."""
    word = np.uint64(number)
    while word >= np.uint64(128):
        store8(at, np.uint8((word & np.uint64(127)) | np.uint64(128)))
        word >>= np.uint64(7)
        at += 1
    store8(at, np.uint8(word))
    return at + 1


@bare_kernel
def runs(numbers: Int64, count: int, width: int, out: Bytes, at: int) -> int:
    """Write numbers as runs and packed groups, the hybrid that Parquet calls RLE.

    Args:
        numbers: int64, the first `count` of them, with room for seven more, which become 0.
        count: how many.
        width: bits of each, 1 to 32.
        out: uint8, with `run_room` from `at` on.
        at: where to begin.

    Returns:
        Where it ends.
    """
    base, source = address_of(out), address_of(numbers)
    end, header, groups = base + at, 0, 0
    for k in range(count, count + 7):  # a group need not begin at a multiple of 8
        numbers[k] = 0
    done = 0
    while done < count:
        run = 1
        while done + run < count and numbers[done + run] == numbers[done]:
            run += 1
        if run >= _LONG_RUN:
            end = _varint(end, run << 1)
            for byte in range((width + 7) >> 3):
                store8(end + byte, np.uint8((numbers[done] >> (8 * byte)) & 255))
            end += (width + 7) >> 3
            done, groups = done + run, 0
            continue
        if groups == 0:
            header = end
            end += 1
        groups += 1
        end = _packed(source + 8 * done, 8, width, end)
        store8(header, np.uint8((groups << 1) | 1))
        if groups == _MOST_GROUPS:
            groups = 0
        done += 8
    return end - base


@bare_kernel
def texts(ends: int, text: int, valid: int, first: int, rows: int, out: Bytes, at: int) -> int:
    """Write texts behind their lengths, PLAIN; what is missing is left out.

    Args:
        ends: where int32 [rows + 1] lie: where each text ends, after where the first begins.
        text: where the texts lie.
        valid: where their bits lie, as in Arrow; 0: all are there.
        first: number of the bit of the first text.
        rows: how many there are.
        out: uint8, with room for the texts, 4 bytes each more, and SPARE.
        at: where to begin.

    Returns:
        Where it ends.
    """
    base = address_of(out)
    end = base + at
    for i in range(rows):
        bit = first + i
        if valid != 0 and (int(load8(valid + (bit >> 3))) >> (bit & 7)) & 1 == 0:
            continue
        start = load_int32(ends + 4 * i)
        size = load_int32(ends + 4 * i + 4) - start
        store64(end, size)
        copy_exactly(end + 4, text + start, size)
        end += 4 + size
    return end - base
