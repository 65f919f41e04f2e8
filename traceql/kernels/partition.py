"""Cut a series into segments of constant level."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from traceql.kernels.decorator import as_input, kernel

Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
Float64 = NDArray[np.float64]


def best_cuts(values: ArrayLike, most: int, least_size: int) -> list[Int64]:
    """Find the best partitions into 1, 2, … segments: those with the least sum of squares.

    Dynamic programming over ends (segment neighbourhood: Auger & Lawrence 1989), exact, in
    O(most · n²) time and O(most · n) memory.

    Args:
        values: float64 [n], finite; centred, or the sums lose digits.
        most: cuts, at least 0; no more than fit are tried.
        least_size: of a segment, at least 1.

    Returns:
        Entry k holds the k places where segments begin, but for the first, ascending. Empty
        where not even one segment fits.

    Raises:
        ValueError: most < 0, least_size < 1, or a value is not finite.
    """
    data = as_input(values, np.float64)
    if most < 0 or least_size < 1:
        raise ValueError(f"at most {most} cuts, segments of at least {least_size}")
    if not np.isfinite(data).all():
        raise ValueError("a value is not finite")
    n = len(data)
    if n < least_size:
        return []
    most = min(most, n // least_size - 1)
    sums = np.zeros((2, n + 1))
    np.cumsum(data, out=sums[0, 1:])
    np.cumsum(data * data, out=sums[1, 1:])
    before, after = np.full(n + 1, np.inf), np.full(n + 1, np.inf)
    begins = np.zeros((most + 1, n + 1), np.int32)
    _best_cuts(sums[0], sums[1], least_size, before, after, begins)
    found = []
    for cuts in range(most + 1):
        places, end = np.empty(cuts, np.int64), n
        for i in range(cuts, 0, -1):
            end = int(begins[i, end])
            places[i - 1] = end
        found.append(places)
    return found


@kernel
def _best_cuts(
    total: Float64, square: Float64, least: int, before: Float64, after: Float64, begins: Int32
) -> None:
    """Fill begins[k, end]: where the last of k + 1 segments of values[:end] best begins."""
    n = total.shape[0] - 1
    for end in range(least, n + 1):
        before[end] = square[end] - total[end] * total[end] / end
    for k in range(1, begins.shape[0]):
        for end in range((k + 1) * least, n + 1):
            best = np.inf
            at = k * least
            for begin in range(k * least, end - least + 1):
                sum_ = total[end] - total[begin]
                cost = before[begin] + square[end] - square[begin] - sum_ * sum_ / (end - begin)
                if cost < best:
                    best = cost
                    at = begin
            after[end] = best
            begins[k, end] = at
        for end in range(n + 1):
            before[end] = after[end] if end >= (k + 1) * least else np.inf
