"""Nsight Systems: exports of three ages against what SQLite itself counts in them."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from traceql.engine.ingest import ingest
from traceql.errors import InputError
from traceql.query.session import Session
from traceql.store.catalog import Store

SAMPLES = Path(__file__).resolve().parents[2] / "sample_traces" / "synthetic" / "nsys"
AGES = sorted(SAMPLES.glob("*.sqlite"))


def told(path: Path, text: str) -> list[tuple[Any, ...]]:
    """Ask the file itself."""
    with closing(sqlite3.connect(path)) as base:
        base.text_factory = lambda raw: raw.decode("utf-8", "replace")
        return base.execute(text).fetchall()


def has(path: Path, table: str) -> bool:
    return bool(told(path, f"SELECT 1 FROM sqlite_master WHERE name = '{table}'"))


@pytest.fixture(scope="module", params=AGES, ids=lambda path: path.stem)
def taken(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Give a file and a session over it."""
    store = Store.open(tmp_path_factory.mktemp("nsys") / "store", create=True)
    done = ingest(request.param, store=store)
    assert done.importer == "nsight"
    with Session([done.trace], store=store) as session:
        yield request.param, session


def test_there_are_three_ages() -> None:
    assert [path.stem for path in AGES] == ["nsys_2020", "nsys_2_9", "nsys_3_28"]


@pytest.mark.parametrize(
    ("table", "kind"),
    [("CUPTI_ACTIVITY_KIND_KERNEL", "kernel"), ("CUPTI_ACTIVITY_KIND_MEMSET", "memset")],
)
def test_every_operation_of_a_device_is_there(taken: Any, table: str, kind: str) -> None:
    path, session = taken
    if not has(path, table):
        pytest.skip(f"{path.name} has no {table}")
    found = session.sql(
        "SELECT count(*), sum(s.dur)::BIGINT, min(s.ts), max(s.ts + s.dur) "
        f"FROM gpu_op g JOIN slice s ON s.id = g.slice_id WHERE g.kind = '{kind}'"
    ).fetchall()
    assert found == told(
        path, f'SELECT count(*), sum("end" - start), min(start), max("end") FROM {table}'
    )


def test_bytes_of_copies_are_exact(taken: Any) -> None:
    path, session = taken
    if not has(path, "CUPTI_ACTIVITY_KIND_MEMCPY"):
        pytest.skip(f"{path.name} has no copies")
    found = session.sql(
        "SELECT count(*), sum(bytes)::BIGINT FROM gpu_op WHERE kind = 'memcpy'"
    ).fetchall()
    assert found == told(path, "SELECT count(*), sum(bytes) FROM CUPTI_ACTIVITY_KIND_MEMCPY")


def test_kernels_find_their_launch_in_their_own_process(taken: Any) -> None:
    path, session = taken
    pairs = session.sql(
        "SELECT count(*), count(*) FILTER (WHERE l.ts <= s.ts) FROM gpu_op g "
        "JOIN slice s ON s.id = g.slice_id JOIN slice l ON l.id = g.launch_slice_id "
        "WHERE g.kind = 'kernel'"
    ).fetchall()[0]
    columns = {row[1] for row in told(path, "PRAGMA table_info(CUPTI_ACTIVITY_KIND_KERNEL)")}
    process = "k.globalPid" if "globalPid" in columns else "NULL"
    expected = told(
        path,
        "SELECT count(*) FROM CUPTI_ACTIVITY_KIND_KERNEL k WHERE EXISTS ("
        "SELECT 1 FROM CUPTI_ACTIVITY_KIND_RUNTIME r WHERE r.correlationId = k.correlationId "
        f"AND ({process} IS NULL OR r.globalTid / 16777216 = {process} / 16777216))",
    )[0][0]
    assert pairs[0] == expected > 0
    assert pairs[1] == pairs[0]


def test_calls_keep_their_lengths(taken: Any) -> None:
    path, session = taken
    (count, total), *_ = told(
        path, 'SELECT count(*), sum("end" - start) FROM CUPTI_ACTIVITY_KIND_RUNTIME'
    )
    names = "'cuda_runtime', 'cuda_driver', 'cuda_api'"
    found = session.sql(
        "SELECT category, count(*), sum(dur)::BIGINT FROM slice WHERE id IN "
        "(SELECT id FROM slice WHERE track_id IN (SELECT id FROM track WHERE utid IS NOT NULL)) "
        "GROUP BY category ORDER BY count(*) DESC"
    ).fetchall()
    api = [row for row in found if row[0] and row[0].startswith("cuda")]
    assert (sum(r[1] for r in api), sum(r[2] for r in api)) == (count, total), (names, found)


def test_nobody_is_named(taken: Any) -> None:
    _, session = taken
    rows = session.sql("SELECT name FROM metadata").fetchall()
    assert not [name for (name,) in rows if "environ" in name.lower()]


def damaged(path: Path, chance: random.Random) -> bytes:
    raw = bytearray(path.read_bytes())
    if chance.random() < 0.4:
        return bytes(raw[: chance.randrange(1, len(raw))])
    for _ in range(chance.randrange(1, 40)):
        raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
    return bytes(raw)


@pytest.mark.parametrize("count", [8, pytest.param(300, marks=pytest.mark.fuzz)])
@pytest.mark.parametrize("path", AGES, ids=lambda path: path.stem)
def test_damage_is_told_and_never_crashes(path: Path, count: int, tmp_path: Path) -> None:
    chance = random.Random(count)
    store = Store.open(tmp_path / "store", create=True)
    for number in range(count):
        hurt = tmp_path / f"hurt{number}.sqlite"
        hurt.write_bytes(damaged(path, chance))
        try:
            done = ingest(hurt, store=store)
        except InputError as error:
            assert str(hurt) in str(error)  # noqa: PT017
        else:
            with Session([done.trace], store=store) as session:
                assert session.sql("SELECT count(*) FROM slice").fetchall()
    assert not list((tmp_path / "store" / "tmp").glob("*"))
