"""cluster.cost: planted latency and bandwidth, exponents, and shapes that tell nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_traces import device, results_of, store_with

from traceql.analyses.cluster import _models, _regress

NAME = "cluster.cost"


@given(latency=st.floats(500, 50_000), rate=st.floats(1e8, 1e12))
def test_latency_and_bandwidth_are_recovered(latency, rate):
    size = 2.0 ** np.arange(8, 30, 2)
    found = _models.transfer(size, latency + size / rate * 1e9)
    assert found.latency_ns == pytest.approx(latency, rel=1e-6)
    assert found.bytes_per_s == pytest.approx(rate, rel=1e-6)
    assert found.error < 1e-9


@given(seed=st.integers(0, 1000))
def test_a_line_without_noise_is_exact(seed):
    rng = np.random.default_rng(seed)
    x, slope = rng.normal(size=(40, 3)), rng.normal(size=3)
    found = _regress.fit(x, 2.5 + x @ slope)
    assert np.allclose([found.intercept, *found.slope], [2.5, *slope], atol=1e-9)


def test_outliers_count_less():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(200, 1))
    y = 3 * x[:, 0] + rng.normal(0, 0.1, 200)
    y[:20] += 50
    assert _regress.fit(x, y).slope[0] == pytest.approx(3, abs=0.1)


def test_models_of_a_trace(tmp_path):
    rng, events, ts = np.random.default_rng(4), [], 0.0
    for i in range(12):
        size = 1 << (10 + i)
        events.append(device("Memcpy HtoD (Pinned -> Device)", ts, 3 + size / 1e4,
                             cat="gpu_memcpy", bytes=size))  # fmt: skip
        ts += 3 + size / 1e4 + 10
    for op in range(15):
        for _ in range(4):
            blocks = int(rng.integers(10, 5000))
            dur = round(0.02 * blocks * float(np.exp(rng.normal(0, 0.05))), 3)
            events.append(device(f"kernel {op}", ts, dur, grid=[blocks, 1, 1], block=[128, 1, 1]))
            ts += dur + 10
    result = results_of(store_with(tmp_path, events), NAME)[NAME]
    rows = {row["kind"]: row for row in result.tables["model"].to_pylist()}
    (copy,) = (row for kind, row in rows.items() if kind != "kernel")

    assert copy["latency_dur"] == pytest.approx(3000, rel=0.01)
    assert copy["bandwidth_bytes_per_s"] == pytest.approx(1e10, rel=0.01)
    assert rows["kernel"]["holds"]
    assert rows["kernel"]["exponent_blocks"] == pytest.approx(1, abs=0.05)
    assert rows["kernel"]["error_factor"] < 1.1 < rows["kernel"]["baseline_error_factor"]


def test_shapes_that_tell_nothing_make_no_model(tmp_path):
    rng, events, ts = np.random.default_rng(6), [], 0.0
    for op in range(30):
        dur = float(round(np.exp(rng.normal(3, 1)), 3))
        events.append(device(f"kernel {op}", ts, dur, grid=[int(rng.integers(1, 5000)), 1, 1],
                             block=[128, 1, 1]))  # fmt: skip
        ts += dur + 5
    result = results_of(store_with(tmp_path, events), NAME)[NAME]
    assert result.status == "empty"
