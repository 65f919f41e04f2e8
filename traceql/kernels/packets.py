"""Find the packets in a buffer of a Perfetto trace, and plain track events in them as columns.

A plain packet has a track event and little else: whatever else it has makes it odd, and the caller
reads it by its bytes. Source: protobuf.dev/programming-guides/encoding; field numbers of
protos/perfetto/trace in github.com/google/perfetto.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from traceql.kernels.decorator import bare_kernel, inlined

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Int64 = NDArray[np.int64]
    Bytes = NDArray[np.uint8]

(START, END, ODD, SEQUENCE, FLAGS, TS, CLOCK, TYPE, HAS_UUID, UUID, NAME, CATEGORY, HAS_FLOW, FLOW,
 VALUE_KIND, VALUE, INTEGERS, SHAPE) = range(18)  # fmt: skip
"""Rows of `Packets.columns`."""
COLUMNS = 18
HOLES = 16
"""Integers that annotations of a plain event may have."""
OF_INT, OF_DOUBLE = 1, 2
"""Kinds of a counter's value: an integer, or the bits of a double."""
_PRIME = np.int64(0x100000001B3)
_BASIS = np.int64(-3750763034362895579)
_LONGEST = 1 << 28


class Packets(NamedTuple):
    """Whole packets of a buffer.

    Attributes:
        columns: int64 [COLUMNS, n]: where a packet's content starts and ends; 1 for odd ones, of
            which nothing else is told; sequence, flags, time, clock; type, track (and whether it
            is told), numbers of name and category (0: none), a flow (and whether there is one),
            the value of a counter; how many integers its annotations have; a hash of all of its
            annotations but these (0: there are none).
        holes: int64 [HOLES, n]: the integers of annotations, in their order.
        next: the first byte that belongs to no packet here.
    """

    columns: Int64
    holes: Int64
    next: int


class Scanner:
    """Scans buffers, with room for so many packets at a time."""

    def __init__(self, capacity: int = 1 << 15) -> None:
        self._columns = np.zeros((COLUMNS, capacity), np.int64)
        self._holes = np.zeros((HOLES, capacity), np.int64)
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
        count, at = _scan(data, start, data.size, self._columns, self._holes, self._number)
        return Packets(self._columns[:, :count], self._holes[:, :count], at)


@inlined
def _number(data: Bytes, at: int, end: int, out: Int64) -> int:
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
def _annotation(data: Bytes, at: int, end: int, t: Int64, i: int, holes: Int64, out: Int64) -> bool:
    """Read an annotation; False where it is of no plain kind (integer, bool, text)."""
    name, kind, value = np.int64(0), np.int64(0), np.int64(0)
    while at < end:
        key = np.int64(data[at])
        at += 1
        if key == 0x88 and at < end and data[at] == np.uint8(1):
            at += 1
            key = np.int64(17 << 3)
        elif key != 0x08 and key != 0x10 and key != 0x18 and key != 0x20 and key != 0x32:
            return False
        at = _number(data, at, end, out)
        if at < 0:
            return False
        if key == 0x32:
            last = at + out[0]
            if out[0] < 0 or last > end:
                return False
            text = _BASIS
            while at < last:
                text = (text ^ np.int64(data[at])) * _PRIME
                at += 1
            out[0] = text
        if key == 0x08:
            name = out[0]
        elif kind != 0:
            return False
        else:
            kind, value = key >> 3, out[0]
    if name <= 0 or kind == 0 or (value < 0 and kind != 4 and kind != 6):
        return False
    h = t[SHAPE, i] if t[SHAPE, i] != 0 else _BASIS
    h = ((h ^ name) * _PRIME ^ kind) * _PRIME
    if kind == 3 or kind == 4:
        if t[INTEGERS, i] >= HOLES:
            return False
        holes[t[INTEGERS, i], i] = value
        t[INTEGERS, i] += 1
    else:
        h = (h ^ value) * _PRIME
    t[SHAPE, i] = h
    return True


