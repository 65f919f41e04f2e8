"""Points far from the bulk of the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_EFFECTIVE = 0.7


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


def _mostly_equal(column: Floats) -> bool:
    """Say whether half of the values are the same: the bulk would have no width."""
    _, counts = np.unique(column, return_counts=True)
    return bool(2 * counts.max() >= len(column))
