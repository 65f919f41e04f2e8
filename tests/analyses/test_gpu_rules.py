"""gpu.rule.*: a planted habit is found, its absence is not, and no more is promised than exists."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_traces import US, device, evidence, host, results_of, store_with

from traceql.analyses.gpu.rule import _use
from traceql.engine import plugins
from traceql.engine.ingest import ingest
from traceql.store.catalog import Store

RULES = tuple(name for name in plugins.names("analyses") if name.startswith("gpu.rule."))
PAGEABLE, PINNED = "Memcpy HtoD (Pageable -> Device)", "Memcpy HtoD (Pinned -> Device)"


def copy(number, call, name, ts, dur, size=1 << 20, cat="gpu_memcpy"):
    """A call at ts and its copy 5 µs later."""
    return [
        host(call, ts, 4, "cuda_runtime", correlation=number),
        device(name, ts + 5, dur, cat, correlation=number, bytes=size),
    ]


def steps(count=20):
    """Kernels one behind the other, every 100 µs, 90 µs each."""
    return [device("gemm", 100 * i, 90) for i in range(count)]


def checked(store, name):
    (result,) = results_of(store, name).values()
    rows = evidence(store, result)
    assert [len(r) for r in rows] == [f.n_events for f in result.findings]
    return result


def test_all_seven_rules_of_the_peer_are_there():
    assert [name.rpartition(".")[2] for name in RULES] == [
        "cuda_api_sync", "cuda_memcpy_async", "cuda_memcpy_sync", "cuda_memset_sync",
        "dx12_mem_ops", "gpu_gaps", "gpu_time_util",
    ]  # fmt: skip


def test_pageable_asynchronous_copies_cost_what_no_kernel_hides(tmp_path):
    events = [
        *steps(),
        *copy(1, "cudaMemcpyAsync", PAGEABLE, 2000, 300),
        *copy(2, "cudaMemcpyAsync", PAGEABLE, 55, 100),  # beside a kernel, but for 10 µs
        *copy(3, "cudaMemcpyAsync", PINNED, 3000, 300),
    ]
    result = checked(store_with(tmp_path, events), "gpu.rule.cuda_memcpy_async")

    (finding,) = result.findings
    assert (finding.n_events, finding.value) == (2, 310 * US)
    assert finding.subject_id == 0
    assert finding.impact_ratio == pytest.approx(310 / 3305)


def test_synchronous_copies_within_a_device_and_small_ones_are_none(tmp_path):
    events = [
        *steps(),
        *copy(1, "cudaMemcpy", PAGEABLE, 2000, 300),
        *copy(2, "cudaMemcpy", "Memcpy DtoD (Device -> Device)", 2500, 300),
        *copy(3, "cudaMemcpy", PAGEABLE, 3000, 300, size=65_536),
        *copy(4, "hipMemcpyWithStream", "Memcpy DtoH (Device -> Pageable)", 3500, 200),
        *copy(5, "cudaMemcpyAsync", PAGEABLE, 4000, 300),
    ]
    store = store_with(tmp_path, events)
    result = checked(store, "gpu.rule.cuda_memcpy_sync")

    assert [(f.n_events, f.value) for f in result.findings] == [(1, 300 * US), (1, 200 * US)]
    more = results_of(store, "gpu.rule.cuda_memcpy_sync", parameters={"small_bytes": "0"})
    assert sum(f.n_events for f in more["gpu.rule.cuda_memcpy_sync"].findings) == 3


def test_waits_cost_the_idle_time_that_began_in_them(tmp_path):
    events = [
        *steps(5),
        host("cudaStreamSynchronize", 300, 200, "cuda_runtime"),  # the last kernel ends at 490
        device("gemm", 600, 90),
        host("hipDeviceSynchronize", 605, 20, "cuda_runtime"),  # a kernel runs all the time
        device("gemm", 800, 90),
    ]
    result = checked(store_with(tmp_path, events), "gpu.rule.cuda_api_sync")

    (finding,) = result.findings
    assert (finding.subject, finding.value) == ("cudaStreamSynchronize", 110 * US)
    assert [r["gap_count"] for r in result.tables["call"].to_pylist()] == [1, 0]


def test_gaps_are_long_relative_to_the_trace_or_to_the_parameter(tmp_path):
    events = [*steps(), device("gemm", 2500, 90)]
    store = store_with(tmp_path, events)
    result = checked(store, "gpu.rule.gpu_gaps")

    (finding,) = result.findings
    assert (finding.n_events, finding.value) == (1, 510 * US)
    all_gaps = results_of(store, "gpu.rule.gpu_gaps", parameters={"gap_ns": "5000"})
    assert all_gaps["gpu.rule.gpu_gaps"].findings[0].n_events == 20
    peer = results_of(store, "gpu.rule.gpu_gaps", parameters={"gap_ns": "500000000"})
    assert not peer["gpu.rule.gpu_gaps"].findings


def test_even_work_has_no_long_gaps_and_no_low_use(tmp_path):
    store = store_with(tmp_path, steps())
    for name in ("gpu.rule.gpu_gaps", "gpu.rule.gpu_time_util"):
        assert not checked(store, name).findings


def test_low_use_is_found_where_it_is(tmp_path):
    events = [*steps(10), *(device("tiny", 1000 + 100 * i, 10) for i in range(10)),
              *(device("gemm", 2000 + 100 * i, 90) for i in range(10))]  # fmt: skip
    result = checked(store_with(tmp_path, events), "gpu.rule.gpu_time_util")

    (finding,) = result.findings
    (stretch,) = result.tables["stretch"].to_pylist()
    assert stretch["in_use_ratio"] == pytest.approx(0.1, abs=0.05)
    assert stretch["ts"] == pytest.approx(1000 * US, abs=110 * US)
    assert finding.value == stretch["idle_dur"] <= 1000 * US


def test_low_use_without_any_operation_has_those_beside_it_as_evidence(tmp_path):
    events = [device("gemm", 0, 90), device("gemm", 9900, 90)]
    result = checked(store_with(tmp_path, events), "gpu.rule.gpu_time_util")
    assert [f.n_events for f in result.findings] == [2]


intervals_ = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 30)), min_size=1, max_size=8)


@given(intervals_, st.integers(1, 7))
def test_lengths_in_chunks_are_counted_one_by_one(spans, chunks):
    rows = sorted((ts, ts + dur) for ts, dur in spans)
    start, stop = rows[0][0], max(end for _, end in rows)
    edges = np.unique(np.append(np.arange(start, stop, max((stop - start) // chunks, 1)), stop))
    found = _use._lengths_in(np.array([r[0] for r in rows]), np.array([r[1] for r in rows]), edges)

    expected = [
        sum(max(min(end, high) - max(ts, low), 0) for ts, end in rows)
        for low, high in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
    ]
    assert found.tolist() == expected


def test_fills_and_direct3d_are_read_from_nsight_exports(tmp_path):
    import sqlite3

    path = tmp_path / "made.sqlite"
    with sqlite3.connect(path) as made:
        made.executescript("""
