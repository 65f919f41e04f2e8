"""Phases of launches, and bandwidth: closed forms, and the figures of HTA."""

from __future__ import annotations

import json

import pytest
from store_builder import BuiltStore, build

from traceql.engine.ingest import ingest
from traceql.query.session import Session
from traceql.store.catalog import Store

LAST_STEP = (
    "(SELECT max(ts) FROM slice WHERE name LIKE 'ProfilerStep#%' AND category = 'user_annotation')"
)
ASYNC = "('cudaLaunchKernel', 'cudaLaunchKernelExC', 'cudaMemcpyAsync', 'cudaMemsetAsync')"


def of(*works):
    """A trace of calls and works: (call ts, call dur, ts, dur, kind, bytes)."""
    slices, ops = [], []
    for number, (api_ts, api_dur, ts, dur, kind, size) in enumerate(works):
        slices += [
            {"id": 2 * number, "ts": api_ts, "dur": api_dur, "name": "launch", "track_id": 0,
             "depth": 0},
            {"id": 2 * number + 1, "ts": ts, "dur": dur, "name": kind, "track_id": 1, "depth": 0},
        ]  # fmt: skip
        ops.append({"slice_id": 2 * number + 1, "kind": kind, "device_id": 0, "stream_id": 7,
                    "bytes": size, "copy_kind": "htod" if kind == "memcpy" else None,
                    "launch_slice_id": 2 * number})  # fmt: skip
    return {
        "slice": slices,
        "gpu_op": ops,
        "track": [{"id": 0, "type": "thread", "utid": 0, "upid": 0},
                  {"id": 1, "type": "gpu_stream", "device_id": 0}],
        "thread": [{"utid": 0, "tid": 1, "upid": 0}],
        "process": [{"upid": 0, "pid": 1}],
    }  # fmt: skip


@pytest.fixture
def ask(tmp_path):
    def run(rows, sql):
        with Session([build(tmp_path, "t", rows, 1)], store=BuiltStore(tmp_path)) as session:
            return session.sql(sql).fetchall()

    return run


def test_phases_of_a_launch(ask):
    rows = of((0, 10, 25, 5, "kernel", None), (20, 20, 30, 50, "kernel", None),
              (60, 10, 70, 4, "kernel", None), (90, -1, 99, 4, "kernel", None))  # fmt: skip
    columns = "api_dur, queue_ts, queue_dur, delay_dur, dur, total_dur"

    assert ask(rows, f"SELECT {columns} FROM gpu_launch ORDER BY ts") == [
        (10, 10, 15, 15, 5, 30),
        (20, None, None, 0, 50, 60),
        (10, None, None, 0, 4, 14),
    ]


def test_the_queue_holds_what_was_launched_and_has_not_begun(ask):
    rows = of((0, 1, 5, 1, "kernel", None), (2, 1, 9, 1, "kernel", None))

    assert ask(rows, "SELECT ts, value FROM gpu_queue_length ORDER BY ts") == [
        (0, 1), (2, 2), (5, 1), (9, 0),
    ]  # fmt: skip


def test_bandwidth_by_size_leaves_out_copies_without_length(ask):
    rows = of((0, 1, 1, 10, "memcpy", 1000), (2, 1, 20, 10, "memcpy", 600),
              (3, 1, 40, 0, "memcpy", 8), (4, 1, 50, 10, "memcpy", 1024),
              (5, 1, 60, 10, "memcpy", None))  # fmt: skip
    columns = "size_bytes, count, sum_bytes, bandwidth_bytes_per_s, max_bytes_per_s"

    assert ask(rows, f"SELECT {columns} FROM gpu_memcpy_bandwidth ORDER BY size_bytes") == [
        (512, 2, 1600, 80e9, 100e9),
        (1024, 1, 1024, 102.4e9, 102.4e9),
    ]


@pytest.mark.parametrize("key", ["ns_resolution_trace", "nccl_parser_config"])
def test_launches_and_bandwidth_equal_those_of_hta(shared, tmp_path, key):
    theirs = json.loads((shared / "reference" / "hta" / "ns.json").read_text())[key]
    folder = "traces/kineto/facebookresearch__HolisticTraceAnalysis/tests/data"
    (path,) = (shared / folder / key).glob("*.json.gz")
    store = Store.open(tmp_path / "store", create=True)
    ingest(path, store=store)
    with Session(store.traces(), store=store) as session:
        ((count, api, work, delay),) = session.sql(
            "SELECT count(*), sum(api_dur), sum(dur), sum(delay_dur) FROM gpu_launch "
            f"WHERE api_name IN {ASYNC} AND api_ts < {LAST_STEP}"
        ).fetchall()
        rates = session.sql(
            "SELECT count(*), avg(1.0 * bytes / dur), max(1.0 * bytes / dur) FROM gpu_memcpy "
            f"JOIN (SELECT id AS call_id, ts AS called FROM slice) ON call_id = launch_slice_id "
            f"WHERE copy_kind = 'dtod' AND called < {LAST_STEP}"
        ).fetchall()
    stats = theirs["launch_stats"]["0"]
    bandwidth = next(b for b in theirs["memory_bw_summary"] if b["name"] == "Memcpy DtoD")

    assert count == stats["n"]
    # HTA keeps times as float64 µs, whose steps are 0.25 µs where they count from 1970.
    assert api / 1000 == pytest.approx(stats["sum"]["cpu_duration"], rel=1e-6)
    assert work / 1000 == pytest.approx(stats["sum"]["gpu_duration"], rel=1e-6)
    assert delay / 1000 == pytest.approx(stats["sum"]["launch_delay"], rel=1e-3)
    assert rates == [(
        bandwidth["memory_bw_gbps|count"],
        pytest.approx(bandwidth["memory_bw_gbps|mean"], rel=1e-3),
        pytest.approx(bandwidth["memory_bw_gbps|max"], rel=1e-6),
    )]  # fmt: skip
