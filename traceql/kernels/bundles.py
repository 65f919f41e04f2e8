"""Read bundles of kernel events as columns: scheduling, marks of programs, states of CPUs.

What a bundle has beyond that is told by its bytes, and the caller reads it: single events, or the
whole bundle. Source: protobuf.dev/programming-guides/encoding; field numbers of
protos/perfetto/trace/ftrace in github.com/google/perfetto.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from traceql.kernels.decorator import bare_kernel, inlined
from traceql.kernels.packets import hash_text, number

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Int64 = NDArray[np.int64]
    Bytes = NDArray[np.uint8]

(KIND, PACKET, START, END, TS, CPU, TID, PID, STATE, NEXT, COMM_AT, COMM_SIZE, NEXT_AT, NEXT_SIZE,
 IN_INTERRUPT, PRIORITY) = range(16)  # fmt: skip
"""Rows of `Events.columns`."""
COLUMNS = 16
(SWITCH, WAKING, WAKEUP, PRINT, FREQUENCY, IDLE, UNREAD, COMPACT_SWITCH, COMPACT_WAKING, ODD,
 ODD_BUNDLE) = range(11)  # fmt: skip
"""Kinds of events."""
_INTERRUPT = 0x18
_MOST_COMMS = 4096
_LATEST = np.int64(1) << np.int64(62)
_LARGEST_CPU = np.int64(1) << np.int64(31)


class Events(NamedTuple):
    """Events of bundles.

    Attributes:
        columns: int64 [COLUMNS, n]: the kind; number of the packet; where the event's bytes lie
            (of compact events those of all of them, of ODD_BUNDLE those of the bundle); time,
            CPU and thread; the thread that leaves or is woken, the number of a CPU (FREQUENCY,
            IDLE), of a field (UNREAD); the state left behind or measured; the thread that
            enters, or a hash of the text of a mark; where names of both lie, or that text, with
            their sizes; 1 where a wakeup came in an interrupt; the priority of the thread that
            enters.
        done: how many packets were read.
    """

    columns: Int64
    done: int


class BundleScanner:
    """Scans bundles, with room for so many events at a time."""

    def __init__(self, capacity: int = 1 << 17) -> None:
        self._columns = np.zeros((COLUMNS, capacity), np.int64)
        self._comms = np.zeros((2, _MOST_COMMS), np.int64)
        self._number = np.zeros(1, np.int64)

    def scan(self, data: Bytes, starts: Int64, ends: Int64, first: int) -> Events:
        """Read bundles from the first on, as many as there is room for, at least one.

        Args:
            data: uint8 [m].
            starts: int64 [n], where bundles start in data.
            ends: int64 [n], where they end.
            first: the first bundle to read.

        Returns:
            The events; the array is valid until the next call.

        Raises:
            ValueError: a bundle lies outside of the data, or there is no such bundle.
        """
        if not 0 <= first < len(starts) or len(starts) != len(ends):
            raise ValueError(f"bundle {first} of {len(starts)}")
        if starts.min() < 0 or (starts > ends).any() or ends.max() > data.size:
            raise ValueError("a bundle lies outside of the data")
        count, done = _scan(
            data, np.ascontiguousarray(starts, np.int64), np.ascontiguousarray(ends, np.int64),
            first, self._columns, self._comms, self._number,
        )  # fmt: skip
        return Events(self._columns[:, :count], done)


@inlined
def _field(data: Bytes, at: int, end: int, out: Int64) -> tuple[int, int, int]:
    """Read a field: its key, where its bytes start (0: a number, in out[0]), and what is behind.

    What is behind is -1 where the field is damaged or of a fixed size.
    """
    at = number(data, at, end, out)
    key = out[0]
    wire = key & 7
    if at < 0 or key < 8 or (wire != 0 and wire != 2):
        return 0, 0, -1
    at = number(data, at, end, out)
    if at < 0 or wire == 0:
        return key, 0, at
    last = at + out[0]
    if out[0] < 0 or last > end:
        return key, 0, -1
    return key, at, last


@inlined
def _content(data: Bytes, at: int, end: int, t: Int64, i: int, out: Int64) -> bool:
    """Read what an event says; False where it is damaged."""
    kind = t[KIND, i]
    while at < end:
        key, start, after = _field(data, at, end, out)
        if after < 0:
            return False
        if kind == SWITCH:
            if key == 0x0A:
                t[COMM_AT, i], t[COMM_SIZE, i] = start, after - start
            elif key == 0x2A:
                t[NEXT_AT, i], t[NEXT_SIZE, i] = start, after - start
            elif key == 0x10:
                t[PID, i] = out[0]
            elif key == 0x20:
                t[STATE, i] = out[0]
            elif key == 0x30:
                t[NEXT, i] = out[0]
            elif key == 0x38:
                t[PRIORITY, i] = out[0]
        elif kind == PRINT:
            if key == 0x12:
                t[COMM_AT, i], t[COMM_SIZE, i] = start, after - start
                t[NEXT, i] = hash_text(data, start, after)
        elif kind == FREQUENCY or kind == IDLE:
            if (key == 0x08 or key == 0x10) and out[0] < 0:
                return False
            if key == 0x08:
                t[STATE, i] = out[0]
            elif key == 0x10:
                t[PID, i] = out[0]
        elif key == 0x0A:
            t[COMM_AT, i], t[COMM_SIZE, i] = start, after - start
        elif key == 0x10:
            t[PID, i] = out[0]
        at = after
    return True


@inlined
def _kind(key: int) -> int:
    """Tell what an event is by its field in the message of all events."""
    field = key >> 3
    if field == 4:
        return SWITCH
    if field == 20 or field == 114:
        return WAKING
    if field == 17:
        return WAKEUP
    if field == 3:
        return PRINT
    if field == 11:
        return FREQUENCY
    if field == 13:
        return IDLE
    known = (field == 18 or field == 24 or field == 25 or field == 36 or field == 37
             or field == 80 or field == 113 or field == 235 or field == 236 or field == 238
             or field == 240 or field == 332 or field == 340)  # fmt: skip
    return ODD if known else UNREAD


@inlined
def _event(data: Bytes, at: int, end: int, t: Int64, i: int, out: Int64) -> bool:
    """Read an event; False where it must be read by its bytes."""
    content, content_end, kind = 0, 0, ODD
    while at < end:
        key, start, after = _field(data, at, end, out)
        if after < 0:
            return False
        if key == 0x08 or key == 0x10 or key == 0x28:
            if out[0] < 0:
                return False
            if key == 0x08:
                t[TS, i] = out[0]
            elif key == 0x10:
                t[TID, i] = out[0]
            else:
                t[IN_INTERRUPT, i] = np.int64(out[0] & _INTERRUPT != 0)
        elif key & 7 != 2 or content != 0:
            return False
        else:
            content, content_end, kind = start, after, _kind(key)
            if kind == UNREAD:
                t[PID, i] = key >> 3
        at = after
    if kind == ODD or t[TS, i] >= _LATEST:
        return False
    t[KIND, i] = kind
    return kind == UNREAD or _content(data, content, content_end, t, i, out)


@inlined
def _blank(t: Int64, i: int, packet: int, start: int, end: int) -> None:
    for column in range(COLUMNS):
        t[column, i] = 0
    t[PACKET, i], t[START, i], t[END, i] = packet, start, end


@inlined
def _column(data: Bytes, compact: int, end: int, wanted: int, out: Int64) -> tuple[int, int]:
    """Find a packed column; -2 where it is damaged or not packed, or stands there twice."""
    found, found_end, at = 0, 0, compact
    while at < end:
        key, start, after = _field(data, at, end, out)
        if after < 0:
            return -2, 0
        if key >> 3 == wanted:
            if found != 0 or key & 7 != 2:
                return -2, 0
            found, found_end = start, after
        at = after
    return found, found_end


@inlined
def _comm_table(data: Bytes, at: int, end: int, comms: Int64, out: Int64) -> int:
    """Find the names of compact events, all of whose fields are whole.

    Gives how many, -1 where they are too many.
    """
    count = 0
    while at < end:
        key, start, after = _field(data, at, end, out)
        if key == 0x2A:
            if count == _MOST_COMMS:
                return -1
            comms[0, count], comms[1, count] = start, after - start
            count += 1
        at = after
    return count


@inlined
def _compact(
    data: Bytes, at: int, end: int, t: Int64, count: int, packet: int, cpu: np.int64,
    is_waking: bool, comms: Int64, out: Int64,
) -> int:  # fmt: skip
    """Read switches or wakeups of a compact message; gives the events, -1 where one is odd."""
    base = 7 if is_waking else 1
    time_at, time_end = _column(data, at, end, base, out)
    pid_at, pid_end = _column(data, at, end, 8 if is_waking else 3, out)
    comm_at, comm_end = _column(data, at, end, 11 if is_waking else 6, out)
    more_at, more_end = _column(data, at, end, 12 if is_waking else 2, out)
    rank_at, rank_end = _column(data, at, end, 10 if is_waking else 4, out)
    if time_at < 0 or pid_at < 0 or comm_at < 0 or more_at < 0 or rank_at < 0:
        return -1
    named = _comm_table(data, at, end, comms, out)
    if named < 0:
        return -1
    time = np.int64(0)
    while time_at < time_end:
        _blank(t, count, packet, at, end)
        t[KIND, count] = COMPACT_WAKING if is_waking else COMPACT_SWITCH
        t[CPU, count] = cpu
        time_at = number(data, time_at, time_end, out)
        time += out[0]
        if time_at < 0 or out[0] < 0 or out[0] >= _LATEST or time >= _LATEST:
            return -1
        t[TS, count] = time
        pid_at = number(data, pid_at, pid_end, out)
        t[PID if is_waking else NEXT, count] = out[0]
        if pid_at < 0:
            return -1
        comm_at = number(data, comm_at, comm_end, out)
        if comm_at < 0 or out[0] < 0:
            return -1
        if out[0] < named:
            t[COMM_AT if is_waking else NEXT_AT, count] = comms[0, out[0]]
            t[COMM_SIZE if is_waking else NEXT_SIZE, count] = comms[1, out[0]]
        if rank_at < rank_end:
            rank_at = number(data, rank_at, rank_end, out)
            if rank_at < 0:
                return -1
            t[PRIORITY, count] = 0 if is_waking else out[0]
        if not is_waking or more_at < more_end:
            more_at = number(data, more_at, more_end, out)
            if more_at < 0:
                return -1
            if is_waking:
                t[IN_INTERRUPT, count] = np.int64(out[0] & _INTERRUPT != 0)
            else:
                t[STATE, count] = out[0]
        count += 1
    if pid_at != pid_end or comm_at != comm_end or (not is_waking and more_at != more_end):
        return -1
    return count


@inlined
def _bundle(
    data: Bytes, start: int, end: int, t: Int64, count: int, packet: int, comms: Int64, out: Int64
) -> int:
    """Read a bundle; gives the events, -1 where it must be read by its bytes."""
    cpu, compact, compact_end, at = np.int64(0), 0, 0, start
    while at < end:
        key, place, after = _field(data, at, end, out)
        lost = key == 0x18 and out[0] != 0
        other_clock = key == 0x28 and out[0] != 0 and out[0] != 1
        if after < 0 or lost or other_clock or key == 0x42:
            return -1
        if key == 0x08:
            cpu = out[0]
        elif key == 0x22:
            if compact != 0:
                return -1
            compact, compact_end = place, after
        at = after
    if cpu < 0 or cpu >= _LARGEST_CPU:
        return -1
    if compact != 0:
        for is_waking in (False, True):
            count = _compact(
                data, compact, compact_end, t, count, packet, cpu, is_waking, comms, out
            )
            if count < 0:
                return -1
    at = start
    while at < end:
        key, place, after = _field(data, at, end, out)
        if key == 0x12:
            _blank(t, count, packet, place, after)
            if not _event(data, place, after, t, count, out):
                t[KIND, count] = ODD
            t[CPU, count] = cpu
            count += 1
        at = after
    return count


@bare_kernel
def _scan(
    data: Bytes, starts: Int64, ends: Int64, packet: int, t: Int64, comms: Int64, out: Int64
) -> tuple[int, int]:
    count, first = 0, packet
    while packet < starts.shape[0]:
        start, end = starts[packet], ends[packet]
        # An event has two bytes at least, and one more may be begun.
        most = (end - start) // 2 + 2
        if count + most > t.shape[1] and packet > first:
            break
        found = -1
        if count + most <= t.shape[1]:
            found = _bundle(data, start, end, t, count, packet, comms, out)
        if found < 0:
            _blank(t, count, packet, start, end)
            t[KIND, count] = ODD_BUNDLE
            found = count + 1
        count = found
        packet += 1
    return count, packet
