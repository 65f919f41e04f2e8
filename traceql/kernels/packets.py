"""Find the packets in a buffer of a Perfetto trace, and plain track events in them as columns.

A plain packet has a track event and little else: whatever else it has makes it odd, and the caller
reads it by its bytes. Texts in an event are told by where they lie and a hash of them.
Source: protobuf.dev/programming-guides/encoding; field numbers of protos/perfetto/trace in
github.com/google/perfetto.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from traceql.kernels.decorator import bare_kernel, inlined

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Int64 = NDArray[np.int64]
    Bytes = NDArray[np.uint8]

(START, END, ODD, SEQUENCE, FLAGS, TS, CLOCK, TYPE, HAS_UUID, UUID, NAME, NAME_AT, NAME_SIZE,
 CATEGORY, CATEGORY_AT, CATEGORY_SIZE, HAS_FLOW, FLOW, HAS_END, FLOW_END, VALUE_KIND, VALUE,
 INTEGERS, TEXTS, SHAPE, EXTRA) = range(26)  # fmt: skip
"""Rows of `Packets.columns`."""
COLUMNS = 26
HOLES = 16
"""Integers that annotations of a plain event may have."""
TEXT_HOLES = 8
"""Other values that annotations of a plain event may have."""
AT, SIZE, KEY = range(3)
"""Rows of `Packets.texts` for each of those."""
OF_INT, OF_DOUBLE = 1, 2
"""Kinds of a counter's value: an integer, or the bits of a double."""
BUNDLE = 2
"""In ODD: a packet with events of the kernel and nothing else; VALUE and UUID are their bounds."""
_PRIME = np.int64(0x100000001B3)
_BASIS = np.int64(-3750763034362895579)
_LEAST = np.int64(-0x8000000000000000)
_LONGEST = 1 << 28
_OTHER = 99


class Packets(NamedTuple):
    """Whole packets of a buffer.

    Attributes:
        columns: int64 [COLUMNS, n]: where a packet's content starts and ends; 0 for plain ones, 1
            for odd ones, of which nothing else is told (or BUNDLE); sequence, flags, time, clock;
            type, track (and whether it is told); name and category: their numbers (0: none), or
            where they lie, their size and a hash; a flow and one that ends here (and whether
            there are any); the value of a counter; how many integers and other values its
            annotations have; a hash of its annotations but for these (0: there are none); a hash
            of its other fields, which change nothing else (0: there are none).
        holes: int64 [HOLES, n]: the integers of annotations, in their order.
        texts: int64 [3 * TEXT_HOLES, n]: of the other values, in their order, where they lie,
            their size and a hash; those without a size are the number of a text, the bits of a
            double, or a pointer. Where none of this fits, it is the whole annotation, and the
            size is negative.
        next: the first byte that belongs to no packet here.
    """

    columns: Int64
    holes: Int64
    texts: Int64
    next: int

    def part(self, start: int, end: int) -> Packets:
        """Give the packets from a number up to another."""
        here = slice(start, end)
        return Packets(self.columns[:, here], self.holes[:, here], self.texts[:, here], self.next)


class Scanner:
    """Scans buffers, with room for so many packets at a time."""

    def __init__(self, capacity: int = 1 << 15) -> None:
        self._columns = np.zeros((COLUMNS, capacity), np.int64)
        self._holes = np.zeros((HOLES, capacity), np.int64)
        self._texts = np.zeros((3 * TEXT_HOLES, capacity), np.int64)
        self._number = np.zeros(1, np.int64)

    def scan(self, data: Bytes, start: int) -> Packets:
        """Find the packets that lie whole in `data` from `start` on, as many as there is room for.

        Args:
            data: uint8 [m].
            start: where a packet starts.

        Returns:
            The packets; the arrays are valid until the next call.

        Raises:
            ValueError: start is outside of the data.
        """
        if not 0 <= start <= data.size:
            raise ValueError(f"start {start} of {data.size} bytes")
        count, at = _scan(
            data, start, data.size, self._columns, self._holes, self._texts, self._number
        )
        return Packets(self._columns[:, :count], self._holes[:, :count], self._texts[:, :count], at)


