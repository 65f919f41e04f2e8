"""Blocks of a file as parts: a buffer, and the events that lie in it complete."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from traceql.kernels.split import Splitter
from traceql.kernels.vector import PADDING

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceql.kernels.split import Events

MOST_EVENTS = 1 << 16
"""Events of a part."""

LONGEST_EVENT = 64 << 20
"""A longer one is left to the reader that needs no buffer of its size."""

_PIECE = 1 << 20
_SEPARATORS = np.zeros(256, np.bool_)
_SEPARATORS[list(b" \t\n\r\v\f,")] = True


@dataclass(eq=False)
class Buffer:
    """Bytes of the file: `content[:end]` begins at offset `base`; before `fresh` an old tail."""

    content: NDArray[np.uint8]
    base: int
    fresh: int
    end: int
    parts: int = 0


@dataclass(eq=False)
class Part:
    """Some events of a buffer.

    Attributes:
        buffer: where they lie.
        starts: int64 [n], places of their first bytes.
        ends: int64 [n], places after their last bytes.
    """

    buffer: Buffer
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]

    @property
    def content(self) -> NDArray[np.uint8]:
        """Bytes of the buffer."""
        return self.buffer.content

    def offset(self, row: int) -> int:
        """Offset of an event in the text."""
        return self.buffer.base + int(self.starts[row])

    def raw(self, row: int) -> bytes:
        """Text of an event."""
        return self.content[self.starts[row] : self.ends[row]].tobytes()

    def until(self, row: int) -> Part:
        """Give the events before one."""
        return Part(self.buffer, self.starts[:row], self.ends[:row])


@dataclass
class Feed:
    """The events of the array that the text stands in, up to its end or the first damage.

    Args:
        blocks: the text.
        offset: of its first byte, which is a separator or begins an element.
        block_bytes: how much goes to one buffer.
    """

    blocks: Iterator[bytes]
    offset: int
    block_bytes: int
    closed: bool = False
    """Whether the array ended."""
    position: int = field(init=False)
    """Offset behind the last event given, or behind the end of the array."""
    _left: bytes = b""
    _damaged: bool = False
    _live: list[Buffer] = field(default_factory=list)
    _free: list[NDArray[np.uint8]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.position = self.offset

    def parts(self) -> Iterator[Part]:
        """Give the parts; each must go to `release` when it is done with."""
        splitter = Splitter(MOST_EVENTS)
        tail = np.empty(0, np.uint8)
        while tail.size <= LONGEST_EVENT:
            buffer = self._fill(tail)
            if buffer is None:
                return
            at, start = 0, buffer.fresh
            while True:
                events = splitter.split(buffer.content, start, buffer.end)
                count = self._sound(buffer, at, events)
                if count:
                    buffer.parts += 1
                    self.position = buffer.base + int(events.ends[count - 1])
                    yield Part(buffer, events.starts[:count].copy(), events.ends[:count].copy())
                if self._damaged:
                    return
                if events.closed:
                    self.closed, self.position = True, buffer.base + events.next
                    return
                if events.next >= buffer.end:
                    break
                at = start = events.next
            tail = buffer.content[events.tail : buffer.end]

    def rest(self, offset: int) -> tuple[int, list[bytes]]:
        """Give the text from an offset on, not before the parts that are not released.

        Returns:
            Its offset, which is later where only separators lie between; what was read of it.
        """
        for buffer in self._live:
            if buffer.base + buffer.end > offset:
                offset = max(offset, buffer.base)
                break
        at, unread = offset, []
        for buffer in self._live:
            starts = range(max(at - buffer.base, 0), buffer.end, _PIECE)
            unread += [buffer.content[s : min(s + _PIECE, buffer.end)].tobytes() for s in starts]
            at = max(at, buffer.base + buffer.end)
        return offset, [*unread, self._left]

    def release(self, part: Part) -> None:
        """Take a part back, so that its buffer can be filled again."""
        part.buffer.parts -= 1

    def _sound(self, buffer: Buffer, at: int, events: Events) -> int:
        """Give how many events come before anything that is no separator."""
        if not events.irregular:
            return events.starts.size
        stop = events.next - 1 if events.closed else events.tail
        change = np.zeros(stop - at + 1, np.int8)
        change[events.starts - at] += 1
        change[events.ends - at] -= 1
        between = np.cumsum(change[:-1], dtype=np.int8) == 0
        junk = np.flatnonzero(between & ~_SEPARATORS[buffer.content[at:stop]])
        if not junk.size:
            return events.starts.size
        self._damaged = True
        return int(np.searchsorted(events.starts, at + junk[0]))

    def _fill(self, tail: NDArray[np.uint8]) -> Buffer | None:
        """Fill a buffer with the incomplete event and what follows; None at the end."""
        # The last buffer has the tail, and what `rest` may have to give.
        done = [held for held in self._live[:-1] if not held.parts]
        self._free += [held.content for held in done]
        self._live = [held for held in self._live if held not in done]
        size = max(self.block_bytes, 2 * tail.size)
        content = self._free.pop() if self._free else np.empty(0, np.uint8)
        if content.size < size + PADDING:
            content = np.empty(size + PADDING, np.uint8)
        content[: tail.size] = tail
        end = tail.size
        while end < size:
            piece = self._left or next(self.blocks, b"")
            if not piece:
                break
            taken = piece[: size - end]
            content[end : end + len(taken)] = np.frombuffer(taken, np.uint8)
            self._left = piece[len(taken) :]
            end += len(taken)
        if end == tail.size:
            return None
        content[end : end + PADDING] = 0
        buffer = Buffer(content, self.offset - tail.size, tail.size, end)
        self._live.append(buffer)
        self.offset += end - tail.size
        return buffer
