"""rocprof v1 and v2, roctracer's text and workloads, against the run they tell."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import rocm_truth
import rocprof_files
from rocm_plan import PID, Plan, plan

from traceql.engine.ingest import ingest
from traceql.errors import InputError
from traceql.query.session import Session
from traceql.store.catalog import Store

WORK = (
    "SELECT s.ts, s.dur, s.name, g.device_id, g.stream_id, l.name FROM gpu_op g "
    "JOIN (SELECT id, ts, dur, name FROM slice) s ON s.id = g.slice_id "
    "LEFT JOIN (SELECT id, name FROM slice) l ON l.id = g.launch_slice_id "
    "WHERE g.kind = '{}' ORDER BY s.ts, s.name"
)


def opened(path: Path, folder: Path, **options: Any) -> Session:
    store = Store.open(folder / "store", create=True)
    done = ingest(path, store=store, options=options or None)
    assert done.importer == "rocprof"
    return Session([done.trace], store=store)


def written(folder: Path, files: dict[str, str]) -> Path:
    """Write files; gives the file if it is one, else their folder."""
    (folder / "run").mkdir()
    for name, text in files.items():
        (folder / "run" / name).write_text(text, encoding="utf-8")
    return folder / "run" if len(files) > 1 else folder / "run" / next(iter(files))


def kernels(run: Plan, launch: str | None, *, by_queue: bool = True) -> list[tuple[Any, ...]]:
    found = (
        (d.start, d.end - d.start, d.name, d.agent, d.queue if by_queue else d.stream, launch)
        for d in run.dispatches
    )
    return sorted(found, key=lambda row: (row[0], row[2]))


def test_the_samples_are_what_the_generator_writes(tmp_path: Path) -> None:
    small = plan(steps=10)
    samples = rocprof_files.SAMPLES
    assert (samples / "results.csv").read_text() == rocprof_files.v1_csv(plan())
    assert (samples / "results.json").read_text() == rocprof_files.v1_json(small)
    assert (samples / "hip_trace.txt").read_text() == rocprof_files.roctracer_text(small)
    rocprof_files.v1_base(tmp_path / "again.db", small)
    dumps = []
    for path in (samples / "results.db", tmp_path / "again.db"):
        with closing(sqlite3.connect(path)) as base:
            dumps.append(list(base.iterdump()))
    assert dumps[0] == dumps[1]


def test_wide_csv_of_v1(tmp_path: Path) -> None:
    run = plan()
    path = written(tmp_path, {"results.csv": rocprof_files.v1_csv(run)})
    with opened(path, tmp_path) as made:
        assert made.sql(WORK.format("kernel")).fetchall() == kernels(run, None)
        values = made.sql("SELECT ts, value FROM counter ORDER BY ts, value").fetchall()
        pids = made.sql("SELECT pid FROM process").fetchall()
        shared = made.sql("SELECT DISTINCT registers_per_thread, grid_x FROM gpu_op").fetchall()
    waves = {number: value for number, name, value in run.counters if name == "SQ_WAVES"}
    assert values == sorted((d.start, waves[d.dispatch]) for d in run.dispatches)
    assert (pids, shared) == ([(PID,)], [(32, None)])


def test_base_of_v1(tmp_path: Path) -> None:
    run = plan()
    rocprof_files.v1_base(tmp_path / "results.db", run)
    with opened(tmp_path / "results.db", tmp_path) as made:
        found = made.sql(WORK.format("kernel")).fetchall()
        assert found == kernels(run, "hipLaunchKernel", by_queue=False)
        rocm_truth.copies(made, run, with_sizes=False)
        rocm_truth.calls(made, run)


def test_json_of_v1(tmp_path: Path) -> None:
    run = plan()
    path = written(tmp_path, {"results.json": rocprof_files.v1_json(run)})
    with opened(path, tmp_path) as made:
        assert made.sql(WORK.format("kernel")).fetchall() == kernels(run, None)
        rocm_truth.copies(made, run, with_sizes=False)
        rocm_truth.calls(made, run)
        told = dict(made.sql("SELECT name, str_value FROM metadata").fetchall())
    assert told == {"rocprof.Agent1.Name": "gfx90a", "rocprof.note": "synthetic"}


def test_a_run_in_all_forms_is_read_once(tmp_path: Path) -> None:
    run = plan(steps=4)
    files = {"results.csv": rocprof_files.v1_csv(run), "results.json": rocprof_files.v1_json(run)}
    with opened(written(tmp_path, files), tmp_path) as made:
        assert made.sql(WORK.format("kernel")).fetchall() == kernels(run, None)


def test_text_of_roctracer(tmp_path: Path) -> None:
    run = plan()
    path = written(tmp_path, {"x.txt": rocprof_files.roctracer_text(run)})
    with opened(path, tmp_path) as made:
        assert made.sql(WORK.format("kernel")).fetchall() == kernels(run, "hipLaunchKernel")
        found = made.sql(
            "SELECT ts, ts + dur, name FROM slice WHERE category = 'roctx' AND dur >= 0 ORDER BY ts"
        ).fetchall()
        unclosed = made.sql("SELECT name FROM slice WHERE dur < 0").fetchall()
        args = made.sql(
            "SELECT DISTINCT args ->> '$.args' FROM slice WHERE category = 'hip_runtime'"
        ).fetchall()
    assert found == sorted((m.start, m.end, m.function) for m in run.markers if m.end > m.start)
    assert unclosed == [("whole",)]
    assert args == [("stream(0), x(1:2)",)]


def test_a_number_that_no_device_has_is_unknown(tmp_path: Path) -> None:
    times = ((63_857_982_083_625, 1 << 40), (63_857_982_083_825, 2))
    text = "".join(f"{t}:{t + 9} {device}:0 KernelExecution:7:42\n" for t, device in times)
    with opened(written(tmp_path, {"hcc_ops_trace.txt": text}), tmp_path) as session:
        found = session.sql("SELECT device_id FROM gpu_op ORDER BY slice_id").fetchall()
    assert found == [(None,), (2,)]


def test_folder_of_v2(tmp_path: Path) -> None:
    run = plan(steps=6)
    with opened(written(tmp_path, rocprof_files.v2_files(run)), tmp_path) as made:
        found = made.sql(WORK.format("kernel")).fetchall()
        calls = made.sql(
            "SELECT ts, dur, name, args ->> '$.kernel' FROM slice "
            "WHERE category IN ('hip_runtime', 'hsa_api') ORDER BY ts"
        ).fetchall()
        copies = made.sql(
            "SELECT copy_kind, count(*), count(launch_slice_id) FROM gpu_op "
            "WHERE kind = 'memcpy' GROUP BY 1 ORDER BY 1"
        ).fetchall()
        ranges = made.sql(
            "SELECT ts, ts + dur, name FROM slice WHERE category = 'roctx' ORDER BY ts"
        ).fetchall()
        pids = made.sql("SELECT DISTINCT pid FROM process").fetchall()
        said = made.sql("SELECT code FROM diagnostic WHERE code LIKE 'csv%'").fetchall()
    names = {d.correlation: d.name.replace('"', "'") for d in run.dispatches}
    wanted = kernels(run, "hipLaunchKernel")
    assert found == [(*row[:2], row[2].replace('"', "'"), *row[3:]) for row in wanted]
    assert calls == sorted(
        (c.start, c.end - c.start, c.function, names.get(c.correlation)) for c in run.calls
    )
    assert copies == [("dtoh", 6, 6), ("htod", 6, 6)]
    assert ranges == sorted((m.start, m.end, m.function) for m in run.markers if m.end > m.start)
    assert (pids, said) == ([(PID,)], [])


WORKLOAD = (
    "Dispatch_ID,Kernel_Name,GPU_ID,Grid_Size,wave_size,wave_size_1,SQ_WAVES,TCC_HIT[0],"
    "Start_Timestamp,End_Timestamp\n"
)


def test_a_workload_is_one_trace_and_its_passes_share_dispatches(tmp_path: Path) -> None:
    rows = (
        '0,"copy(int, int) [clone .kd]",2,64,64,64,16,N/A,1000,1500\n1,b,2,64,64,64,8,3,2000,2100\n'
    )
    system = (
        "workload_name,command,ip_blocks,gpu_arch,hostname,gpu_model,cu_per_gpu,wave_size,"
        "workgroup_max_size,max_waves_per_cu,max_sclk,max_mclk\n"
        "v,./secret,SQ,gfx90a,h,MI200,104,64,1024,32,1700,\n"
    )
    files = {
        "pmc_perf.csv": WORKLOAD + rows,
        "SQ_WAVES.csv": WORKLOAD + rows,
        "sysinfo.csv": system,
        "roofline.csv": "device,HBMBw,FP32Flops\n0,1388.5,20941.25\n1,1389.5,20985.5\n",
    }
    path = written(tmp_path, files)
    with opened(path, tmp_path) as made:
        slices = made.sql("SELECT ts, dur, name FROM slice ORDER BY ts").fetchall()
        values = made.sql(
            "SELECT \"group\" ->> '$.file', \"group\" ->> '$.Dispatch_ID', metric, value "
            "FROM profile WHERE metric LIKE 'SQ%' OR metric LIKE 'TCC%' ORDER BY ALL"
        ).fetchall()
        roofs = made.sql("SELECT sum(value) FROM profile WHERE metric = 'HBMBw'").fetchall()
        told = dict(made.sql("SELECT name, str_value FROM metadata").fetchall())
        devices = made.sql(
            "SELECT device_id, name, compute_major, multiprocessor_count, warp_size, clock_hz, "
            "memory_clock_hz, max_threads_per_multiprocessor, contains(args, 'secret') FROM device"
        ).fetchall()
        limits = made.sql("SELECT architecture, max_warp_count FROM gpu_device_limit").fetchall()
    assert devices == [(2, "MI200", 9, 104, 64, 1.7e9, None, 2048, False)]
    assert limits == [("gfx90a", 32)]
    assert slices == [(1000, 500, "copy(int, int)"), (2000, 100, "b")]
    one = [("0", "SQ_WAVES", 16.0), ("1", "SQ_WAVES", 8.0), ("1", "TCC_HIT[0]", 3.0)]
    assert values == [(file, *row) for file in ("SQ_WAVES", "pmc_perf") for row in one]
    assert roofs == [(2778.0,)]
    assert told["rocprof_compute.ip_blocks"] == "SQ"
    assert not {"rocprof_compute.command", "rocprof_compute.hostname"} & set(told)
    with opened(path, tmp_path, keep_environment=True) as kept:
        told = dict(kept.sql("SELECT name, str_value FROM metadata").fetchall())
    assert told["rocprof_compute.command"] == "./secret"


def test_times_that_a_spreadsheet_has_rounded_are_no_times(tmp_path: Path) -> None:
    text = WORKLOAD + "0,a,2,64,64,64,16,1,8.1097E+14,8.1097E+14\n"
    with opened(written(tmp_path, {"pmc_perf.csv": text}), tmp_path) as made:
        assert made.sql("SELECT count(*) FROM slice").fetchall() == [(0,)]
        assert made.sql("SELECT sum(value) FROM profile").fetchall() == [(17.0,)]
        said = dict(made.sql("SELECT code, count FROM diagnostic").fetchall())
    assert said["time_precision_lost"] == 2


def test_missing_values_are_none_of_a_counter(tmp_path: Path) -> None:
    text = (
        "Index,KernelName,gpu-id,A,BeginNs,EndNs\n0,k,1,None,10,20\n1,k,1,5,30,40\n2,k,1,x,50,60\n"
    )
    with opened(written(tmp_path, {"results.csv": text}), tmp_path) as made:
        assert made.sql("SELECT ts, value FROM counter").fetchall() == [(30, 5.0)]
        said = dict(made.sql("SELECT code, count FROM diagnostic").fetchall())
    assert said == {"csv_value_unread": 1, "counter_without_value": 2}


def test_a_truncated_text_gives_a_part_of_its_rows(tmp_path: Path) -> None:
    run = plan(steps=4)
    text = rocprof_files.roctracer_text(run)
    times = {(c.start, c.end) for c in run.calls} | {(d.start, d.end) for d in run.dispatches}
    times |= {(c.start, c.end) for c in run.copies} | {(m.start, m.end) for m in run.markers}
    chance, path, read = random.Random("text"), tmp_path / "x.txt", 0
    for _ in range(10):
        path.write_text(text[: chance.randrange(len(text))], encoding="utf-8")
        try:
            session = opened(path, tmp_path)
        except InputError:
            continue
        with session as made:
            found = made.sql("SELECT ts, ts + dur FROM slice WHERE dur >= 0").fetchall()
        assert set(found) <= times
        read += 1
    assert read >= 6


@pytest.mark.parametrize("text", ["hello\n", "12:13\n", "1 2 3\n", "Index,KernelName\n0,a\n"])
def test_other_texts_are_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError):
        ingest(path, store=Store.open(tmp_path / "store", create=True))
