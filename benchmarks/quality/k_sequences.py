"""A4: changed places planted in sequences of operations."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from benchmarks.quality import goal
from traceql.analyses.anomaly import _surprise
from traceql.analyses.anomaly.sequence import Sequence
from traceql.model import tables

OPS = 24_000
PLANTS = 48
NEAR = 6
FOREIGN = 9_000


def program(rng: np.random.Generator) -> list[tuple[int, float]]:
    """Give a step: 25 to 60 operations of a vocabulary, each with the chance that it comes."""
    length = int(rng.integers(25, 60))
    names = rng.integers(0, int(rng.integers(12, 40)), length)
    optional = rng.random(length) < 0.1
    return [(int(name), 0.1 if maybe else 1.0) for name, maybe in zip(names, optional, strict=True)]


def clean(rng: np.random.Generator) -> np.ndarray:
    """Repeat a step with its optional operations until there are enough."""
    step = program(rng)
    names = np.array([name for name, _ in step])
    chance = np.array([chance for _, chance in step])
    parts, total = [], 0
    while total < OPS:
        parts.append(names[rng.random(len(names)) < chance])
        total += len(parts[-1])
    return np.concatenate(parts)[:OPS]


def planted(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Give a sequence and where it was changed: swapped, inserted, dropped, foreign."""
    ops = clean(rng).tolist()
    wanted = np.sort(rng.choice(np.arange(50, OPS - 50, 40), PLANTS, replace=False))
    places: list[int] = []
    shift = 0
    for index, at in enumerate(wanted.tolist()):
        place = at + shift
        kind = index % 4
        if kind == 0:
            while ops[place] == ops[place + 1]:  # a swap of equals changes nothing
                place += 1
            ops[place], ops[place + 1] = ops[place + 1], ops[place]
        elif kind == 1:
            other = [op for op in set(ops) if op not in (ops[place - 1], ops[place])]
            ops.insert(place, int(rng.choice(other)))
            shift += 1
        elif kind == 2:
            while ops[place] == ops[place + 1]:  # nor does one less of the same
                place += 1
            del ops[place]
            shift -= 1
        else:
            ops[place] = FOREIGN + int(rng.integers(0, 3))
        places.append(place)
    return np.array(ops), np.array(places)


def found(ops: np.ndarray) -> np.ndarray:
    """Run `anomaly.sequence` over one thread; give the places of its events."""
    n = len(ops)
    ts = np.arange(n, dtype=np.int64) * 10
    given = {
        "sequence": pa.table(
            {
                "track_id": pa.array(np.ones(n), pa.int32()),
                "ts": ts,
                "dur": np.full(n, 5),
                "symbol": ops.astype(np.int64),
                "issued_ts": ts,
                "of_device": np.zeros(n, bool),
            }
        ),
        "track": pa.table({"id": [1], "name": ["thread"]}),
        "iteration": tables.table("iteration").arrow_schema.empty_table(),
    }
    analysis = Sequence()
    measured = analysis.measure(given)
    result = analysis.conclude(measured.append_column("trace", pa.array(["t"])))
    if not result.findings:
        return np.empty(0, np.int64)
    scored = _surprise.surprise(ops.astype(np.int64))
    rule = _surprise.Rule(analysis.least_bits, measured["most_seen"][0].as_py())
    places = _surprise.events(scored, rule) + _surprise.ORDER
    assert len(places) == result.findings[0].n_events
    return places


@goal("A4", ">= 0.95 recall", ">= 0.85 precision", "<= 1 false_per_10k_ops", cheap=True)
def a4(rng: np.random.Generator) -> dict[str, float]:
    """Sequences: 48 of 24,000 places changed in ten programs with optional operations."""
    recalls, precisions, false = [], [], []
    for _ in range(10):
        ops, places = planted(rng)
        hits = found(ops)
        apart = np.abs(hits[:, None] - places[None, :]) <= NEAR
        right = apart.any(axis=1)
        recalls.append(apart.any(axis=0).mean())
        precisions.append(right.mean() if len(hits) else 0.0)
        false.append((~right).sum() / OPS * 10_000)
    quiet = [len(found(clean(rng))) / OPS * 10_000 for _ in range(5)]
    return {
        "recall": float(np.mean(recalls)),
        "precision": float(np.mean(precisions)),
        "false_per_10k_ops": float(np.mean(false)),
        "events_per_10k_clean_ops": float(np.mean(quiet)),
        "worst_recall": float(min(recalls)),
    }
