"""How often the rule flags what is nothing: the same rule on draws from a stratum's own null."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from traceql.analyses.anomaly import _modes

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Chosen = Callable[[_modes.Judgement, NDArray[np.int64]], NDArray[np.bool_]]

DRAWS = 20
MOST = 1_500
"""A draw has at most this many events."""

_SURE = 0.01
_TAIL = 0.05
_LEAST_TAIL = 20
_MOST_SHAPE = 0.5


def surely(p: Floats) -> NDArray[np.bool_]:
    """Say which events are surely not of the null: Benjamini-Hochberg within the stratum.

    It is strict whatever the level of the analysis: a null without its own tail would flatter.
    """
    order = np.sort(p)
    within = order <= _SURE * np.arange(1, len(p) + 1) / len(p)
    return np.asarray(p <= (order[np.flatnonzero(within)[-1]] if within.any() else -1.0))


def by_chance(
    clean: NDArray[np.int64], quantum: int, chosen: Chosen, rng: np.random.Generator
) -> tuple[list[float], int]:
    """Draw surrogates of a stratum, judge each, and give the p of what the rule would flag.

    Args:
        clean: int64 [n], lengths that were not flagged, n >= FEWEST.
        quantum: tick of the clock, ns.
        chosen: the rule: which of the judged lengths are candidates.
        rng: of the draws.

    Returns:
        (p of candidates in all draws, how many lengths were drawn).
    """
    y = np.sort(np.log(clean.astype(np.float64)))
    size = min(len(y), MOST)
    found: list[float] = []
    for _ in range(DRAWS):
        drawn = np.exp(_draw(y, size, rng))
        value = np.maximum(np.rint(drawn / quantum), 1).astype(np.int64) * quantum
        judged = _modes.judge(value, quantum)
        found += judged.p[chosen(judged, value)].tolist()
    return found, DRAWS * size


def _draw(y: Floats, size: int, rng: np.random.Generator) -> Floats:
    """Draw from the body as it is, and from a generalised Pareto tail above its upper twentieth.

    Args:
        y: float64 [n], ascending.
        size: how many.
        rng: of the draws.
    """
    tail = int(_TAIL * len(y))
    if tail < _LEAST_TAIL:
        return y[rng.integers(0, len(y), size)]
    edge = y[-tail - 1]
    shape, scale = _tail(y[-tail:] - edge)
    u = rng.random(size)
    drawn = y[rng.integers(0, len(y) - tail, size)]
    above = -np.log(np.maximum(rng.random(size), 1e-12))  # exponential
    excess = scale * (np.expm1(shape * above) / shape if abs(shape) > 1e-6 else above)
    return np.where(u < _TAIL, edge + excess, drawn)


def _tail(excess: Floats) -> tuple[float, float]:
    """Fit a generalised Pareto distribution by probability-weighted moments.

    Hosking & Wallis 1987, with plotting positions (i - 0.35) / n: shape 2 - a0 / (a0 - 2 a1),
    scale 2 a0 a1 / (a0 - 2 a1), a shape kept within ± 0.5.

    Args:
        excess: float64 [n], ascending, each >= 0.
    """
    n = len(excess)
    a0 = max(float(excess.mean()), 1e-9)
    a1 = float((excess * (1 - (np.arange(1, n + 1) - 0.35) / n)).mean())
    room = a0 - 2 * a1
    if room <= 0 or not math.isfinite(room):
        return 0.0, a0
    shape = 2 - a0 / room
    if abs(shape) <= _MOST_SHAPE:
        return shape, 2 * a0 * a1 / room
    shape = math.copysign(_MOST_SHAPE, shape)
    return shape, a0 * (1 - shape)
