"""workload.occupancy: summed by launch as `gpu_kernel_occupancy` says of each kernel."""

from __future__ import annotations

import json

import pytest
from made_traces import device, evidence, host, results_of, store_with

from traceql.engine.ingest import ingest
from traceql.query.session import Session
from traceql.store.catalog import Store

NAME = "workload.occupancy"
BY_VIEW = """
SELECT device_id, name, block_count, thread_count, register_count, shared_bytes,
  count(*) AS calls, sum(dur)::BIGINT AS total_dur, any_value(fit_count), any_value(limiter),
  any_value(occupancy_ratio), any_value(estimated_ratio)
FROM gpu_kernel_occupancy
WHERE dur > 0 AND NOT regexp_matches(name, 'nccl|rccl', 'i') AND block_count IS NOT NULL
GROUP BY ALL
"""
SHOWN = ("device_id", "name", "blocks", "threads", "registers", "shared_bytes", "calls",
         "total_dur", "resident_blocks", "limited_by", "theoretical_ratio",
         "achieved_ratio")  # fmt: skip


def waves_of_gfx950(threads, registers, accumulators, shared):
    """Wavefronts on a compute unit, as LLVM counts them for gfx950: 4 SIMDs of 8, 512 registers."""
    waves = -(-threads // 64)
    own = -(-registers // 4) * 4 + accumulators
    by_registers = 4 * min(8, 512 // (-(-own // 8) * 8)) // waves if own else 32
    by_shared = 163840 // (-(-shared // 1280) * 1280) if shared else 32
    return min(16 if waves > 1 else 32, 32 // waves, by_registers, by_shared) * waves


@pytest.mark.parametrize(
    ("file", "vendor"),
    [("rocprof/AMD-AGI__TraceLens/tests/rocprof/908_results.json.gz", "amd"),
     ("nsys/hpcgroup__pipit/pipit/tests/data/saxpy-mpi-cuda_nsys_perlmutter0.sqlite", "nvidia")],
)  # fmt: skip
def test_shapes_are_summed_as_kernels_are(shared, tmp_path, file, vendor):
    store = Store.open(tmp_path / "store", create=True)
    ingest(shared / "traces" / file, store=store)
    result = results_of(store, NAME)[NAME]
    with Session(store.traces(), store=store) as session:
        expected = session.sql(BY_VIEW).fetchall()
        kernels = session.sql(
            "SELECT k.thread_count, k.registers_per_thread, k.accumulator_count, k.shared_bytes, "
            "o.occupancy_ratio FROM gpu_kernel_launch k JOIN gpu_kernel_occupancy o USING (id) "
            "GROUP BY ALL"
        ).fetchall()
    shapes = [tuple(row[c] for c in SHOWN) for row in result.tables["shape"].to_pylist()]
    assert sorted(shapes) == sorted(expected)
    assert len(shapes) > 0
    if vendor == "amd":
        for *launch, ratio in kernels:
            assert ratio * 32 == waves_of_gfx950(*launch)


def test_unfilled_devices_are_found(tmp_path):
    path = tmp_path / "small.json"
    properties = [{"id": 0, "name": "NVIDIA A100", "computeMajor": 8, "computeMinor": 0,
                   "numSms": 108, "warpSize": 32, "maxThreadsPerMultiprocessor": 2048,
                   "regsPerMultiprocessor": 65536,
                   "sharedMemPerMultiprocessor": 167936}]  # fmt: skip
    shape = {"block": [256, 1, 1], "registers per thread": 32, "shared memory": 0}
    events = [device("small", 0, 60, grid=[27, 1, 1], **shape),
              device("large", 60, 40, grid=[5000, 1, 1], **shape)]  # fmt: skip
    path.write_text(
        json.dumps({"schemaVersion": 1, "deviceProperties": properties, "traceEvents": events})
    )
    store = Store.open(tmp_path / "store", create=True)
    ingest(path, store=store)
    result = results_of(store, NAME)[NAME]
    (finding,) = result.findings

    assert finding.impact_ratio == pytest.approx(0.6 * 0.75)
    assert len(evidence(store, result)[0]) == finding.n_events == 1
    assert result.tables["shape"]["limited_by"].to_pylist() == ["warps", "warps"]


def test_without_shapes_it_abstains(tmp_path):
    result = results_of(store_with(tmp_path, [host("f", 0, 1), device("k", 0, 5)]), NAME)[NAME]
    assert result.status == "abstained"
