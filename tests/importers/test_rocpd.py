"""rocpd: every table against the run it tells, two GUIDs in one file, ids that dangle."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import rocm_truth
import rocpd_files
from hypothesis import given
from hypothesis import strategies as st
from rocm_plan import GUID, PID, plan

from traceql.engine.ingest import ingest
from traceql.importers._rocm.joining import Index, as_json, objects
from traceql.importers.rocpd import Rocpd
from traceql.model.protocols import Head, Match
from traceql.query.session import Session
from traceql.store.catalog import Store

OTHER = "00000001-0000-7000-8000-000000000002"


def opened(path: Path, folder: Path, **options: Any) -> Session:
    store = Store.open(folder / "store", create=True)
    done = ingest(path, store=store, options=options or None)
    assert done.importer == "rocpd"
    return Session([done.trace], store=store)


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A session over a run of one process."""
    folder = tmp_path_factory.mktemp("rocpd")
    rocpd_files.write(folder / "run.db", plan(), sampled=False)
    with opened(folder / "run.db", folder) as made:
        yield made


def test_the_sample_is_what_the_generator_writes(tmp_path: Path) -> None:
    rocpd_files.write(tmp_path / "again.db", plan(steps=8))
    dumps = []
    for path in (rocpd_files.SAMPLES / "rocpd.db", tmp_path / "again.db"):
        with closing(sqlite3.connect(path)) as base:
            dumps.append(list(base.iterdump()))
    assert dumps[0] == dumps[1]


def test_a_run_is_told_whole(session: Any) -> None:
    run = plan()
    rocm_truth.kernels(session, run)
    rocm_truth.copies(session, run, with_sizes=True)
    rocm_truth.memory(session, run)
    rocm_truth.calls(session, run)
    rocm_truth.counted(session, run)
    rocm_truth.devices(session)


def test_arguments_of_calls_are_kept(session: Any) -> None:
    found = session.sql(
        "SELECT args ->> '$.args.stream', args ->> '$.args.size' FROM slice "
        "WHERE category = 'hip_runtime' ORDER BY ts LIMIT 1"
    ).fetchall()
    assert found == [('"0"', '"0"')]


def test_secrets_are_left_out_unless_asked_for(tmp_path: Path, session: Any) -> None:
    assert session.sql("SELECT cmdline, host, args FROM process").fetchall() == [
        (None, None, f'{{"guid": "{GUID}"}}')
    ]
    path = tmp_path / "run.db"
    rocpd_files.write(path, plan(steps=1))
    with opened(path, tmp_path, keep_environment=True) as kept:
        ((command, host, args),) = kept.sql("SELECT cmdline, host, args FROM process").fetchall()
    assert (command, host) == ("./synthetic --secret", "synthetic-node")
    assert "TOKEN" in args


