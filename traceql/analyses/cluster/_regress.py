"""Linear models that are judged on groups they have not seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

_HUBER = 1.345
_ROUNDS = 50
_CLOSE = 1e-12
_NORMAL = 1.4826


class Line(NamedTuple):
    """y = intercept + x . slope; with y in logarithms, slopes are exponents."""

    intercept: float
    slope: Floats


class Judged(NamedTuple):
    """Errors on groups left out.

    Attributes:
        error: mean absolute error of the model in log y; exp(error) is the typical factor.
        baseline: of the median of the other groups.
        p: of the errors of the groups being no smaller than the baseline's (Wilcoxon 1945).
    """

    error: float
    baseline: float
    p: float


def fit(x: Floats, y: Floats, weight: Floats | None = None) -> Line:
    """Fit by least squares, then make outliers count less (Huber 1964, c = 1.345).

    Without noise the first fit leaves nothing, and the line is exact.

    Args:
        x: float64 [n, d].
        y: float64 [n], n > d.
        weight: float64 [n], positive.
    """
    design = np.column_stack([np.ones(len(y)), x])
    base = np.ones(len(y)) if weight is None else weight
    found = _least_squares(design, y, base)
    size = float(np.abs(y).max(initial=1.0))
    for _ in range(_ROUNDS):
        rest = np.abs(y - design @ found)
        scale = _NORMAL * float(np.median(rest))
        if scale <= _CLOSE * size:
            break
        down = np.minimum(1.0, _HUBER * scale / np.maximum(rest, _CLOSE * size))
        better = _least_squares(design, y, base * down)
        if np.abs(better - found).max() < _CLOSE * size:
            break
        found = better
    return Line(float(found[0]), found[1:])


def _least_squares(design: Floats, y: Floats, weight: Floats) -> Floats:
    root = np.sqrt(weight)
    solved, *_ = np.linalg.lstsq(design * root[:, None], y * root, rcond=None)
    return np.asarray(solved, np.float64)


def predict(line: Line, x: Floats) -> Floats:
    """Give y of the line at x."""
    said: Floats = line.intercept + x @ line.slope
    return said


def judge(x: Floats, log_y: Floats, group: Ints, folds: int = 5) -> Judged | None:
    """Predict every group from the others; all rows of a group are left out together.

    Args:
        x: float64 [n, d].
        log_y: float64 [n].
        group: int64 [n].
        folds: parts that the groups are dealt into.

    Returns:
        None where there are fewer than two folds of groups, or too few rows to fit.
    """
    names, place = np.unique(group, return_inverse=True)
    parts = min(folds, len(names))
    if parts < 2:
        return None
    fold = place % parts
    model, baseline = np.empty(len(log_y)), np.empty(len(log_y))
    for part in range(parts):
        out = fold == part
        if (~out).sum() <= x.shape[1] + 1:
            return None
        model[out] = predict(fit(x[~out], log_y[~out]), x[out])
        baseline[out] = np.median(log_y[~out])
    by_model, by_median = np.abs(model - log_y), np.abs(baseline - log_y)
    counts = np.bincount(place)
    gain = (np.bincount(place, by_median) - np.bincount(place, by_model)) / counts
    return Judged(float(by_model.mean()), float(by_median.mean()), _better(gain))


def _better(gain: Floats) -> float:
    """Give the p of gains that are no better than chance."""
    from scipy import stats

    if not (gain != 0).any():
        return 1.0
    return float(stats.wilcoxon(gain, alternative="greater").pvalue)
