"""Packets of a stream of blocks: a trace is the field 1, repeated, of one message."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from traceql.importers.perfetto.wire import WireError, varint

if TYPE_CHECKING:
    from traceql.kernels.packets import Packets, Scanner

_PACKET = 0x0A
_LONGEST_BYTES = 256 << 20
_CHAIN = 3
"""Packets that must follow each other before a place is taken for the start of one."""
_INFLATED_BYTES = 1 << 20
_BATCH_BYTES = 1 << 20
_SHORT = 3
_KEEP = 20
"""Bytes that the key and length of a field may take."""

Count = Callable[[str, int], None]


class Batch(NamedTuple):
    """Packets in a buffer.

    Attributes:
        offset: of the buffer in the stream.
        buffer: bytes that `packets` points into.
        packets: valid until the next batch.
    """

    offset: int
    buffer: bytes
    packets: Packets


class Splitter:
    """Cuts blocks into packets, and finds the next one where something is damaged.

    Args:
        blocks: the stream.
        count: called with a code and an offset for what is wrong.
    """

    def __init__(self, blocks: Iterator[bytes], count: Count) -> None:
        self._blocks, self._count = blocks, count
        self._buffer = b""
        self._at = 0
        self._passed = 0
        """Bytes of the stream before the buffer."""
        self._ended = False

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        """Give offset and content of each packet."""
        while self._need(_KEEP) or self._need(1):
            start = self._at
            quick = self._quick()
            if quick is not None:
                yield self._passed + start, quick
                continue
            try:
                key, size, head = self._head()
                if not self._need(head - start + size):
                    self._count("packet_truncated", self._passed + start)
                    return
                # What is in the buffer may have moved to its start.
                start = self._at
                head = self._head()[2]
            except WireError:
                if self._ended and len(self._buffer) - self._at < _KEEP:
                    self._count("packet_truncated", self._passed + self._at)
                    return
                if not self._resync():
                    return
                continue
            self._at = head + size
            if key == _PACKET:
                yield self._passed + start, self._buffer[head : head + size]
            else:
                self._count("field_unknown", self._passed + start)

    @property
    def passed(self) -> int:
        """Bytes of the stream that are read."""
        return self._passed + self._at

    def batch(self, scanner: Scanner) -> Batch | None:
        """Take the packets that lie whole in the buffer; None where the next is not whole."""
        import numpy as np

        self._need(_BATCH_BYTES)
        found = scanner.scan(np.frombuffer(self._buffer, np.uint8), self._at)
        if not found.columns.shape[1]:
            return None
        self._at = found.next
        return Batch(self._passed, self._buffer, found)

    def _quick(self) -> bytes | None:
        """Take a packet of less than 16 KiB that lies in the buffer whole; None otherwise."""
        buffer, at = self._buffer, self._at
        if len(buffer) - at < _SHORT or buffer[at] != _PACKET:
            return None
        size, head = buffer[at + 1], at + 2
        if size >= 0x80:
            more = buffer[head]
            if more >= 0x80:
                return None
            size, head = size & 0x7F | more << 7, head + 1
        last = head + size
        if last > len(buffer):
            return None
        self._at = last
        return buffer[head:last]

    def _head(self) -> tuple[int, int, int]:
        """Give the key of the field at the cursor, its size and where its content starts."""
        self._need(_KEEP)
        at = self._at
        if at >= len(self._buffer):
            raise WireError("no field")
        key, at = varint(self._buffer, at)
        wire = key & 7
        if key < 8:
            raise WireError("a field of number 0")
        if key != _PACKET and key >> 3 == 1:
            raise WireError("a packet that is none")
        if wire == 2:
            size, at = varint(self._buffer, at)
            if size > _LONGEST_BYTES:
                raise WireError("a packet too long")
            return key, size, at
        if wire == 0:
            return key, varint(self._buffer, at)[1] - at, at
        if wire in {1, 5}:
            return key, 8 if wire == 1 else 4, at
        raise WireError("an unknown wire type")

    def _need(self, size: int) -> bool:
        """Read on until there are `size` bytes at the cursor; False at the end of the stream."""
        while len(self._buffer) - self._at < size and not self._ended:
            block = next(self._blocks, None)
            if block is None:
                self._ended = True
                break
            more = [block]
            length = len(self._buffer) - self._at + len(block)
            while length < size and not self._ended:
                another = next(self._blocks, None)
                if another is None:
                    self._ended = True
                else:
                    more.append(another)
                    length += len(another)
            self._passed += self._at
            self._buffer = b"".join([self._buffer[self._at :], *more])
            self._at = 0
        return len(self._buffer) - self._at >= size

    def _resync(self) -> bool:
        """Go to the next place where some packets follow each other; False where there is none."""
        self._count("packet_damaged", self._passed + self._at)
        while True:
            self._at += 1
            if not self._need(1):
                return False
            found = self._buffer.find(_PACKET, self._at)
            if found < 0:
                self._at = len(self._buffer)
                continue
            self._at = found
            if self._chains():
                return True

    def _chains(self) -> bool:
        """Tell whether packets follow each other here, or one reaches the end of the stream."""
        at = self._at
        for _ in range(_CHAIN):
            if at == len(self._buffer) and self._ended:
                return at > self._at
            if at >= len(self._buffer) or self._buffer[at] != _PACKET:
                return False
            try:
                size, at = varint(self._buffer, at + 1)
            except WireError:
                return False
            if not 0 < size <= _LONGEST_BYTES:
                return False
            at += size
            if at >= len(self._buffer) and not self._ended:
                missing = at + _KEEP - self._at
                before = self._at
                self._need(missing)
                at += self._at - before
            if at > len(self._buffer):
                return False
        return True


def inflated(data: bytes) -> Iterator[bytes]:
    """Unpack zlib data in blocks.

    Raises:
        WireError: it is damaged.
    """
    unpacker = zlib.decompressobj()
    try:
        while data and not unpacker.eof:
            yield unpacker.decompress(data, _INFLATED_BYTES)
            data = unpacker.unconsumed_tail
    except zlib.error as error:
        raise WireError(f"compressed packets are damaged: {error}") from error


def unzstd(data: bytes) -> Iterator[bytes]:
    """Unpack zstd data in blocks.

    Raises:
        WireError: it is damaged.
    """
    import zstandard

    try:
        with zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(data) as reader:
            while block := reader.read(_INFLATED_BYTES):
                yield block
    except zstandard.ZstdError as error:
        raise WireError(f"compressed packets are damaged: {error}") from error
