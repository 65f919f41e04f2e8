"""Pairs of values of a series."""

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
