"""gpu.rule.cuda_memset_sync and gpu.rule.dx12_mem_ops, from an export of Nsight Systems."""

from __future__ import annotations

import sqlite3

from rule_traces import checked

from traceql.engine.ingest import ingest
from traceql.store.catalog import Store


def test_fills_and_direct3d_are_read_from_nsight_exports(tmp_path):
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
