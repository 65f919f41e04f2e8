"""workload.occupancy: against NVIDIA's published examples and Kineto's own estimates."""

from __future__ import annotations

import json

import numpy as np
import pytest
from made_traces import device, evidence, host, results_of, store_with

from traceql.analyses.workload import _resident
from traceql.engine.ingest import ingest
from traceql.query.session import Session
from traceql.store.catalog import Store

NAME = "workload.occupancy"
A100 = {"compute_major": 8, "compute_minor": 0, "multiprocessors": 108, "warp_threads": 32,
        "most_threads": 2048, "most_registers": 65536, "most_shared_bytes": 167936}  # fmt: skip
KINETO = """
SELECT g.occupancy_ratio, g.grid_x::BIGINT * g.grid_y * g.grid_z AS blocks,
  g.block_x::BIGINT * g.block_y * g.block_z AS threads, g.registers_per_thread AS registers,
  g.shared_bytes, d.compute_major, d.compute_minor, d.multiprocessor_count AS multiprocessors,
  d.warp_size AS warp_threads, d.max_threads_per_multiprocessor AS most_threads,
  d.registers_per_multiprocessor AS most_registers,
  d.shared_bytes_per_multiprocessor AS most_shared_bytes
FROM gpu_op g JOIN device d ON d.device_id = g.device_id
WHERE g.occupancy_ratio IS NOT NULL AND g.grid_x IS NOT NULL
  AND d.registers_per_multiprocessor IS NOT NULL
"""


def of(blocks: int, threads: int, registers: int, shared: int) -> _resident.Resident:
    shape = {"blocks": blocks, "threads": threads, "registers": registers, "shared_bytes": shared}
    return _resident.resident({k: np.array([v]) for k, v in {**A100, **shape}.items()})


@pytest.mark.parametrize(
    ("threads", "registers", "shared", "resident", "limit"),
    [
        (256, 32, 0, 8, "warps"),
        (32, 16, 0, 32, "blocks"),
        (256, 64, 0, 4, "registers"),
        (256, 128, 0, 2, "registers"),
        (128, 32, 48 * 1024, 3, "shared memory"),
        (1024, 32, 0, 2, "warps"),
    ],
)
def test_limits(threads, registers, shared, resident, limit):
    found = of(100_000, threads, registers, shared)
    assert int(found.blocks[0]) == resident
    assert _resident.LIMITS[found.limit[0]] == limit
    assert found.theoretical[0] == pytest.approx(resident * -(-threads // 32) / 64)


def test_a_small_grid_achieves_less():
    found = of(54, 1024, 32, 0)
    assert found.achieved[0] == pytest.approx(0.25)
    assert found.fill[0] == pytest.approx(0.5)


def test_kinetos_estimates_are_reproduced(shared, tmp_path):
    store = Store.open(tmp_path / "store", create=True)
    for part in ("nccl_data.json.gz", "linear_kineto.json.gz"):
        ingest(next((shared / "traces/kineto").rglob(part)), store=store)
    for trace in store.traces():
        with Session([trace], store=store) as session:
            table = session.sql(KINETO).arrow()
        column = {c: table[c].to_numpy().astype(np.int64) for c in table.column_names[1:]}
        found = _resident.resident(column)
        off = np.abs(found.achieved - table["occupancy_ratio"].to_numpy())
        optin = column["shared_bytes"] > 48 * 1024  # Kineto gives 0 for these
        assert len(off) > 500
        assert (off[~optin] <= 0.0101).mean() == 1.0


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
