"""P1, P3, P4: trends, time to a limit, laws of scalability."""

from __future__ import annotations

import numpy as np
from scipy.signal import lfilter

from benchmarks.quality import goal
from traceql.analyses import _trend
from traceql.analyses.prediction import _limit, _scaling


def remembering(rng: np.random.Generator, count: int, phi: float) -> np.ndarray:
    """First-order noise of standard deviation 1."""
    noise = rng.normal(size=count + 200)
    return np.asarray(lfilter([1.0], [1.0, -phi], noise))[200:] * np.sqrt(1 - phi**2)


@goal("P1", "<= 0.02 false_phi_80", "<= 0.02 false_phi_0", ">= 0.95 power_phi_0",
      ">= 0.95 power_phi_50", cheap=True)  # fmt: skip
def trends(rng: np.random.Generator) -> dict[str, float]:
    """False trends at 1 % in noise of first order, n = 200; power at 0.02 sd a step."""
    found: dict[str, float] = {}
    for phi in (0.0, 0.5, 0.8):
        name = f"phi_{phi * 100:.0f}"
        noise = [remembering(rng, 200, phi) for _ in range(1000)]
        found[f"false_{name}"] = _share(noise)
        found[f"power_{name}"] = _share([n + 0.02 * np.arange(200) for n in noise[:200]])
    return found


def _share(series: list[np.ndarray]) -> float:
    return float(np.mean([_trend.prewhitened(values).p < 0.01 for values in series]))


@goal(
    "P3",
    "<= 0.05 median_error",
    ">= 0.85 coverage",
    "== 0 false_warnings",
    ">= 0.95 warned",
    cheap=True,
)
def time_to_limit(rng: np.random.Generator) -> dict[str, float]:
    """Leaks seen for a fifth of their life, with warm-up and noise; sawtooths without a leak."""
    errors, inside, warnings = [], [], []
    for _ in range(150):
        life, phi = int(rng.integers(300, 900)), float(rng.uniform(0, 0.8))
        seen, warm = life // 5, int(rng.integers(5, 21))
        growth = float(rng.uniform(0.5, 5.0))
        noise = growth * float(rng.uniform(0.5, 4)) * remembering(rng, seen, phi)
        values = 1000 + growth * np.arange(seen) + noise
        values[:warm] -= growth * seen * rng.uniform(0.5, 2) * np.linspace(1, 0.2, warm)
        found = _limit.until(values, 1000 + growth * life, horizon=life)
        if found is None:
            continue
        true = life - (seen - 1)
        errors.append(abs(found.steps - true) / true if np.isfinite(found.steps) else 1.0)
        inside.append(found.low <= true <= found.high)
        warnings.append(found.grows and found.high <= 10_000)
    warned = 0
    for _ in range(100):
        count, period = int(rng.integers(60, 200)), int(rng.integers(3, 25))
        values = 1000 + 50 * (np.arange(count) % period) / period
        values += rng.uniform(1, 10) * remembering(rng, count, float(rng.uniform(0, 0.8)))
        found = _limit.until(values, 2000.0, horizon=10_000)
        warned += found is not None and found.grows and found.high <= 10_000
    return {
        "median_error": float(np.median(errors)), "coverage": float(np.mean(inside)),
        "false_warnings": float(warned), "warned": float(np.mean(warnings)),
        "leaks": float(len(errors)),
    }  # fmt: skip


@goal("P4", "<= 0.007 sigma_rmse", "<= 2.4e-4 kappa_rmse", "<= 0.046 median_error",
      "<= 0.115 p90_error", "<= 1e-6 exact_error", cheap=True)  # fmt: skip
def scaling(rng: np.random.Generator) -> dict[str, float]:
    """The law of N = 1..32 workers with 2 % noise: its parameters, and throughput at 64."""
    sizes = np.array([1, 2, 4, 8, 12, 16, 24, 32], np.float64)
    sigma_off, kappa_off, far, exact = [], [], [], 0.0
    for _ in range(150):
        sigma, kappa = float(rng.uniform(0.01, 0.1)), float(rng.uniform(1e-4, 3e-3))
        rate = float(rng.uniform(1, 1000))
        true = _scaling.Law("usl", rate, sigma, kappa, 0.0, np.zeros((0, 0)))
        clean = true.throughput(sizes)
        noisy = clean * np.exp(0.02 * rng.normal(size=len(sizes)))
        found = _scaling.fit("usl", sizes, noisy)
        sigma_off.append(found.sigma - sigma)
        kappa_off.append(found.kappa - kappa)
        at = np.array([64.0])
        far.append(abs(float(found.throughput(at)[0] / true.throughput(at)[0]) - 1))
        again = _scaling.fit("usl", sizes, clean)
        exact = max(exact, abs(again.sigma - sigma), abs(again.kappa - kappa))
    return {
        "sigma_rmse": float(np.sqrt(np.mean(np.square(sigma_off)))),
        "kappa_rmse": float(np.sqrt(np.mean(np.square(kappa_off)))),
        "median_error": float(np.median(far)), "p90_error": float(np.quantile(far, 0.9)),
        "exact_error": exact,
    }  # fmt: skip
