"""Over a trace in Perfetto's own format queries give the rows of Perfetto: `machine.sql`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from busy_machine import made

from traceql.engine.ingest import ingest
from traceql.query.perfetto.session import PerfettoSession
from traceql.store.catalog import Store


def _queries() -> Iterator[tuple[str, str, list[Any]]]:
    text = (Path(__file__).parent / "machine.sql").read_text(encoding="utf-8")
    for part in text.split("\n=== ")[1:]:
        head, _, rows = part.partition("\n---\n")
        name, _, sql = head.partition("\n")
        yield name, sql, [ast.literal_eval(row) for row in rows.splitlines() if row]


QUERIES = list(_queries())


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("machine")
    path = folder / "machine.pftrace"
    path.write_bytes(made())
    store = Store.open(folder / "store", create=True)
    ingest(path, store=store)
    return store


@pytest.fixture(scope="module", params=[50_000, -1], ids=["small", "large"])
def session(store: Store, request: pytest.FixtureRequest) -> Iterator[Any]:
    def ask(sql: str) -> list[Any]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("traceql.query.perfetto.exact.MOST_EVENTS", request.param)
            with PerfettoSession(store.traces(), store=store) as session:
                return [_rounded(row) for row in session.sql(sql).fetchall()]

    return ask


def _rounded(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(float(f"{v:.12g}") if isinstance(v, float) else v for v in row)


@pytest.mark.parametrize(("sql", "rows"), [pytest.param(q, r, id=n) for n, q, r in QUERIES])
def test_gives_the_rows_of_perfetto(session, sql: str, rows: list[Any]) -> None:
    assert session(sql) == [_rounded(row) for row in rows]
