"""PT3, PT4: periods of series that are made, and phases of recorded ones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.quality import goal, shared
from benchmarks.quality.l_changepoints import covering, remembering
from traceql.analyses import _cycles, _phases

Made = tuple[np.ndarray, float]
_LENGTHS = (384, 512, 1024, 2048)
_ROUNDS = 60


def _sine(rng: np.random.Generator, n: int, period: float) -> np.ndarray:
    """Power half of the noise's."""
    return np.sin(2 * np.pi * (np.arange(n) + rng.uniform(0, period)) / period) + rng.normal(size=n)


def _square(rng: np.random.Generator, n: int, period: float) -> np.ndarray:
    phase = (np.arange(n) + rng.uniform(0, period)) % period / period
    return 2.0 * (phase < rng.uniform(0.3, 0.7)) + rng.normal(0, 0.7, n)


def _saw(rng: np.random.Generator, n: int, period: float) -> np.ndarray:
    at = np.arange(n)
    phase = (at + rng.uniform(0, period)) % period / period
    return 3 * phase + at * rng.uniform(-5, 5) / n + rng.normal(0, 0.5, n)


def _pulses(rng: np.random.Generator, n: int, period: float) -> np.ndarray:
    """A quarter of the period each, off their place by 5 % of it."""
    values = rng.normal(0, 0.5, n)
    for start in np.arange(rng.uniform(0, period), n, period):
        at = max(0, round(start + rng.normal(0, 0.05 * period)))
        values[at : at + max(1, int(period / 4))] += rng.uniform(2.5, 3.5)
    return values


def _spikes(rng: np.random.Generator, n: int, period: float) -> np.ndarray:
    values = rng.normal(0, 0.5, n)
    for start in np.arange(rng.uniform(0, period), n, period):
        values[round(start) : round(start) + int(rng.integers(1, 3))] += rng.uniform(4, 6)
    return values


PERIODIC: dict[str, Callable[[np.random.Generator, int, float], np.ndarray]] = {
    "sine": _sine, "square": _square, "saw": _saw, "jitter": _pulses, "spikes": _spikes,
}  # fmt: skip


def _bursts(rng: np.random.Generator, n: int) -> np.ndarray:
    values = rng.poisson(1, n).astype(np.float64)
    for start in rng.integers(0, n, 1 + rng.poisson(6)):
        values[start : start + int(rng.integers(3, 20))] += rng.poisson(15)
    return values


def _on_off(rng: np.random.Generator, n: int) -> np.ndarray:
    lengths = 1 + rng.exponential(20, n).astype(np.int64)
    return 3.0 * np.repeat(np.arange(n) % 2, lengths)[:n] + rng.normal(size=n)


APERIODIC: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "white": lambda rng, n: rng.normal(size=n),
    "ar9": lambda rng, n: remembering(rng, n, 0.9),
    "walk": lambda rng, n: rng.normal(size=n).cumsum(),
    "bursts": _bursts,
    "on_off": _on_off,
}


@goal("PT3", *(f">= 0.95 {kind}" for kind in PERIODIC),
      *(f"<= 0.02 {kind}" for kind in ("ar9", "walk", "bursts")))  # fmt: skip
def periods(rng: np.random.Generator) -> dict[str, float]:
    """Periods of 8 values to an eighth of the series, within 3 %; and of series that have none."""
    shares = {}
    for kind, make in PERIODIC.items():
        hits = 0
        for _ in range(_ROUNDS):
            n = int(rng.choice(_LENGTHS))
            period = float(rng.uniform(8, n / 8))
            found = _cycles.find(make(rng, n, period))
            hits += found is not None and abs(found.period / period - 1) <= 0.03
        shares[kind] = hits / _ROUNDS
    for kind, clean in APERIODIC.items():
        series = [clean(rng, int(rng.choice(_LENGTHS))) for _ in range(2 * _ROUNDS)]
        shares[kind] = float(np.mean([_cycles.find(values) is not None for values in series]))
    return shares


@goal("PT4", ">= 0.70 covering")
def phases(_rng: np.random.Generator) -> dict[str, float]:
    """Time series segmentation benchmark: window as described, number of phases unknown."""
    folder = shared("data", "segments_tssb")
    scores, zero = [], []
    for line in (folder / "desc.txt").read_text().split():
        name, window, *marks = line.split(",")
        values = np.loadtxt(folder / f"{name}.txt")
        truth = [[int(mark) for mark in marks]]
        scores.append(covering(truth, _phases.find(values, int(window)), len(values)))
        zero.append(covering(truth, [], len(values)))
    return {
        "covering": float(np.mean(scores)), "zero": float(np.mean(zero)), "series": len(scores),
    }  # fmt: skip
