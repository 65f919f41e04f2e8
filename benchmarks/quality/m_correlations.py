"""C1 to C3: correlations that memory cannot feign, equal to scipy's; events that are tied."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from scipy import stats
from scipy.signal import lfilter

from benchmarks.quality import goal
from traceql.analyses.correlation import _coefficients
from traceql.analyses.correlation.events import Events

_PAIRS = 300
_RUNS, _SPAN = 20, 1_000_000_000


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


@goal("C3", "<= 0.01 false_pairs", ">= 0.95 found", ">= 0.95 lagged_found", cheap=True)
def near(rng: np.random.Generator) -> dict[str, float]:
    """Trains of events at random, in bursts and on a beat; pairs planted among them, with a lag."""
    false = pairs = found = lagged = 0
    for run in range(_RUNS):
        late = int(rng.uniform(5, 60)) * _SPAN // 4096 if run % 2 else 0
        trains = [_train(rng, kind) for kind in ("random", "bursts", "beat") for _ in range(4)]
        first = np.sort(rng.integers(0, _SPAN, int(rng.integers(60, 300))))
        second = first[rng.random(len(first)) < 0.8] + late + 20
        told = _told([*trains, first, second])
        planted = {len(trains), len(trains) + 1}
        found += planted in told and not late
        lagged += planted in told and bool(late)
        false += sum(pair != planted for pair in told)
        pairs += (len(trains) + 2) * (len(trains) + 1) // 2
    return {"false_pairs": false / pairs, "found": found / (_RUNS / 2),
            "lagged_found": lagged / (_RUNS / 2)}  # fmt: skip


def _train(rng: np.random.Generator, kind: str) -> np.ndarray:
    """Give the times of 50 to 400 events."""
    count = int(rng.integers(50, 400))
    if kind == "beat":
        gap = _SPAN / count
        return np.sort((np.arange(count) * gap + rng.normal(0, gap / 20, count)) % _SPAN)
    if kind == "bursts":
        centers = rng.uniform(0, _SPAN, count // 10 + 1)
        return np.sort((rng.choice(centers, count) + rng.exponential(_SPAN / 2000, count)) % _SPAN)
    return np.sort(rng.uniform(0, _SPAN, count))


def _told(trains: list[np.ndarray]) -> list[set[int]]:
    """Run `correlation.events` over the trains, each of a thread of its own; the pairs found."""
    times = [np.asarray(train, np.int64) for train in trains]
    name = np.repeat(np.arange(len(times)), [len(t) for t in times])
    ts = np.concatenate(times)
    op = {"side": ["host"] * len(ts), "name_id": name, "ts": ts, "dur": np.full(len(ts), 5),
          "issued_ts": ts, "track_id": name}  # fmt: skip
    names = {"id": np.arange(len(times)), "text": [str(i) for i in range(len(times))]}
    analysis = Events()
    measured = analysis.measure({"op": pa.table(op), "name": pa.table(names)})
    label = pa.array(["made"] * measured.num_rows, pa.string())
    rows = analysis.conclude(measured.append_column("trace", label)).findings
    return [{int(part.split()[0]) for part in f.subject.split(" ~ ")} for f in rows]
