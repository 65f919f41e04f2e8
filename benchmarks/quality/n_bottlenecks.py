"""W3: the concurrency sweep against counting every instant."""

from __future__ import annotations

import numpy as np

from benchmarks.quality import goal
from traceql.analyses.bottleneck import _sweep

ROUNDS = 300


@goal("W3", "== 0 wrong_levels", "<= 1e-12 mean_error", cheap=True)
def concurrency(rng: np.random.Generator) -> dict[str, float]:
    """Random intervals, nested, touching and empty ones among them: time at each concurrency."""
    wrong, error = 0, 0.0
    for _ in range(ROUNDS):
        n = int(rng.integers(1, 120))
        ts = np.sort(rng.integers(0, 400, n))
        end = ts + rng.choice([0, 1, 3, 20, 150], n) * rng.integers(1, 4, n)
        found = _sweep.profile(ts, end)
        start, width = int(ts.min()), int(end.max() - ts.min())
        open_at = np.zeros(width, np.int64)
        for a, b in zip(ts.tolist(), end.tolist(), strict=True):
            open_at[a - start : b - start] += 1
        level, counts = np.unique(open_at, return_counts=True)
        same = np.array_equal(found.level, level) and np.array_equal(found.dur, counts)
        wrong += not same
        if width:
            error = max(error, abs(_sweep.mean(found) - float(open_at.mean())))
    return {"wrong_levels": float(wrong), "mean_error": error, "rounds": float(ROUNDS)}
