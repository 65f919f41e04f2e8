"""Numbers as SQLite stores them, read from raw addresses.

Facts of the format: https://sqlite.org/fileformat2.html sections 1.5, 1.6 and 2.1. All numbers
are big-endian; a varint has seven bits a byte, the first byte first, and eight in its ninth byte.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np

from traceql.kernels.decorator import inlined, intrinsic
from traceql.kernels.vector import copy32, load8, load64, signed, store8


def _swapped(_context: Any, _word: Any) -> Any:
    from numba import types

    def lower(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.bswap(arguments[0])

    return types.int64(types.uint64), lower


swapped = cast("Callable[[np.uint64], int]", intrinsic(_swapped))


@inlined
def _byte(address: int) -> int:
    # Shifts of the byte as it is loaded would stay within its eight bits.
    return signed(np.uint64(load8(address)))


@inlined
def big16(address: int) -> int:
    """Give two bytes as an unsigned number."""
    return (_byte(address) << 8) | _byte(address + 1)


@inlined
def big32(address: int) -> int:
    """Give four bytes as an unsigned number."""
    return (big16(address) << 16) | big16(address + 2)


@inlined
def big_signed(address: int, count: int) -> int:
    """Give 1 to 8 bytes as a signed number; reads the bytes before, up to 7, too."""
    word = swapped(load64(address + count - 8))
    shift = 64 - 8 * count
    return (word << shift) >> shift


@inlined
def varint(address: int, end: int) -> tuple[int, int]:
    """Give a varint, and the address after it: 0 where it would go beyond `end`."""
    if address >= end:
        return 0, 0
    byte = _byte(address)
    if byte < 128:
        return byte, address + 1
    value = byte & 127
    for k in range(1, 9):
        if address + k >= end:
            return 0, 0
        byte = _byte(address + k)
        if k == 8:
            return (value << 8) | byte, address + 9
        value = (value << 7) | (byte & 127)
        if byte < 128:
            return value, address + k + 1
    return 0, 0


@inlined
def copy_exactly(target: int, source: int, count: int) -> None:
    """Copy bytes, and touch no others."""
    done = 0
    while done + 32 <= count:
        copy32(target + done, source + done)
        done += 32
    while done < count:
        store8(target + done, load8(source + done))
        done += 1