def same(data: Bytes, at: Int64, size: Int64, first: Int64) -> bool:
    """Tell whether texts are equal to those that stand for them.

    Args:
        data: uint8 [m].
        at: int64 [n], where each lies.
        size: int64 [n].
        first: int64 [n], the place in `at` of the text that stands for each.

    Raises:
        ValueError: lengths differ, or a text lies outside of the data.
    """
    if not at.size == size.size == first.size:
        raise ValueError("lengths differ")
    if at.size == 0:
        return True
    if at.min() < 0 or size.min() < 0 or (at + size).max() > data.size:
        raise ValueError("a text lies outside of the data")
    if first.min() < 0 or first.max() >= at.size:
        raise ValueError("no such text")
    arrays = (np.ascontiguousarray(array, np.int64) for array in (at, size, first))
    return bool(_same(data, *arrays))


@bare_kernel
def _same(data: Bytes, at: Int64, size: Int64, first: Int64) -> bool:
    for i in range(at.shape[0]):
        one, other = at[i], at[first[i]]
        if size[i] != size[first[i]]:
            return False
        if one != other:
            for place in range(size[i]):
                if data[one + place] != data[other + place]:
                    return False
    return True


@inlined
def number(data: Bytes, at: int, end: int, out: Int64) -> int:
    """Read a number into out[0]; give the place behind it, or -1 where it does not end."""
    value = np.uint64(0)
    shift = np.uint64(0)
    while at < end and shift < np.uint64(64):
        byte = data[at]
        at += 1
        value |= np.uint64(byte & np.uint8(0x7F)) << shift
        if byte < np.uint8(0x80):
            out[0] = np.int64(value)
            return at
        shift += np.uint64(7)
    return -1


@inlined
def _fixed(data: Bytes, at: int) -> np.int64:
    """Read eight bytes."""
    value = np.uint64(0)
    for place in range(8):
        value |= np.uint64(data[at + place]) << np.uint64(8 * place)
    return np.int64(value)


@inlined
def hash_text(data: Bytes, at: int, end: int) -> np.int64:
    """Hash some bytes (FNV-1a, signed)."""
    text = _BASIS
    for place in range(at, end):
        text = (text ^ np.int64(data[place])) * _PRIME
    return text


@inlined
def _annotation(
    data: Bytes, at: int, end: int, t: Int64, i: int, holes: Int64, texts: Int64, out: Int64
) -> bool:
    """Read an annotation; False where there is no more room."""
    start, name, kind, value, place, size = at, np.int64(0), 0, np.int64(0), 0, 0
    while at < end and kind != _OTHER:
        key = np.int64(data[at])
        at += 1
        if key == 0x88 and at < end and data[at] == np.uint8(1):
            at += 1
            key = np.int64(17 << 3)
        if key == 0x29 and at + 8 <= end and kind == 0:
            kind, value = 5, _fixed(data, at)
            at += 8
            continue
        is_value = (key == 0x10 or key == 0x18 or key == 0x20 or key == 0x38 or key == 0x88
                    or key == 0x32)  # fmt: skip
        if key != 0x08 and key != 0x52 and (not is_value or kind != 0):
            kind = _OTHER
            break
        at = number(data, at, end, out)
        last = at + out[0] if key == 0x32 or key == 0x52 else at
        if at < 0 or last < at or last > end or (key == 0x52 and last == at):
            kind = _OTHER
            break
        if key == 0x32:
            place, size = at, last - at
        if key == 0x32 or key == 0x52:
            out[0] = hash_text(data, at, last)
        at = last
        if is_value:
            kind, value = int(key >> 3), out[0]
        elif name != 0 or out[0] == 0:
            kind = _OTHER
        else:
            name = out[0] if key == 0x08 else out[0] ^ _PRIME
    if kind == 0 or name == 0 or value == _LEAST or (kind == 3 and value < 0):
        kind = _OTHER
    if kind == _OTHER:
        name, place, size, value = np.int64(1), start, start - end, hash_text(data, start, end)
    h = t[SHAPE, i] if t[SHAPE, i] != 0 else _BASIS
    h = ((h ^ name) * _PRIME ^ kind) * _PRIME
    if kind == 3 or kind == 4:
        if t[INTEGERS, i] >= HOLES:
            return False
        holes[t[INTEGERS, i], i] = value
        t[INTEGERS, i] += 1
    elif kind == 2:
        h = (h ^ np.int64(value != 0)) * _PRIME
    else:
        hole = t[TEXTS, i]
        if hole >= TEXT_HOLES:
            return False
        texts[3 * hole + AT, i] = place
        texts[3 * hole + SIZE, i] = size
        texts[3 * hole + KEY, i] = value
        t[TEXTS, i] = hole + 1
    t[SHAPE, i] = h
    return True