def test_values_of_one_poll_are_not_multiplied(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    rocpd_files.write(path, plan(steps=2))
    with opened(path, tmp_path) as made:
        found = made.sql(
            "SELECT t.name, t.unit, t.device_id, count(*), sum(value) FROM counter c "
            "JOIN (SELECT id, name, unit, device_id FROM track) t ON t.id = c.track_id "
            "WHERE t.name LIKE 'device%' GROUP BY ALL ORDER BY t.name"
        ).fetchall()
    assert found == [("device_busy_gfx", "%", 1, 10, 45.0), ("device_power", "w", 1, 10, 3050.0)]


def test_processes_of_one_file_are_kept_apart(tmp_path: Path) -> None:
    path, run = tmp_path / "run.db", plan(steps=3)
    rocpd_files.write(path, run, GUID, OTHER, sampled=False)
    with opened(path, tmp_path) as made:
        found = made.sql(
            "SELECT p.pid, count(*), sum(s.dur)::BIGINT, count(l.id) FROM gpu_op g "
            "JOIN (SELECT id, dur, track_id FROM slice) s ON s.id = g.slice_id "
            "JOIN (SELECT id, upid FROM track) t ON t.id = s.track_id JOIN process p USING (upid) "
            "LEFT JOIN (SELECT ls.id, lt.upid AS lu FROM (SELECT id, track_id FROM slice) ls "
            "JOIN (SELECT id, upid FROM track) lt ON lt.id = ls.track_id) l "
            "ON l.id = g.launch_slice_id AND l.lu = p.upid GROUP BY 1 ORDER BY 1"
        ).fetchall()
        assert made.sql("SELECT count(*) FROM device").fetchall() == [(3,)]
    work = [d.end - d.start for d in run.dispatches] + [c.end - c.start for c in run.copies]
    total = sum(work)
    assert found == [(pid, len(work), total, len(work)) for pid in (PID, PID + 1000)]


def test_what_refers_to_nothing_is_kept_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    run = plan(steps=4)
    rocpd_files.write(path, run, sampled=False)
    suffix = GUID.replace("-", "_")
    with closing(sqlite3.connect(path)) as base:
        base.execute(f'UPDATE "rocpd_kernel_dispatch_{suffix}" SET kernel_id = 7 WHERE id = 1')
        base.execute(f'DELETE FROM "rocpd_info_agent_{suffix}"')
        base.execute(f'UPDATE "rocpd_region_{suffix}" SET event_id = NULL, name_id = 999999')
        base.execute(f'UPDATE "rocpd_pmc_event_{suffix}" SET event_id = 999999 WHERE id = 1')
        base.execute(f'DROP TABLE "rocpd_info_stream_{suffix}"')
        base.execute(f'CREATE TABLE "rocpd_novelty_{suffix}" (id)')
        base.commit()
    with opened(path, tmp_path) as made:
        said = dict(made.sql("SELECT code, count FROM diagnostic").fetchall())
        (count,) = made.sql("SELECT count(*) FROM gpu_op WHERE kind = 'kernel'").fetchall()[0]
        nameless = made.sql("SELECT count(*) FROM slice WHERE name IS NULL").fetchall()[0][0]
    assert count == len(run.dispatches)
    assert nameless == 1 + len(run.calls) + len(run.markers) - 1
    assert said["name_unknown"] == 1
    assert said["counter_without_event"] == 1
    assert said["table_not_known"] == 1


def test_rpd_is_not_taken_for_it() -> None:
    names = ("rocpd_api", "rocpd_op", "rocpd_metadata", "rocpd_string", "rocpd_api_ops")
    assert Rocpd().sniff(Head(Path("x.db"), b"SQLite format 3\0", names)) == Match.NO


@given(st.lists(st.integers(-5, 60), unique=True), st.lists(st.none() | st.integers(-9, 70)))
def test_places_are_those_of_a_dictionary(ids: list[int], wanted: list[int | None]) -> None:
    known = {number: place for place, number in enumerate(ids)}
    found = Index(np.array(ids, np.int64)).of(pa.array(wanted, pa.int64()))
    assert found.tolist() == [-1 if w is None else known.get(w, -1) for w in wanted]


@given(st.lists(st.tuples(st.integers(0, 4), st.text(max_size=3), st.none() | st.text(max_size=3))))
def test_objects_are_those_of_json(rows: list[tuple[int, str, str | None]]) -> None:
    columns = [pa.array(column, kind) for column, kind in zip(
        zip(*rows, strict=True) if rows else ([], [], []),
        (pa.int64(), pa.string(), pa.string()), strict=True,
    )]  # fmt: skip
    ids, texts = objects([(columns[0], columns[1], columns[2])])
    wanted: dict[int, list[tuple[str, str | None]]] = {}
    for owner, name, value in rows:
        wanted.setdefault(owner, []).append((name, value))
    found = dict(zip(ids.tolist(), texts.to_pylist(), strict=True))
    assert {k: json.loads(t, object_pairs_hook=list) for k, t in found.items()} == wanted


def test_what_is_no_json_becomes_a_text() -> None:
    assert as_json('{"a": 1}') == '{"a": 1}'
    assert as_json('{"a": ') == '"{\\"a\\": "'
    assert as_json("plain") == '"plain"'
