"""CP1, CP2, CP4, CP5: changes of level, in recorded series and in series that are made."""

from __future__ import annotations

import importlib.util
import itertools
import json
import random
import time
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.quality import Skipped, goal, shared
from traceql.analyses import _changes, _divisive

MARGIN = 5
_KEPT = Path(__file__).with_name("otava_changes.json")
"""What apache-otava 0.8 finds in series that are made: it pins old versions of numpy and scipy."""


def places(values: np.ndarray) -> list[int]:
    """Give where the default detector sees changes."""
    return [change.at for change in _changes.find(values).changes]


def places_of_several(series: Iterable[np.ndarray]) -> list[int]:
    """Give the changes of any of several series that were recorded together, near ones once."""
    found = sorted(place for values in series for place in places(values))
    return [p for i, p in enumerate(found) if i == 0 or p - found[i - 1] > MARGIN]


def f1(truth: Iterable[Iterable[int]], found: Iterable[int]) -> float:
    """Give F1 with margin 5 over several annotators (van den Burg & Williams 2020, section 4)."""
    said = [{0, *marks} for marks in truth]
    seen = {0, *found}
    precision = _hits(set().union(*said), seen) / len(seen)
    recall = float(np.mean([_hits(marks, seen) / len(marks) for marks in said]))
    return 2 * precision * recall / (precision + recall)


def _hits(marks: set[int], seen: set[int]) -> int:
    left, hits = set(seen), 0
    for mark in sorted(marks):
        near = min(left, key=lambda place: (abs(place - mark), place), default=None)
        if near is not None and abs(near - mark) <= MARGIN:
            left.discard(near)
            hits += 1
    return hits


def covering(truth: Iterable[Iterable[int]], found: Iterable[int], length: int) -> float:
    """Give the mean over annotators of how well segments are covered (Jaccard, by length)."""
    mine = _segments(found, length)
    return float(np.mean([_covered(_segments(marks, length), mine) / length for marks in truth]))


def _segments(places: Iterable[int], length: int) -> list[tuple[int, int]]:
    bounds = [*sorted({0, *places} - {length}), length]
    return list(itertools.pairwise(bounds))


def _covered(truth: list[tuple[int, int]], mine: list[tuple[int, int]]) -> float:
    total = 0.0
    for a, b in truth:
        best = max(max(0, min(b, d) - max(a, c)) / (max(b, d) - min(a, c)) for c, d in mine)
        total += (b - a) * best
    return total


@cache
def annotated() -> dict[str, tuple[list[np.ndarray], list[list[int]]]]:
    """Give the annotated series by name: its values (gaps interpolated), and people's marks."""
    folder = shared("data", "changepoints_tcpd")
    marks: Mapping[str, Mapping[str, list[int]]] = json.loads(
        (folder / "annotations.json").read_text()
    )
    found = {}
    for path in sorted(folder.glob("*.json")):
        if path.stem in marks:
            series = json.loads(path.read_text())["series"]
            values = [np.array(part["raw"], np.float64) for part in series]
            found[path.stem] = ([_filled(v) for v in values], list(marks[path.stem].values()))
    return found


def _filled(values: np.ndarray) -> np.ndarray:
    known = np.isfinite(values)
    at = np.arange(len(values))
    return np.interp(at, at[known], values[known])


@goal("CP1", ">= 0.70 f1", ">= 0.66 cover", ">= 0 f1_beyond_zero", ">= 0 cover_beyond_zero",
      cheap=True)  # fmt: skip
def annotated_changes(_rng: np.random.Generator) -> dict[str, float]:
    """Turing change point data, default settings, beside saying nothing ("zero")."""
    scores, zero = [], []
    for series, marks in annotated().values():
        length = len(series[0])
        found = places_of_several(series)
        scores.append((f1(marks, found), covering(marks, found, length)))
        zero.append((f1(marks, []), covering(marks, [], length)))
    mean, base = np.mean(scores, axis=0), np.mean(zero, axis=0)
    gain = mean - base
    below = np.array(scores) < np.array(zero) - 1e-12
    return {
        "f1": mean[0], "cover": mean[1], "f1_beyond_zero": gain[0], "cover_beyond_zero": gain[1],
        "zero_f1": base[0], "zero_cover": base[1], "series": len(scores),
        "series_below_zero": float(below.any(axis=1).sum()),
    }  # fmt: skip


def remembering(rng: np.random.Generator, count: int, phi: float) -> np.ndarray:
    """First-order noise of standard deviation 1."""
    from scipy.signal import lfilter

    noise = np.asarray(lfilter([1.0], [1.0, -phi], rng.normal(size=count + 200)))[200:]
    return noise * np.sqrt(1 - phi**2)


