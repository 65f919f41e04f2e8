"""Give byte strings small numbers, in order of first appearance.

A table lives in numpy arrays that the caller owns. Kernels only say "full": the caller doubles
what is full and goes on at the same place, so nothing aborts and nothing is lost.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np

from traceql.kernels.decorator import bare_kernel, inlined
from traceql.kernels.vector import (
    ONE,
    PADDING,
    ZERO,
    bits_below,
    copy_bytes,
    load64,
    same_bytes,
    signed,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceql.kernels.vector import Mask

Number = TypeVar("Number", bound=np.generic)

FULL = -1
_TAG = np.uint64(0xFFFFFFFF00000000)
_IDS = np.uint64(0x00000000FFFFFFFF)


class Table(NamedTuple):
    """The arrays of a table, as kernels take them.

    Attributes:
        slots: uint64 [2^k], open addressing: high half of the hash, then id + 1; 0 is free.
        offsets: int64 [capacity + 1], text i is arena[offsets[i]:offsets[i + 1]].
        arena: uint8, the texts one after the other, with padding.
        notes: int32 [capacity], a number per text for the kernels that use the table.
        size: int64 [1], how many texts there are.
    """

    slots: NDArray[np.uint64]
    offsets: NDArray[np.int64]
    arena: NDArray[np.uint8]
    notes: NDArray[np.int32]
    size: NDArray[np.int64]


@inlined
def hash_bytes(address: int, count: int) -> Mask:
    """Hash a range of bytes to 64 bits: multiply and shift, two lanes of 8 bytes."""
    first = np.uint64(count) * np.uint64(0x9E3779B97F4A7C15)
    second = np.uint64(0x2545F4914F6CDD1D)
    spread, other = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0x9FB21C651E98DF25)
    stop = address + count
    while address + 16 <= stop:
        first = (first ^ load64(address)) * spread
        second = (second ^ load64(address + 8)) * other
        first ^= first >> np.uint64(32)
        second ^= second >> np.uint64(29)
        address += 16
    if address + 8 <= stop:
        second = (second ^ load64(address)) * other
        second ^= second >> np.uint64(29)
        address += 8
    if address < stop:
        first = (first ^ (load64(address) & bits_below(8 * (stop - address)))) * spread
    first ^= (second << np.uint64(17)) ^ second
    first ^= first >> np.uint64(32)
    first *= spread
    return first ^ (first >> np.uint64(29))


@inlined
def intern(address: int, count: int, table: Table) -> int:
    """Give the id of a text, a new one if it has none; FULL if there is no room for it.

    Reads up to 31 bytes more than `count`.
    """
    slots, offsets = table.slots, table.offsets
    arena = table.arena.ctypes.data
    hashed = hash_bytes(address, count)
    last = np.uint64(slots.shape[0] - 1)
    place = hashed & last
    while True:
        slot = slots[place]
        if slot == ZERO:
            break
        if (slot ^ hashed) & _TAG == ZERO:
            known = signed(slot & _IDS) - 1
            begin: int = offsets[known]
            if offsets[known + 1] - begin == count and same_bytes(arena + begin, address, count):
                return known
        place = (place + ONE) & last
    number: int = table.size[0]
    used: int = offsets[number]
    room = table.arena.shape[0] - PADDING
    if number * 2 >= slots.shape[0] or number >= table.notes.shape[0] or used + count > room:
        return FULL
    copy_bytes(arena + used, address, count)
    offsets[number + 1] = used + count
    table.notes[number] = 0
    table.size[0] = number + 1
    slots[place] = (hashed & _TAG) | np.uint64(number + 1)
    return number


@bare_kernel
def _fill_slots(
    slots: NDArray[np.uint64], offsets: NDArray[np.int64], arena: NDArray[np.uint8], count: int
) -> None:
    """Enter all texts into empty slots."""
    last = np.uint64(slots.shape[0] - 1)
    for number in range(count):
        begin = offsets[number]
        hashed = hash_bytes(arena.ctypes.data + begin, offsets[number + 1] - begin)
        place = hashed & last
        while slots[place] != ZERO:
            place = (place + ONE) & last
        slots[place] = (hashed & _TAG) | np.uint64(number + 1)


@bare_kernel
def _intern_ranges(
    base: int,
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    first: int,
    table: Table,
    ids: NDArray[np.int32],
) -> int:
    """Intern ranges from number `first` on; give how far it came before the table was full."""
    for i in range(first, starts.shape[0]):
        number = intern(base + starts[i], ends[i] - starts[i], table)
        if number == FULL:
            return i
        ids[i] = number
    return len(starts)


class Dictionary:
    """Owner of a table: grows it, and gives its texts back."""

    def __init__(self, texts: int = 1 << 10, text_bytes: int = 1 << 16) -> None:
        """Make room for about `texts` texts of `text_bytes` bytes in all."""
        size = 1 << max(4, (texts - 1).bit_length())
        self.table = Table(
            slots=np.zeros(2 * size, np.uint64),
            offsets=np.zeros(size + 1, np.int64),
            arena=np.zeros(text_bytes + PADDING, np.uint8),
            notes=np.zeros(size, np.int32),
            size=np.zeros(1, np.int64),
        )

    def __len__(self) -> int:
        return int(self.table.size[0])

    @property
    def used_bytes(self) -> int:
        """Bytes of all texts together."""
        return int(self.table.offsets[len(self)])

    def texts(self, first: int = 0) -> list[bytes]:
        """Give the texts from number `first` on."""
        offsets = self.table.offsets[first : len(self) + 1].tolist()
        begin = offsets[0]
        arena = self.table.arena[begin : offsets[-1]].tobytes()
        return [arena[a - begin : b - begin] for a, b in pairwise(offsets)]

    def text(self, number: int) -> bytes:
        """Give one text."""
        begin, end = self.table.offsets[number : number + 2].tolist()
        return self.table.arena[begin:end].tobytes()

    def grow(self, need: int = 0) -> None:
        """Double what is full, so that a text of `need` bytes finds room."""
        table, count = self.table, len(self)
        arena, offsets, notes, slots = table.arena, table.offsets, table.notes, table.slots
        room = self.used_bytes + need + PADDING
        if room > arena.size:
            arena = _longer(arena, max(2 * arena.size, room))
        if count >= notes.size:
            notes = _longer(notes, 2 * notes.size)
            offsets = _longer(offsets, notes.size + 1)
            slots = np.zeros(2 * notes.size, np.uint64)
            _fill_slots(slots, offsets, arena, count)
        self.table = Table(slots, offsets, arena, notes, table.size)

    def add(
        self, buffer: NDArray[np.uint8], starts: NDArray[np.int64], ends: NDArray[np.int64]
    ) -> NDArray[np.int32]:
        """Intern byte ranges of a buffer that has 64 bytes of padding.

        Args:
            buffer: uint8, contiguous.
            starts: int64 [n], offsets of the ranges.
            ends: int64 [n], 0 <= starts[i] <= ends[i] <= buffer.size - 64.

        Returns:
            int32 [n], the ids.

        Raises:
            ValueError: a range lies outside the buffer.
        """
        if starts.shape != ends.shape or np.any(starts < 0) or np.any(starts > ends):
            raise ValueError("need 0 <= starts <= ends")
        if np.any(ends > buffer.size - PADDING):
            raise ValueError(f"the buffer needs {PADDING} bytes of padding")
        ids = np.empty(starts.size, np.int32)
        done = 0
        while True:
            done = _intern_ranges(buffer.ctypes.data, starts, ends, done, self.table, ids)
            if done == starts.size:
                return ids
            self.grow(int(ends[done] - starts[done]))


def _longer(array: NDArray[Number], size: int) -> NDArray[Number]:
    """Copy an array to one of `size` elements, zeros at its end."""
    longer = np.zeros(size, array.dtype)
    longer[: array.size] = array
    return longer
