"""Energy statistics: how far parts of a series are from having one distribution.

Q(t, k) compares values[:t] with values[t:k] by sums S of |x_i - x_j| over pairs across them and
within each: 2/k · S(across) - 2(k-t)/(k(t-1)) · S(before) - 2t/(k(k-t-1)) · S(after); the means
within one value are left out (Matteson & James 2014, exponent 1).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from traceql.kernels.decorator import as_input, kernel
from traceql.kernels.segments import checked_offsets

Int64 = NDArray[np.int64]
Float64 = NDArray[np.float64]


def best_split(values: ArrayLike) -> tuple[int, float]:
    """Find the place t and the end k with the largest Q(t, k), 0 < t < k <= n.

    The first t, and of its ends the first, where several are equal. O(n²) time, O(n) memory.

    Args:
        values: float64 [n], n >= 2.

    Returns:
        (t, Q).

    Raises:
        ValueError: fewer than two values.
    """
    data = as_input(values, np.float64)
    if len(data) < 2:
        raise ValueError("fewer than two values cannot be split")
    place, energy = _best_split(data, np.zeros((2, len(data) + 1)))
    return int(place), float(energy)


@kernel
def _best_split(data: Float64, sums: Float64) -> tuple[float, float]:
    """Walk t upwards; sums[0, k] holds pairs i < j < k with i < t, sums[1, k] those with i >= t."""
    n = data.shape[0]
    for i in range(n):
        row = 0.0
        for j in range(i + 1, n):
            row += abs(data[i] - data[j])
            sums[1, j + 1] += row
    before, place, best = 0.0, 1.0, -np.inf
    for t in range(1, n):
        row = 0.0
        for j in range(t, n):
            row += abs(data[t - 1] - data[j])
            sums[0, j + 1] += row
            sums[1, j + 1] -= row
        # Pairs within what lies before t stand in sums[0] too.
        for i in range(t - 1):
            before += abs(data[i] - data[t - 1])
        for k in range(t + 1, n + 1):
            size = k - t
            q = 2.0 / k * (sums[0, k] - before)
            if t > 1:
                q -= 2.0 * size / (k * (t - 1)) * before
            if size > 1:
                q -= 2.0 * t / (k * (size - 1)) * sums[1, k]
            if q > best:
                best = q
                place = float(t)
    return place, best


def at_end(values: ArrayLike) -> Float64:
    """Give Q(t, n) for every place t; 0 at the first.

    Args:
        values: float64 [n].

    Returns:
        float64 [n].
    """
    data = as_input(values, np.float64)
    out = np.zeros(len(data))
    _at_end(data, 0, len(data), out)
    return out


@kernel
def _at_end(data: Float64, start: int, end: int, out: Float64) -> float:
    """Write Q(t, end) of data[start:end] to out[start:end]; give the largest, at least 0."""
    n = end - start
    before, across, after, best = 0.0, 0.0, 0.0, 0.0
    for i in range(start, end):
        for j in range(i + 1, end):
            after += abs(data[i] - data[j])
    for t in range(1, n):
        moved = data[start + t - 1]
        to_before, to_after = 0.0, 0.0
        for i in range(start, start + t - 1):
            to_before += abs(data[i] - moved)
        for j in range(start + t, end):
            to_after += abs(data[j] - moved)
        before += to_before
        after -= to_after
        across += to_after - to_before
        q = 2.0 / n * across
        if t > 1:
            q -= 2.0 * (n - t) / (n * (t - 1)) * before
        if n - t > 1:
            q -= 2.0 * t / (n * (n - t - 1)) * after
        out[start + t] = q
        best = max(best, q)
    return best


def permuted(offsets: ArrayLike, values: ArrayLike, draws: ArrayLike) -> Float64:
    """Give the largest Q(t, n) of all segments after the values of each were shuffled.

    Shuffles are Fisher-Yates', from the last place down; the segments draw one after the other.

    Args:
        offsets: int64 [s + 1].
        values: float64 [n].
        draws: float64 [p · (n - s)], in [0, 1): those of one shuffle after another.

    Returns:
        float64 [p].

    Raises:
        ValueError: the draws are no whole number of shuffles, or offsets do not fit.
    """
    data, chance = as_input(values, np.float64), as_input(draws, np.float64)
    bounds = checked_offsets(offsets, len(data))
    each = int(np.maximum(np.diff(bounds) - 1, 0).sum())
    if each < 1 or len(chance) % each:
        raise ValueError(f"{len(chance)} draws for shuffles that take {each}")
    out = np.zeros(len(chance) // each)
    _permuted(bounds, data, chance, np.empty((2, len(data))), out)
    return out


@kernel
def _permuted(
    offsets: Int64, data: Float64, draws: Float64, scratch: Float64, out: Float64
) -> None:
    """Shuffle a copy of every segment and take the largest energy."""
    drawn = 0
    for p in range(out.shape[0]):
        best = 0.0
        for s in range(offsets.shape[0] - 1):
            start, end = offsets[s], offsets[s + 1]
            for i in range(start, end):
                scratch[0, i] = data[i]
            for i in range(end - start - 1, 0, -1):
                j = int(draws[drawn] * (i + 1))
                drawn += 1
                held = scratch[0, start + i]
                scratch[0, start + i] = scratch[0, start + j]
                scratch[0, start + j] = held
            best = max(best, _at_end(scratch[0], start, end, scratch[1]))
        out[p] = best
