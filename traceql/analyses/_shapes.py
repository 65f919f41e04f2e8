"""Name the shape of a series: steady, growing, stepped, cyclical, bursty and others."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from traceql.analyses import _changes, _cycles, _trend
from traceql.kernels import states

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

LEAST = 24
"""Fewest values that are given a shape."""

SHAPES = (
    "steady", "irregular", "growing", "declining", "stepped", "cyclical", "oscillating", "bursty",
    "wandering",
)  # fmt: skip
_LEVEL = 0.001
_QUIET = 0.1
_LEAST_CHANGE = 0.05
_LEAST_SHARE = 0.15
_TROUGH = -0.25
_BURST = 6.0
_NEARLY = 0.7
_LEAST_RUN = 3
_LEAST_RUNS = 2
_MOST_HIGH = 0.4
_BURST_SHARE = 0.4
_REMEMBERS = 0.8
_WANDERS = 0.9


class Shape(NamedTuple):
    """The shape of a series.

    Attributes:
        name: of SHAPES. share: of the variance that the shape explains. p: of its test, times what
        was tried; None where none is made.
        period: in values, of what recurs. change_ratio: of a trend or the largest step, over the
        level before; of bursts, their level over the usual one.
        times: of changes, cycles or bursts. variation_ratio: standard deviation over mean.
    """

    name: str
    share: float
    p: float | None
    period: float | None
    change_ratio: float | None
    times: int
    variation_ratio: float


def classify(values: Floats) -> Shape:
    """Name the shape of a series by the simplest model that explains most of its variance.

    Models: a cycle (`_cycles`; oscillating, where the mean cycle correlates below -.25 with itself
    half a period later and no trend competes, else cyclical), levels (`_changes`), a line whose
    slope prewhitened Mann-Kendall finds (`_trend`; none, where what it leaves remembers by more
    than .9), and bursts: two states with the likeliest path
    (Kleinberg 2002), normal about the median and six robust deviations above, of which two runs of
    three values or more. Each must explain 15 % (bursts 40 %); of cycle, bursts, and
    the better of line and levels, the first is taken that explains .7 of the most. What none
    explains is steady below a variation of .1, else wandering where its autocorrelation is above
    .8, else irregular. Trends and steps of less than 5 % of the level are steady.

    Args:
        values: float64 [n], finite, evenly spaced, n >= 24.
    """
    mean, spread = float(values.mean()), float(values.std())
    level = abs(mean) or 1.0
    variation = spread / level
    if spread <= 1e-9 * level:
        return Shape("steady", 1.0, None, None, None, 0, variation)
    found = [
        shape
        for shape in (
            _cycle(values, variation), _bursts(values, variation),
            _line_or_levels(values, variation),
        )
        if shape is not None
    ]  # fmt: skip
    if found:
        most = max(shape.share for shape in found)
        best = next(shape for shape in found if shape.share >= _NEARLY * most)
        small = best.change_ratio is not None and abs(best.change_ratio) < _LEAST_CHANGE
        if not small and (variation >= _LEAST_CHANGE / 4):
            return best
    if variation < _QUIET:
        return Shape("steady", 1.0, None, None, None, 0, variation)
    wanders = _trend.autocorrelation(values) > _REMEMBERS
    return Shape("wandering" if wanders else "irregular", 0.0, None, None, None, 0, variation)


def _ratio(difference: float, level: float, values: Floats) -> float | None:
    """Give a difference as a share of a level; None where that is nearly nothing."""
    if abs(level) < float(np.abs(values).max()) / 100:
        return None
    return difference / abs(level)


def _explained(values: Floats, model: Floats) -> float:
    rest = values - model
    return float(1 - rest @ rest / ((values - values.mean()) @ (values - values.mean())))


def _cycle(values: Floats, variation: float) -> Shape | None:
    found = _cycles.find(values)
    if found is None:
        return None
    steps = np.arange(len(values)) - (len(values) - 1) / 2
    slope = float(steps @ values) / float(steps @ steps)
    line = _explained(values, values.mean() + slope * steps)
    share = found.share * (1 - line)
    if share < _LEAST_SHARE:
        return None
    swings = found.trough < _TROUGH and line < _LEAST_SHARE
    name = "oscillating" if swings else "cyclical"
    count = int(len(values) / found.period)
    return Shape(name, share, found.p, found.period, None, count, variation)


def _line_or_levels(values: Floats, variation: float) -> Shape | None:
    found = [shape for shape in (_line(values, variation), _levels(values, variation)) if shape]
    return max(found, key=lambda shape: shape.share, default=None)


def _levels(values: Floats, variation: float) -> Shape | None:
    changes = _changes.find(values).changes
    if not changes:
        return None
    bounds = [0, *(change.at for change in changes), len(values)]
    sizes = np.diff(bounds)
    means = np.add.reduceat(values, bounds[:-1]) / sizes
    share = _explained(values, np.repeat(means, sizes))
    p = min(change.p for change in changes)
    if share < _LEAST_SHARE or p > _LEVEL:
        return None
    largest = max(changes, key=lambda change: abs(change.after - change.before))
    ratio = _ratio(largest.after - largest.before, largest.before, values)
    return Shape("stepped", share, p, None, ratio, len(changes), variation)


def _line(values: Floats, variation: float) -> Shape | None:
    trend = _trend.prewhitened(values)
    fit = _trend.line(values)
    steps = np.arange(len(values))
    share = _explained(values, np.asarray(fit.intercept + fit.slope * steps, np.float64))
    sure = trend.p <= _LEVEL and fit.low * fit.high > 0 and fit.phi < _WANDERS
    if not sure or share < _LEAST_SHARE:
        return None
    ratio = _ratio(fit.slope * (len(values) - 1), fit.intercept, values)
    name = "growing" if fit.slope > 0 else "declining"
    return Shape(name, share, trend.p, None, ratio, 0, variation)


def _bursts(values: Floats, variation: float) -> Shape | None:
    usual = float(np.median(values))
    mad = 1.4826 * float(np.median(np.abs(values - usual)))
    if mad <= 0:
        mad = float(np.abs(values - usual).mean())
    z = np.maximum((values - usual) / mad, 0.0)
    high = states.two_states(z**2 / 2, (z - _BURST) ** 2 / 2, float(np.log(len(values))))
    edges = np.flatnonzero(np.diff(np.concatenate(([0], high.astype(np.int8), [0]))))
    runs = edges[1::2] - edges[::2]
    long = int((runs >= _LEAST_RUN).sum())
    if long < _LEAST_RUNS or high.mean() > _MOST_HIGH:
        return None
    above, below = float(values[high].mean()), float(values[~high].mean())
    share = _explained(values, np.where(high, above, below))
    if share < _BURST_SHARE:
        return None
    # Levels of a few long stretches are steps; bursts are short beside the series.
    if float(np.median(runs)) > len(values) / 10:
        return None
    return Shape("bursty", share, None, None, _ratio(above - usual, usual, values), long, variation)
