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
        base.execute("INSERT INTO rocpd_stackframe VALUES (1, 1, 0, 1)")
        base.commit()
    with opened(path, tmp_path) as made:
        found = made.sql(
            "SELECT grid_x, grid_y, block_x, l.args ->> '$.args' FROM gpu_op g "
            "JOIN (SELECT id, args FROM slice) l ON l.id = g.launch_slice_id"
        ).fetchall()
        said = dict(made.sql("SELECT code, count FROM diagnostic").fetchall())
    assert found == [(7, 10, 256, "size=0x10")]
    assert said == {"slice_without_start": 1, "table_not_known": 1}
