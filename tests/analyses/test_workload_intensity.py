"""workload.intensity: FLOPs and bytes that args say are summed and placed under the roof."""

from __future__ import annotations

import pytest
from made_traces import device, evidence, host, results_of, store_with

NAME = "workload.intensity"
PEAKS = {"peak_flops_per_s": 100e12, "peak_bytes_per_s": 1e12}


def events():
    """Products at half the peak of compute, copies at a tenth of memory's; others say nothing."""
    made = []
    for i in range(10):
        made.append(device("dot", 100 * i, 20, model_flops=str(10**9), bytes_accessed=str(10**6)))
        made.append(device("add", 100 * i + 30, 50, flops=5000.0, bytes_accessed=5_000_000))
        made.append(device("silent", 100 * i + 90, 5))
    return [*made, host("run", 0, 1000)]


def test_sums_and_roof(tmp_path):
    store = store_with(tmp_path, events())
    result = results_of(store, NAME, parameters=PEAKS)[NAME]
    rows = {row["name"]: row for row in result.tables["intensity"].to_pylist()}
    assert set(rows) == {"dot", "add"}
    assert rows["dot"]["flops"] == 1e10
    assert rows["dot"]["flops_per_byte"] == 1000
    assert rows["dot"]["flops_per_s"] == pytest.approx(50e12)
    assert (rows["dot"]["bound"], rows["add"]["bound"]) == ("compute", "memory")
    assert rows["dot"]["roof_ratio"] == pytest.approx(0.5)
    assert rows["add"]["roof_ratio"] == pytest.approx(0.1)
    (finding,) = result.findings
    assert finding.subject == "add · device 0"
    assert finding.impact_ratio == pytest.approx(0.9 * 500 / 700)
    assert [len(rows) for rows in evidence(store, result)] == [10]


def test_without_peaks_nothing_is_judged(tmp_path):
    result = results_of(store_with(tmp_path, events()), NAME)[NAME]
    assert not result.findings
    assert result.tables["intensity"]["bound"].null_count == 2


def test_without_flops_it_abstains(tmp_path):
    store = store_with(tmp_path, [device("dot", 0, 5), host("run", 0, 9)])
    assert results_of(store, NAME)[NAME].status == "abstained"
