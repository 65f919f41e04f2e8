"""gpu.breakdown: against hand counts, the shared oracles and HTA's own answers."""

from __future__ import annotations

import json

import pytest
from made_traces import US, device, evidence, host, results_of, store_with

from traceql.engine.ingest import ingest
from traceql.query.session import Session
from traceql.store.catalog import Store

NAMES = {
    "kernel_busy_ns": "kernel_dur",
    "comm_ns": "comm_dur",
    "compute_ns": "compute_dur",
    "overlap_ns": "overlap_dur",
    "memcpy_ns": "memcpy_dur",
    "busy_ns": "busy_dur",
    "span_ns": "span_dur",
    "idle_ns": "idle_dur",
    "gap_count": "gap_count",
}


# HTA leaves out the last step, which may be cut off.
LAST_STEP = """
SELECT min(s.ts) FROM gpu_op g JOIN slice s ON s.id = g.slice_id
JOIN slice l ON l.id = g.launch_slice_id
WHERE l.ts >= (SELECT max(ts) FROM slice
               WHERE name LIKE 'ProfilerStep#%' AND category = 'user_annotation')
"""


def test_parts_add_up_to_the_span(tmp_path):
    store = store_with(
        tmp_path,
        [
            device("gemm", 0, 10),
            device("ncclKernel_AllReduce", 5, 15, stream=20),
            device("Memcpy HtoD", 18, 7, cat="gpu_memcpy", stream=21),
            device("Memset", 24, 4, cat="gpu_memset", stream=21),
            device("gemm", 50, 10),
        ],
    )
    result = results_of(store, "gpu.breakdown")["gpu.breakdown"]
    (row,) = result.tables["by_device"].to_pylist()

    assert row["span_dur"] == 60 * US
    assert row["busy_dur"] == 38 * US
    assert row["compute_dur"] == 20 * US
    assert row["comm_dur"] == 15 * US
    assert row["overlap_dur"] == 5 * US
    assert row["exposed_comm_dur"] == 10 * US
    assert row["exposed_memcpy_dur"] == 5 * US
    assert row["exposed_memset_dur"] == 3 * US
    assert row["idle_dur"] == 22 * US
    assert sum(result.tables["share"]["dur"].to_pylist()) == row["span_dur"]
    assert [g["dur"] for g in result.tables["gap"].to_pylist()] == [22 * US]


def test_waits_are_told_by_launch(tmp_path):
    store = store_with(
        tmp_path,
        [
            host("cudaLaunchKernel", 0, 1, "cuda_runtime", correlation=1),
            host("cudaLaunchKernel", 2, 1, "cuda_runtime", correlation=2),
            host("cudaLaunchKernel", 100, 1, "cuda_runtime", correlation=3),
            host("cudaLaunchKernel", 110, 1, "cuda_runtime", correlation=4),
            device("k", 10, 10, correlation=1),
            device("k", 25, 10, correlation=2),  # 5 µs after the last, launched long before
            device("k", 105, 10, correlation=3),  # launched when the stream was idle
            device("k", 215, 10, correlation=4),  # launched in time, 100 µs late
        ],
    )
    result = results_of(store, "gpu.breakdown")["gpu.breakdown"]
    (row,) = result.tables["by_stream"].to_pylist()

    assert (row["kernel_wait_dur"], row["kernel_wait_count"]) == (5 * US, 1)
    assert (row["host_wait_dur"], row["host_wait_count"]) == (70 * US, 1)
    assert (row["other_wait_dur"], row["other_wait_count"]) == (100 * US, 1)
    idle = next(f for f in result.findings if f.kind == "idle")
    assert "longest" in idle.message
    assert [len(rows) for rows in evidence(store, result)] == [f.n_events for f in result.findings]


