"""gpu.occupancy: planted kernels of low occupancy and of few blocks."""

from __future__ import annotations

import json

import pytest
from made_traces import US, device, evidence, host, results_of, store_with

from traceql.engine.ingest import ingest
from traceql.store.catalog import Store

A100 = {"id": 0, "name": "NVIDIA A100", "computeMajor": 8, "computeMinor": 0, "warpSize": 32,
        "numSms": 108, "maxThreadsPerMultiprocessor": 2048, "regsPerMultiprocessor": 65536,
        "regsPerBlock": 65536, "sharedMemPerMultiprocessor": 167936}  # fmt: skip


def kernel(name, ts, dur, grid, registers, shared=0):
    return device(name, ts, dur, **{"grid": [grid, 1, 1], "block": [128, 1, 1],
                  "registers per thread": registers, "shared memory": shared})  # fmt: skip


def store_of(folder, events):
    path = folder / "made.json"
    path.write_text(json.dumps(
        {"schemaVersion": 1, "deviceProperties": [A100], "traceEvents": events}
    ))  # fmt: skip
    store = Store.open(folder / "store", create=True)
    ingest(path, store=store)
    return store


def test_registers_shared_memory_and_small_grids_are_found(tmp_path):
    events = [
        *(kernel("good", 1000 * i, 100, 1080, 32) for i in range(10)),
        *(kernel("registers", 1000 * i + 200, 100, 1080, 128) for i in range(10)),
        *(kernel("shared", 1000 * i + 400, 100, 1080, 32, 40_000) for i in range(10)),
        *(kernel("small", 1000 * i + 600, 100, 27, 32) for i in range(10)),
        *(kernel("ncclKernel", 1000 * i + 800, 100, 4, 128) for i in range(10)),
        kernel("rare", 99_000, 1, 1, 255),
    ]
    store = store_of(tmp_path, events)
    (result,) = results_of(store, "gpu.occupancy").values()

    assert {(f.kind, f.subject.partition(" ")[0]): f.n_events for f in result.findings} == {
        ("few_blocks", "small"): 10,
        ("low_occupancy", "registers"): 10,
        ("low_occupancy", "shared"): 10,
    }
    by_kind = {(f.kind, f.subject.partition(" ")[0]): f for f in result.findings}
    assert by_kind["few_blocks", "small"].value == pytest.approx(1000 * US * 0.75)
    assert by_kind["low_occupancy", "registers"].value == pytest.approx(4 * 4 / 64)
    assert by_kind["low_occupancy", "shared"].value == pytest.approx(4 * 4 / 64)
    assert [len(rows) for rows in evidence(store, result)] == [f.n_events for f in result.findings]


def test_full_kernels_are_no_finding(tmp_path):
    events = [kernel("good", 1000 * i, 100, 1080, 32) for i in range(10)]
    (result,) = results_of(store_of(tmp_path, events), "gpu.occupancy").values()
    assert result.status == "ok"
    assert not result.findings
    assert "100 % on average" in result.headline


def test_without_limits_of_the_device_nothing_is_claimed(tmp_path):
    events = [host("a", 0, 5), kernel("k", 0, 100, 1, 255)]
    (result,) = results_of(store_with(tmp_path, events), "gpu.occupancy").values()
    assert result.status == "abstained"
