"""correlation.events: what is tied in time is found, rhythm, phases and nesting are not."""

from __future__ import annotations

import numpy as np
import pytest
from made_traces import evidence, host, results_of, store_with

from traceql.analyses.correlation import _near

NAME = "correlation.events"
SPAN = 1_000_000


def trains(seed, *, lag=0.0, phase=False):
    """Two operations that are tied, one that is not, one of a rhythm; or two of one phase."""
    chance = np.random.default_rng(seed)
    first = np.sort(chance.uniform(0, SPAN, 120))
    last = SPAN / 10 if phase else SPAN
    named = {
        "collect": first,
        "stall": first[chance.random(120) < 0.8] + lag + 30,
        "alone": np.sort(chance.uniform(0, SPAN, 150)),
        "beat": np.arange(0, SPAN, 4000.0),
        "tick": np.arange(700, SPAN, 4000.0),
    }
    if phase:
        named = {name: np.sort(chance.uniform(0, last, 40)) for name in ("load", "parse")}
        named["later"] = np.sort(chance.uniform(0, SPAN, 100))
    return [
        host(name, round(float(at), 3), 5, tid=tid)
        for tid, (name, times) in enumerate(named.items(), 1)
        for at in times
    ]


def test_what_is_tied_is_found(tmp_path):
    store = store_with(tmp_path, trains(1))
    result = results_of(store, NAME)[NAME]
    (finding,) = result.findings
    assert set(finding.subject.split(" ~ ")) == {"collect (host)", "stall (host)"}
    assert finding.effect > 10
    (rows,) = evidence(store, result)
    assert len(rows) == finding.n_events


def test_a_lag_is_found(tmp_path):
    store = store_with(tmp_path, trains(2, lag=2500))
    result = results_of(store, NAME)[NAME]
    (finding,) = result.findings
    (row,) = [r for r in result.tables["near"].to_pylist() if r["first"] == "collect"]
    assert finding.kind == "lagged"
    assert row["lag_dur"] == pytest.approx(2_500_000, abs=300_000)
    (rows,) = evidence(store, result)
    assert len(rows) == finding.n_events


def test_the_same_phase_ties_nothing(tmp_path):
    store = store_with(tmp_path, trains(3, phase=True))
    result = results_of(store, NAME)[NAME]
    assert not result.findings


def test_independent_trains_are_seldom_called_near():
    chance = np.random.default_rng(4)
    bins, ops = 2048, 40
    counts = np.stack([np.bincount(chance.integers(0, bins, 100), minlength=bins)
                       for _ in range(ops)])  # fmt: skip
    near = np.maximum(counts > 0, np.roll(counts > 0, -1, axis=1)).astype(float)
    p_values = []
    for train in counts:
        spectrum = np.conj(np.fft.rfft(train.astype(float)))
        shifted = np.rint(np.fft.irfft(spectrum * np.fft.rfft(near, axis=1), bins, axis=1))
        brute = [(train * np.roll(near[0], -lag)).sum() for lag in (0, 1, 5, bins - 3)]
        assert shifted[0, [0, 1, 5, bins - 3]].tolist() == brute
        p_values.append(_near.chance(shifted, np.zeros(ops, np.int64), bins // 2).p)
    own = np.eye(ops, dtype=bool)
    p = np.array(p_values)[~own]
    assert 0.01 <= (p <= 0.05).mean() <= 0.075
    assert (p <= 0.001).mean() <= 0.004


def test_too_few_operations_abstain(tmp_path):
    store = store_with(tmp_path, [host("a", 10 * i, 5) for i in range(20)])
    assert results_of(store, NAME)[NAME].status == "abstained"
