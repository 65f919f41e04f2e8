"""Change points of series with few, noisy values: E-divisive means, as performance tests use it.

Two forms: with permutations (Matteson & James 2014, as MongoDB's signal-processing-algorithms), and
windowed with a t-test (Hunter: Fleming et al. 2023, as Apache Otava). Both give the places that the
named programs give; neither knows of autocorrelation, which `_changes` does.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from traceql.kernels import energy

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


class Split(NamedTuple):
    """A place where a series changes, and how sure that is.

    Attributes:
        at: first value after the change. p: of a t-test of the segments beside it.
        magnitude: the larger of the relative changes seen from either side.
    """

    at: int
    p: float
    magnitude: float


def windowed(
    values: Floats, *, window: int = 50, max_p: float = 0.001, least_magnitude: float = 0.0
) -> list[Split]:
    """Find changes of the mean within windows that overlap by half, then drop the weak ones.

    In each window the best split by energy distance is taken as long as Student's t-test of its
    sides is significant at a looser level (10 max_p; 2 max_p from .05, max_p from .5). Of all
    changes found, the one with the highest p is dropped while that is not below max_p, then the one
    of least magnitude while that is not above the least; the two
    that follow are tested anew each time.

    Args:
        values: float64 [n], finite.
        window: values, at least 2.
        max_p: level of the t-test.
        least_magnitude: smallest relative change.

    Returns:
        Changes, ascending.
    """
    loose = max_p * (10 if max_p < 0.05 else 2 if max_p < 0.5 else 1)
    found: list[int] = []
    start = 0
    while start < len(values):
        part = values[start : start + window]
        inside = [start + cut for cut in _divided(part, loose)]
        found += [cut for cut in inside if cut not in found]
        start = max(inside[-1] if inside else 0, start + window // 2)
    return _merged(values, sorted(found), max_p, least_magnitude)


def _divided(part: Floats, level: float) -> list[int]:
    """Split a window as long as the best of all splits is significant."""
    cuts: list[int] = []
    known: dict[tuple[int, int], tuple[int, float]] = {}
    while True:
        bounds = [0, *cuts, len(part)]
        best = None
        for begin, end in itertools.pairwise(bounds):
            if end - begin < 2:
                continue
            if (begin, end) not in known:
                known[begin, end] = energy.best_split(part[begin:end])
            place, q = known[begin, end]
            if best is None or q > best[1]:
                best = (begin + place, q, begin, end)
        if best is None:
            return cuts
        place, _, begin, end = best
        if _t_test(part[begin:place], part[place:end]) > level:
            return cuts
        cuts = sorted([*cuts, place])


def _merged(values: Floats, cuts: list[int], max_p: float, least: float) -> list[Split]:
    def judge(i: int) -> Split:
        bounds = [0, *cuts, len(values)]
        left, right = values[bounds[i] : bounds[i + 1]], values[bounds[i + 1] : bounds[i + 2]]
        return Split(cuts[i], _t_test(left, right), _magnitude(left.mean(), right.mean()))

    splits = [judge(i) for i in range(len(cuts))]
    while splits:
        weakest = max(range(len(splits)), key=lambda i: splits[i].p)
        if splits[weakest].p < max_p:
            weakest = min(range(len(splits)), key=lambda i: splits[i].magnitude)
            if splits[weakest].magnitude > least:
                break
        del cuts[weakest], splits[weakest]
        # As Otava 0.8 does: those that followed are tested anew, the one before is not.
        for i in (weakest, weakest + 1):
            if i < len(splits):
                splits[i] = judge(i)
    return splits


def _t_test(left: Floats, right: Floats) -> float:
    """Student's t-test with standard deviations of the population, as Hunter has them."""
    from scipy.special import stdtr

    m, n = len(left), len(right)
    if m + n <= 2:
        return 1.0
    pooled = ((m - 1) * left.var() + (n - 1) * right.var()) / (m + n - 2)
    error = np.sqrt(pooled * (1 / m + 1 / n))
    apart = abs(float(left.mean() - right.mean()))
    if not error:
        return 0.0 if apart else 1.0
    return float(2 * stdtr(m + n - 2, -apart / error))


def _magnitude(before: float, after: float) -> float:
    """Give the larger of the relative changes from either side; 0 from nothing."""
    ahead = after / before - 1 if before else 0.0
    back = before / after - 1 if after else 0.0
    return float(max(abs(ahead), abs(back)))


def permuted(
    values: Floats,
    chance: Callable[[int], Sequence[float] | Floats],
    *,
    max_p: float = 0.01,
    permutations: int = 100,
) -> list[int]:
    """Find changes of the distribution, tested by permutations within the segments.

    The best split of all segments is taken as long as at most max_p of the permutations have one
    with an energy as large.

    Args:
        values: float64 [n], finite.
        chance: gives so many numbers in [0, 1).
        max_p: level; the share is of permutations + 1.
        permutations: how many.

    Returns:
        Places of the changes in the order in which they were found.
    """
    cuts: list[int] = []
    known: dict[tuple[int, int], tuple[float, int]] = {}
    while len(values) - len(cuts) > 1:
        bounds = [0, *sorted(cuts), len(values)]
        best, place = -1.0, 0
        for begin, end in itertools.pairwise(bounds):
            if (begin, end) not in known:
                found = energy.at_end(values[begin:end])
                top = int(np.argmax(found))
                known[begin, end] = float(found[top]), begin + top
            if known[begin, end][0] > best:
                best, place = known[begin, end]
        draws = np.asarray(chance(permutations * (len(values) - len(bounds) + 1)), np.float64)
        higher = int((energy.permuted(bounds, values, draws) >= best).sum())
        if higher / (permutations + 1) > max_p or place in bounds:
            break
        cuts.append(place)
    return cuts
