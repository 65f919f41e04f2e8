"""L1 to L3: groups, linear models, outliers in many dimensions."""

from __future__ import annotations

import numpy as np

from benchmarks.quality import goal
from traceql.analyses.cluster import _distance, _groups, _regress

BLOB_RUNS, NULL_RUNS = 35, 40


def blobs(rng: np.random.Generator, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Give points of k clouds of unequal size and width, six of their deviations apart or more."""
    d, n = int(rng.integers(2, 6)), int(rng.integers(200, 1200))
    width = rng.uniform(0.7, 1.3, k)
    centers: list[np.ndarray] = []
    while len(centers) < k:
        center = rng.uniform(-8 * k, 8 * k, d)
        if all(np.linalg.norm(center - c) > 6 * 1.3 for c in centers):
            centers.append(center)
    label = rng.choice(k, n, p=rng.dirichlet(np.full(k, 20.0)))
    points = np.array(centers)[label] + rng.normal(size=(n, d)) * width[label][:, None]
    return points * rng.uniform(0.5, 20, d), label


def cloud(rng: np.random.Generator, kind: int) -> np.ndarray:
    """Give points without groups: a correlated normal, a cube, heavy tails, a skew, a ball."""
    d, n = int(rng.integers(2, 7)), int(rng.integers(60, 800))
    if kind == 0:
        return rng.normal(size=(n, d)) @ rng.normal(size=(d, d))
    if kind == 1:
        return rng.uniform(size=(n, d))
    if kind == 2:
        return rng.standard_t(4, size=(n, d))
    if kind == 3:
        return rng.gamma(3.0, size=(n, d))
    direction = rng.normal(size=(n, d))
    return direction / np.linalg.norm(direction, axis=1)[:, None] * rng.uniform(size=(n, 1))


@goal("L1", ">= 0.95 ari", ">= 0.9 right_k", ">= 0.95 null_quiet")
def clusters(rng: np.random.Generator) -> dict[str, float]:
    """Two to eight clouds in two to five dimensions; and clouds that are one, of five kinds."""
    from sklearn.metrics import adjusted_rand_score

    agreed, right = [], 0
    for run in range(BLOB_RUNS):
        points, label = blobs(rng, 2 + run % 7)
        found = _groups.best(points, run)
        agreed.append(adjusted_rand_score(label, found.label) if found else 0.0)
        right += found is not None and len(found.center) == len(np.unique(label))
    quiet = sum(_groups.best(cloud(rng, run % 5), run) is None for run in range(NULL_RUNS))
    return {"ari": float(np.mean(agreed)), "right_k": right / BLOB_RUNS,
            "null_quiet": quiet / NULL_RUNS}  # fmt: skip


@goal("L2", "<= 1e-8 coefficient_error", "<= 1e-8 unseen_error", ">= 0.9 noisy_within", cheap=True)
def linear(rng: np.random.Generator) -> dict[str, float]:
    """Lines without noise are recovered; with noise and outliers the slopes are near."""
    error, relative, near = 0.0, 0.0, 0
    for _ in range(50):
        n, d = int(rng.integers(20, 400)), int(rng.integers(1, 6))
        x, slope, intercept = rng.normal(size=(n, d)) * 3, rng.normal(size=d), rng.normal() * 5
        y = intercept + x @ slope
        found = _regress.fit(x, y)
        error = max(error, float(np.abs(found.slope - slope).max()),
                    abs(found.intercept - intercept))  # fmt: skip
        judged = _regress.judge(x, y, rng.integers(0, 10, n))
        relative = max(relative, judged.error if judged else 1.0)
        noisy = y + rng.normal(0, 0.2, n)
        noisy[rng.random(n) < 0.05] += 20
        near += float(np.abs(_regress.fit(x, noisy).slope - slope).max()) < 0.1
    return {"coefficient_error": error, "unseen_error": relative, "noisy_within": near / 50}


@goal("L3", ">= 0.95 recall", "<= 0.002 fpr")
def outliers(rng: np.random.Generator) -> dict[str, float]:
    """5 % of the points in a clump of their own; classical covariance beside it hides them."""
    hits, planted, false, clean, classical = 0, 0, 0, 0, 0
    for run in range(20):
        n, d = int(rng.integers(200, 1500)), int(rng.integers(2, 7))
        points = rng.normal(size=(n, d)) @ rng.normal(size=(d, d))
        wrong = rng.random(n) < 0.05
        axis = rng.normal(size=d)
        shape = np.cov(points.T)
        away = axis / np.sqrt(axis @ np.linalg.inv(shape) @ axis) * (7 + d)
        points[wrong] = away + 0.3 * points[wrong]
        found = _distance.mahalanobis(points, run)
        assert found is not None
        flagged = found.squared > found.cut
        centered = points - points.mean(axis=0)
        plain = (centered @ np.linalg.inv(np.cov(points.T)) * centered).sum(axis=1)
        hits += int((flagged & wrong).sum())
        classical += int(((plain > found.cut) & wrong).sum())
        planted += int(wrong.sum())
        false += int((flagged & ~wrong).sum())
        clean += int((~wrong).sum())
    return {"recall": hits / planted, "fpr": false / clean, "classical_recall": classical / planted}
