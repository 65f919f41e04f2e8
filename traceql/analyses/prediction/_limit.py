"""When a growing series reaches a limit, with an interval."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from traceql.analyses import _trend

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_FOR_THE_CUT = 1.1
_LEAST = 12
_FALSE_TRENDS = 1e-4
"""A warning that costs somebody a day must be no chance: a leak is far beyond this."""


class Limit(NamedTuple):
    """Steps after the last value until the limit is met.

    Attributes:
        steps: expected; inf where the series does not grow. low, high: interval; high may be inf.
        grows: whether the interval of the slope is above zero, and a test of the trend says so.
        risk: probability that the limit is met within the horizon asked about.
        warm_up: leading values left out. fit: the line through the others.
    """

    steps: float
    low: float
    high: float
    grows: bool
    risk: float
    warm_up: int
    fit: _trend.Slope


def until(values: Floats, limit: float, horizon: float, *, level: float = 0.9) -> Limit | None:
    """Tell when a series meets a limit if it goes on as it went.

    The line is Theil-Sen's through what is not warm-up; the interval holds every step at which the
    limit is within the interval of the line (Fieller 1954), which knows the autocorrelation, a
    tenth wider since where warm-up ends is a choice.

    Args:
        values: float64 [n], one per step: the peak or the floor of each.
        limit: in the unit of the values.
        horizon: steps, for the risk.
        level: share of the interval.

    Returns:
        None with fewer than 12 values beyond warm-up: not enough data.
    """
    from scipy import stats

    cut = _trend.warm_up(values)
    kept = values[cut:]
    count = len(kept)
    if count < _LEAST:
        return None
    fit = _trend.line(kept, level=level)
    trend = _trend.prewhitened(kept)
    grows = fit.low > 0 and trend.z > 0 and trend.p < _FALSE_TRENDS
    now = count - 1
    quantile = float(stats.t.ppf(0.5 + level / 2, fit.df)) * _FOR_THE_CUT
    expected = (limit - fit.intercept) / fit.slope - now if fit.slope > 0 else np.inf
    low, high = _meeting(fit, limit - fit.intercept, quantile)
    at = now + horizon
    sd = np.sqrt(fit.variance_at(at) + fit.sd**2)
    reached = fit.intercept + fit.slope * at
    risk = float(stats.t.sf((limit - reached) / sd, fit.df)) if sd > 0 else float(reached >= limit)
    return Limit(
        max(expected, 0.0), max(low - now, 0.0), max(high - now, 0.0), grows, risk, cut, fit
    )


def _meeting(fit: _trend.Slope, rise: float, quantile: float) -> tuple[float, float]:
    """Solve (rise - slope a)^2 = quantile^2 var(a) for the steps a between which it holds."""
    c00, c01, c11 = fit.covariance[0, 0], fit.covariance[0, 1], fit.covariance[1, 1]
    k = quantile**2
    a = fit.slope**2 - k * c11
    b = -2 * (rise * fit.slope + k * c01)
    c = rise**2 - k * c00
    root = b * b - 4 * a * c
    if a <= 0 or fit.slope <= 0:  # the slope may be zero: there is no upper end
        if root < 0 or a == 0:
            return 0.0, np.inf
        ends = sorted(((-b - np.sqrt(root)) / (2 * a), (-b + np.sqrt(root)) / (2 * a)))
        return (ends[1] if ends[1] > 0 else 0.0), np.inf
    middle, half = -b / (2 * a), np.sqrt(max(root, 0.0)) / (2 * a)
    return float(middle - half), float(middle + half)