def test_a_trace_without_a_device_cannot_be_looked_at(tmp_path):
    result = results_of(store_with(tmp_path, [host("a", 0, 5)]), "gpu.breakdown")["gpu.breakdown"]
    assert result.status == "abstained"
    assert "torch.profiler" in result.remedy


def test_a_busy_device_is_no_finding(tmp_path):
    store = store_with(tmp_path, [device("k", 10 * i, 10) for i in range(20)])
    result = results_of(store, "gpu.breakdown")["gpu.breakdown"]
    assert result.status == "ok"
    assert not result.findings


@pytest.mark.parametrize(
    "part",
    ["ns_resolution", "nccl_parser_config", "trace_filter", "merged_nccl_only", "b200",
     "resnet50_num_workers_4", "critical_path__alexnet"],
)  # fmt: skip
def test_shared_traces_equal_their_oracles(shared, tmp_path, part):
    (path,) = (shared / "oracles").glob(f"kineto*{part}*.json")
    oracle = json.loads(path.read_text())
    store = Store.open(tmp_path / "store", create=True)
    ingest(shared / "traces" / oracle["file"], store=store)
    result = results_of(store, "gpu.breakdown")["gpu.breakdown"]

    found = {str(row["device_id"]): row for row in result.tables["by_device"].to_pylist()}
    expected = oracle["facts"]["gpu"]["by_device"]
    assert found.keys() == expected.keys()
    for name, facts in expected.items():
        assert {k: facts[k] for k in NAMES} == {k: found[name][c] for k, c in NAMES.items()}
        gaps = [g for g in result.tables["gap"].to_pylist() if str(g["device_id"]) == name]
        assert [(g["start_ns"], g["len_ns"]) for g in facts["top_gaps"]] == [
            (g["ts"], g["dur"]) for g in gaps[: len(facts["top_gaps"])]
        ]
    assert [len(rows) for rows in evidence(store, result)] == [f.n_events for f in result.findings]


@pytest.mark.parametrize(
    ("key", "part"), [("ns_resolution_trace", "ns_resolution"), ("nccl_parser_config", "nccl_pars")]
)
def test_times_equal_those_of_hta(shared, tmp_path, key, part):
    reference = json.loads((shared / "reference" / "hta" / "ns.json").read_text())[key]
    (oracle,) = (shared / "oracles").glob(f"kineto*{part}*.json")
    store = Store.open(tmp_path / "store", create=True)
    ingest(shared / "traces" / json.loads(oracle.read_text())["file"], store=store)
    with Session(store.traces(), store=store) as session:
        ((end,),) = session.sql(LAST_STEP).fetchall()
    result = results_of(store, "gpu.breakdown", window=f"..{end}")["gpu.breakdown"]

    (row,) = result.tables["by_device"].to_pylist()
    (theirs,) = reference["temporal_breakdown"]
    # HTA keeps absolute times as float64 µs, whose steps are 0.25 µs for these traces.
    assert row["span_dur"] / US == pytest.approx(theirs["kernel_time(us)"], abs=0.5)
    assert row["compute_dur"] / US == pytest.approx(theirs["compute_time(us)"], rel=1e-6)
    assert row["idle_dur"] / US == pytest.approx(theirs["idle_time(us)"], rel=1e-3)
    found = result.tables["by_stream"].to_pylist()
    waits = {(w["stream"], w["idle_category"]): w["idle_time"]
             for w in reference["idle_time_breakdown"][0]}  # fmt: skip
    for stream in found:
        mine = {c: stream[f"{c}_wait_dur"] / US for c in ("host", "kernel", "other")}
        theirs = [
            waits.get((stream["stream_id"], n)) for n in ("host_wait", "kernel_wait", "other")
        ]
        if None not in theirs:
            assert sum(mine.values()) == pytest.approx(sum(theirs), rel=1e-3)
            # It knows fewer names of launching calls, so a few host waits are kernel waits there.
            assert list(mine.values()) == pytest.approx(theirs, rel=0.05, abs=0.02)
