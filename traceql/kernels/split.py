"""Find the events of a JSON array in blocks of bytes, exactly: quotes, escapes, braces.

The cost is a few vector operations for 64 bytes; nothing is parsed. The caller finds the
opening bracket of the array (`traceEvents`, or the document itself) and feeds what follows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from traceql.kernels.decorator import bare_kernel, inlined
from traceql.kernels.vector import (
    ONE,
    PADDING,
    ZERO,
    bits_below,
    count_bits,
    equal64,
    escaped_bytes,
    first_bit,
    running_parity,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceql.kernels.vector import Mask

# Places in the state of a splitter.
_DEPTH, _IN_STRING, _ESCAPED, _BRACKETS, _CLOSED, _COMMAS, _IRREGULAR, _ANY = range(8)


class Events(NamedTuple):
    """Complete events of a buffer, as byte ranges.

    Attributes:
        starts: int64 [n], offsets of the opening braces.
        ends: int64 [n], offsets just after the closing braces.
        next: Where to go on: `next < end` means that the capacity was reached, or that the
            array ended there (`closed`).
        tail: First byte of the event that is not complete, else `next`. The bytes from here
            on must stand at the front of the next buffer.
        closed: The closing bracket of the array was passed; `next` is just after it.
        irregular: Gaps between events that are not white space and one comma.
    """

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    next: int
    tail: int
    closed: bool
    irregular: int


class Splitter:
    """Splits one stream. Blocks may end anywhere, also within an escape."""

    def __init__(self, capacity: int = 1 << 16) -> None:
        """Make a splitter whose calls give at most `capacity` events."""
        if capacity < 1:
            raise ValueError("capacity must be at least 1")
        self._state = np.zeros(8, np.int64)
        self._starts = np.empty(capacity, np.int64)
        self._ends = np.empty(capacity, np.int64)

    def split(self, buffer: NDArray[np.uint8], start: int, end: int) -> Events:
        """Split the next bytes of the stream.

        Args:
            buffer: uint8 [m], contiguous, m >= end + 64. If the last call left an event that
                was not complete, its bytes (from `Events.tail` on) stand at buffer[0:start].
            start: Offset of the first byte not seen yet.
            end: Offset after the last byte.

        Returns:
            The events that end in these bytes. The arrays are valid until the next call.

        Raises:
            ValueError: the range or the padding is wrong.
        """
        check_range(buffer, start, end)
        count, position, tail = _split(
            buffer.ctypes.data, start, end, self._state, self._starts, self._ends
        )
        irregular = int(self._state[_IRREGULAR])
        self._state[_IRREGULAR] = 0
        closed = bool(self._state[_CLOSED])
        return Events(self._starts[:count], self._ends[:count], position, tail, closed, irregular)


def check_range(buffer: NDArray[np.uint8], start: int, end: int) -> None:
    """Refuse a buffer that kernels could read beyond.

    Raises:
        ValueError: not contiguous bytes, or fewer than 64 of them after `end`.
    """
    if buffer.dtype != np.uint8 or buffer.ndim != 1 or not buffer.flags.c_contiguous:
        raise ValueError("buffer must be contiguous uint8")
    if not 0 <= start <= end <= buffer.size - PADDING:
        raise ValueError(f"need 0 <= start <= end <= size - {PADDING}")


@inlined
def _gap(address: int, gap: Mask, strings: Mask, state: NDArray[np.int64]) -> int:
    """Account for bytes between events; give the bit after the array's end, or -1.

    `gap` marks the bytes, `strings` those within quotes.
    """
    spaces = equal64(address, np.uint8(32)) | equal64(address, np.uint8(10))
    spaces |= equal64(address, np.uint8(13)) | equal64(address, np.uint8(9))
    commas = equal64(address, np.uint8(44)) & ~strings
    if gap & ~(spaces | commas) == ZERO:
        state[_COMMAS] += count_bits(commas & gap)
        return -1
    rising = equal64(address, np.uint8(91)) & ~strings & gap
    falling = equal64(address, np.uint8(93)) & ~strings & gap
    marks = rising | falling
    while marks != ZERO:
        low = marks & (ZERO - marks)
        if low & rising:
            state[_BRACKETS] += 1
        elif state[_BRACKETS] == 0:
            before = gap & (low - ONE)
            if before & ~spaces != ZERO or state[_COMMAS] != 0:
                state[_IRREGULAR] += 1
            state[_CLOSED] = 1
            return first_bit(low) + 1
        else:
            state[_BRACKETS] -= 1
        marks ^= low
    state[_IRREGULAR] += 1
    return -1


@inlined
def _opened(state: NDArray[np.int64]) -> None:
    """Judge the gap that a new event ends: one comma, or none before the first."""
    if state[_COMMAS] != state[_ANY]:
        state[_IRREGULAR] += 1
    state[_COMMAS] = 0
    state[_ANY] = 1


@bare_kernel
def _split(
    base: int,
    start: int,
    end: int,
    state: NDArray[np.int64],
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
) -> tuple[int, int, int]:
    """Fill starts and ends; give their number, the place to go on, and the tail."""
    depth = state[_DEPTH]
    within = ZERO - np.uint64(state[_IN_STRING])
    escaped = np.uint64(state[_ESCAPED])
    begin = 0
    count = 0
    place = start
    while place < end and state[_CLOSED] == 0:
        address = base + place
        valid = bits_below(end - place)
        quotes = equal64(address, np.uint8(34)) & valid
        backslashes = equal64(address, np.uint8(92)) & valid
        if (backslashes | escaped) != ZERO:
            hidden, over = escaped_bytes(backslashes, escaped)
            quotes &= ~hidden
            escaped = over
            if end - place < 64:
                escaped = (hidden >> np.uint64(end - place)) & ONE
        strings = running_parity(quotes) ^ within
        within = ZERO - (strings >> np.uint64(63))
        opens = equal64(address, np.uint8(123)) & ~strings & valid
        closes = equal64(address, np.uint8(125)) & ~strings & valid
        closing = count_bits(closes)
        if depth > closing:
            depth += count_bits(opens) - closing
            place += 64
            continue
        bit = 0
        stop = -1
        while True:
            rest = ~bits_below(bit)
            if depth == 0:
                after = opens & rest
                upto = first_bit(after)
                stop = _gap(address, rest & valid & bits_below(upto), strings, state)
                if stop >= 0 or after == ZERO:
                    break
                _opened(state)
                begin = place + upto
                depth = 1
                bit = upto + 1
                continue
            after = (opens | closes) & rest
            if after == ZERO:
                break
            low = after & (ZERO - after)
            bit = first_bit(low) + 1
            if low & opens:
                depth += 1
                continue
            depth -= 1
            if depth == 0:
                starts[count] = begin
                ends[count] = place + bit
                count += 1
                if count == ends.shape[0]:
                    stop = bit
                    break
        if stop >= 0:
            # Stopped outside any string and just after a plain byte.
            within = ZERO
            escaped = ZERO
            place += stop
            break
        place += 64
    place = min(place, end)
    state[_DEPTH] = depth
    state[_IN_STRING] = np.int64(within & ONE)
    state[_ESCAPED] = np.int64(escaped)
    return count, place, begin if depth > 0 else place
