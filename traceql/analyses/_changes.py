"""Where the level of a series changes, told apart from noise that remembers and from drift."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from traceql.kernels import partition

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

LEAST = 10
"""Fewest values in which a change is looked for."""

_LONG = 1_000
_MOST_CUTS = 40
_PENALTY = 3.0
_OUTLYING = 5.0
_NORMAL = 1.4826


class Change(NamedTuple):
    """A change of level.

    Attributes:
        at: first value after it. begin, end: of the two levels, values[begin:end].
        before, after: mean of either level, isolated outliers left out.
        error: standard error of their difference; knows the autocorrelation.
        p: of the gain in likelihood, times the number of places.
    """

    at: int
    begin: int
    end: int
    before: float
    after: float
    error: float
    p: float


class Levels(NamedTuple):
    """The changes of a series, ascending, and what is left beside them.

    Attributes:
        phi: autocorrelation at lag 1 of what the levels leave. sd: its standard deviation.
    """

    changes: tuple[Change, ...]
    phi: float
    sd: float


def find(values: Floats) -> Levels:
    """Find the changes of level in a series whose noise may be autocorrelated.

    The best partitions into 1, 2, … levels are found by least squares. The number of levels is that
    with the greatest likelihood under noise of first order, less the modified BIC's penalty (Zhang
    & Siegmund 2007): 3 ln n for each change and the logarithms of the levels' shares; the penalty
    grows by n / (n - 2 changes - 4) as in AICc, and a straight line competes as well. So a series
    that wanders is not cut: its autocorrelation explains it at a lower price (Chakar et al. 2017 on
    why autocorrelation must be part of the model). Last, a change stays only if two levels fit the
    values beside it better than one straight line does: drift is not a step.

    Isolated outliers (of one or two values: Hampel 1974, window of five, 5 MAD) are replaced by the
    median around them first. Series beyond a thousand values are cut in means of blocks, and the
    places then refined.

    Args:
        values: float64 [n], finite, evenly spaced; logarithms where noise is multiplicative.

    Returns:
        No change with fewer than ten values.
    """
    if len(values) < LEAST:
        return Levels((), 0.0, 0.0)
    clean = without_outliers(values)
    spread = float(clean.std())
    if not spread > 1e-12 * float(np.abs(clean).max()):
        return Levels((), 0.0, 0.0)
    clean = (clean - clean.mean()) / spread
    block = -(-len(clean) // _LONG)
    cuts = _chosen(_block_means(clean, block))
    if block > 1:
        cuts = _refined(clean, [block * cut for cut in cuts], 2 * block)
    cuts = _steps_only(clean, cuts)
    return _described(clean, cuts, spread, values)


def without_outliers(values: Floats) -> Floats:
    """Replace isolated outliers by the median of the five values around them."""
    if len(values) < LEAST:
        return values
    around = np.lib.stride_tricks.sliding_window_view(np.pad(values, 2, mode="reflect"), 5)
    middle = np.median(around, axis=1)
    rest = values - middle
    mad = _NORMAL * float(np.median(np.abs(rest - np.median(rest))))
    return np.where(np.abs(rest) > _OUTLYING * mad, middle, values) if mad > 0 else values


def _block_means(values: Floats, block: int) -> Floats:
    if block == 1:
        return values
    whole = len(values) // block * block
    return np.asarray(values[:whole].reshape(-1, block).mean(axis=1))


def _chosen(values: Floats) -> list[int]:
    """Choose the number of levels, and give where they begin."""
    count = len(values)
    least_size = max(2, int(np.log(count)))
    most = min(_MOST_CUTS, count // least_size - 1, count // 10)
    best, cuts = _badness(values), []
    for places in partition.best_cuts(values, most, least_size)[1:]:
        free = count - 2 * len(places) - 4
        if free < 2:
            break
        sizes = np.diff([0, *places, count])
        penalty = _PENALTY * len(places) * np.log(count) + np.log(sizes / count).sum()
        score = _badness(_rest(values, places)) + float(penalty) * count / free
        if score < best:
            best, cuts = score, places.tolist()
    steps = np.arange(count) - (count - 1) / 2
    line = values - values.mean() - (steps @ values) / (steps @ steps) * steps
    return [] if _badness(line) + np.log(count) <= best else cuts


def _rest(values: Floats, cuts: Sequence[int] | NDArray[np.int64]) -> Floats:
    """Subtract from each level its mean."""
    starts = np.concatenate(([0], np.asarray(cuts, np.int64)))
    sizes = np.diff(np.append(starts, len(values)))
    return np.asarray(values - np.repeat(np.add.reduceat(values, starts) / sizes, sizes))


def _phi(rest: Floats) -> float:
    power = float(rest @ rest)
    return float(np.clip(rest[1:] @ rest[:-1] / power, 0.0, 0.99)) if power > 0 else 0.0


def _badness(rest: Floats) -> float:
    """Give -2 ln of the likelihood of noise of first order, the constant left out."""
    phi = _phi(rest)
    innovation = rest[1:] - phi * rest[:-1]
    power = float(innovation @ innovation) + rest[0] ** 2 * (1 - phi**2)
    return float(len(rest) * np.log(max(power / len(rest), 1e-12)) - np.log(1 - phi**2))


def _refined(values: Floats, cuts: list[int], reach: int) -> list[int]:
    """Move each cut to the best place within reach."""
    bounds = [0, *cuts, len(values)]
    for i in range(1, len(bounds) - 1):
        begin, end = bounds[i - 1], bounds[i + 1]
        first, last = max(begin + 1, bounds[i] - reach), min(end - 1, bounds[i] + reach)
        places = np.arange(first, last + 1)
        total = np.concatenate(([0.0], np.cumsum(values[begin:end])))
        left, whole = total[places - begin], total[-1]
        gain = left**2 / (places - begin) + (whole - left) ** 2 / (end - places)
        bounds[i] = int(places[np.argmax(gain)])
    return bounds[1:-1]


def _steps_only(values: Floats, cuts: list[int]) -> list[int]:
    """Drop, the worst first, the cuts beside which a line fits better than two levels."""
    cuts = list(cuts)
    while cuts:
        bounds = [0, *cuts, len(values)]
        excess = np.array(
            [_excess(values, *bounds[i : i + 3]) for i in range(len(cuts))], np.float64
        )
        worst = int(np.argmax(excess))
        if excess[worst] < 0:
            break
        del cuts[worst]
    return cuts


def _excess(values: Floats, begin: int, cut: int, end: int) -> float:
    """Give the squares that two levels leave beyond those that a line leaves."""
    part = values[begin:end] - values[begin:end].mean()
    steps = np.arange(end - begin) - (end - begin - 1) / 2
    line = float(part @ part) - float(steps @ part) ** 2 / float(steps @ steps)
    left, right = part[: cut - begin], part[cut - begin :]
    return float(left.var() * len(left) + right.var() * len(right)) - line


def _described(clean: Floats, cuts: list[int], spread: float, values: Floats) -> Levels:
    """Describe each change in the unit of the values."""
    from scipy import stats

    rest = _rest(clean, cuts)
    phi, sd = _phi(rest), float(rest.std())
    fit = _badness(rest)
    bounds = [0, *cuts, len(clean)]
    plain = without_outliers(values)
    changes = []
    for i, cut in enumerate(cuts):
        begin, end = bounds[i], bounds[i + 2]
        gain = _badness(_rest(clean, cuts[:i] + cuts[i + 1 :])) - fit
        sizes = np.array([cut - begin, end - cut], np.float64)
        independent = np.maximum(sizes * (1 - phi) / (1 + phi), 1.0)
        means = float(plain[begin:cut].mean()), float(plain[cut:end].mean())
        error = float(sd * spread * np.sqrt((1 / independent).sum()))
        p = float(min(1.0, len(clean) * stats.chi2.sf(max(gain, 0.0), 1)))
        changes.append(Change(cut, begin, end, *means, error, p))
    return Levels(tuple(changes), phi, sd * spread)
