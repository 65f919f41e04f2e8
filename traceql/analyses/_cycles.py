"""The period of a series of numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

LEAST = 24
"""Fewest values in which a cycle is looked for."""

_SHORTEST = 2.2
_FEWEST_CYCLES = 3.9
_LEVEL = 0.0003
_GROUP = 8
_HARMONICS = (1, 2, 4, 8, 16, 32)
_PEAKS = 10
_LAGS = 6
_CLIP = 8.0
_TINY = 1e-300


class Cycle(NamedTuple):
    """A period that recurs.

    Attributes:
        period: in values. p: of the F-test, times the number of periods looked at.
        share: of the variance (without a trend) that its mean cycle explains, 0 to 1.
        trough: correlation of the mean cycle with itself half a period later.
    """

    period: float
    p: float
    share: float
    trough: float


def find(values: Floats) -> Cycle | None:
    """Find the period of a series, where one recurs; None where nothing does.

    Candidates are peaks of the periodogram of the whitened series and of its autocorrelation. Each
    is judged by whether its phase recurs: the Fourier coefficients of single cycles are independent
    of each other in noise of any colour, so their mean is tested against their scatter (an F-test
    with 2 and 2c - 2 degrees for c cycles, as Thomson's of 1982 for tapers), in groups of about
    eight cycles, so that a period may drift, and over 1, 2, 4 … 32 harmonics (Fisher's sum). A
    moving average over one period is taken away first: it hides neither the period nor a harmonic,
    but drift. A period is multiplied (divided) by 2 or 3 (or 5) where the harmonics that this adds
    (takes away) recur (do not).

    Args:
        values: float64 [n], finite, evenly spaced.

    Returns:
        None with fewer than 24 values, fewer than four cycles, or p above 0.0003.
    """
    count = len(values)
    if count < LEAST:
        return None
    plain = _plain(values)
    if plain is None:
        return None
    best, period, harmonics = 0.0, 0.0, 1
    for (badness, many), start in _promising(plain):
        if badness > -3:
            continue
        tuned = _tuned(plain, _tuned(plain, start, many, 1.0), min(2 * many, 32), 0.4)
        found, needed = _score(plain, tuned)
        if found < best:
            best, period, harmonics = found, tuned, needed
    p = float(np.exp(best) * 2 * count)
    if not period or p > _LEVEL:
        return None
    period = _multiplied(plain, _divided(plain, period, best))
    harmonics = _score(plain, period)[1]
    period = _tuned(plain, _tuned(plain, period, harmonics, 0.5), harmonics, 0.15)
    return Cycle(period, p, *_profile(plain, period))


def _plain(values: Floats) -> Floats | None:
    """Take away the line and what is far out; None from a constant."""
    steps = np.arange(len(values)) - (len(values) - 1) / 2
    rest = values - values.mean()
    rest = rest - (steps @ rest) / (steps @ steps) * steps
    middle = float(np.median(rest))
    mad = 1.4826 * float(np.median(np.abs(rest - middle)))
    if mad > 0:
        rest = np.clip(rest, middle - _CLIP * mad, middle + _CLIP * mad)
    rest = rest - rest.mean()
    return rest if rest.std() > 1e-12 * max(float(np.abs(values).max()), 1.0) else None


def _promising(plain: Floats) -> list[tuple[tuple[float, int], float]]:
    """Give the three best candidates by their lower harmonics."""
    count = len(plain)
    periods = [*_by_spectrum(plain), *_by_lag(plain)]
    fit = [p for p in periods if p >= _SHORTEST and count / p >= _FEWEST_CYCLES]
    return sorted((_score(plain, period, 8), period) for period in fit)[:3]


def _by_spectrum(plain: Floats) -> list[float]:
    from scipy import fft

    phi = float(np.clip(plain[1:] @ plain[:-1] / (plain @ plain), -0.99, 0.99))
    white = plain[1:] - phi * plain[:-1]
    size = fft.next_fast_len(4 * len(plain), real=True)
    power = np.abs(fft.rfft(white - white.mean(), size)) ** 2
    at = np.arange(len(power))
    peak = (at >= 3.88 * size / len(plain)) & (at < size / _SHORTEST)
    peak[1:-1] &= (power[1:-1] >= power[:-2]) & (power[1:-1] >= power[2:])
    places = np.flatnonzero(peak)
    best = places[np.argsort(-power[places], kind="stable")][:_PEAKS]
    return [size / place for place in best.tolist()]


def _by_lag(plain: Floats) -> list[float]:
    """Give lags at which the series repeats, sharpened by their multiples."""
    from scipy import fft, ndimage

    count = len(plain)
    spectrum = np.abs(fft.rfft(plain, 2 * count)) ** 2
    similar = ndimage.uniform_filter1d(fft.irfft(spectrum, 2 * count)[:count], 3)
    lag = np.arange(count)
    peak = (lag >= 3) & (lag <= count // 4)
    peak[1:-1] &= (similar[1:-1] >= similar[:-2]) & (similar[1:-1] >= similar[2:])
    places = np.flatnonzero(peak)
    order = np.argsort(-(similar / (count - lag))[places], kind="stable")[:_LAGS]
    found = []
    for place in places[order].tolist():
        period, times = float(place), 2
        while times * period < 0.8 * count:
            first = round(times * period) - 2
            period = (first + int(np.argmax(similar[first : first + 5]))) / times
            times *= 2
        found.append(period)
    return found


def _recurrence(
    plain: Floats, period: float, harmonics: Sequence[int], group: int = _GROUP
) -> tuple[Floats, int]:
    """Give ln p of the phase of each harmonic, summed over groups of cycles, and how many groups.

    Of c complex coefficients with sum S and sum of squares Q, p = (1 - |S|²/(c Q))^(c - 1).
    """
    count, width = len(plain), max(round(period), 1)
    total = np.concatenate(([0.0], np.cumsum(plain)))
    first = np.maximum(np.arange(count) - width // 2, 0)
    last = np.minimum(first + width, count)
    first = np.maximum(last - width, 0)
    cycles = int(count / period)
    end = min(round(cycles * period), count)
    level = (plain - (total[last] - total[first]) / (last - first))[:end]
    starts = np.round(np.arange(cycles) * period).astype(np.int64)
    turn = np.exp(-2j * np.pi * np.arange(end) / period)
    groups = max(1, cycles // group)
    cuts = np.linspace(0, cycles, groups + 1).astype(np.int64)
    sizes = np.diff(cuts)
    found = np.zeros(len(harmonics))
    for i, harmonic in enumerate(harmonics):
        each = np.add.reduceat(level * turn**harmonic, starts)
        both = np.abs(np.add.reduceat(each, cuts[:-1])) ** 2
        power = np.add.reduceat(np.abs(each) ** 2, cuts[:-1])
        rest = np.clip(1 - both / np.maximum(power, _TINY) / sizes, 1e-12, 1.0)
        found[i] = float((np.log(rest) * (sizes - 1)).sum())
    return found, groups


def _score(plain: Floats, period: float, most: int = 32) -> tuple[float, int]:
    """Give the least ln p over numbers of harmonics, and that number."""
    from scipy import stats

    reach = min(most, int(period / _SHORTEST))
    if reach < 1:
        return 0.0, 1
    found, groups = _recurrence(plain, period, range(1, reach + 1))
    tried = [many for many in _HARMONICS if many <= reach]
    sums = np.array([-found[:many].sum() for many in tried])
    badness = stats.gamma.logsf(sums, np.array(tried) * groups)
    best = int(np.argmin(badness))
    return min(float(badness[best]), 0.0), tried[best]


def _tuned(plain: Floats, period: float, harmonics: int, span: float) -> float:
    """Move the period by up to half a cycle over the series to where the phase holds best."""
    cycles = len(plain) / period
    best, tuned = np.inf, period
    for near in period * (1 + np.linspace(-span, span, 9) / cycles / 2):
        if near < _SHORTEST:
            continue
        many = min(harmonics, int(near / _SHORTEST))
        found, _ = _recurrence(plain, near, range(1, many + 1), len(plain))
        if found.sum() < best:
            best, tuned = float(found.sum()), float(near)
    return tuned


def _between(plain: Floats, period: float, factor: int, reach: int) -> float:
    """Give ln p of the harmonics of a period that are none of the period a factor shorter."""
    from scipy import stats

    own = [h for h in range(1, reach * factor + 1) if h % factor and period / h > _SHORTEST]
    if not own:
        return 0.0
    found, groups = _recurrence(plain, period, own)
    return float(stats.gamma.logsf(-found.sum(), len(own) * groups))


def _divided(plain: Floats, period: float, badness: float) -> float:
    for _ in range(3):
        for factor in (2, 3, 5):
            shorter = period / factor
            if (
                shorter >= _SHORTEST
                and _between(plain, period, factor, 4) > np.log(1e-3)
                and _score(plain, shorter)[0] < 0.9 * badness
            ):
                period = shorter
                break
        else:
            break
    return period


def _multiplied(plain: Floats, period: float) -> float:
    for _ in range(3):
        for factor in (2, 3):
            longer = period * factor
            fits = len(plain) / longer >= _FEWEST_CYCLES
            if fits and _between(plain, longer, factor, 2) < np.log(1e-6):
                period = longer
                break
        else:
            break
    return period


def _profile(plain: Floats, period: float) -> tuple[float, float]:
    """Give the share that the mean cycle explains, free of what noise feigns, and its trough."""
    bins = int(np.clip(round(period), 2, 64))
    phase = np.floor(np.arange(len(plain)) / period % 1 * bins).astype(np.int64)
    phase = np.minimum(phase, bins - 1)
    size = np.maximum(np.bincount(phase, minlength=bins), 1)
    mean = np.bincount(phase, plain, bins) / size
    rest = plain - mean[phase]
    free = max(len(plain) - bins, 1)
    share = 1 - float(rest @ rest) / free / (float(plain @ plain) / (len(plain) - 1))
    power = float(mean @ mean)
    trough = float(mean @ np.roll(mean, bins // 2)) / power if power > 0 else 0.0
    return float(np.clip(share, 0.0, 1.0)), trough
