"""Codes of numbers that lie close together, by first appearance."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from traceql.kernels.decorator import as_input, kernel

Int64 = NDArray[np.int64]


def codes_of(values: ArrayLike, least: int, most: int) -> tuple[Int64, Int64]:
    """Number different values from 0 in the order in which they come.

    Args:
        values: int64 [n], from `least` to `most`; memory grows with what lies between.
        least: the smallest.
        most: the largest.

    Returns:
        int64 [n], the code of each; int64 [m], the row in which each code comes first.

    Raises:
        ValueError: a value lies outside.
    """
    numbers = as_input(values, np.int64)
    codes, first = np.empty(len(numbers), np.int64), np.empty(len(numbers), np.int64)
    known = np.full(max(0, most - least + 1), -1, np.int64)
    count = _codes_of(numbers, least, known, codes, first)
    if count < 0:
        raise ValueError(f"a value is not from {least} to {most}")
    return codes, first[:count].copy()


@kernel
def _codes_of(values: Int64, least: int, known: Int64, codes: Int64, first: Int64) -> int:
    """Fill codes and first rows; give how many codes there are, -1: a value lies outside."""
    count = 0
    for i in range(values.shape[0]):
        place = values[i] - least
        if place < 0 or place >= known.shape[0]:
            return -1
        if known[place] < 0:
            known[place] = count
            first[count] = i
            count += 1
        codes[i] = known[place]
    return count
