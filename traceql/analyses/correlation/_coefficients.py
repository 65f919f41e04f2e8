"""Coefficients of correlation of series, and what they are worth when series remember."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

STRENGTHS = ((0.7, "very strong"), (0.5, "strong"), (0.3, "moderate"), (0.1, "weak"))
_LEAST_INDEPENDENT = 4.0
_FEW = 4
"""Fewest pairs of values that are correlated at a lag."""


class Coefficients(NamedTuple):
    """Correlations of all pairs of p series of n values.

    Attributes:
        r: Pearson, float64 [p, p]. rho: Spearman, float64 [p, p].
        independent: effective number of pairs of values, float64 [p, p].
        p_value: two-sided, of r, float64 [p, p]. low, high: 95 % interval of r, float64 [p, p].
    """

    r: Floats
    rho: Floats
    independent: Floats
    p_value: Floats
    low: Floats
    high: Floats


def pearson(rows: Floats) -> Floats:
    """Give the correlation of every pair of rows; nan with a row that does not vary.

    Args:
        rows: float64 [p, n].

    Returns:
        float64 [p, p].
    """
    return _at_lag(rows, 0)


def ranked(rows: Floats) -> Floats:
    """Give the rank of every value in its row, ties the mean of theirs."""
    from scipy import stats

    return np.asarray(stats.rankdata(rows, axis=1), np.float64)


def independent(rows: Floats) -> Floats:
    """Tell how many independent pairs of values every pair of rows is worth.

    n / (1 + 2 sum (1 - k/n) a[k] b[k]) with a and b the autocorrelations of the two rows at lag k,
    summed while both are beyond noise (Bartlett 1946; Bretherton et al. 1999, who stop after lag 1
    of a first-order process). Between 3 and n.

    Args:
        rows: float64 [p, n].

    Returns:
        float64 [p, p].
    """
    count = rows.shape[1]
    lags = max(1, min(count // 4, 60))
    centered = rows - rows.mean(axis=1, keepdims=True)
    power = (centered**2).sum(axis=1)
    power = np.where(power > 0, power, 1.0)
    total = np.zeros((len(rows), len(rows)))
    living = np.ones(len(rows), bool)
    for lag in range(1, lags + 1):
        raw = (centered[:, lag:] * centered[:, :-lag]).sum(axis=1) / power
        # The estimate is too low by about (1 + 4 r) / n in short series (Kendall 1954).
        now = np.clip(raw + (1 + 4 * raw) / count, -1, 1)
        living &= now > 1 / np.sqrt(count)
        if not living.any() and lag > 1:
            break
        now = np.where(living | (lag == 1), now, 0.0)
        total += (1 - lag / count) * np.outer(now, now)
    return np.asarray(np.clip(count / np.maximum(1 + 2 * total, 1e-9), 3.0, count))


def coefficients(rows: Floats, *, level: float = 0.95) -> Coefficients:
    """Correlate every pair of series, and judge r by the effective number of values.

    t = r sqrt((m - 2) / (1 - r^2)) has m - 2 degrees of freedom, m the effective number; the
    interval is Fisher's, of atanh r with standard deviation 1 / sqrt(m - 3).

    Args:
        rows: float64 [p, n], finite.
        level: of the interval.
    """
    from scipy import stats

    r = pearson(rows)
    m = np.maximum(independent(rows), _LEAST_INDEPENDENT)
    with np.errstate(invalid="ignore", divide="ignore"):
        t = r * np.sqrt((m - 2) / np.maximum(1 - r**2, 1e-300))
        p_value = 2 * stats.t.sf(np.abs(t), m - 2)
        reach = stats.norm.ppf(0.5 + level / 2) / np.sqrt(m - 3)
        z = np.arctanh(np.clip(r, -1 + 1e-15, 1 - 1e-15))
    return Coefficients(
        r, pearson(ranked(rows)), m, np.asarray(p_value), np.tanh(z - reach), np.tanh(z + reach)
    )


def strength(low: float, high: float) -> str:
    """Name a correlation by the end of its interval that is nearer to zero."""
    if low <= 0 <= high:
        return "negligible"
    nearer = min(abs(low), abs(high))
    return next((name for least, name in STRENGTHS if nearer >= least), "negligible")


def without_drift(rows: Floats) -> Floats:
    """Take the straight line out of every row, so that a common drift correlates nothing."""
    steps = np.arange(rows.shape[1]) - (rows.shape[1] - 1) / 2
    slope = rows @ steps / (steps @ steps)
    return np.asarray(rows - rows.mean(axis=1, keepdims=True) - np.outer(slope, steps))


def within(rows: Floats, strata: NDArray[np.int64]) -> Floats:
    """Give the correlation of every pair of rows within strata: each has its mean taken out.

    A correlation that is there in all and not within is one between strata (Simpson 1951).

    Args:
        rows: float64 [p, n].
        strata: int64 [n], number of the stratum of each value.
    """
    kinds, place = np.unique(strata, return_inverse=True)
    counts = np.bincount(place, minlength=len(kinds))
    sums = np.zeros((len(rows), len(kinds)))
    for k in range(len(kinds)):  # some phases of a run
        sums[:, k] = rows[:, place == k].sum(axis=1)
    return pearson(rows - (sums / counts)[:, place])


class Lagged(NamedTuple):
    """The lag at which each pair of series correlates best; all [p, p].

    Attributes:
        lag: int64; positive: the second (column) follows the first (row). r: there.
        p_value: two-sided, times the number of lags looked at.
    """

    lag: NDArray[np.int64]
    r: Floats
    p_value: Floats


def lagged(rows: Floats, most: int) -> Lagged:
    """Find the lag at which each pair of series correlates best, after prewhitening each.

    Every series is filtered by its own first-order model (Haugh 1976), so that memory alone makes
    no peak. Of lags that are equally good the least is taken.

    Args:
        rows: float64 [p, n].
        most: lags from -most to most are looked at.
    """
    from scipy import special

    white = _whitened(rows)
    count = white.shape[1]
    later = [_at_lag(white, lag) for lag in range(min(most, count - _FEW) + 1)]
    best, r = np.zeros((len(rows), len(rows)), np.int64), np.zeros((len(rows), len(rows)))
    for lag in range(1 - len(later), len(later)):
        now = later[lag] if lag >= 0 else later[-lag].T
        better = np.abs(now) > np.abs(r) + 1e-12  # never where it is nan
        r[better], best[better] = now[better], lag
    freedom = np.maximum(count - np.abs(best) - 2, 1)
    t = r * np.sqrt(freedom / np.maximum(1 - r**2, 1e-300))
    p_value = 2 * special.stdtr(freedom, -np.abs(t))
    return Lagged(best, r, np.minimum(1.0, p_value * (2 * most + 1)))


def _whitened(rows: Floats) -> Floats:
    centered = rows - rows.mean(axis=1, keepdims=True)
    power = (centered**2).sum(axis=1)
    beside = (centered[:, 1:] * centered[:, :-1]).sum(axis=1)
    phi = np.divide(beside, power, out=np.zeros_like(power), where=power > 0)
    return np.asarray(centered[:, 1:] - phi[:, None] * centered[:, :-1])


def _at_lag(rows: Floats, lag: int) -> Floats:
    """Correlate every row with every row that many steps later."""
    early = _unit(rows[:, : rows.shape[1] - lag])
    late = early if lag == 0 else _unit(rows[:, lag:])
    return np.asarray(np.clip(early @ late.T, -1.0, 1.0))


def _unit(rows: Floats) -> Floats:
    """Center every row and make it of length 1; nan where it does not vary."""
    centered = rows - rows.mean(axis=1, keepdims=True)
    norm = np.sqrt((centered**2).sum(axis=1))
    flat = norm <= 1e-12 * np.abs(rows).max(axis=1, initial=0)
    centered /= np.where(flat, np.nan, norm)[:, None]
    return np.asarray(centered)
