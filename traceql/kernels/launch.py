"""Launches: which of the host calls with its key launched each piece of device work."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from traceql.kernels.decorator import as_input, inlined, kernel
from traceql.kernels.vector import count_bits

Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
UInt64 = NDArray[np.uint64]


class Works:
    """Slices of device work, and the host calls that launched them.

    They are kept as one bit for each slice of the trace, and four bytes for each that is work.
    """

    def __init__(self, slices: int) -> None:
        """Make room for works among so many slices."""
        self._slices = slices
        self._bits = np.zeros((slices + 63) // 64, np.uint64)
        self._before = np.zeros(len(self._bits), np.int32)
        self._call = np.empty(0, np.int32)

    def add(self, ids: ArrayLike) -> None:
        """Take numbers of slices that are work, int64 [n]; not after `match`.

        Raises:
            IndexError: a number is of no slice.
        """
        numbers = as_input(ids, np.int64)
        self._check(numbers)
        _mark(numbers, self._bits)
        self._call = np.empty(0, np.int32)

    def match(self, keys: ArrayLike, place: ArrayLike) -> int:
        """Match works with host calls of the same key.

        Of the calls with its key, work belongs to the last one before it, else to the first of all.
        Work that was matched before is matched anew.

        Args:
            keys: int64 [k, n]: equal keys stand together.
            place: int64 [n], ascending within a key: twice the number of a slice, and one more for
                device work. What is no work that was added is passed over.

        Returns:
            How many keys have more than one host call.

        Raises:
            ValueError: lengths differ.
            IndexError: a number is of no slice.
        """
        columns, places = np.ascontiguousarray(keys, np.int64), as_input(place, np.int64)
        if columns.ndim != 2 or columns.shape[1] != len(places):
            raise ValueError("keys and places must be of one length")
        self._check(places >> 1)
        self._number()
        return int(_match(columns, places, self._bits, self._before, self._call))

    def calls(self, ids: ArrayLike) -> Int64:
        """Give the call of each work, int64 [n]; -1 where none was found.

        Raises:
            IndexError: a number is of no slice.
        """
        numbers = as_input(ids, np.int64)
        self._check(numbers)
        self._number()
        found = np.empty(len(numbers), np.int64)
        _calls(numbers, self._bits, self._before, self._call, found)
        return found

    def _check(self, ids: Int64) -> None:
        if len(ids) and not 0 <= int(ids.min()) <= int(ids.max()) < self._slices:
            raise IndexError("a number beyond those of the slices")

    def _number(self) -> None:
        """Count the works before each word of bits, once all were taken."""
        if not len(self._call):
            self._call = np.zeros(_count(self._bits, self._before), np.int32)


@kernel
def _mark(ids: Int64, bits: UInt64) -> None:
    for i in range(ids.shape[0]):
        bits[ids[i] >> 6] |= np.uint64(1) << np.uint64(ids[i] & 63)


@kernel
def _count(bits: UInt64, before: Int32) -> int:
    total = 0
    for i in range(bits.shape[0]):
        before[i] = total
        total += count_bits(bits[i])
    return total


@inlined
def _rank(id_: int, bits: UInt64, before: Int32) -> int:
    """Give the number of a slice among the works, -1 if it is none."""
    word = bits[id_ >> 6]
    bit = np.uint64(id_ & 63)
    if not (word >> bit) & np.uint64(1):
        return -1
    below: int = before[id_ >> 6] + count_bits(word & ((np.uint64(1) << bit) - np.uint64(1)))
    return below


@kernel
def _calls(ids: Int64, bits: UInt64, before: Int32, call: Int32, out: Int64) -> None:
    for i in range(ids.shape[0]):
        rank = _rank(ids[i], bits, before)
        out[i] = -1 if rank < 0 else np.int64(call[rank]) - 1


@kernel
def _match(keys: Int64, place: Int64, bits: UInt64, before: Int32, call: Int32) -> int:
    rows = place.shape[0]
    duplicates = 0
    first = 0
    while first < rows:
        last = first + 1
        while last < rows and _same(keys, first, last):
            last += 1
        calls = 0
        latest = np.int64(0)
        for i in range(first, last):
            if not place[i] & 1:
                latest = (place[i] >> 1) + 1
                calls += 1
                # The first is also that of the work which stands before it.
                for at in range(first, i if calls == 1 else first):
                    _set(place[at] >> 1, latest, bits, before, call)
            elif calls:
                _set(place[i] >> 1, latest, bits, before, call)
        duplicates += calls > 1
        first = last
    return duplicates


@inlined
def _set(id_: int, latest: np.int64, bits: UInt64, before: Int32, call: Int32) -> None:
    rank = _rank(id_, bits, before)
    if rank >= 0:
        call[rank] = latest


@kernel
def _same(keys: Int64, one: int, other: int) -> bool:
    for k in range(keys.shape[0]):
        if keys[k, one] != keys[k, other]:
            return False
    return True