@inlined
def _value(data: Bytes, at: int, end: int, t: Int64, i: int, out: Int64) -> int:
    """Read what has a key of two bytes: a name, a category, a flow, the value of a counter.

    Gives -1 for anything else.
    """
    if at >= end:
        return -1
    first, second = data[at - 1], data[at]
    if first == np.uint8(0xF0) and second == np.uint8(1) and t[VALUE_KIND, i] == 0:
        at = number(data, at + 1, end, out)
        t[VALUE_KIND, i] = OF_INT
        t[VALUE, i] = out[0]
        return at
    is_name = first == np.uint8(0xBA)
    if (is_name or first == np.uint8(0xB2)) and second == np.uint8(1):
        at = number(data, at + 1, end, out)
        column = NAME if is_name else CATEGORY
        size = int(out[0])
        if at < 0 or size <= 0 or at + size > end or t[column, i] != 0:
            return -1
        t[column, i] = hash_text(data, at, at + size)
        t[column + 1, i] = at
        t[column + 2, i] = size
        return at + size
    if second == np.uint8(3) and first == np.uint8(0x81) and t[HAS_END, i] == 0 and at + 9 <= end:
        t[HAS_END, i] = 1
        t[FLOW_END, i] = _fixed(data, at + 1)
        return at + 9
    if second != np.uint8(2) or at + 9 > end:
        return -1
    if first == np.uint8(0xF9) and t[HAS_FLOW, i] == 0:
        t[HAS_FLOW, i] = 1
        t[FLOW, i] = _fixed(data, at + 1)
        return at + 9
    if first == np.uint8(0xE1) and t[VALUE_KIND, i] == 0:
        t[VALUE_KIND, i] = OF_DOUBLE
        t[VALUE, i] = _fixed(data, at + 1)
        return at + 9
    return -1


@inlined
def _extra(data: Bytes, at: int, end: int, t: Int64, i: int, out: Int64) -> int:
    """Read past a field that changes nothing else: a place in the source, or one not known here.

    Gives -1 where it is damaged, or means more.
    """
    start = at
    at = number(data, at, end, out)
    if at < 0:
        return -1
    field, wire = out[0] >> 3, out[0] & 7
    says_more = (field <= 4 or field == 6 or 8 <= field <= 12 or field == 16 or field == 17
                 or field == 20 or field == 22 or field == 23 or field == 30 or field == 31
                 or field == 36 or field == 42 or 44 <= field <= 48 or 55 <= field <= 57
                 or field == 3000)  # fmt: skip
    if says_more:
        return -1
    if wire == 1 or wire == 5:
        at += 8 if wire == 1 else 4
    elif wire == 0 or wire == 2:
        at = number(data, at, end, out)
        if at < 0 or out[0] < 0:
            return -1
        if wire == 2:
            at += int(out[0])
    else:
        return -1
    if at > end:
        return -1
    before = t[EXTRA, i] if t[EXTRA, i] != 0 else _BASIS
    t[EXTRA, i] = (before ^ hash_text(data, start, at)) * _PRIME
    return at


