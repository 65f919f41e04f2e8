"""Give keys of three integers small numbers, in order of first appearance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceql.kernels.decorator import as_input, bare_kernel, inlined

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Int64 = NDArray[np.int64]


@inlined
def _mixed(first: int, second: int, third: int) -> np.uint64:
    mixed = np.uint64(first) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(29)
    mixed = (mixed ^ np.uint64(second)) * np.uint64(0xFF51AFD7ED558CCD)
    mixed ^= mixed >> np.uint64(32)
    mixed = (mixed ^ np.uint64(third)) * np.uint64(0x9FB21C651E98DF25)
    return mixed ^ (mixed >> np.uint64(31))


@bare_kernel
def _fill(slots: NDArray[np.int32], keys: Int64, count: int) -> None:
    """Enter the first `count` keys into empty slots."""
    last = np.uint64(slots.shape[0] - 1)
    for number in range(count):
        place = _mixed(keys[0, number], keys[1, number], keys[2, number]) & last
        while slots[place] != 0:
            place = (place + np.uint64(1)) & last
        slots[place] = number + 1


@bare_kernel
def _number(
    first: Int64,
    second: Int64,
    third: Int64,
    start: int,
    slots: NDArray[np.int32],
    keys: Int64,
    size: Int64,
    rows: Int64,
    ids: NDArray[np.int32],
) -> int:
    """Number rows from `start` on; give the row it came to before the table was full."""
    last = np.uint64(slots.shape[0] - 1)
    for row in range(start, ids.shape[0]):
        a, b, c = first[row], second[row], third[row]
        if row > 0 and a == first[row - 1] and b == second[row - 1] and c == third[row - 1]:
            ids[row] = ids[row - 1]
            continue
        place = _mixed(a, b, c) & last
        while True:
            number = slots[place] - 1
            if number < 0:
                break
            if keys[0, number] == a and keys[1, number] == b and keys[2, number] == c:
                break
            place = (place + np.uint64(1)) & last
        if number < 0:
            number = size[0]
            if number >= rows.shape[0]:
                return row
            keys[0, number], keys[1, number], keys[2, number] = a, b, c
            rows[number] = row
            size[0] = number + 1
            slots[place] = number + 1
        ids[row] = number
    return len(ids)


class KeyTable:
    """Numbers of keys over all calls."""

    def __init__(self, capacity: int = 1 << 8) -> None:
        """Make room for about `capacity` keys."""
        capacity = 1 << max(4, (capacity - 1).bit_length())
        self._slots = np.zeros(2 * capacity, np.int32)
        self._size = np.zeros(1, np.int64)
        self._rows = np.zeros(capacity, np.int64)
        self.keys = np.zeros((3, capacity), np.int64)
        """int64 [3, ...], the key of each number."""

    def __len__(self) -> int:
        return int(self._size[0])

    def number(self, first: Int64, second: Int64, third: Int64) -> tuple[NDArray[np.int32], Int64]:
        """Number the keys of some rows.

        Args:
            first: int64 [n].
            second: int64 [n].
            third: int64 [n].

        Returns:
            int32 [n], the numbers; int64 [m], for each key that is new, in order of number, the
            row where it stands first.

        Raises:
            ValueError: the lengths differ.
        """
        if not first.size == second.size == third.size:
            raise ValueError("columns of a key must be of one length")
        one, two, three = (as_input(column, np.int64) for column in (first, second, third))
        ids = np.empty(first.size, np.int32)
        known, done = len(self), 0
        while True:
            done = _number(
                one, two, three, done, self._slots, self.keys, self._size, self._rows, ids
            )
            if done == ids.size:
                return ids, self._rows[known : len(self)].copy()
            self._grow()

    def _grow(self) -> None:
        size = 2 * self._rows.size
        keys = np.zeros((3, size), np.int64)
        keys[:, : self._rows.size] = self.keys
        self.keys, self._rows = keys, np.resize(self._rows, size)
        self._slots = np.zeros(2 * size, np.int32)
        _fill(self._slots, keys, len(self))
