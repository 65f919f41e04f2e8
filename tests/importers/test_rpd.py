"""rocmProfileData: a file against the run it tells, and the schema before it."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import rocm_truth
import rpd_files
from rocm_plan import plan

from traceql.engine.ingest import ingest
from traceql.query.session import Session
from traceql.store.catalog import Store


def opened(path: Path, folder: Path) -> Session:
    store = Store.open(folder / "store", create=True)
    done = ingest(path, store=store)
    assert done.importer == "rpd"
    return Session([done.trace], store=store)


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A session over a run."""
    folder = tmp_path_factory.mktemp("rpd")
    rpd_files.write(folder / "run.rpd", plan())
    with opened(folder / "run.rpd", folder) as made:
        yield made


def test_the_sample_is_what_the_generator_writes(tmp_path: Path) -> None:
    rpd_files.write(tmp_path / "again.rpd", plan(steps=8))
    dumps = []
    for path in (rpd_files.SAMPLES / "rpd.rpd", tmp_path / "again.rpd"):
        with closing(sqlite3.connect(path)) as base:
            dumps.append(list(base.iterdump()))
    assert dumps[0] == dumps[1]


def test_kernels_have_their_grids_and_launches(session: Any) -> None:
    run = plan()
    found = rocm_truth.rows(session, rocm_truth.OPERATIONS.format("kernel"))
    wanted = [
        {
            "ts": d.start, "end": d.end, "name": d.name, "device": d.agent, "stream": d.queue,
            "grid": [-(-g // b) for g, b in zip(d.grid, d.group, strict=True)],
            "block": list(d.group), "shared": d.lds, "launch": "hipLaunchKernel",
        }
        for d in sorted(run.dispatches, key=lambda d: (d.start, d.name))
    ]  # fmt: skip
    assert [{key: row[key] for key in wanted[0]} for row in found] == wanted


def test_copies_have_their_sizes(session: Any) -> None:
    rocm_truth.copies(session, plan(), with_sizes=True)


def test_calls_markers_and_counters(session: Any) -> None:
    run = plan()
    rocm_truth.calls(session, run)
    found = session.sql(
        "SELECT t.name, c.ts, c.value FROM counter c JOIN (SELECT id, name FROM track) t "
        "ON t.id = c.track_id WHERE t.name NOT IN ('power', 'sclk')"
    ).fetchall()
    assert Counter(found) == Counter(
        (name, run.dispatches[number - 1].start, value) for number, name, value in run.counters
    )


def test_the_monitor_has_units_and_devices(session: Any) -> None:
    found = session.sql(
        "SELECT t.name, t.unit, t.device_id, count(*), sum(value) FROM counter c "
        "JOIN (SELECT id, name, unit, device_id FROM track) t ON t.id = c.track_id "
        "WHERE t.name IN ('power', 'sclk') GROUP BY ALL ORDER BY t.name"
    ).fetchall()
    assert found == [("power", "W", 1, 10, 3050.0), ("sclk", "MHz", 1, 10, 17045.0)]


def test_a_fill_is_no_kernel_and_may_have_no_call(session: Any) -> None:
    found = session.sql(
        "SELECT s.name, s.dur, g.launch_slice_id FROM gpu_op g JOIN slice s ON s.id = g.slice_id "
        "WHERE g.kind = 'memset'"
    ).fetchall()
    assert found == [("FillBuffer", 50, None)]


def test_the_older_schema_and_grids_in_work_items(tmp_path: Path) -> None:
    path = tmp_path / "old.rpd"
    with closing(sqlite3.connect(path)) as base:
        for text in rpd_files.TABLES:
            if text.startswith(("rocpd_ustring", "rocpd_counter", "rocpd_monitor")):
                continue
            base.execute("CREATE TABLE " + text.replace(
                "category_id INTEGER, domain_id INTEGER, ", ""))  # fmt: skip
        names = ("", "hipExtModuleLaunchKernel", "k", "KernelExecution", "size=0x10")
        base.executemany("INSERT INTO rocpd_string VALUES (?, ?)", enumerate(names, 1))
        base.execute("INSERT INTO rocpd_api VALUES (1, 5, 6, 100, 200, 2, 5)")
        base.execute("INSERT INTO rocpd_kernelapi VALUES (1,'0x0',1792,10,1,256,1,1,64,0,3)")
        base.execute("INSERT INTO rocpd_op VALUES (1, 2, 0, 0, 300, 400, 3, 4)")
        base.execute("INSERT INTO rocpd_op VALUES (2, 2, 0, 0, 0, 0, 3, 4)")
        base.execute("INSERT INTO rocpd_api_ops VALUES (1, 1, 1)")
        base.execute("CREATE TABLE rocpd_later (id integer)")
        base.execute("INSERT INTO rocpd_later VALUES (1)")
        base.commit()
    with opened(path, tmp_path) as made:
        found = made.sql(
            "SELECT grid_x, grid_y, block_x, l.args ->> '$.args' FROM gpu_op g "
            "JOIN (SELECT id, args FROM slice) l ON l.id = g.launch_slice_id"
        ).fetchall()
        said = dict(made.sql("SELECT code, count FROM diagnostic").fetchall())
    assert found == [(7, 10, 256, "size=0x10")]
    assert said == {"slice_without_start": 1, "table_not_known": 1}


def test_stacks_of_calls_are_samples(tmp_path: Path) -> None:
    path = tmp_path / "run.rpd"
    run = plan(steps=4)
    rpd_files.write(path, run)
    one, two = run.calls[:2]
    texts = ["hipMalloc at /opt/rocm/lib/a.cpp:3", "in main at /w/m.hip:169:5",
             "0x00007f35a249d54b at /opt/rocm/lib/libamdhip64.so.6", "?"]  # fmt: skip
    frames = [(one.correlation, 0, 0), (one.correlation, 1, 1), (one.correlation, 2, 2),
              (two.correlation, 1, 1), (two.correlation, 2, 2), (two.correlation, 0, 3),
              (99_999_999, 0, 0), (one.correlation, -1, 0)]  # fmt: skip
    with closing(sqlite3.connect(path)) as base:
        base.execute("DROP TABLE IF EXISTS rocpd_stackframe")
        base.execute("CREATE TABLE rocpd_stackframe (id integer PRIMARY KEY, api_ptr_id bigint, "
                     "depth integer, name_id bigint)")  # fmt: skip
        base.executemany("INSERT INTO rocpd_string VALUES (?, ?)",
                         [(9000 + n, text) for n, text in enumerate(texts)])  # fmt: skip
        base.executemany("INSERT INTO rocpd_stackframe VALUES (NULL, ?, ?, ?)",
                         [(call, depth, 9000 + text) for call, depth, text in frames])  # fmt: skip
        base.commit()
    with opened(path, tmp_path) as session:
        samples = session.sql(
            "SELECT s.ts, t.tid, f.name, f.file, f.line, p.name, p.line, r.module, r.address, "
            "f.depth FROM sample s JOIN thread t USING (utid) JOIN frame f ON f.id = s.frame_id "
            "JOIN frame p ON p.id = f.parent_id JOIN frame r ON r.id = p.parent_id ORDER BY s.ts"
        ).fetchall()
        codes = dict(session.sql("SELECT code, count FROM diagnostic").fetchall())
        ((count,),) = session.sql("SELECT count(*) FROM frame").fetchall()
    root = ("main", 169, "/opt/rocm/lib/libamdhip64.so.6", 0x7F35A249D54B, 2)
    assert samples == [
        (one.start, one.tid, "hipMalloc", "/opt/rocm/lib/a.cpp", 3, *root),
        (two.start, two.tid, "?", None, None, *root),
    ]
    assert codes["row_without_owner"] == codes["frame_not_read"] == 1
    assert count == 5
