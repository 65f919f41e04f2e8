"""workload.efficiency: closed forms, the identity on random devices, and parts that agree."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_traces import device, host, results_of, store_with

from traceql.analyses.workload import _factors

NAME = "workload.efficiency"


@given(
    rows=st.lists(
        st.tuples(st.integers(0, 50), st.integers(1, 100), st.floats(0.01, 1), st.floats(0, 1)),
        min_size=1, max_size=6,
    )
)  # fmt: skip
def test_the_factors_multiply_to_the_efficiency(rows):
    devices = []
    for start, span, busy, compute in rows:
        worked = busy * span
        devices.append({"ts": start, "span_dur": span, "busy_dur": worked,
                        "compute_dur": compute * worked})  # fmt: skip
    found = _factors.factors(devices)
    wall = max(s + d for s, d, _, _ in rows) - min(s for s, *_ in rows)
    useful = [d["compute_dur"] for d in devices]
    assert found["parallel efficiency"] == pytest.approx(sum(useful) / len(useful) / wall)
    assert all(0 <= ratio <= 1 + 1e-12 for ratio in found.values())


def test_the_lowest_factor_is_named(tmp_path):
    events = [device("gemm", 0, 10), device("gemm", 90, 10),
              device("Memcpy HtoD", 10, 5, cat="gpu_memcpy")]  # fmt: skip
    result = results_of(store_with(tmp_path, events), NAME)[NAME]
    rows = {row["factor"]: row for row in result.tables["factor"].to_pylist()}

    assert rows["parallel efficiency"]["ratio"] == pytest.approx(0.2)
    assert rows["busy"]["ratio"] == pytest.approx(0.25)
    assert rows["compute"]["ratio"] == pytest.approx(0.8)
    assert [f for f, row in rows.items() if row["loses_most"]] == ["busy"]
    assert "busy loses most" in result.headline


def test_devices_are_balanced_by_what_they_compute(tmp_path):
    def on(number: int, name: str, ts: float, dur: float):
        event = device(name, ts, dur)
        event["args"]["device"] = event["pid"] = number
        return event

    events = [on(0, "gemm", 0, 100), on(1, "gemm", 0, 50), on(1, "ncclAllReduce", 50, 50)]
    result = results_of(store_with(tmp_path, events), NAME)[NAME]
    rows = {row["factor"]: row["ratio"] for row in result.tables["factor"].to_pylist()}
    assert rows["load balance"] == pytest.approx(0.75)
    assert rows["parallel efficiency"] == pytest.approx(0.75)


def test_occupancy_is_weighted_by_time(tmp_path):
    events = [device("a", 0, 30, **{"est. achieved occupancy %": 100}),
              device("b", 30, 10, **{"est. achieved occupancy %": 20})]  # fmt: skip
    result = results_of(store_with(tmp_path, events), NAME)[NAME]
    (row,) = result.tables["by_device"].to_pylist()
    assert row["occupancy_ratio"] == pytest.approx(0.8)


def test_without_devices_it_abstains(tmp_path):
    result = results_of(store_with(tmp_path, [host("f", 0, 1)]), NAME)[NAME]
    assert result.status == "abstained"
