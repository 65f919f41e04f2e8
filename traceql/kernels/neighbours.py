"""Nearest neighbours of the windows of a series, and where they tell two parts apart."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from traceql.kernels.decorator import as_input, kernel

Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
Float64 = NDArray[np.float64]

_FLAT = 1e-8


def nearest(values: ArrayLike, window: int, most: int, apart: int) -> Int32:
    """Find for each window of a series the windows that correlate with it best.

    Windows are compared by Pearson's correlation; a flat one (standard deviation below 1e-8) with
    its standard deviation taken as 1. Running dot products along diagonals, as STOMP (Zhu et al.
    2016): O(n²) time, O(most · n) memory.

    Args:
        values: float64 [n], finite; near mean 0 and standard deviation 1, or digits are lost.
        window: values in a window, 2 to n.
        most: neighbours of each, at least 1.
        apart: windows that begin nearer than this are no neighbours; at least 1.

    Returns:
        int32 [n - window + 1, most]: where neighbours begin, best first; -1 where there are fewer.

    Raises:
        ValueError: an argument is out of range.
    """
    data = as_input(values, np.float64)
    if not 2 <= window <= len(data) or most < 1 or apart < 1:
        raise ValueError(f"windows of {window} in {len(data)} values, {most} neighbours, {apart}")
    n = len(data) - window + 1
    total = np.concatenate(([0.0], np.cumsum(data)))
    square = np.concatenate(([0.0], np.cumsum(data * data)))
    mean = (total[window:] - total[:-window]) / window
    spread = (square[window:] - square[:-window]) / window - mean**2
    sd = np.sqrt(np.maximum(spread, 0.0))
    sd[sd < _FLAT] = 1.0
    best = np.full((n, most), -math.inf)
    at = np.full((n, most), -1, np.int32)
    _nearest(data, window, apart, mean, sd, best, at)
    return at


@kernel
def _nearest(
    data: Float64, window: int, apart: int, mean: Float64, sd: Float64, best: Float64, at: Int32
) -> None:
    n, most = at.shape
    for lag in range(apart, n):
        dot = 0.0
        for k in range(window):
            dot += data[k] * data[k + lag]
        for i in range(n - lag):
            j = i + lag
            if i > 0:
                dot += data[i + window - 1] * data[j + window - 1] - data[i - 1] * data[j - 1]
            r = (dot / window - mean[i] * mean[j]) / (sd[i] * sd[j])
            for side in range(2):
                row, other = (i, j) if side == 0 else (j, i)
                if r <= best[row, most - 1]:
                    continue
                k = most - 1
                while k > 0 and best[row, k - 1] < r:
                    best[row, k] = best[row, k - 1]
                    at[row, k] = at[row, k - 1]
                    k -= 1
                best[row, k] = r
                at[row, k] = other


def split_scores(neighbours: NDArray[np.int32], margin: int) -> Float64:
    """Score every place by how well neighbours tell what lies before it from what lies after.

    Each window is classified by the majority of its neighbours (a tie is "before"); the score of a
    place is the mean of the F1 of both sides (ClaSP: Ermshaus, Schäfer & Leser 2023). O(n · most).

    Args:
        neighbours: int32 [n, most], of `nearest`.
        margin: places nearer to an end than this have score -1; at least 1.

    Returns:
        float64 [n].

    Raises:
        ValueError: margin < 1, or a neighbour is none of the windows.
    """
    at = np.ascontiguousarray(neighbours, np.int32)
    n, _ = at.shape
    if margin < 1 or (at >= n).any() or (at < -1).any():
        raise ValueError(f"margin {margin}, or a neighbour that is no window")
    known = at >= 0
    owners = np.repeat(np.arange(n), known.sum(axis=1))
    order = np.argsort(at[known], kind="stable")
    starts = np.concatenate(([0], np.cumsum(np.bincount(at[known], minlength=n))))
    votes = known.sum(axis=1).astype(np.int64)
    out = np.full(n, -1.0)
    _split_scores(starts.astype(np.int64), owners[order], votes.copy(), votes, margin, out)
    return out


@kernel
def _split_scores(
    starts: Int64, owners: Int64, votes: Int64, asked: Int64, margin: int, out: Float64
) -> None:
    """Move one window after another to the left side; owners[starts[i]:] have i as a neighbour."""
    n = out.shape[0]
    both_right, right_as_left, left_as_right, both_left = 0, 0, 0, 0
    for i in range(n):
        if 2 * votes[i] > asked[i]:
            both_right += 1
        else:
            right_as_left += 1
    for split in range(1, n):
        moved = split - 1
        if 2 * votes[moved] > asked[moved]:
            both_right -= 1
            left_as_right += 1
        else:
            right_as_left -= 1
            both_left += 1
        for k in range(starts[moved], starts[moved + 1]):
            owner = owners[k]
            was_right = 2 * votes[owner] > asked[owner]
            votes[owner] -= 1
            if was_right and 2 * votes[owner] <= asked[owner]:
                if owner < split:
                    left_as_right -= 1
                    both_left += 1
                else:
                    both_right -= 1
                    right_as_left += 1
        if margin <= split <= n - margin:
            wrong = right_as_left + left_as_right
            right = 2.0 * both_right / max(2 * both_right + wrong, 1)
            left = 2.0 * both_left / max(2 * both_left + wrong, 1)
            out[split] = (right + left) / 2
