"""The likeliest sequence of two states."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from traceql.kernels.decorator import as_input, kernel

Float64 = NDArray[np.float64]
Bool = NDArray[np.bool_]


def two_states(low: ArrayLike, high: ArrayLike, rise: float) -> Bool:
    """Find when the upper of two states holds: the path of least cost.

    Only going up costs, as in Kleinberg's automaton with two states (2002); the first value may be
    in the lower state only at no cost. Viterbi, O(n). Of equal paths the one that is lower longer.

    Args:
        low: float64 [n], cost of each value in the lower state.
        high: float64 [n], in the upper state.
        rise: cost of going up, at least 0.

    Returns:
        bool [n].

    Raises:
        ValueError: lengths differ, or rise < 0.
    """
    below, above = as_input(low, np.float64), as_input(high, np.float64)
    if len(below) != len(above) or rise < 0:
        raise ValueError(f"{len(below)} and {len(above)} costs, {rise} to rise")
    stays = np.zeros((2, len(below)), np.bool_)
    out = np.zeros(len(below), np.bool_)
    _two_states(below, above, float(rise), stays, out)
    return out


@kernel
def _two_states(low: Float64, high: Float64, rise: float, from_high: Bool, out: Bool) -> None:
    """from_high[s, i]: the best path that is in state s at i comes from the upper one."""
    n = low.shape[0]
    if n == 0:
        return
    below, above = low[0], high[0] + rise
    for i in range(1, n):
        from_high[0, i] = above < below
        from_high[1, i] = above < below + rise
        next_below = min(below, above) + low[i]
        above = min(below + rise, above) + high[i]
        below = next_below
    is_high = above < below
    for i in range(n - 1, -1, -1):
        out[i] = is_high
        is_high = from_high[1, i] if is_high else from_high[0, i]