@inlined
def _event(
    data: Bytes, at: int, end: int, t: Int64, i: int, holes: Int64, texts: Int64, out: Int64
) -> bool:
    """Read a track event; False where it has more than a plain one."""
    while at < end:
        key = data[at]
        at += 1
        if key == np.uint8(0x22) or key == np.uint8(0x1A):
            at = number(data, at, end, out)
            last = at + out[0]
            if at < 0 or out[0] <= 0 or last > end:
                return False
            if key == np.uint8(0x22):
                if not _annotation(data, at, last, t, i, holes, texts, out):
                    return False
            elif t[CATEGORY, i] != 0 or number(data, at, last, out) != last or out[0] <= 0:
                return False
            else:
                t[CATEGORY, i] = out[0]
            at = last
        elif (
            key == np.uint8(0x48)
            or (key == np.uint8(0x50) and t[NAME, i] == 0)
            or key == np.uint8(0x58)
            or (key == np.uint8(0x18) and t[CATEGORY, i] == 0)
        ):
            at = number(data, at, end, out)
            if at < 0:
                return False
            if key == np.uint8(0x48):
                t[TYPE, i] = out[0]
            elif key == np.uint8(0x58):
                t[UUID, i] = out[0]
                t[HAS_UUID, i] = 1
            elif out[0] <= 0:
                return False
            else:
                t[NAME if key == np.uint8(0x50) else CATEGORY, i] = out[0]
        else:
            field = at - 1
            at = _value(data, at, end, t, i, out)
            if at < 0:
                at = _extra(data, field, end, t, i, out)
            if at < 0:
                return False
    counts = t[TYPE, i] == 4
    known = 1 <= t[TYPE, i] <= 4
    return bool(known and counts == (t[VALUE_KIND, i] != 0))


@inlined
def _packet(
    data: Bytes, at: int, end: int, t: Int64, i: int, holes: Int64, texts: Int64, out: Int64
) -> int:
    """Read a packet; gives what ODD says of it."""
    event, event_end, timed, bundle = 0, 0, False, False
    while at < end:
        key = np.int64(data[at])
        at += 1
        if key == 0xD0 or key == 0xF8:
            if at >= end or data[at] != np.uint8(3 if key == 0xD0 else 4):
                return 1
            at += 1
        elif (key != 0x40 and key != 0x50 and key != 0x68 and key != 0x18 and key != 0x5A
              and key != 0x0A):  # fmt: skip
            return 1
        at = number(data, at, end, out)
        if at < 0:
            return 1
        if key == 0x5A or key == 0x0A:
            if event != 0 or out[0] < 0 or at + out[0] > end:
                return 1
            bundle, event, event_end = key == 0x0A, at, at + out[0]
            at = event_end
        elif key == 0x40:
            t[TS, i] = out[0]
            timed = True
        elif key == 0x50:
            t[SEQUENCE, i] = out[0]
        elif key == 0x68:
            t[FLAGS, i] = out[0]
        elif key == 0xD0:
            t[CLOCK, i] = out[0]
    if event == 0 or t[SEQUENCE, i] < 0 or t[FLAGS, i] & ~np.int64(2) != 0:
        return 1
    if bundle:
        t[VALUE, i] = event
        t[UUID, i] = event_end
        return 1 if timed or t[CLOCK, i] != 0 else BUNDLE
    if not timed or t[TS, i] < 0 or t[CLOCK, i] < 0:
        return 1
    return 0 if _event(data, event, event_end, t, i, holes, texts, out) else 1


@bare_kernel
def _scan(
    data: Bytes, at: int, end: int, t: Int64, holes: Int64, texts: Int64, out: Int64
) -> tuple[int, int]:
    count = 0
    while count < t.shape[1] and at < end and data[at] == np.uint8(0x0A):
        head = number(data, at + 1, end, out)
        size = out[0]
        if head < 0 or size < 0 or size > _LONGEST or head + size > end:
            break
        for column in range(COLUMNS):
            t[column, count] = 0
        t[START, count] = head
        t[END, count] = head + size
        t[ODD, count] = _packet(data, head, head + size, t, count, holes, texts, out)
        count += 1
        at = head + size
    return count, at
