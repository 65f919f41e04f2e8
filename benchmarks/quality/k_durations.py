"""A1: duration outliers planted in populations of many shapes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from benchmarks.quality import goal
from traceql.analyses.anomaly import duration
from traceql.analyses.anomaly.duration import Duration
from traceql.model import tables

EVENTS = 5_000
PLANTED_RATIO = 0.005
ROUNDS = 4
LOOSE_Q = 0.2
"""So loose that enough false events are flagged to be counted."""

Sampler = Callable[[np.random.Generator, int], np.ndarray]


@dataclass(frozen=True)
class Shape:
    """How clean durations (µs) are distributed, and what may be asked of a detector there."""

    sample: Sampler
    most_fpr: float = 0.001
    least_recall: float = 0.95
    least_precision: float = 0.95


def _bimodal(rng: np.random.Generator, n: int) -> np.ndarray:
    return np.where(rng.random(n) < 0.7, rng.normal(100, 4, n), rng.normal(180, 6, n))


def _trimodal(rng: np.random.Generator, n: int) -> np.ndarray:
    mode = rng.choice([60.0, 100.0, 190.0], n, p=[0.3, 0.5, 0.2])
    return mode * np.exp(rng.normal(0, 0.04, n))


def _quantised(rng: np.random.Generator, n: int) -> np.ndarray:
    return np.maximum(np.round(np.exp(rng.normal(np.log(3), 0.15, n))), 1)


SHAPES = {
    "normal": Shape(lambda rng, n: rng.normal(100, 5, n)),
    "lognormal .5": Shape(lambda rng, n: 100 * np.exp(rng.normal(0, 0.5, n))),
    "lognormal 1": Shape(lambda rng, n: 100 * np.exp(rng.normal(0, 1, n)), least_recall=0.80),
    "bimodal": Shape(_bimodal),
    "gamma": Shape(lambda rng, n: rng.gamma(2, 50, n)),
    "quantised": Shape(_quantised, least_precision=0.60),
    "floor+exp": Shape(lambda rng, n: 100 + rng.exponential(10, n), 0.003, 0.95, 0.80),
    "trimodal": Shape(_trimodal),
    "weibull": Shape(lambda rng, n: 100 * rng.weibull(1.8, n) + 20),
}


def planted(shape: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Give durations (ns) and which of them were planted, 1.5 to 5 times the clean p99.9."""
    sample = SHAPES[shape].sample
    values = sample(rng, EVENTS)
    reference = float(np.quantile(sample(rng, 200_000), 0.999))
    label = np.zeros(EVENTS, bool)
    label[rng.choice(np.arange(1, EVENTS), int(PLANTED_RATIO * EVENTS), replace=False)] = True
    values[label] = reference * rng.uniform(1.5, 5, label.sum())
    if shape == "quantised":
        values = np.round(values)
    return np.maximum(values * 1000, 1000).astype(np.int64), label


def flagged(dur: np.ndarray, method: str = "modes") -> np.ndarray:
    """Run `anomaly.duration` over one stratum of the host; give which events it flags."""
    return judged(dur, Duration(method=method))[0]  # type: ignore[arg-type]


def judged(dur: np.ndarray, analysis: Duration) -> tuple[np.ndarray, float]:
    """Give which events are flagged, and the false positive rate that the analysis estimates."""
    measured = analysis.measure(stratum(dur))
    result = analysis.conclude(measured.append_column("trace", pa.array(["t"] * measured.num_rows)))
    found = np.zeros(len(dur), bool)
    for finding in result.findings:
        found = dur >= int(finding.evidence_sql.split("self_dur >= ")[1].split()[0])
    found[0] = False  # the first event counts as warm-up
    return found, result.tables["stratum"]["false_positive_ratio"][0].as_py() or 0.0


def stratum(dur: np.ndarray) -> dict[str, pa.Table]:
    """Give the input of `Duration.measure` for one stratum of the host."""
    n = len(dur)
    event = pa.table(
        {
            "id": np.arange(n),
            "name_id": np.zeros(n, np.int64),
            "stratum": np.zeros(n, np.int64),
            "ts": np.arange(n) * 1_000_000,
            "value": dur,
            "issued_ts": np.arange(n) * 1_000_000,
        }
    )
    quantum = next(q for q in (1000, 100, 10, 1) if not (dur % q).any())
    row = dict.fromkeys(duration.STRATUM) | {
        "stratum": 0, "name_id": 0, "side": "host", "quantum": quantum,
        "side_total": int(dur.sum()),
    }  # fmt: skip
    nothing = pa.table({"id": pa.array([], pa.int32()), "text": pa.array([], pa.string())})
    return {
        "event": event,
        "stratum": pa.Table.from_pylist([row]),
        "name": pa.table({"id": pa.array([0], pa.int32()), "text": ["op"]}),
        "category": nothing,
        "iteration": tables.table("iteration").arrow_schema.empty_table(),
    }


@goal("A1", "<= 0 shapes_missed", ">= 0.95 mean_recall", "<= 0.001 mean_fpr", cheap=True)
def a1(rng: np.random.Generator) -> dict[str, float]:
    """Durations: 0.5 % of 5,000 planted in nine shapes; each shape's own bounds, z3 beside."""
    values: dict[str, float] = {}
    missed, recalls, fprs = 0, [], []
    for name, shape in SHAPES.items():
        modes, z3 = [], []
        for _ in range(ROUNDS):
            dur, label = planted(name, rng)
            modes.append(_rates(flagged(dur), label))
            z3.append(_rates(flagged(dur, "z3"), label))
        fpr, recall, precision = np.mean(modes, axis=0)
        missed += not (
            fpr <= shape.most_fpr
            and recall >= shape.least_recall
            and precision >= shape.least_precision
        )
        values |= {f"{name}: recall": recall, f"{name}: fpr": fpr, f"{name}: precision": precision}
        values[f"{name}: fpr of z3"] = float(np.mean(z3, axis=0)[0])
        recalls.append(recall)
        fprs.append(fpr)
    summary = {
        "shapes_missed": missed,
        "mean_recall": float(np.mean(recalls)),
        "mean_fpr": float(np.mean(fprs)),
    }
    return summary | values


def _rates(found: np.ndarray, label: np.ndarray) -> tuple[float, float, float]:
    """Give the false positive rate, recall and precision."""
    precision = float(label[found].mean()) if found.any() else 0.0
    return float(found[~label].mean()), float(found[label].mean()), precision


@goal("X4", ">= 0.5 estimate_to_truth", "<= 2 estimate_to_truth_upper", cheap=True)
def x4(rng: np.random.Generator) -> dict[str, float]:
    """Calibration: false positive rate that durations estimate of themselves, over the true one."""
    estimates: dict[str, list[float]] = {}
    truths: dict[str, list[float]] = {}
    for name in SHAPES:
        for _ in range(ROUNDS):
            dur, label = planted(name, rng)
            found, estimate = judged(dur, Duration(q=LOOSE_Q))
            estimates.setdefault(name, []).append(estimate)
            truths.setdefault(name, []).append(float(found[~label].mean()))
    estimate = float(np.mean([np.mean(values) for values in estimates.values()]))
    truth = float(np.mean([np.mean(values) for values in truths.values()]))
    summary = {"estimate_to_truth": estimate / truth, "estimate_to_truth_upper": estimate / truth}
    for name in SHAPES:
        summary[f"{name}: estimate"] = float(np.mean(estimates[name]))
        summary[f"{name}: truth"] = float(np.mean(truths[name]))
    return summary
