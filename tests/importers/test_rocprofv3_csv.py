"""rocprofv3's CSV: a folder of one run, single files, older columns, damage, and CSV itself."""

from __future__ import annotations

import csv
import io
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import rocm_truth
from hypothesis import given, settings
from hypothesis import strategies as st
from rocm_plan import plan
from rocprofv3_files import KEPT, SAMPLES, csv_files

from traceql.engine.ingest import ingest
from traceql.errors import InputError
from traceql.importers import _csv
from traceql.query.session import Session
from traceql.store.catalog import Store


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A session over a folder of one run."""
    folder = tmp_path_factory.mktemp("rocprofv3")
    (folder / "run").mkdir()
    for name, text in csv_files(plan()).items():
        (folder / "run" / name).write_text(text, encoding="utf-8")
    store = Store.open(folder / "store", create=True)
    done = ingest(folder / "run", store=store)
    assert done.importer == "rocprofv3"
    with Session([done.trace], store=store) as opened:
        yield opened


def ingested(folder: Path, files: dict[str, str], ask: str) -> list[tuple[Any, ...]]:
    """Ingest a folder of files (or the file, if it is one) and ask it."""
    (folder / "run").mkdir()
    for name, text in files.items():
        (folder / "run" / name).write_text(text, encoding="utf-8")
    source = folder / "run" if len(files) > 1 else folder / "run" / next(iter(files))
    store = Store.open(folder / "store", create=True)
    done = ingest(source, store=store)
    with Session([done.trace], store=store) as opened:
        return list(opened.sql(ask).fetchall())


def test_the_samples_are_what_the_generator_writes() -> None:
    found = {p.name: p.read_text(encoding="utf-8") for p in (SAMPLES / "rocprofv3").glob("*.csv")}
    assert found == {name: csv_files(plan())[name] for name in KEPT}


def test_a_folder_of_one_run_is_one_trace(session: Any) -> None:
    run = plan()
    rocm_truth.kernels(session, run)
    rocm_truth.copies(session, run, with_sizes=False)
    rocm_truth.calls(session, run)
    rocm_truth.memory(session, run)
    rocm_truth.counted(session, run)
    rocm_truth.devices(session)
    assert session.sql("SELECT DISTINCT pid FROM process").fetchall() == [(4242,)]


def test_samples_of_program_counters_stand_below_their_kernel(session: Any) -> None:
    run = plan()
    found = session.sql(
        "SELECT s.ts, f.name, f.file, f.line, p.name AS kernel FROM sample s "
        "JOIN frame f ON f.id = s.frame_id JOIN (SELECT id, name FROM frame) p "
        "ON p.id = f.parent_id ORDER BY s.ts"
    ).fetchall()
    assert found == [
        (at, text, place.split(":")[0], int(place.split(":")[1]), run.dispatches[number - 1].name)
        for at, number, text, place in sorted(run.samples)
    ]


def test_statistics_become_profile(session: Any) -> None:
    run = plan()
    found = session.sql(
        "SELECT \"group\" ->> '$.Name', value, unit FROM profile WHERE metric = 'TotalDurationNs'"
    ).fetchall()
    totals: dict[str, int] = {}
    for d in run.dispatches:
        totals[d.name] = totals.get(d.name, 0) + d.end - d.start
    assert sorted(found) == sorted((name, float(ns), "ns") for name, ns in totals.items())


def test_a_counter_file_alone_tells_of_its_dispatches(tmp_path: Path) -> None:
    run = plan()
    files = {"x_counter_collection.csv": csv_files(run)["4242_counter_collection.csv"]}
    found = ingested(
        tmp_path, files, "SELECT s.ts, s.dur, s.name, grid_x FROM gpu_op g JOIN slice s "
        "ON s.id = g.slice_id ORDER BY s.ts, s.name",
    )  # fmt: skip
    wanted = [(d.start, d.end - d.start, d.name, None) for d in run.dispatches]
    assert found == sorted(wanted, key=lambda row: (row[0], row[2]))


def test_counters_without_times_are_kept_as_profile(tmp_path: Path) -> None:
    text = (
        '"Dispatch_Id","Agent_Id","Queue_Id","Process_Id","Thread_Id","Kernel_Name",'
        '"Counter_Name","Counter_Value"\n1,1,1,7,7,"k, <int>","SQ_WAVES",16\n2,1,1,7,7,"k","B",2\n'
    )
    found = ingested(
        tmp_path, {"c.csv": text},
        "SELECT metric, value, \"group\" ->> '$.Kernel_Name' FROM profile ORDER BY metric",
    )  # fmt: skip
    assert found == [("B", 2.0, "k"), ("SQ_WAVES", 16.0, "k, <int>")]


def test_older_columns_are_read(tmp_path: Path) -> None:
    """Version 0.4: agents are plain numbers, sizes have other names, no stream is told."""
    text = (
        "Kind,Agent_Id,Queue_Id,Kernel_Id,Kernel_Name,Correlation_Id,Start_Timestamp,"
        "End_Timestamp,Private_Segment_Size,Group_Segment_Size,Workgroup_Size_X,Workgroup_Size_Y,"
        "Workgroup_Size_Z,Grid_Size_X,Grid_Size_Y,Grid_Size_Z\n"
        "KERNEL_DISPATCH,1,3,13,add,0,100,250,0,2048,64,1,1,1024,2,1\n"
    )
    found = ingested(
        tmp_path, {"7_kernel_trace.csv": text},
        "SELECT device_id, stream_id, shared_bytes, grid_x, grid_y, s.dur, correlation_id, pid "
        "FROM gpu_op g JOIN (SELECT id, dur, track_id FROM slice) s ON s.id = g.slice_id "
        "JOIN (SELECT id, upid AS u FROM track) t ON t.id = s.track_id JOIN process ON upid = u",
    )  # fmt: skip
    assert found == [(1, 3, 2048, 16, 2, 150, None, 7)]


def test_processes_of_one_folder_keep_their_correlations_apart(tmp_path: Path) -> None:
    call = ("Domain,Function,Process_Id,Thread_Id,Correlation_Id,Start_Timestamp,End_Timestamp\n"
            "HIP_RUNTIME_API,launch{0},{0},{0},1,{0}00,{0}10\n")  # fmt: skip
    kernel = (
        "Kind,Agent_Id,Queue_Id,Thread_Id,Dispatch_Id,Kernel_Name,Correlation_Id,"
        "Start_Timestamp,End_Timestamp\nKERNEL_DISPATCH,Agent 1,1,{0},1,k{0},1,{0}20,{0}90\n"
    )
    files = {f"{pid}_hip_api_trace.csv": call.format(pid) for pid in (11, 22)}
    files |= {f"{pid}_kernel_trace.csv": kernel.format(pid) for pid in (11, 22)}
    found = ingested(
        tmp_path, files, "SELECT s.name, l.name FROM gpu_op g JOIN slice s ON s.id = g.slice_id "
        "JOIN (SELECT id, name FROM slice) l ON l.id = g.launch_slice_id ORDER BY 1",
    )  # fmt: skip
    assert found == [("k11", "launch11"), ("k22", "launch22")]


def test_odd_rows_are_counted_and_the_rest_is_read(tmp_path: Path) -> None:
    text = (
        "Domain,Function,Process_Id,Thread_Id,Correlation_Id,Start_Timestamp,End_Timestamp\n\n"
        "HIP_RUNTIME_API,good,1,1,1,100,200\nHIP_RUNTIME_API,short,1,1\n"
        "HIP_RUNTIME_API,zero,1,1,2,0,0\nHIP_RUNTIME_API,late,1,1,3,500,400\n"
        "HIP_RUNTIME_API,bad,1,1,4,six,900\nHIP_RUNTIME_API,cut,1"
    )
    names = ingested(tmp_path, {"a.csv": text}, "SELECT name, dur FROM slice ORDER BY ts")
    assert names == [("good", 100), ("late", 0)]
    store = Store.open(tmp_path / "store")
    with Session([store.traces()[0]], store=store) as opened:
        said = dict(opened.sql("SELECT code, count FROM diagnostic").fetchall())
    assert said == {
        "csv_row_unread": 2, "csv_value_unread": 1, "slice_negative_duration": 1,
        "slice_without_start": 2,
    }  # fmt: skip


@pytest.mark.parametrize("name", sorted(csv_files(plan())))
def test_a_truncated_file_gives_a_part_of_its_rows(name: str, tmp_path: Path) -> None:
    text = csv_files(plan())[name].encode()
    chance = random.Random(name)
    store = Store.open(tmp_path / "store", create=True)
    whole = len(list(csv.reader(io.StringIO(text.decode())))) - 1
    path = tmp_path / f"a_{name}"
    for end in sorted({0, 1, 40, *(chance.randrange(len(text)) for _ in range(5))}):
        path.write_bytes(text[:end])
        try:
            done = ingest(path, store=store)
        except InputError:
            continue
        with Session([done.trace], store=store) as opened:
            counts = [
                opened.sql(f"SELECT count(*) FROM {table}").fetchall()[0][0]
                for table in ("slice", "sample", "device")
            ]
        assert max(counts) <= whole


WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0\r\ufeff"), max_size=8)


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.lists(WORDS, min_size=3, max_size=3), min_size=1, max_size=20))
def test_texts_are_those_of_the_csv_module(
    rows: list[list[str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([["a", "b", "b"], *rows])
    path = tmp_path_factory.mktemp("csv") / "x.csv"
    path.write_text(out.getvalue(), encoding="utf-8", newline="")
    file = _csv.CsvFile(path)
    found = [column for batch in file.batches()
             for column in zip(*(c.to_pylist() for c in batch.values()), strict=True)]  # fmt: skip
    assert file.header == ("a", "b", "b.2")
    assert found == [tuple(text or None for text in row) for row in rows]
    assert not file.damage


@pytest.mark.parametrize("size", [1, 3, 64, 1 << 20])
def test_bytes_that_are_no_utf8_are_replaced_and_counted(
    size: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    raw = "a,b\n\u00e9,\u20ac\nx\ufffd,y\n".encode() + b"\xff\xfe,z\nodd \xc3 row\nlast,\xe2\x82"
    path = tmp_path / "x.csv"
    path.write_bytes(raw)
    with path.open("rb") as opened:
        stream = _csv._Utf8(opened)
        whole = b"".join(iter(lambda: stream.read(size), b""))
    assert whole == raw.decode("utf-8", "replace").encode()
    file = _csv.CsvFile(path)
    rows = [row for batch in file.batches()
            for row in zip(*(c.to_pylist() for c in batch.values()), strict=True)]  # fmt: skip
    assert rows == [
        ("\u00e9", "\u20ac"),
        ("x\ufffd", "y"),
        ("\ufffd\ufffd", "z"),
        ("last", "\ufffd"),
    ]
    assert (file.unread, file.not_utf8, file.odd) == (1, 4, [["odd \ufffd row"]])
    assert capfd.readouterr().err == ""


@given(st.lists(st.integers(-(1 << 63), (1 << 64) - 1), max_size=20))
def test_integers_keep_their_64_bits(numbers: list[int]) -> None:
    found, bad = _csv.integers(pa.array([str(n) for n in numbers], pa.string()))
    assert bad == 0
    assert [n % (1 << 64) for n in found.to_pylist()] == [n % (1 << 64) for n in numbers]


@given(st.lists(st.integers(0, (1 << 64) - 1), max_size=20))
def test_addresses_keep_their_64_bits(numbers: list[int]) -> None:
    found = _csv.hexadecimal(pa.array([f"0x{n:x}" for n in numbers], pa.string()))
    assert [n % (1 << 64) for n in found.to_pylist()] == numbers


def test_what_is_no_number_is_null_and_counted() -> None:
    texts = pa.array(["1", "-7", "x", None, "1.5", "99999999999999999999999"])
    assert _csv.integers(texts)[0].to_pylist() == [1, -7, None, None, None, None]
    assert _csv.integers(texts)[1] == 3
    found, bad = _csv.numbers(pa.array(["1", "2.5e-3", "nan", "-nan", "N/A", None]))
    assert (found.to_pylist(), bad) == ([1.0, 0.0025, None, None, None, None], 3)