CREATE TABLE StringIds (id INTEGER, value TEXT);
INSERT INTO StringIds VALUES (0, 'cudaMemset_v3020'), (1, 'k'), (2, 'CreateHeap'), (3, 'Read');
CREATE TABLE CUPTI_ACTIVITY_KIND_RUNTIME (start INTEGER, end INTEGER, eventClass INTEGER,
  globalTid INTEGER, correlationId INTEGER, nameId INTEGER, returnValue INTEGER);
INSERT INTO CUPTI_ACTIVITY_KIND_RUNTIME VALUES (0, 900, 0, 16777217, 1, 0, 0);
CREATE TABLE CUPTI_ACTIVITY_KIND_MEMSET (start INTEGER, end INTEGER, deviceId INTEGER,
  contextId INTEGER, streamId INTEGER, correlationId INTEGER, globalPid INTEGER, value INTEGER,
  bytes INTEGER, memKind INTEGER);
INSERT INTO CUPTI_ACTIVITY_KIND_MEMSET VALUES (100, 800, 0, 1, 7, 1, 16777216, 0, 4096, 1);
CREATE TABLE DX12_MEMORY_OPERATION (start INTEGER, end INTEGER, globalTid INTEGER, nameId INTEGER,
  heapFlags TEXT, heapType TEXT, cpuPageProperty TEXT);
INSERT INTO DX12_MEMORY_OPERATION VALUES (0, 50, 16777217, 2, 'D3D12_HEAP_FLAG_NONE', NULL, NULL),
  (60, 70, 16777217, 2, 'D3D12_HEAP_FLAG_CREATE_NOT_ZEROED', NULL, NULL),
  (80, 99, 16777217, 3, NULL, 'D3D12_HEAP_TYPE_UPLOAD', NULL),
  (120, 140, 16777217, 3, NULL, 'D3D12_HEAP_TYPE_READBACK', NULL);
""")
    store = Store.open(tmp_path / "store", create=True)
    ingest(path, store=store)

    (fill,) = checked(store, "gpu.rule.cuda_memset_sync").findings
    assert (fill.n_events, fill.value) == (1, 700)
    found = checked(store, "gpu.rule.dx12_mem_ops").findings
    assert {(f.kind, f.n_events, f.value) for f in found} == {
        ("created_zeroed", 1, 50),
        ("read_from_upload_heap", 1, 19),
    }


@pytest.mark.parametrize("name", RULES)
def test_a_trace_without_a_device_cannot_be_looked_at(tmp_path, name):
    (result,) = results_of(store_with(tmp_path, [host("a", 0, 5)]), name).values()
    assert result.status == "abstained"


@pytest.mark.parametrize(
    "part",
    ["ns_resolution", "critical_path__alexnet", "h100__Qwen", "saxpy-mpi", "cloverleaf",
     "mfu_2gpu_before"],
)  # fmt: skip
def test_no_rule_promises_more_than_the_device_was_idle_or_copied_alone(shared, tmp_path, part):
    import json

    (oracle,) = (shared / "oracles").glob(f"*{part}*.json")
    store = Store.open(tmp_path / "store", create=True)
    ingest(shared / "traces" / json.loads(oracle.read_text())["file"], store=store)
    found = results_of(store, *RULES, "gpu.breakdown")
    devices = found["gpu.breakdown"].tables["by_device"].to_pylist()
    idle = max(d["idle_dur"] for d in devices)
    alone = max(d["exposed_memcpy_dur"] + d["exposed_memset_dur"] for d in devices)
    for name in RULES:
        findings = found[name].findings
        most = alone if "mem" in name else idle
        assert all(f.value <= most for f in findings)
        assert [len(r) for r in evidence(store, found[name])] == [f.n_events for f in findings]
