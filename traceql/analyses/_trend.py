"""Trends of series: slope, significance, warm-up, and what is provably stable."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from traceql.kernels import series

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

QUICK_PAIRS = 4_000
"""Enough for a slope that is asked for again and again; an eighth less sure than that of all."""
LONG_PAIRS = 128_000
"""Of a series too long for all pairs: some hundred long lags say as much as all."""
_LEAST = 4
_BATCH = 5
_ON_LINE = 2.5
_ONE_SIDED = 1.645
_LEAST_LOG = math.log(np.finfo(np.float64).tiny)


class Slope(NamedTuple):
    """A line through a series, and how sure its slope is.

    Attributes:
        slope: per step. intercept: at step 0. low, high: interval of the slope.
        phi: autocorrelation of the residuals at lag 1. sd: of the residuals.
        covariance: of (intercept, slope), float64 [2, 2].
        df: degrees of freedom left when the autocorrelation is charged for.
    """

    slope: float
    intercept: float
    low: float
    high: float
    phi: float
    sd: float
    covariance: Floats
    df: float

    def variance_at(self, step: float) -> float:
        """Give the variance of the line at a step."""
        at = np.array([1.0, step])
        return float(at @ self.covariance @ at)

    def variance_of_mean(self, count: int) -> float:
        """Give the variance of the mean of so many values that follow each other."""
        lags = np.arange(1, count)
        factor = 1 + 2 * float(((1 - lags / count) * self.phi**lags).sum())
        return self.sd**2 * factor / count


class Trend(NamedTuple):
    """Whether a series rises or falls: Mann-Kendall.

    Attributes:
        s: sum of signs. z: normal deviate. p: two-sided.
    """

    s: int
    z: float
    p: float


def theil_sen(values: Floats, most_pairs: int = 500_000) -> float:
    """Give the median of the slopes of all pairs (Theil 1950, Sen 1968), per step.

    Where there are more than `most_pairs`, pairs are taken at regular long lags, which carry most
    of what all say (Theil's incomplete method): so many as give them, or `LONG_PAIRS`.

    Args:
        values: float64 [n], n >= 2, one per step.
        most_pairs: how many to look at, about.
    """
    count = len(values)
    if count * (count - 1) // 2 <= most_pairs:
        lags = np.arange(1, count)
    else:
        many = 1 + min(most_pairs, LONG_PAIRS) // count
        lags = np.unique(np.linspace(count // 4, count - count // 8, many).astype(np.int64))
    return _median_in(series.slopes(values, lags))


def median(values: Floats) -> float:
    """Give the median of finite values; numpy's own costs ten times as much for short ones."""
    return _median_in(values.copy())


def _median_in(values: Floats) -> float:
    """Give the median, and leave the values in another order."""
    middle = len(values) // 2
    values.partition(middle)
    if len(values) % 2:
        return float(values[middle])
    # What stands before the middle is no greater.
    return float(0.5 * (values[:middle].max() + values[middle]))


def autocorrelation(values: Floats) -> float:
    """Estimate the autocorrelation at lag 1, corrected for the bias of short series.

    The correction is (1 + 4 r) / n (Kendall 1954; Marriott & Pope 1954). Within ±0.99.
    """
    count = len(values)
    centered = values - values.mean()
    power = float(centered @ centered)
    if count < _LEAST or power <= 0:
        return 0.0
    raw = float(centered[1:] @ centered[:-1]) / power
    return float(np.clip(raw + (1 + 4 * raw) / count, -0.99, 0.99))


def mann_kendall(values: Floats) -> Trend:
    """Test whether values rise or fall, for independent values (Mann 1945, Kendall 1975).

    The variance counts ties: n(n-1)(2n+5)/18 less t(t-1)(2t+5)/18 of every tie of t.

    Args:
        values: float64 [n].
    """
    from scipy import special

    count = len(values)
    if count < _LEAST:
        return Trend(0, 0.0, 1.0)
    s = series.rises(values)
    _, ties = np.unique(values, return_counts=True)
    ties = ties.astype(np.float64)
    variance = count * (count - 1) * (2 * count + 5) - (ties * (ties - 1) * (2 * ties + 5)).sum()
    variance /= 18
    if variance <= 0:
        return Trend(s, 0.0, 1.0)
    z = (s - np.sign(s)) / np.sqrt(variance)
    return Trend(s, float(z), float(2 * special.ndtr(-abs(z))))


def prewhitened(values: Floats, slope: float | None = None) -> Trend:
    """Test for a trend that autocorrelation cannot feign: Mann-Kendall of v[i] - r v[i-1].

    r is the autocorrelation at lag 1 of what a line leaves, corrected for the two parameters of
    the line, which would else lower it (as in Wang & Swail 2001), and raised by half its standard
    error, since too low an r feigns trends and too high a one only hides them. Where it is not
    beyond what white noise gives (at 5 %, one-sided) the values are tested as they are.
    Mann-Kendall alone finds a trend in 40 % of series without one (r = 0.8, level 1 %).

    Args:
        values: float64 [n].
        slope: of the line (`theil_sen`), where it is known.
    """
    count = len(values)
    if count < _LEAST:
        return mann_kendall(values)
    slope = theil_sen(values) if slope is None else slope
    phi = _residual_phi(values - slope * np.arange(count))
    if phi <= _ONE_SIDED / np.sqrt(count):
        return mann_kendall(values)
    phi = min(phi + 0.5 * np.sqrt((1 - phi**2) / count), 0.98)
    return mann_kendall(values[1:] - phi * values[:-1])


def warm_up(values: Floats) -> int:
    """Tell how many leading values are warm-up, in a series that may have a trend.

    The line of the second half is followed backwards in batches as long as the mean of a batch lies
    on it (within 2.5 of its standard deviations, which know the autocorrelation); one batch more is
    dropped, since what remains of a decay is hidden by noise. Truncation by the least standard
    error (MSER-5, White 1997) drops half of many short autocorrelated series.

    Args:
        values: float64 [n].

    Returns:
        At most n / 2; 0 where fewer than 20 values are given.
    """
    count = len(values)
    if count < 4 * _BATCH:
        return 0
    size = max(_BATCH, count // 40)
    cut = count // 2
    while cut >= size:
        fit = line(values[cut:], most_pairs=QUICK_PAIRS)
        ahead = np.arange(-size, 0, dtype=np.float64)
        off = float((values[cut - size : cut] - fit.intercept - fit.slope * ahead).mean())
        variance = fit.variance_at(float(ahead.mean())) + fit.variance_of_mean(size)
        if abs(off) > _ON_LINE * np.sqrt(variance):
            return min(cut + size, count // 2)
        cut -= size
    return 0


def line(values: Floats, *, level: float = 0.9, most_pairs: int = 500_000) -> Slope:
    """Fit a line whose interval knows that the values are autocorrelated.

    The slope is Theil-Sen's, the intercept the median of what is left. Their covariance is that of
    least squares under noise of first order: X'X^-1 X'VX X'X^-1 with V[i, j] = sd^2 phi^|i-j|,
    times pi/3 for the lesser efficiency of medians. phi is estimated from the residuals and
    corrected for two fitted parameters; quantiles are Student's with n (1-phi)/(1+phi) - 2 degrees.

    Args:
        values: float64 [n], n >= 4.
        level: share of the interval.
        most_pairs: of `theil_sen`.
    """
    from scipy import special

    count = len(values)
    steps = np.arange(count, dtype=np.float64)
    slope = theil_sen(values, most_pairs)
    intercept = median(values - slope * steps)
    rest = values - intercept - slope * steps
    phi = max(_residual_phi(rest), 0.0)
    independent = max(count * (1 - phi) / (1 + phi), 3.0)
    df = max(independent - 2, 1.0)
    spread = float(rest @ rest) / max(count * (1 - 2 / independent), 1.0)
    covariance = _covariance(steps, phi) * spread * np.pi / 3
    reach = float(special.stdtrit(df, 0.5 + level / 2) * np.sqrt(covariance[1, 1]))
    return Slope(
        slope, intercept, slope - reach, slope + reach, phi, float(np.sqrt(spread)), covariance, df
    )


def _residual_phi(rest: Floats) -> float:
    """Estimate the autocorrelation at lag 1 of what a fitted line leaves."""
    raw = autocorrelation(rest)
    return float(min(raw + (1 + 3 * raw) / len(rest), 0.98))


def _covariance(steps: Floats, phi: float) -> Floats:
    """Give the covariance of least squares' (intercept, slope) under noise of first order.

    Args:
        steps: 0, 1, …
        phi: in [0, 1).
    """
    design = np.column_stack((np.ones_like(steps), steps))
    # V x is a sum of two geometric filters, one from each side; of a constant and of a ramp each
    # is a closed form.
    powers, rest = _powers(phi, len(steps)), 1 - phi
    constant = (1 - phi * powers) / rest
    ramp = steps / rest - phi * (1 - powers) / rest**2
    ahead = np.column_stack((constant, ramp))
    behind = np.column_stack((constant, steps[-1] * constant - ramp))[::-1]
    inner = design.T @ (ahead + behind - design)
    outer = np.linalg.inv(design.T @ design)
    return np.asarray(outer @ inner @ outer)


def _powers(phi: float, count: int) -> Floats:
    """Give phi^0, phi^1 … of a phi in [0, 1); 0 below all normal floats, where pow is slowest."""
    known = 1 + int(_LEAST_LOG / math.log(phi)) if phi > 0 else 1
    powers = np.zeros(count)
    powers[:known] = phi ** np.arange(min(known, count))
    return powers


def is_stable(fit: Slope, count: int, margin: float) -> bool:
    """Tell whether the change over all steps is provably within ±margin (TOST at 5 %).

    Two one-sided tests at 5 % are the 90 % interval within the margins (Schuirmann 1987).

    Args:
        fit: of `line`, level 0.9.
        count: of steps.
        margin: in the unit of the values.
    """
    return -margin < fit.low * (count - 1) and fit.high * (count - 1) < margin
