"""Statistics of the last few values of a series, at every value."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from traceql.kernels.decorator import as_input, kernel
from traceql.kernels.segments import checked_offsets

Int64 = NDArray[np.int64]
Float64 = NDArray[np.float64]


class Rolling(NamedTuple):
    """Statistics of the window that ends at each value; all [n]."""

    size: Int64
    """Values in the window that are not NaN."""
    mean: Float64
    stddev: Float64
    """Of the sample (n - 1); NaN where count < 2."""
    min: Float64
    median: Float64
    max: Float64


def statistics(offsets: ArrayLike, value: ArrayLike, window: int) -> Rolling:
    """Describe the last `window` values of each segment, up to and with each value.

    NaNs take a place in the window but do not count; a window of NaNs only gives NaN. The mean is
    summed afresh for each window, so that no error adds up.

    Args:
        offsets: int64 [s + 1].
        value: float64 [n], in order of time within a segment.
        window: number of values, at least 1.

    Raises:
        ValueError: window < 1, or offsets do not fit.
    """
    if window < 1:
        raise ValueError(f"a window of {window} values")
    values = as_input(value, np.float64)
    bounds = checked_offsets(offsets, len(values))
    out = np.full((5, len(values)), np.nan)
    count = np.zeros(len(values), np.int64)
    longest = int((bounds[1:] - bounds[:-1]).max()) if len(bounds) > 1 else 0
    _rolling(bounds, values, window, np.empty(min(window, longest) + 1), count, out)
    return Rolling(count, *out)


@kernel
def _rolling(
    offsets: Int64, value: Float64, window: int, held: Float64, count: Int64, out: Float64
) -> None:
    """Keep the window sorted by insertion; windows are short beside series."""
    for s in range(offsets.shape[0] - 1):
        size = 0
        for i in range(offsets[s], offsets[s + 1]):
            left = i - window
            if left >= offsets[s] and not np.isnan(value[left]):
                at = np.searchsorted(held[:size], value[left])
                for k in range(at, size - 1):
                    held[k] = held[k + 1]
                size -= 1
            if not np.isnan(value[i]):
                k = size
                while k > 0 and held[k - 1] > value[i]:
                    held[k] = held[k - 1]
                    k -= 1
                held[k] = value[i]
                size += 1
            count[i] = size
            if size == 0:
                continue
            total = 0.0
            for k in range(size):
                total += held[k]
            mean = total / size
            squares = 0.0
            for k in range(size):
                squares += (held[k] - mean) ** 2
            out[0, i] = mean
            if size > 1:
                out[1, i] = np.sqrt(squares / (size - 1))
            out[2, i] = held[0]
            middle = size // 2
            out[3, i] = held[middle] if size % 2 else (held[middle - 1] + held[middle]) / 2
            out[4, i] = held[size - 1]
