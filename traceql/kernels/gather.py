"""Look numbers up for rows of events: facts of templates, and integers lifted out of args."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceql.kernels.decorator import bare_kernel
from traceql.kernels.vector import ONE, ZERO, first_bit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Int64 = NDArray[np.int64]
    Int32 = NDArray[np.int32]

MISSING, SAID = -2, -1
"""Where a fact comes from: from nowhere, or from itself; else from that lifted column."""


@bare_kernel
def gather(
    said: Int64,
    source: NDArray[np.int8],
    numbers: Int32,
    lifted: Int64,
    events: Int64,
    values: Int64,
    missing: NDArray[np.bool_],
) -> int:
    """Look a fact up for each row.

    Args:
        said: int64 [facts], the values of those that are SAID.
        source: int8 [facts], MISSING, SAID, or the row of `lifted` that has the value.
        numbers: int32 [n], the fact of each row; -1 has none.
        lifted: int64 [columns, m].
        events: int64 [n], the place of each row in `lifted`.
        values: int64 [n], filled; 0 where there is none.
        missing: bool [n], filled: where there is none.

    Returns:
        How many rows have none.
    """
    none = 0
    for row in range(numbers.shape[0]):
        number = numbers[row]
        value = 0
        origin = MISSING if number < 0 else source[number]
        if origin >= 0:
            value = lifted[origin, events[row]]
        elif origin == SAID:
            value = said[number]
        values[row] = value
        missing[row] = origin == MISSING
        none += origin == MISSING
    return none


@bare_kernel
def take_lifted(
    lifted: Int64,
    holes: Int32,
    places: Int64,
    rows: Int64,
    values: Int64,
    bits: NDArray[np.uint8],
    counts: Int64,
) -> None:
    """Take lifted columns at some rows, with a bit for each value that is there.

    Row by row: most rows have few of the columns, and only those are touched.

    Args:
        lifted: int64 [k, m].
        holes: int32 [m], bit k is on where lifted[k] has a value.
        places: int64 [32], the row of `values` for each column; -1: it is not taken.
        rows: int64 [n], ascending.
        values: int64 [c, n] of zeros, which stay where there is no value.
        bits: uint8 [c, (n + 7) // 8] of zeros, filled as in Arrow.
        counts: int64 [c] of zeros, filled: how many values are there.
    """
    for row in range(rows.shape[0]):
        event = rows[row]
        mask = np.uint64(holes[event])
        byte, bit = row >> 3, np.uint8(1 << (row & 7))
        while mask != ZERO:
            column = first_bit(mask)
            mask &= mask - ONE
            place = places[column]
            if place >= 0:
                values[place, row] = lifted[column, event]
                bits[place, byte] |= bit
                counts[place] += 1
