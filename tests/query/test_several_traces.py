"""A session over {A, B, C} answers with the union of the single ones, ids moved apart."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from traceql.model import tables
from traceql.query import library
from traceql.query.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from store_builder import BuiltStore, BuiltTrace

SCALE = 1 << 32
VIEWS = [o.name for o in library.objects().values() if o.kind == "view" and not o.is_private]
OUR_IDS = {
    "id", "slice_id", "track_id", "parent_id", "upid", "utid", "parent_upid", "device_id",
    "slice_out", "slice_in", "launch_slice_id", "frame_id", "callsite_id", "name_id",
    "category_id", "waker_utid", "ucpu", "ugpu", "gpu", "gpu_id", "mapping",
    "api_id", "range_id",
}  # fmt: skip
ARG_SETS = {"arg_set_id", "source_arg_set_id"}

JOINS = [
    (
        "SELECT s.id, s.name, t.utid, p.upid, s.trace FROM slice s JOIN thread_track k "
        "ON s.track_id = k.id JOIN thread t USING (utid) JOIN process p USING (upid)"
    ),
    (
        "SELECT c.id, c.value, t.device_id, c.trace FROM counter c JOIN gpu_counter_track t "
        "ON c.track_id = t.id JOIN device d USING (device_id)"
    ),
    (
        "SELECT k.id, l.id AS parent_id, k.trace FROM gpu_kernel k JOIN slice l "
        "ON l.id = k.launch_slice_id"
    ),
    (
        "SELECT f.id, a.id AS slice_out, b.id AS slice_in, f.trace FROM flow f "
        "JOIN slice a ON a.id = f.slice_out JOIN slice b ON b.id = f.slice_in"
    ),
    "SELECT s.id, a.key, a.display_value, s.trace FROM slice s JOIN args a USING (arg_set_id)",
    "SELECT s.id, extract_arg(s.arg_set_id, 'args.External id') AS e, s.trace FROM slice s",
    (
        "SELECT s.id, f.name, m.name AS module, s.trace FROM perf_sample s JOIN "
        "stack_profile_callsite c ON c.id = s.callsite_id JOIN stack_profile_frame f ON "
        "f.id = c.frame_id LEFT JOIN stack_profile_mapping m ON m.id = f.mapping"
    ),
    "SELECT d.id, n.text, d.trace FROM slice d JOIN dim_name n ON n.id = d.name_id",
    "SELECT s.id, c.cpu, s.trace FROM sched s JOIN cpu c USING (ucpu)",
    "SELECT name, sum(dur) AS total, trace FROM slice_closed GROUP BY name, trace",
]


@pytest.fixture(scope="module")
def singles(store: BuiltStore, traces: list[BuiltTrace]) -> Iterator[list[Session]]:
    """A session over each trace alone, for all tests: a view is made once."""
    with ExitStack() as opened:
        yield [opened.enter_context(Session([t], store=store)) for t in traces]


@pytest.fixture(scope="module")
def one(singles: list[Session]) -> Session:
    return singles[0]


@pytest.fixture(scope="module")
def three(store: BuiltStore, traces: list[BuiltTrace]) -> Iterator[Session]:
    with Session(traces, store=store) as session:
        yield session


def rebased(session: Session, sql: str, number: int) -> list[tuple[Any, ...]]:
    answer = session.sql(sql)
    rows_of_args = sql == id_columns_of("args")
    moved = []
    for row in answer.fetchall():
        values = [
            value + number * SCALE * (8 if name in ARG_SETS else 8 * 16384 if rows_of_args else 1)
            if value is not None and name in OUR_IDS | ARG_SETS
            else value
            for name, value in zip(answer.columns, row, strict=True)
        ]
        moved.append(tuple(values))
    return moved


def id_columns_of(view: str) -> str:
    # frame_id of gpu_slice is Perfetto's own, and null; fine to move.
    return f"SELECT * FROM {view}"


@pytest.mark.parametrize("sql", [*map(id_columns_of, VIEWS), *JOINS])
def test_three_are_the_union_of_the_single_ones(singles, three, sql: str) -> None:
    expected = [row for n, session in enumerate(singles) for row in rebased(session, sql, n)]

    answer = three.sql(sql)

    assert sorted(map(repr, answer.fetchall())) == sorted(map(repr, expected))
    assert "trace" in answer.columns


@pytest.mark.parametrize("sql", JOINS)
def test_joins_are_not_vacuous(one, sql: str) -> None:
    assert one.sql(sql).fetchall()


@pytest.mark.parametrize("view", VIEWS)
def test_trace_is_the_last_column_and_types_are_stable(one, three, view: str) -> None:
    single, several = (s.sql(f"SELECT * FROM {view}") for s in (one, three))

    assert single.columns == several.columns
    assert single.columns[-1] == "trace"
    widened = {"INTEGER": "BIGINT"}
    for a, b in zip(single.types, several.types, strict=True):
        assert b in (a, widened.get(a))


@pytest.mark.parametrize("name", [n for n, t in tables.canonical().items() if n != "dim_args"])
def test_every_table_has_a_view_with_its_columns(one, name: str) -> None:
    columns = set(one.sql(f"SELECT * FROM {name}").columns)

    assert {c.name for c in tables.table(name).columns} <= columns


def test_a_table_without_a_file_is_empty_and_typed(store, traces) -> None:
    with Session([traces[1]], store=store) as session:
        answer = session.sql("SELECT id, ts, value FROM counter")
        assert answer.fetchall() == []
        assert answer.types == ("INTEGER", "BIGINT", "DOUBLE")


def test_trace_without_any_table(store) -> None:
    with Session([], store=store) as session:
        assert session.sql("SELECT count(*) FROM slice").fetchall() == [(0,)]
        assert session.sql("SELECT trace_start()").fetchall() == [(None,)]


def test_many_traces_are_one_scan(store, traces) -> None:
    with Session([traces[k % 3] for k in range(300)], store=store) as session:
        plan = session.sql("EXPLAIN SELECT sum(dur) FROM slice").fetchall()[0][1]
        assert session.sql("SELECT count(*), max(id) // 4294967296 FROM slice").fetchall() == [
            (1800, 299)
        ]
    assert plan.count("READ_PARQUET") <= 2
