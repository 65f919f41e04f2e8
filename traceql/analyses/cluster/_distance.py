"""Points far from the bulk of the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_EFFECTIVE = 0.7
_MOST_PARTS = 5
_BULK = 0.05
"""A part of the mixture with a smaller share is not of the bulk, but what is looked for."""

_DRAWN = 20_000


class Distances(NamedTuple):
    """Squared distances, and the one beyond which a point is unlike the others."""

    squared: Floats
    cut: float


def mahalanobis(points: Floats, seed: int, alpha: float = 0.001) -> Distances | None:
    """Measure distances from the bulk by the minimum covariance determinant.

    The half of the points whose covariance has the least determinant (FastMCD: Rousseeuw & Van
    Driessen 1999), reweighted, gives center and covariance: outliers cannot hide themselves by
    widening it. Distances of normal points follow p (n + 1) (n - 1) / (n (n - p)) F(p, n - p), as
    if the bulk had seven tenths of the points, which is close to what Hardin & Rocke (2005) find.

    Args:
        points: float64 [n, p], finite.
        seed: of the starts.
        alpha: share of normal points beyond `cut`.

    Returns:
        None where there are fewer than five points per column, or a column does not vary.
    """
    from scipy import stats
    from sklearn.covariance import MinCovDet
    from threadpoolctl import threadpool_limits

    n, p = points.shape
    if n < max(5 * p, 10) or np.linalg.matrix_rank(points - np.median(points, axis=0)) < p:
        return None
    if any(_mostly_equal(column) for column in points.T):
        return None
    with threadpool_limits(1):  # small matrices: threads would only wait for each other
        found = MinCovDet(random_state=seed).fit(points)
    squared = np.asarray(found.mahalanobis(points), np.float64)
    m = max(int(_EFFECTIVE * n), p + 2)
    scale = p * (m + 1) * (m - 1) / (m * (m - p))
    tail = stats.f(p, m - p)
    return Distances(squared, float(scale * tail.ppf(1 - alpha)))


def mixture(points: Floats, seed: int, alpha: float = 0.001) -> Distances | None:
    """Measure how thin the crowd of points is about each, by a mixture of normal distributions.

    A variational mixture of at most five parts drops what it does not need (Bishop 2006, 10.2), so
    that a bulk of several groups is no cloud that is wide enough to hide what lies between them.
    Parts of less than a twentieth of the points are left out of the bulk. `squared` is -2 log of
    the density, `cut` its 1 - alpha quantile among draws from the bulk.

    Args:
        points: float64 [n, p], finite.
        seed: of the start and the draws.
        alpha: share of the bulk's own points beyond `cut`.

    Returns:
        None where there are fewer than ten points per column, or a column does not vary.
    """
    import warnings

    from scipy.special import logsumexp
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import BayesianGaussianMixture
    from threadpoolctl import threadpool_limits

    n, p = points.shape
    if n < max(10 * p, 20) or any(_mostly_equal(column) for column in points.T):
        return None
    middle = np.median(points, axis=0)
    spread = np.subtract(*np.quantile(points, [0.75, 0.25], axis=0))
    scaled = (points - middle) / np.where(spread > 0, spread, 1.0)
    parts = min(_MOST_PARTS, n // (4 * p))
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # an early stop is near enough
        found = BayesianGaussianMixture(
            n_components=parts, random_state=seed, weight_concentration_prior=1e-2, max_iter=200
        ).fit(scaled)
    kept = np.flatnonzero(found.weights_ >= _BULK)
    weight = found.weights_[kept] / found.weights_[kept].sum()
    chance = np.random.default_rng(seed)
    which = chance.choice(len(kept), _DRAWN, p=weight)
    roots = np.linalg.cholesky(found.covariances_[kept])
    normal = chance.standard_normal((_DRAWN, p))
    drawn = found.means_[kept][which] + np.einsum("nij,nj->ni", roots[which], normal)

    def thinness(rows: Floats) -> Floats:
        logs = []
        for share, mean, root in zip(
            weight, found.means_[kept], roots, strict=True
        ):  # five at most
            off = np.linalg.solve(root, (rows - mean).T)
            logs.append(np.log(share) - 0.5 * (off**2).sum(axis=0) - np.log(np.diag(root)).sum())
        return np.asarray(-2 * logsumexp(np.array(logs), axis=0))

    return Distances(thinness(scaled), float(np.quantile(thinness(drawn), 1 - alpha)))


def _mostly_equal(column: Floats) -> bool:
    """Say whether half of the values are the same: the bulk would have no width."""
    _, counts = np.unique(column, return_counts=True)
    return bool(2 * counts.max() >= len(column))
