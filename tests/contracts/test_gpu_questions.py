"""One SQL file answers the same questions on traces of every GPU profiler.

The oracle reads `gpu_op` and `slice` as plain rows and counts in Python.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from traceql.engine.ingest import ingest
from traceql.query.session import Session
from traceql.store.catalog import Store

QUESTIONS = (Path(__file__).resolve().parent / "gpu_questions.sql").read_text(encoding="utf-8")
SAMPLES = (
    "nsys/nsys_2020.sqlite", "nsys/nsys_2_9.sqlite", "nsys/nsys_3_28.sqlite",
    "kineto_nvidia_planted.json.gz", "kineto_amd.json", "rocm/rocprofv3", "rocm/rocpd.db",
    "rocm/rpd.rpd",
)  # fmt: skip
SHARED = (
    "nsys/GindaChen__nsys-ai/tests/fixtures/h100_2gpu_1s.sqlite",
    "nsys/hpcgroup__pipit/pipit/tests/data/saxpy-mpi-cuda_nsys_perlmutter0.sqlite",
    "kineto/facebookresearch__HolisticTraceAnalysis/tests/data/critical_path/alexnet",
    "rocprof/jimw567__rocprof-unified-viewer/tests/fixtures/decode_kernel_trace.csv",
)
ROWS = """
SELECT g.kind, g.device_id, g.bytes, g.copy_kind, s.ts, s.dur, s.name, a.ts AS api_ts,
  a.dur AS api_dur
FROM gpu_op g JOIN slice s ON s.id = g.slice_id LEFT JOIN slice a ON a.id = g.launch_slice_id
WHERE s.dur <> -1
"""

Row = dict[str, Any]


def dicts(session: Session, sql: str) -> list[Row]:
    answer = session.sql(sql)
    return [dict(zip(answer.columns, row, strict=True)) for row in answer.fetchall()]


def covered(rows: list[Row]) -> int:
    total, last = 0, None
    for ts, end in sorted((r["ts"], r["ts"] + r["dur"]) for r in rows):
        start = ts if last is None else max(ts, last)
        total += max(end - start, 0)
        last = end if last is None else max(end, last)
    return total


def by(rows: list[Row], column: str) -> dict[Any, list[Row]]:
    found: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        found[row[column]].append(row)
    return found


def expected(rows: list[Row]) -> list[tuple[Any, ...]]:
    """(question, device, subject, count, dur, value) of every row of the answer."""
    kernels = [r for r in rows if r["kind"] == "kernel"]
    total = sum(r["dur"] for r in kernels)
    ranked = sorted(
        by(kernels, "name").items(), key=lambda item: (-sum(r["dur"] for r in item[1]), item[0])
    )
    found: list[tuple[Any, ...]] = []
    for name, mine in ranked[:5]:
        dur = sum(r["dur"] for r in mine)
        found.append(("top_kernel", None, name, len(mine), dur, dur / total))
    for device, mine in by(rows, "device_id").items():
        span = max(r["ts"] + r["dur"] for r in mine) - min(r["ts"] for r in mine)
        busy = covered(mine)
        count = sum(r["kind"] != "graph" for r in mine)
        found.append(("busy", device, None, count, busy, busy / span))
        found.append(("idle", device, None, None, span - busy, 1 - busy / span))
    delays = [
        max(r["ts"] - r["api_ts"] - r["api_dur"], 0)
        for r in rows
        if r["api_ts"] is not None and r["api_dur"] != -1
    ]
    if delays:
        found.append(
            ("launch_latency", None, None, len(delays), sum(delays), statistics.median(delays))
        )
    for kind, mine in by([r for r in rows if r["kind"] == "memcpy"], "copy_kind").items():
        timed = [r for r in mine if r["dur"] > 0 and r["bytes"] is not None]
        rate = None
        if timed:
            rate = 1e9 * sum(r["bytes"] for r in timed) / sum(r["dur"] for r in timed)
        found.append(("copy_bandwidth", None, kind, len(mine), sum(r["dur"] for r in mine), rate))
    return found


def check(path: Path, folder: Path) -> None:
    store = Store.open(folder / "store", create=True)
    ingest(path, store=store)
    with Session(store.traces(), store=store) as session:
        rows = dicts(session, ROWS)
        answer = session.sql(QUESTIONS).fetchall()
    assert rows
    assert {row[0] for row in answer} >= {"top_kernel", "busy", "idle"}
    wanted = sorted(expected(rows), key=repr)
    merged: dict[Any, list[Any]] = {}
    for question, device, subject, count, dur, value, *_ in answer:
        if question == "copy_bandwidth":  # by kinds of memory, too
            known = merged.setdefault(subject, [0, 0, None])
            known[0] += count
            known[1] += dur
            known[2] = value if known[0] == count else None
        else:
            merged[question, device, subject] = [count, dur, value]
    for question, device, subject, count, dur, value in wanted:
        key = subject if question == "copy_bandwidth" else (question, device, subject)
        found = merged.pop(key)
        assert found[:2] == [count, dur], key
        if question != "copy_bandwidth" or found[2] is not None:
            assert found[2] == pytest.approx(value), key
    assert not merged


@pytest.mark.parametrize("sample", SAMPLES)
def test_samples_answer(root, tmp_path, sample):
    check(root / "sample_traces" / "synthetic" / sample, tmp_path)


@pytest.mark.parametrize("place", SHARED)
def test_shared_traces_answer(shared, tmp_path, place):
    path = shared / "traces" / place
    if path.is_dir():
        (path,) = path.glob("*.gz")
    check(path, tmp_path)
