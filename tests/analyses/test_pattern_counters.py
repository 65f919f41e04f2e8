"""pattern.counters: periods, phases and shapes, and what is found in traces."""

from __future__ import annotations

import numpy as np
import pytest
from made_traces import device, evidence, host, results_of, store_with

from benchmarks.quality.l_cycles import APERIODIC, PERIODIC
from benchmarks.quality.l_shapes import MAKE
from traceql.analyses import _cycles, _phases, _shapes

NAME = "pattern.counters"


@pytest.mark.parametrize("kind", PERIODIC)
def test_periods_are_found(kind: str) -> None:
    chance = np.random.default_rng(61)
    hits = 0
    for _ in range(12):
        period = float(chance.uniform(8, 64))
        found = _cycles.find(PERIODIC[kind](chance, 512, period))
        hits += found is not None and abs(found.period / period - 1) <= 0.03
    assert hits >= 11


@pytest.mark.parametrize("kind", APERIODIC)
def test_what_has_no_period_gets_none(kind: str) -> None:
    chance = np.random.default_rng(62)
    found = [_cycles.find(APERIODIC[kind](chance, 512)) for _ in range(25)]
    assert sum(cycle is not None for cycle in found) <= 1


def test_a_wave_is_known_nearly_exactly() -> None:
    noise = np.random.default_rng(60).normal(0, 0.05, 400)
    found = _cycles.find(np.sin(2 * np.pi * np.arange(400) / 12.5) + noise)
    assert found is not None
    assert found.period == pytest.approx(12.5, rel=0.002)
    assert found.share > 0.95
    assert found.trough == pytest.approx(-1, abs=0.05)


@pytest.mark.parametrize("values", [[], [1.0] * 50, [1.0, 2.0] * 5])
def test_too_little_has_no_period(values) -> None:
    assert _cycles.find(np.array(values)) is None


def test_phases_are_told_by_their_waves() -> None:
    chance = np.random.default_rng(63)
    at = np.arange(400)
    parts = [np.sin(2 * np.pi * at / 20), at % 20 / 10 - 1, np.abs(np.sin(2 * np.pi * at / 33))]
    values = np.concatenate(parts) + chance.normal(0, 0.05, 1200)
    assert _phases.find(values, 20) == pytest.approx([400, 800], abs=20)
    assert _phases.find(values[:400], 20) == []
    assert _phases.find(np.ones(100), 10) == []


@pytest.mark.parametrize("shape", MAKE)
def test_shapes_are_named(shape: str) -> None:
    chance = np.random.default_rng(64)
    named = [_shapes.classify(MAKE[shape](chance, 384)).name for _ in range(10)]
    assert named.count(shape) >= 9, named


def test_a_constant_is_steady() -> None:
    assert _shapes.classify(np.full(50, 3.0)).name == "steady"


def sampled(name: str, values: np.ndarray, every: float = 10) -> list[dict[str, object]]:
    return [
        {"ph": "C", "name": name, "pid": 10, "tid": 1, "ts": every * i, "args": {"value": v}}
        for i, v in enumerate(values.tolist())
    ]


def test_counters_and_devices_are_named_with_their_evidence(tmp_path) -> None:
    chance = np.random.default_rng(65)
    wave = 50 + 10 * np.sin(2 * np.pi * np.arange(600) / 30) + chance.normal(size=600)
    events = [
        *sampled("wave", wave), *sampled("flat", 50 + chance.normal(size=600)),
        *sampled("few", wave[:20]),
        *sampled("rise", np.linspace(10, 30, 600) + chance.normal(size=600)),
        *(device("k", 40.0 * i, 10 if i < 100 else 30) for i in range(200)),
        host("work", 0, 8000),
    ]  # fmt: skip
    store = store_with(tmp_path, events)
    result = results_of(store, NAME)[NAME]
    rows = {row["name"]: row for row in result.tables["resource"].to_pylist()}
    shapes = {name.split()[0]: row["shape"] for name, row in rows.items()}
    assert shapes["wave"] == "oscillating"
    assert shapes["flat"] == "steady"
    assert shapes["rise"] == "growing"
    assert not any("few" in name for name in rows)
    assert rows["work of device 0"]["shape"] == "stepped"
    (wave_row,) = [row for name, row in rows.items() if name.startswith("wave")]
    assert wave_row["period_dur"] == pytest.approx(300_000, rel=0.02)
    assert {f.kind for f in result.findings} == {"oscillating", "growing", "stepped"}
    assert [len(rows) for rows in evidence(store, result)] == [f.n_events for f in result.findings]


def test_nothing_to_sample_abstains(tmp_path) -> None:
    result = results_of(store_with(tmp_path, [host("f", 0, 10)]), NAME)[NAME]
    assert result.status == "abstained"
