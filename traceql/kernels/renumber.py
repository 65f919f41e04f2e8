"""Provisional numbers of texts, given while a file is read, to those they have in the end."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from traceql.kernels.decorator import as_input, kernel

Int64 = NDArray[np.int64]
Int32 = NDArray[np.int32]


def renumber(
    provisional: ArrayLike,
    index_bits: int,
    remembered: ArrayLike,
    others: ArrayLike,
    final: ArrayLike,
) -> Int64:
    """Give final numbers.

    A provisional number is, from high to low: a column, one bit, an index of `index_bits`. Without
    the bit, it is number `index` of those that the column remembered, whose final numbers are
    listed; with it, it is number `index` of the column's others, which are numbered in a row.

    Args:
        provisional: int64 [n].
        index_bits: at most 62.
        remembered: int64 [c]: where in `final` each column's begin.
        others: int64 [c]: the final number of each column's first other.
        final: int32 [m].

    Returns:
        int64 [n]; any number where `provisional` is none that was given out.
    """
    numbers = as_input(provisional, np.int64)
    out = np.empty(len(numbers), np.int64)
    columns = as_input(remembered, np.int64), as_input(others, np.int64)
    _renumber(numbers, index_bits, *columns, as_input(final, np.int32), out)
    return out


@kernel
def _renumber(
    numbers: Int64, bits: int, remembered: Int64, others: Int64, final: Int32, out: Int64
) -> None:
    mask = (1 << bits) - 1
    for i in range(numbers.shape[0]):
        number = numbers[i]
        column, index = number >> (bits + 1), number & mask
        out[i] = 0
        if column < 0 or column >= remembered.shape[0]:
            continue
        if number >> bits & 1:
            out[i] = others[column] + index
        else:
            place = remembered[column] + index
            if place < final.shape[0]:
                out[i] = final[place]
