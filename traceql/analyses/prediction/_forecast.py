"""Forecast series: a few plain methods, the best of them by its own past, with its own errors."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from traceql.analyses import _trend

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

LEAST = 16
"""Fewest values from which anything is forecast."""

_RECENT = 8
_ORIGINS = 40


class Forecast(NamedTuple):
    """What is expected h steps after the last value, h = 1 … horizon.

    Attributes:
        mean, low, high: float64 [horizon]. method: which was chosen.
        error_ratio: its mean absolute error in the past over that of the last value.
    """

    mean: Floats
    low: Floats
    high: Floats
    method: str
    error_ratio: float


class _Past:
    """What is known at an origin; several methods ask for its slope."""

    def __init__(self, values: Floats) -> None:
        self.values = values

    @cached_property
    def slope(self) -> float:
        return _trend.theil_sen(self.values, _trend.QUICK_PAIRS)

    @cached_property
    def recent(self) -> float:
        return _trend.median(self.values[-_RECENT:])


def _last(past: _Past, horizon: int) -> Floats:
    return np.full(horizon, past.values[-1])


def _recent(past: _Past, horizon: int) -> Floats:
    return np.full(horizon, past.recent)


def _level(past: _Past, horizon: int) -> Floats:
    return np.full(horizon, _trend.median(past.values))


def _line(past: _Past, horizon: int) -> Floats:
    count = len(past.values)
    start = _trend.median(past.values - past.slope * np.arange(count))
    return np.asarray(start + past.slope * (count - 1 + np.arange(1, horizon + 1)))


def _drift(past: _Past, horizon: int) -> Floats:
    """Go on from the recent level with half of the slope, as Theta does (Assimakopoulos 2000)."""
    reach = np.arange(1, horizon + 1) + (_RECENT - 1) / 2
    return np.asarray(past.recent + past.slope / 2 * reach)


def _repeated(period: int) -> Callable[[_Past, int], Floats]:
    def repeat(past: _Past, horizon: int) -> Floats:
        return np.asarray(np.resize(past.values[-period:], horizon))

    return repeat


def forecast(
    values: Floats, horizon: int, *, level: float = 0.9, period: int | None = None
) -> Forecast | None:
    """Forecast a series by the method that would have forecast its second half best.

    Methods: last value, median of the last eight, median of all, Theil-Sen line, recent level with
    half the slope (Theta), and with a period the last cycle again. Each forecasts from up to forty
    origins in the second half; the one with the least mean absolute error is taken, simpler ones
    first within 5 %. The interval is that method's own errors at every distance (split conformal:
    Vovk 2005), never narrower at a greater distance.

    Args:
        values: float64 [n].
        horizon: how far, in steps; at most n / 4 is looked at.
        level: share of the interval.
        period: of a cycle, in steps.

    Returns:
        None with fewer than 16 values: not enough data.
    """
    count = len(values)
    if count < LEAST:
        return None
    horizon = max(1, min(horizon, count // 4))
    methods: dict[str, Callable[[_Past, int], Floats]] = {
        "last value": _last, "recent median": _recent, "median": _level, "line": _line,
        "theta": _drift,
    }  # fmt: skip
    if period is not None and 2 <= period <= count // 3:
        methods["last cycle"] = _repeated(period)
    first = count // 2
    origins = np.unique(np.linspace(first, count - 1, _ORIGINS).astype(int)).tolist()
    pasts = [_Past(values[:origin]) for origin in origins]
    errors = {name: _errors(values, pasts, horizon, run) for name, run in methods.items()}
    scores = {name: float(np.nanmean(np.abs(e))) for name, e in errors.items()}
    best = min(scores.values())
    name = next(n for n in methods if scores[n] <= 1.05 * best + 1e-12)
    mean = methods[name](_Past(values), horizon)
    reach = _reach(np.abs(errors[name]), level)
    base = scores["last value"]
    return Forecast(mean, mean - reach, mean + reach, name, scores[name] / base if base else 1.0)


def _errors(
    values: Floats, pasts: Sequence[_Past], horizon: int, run: Callable[[_Past, int], Floats]
) -> Floats:
    """Give the errors, float64 [pasts, horizon]; nan beyond the end."""
    found = np.full((len(pasts), horizon), np.nan)
    for row, past in enumerate(pasts):
        origin = len(past.values)
        later = values[origin : origin + horizon]
        found[row, : len(later)] = later - run(past, len(later))
    return found


def _reach(errors: Floats, level: float) -> Floats:
    """Give half the width of the interval at every distance."""
    width = np.zeros(errors.shape[1])
    for h in range(errors.shape[1]):  # at most a quarter of the steps
        known = np.sort(errors[:, h][np.isfinite(errors[:, h])])
        if not len(known):
            width[h] = width[h - 1]
            continue
        place = int(np.ceil(level * (len(known) + 1))) - 1
        # With few errors the greatest of them is too small: stretch it.
        top = known[-1] * (1 + max(0, place - len(known) + 1) / 4)
        width[h] = known[place] if place < len(known) else top
    return np.asarray(np.maximum.accumulate(width))
