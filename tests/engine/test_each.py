"""A query per trace, stacked: the same rows as one by one, at any number of processes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from traceql.engine.each import Each
from traceql.engine.ingest import ingest
from traceql.errors import (
    LimitReached,
    SchemaMismatch,
    SqlError,
    StatementRefused,
    StoreError,
    UnknownName,
)
from traceql.query.session import Session
from traceql.store.catalog import Store

NAMES = ("t0", "t1", "t2", "t3", "t4")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Five traces: t<k> has k + 1 slices, named 0 to k; t3 has one named `odd` beside them."""
    store = Store.open(tmp_path / "store", create=True)
    for k, name in enumerate(NAMES):
        names = [str(n) for n in range(k + 1)] + (["odd"] if k == 3 else [])
        events = [
            {"ph": "X", "name": n, "ts": 10 * i + k, "dur": 4, "pid": 1, "tid": 1, "args": {"k": k}}
            for i, n in enumerate(names)
        ]
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps({"traceEvents": events}))
        ingest(path, store=store, views=False)
    return store


def all_rows(each: Each) -> list[tuple[Any, ...]]:
    return [row for part in each.rows(2) for row in part]


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize(
    "query",
    [
        "SELECT id, ts, name, args FROM slice ORDER BY id",
        "SELECT count(*) AS n, sum(dur) AS dur FROM slice WHERE name <> '0'",
        "SELECT trace, count(*) AS n FROM thread_slice GROUP BY trace",
        "SELECT name FROM slice WHERE name = 'odd'",
        "SELECT ts FROM slice WHERE false",
        "SELECT start_ts, end_ts, [name] AS listed FROM trace_bounds, slice ORDER BY name",
    ],
)
def test_the_rows_are_those_of_each_trace(store: Store, query: str, jobs: int) -> None:
    each = Each(store.traces(), store, query, jobs=jobs)
    expected = []
    for trace in store.traces():
        with Session([trace], store=store) as session:
            answer = session.sql(query)
            tail = () if "trace" in answer.columns else (trace.name,)
            expected += [(*row, *tail) for row in answer.fetchall()]

    assert all_rows(each) == expected
    table = each.arrow()
    assert table.num_rows == len(expected)
    assert table.column_names == list(each.columns)
    assert each.failures == []


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_trace_that_fails_gives_no_rows_and_stops_no_other(store: Store, jobs: int) -> None:
    each = Each(
        store.traces(), store, "SELECT name::INTEGER AS n FROM slice ORDER BY id", jobs=jobs
    )

    assert all_rows(each) == [(n, f"t{k}") for k in (0, 1, 2, 4) for n in range(k + 1)]
    assert [(f.trace, type(f.error)) for f in each.failures] == [("t3", SqlError)]
    assert "odd" in str(each.failures[0].error)


@pytest.mark.parametrize("jobs", [1, 2])
def test_traces_that_cannot_be_read_are_listed(store: Store, jobs: int) -> None:
    first, _, third, _, _ = store.traces()
    manifest = json.loads((first.path / "manifest.json").read_text())
    (first.path / "manifest.json").write_text(json.dumps({**manifest, "schema_version": "9.0"}))
    (third.path / "slice.parquet").write_bytes(b"PAR1 no more")
    each = Each(store.traces(), store, "SELECT count(*) AS n FROM slice", jobs=jobs)

    assert all_rows(each) == [(2, "t1"), (5, "t3"), (5, "t4")]
    assert [(f.trace, type(f.error)) for f in each.failures] == [
        ("t0", SchemaMismatch), ("t2", StoreError),
    ]  # fmt: skip


def test_no_trace_that_can_be_read(store: Store) -> None:
    for trace in store.traces():
        (trace.path / "manifest.json").unlink()
    with pytest.raises(StoreError, match=r"manifest\.json"):
        Each(store.traces(), store, "SELECT count(*) FROM slice")


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("SELECT nothing FROM slice", UnknownName),
        ("DROP TABLE x", StatementRefused),
        ("SELECT FROM", SqlError),
    ],
)
def test_a_wrong_query_is_told_once(store: Store, query: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        Each(store.traces(), store, query)


def test_parameters_limits_and_an_early_end(store: Store) -> None:
    query = "SELECT name FROM slice WHERE name = $n"
    each = Each(store.traces(), store, query, {"n": "3"}, jobs=2)
    assert all_rows(each) == [("3", "t3"), ("3", "t4")]

    rows = Each(store.traces(), store, "SELECT range AS n FROM range(50000)", jobs=2).rows()
    assert next(rows)[0] == (0, "t0")
    rows.close()

    slow = "SELECT sum(a.range * b.range) AS n FROM range(200000) a, range(200000) b"
    each = Each(store.traces()[:2], store, slow, timeout_s=0.2)
    assert all_rows(each) == []
    assert [type(f.error) for f in each.failures] == [LimitReached] * 2


def test_the_dialect_of_perfetto_per_trace(store: Store) -> None:
    text = (
        "CREATE PERFETTO TABLE t AS SELECT name FROM slice;"
        'SELECT count(*) AS n FROM t WHERE name = "0"'
    )
    each = Each(store.traces(), store, text, dialect="perfetto")

    assert all_rows(each) == [(1, name) for name in NAMES]


def test_a_session_moves_from_trace_to_trace(store: Store) -> None:
    traces = store.traces()
    with Session(traces[:1], store=store) as session:
        for trace in (*traces[1:], *traces[::-1]):
            session.move_to(trace)
            for query in ("SELECT * FROM slice ORDER BY id", "SELECT * FROM trace_bounds"):
                with Session([trace], store=store) as fresh:
                    assert session.sql(query).fetchall() == fresh.sql(query).fetchall()
    with Session(traces, store=store) as session, pytest.raises(ValueError, match="one trace"):
        session.move_to(traces[0])
