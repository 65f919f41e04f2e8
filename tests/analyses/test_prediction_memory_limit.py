"""prediction.memory_limit: the step at which a line meets its limit, and what is not said."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from made_memory import event
from made_traces import evidence, host, results_of
from test_prediction_trend import remembering

from traceql.analyses.prediction import _limit
from traceql.engine.ingest import ingest
from traceql.store.catalog import Store

if TYPE_CHECKING:
    from pathlib import Path

NAME = "prediction.memory_limit"


def test_a_line_meets_its_limit_where_it_does() -> None:
    values = 100 + 2.0 * np.arange(40) + 1e-6 * np.random.default_rng(1).normal(size=40)
    found = _limit.until(values, 400.0, horizon=200)
    assert found is not None
    assert found.steps == pytest.approx((400 - 178) / 2, abs=0.01)
    assert found.low <= found.steps <= found.high
    assert found.grows
    assert found.risk == pytest.approx(1.0)


def test_intervals_cover() -> None:
    chance = np.random.default_rng(2)
    inside = []
    for _ in range(100):
        values = 1000 + 2 * np.arange(80) + 3 * remembering(chance, 80, 0.5)
        found = _limit.until(values, 1800.0, horizon=1000)
        assert found is not None
        inside.append(found.low <= 400 - 79 <= found.high)
    assert np.mean(inside) >= 0.82


def test_what_does_not_grow_is_no_danger() -> None:
    chance = np.random.default_rng(3)
    for _ in range(30):
        found = _limit.until(1000 + 20 * remembering(chance, 60, 0.6), 2000.0, horizon=100)
        assert found is not None
        assert not (found.grows and found.high < 10_000)
        assert found.risk < 0.05


def test_a_fall_never_meets_it() -> None:
    found = _limit.until(1000 - 2.0 * np.arange(30), 1200.0, horizon=100)
    assert found is not None
    assert found.steps == np.inf
    assert not found.grows


def test_few_steps_are_not_enough() -> None:
    assert _limit.until(np.arange(11.0), 100.0, horizon=10) is None


def store_of(folder: Path, growth: float, *, capacity: bool = True, steps: int = 60) -> Store:
    """Steps of 1 ms whose peak grows by `growth` bytes each, on a device of 8 GB."""
    chance = np.random.default_rng(5)
    events = []
    for step in range(steps):
        at, floor = 1010.0 * step, 1e9 + growth * step
        size = int(1e8 + 1e5 * chance.normal())
        events += [
            host(f"ProfilerStep#{step}", at, 1000),
            event(at + 10, 1000 + step, size, int(floor) + size),
            event(at + 500, 1000 + step, -size, int(floor)),
        ]
    document: dict[str, object] = {"schemaVersion": 1, "traceEvents": events}
    if capacity:
        document["deviceProperties"] = [{"id": 0, "name": "X", "totalGlobalMem": 8 * 10**9}]
    path = folder / "made.json"
    path.write_text(json.dumps(document))
    store = Store.open(folder / "store", create=True)
    ingest(path, store=store)
    return store


def test_a_leak_is_found_with_its_rest_of_life(tmp_path: Path) -> None:
    store = store_of(tmp_path, 5e6)
    result = results_of(store, NAME)[NAME]
    (finding,) = result.findings
    assert finding.subject == "device 0"
    assert finding.value == pytest.approx((8e9 - 1.395e9) / 5e6, rel=0.01)
    assert [len(rows) for rows in evidence(store, result)] == [finding.n_events] == [120]
    (row,) = result.tables["memory_limit"].to_pylist()
    assert row["steps_low"] <= row["steps_to_limit"] <= row["steps_high"]
    assert row["time_to_limit_ns"] == pytest.approx(row["steps_to_limit"] * 1e6)
    near = results_of(store, NAME, parameters={"limit_bytes": 1_400_000_000})[NAME]
    assert near.tables["memory_limit"]["steps_to_limit"][0].as_py() < 3


def test_what_is_steady_makes_no_finding(tmp_path: Path) -> None:
    result = results_of(store_of(tmp_path, 0.0), NAME)[NAME]
    assert (result.status, result.findings) == ("empty", ())


def test_without_a_limit_it_says_what_to_do(tmp_path: Path) -> None:
    store = store_of(tmp_path, 5e6, capacity=False)
    result = results_of(store, NAME)[NAME]
    assert result.status == "abstained"
    assert "limit_bytes" in (result.remedy or "")
    few = tmp_path / "few"
    few.mkdir()
    assert results_of(store_of(few, 5e6, steps=5), NAME)[NAME].status == "abstained"
