"""CodeXL's traces and sessions against the run they tell."""

from __future__ import annotations

import random
from pathlib import Path

import codexl_files
import pytest
from codexl_files import name_of, text
from rocm_plan import plan

from traceql.engine.ingest import ingest
from traceql.errors import InputError
from traceql.query.session import Session
from traceql.store.catalog import Store


def opened(path: Path, folder: Path) -> Session:
    store = Store.open(folder / "store", create=True)
    done = ingest(path, store=store)
    assert done.importer == "codexl"
    return Session([done.trace], store=store)


def written(folder: Path, content: str, name: str = "x.atp") -> Path:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return path


def test_the_sample_is_what_the_generator_writes() -> None:
    assert (codexl_files.SAMPLES / "codexl.atp").read_text() == text(plan(steps=10))


def test_calls_and_what_they_launched(tmp_path: Path) -> None:
    run = plan()
    with opened(written(tmp_path, text(run)), tmp_path) as made:
        kernels = made.sql(
            "SELECT s.ts, s.dur, s.name, grid_x, block_x, l.name, l.args ->> '$.call' "
            "FROM gpu_op g "
            "JOIN (SELECT id, ts, dur, name FROM slice) s ON s.id = g.slice_id "
            "JOIN (SELECT id, name, args FROM slice) l ON l.id = g.launch_slice_id "
            "WHERE g.kind = 'kernel' ORDER BY s.ts, s.name"
        ).fetchall()
        copies = made.sql(
            "SELECT s.ts, s.dur, g.copy_kind, g.bytes FROM gpu_op g "
            "JOIN (SELECT id, ts, dur FROM slice) s ON s.id = g.slice_id "
            "WHERE g.kind = 'memcpy' ORDER BY s.ts"
        ).fetchall()
        calls = made.sql(
            "SELECT ts, dur FROM slice WHERE category = 'opencl' ORDER BY ts"
        ).fetchall()
        devices = made.sql("SELECT name FROM device ORDER BY name").fetchall()
        ranges = made.sql(
            "SELECT name, ts, ts + dur FROM slice WHERE category = 'perfmarker'"
        ).fetchall()
        told = {row[0] for row in made.sql("SELECT name FROM metadata").fetchall()}
    wanted = [
        (d.start, d.end - d.start, name_of(d.name), -(-d.grid[0] // d.group[0]), d.group[0],
         "clEnqueueNDRangeKernel",
         f"CL_SUCCESS = clEnqueueNDRangeKernel ( 0x1; {d.correlation} )")
        for d in run.dispatches
    ]  # fmt: skip
    assert kernels == sorted(wanted, key=lambda row: (row[0], row[2]))
    assert copies == sorted(
        (c.start, c.end - c.start, "htod" if c.target else "dtoh", c.size) for c in run.copies
    )
    assert calls == sorted((c.start, c.end - c.start) for c in run.calls)
    assert devices == [("GPU 1",), ("GPU 2",)]
    assert ranges == [("my range", run.calls[0].start - 5, run.calls[-1].end + 5)]
    assert told == {"codexl.TraceFileVersion", "codexl.ProfilerVersion", "codexl.OS Version"}


def test_work_without_times_has_a_call_and_no_operation(tmp_path: Path) -> None:
    line = (
        "7 clEnqueueNDRangeKernel 100 200 4592 CL_COMMAND_NDRANGE_KERNEL 0 0 0 0 1 0xa 1 0xb G "
        "0xc k {64} {64}"
    )
    content = f"TraceFileVersion=3.0\n=====ocl Timestamp Output=====\n5\n1\n{line}\n"
    with opened(written(tmp_path, content), tmp_path) as made:
        assert made.sql("SELECT count(*) FROM gpu_op").fetchall() == [(0,)]
        assert made.sql("SELECT ts, dur FROM slice").fetchall() == [(100, 100)]


def test_kernels_of_hsa(tmp_path: Path) -> None:
    content = (
        "TraceFileVersion=3.0\n=====HSA Kernel Timestamp Output=====\n5\n2\n"
        "vadd 0x12 1000 1500 gfx803 0x34 0 0x56\nbroken line\n"
    )
    with opened(written(tmp_path, content), tmp_path) as made:
        found = made.sql(
            "SELECT s.name, s.ts, s.dur, g.stream_id FROM gpu_op g JOIN (SELECT id, name, ts, dur "
            "FROM slice) s ON s.id = g.slice_id"
        ).fetchall()
        said = dict(made.sql("SELECT code, count FROM diagnostic").fetchall())
    assert found == [("vadd", 1000, 500, 0)]
    assert said == {"record_unread": 1}


def test_a_session_of_counters_is_a_profile(tmp_path: Path) -> None:
    content = (
        "# ProfileFileVersion=3.0\n# API=OpenCL\nMethod,ExecutionOrder,Time,VGPRs,Wavefronts\n"
        "vadd__k1_Gpu1,1,0.25,12,16\nvadd__k1_Gpu1,2,0.5,12\nvadd__k1_Gpu1,3,0.75,12,32\n"
    )
    with opened(written(tmp_path, content, "Session1.csv"), tmp_path) as made:
        found = made.sql(
            "SELECT \"group\" ->> '$.Method', metric, unit, sum(value) FROM profile "
            "GROUP BY ALL ORDER BY metric"
        ).fetchall()
        said = dict(made.sql("SELECT code, count FROM diagnostic").fetchall())
    assert found == [
        ("vadd__k1_Gpu1", "Time", "ms", 1.0), ("vadd__k1_Gpu1", "VGPRs", None, 24.0),
        ("vadd__k1_Gpu1", "Wavefronts", None, 48.0),
    ]  # fmt: skip
    assert said == {"csv_row_unread": 1}


@pytest.mark.parametrize("seed", range(8))
def test_a_truncated_trace_gives_a_part_of_its_rows(seed: int, tmp_path: Path) -> None:
    run = plan(steps=4)
    whole = text(run)
    end = random.Random(f"atp {seed}").randrange(len(whole))
    times = {(c.start, c.end) for c in run.calls} | {(d.start, d.end) for d in run.dispatches}
    times |= {(c.start, c.end) for c in run.copies}
    try:
        session = opened(written(tmp_path, whole[:end]), tmp_path)
    except InputError:
        assert end < whole.index("Timestamp Output") + 400
        return
    with session as made:
        found = made.sql("SELECT ts, ts + dur FROM slice WHERE dur >= 0").fetchall()
    starts = {start for start, _ in times}
    assert sum((start, end) not in times for start, end in found) <= 1
    assert {start for start, _ in found} <= starts
