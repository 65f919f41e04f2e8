"""Launches: which of the host calls with its key launched each piece of device work."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from traceql.kernels.decorator import as_input, kernel

Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]


def match(keys: ArrayLike, place: ArrayLike, launch: Int32) -> int:
    """Match device work with host calls of the same key.

    Of the calls with its key, work belongs to the last one before it, else to the first of all.

    Args:
        keys: int64 [k, n]: equal keys stand together.
        place: int64 [n], ascending within a key: twice the number of a slice, and one more for
            device work.
        launch: int32: for the number of each slice of device work that has a call, one more than
            the number of the call's slice is written; the others are left as they are.

    Returns:
        How many keys have more than one host call.

    Raises:
        ValueError: lengths differ.
        IndexError: `launch` is too short.
    """
    columns, places = np.ascontiguousarray(keys, np.int64), as_input(place, np.int64)
    if columns.ndim != 2 or columns.shape[1] != len(places):
        raise ValueError("keys and places must be of one length")
    if len(places) and not 0 <= int(places.min()) <= int(places.max()) < 2 * len(launch):
        raise IndexError("a slice beyond those that launches are wanted of")
    return int(_match(columns, places, launch))


@kernel
def _match(keys: Int64, place: Int64, launch: Int32) -> int:
    rows = place.shape[0]
    duplicates = 0
    first = 0
    while first < rows:
        last = first + 1
        while last < rows and _same(keys, first, last):
            last += 1
        calls = 0
        call = np.int64(0)
        for i in range(first, last):
            if not place[i] & 1:
                calls += 1
                if calls == 1:
                    # Also of the work that stands before it.
                    call = (place[i] >> 1) + 1
                    for before in range(first, i):
                        launch[place[before] >> 1] = call
                call = (place[i] >> 1) + 1
            elif calls:
                launch[place[i] >> 1] = call
        duplicates += calls > 1
        first = last
    return duplicates


@kernel
def _same(keys: Int64, one: int, other: int) -> bool:
    for k in range(keys.shape[0]):
        if keys[k, one] != keys[k, other]:
            return False
    return True
