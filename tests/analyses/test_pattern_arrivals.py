"""pattern.arrivals: beats and bursts are told apart from the rhythm of steps and from chance."""

from __future__ import annotations

import numpy as np
import pytest
from made_traces import evidence, host, results_of, store_with

from traceql.analyses.pattern import _gaps

NAME = "pattern.arrivals"


def test_each_way_of_coming_is_told(tmp_path):
    chance = np.random.default_rng(7)
    steps = 40
    trains = {
        "beat": 300 + 3700 * np.arange(108) + chance.normal(0, 20, 108),
        "burst": np.concatenate([at + 40 * np.arange(25) for at in (9_000, 150_000, 290_000)]),
        "random": np.sort(chance.uniform(0, 400_000, 150)),
        "of_steps": np.concatenate([10_000 * s + 500 + 30 * np.arange(12) for s in range(steps)]),
        "once": 10_000 * np.arange(steps) + 20,
    }
    events = [host(f"ProfilerStep#{s}", 10_000 * s, 9_990, tid=99) for s in range(steps)]
    for tid, (name, times) in enumerate(trains.items(), 1):
        events += [host(name, round(float(at), 3), 10, tid=tid) for at in times]
    store = store_with(tmp_path, events)
    result = results_of(store, NAME, parameters={"least_ratio": 0.0005})[NAME]
    rows = {row["name"]: row for row in result.tables["arrival"].to_pylist()}
    assert {name: rows[name]["comes"] for name in trains} == {
        "beat": "periodic", "burst": "bursty", "random": "irregular",
        "of_steps": "every step", "once": "every step",
    }  # fmt: skip
    assert rows["burst"]["burst_count"] == 3
    found = {f.subject: f for f in result.findings}
    assert set(found) == {"beat (host)", "burst (host)"}
    assert found["beat (host)"].value == pytest.approx(3_700_000, rel=0.02)
    assert found["burst (host)"].n_events == 75
    assert [len(rows) for rows in evidence(store, result)] == [f.n_events for f in result.findings]


def test_burstiness_is_nought_at_random_and_minus_one_on_a_beat():
    chance = np.random.default_rng(8)
    assert _gaps.burstiness(np.full(50, 3.0)) == pytest.approx(-1)
    at_random = [_gaps.burstiness(chance.exponential(1, 30)) for _ in range(300)]
    assert abs(np.mean(at_random)) < 0.05


def test_too_few_events_abstain(tmp_path):
    store = store_with(tmp_path, [host("a", 10 * i, 5) for i in range(9)])
    assert results_of(store, NAME)[NAME].status == "abstained"
