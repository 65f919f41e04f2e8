"""PT1: nine shapes of series."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.quality import goal
from traceql.analyses import _shapes

_ROUNDS = 30


def _noisy(signal: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Set a signal on a level, with noise half its spread or less."""
    noise = float(signal.std()) / rng.uniform(2, 6)
    return (
        8 * float(np.abs(signal).max()) * rng.uniform(0.3, 1)
        + signal
        + rng.normal(0, noise, len(signal))
    )


def _steady(rng: np.random.Generator, n: int) -> np.ndarray:
    return 100 * (1 + rng.uniform(0.001, 0.08) * rng.normal(size=n))


def _irregular(rng: np.random.Generator, n: int) -> np.ndarray:
    return 100 * np.exp(rng.uniform(0.15, 0.6) * rng.normal(size=n))


def _growing(rng: np.random.Generator, n: int) -> np.ndarray:
    return _noisy(np.linspace(0, 1, n) ** rng.uniform(0.7, 1.5), rng)


def _declining(rng: np.random.Generator, n: int) -> np.ndarray:
    return _noisy(-(np.linspace(0, 1, n) ** rng.uniform(0.7, 1.5)), rng)


def _stepped(rng: np.random.Generator, n: int) -> np.ndarray:
    signal = np.zeros(n)
    at = np.sort(rng.choice(np.arange(1, 8), int(rng.integers(1, 4)), replace=False)) * n // 8
    for place in at:
        signal[place:] += rng.choice([-1, 1]) * rng.uniform(0.7, 1.5)
    return _noisy(signal, rng) if signal.std() > 0.2 else _stepped(rng, n)


def _cyclical(rng: np.random.Generator, n: int) -> np.ndarray:
    """Short pulses that recur."""
    period = rng.uniform(12, n / 8)
    phase = (np.arange(n) + rng.uniform(0, period)) % period / period
    return _noisy((phase < rng.uniform(0.08, 0.14)).astype(np.float64), rng)


def _oscillating(rng: np.random.Generator, n: int) -> np.ndarray:
    period = rng.uniform(8, n / 8)
    wave = np.sin(2 * np.pi * (np.arange(n) / period + rng.uniform()))
    return _noisy(np.sign(wave) if rng.random() < 0.5 else wave, rng)


def _bursty(rng: np.random.Generator, n: int) -> np.ndarray:
    signal = np.zeros(n)
    for start in rng.integers(0, n - 12, int(rng.integers(4, 9))):
        signal[start : start + int(rng.integers(4, max(5, n // 40)))] = rng.uniform(3, 6)
    return 2 + np.abs(signal + rng.normal(0, 0.4, n))


def _wandering(rng: np.random.Generator, n: int) -> np.ndarray:
    walk = rng.normal(size=n).cumsum()
    return walk - walk.min() + 0.5 * float(walk.std())


MAKE: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "steady": _steady, "irregular": _irregular, "growing": _growing, "declining": _declining,
    "stepped": _stepped, "cyclical": _cyclical, "oscillating": _oscillating, "bursty": _bursty,
    "wandering": _wandering,
}  # fmt: skip


@goal("PT1", ">= 0.95 macro_f1", "<= 0.02 steady_off")
def shapes(rng: np.random.Generator) -> dict[str, float]:
    """Nine shapes, signal at least twice the noise, 256 to 1024 values."""
    truth, told = [], []
    for name, make in MAKE.items():
        for _ in range(_ROUNDS):
            truth.append(name)
            told.append(_shapes.classify(make(rng, int(rng.choice([256, 512, 1024])))).name)
    said, true = np.array(told), np.array(truth)
    scores = {}
    for name in MAKE:
        hit = float(((said == name) & (true == name)).sum())
        scores[name] = 2 * hit / max(float((said == name).sum() + (true == name).sum()), 1.0)
    off = float((said[true == "steady"] != "steady").mean())
    return {"macro_f1": float(np.mean(list(scores.values()))), "steady_off": off, **scores}
