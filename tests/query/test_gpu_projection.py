"""Ranges projected onto devices: unclosed ranges, threads, and what Kineto itself writes."""

from __future__ import annotations

import json

import pytest
from store_builder import BuiltStore, build

from traceql.engine.ingest import ingest
from traceql.query.session import Session
from traceql.store.catalog import Store


def rows(slices, launched):
    """Slices (id, ts, dur, name, category, track); works by slice to their call."""
    return {
        "slice": [
            {"id": i, "ts": ts, "dur": dur, "name": name, "category": category, "track_id": track,
             "depth": 0}
            for i, ts, dur, name, category, track in slices
        ],
        "gpu_op": [
            {"slice_id": work, "kind": "kernel", "device_id": 0, "launch_slice_id": call}
            for work, call in launched.items()
        ],
        "track": [
            {"id": 0, "type": "thread", "utid": 0, "upid": 0},
            {"id": 1, "type": "thread", "utid": 1, "upid": 0},
            {"id": 2, "type": "gpu_stream", "device_id": 0},
            {"id": 3, "type": "async", "utid": 0, "upid": 0},
        ],
        "thread": [{"utid": 0, "tid": 1, "upid": 0}, {"utid": 1, "tid": 2, "upid": 0}],
        "process": [{"upid": 0, "pid": 1}],
    }  # fmt: skip


def test_a_range_never_closed_counts_to_the_latest_time_of_any(tmp_path):
    made = rows(
        [
            (0, 0, -1, "open", "nvtx", 0),
            (1, 5, 35, "other", "nvtx_range", 3),
            (2, 10, 5, "call", "cuda_runtime", 0),
            (3, 38, 5, "late call", "cuda_runtime", 0),
            (4, 12, 5, "call of another thread", "cuda_runtime", 1),
            (5, 50, 3, "k", "kernel", 2),
            (6, 60, 3, "k", "kernel", 2),
            (7, 70, 3, "k", "kernel", 2),
        ],
        {5: 2, 6: 3, 7: 4},
    )
    with Session([build(tmp_path, "t", made, 1)], store=BuiltStore(tmp_path)) as session:
        found = session.sql(
            "SELECT name, range_dur, op_count, own_op_count, parent_id, ts "
            "FROM gpu_range ORDER BY name"
        ).fetchall()
        kernels = session.sql(
            "SELECT range_name, kernel_count, range_count FROM gpu_range_kernel_summary ORDER BY 1"
        ).fetchall()

    assert found == [("open", 40, 1, 0, None, 50), ("other", 35, 1, 1, 0, 50)]
    assert kernels == [("open", 1, 1), ("other", 1, 1)]


@pytest.mark.parametrize(
    "place",
    ["ns_resolution_trace/rank-0.Apr_03_18_51_38.1102.pt.trace.json.gz",
     "amd_trace/mi250_minitoy_train_ROCm6_2_kineto.json.gz"],
)  # fmt: skip
def test_projections_are_those_that_kineto_writes(shared, tmp_path, place):
    folder = shared / "traces/kineto/facebookresearch__HolisticTraceAnalysis/tests/data"
    store = Store.open(tmp_path / "store", create=True)
    ingest(folder / place, store=store)
    with Session(store.traces(), store=store) as session:
        theirs = session.sql(
            "SELECT name, ts, ts + dur FROM slice WHERE category = 'gpu_user_annotation' "
            "ORDER BY name, ts"
        ).fetchall()
        # Kineto gives work to the tightest annotation only.
        ours = session.sql(
            "SELECT r.name, min(s.ts), max(s.ts + s.dur) FROM gpu_op_range o "
            "JOIN slice s ON s.id = o.slice_id JOIN slice r ON r.id = range_id "
            "WHERE is_innermost GROUP BY r.id, r.name ORDER BY 1, 2"
        ).fetchall()

    assert len(theirs) > 0
    assert len(ours) == len(theirs)
    # Kineto's start 1 ns earlier.
    tick = 1
    for mine, kineto in zip(ours, theirs, strict=True):
        assert mine[0] == kineto[0]
        assert abs(mine[1] - kineto[1]) <= tick
        assert abs(mine[2] - kineto[2]) <= tick


def test_ranges_of_a_planted_trace_have_the_work_that_was_planted(root, tmp_path):
    sample = root / "sample_traces/synthetic/nsys/nsys_3_28.sqlite"
    store = Store.open(tmp_path / "store", create=True)
    ingest(sample, store=store)
    with Session(store.traces(), store=store) as session:
        pairs = session.sql(
            "SELECT count(*) FROM gpu_launch w JOIN track USING (utid) JOIN slice r "
            "ON r.track_id = track.id AND r.category = 'nvtx' AND r.dur >= 0 "
            "AND r.ts <= w.api_ts AND w.api_ts + w.api_dur <= r.ts + r.dur"
        ).fetchall()
        ours = session.sql(
            "SELECT count(*) FROM gpu_op_range JOIN slice ON id = range_id AND dur >= 0 "
            "AND category = 'nvtx'"
        ).fetchall()
    assert json.dumps(ours) == json.dumps(pairs)
    assert ours[0][0] > 0
