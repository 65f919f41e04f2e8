"""rocprofv3's JSON: the whole run, two processes, one beside CSV, damage in the middle."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
import rocm_truth
import rocprofv3_json
from rocm_plan import PID, plan
from rocprofv3_files import SAMPLES, csv_files

from traceql.engine.ingest import ingest
from traceql.errors import InputError
from traceql.importers._rocm.trace import Trace
from traceql.importers.rocprofv3 import records
from traceql.query.session import Session
from traceql.store.catalog import Store


def opened(path: Path, folder: Path, **options: Any) -> Session:
    store = Store.open(folder / "store", create=True)
    done = ingest(path, store=store, options=options or None)
    assert done.importer == "rocprofv3"
    return Session([done.trace], store=store)


def written(folder: Path, text: str, name: str = "7_results.json") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(scope="module", params=[None, 2], ids=["dense", "indented"])
def session(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A session over a run, written without and with white space."""
    folder = tmp_path_factory.mktemp("json")
    text = rocprofv3_json.text_of(rocprofv3_json.document(plan()), indent=request.param)
    with opened(written(folder, text), folder) as made:
        yield made


def test_the_sample_is_what_the_generator_writes() -> None:
    text = (SAMPLES / "rocprofv3" / f"{PID}_results.json").read_text(encoding="utf-8")
    assert text == rocprofv3_json.text_of(rocprofv3_json.document(plan(steps=8)))


def test_a_run_is_told_whole(session: Any) -> None:
    run = plan()
    rocm_truth.kernels(session, run)
    rocm_truth.copies(session, run, with_sizes=True)
    rocm_truth.calls(session, run)
    rocm_truth.memory(session, run)
    rocm_truth.counted(session, run)
    rocm_truth.devices(session)


def test_what_has_no_column_is_kept(session: Any) -> None:
    found = session.sql(
        "SELECT args ->> '$.args.flags', args ->> '$.args.name', correlation_id % 2 FROM slice "
        "WHERE category = 'hip_runtime'"
    ).fetchall()
    assert found
    assert all((int(flags), name) == (odd, "x") for flags, name, odd in found)


def test_samples_and_totals(session: Any) -> None:
    run = plan()
    assert session.sql("SELECT count(*) FROM sample").fetchall() == [(len(run.samples),)]
    kernels = {row[0] for row in session.sql("SELECT name FROM frame WHERE depth = 0").fetchall()}
    assert kernels == {run.dispatches[number - 1].name for _, number, _, _ in run.samples}
    found = session.sql("SELECT metric, value, unit FROM profile ORDER BY metric").fetchall()
    assert ("TotalDurationNs", 900.0, "ns") in found
    assert ("Calls", 3.0, "count") in found


def test_private_words_are_left_out_unless_asked_for(session: Any, tmp_path: Path) -> None:
    assert session.sql("SELECT cmdline, host, args FROM process").fetchall() == [(None, None, None)]
    text = rocprofv3_json.text_of(rocprofv3_json.document(plan(steps=1)))
    with opened(written(tmp_path, text), tmp_path, keep_environment=True) as kept:
        found = kept.sql("SELECT cmdline, host FROM process").fetchall()
    assert found == [("./x --secret", "synthetic-node")]


def test_dispatches_that_only_counters_tell_of(tmp_path: Path) -> None:
    run = plan(steps=5)
    text = rocprofv3_json.text_of(rocprofv3_json.document(run, with_dispatches=False))
    with opened(written(tmp_path, text), tmp_path) as made:
        found = made.sql(
            "SELECT s.ts, s.dur, s.name FROM gpu_op g JOIN slice s ON s.id = g.slice_id "
            "WHERE g.kind = 'kernel' ORDER BY s.ts, s.name"
        ).fetchall()
    assert found == sorted((d.start, d.end - d.start, d.name) for d in run.dispatches)


def test_processes_keep_their_links_apart(tmp_path: Path) -> None:
    run = plan(steps=3)
    text = rocprofv3_json.text_of(*(rocprofv3_json.document(run, pid) for pid in (1, 2)))
    with opened(written(tmp_path, text), tmp_path) as made:
        found = made.sql(
            "SELECT p.pid, count(*), count(g.launch_slice_id) FROM gpu_op g "
            "JOIN (SELECT id, track_id FROM slice) s ON s.id = g.slice_id "
            "JOIN (SELECT id, upid FROM track) t ON t.id = s.track_id "
            "JOIN process p USING (upid) GROUP BY 1 ORDER BY 1"
        ).fetchall()
    count = len(run.dispatches) + len(run.copies)
    assert found == [(1, count, count), (2, count, count)]


def test_a_run_in_both_forms_is_read_once(tmp_path: Path) -> None:
    run = plan(steps=3)
    folder = tmp_path / "run"
    folder.mkdir()
    for name, text in csv_files(run).items():
        (folder / name).write_text(text, encoding="utf-8")
    written(folder, rocprofv3_json.text_of(rocprofv3_json.document(run)), f"{PID}_results.json")
    with opened(folder, tmp_path) as made:
        rocm_truth.kernels(made, run)
        rocm_truth.copies(made, run, with_sizes=True)


def test_a_bad_record_costs_itself_alone(tmp_path: Path) -> None:
    run = plan(steps=3)
    whole = rocprofv3_json.document(run)
    whole["buffer_records"]["hip_api"][3]["start_timestamp"] = "soon"
    whole["buffer_records"]["hip_api"][5] = 17
    with opened(written(tmp_path, rocprofv3_json.text_of(whole)), tmp_path) as made:
        found = made.sql("SELECT count(*) FROM slice WHERE category = 'hip_runtime'").fetchall()
        said = dict(made.sql("SELECT code, count FROM diagnostic").fetchall())
    assert found == [(len(whole["buffer_records"]["hip_api"]) - 2,)]
    assert said["record_unread"] == 2


def test_a_truncated_file_gives_a_part_of_its_rows(tmp_path: Path) -> None:
    run = plan(steps=4)
    text = rocprofv3_json.text_of(rocprofv3_json.document(run))
    chance = random.Random("json")
    parts: tuple[list[Any], ...] = (
        run.calls, run.markers, run.copies, run.dispatches, run.memory, run.scratch,
    )  # fmt: skip
    times = {(row.start, row.end) for part in parts for row in part}
    read = 0
    for end in [5, 30, *(chance.randrange(len(text)) for _ in range(10)), len(text) - 2]:
        try:
            session = opened(written(tmp_path, text[:end]), tmp_path)
        except InputError:
            continue
        with session as made:
            found = made.sql("SELECT ts, ts + dur FROM slice").fetchall()
            said = {row[0] for row in made.sql("SELECT code FROM diagnostic").fetchall()}
        assert set(found) <= times
        assert "json_incomplete" in said
        read += 1
    assert read >= 8


def test_halves_find_the_bad_records() -> None:
    rows = [json.dumps({"kind": n, "operation": 1}).encode() for n in range(100)]
    for bad in (0, 41, 99):
        rows[bad] = b'{"kind":"x"}'
    trace = Trace()
    found = [
        number
        for batch in records._parsed(records.CALLS, rows, [{}] * 100, trace)
        for number in batch.rows["kind"].to_pylist()
    ]
    assert found == [n for n in range(100) if n not in {0, 41, 99}]
