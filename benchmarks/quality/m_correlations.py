"""C1, C2: correlations that memory cannot feign, equal to scipy's."""

from __future__ import annotations

import numpy as np
from scipy import stats
from scipy.signal import lfilter

from benchmarks.quality import goal
from traceql.analyses.correlation import _coefficients

_PAIRS = 300


@goal("C1", "<= 0.05 false_phi_50", "<= 0.05 false_phi_80", "<= 0.05 false_phi_95",
      ">= 0.95 found", cheap=True)  # fmt: skip
def independent_and_planted(rng: np.random.Generator) -> dict[str, float]:
    """Pairs of independent first-order series called related at q < .05; planted r = .6 found."""
    found = {}
    for phi in (0.5, 0.8, 0.95):
        p_values = [_p_value(_noise(rng, phi), _noise(rng, phi)) for _ in range(_PAIRS)]
        related = stats.false_discovery_control(p_values) < 0.05
        found[f"false_phi_{phi * 100:.0f}"] = float(related.mean())
        found[f"false_p_phi_{phi * 100:.0f}"] = float((np.array(p_values) < 0.05).mean())
    planted = []
    for _ in range(_PAIRS):
        first = _noise(rng, 0.0)
        planted.append(_p_value(first, 0.6 * first + 0.8 * _noise(rng, 0.0)) < 0.05)
    return {**found, "found": float(np.mean(planted))}


def _noise(rng: np.random.Generator, phi: float) -> np.ndarray:
    noise = rng.normal(size=400)
    return np.asarray(lfilter([1.0], [1.0, -phi], noise))[200:] * np.sqrt(1 - phi**2)


def _p_value(first: np.ndarray, second: np.ndarray) -> float:
    return float(_coefficients.coefficients(np.stack([first, second])).p_value[0, 1])


@goal("C2", "<= 1e-12 pearson_off", "<= 1e-12 spearman_off", cheap=True)
def equal_to_scipy(rng: np.random.Generator) -> dict[str, float]:
    """Largest distance from scipy's Pearson and Spearman, with ties and large offsets."""
    pearson = spearman = 0.0
    for _ in range(50):
        rows = rng.normal(size=(3, int(rng.integers(8, 300)))) * rng.uniform(0.1, 1e6)
        rows[2] = np.round(rows[0] / np.abs(rows[0]).max() * 5)
        made = _coefficients.coefficients(rows)
        for i, j in ((0, 1), (0, 2), (1, 2)):
            off = abs(made.r[i, j] - stats.pearsonr(rows[i], rows[j])[0])
            pearson = max(pearson, float(off))
            off = abs(made.rho[i, j] - stats.spearmanr(rows[i], rows[j])[0])
            spearman = max(spearman, float(off))
    return {"pearson_off": pearson, "spearman_off": spearman}