@inlined
def _value(data: Bytes, at: int, end: int, t: Int64, i: int, out: Int64) -> int:
    """Read a flow or the value of a counter, whose keys have two bytes; -1 for anything else."""
    if at >= end:
        return -1
    first, second = data[at - 1], data[at]
    if first == np.uint8(0xF0) and second == np.uint8(1) and t[VALUE_KIND, i] == 0:
        at = _number(data, at + 1, end, out)
        t[VALUE_KIND, i] = OF_INT
        t[VALUE, i] = out[0]
        return at
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
def _event(data: Bytes, at: int, end: int, t: Int64, i: int, holes: Int64, out: Int64) -> bool:
    """Read a track event; False where it has more than a plain one."""
    while at < end:
        key = data[at]
        at += 1
        if key == np.uint8(0x22) or key == np.uint8(0x1A):
            at = _number(data, at, end, out)
            last = at + out[0]
            if at < 0 or out[0] <= 0 or last > end:
                return False
            if key == np.uint8(0x22):
                if not _annotation(data, at, last, t, i, holes, out):
                    return False
            elif t[CATEGORY, i] != 0 or _number(data, at, last, out) != last:
                return False
            else:
                t[CATEGORY, i] = out[0]
            at = last
        elif (
            key == np.uint8(0x48)
            or key == np.uint8(0x50)
            or key == np.uint8(0x58)
            or (key == np.uint8(0x18) and t[CATEGORY, i] == 0)
        ):
            at = _number(data, at, end, out)
            if at < 0:
                return False
            if key == np.uint8(0x48):
                t[TYPE, i] = out[0]
            elif key == np.uint8(0x50):
                t[NAME, i] = out[0]
            elif key == np.uint8(0x58):
                t[UUID, i] = out[0]
                t[HAS_UUID, i] = 1
            elif out[0] <= 0:
                return False
            else:
                t[CATEGORY, i] = out[0]
        else:
            at = _value(data, at, end, t, i, out)
            if at < 0:
                return False
    counts = t[TYPE, i] == 4
    known = 1 <= t[TYPE, i] <= 4 and t[NAME, i] >= 0
    return bool(known and counts == (t[VALUE_KIND, i] != 0))


@inlined
def _packet(data: Bytes, at: int, end: int, t: Int64, i: int, holes: Int64, out: Int64) -> bool:
    """Read a packet; False where it is not plain."""
    event, event_end, timed = 0, 0, False
    while at < end:
        key = np.int64(data[at])
        at += 1
        if key == 0xD0 or key == 0xF8:
            if at >= end or data[at] != np.uint8(3 if key == 0xD0 else 4):
                return False
            at += 1
        elif key != 0x40 and key != 0x50 and key != 0x68 and key != 0x18 and key != 0x5A:
            return False
        at = _number(data, at, end, out)
        if at < 0:
            return False
        if key == 0x5A:
            if event != 0 or out[0] < 0 or at + out[0] > end:
                return False
            event, event_end = at, at + out[0]
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
    if event == 0 or not timed or t[TS, i] < 0 or t[SEQUENCE, i] < 0 or t[CLOCK, i] < 0:
        return False
    return t[FLAGS, i] & ~np.int64(2) == 0 and _event(data, event, event_end, t, i, holes, out)


@bare_kernel
def _scan(data: Bytes, at: int, end: int, t: Int64, holes: Int64, out: Int64) -> tuple[int, int]:
    count = 0
    while count < t.shape[1] and at < end and data[at] == np.uint8(0x0A):
        head = _number(data, at + 1, end, out)
        size = out[0]
        if head < 0 or size < 0 or size > _LONGEST or head + size > end:
            break
        for column in range(COLUMNS):
            t[column, count] = 0
        t[START, count] = head
        t[END, count] = head + size
        if not _packet(data, head, head + size, t, count, holes, out):
            t[ODD, count] = 1
        count += 1
        at = head + size
    return count, at
