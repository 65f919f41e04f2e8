"""anomaly.counter: planted values are found; steps, drift, habit and noise are none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_traces import evidence, host, results_of, store_with

from traceql.analyses.anomaly import _excursions

N = 1500


def counters(values, name="power"):
    return [
        {"ph": "C", "name": name, "pid": 1, "tid": 0, "ts": 10 * i, "args": {"W": float(v)}}
        for i, v in enumerate(values)
    ]


def found_in(folder, values):
    store = store_with(folder, counters(values))
    return store, results_of(store, "anomaly.counter")["anomaly.counter"]


def noise(seed, n=N, phi=0.0):
    random = np.random.default_rng(seed)
    steps = random.normal(0, 1, n)
    out = np.empty(n)
    last = 0.0
    for i in range(n):
        last = phi * last + steps[i]
        out[i] = last
    return out


def test_planted_values_are_found_and_shown(tmp_path):
    values = 200 + noise(3)
    values[[400, 900]] = [260.0, 130.0]
    store, result = found_in(tmp_path, values)
    (finding,) = result.findings
    (rows,) = evidence(store, result)
    assert sorted(row[2] for row in rows) == [4_000_000, 9_000_000]
    assert finding.n_events == 2
    assert finding.value == 130.0
    assert abs(finding.baseline - 200) < 2


@pytest.mark.parametrize(
    "values",
    [
        200 + noise(4),
        200 + noise(5, phi=0.9),
        np.where(np.arange(N) < 700, 100, 300) + noise(6),
        np.linspace(100, 900, N) + noise(7),
        200 + np.where(np.arange(N) % 25 == 0, 80, 0) + noise(8),
        np.random.default_rng(9).lognormal(0, 0.5, N),
        np.full(N, 7.0),
        np.cumsum(np.random.default_rng(10).normal(0, 1, N)),
    ],
    ids=["white", "ar", "step", "drift", "habit", "skewed", "constant", "walk"],
)
def test_what_counters_usually_do_is_left_alone(tmp_path, values):
    _, result = found_in(tmp_path, values)
    assert result.status == "empty"


def test_one_spike_of_a_constant_is_found(tmp_path):
    values = np.full(N, 7.0)
    values[N // 2] = 9.0
    store, result = found_in(tmp_path, values)
    assert [len(rows) for rows in evidence(store, result)] == [1]


def test_it_abstains_without_counters_and_with_few_values(tmp_path):
    none = store_with(tmp_path, [host("a", 1, 2)])
    assert results_of(none, "anomaly.counter")["anomaly.counter"].status == "abstained"
    few = tmp_path / "few"
    few.mkdir()
    _, result = found_in(few, [1, 2, 3])
    assert (result.status, "few" in result.reason) == ("abstained", True)


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=40), st.sampled_from([3, 7]))
def test_distance_equals_brute_force(values, window):
    series = np.array(values, np.float64)
    half = window // 2
    around = [np.median(series[max(i - half, 0) : i + half + 1]) for i in range(len(series))]
    assert (_excursions.judge(series, window).off == series - np.array(around)).all()