@goal("CP4", "<= 0.01 white", "<= 0.05 ar5", "<= 0.10 ar8", ">= 0.95 power", cheap=True)
def false_changes(rng: np.random.Generator) -> dict[str, float]:
    """Series of 200 without a change that get one; steps of 2 sd in white noise that are found."""
    shares = {
        name: float(np.mean([bool(places(remembering(rng, 200, phi))) for _ in range(rounds)]))
        for name, phi, rounds in (("white", 0.0, 1200), ("ar5", 0.5, 300), ("ar8", 0.8, 300))
    }
    return {**shares, "power": _power(rng, 0.0, 800), "power_ar8": _power(rng, 0.8, 200)}


def _power(rng: np.random.Generator, phi: float, rounds: int) -> float:
    hits = 0
    for _ in range(rounds):
        values, at = remembering(rng, 200, phi), int(rng.integers(30, 170))
        values[at:] += 2
        hits += any(abs(place - at) <= 3 for place in places(values))
    return hits / rounds


@goal("CP5", "<= 1 seconds", ">= 0.95 recall", cheap=True)
def long_series(rng: np.random.Generator) -> dict[str, float]:
    """Ten thousand values with eight steps of 1.5 sd, found within ten values; five times."""
    places(rng.normal(size=100))  # compiles
    hits, seconds = [], []
    for _ in range(5):
        truth = rng.choice(np.arange(1, 20), 8, replace=False) * 500
        values = rng.normal(size=10_000)
        for at in truth:
            values[at:] += 1.5 * rng.choice([-1, 1])
        began = time.process_time()
        found = places(values)
        seconds.append(time.process_time() - began)
        hits += [any(abs(place - at) <= 10 for place in found) for at in truth]
    return {"seconds": max(seconds), "recall": float(np.mean(hits))}


@goal("CP2", "== 0 mongodb_off", "== 0 otava_off", cheap=True)
def as_peers(rng: np.random.Generator) -> dict[str, float]:
    """Changes as MongoDB's files expect them, and as the package Otava finds them."""
    off, compared = _beside_mongodb()
    kept = json.loads(_KEPT.read_text())
    otava_off = [_off(case["values"], case["settings"], case["changes"]) for case in kept]
    if importlib.util.find_spec("otava") is not None:
        for _ in range(40):
            values, settings = made(rng)
            otava_off.append(_off(values, settings, as_otava(values, settings)))
    return {
        "mongodb_off": off, "otava_off": sum(otava_off),
        "mongodb_compared": compared, "otava_compared": len(otava_off),
    }  # fmt: skip


def made(rng: np.random.Generator) -> tuple[list[float], dict[str, float]]:
    """Make a series with up to five changes, and settings."""
    values = rng.normal(100, 5, int(rng.integers(10, 300)))
    for at in rng.integers(0, len(values), rng.integers(0, 6)):
        values[at:] += rng.normal(0, 12)
    settings = {
        "window": int(rng.choice([30, 50, 75])),
        "max_p": float(rng.choice([0.2, 0.1, 0.01, 0.001, 1e-5])),
        "least_magnitude": float(rng.choice([0, 0.02, 0.05])),
    }
    return np.round(values, int(rng.integers(0, 4))).tolist(), settings


def as_otava(values: list[float], settings: Mapping[str, float]) -> list[int]:
    """Give what the package finds."""
    from otava.analysis import compute_change_points

    found, _ = compute_change_points(
        values,
        window_len=int(settings["window"]),
        max_pvalue=settings["max_p"],
        min_magnitude=settings["least_magnitude"],
    )
    return [int(change.index) for change in found]


def _off(values: list[float], settings: Mapping[str, Any], expected: list[int]) -> bool:
    found = _divisive.windowed(np.array(values, np.float64), **settings)
    return [split.at for split in found] != expected


def _beside_mongodb() -> tuple[int, int]:
    from traceql.kernels import energy

    try:
        folder = shared("data", "series_mongodb")
    except Skipped:
        return 0, 0
    off = compared = 0
    for name in ("short", "small", "medium", "large"):
        told = json.loads((folder / f"{name}.json").read_text())
        values = np.array(told["series"], np.float64)
        chance = random.Random(1234)  # its sequence is the expected one
        found = _divisive.permuted(values, lambda k, c=chance: [c.random() for _ in range(k)])
        off += len(found) != told["expected"]
        compared += 1
    values = np.array(json.loads((folder / "robust_series.json").read_text()))
    expected = json.loads(
        (folder / "expected_result_robust_series_proper_division.json").read_text()
    )
    return off + (not np.allclose(energy.at_end(values), expected, rtol=1e-9)), compared + 1


if __name__ == "__main__":
    # With apache-otava installed: keep what it finds, for where it is not.
    chance = np.random.default_rng(20)
    cases = [made(chance) for _ in range(60)]
    lines = [json.dumps({"values": v, "settings": s, "changes": as_otava(v, s)}) for v, s in cases]
    _KEPT.write_text("[\n" + ",\n".join(lines) + "\n]\n")
