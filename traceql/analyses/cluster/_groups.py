"""Find groups of points, or say that there are none."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

MOST_GROUPS = 10
_RESTARTS = 6
_BOOTSTRAPS = 10
_LEAST_STABLE = 0.8
_LEAST_SIZE = 5
_LEAST_SHARE = 0.02
_WINDOW = 0.125
_VALLEY = 0.5
_VALLEY_P = 0.02


class Groups(NamedTuple):
    """Groups of points.

    Attributes:
        label: group of each point, int64 [n], from 0.
        center: float64 [k, d].
        stability: mean adjusted Rand index of the groups found in bootstraps with these.
        silhouette: mean silhouette, -1 to 1.
    """

    label: Ints
    center: Floats
    stability: float
    silhouette: float


def scaled(points: Floats) -> Floats:
    """Center each column at its median, and divide by its interquartile range, if it has one."""
    low, middle, high = np.quantile(points, [0.25, 0.5, 0.75], axis=0)
    spread = np.where(high > low, high - low, points.std(axis=0))
    scaled_points: Floats = (points - middle) / np.where(spread > 0, spread, 1.0)
    return scaled_points


def best(points: Floats, seed: int) -> Groups | None:
    """Give the better separated of the groups of points as they are, and of scaled ones.

    Columns of one kind, such as logarithms, compare as they are; but one that splits in two halves
    has no larger interquartile range than its own noise would be given.
    """
    found = [g for p in (points, scaled(points)) if (g := groups(p, seed)) is not None]
    return max(found, key=lambda g: g.silhouette, default=None)


def groups(points: Floats, seed: int) -> Groups | None:
    """Split points into the most groups between which there are valleys; None: into none.

    For every k up to ten k-means++ is run (Arthur & Vassilvitskii 2007), the best of six starts.
    A k holds if every group has five points and a fiftieth of all, if between every two groups the
    points thin out, and if bootstraps find the same groups (adjusted Rand index of 0.8 on average;
    Hubert & Arabie 1985). Points thin out if, along the line that joins two centers, fewer than
    half as many lie about the middle as about the emptier center, and a binomial test says that
    this is no chance (p < 0.02): a single cloud that k-means cuts is densest where it is cut.

    Args:
        points: float64 [n, d], finite; scale them first.
        seed: of the starts and bootstraps.
    """
    from threadpoolctl import threadpool_limits

    # The points are few: threads would wait for each other longer than they work.
    with threadpool_limits(1):
        return _groups(points, seed)


def _groups(points: Floats, seed: int) -> Groups | None:
    held = None
    for k in range(2, min(MOST_GROUPS, len(points) // _LEAST_SIZE) + 1):
        label, center = _kmeans(points, k, seed, _RESTARTS)
        least = max(_LEAST_SIZE, _LEAST_SHARE * len(points))
        if np.bincount(label, minlength=k).min() >= least and _valleys(points, label, center):
            held = k, label, center
    if held is None:
        return None
    k, label, center = held
    stability = _stability(points, label, k, seed)
    if stability < _LEAST_STABLE:
        return None
    return Groups(label, center, stability, _silhouette(points, label))


def _kmeans(points: Floats, k: int, seed: int, starts: int) -> tuple[Ints, Floats]:
    from sklearn.cluster import KMeans

    found = KMeans(k, init="k-means++", n_init=starts, random_state=seed).fit(points)
    return found.labels_.astype(np.int64), found.cluster_centers_


def _valleys(points: Floats, label: Ints, center: Floats) -> bool:
    """Say whether points thin out between every two groups."""
    for a in range(len(center)):
        for b in range(a + 1, len(center)):
            if not _thins(points[(label == a) | (label == b)], center[a], center[b]):
                return False
    return True


def _thins(points: Floats, a: Floats, b: Floats) -> bool:
    from scipy import stats

    axis = b - a
    length = float(axis @ axis)
    if not length:
        return False
    place = (points - a) @ axis / length
    here, middle, there = (int((np.abs(place - at) <= _WINDOW).sum()) for at in (0.0, 0.5, 1.0))
    fewer = min(here, there)
    if middle > _VALLEY * fewer:
        return False
    return bool(stats.binom.cdf(middle, middle + fewer, 0.5) < _VALLEY_P)


def _stability(points: Floats, label: Ints, k: int, seed: int) -> float:
    from sklearn.metrics import adjusted_rand_score

    rng = np.random.default_rng(seed)
    found = []
    for i in range(_BOOTSTRAPS):
        drawn = points[rng.integers(0, len(points), len(points))]
        if len(np.unique(drawn, axis=0)) < k:
            return 0.0
        _, center = _kmeans(drawn, k, seed + i, 2)
        found.append(adjusted_rand_score(label, _nearest(points, center)))
    return float(np.mean(found))


def _nearest(points: Floats, center: Floats) -> Ints:
    distance = ((points[:, None, :] - center[None, :, :]) ** 2).sum(axis=2)
    return np.asarray(distance.argmin(axis=1), np.int64)


def _silhouette(points: Floats, label: Ints) -> float:
    from sklearn.metrics import silhouette_score

    return float(silhouette_score(points, label, sample_size=min(len(points), 2000),
                                  random_state=0))  # fmt: skip
