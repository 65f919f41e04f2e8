"""Pairs of values of a series: their slopes, and how many rise."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from traceql.kernels.decorator import as_input, kernel

Int64 = NDArray[np.int64]
Float64 = NDArray[np.float64]


def slopes(value: ArrayLike, lags: ArrayLike) -> Float64:
    """Give the slopes of all pairs of values that stand so many steps apart, by lag, then place.

    Args:
        value: float64 [n], one per step.
        lags: int64 [k], each in 1 … n - 1.

    Returns:
        float64 [sum of n - lag].

    Raises:
        ValueError: a lag is out of range.
    """
    values, apart = as_input(value, np.float64), as_input(lags, np.int64)
    if len(apart) and not 1 <= apart.min() <= apart.max() < len(values):
        raise ValueError(f"lags from 1 to {len(values) - 1}")
    out = np.empty(len(apart) * len(values) - int(apart.sum()))
    _slopes(values, apart, out)
    return out


@kernel
def _slopes(value: Float64, lags: Int64, out: Float64) -> None:
    at = 0
    for k in range(lags.shape[0]):
        lag = lags[k]
        for i in range(value.shape[0] - lag):
            out[at] = (value[i + lag] - value[i]) / lag
            at += 1


def rises(value: ArrayLike) -> int:
    """Count the pairs whose later value is greater, less those whose later value is less.

    Args:
        value: float64 [n], none NaN.
    """
    held = np.array(value, np.float64)
    return int(_rises(held, np.empty_like(held)))


@kernel
def _rises(held: Float64, other: Float64) -> int:
    """Sort by merging runs of growing length; a merge sees the pairs between its two runs."""
    count, total, width = held.shape[0], 0, 1
    while width < count:
        for start in range(0, count, 2 * width):
            middle = min(start + width, count)
            end = min(start + 2 * width, count)
            less, same, i = start, start, start
            for j in range(middle, end):
                while less < middle and held[less] < held[j]:
                    less += 1
                same = max(same, less)
                while same < middle and held[same] <= held[j]:
                    same += 1
                total += (less - start) - (middle - same)
            j = middle
            for k in range(start, end):
                if i < middle and (j >= end or held[i] <= held[j]):
                    other[k] = held[i]
                    i += 1
                else:
                    other[k] = held[j]
                    j += 1
        for k in range(count):
            held[k] = other[k]
        width *= 2
    return total
