"""gpu.rule.*: what holds for all of them."""

from __future__ import annotations

import json

import pytest
from made_traces import evidence, host, results_of, store_with

from traceql.engine import plugins
from traceql.engine.ingest import ingest
from traceql.store.catalog import Store

RULES = tuple(name for name in plugins.names("analyses") if name.startswith("gpu.rule."))


def test_all_seven_rules_of_the_peer_are_there():
    assert [name.rpartition(".")[2] for name in RULES] == [
        "cuda_api_sync", "cuda_memcpy_async", "cuda_memcpy_sync", "cuda_memset_sync",
        "dx12_mem_ops", "gpu_gaps", "gpu_time_util",
    ]  # fmt: skip


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
