"""Queries written for Perfetto give the rows that its semantics demand: see `queries.sql`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from traceql.query.perfetto.session import PerfettoSession

if TYPE_CHECKING:
    from store_builder import BuiltStore, BuiltTrace


def _queries() -> Iterator[tuple[str, str, list[Any]]]:
    text = (Path(__file__).parent / "queries.sql").read_text(encoding="utf-8")
    for part in text.split("\n=== ")[1:]:
        head, _, rows = part.partition("\n---\n")
        name, _, sql = head.partition("\n")
        yield name, sql, [ast.literal_eval(row) for row in rows.splitlines() if row]


QUERIES = list(_queries())


@pytest.fixture
def perfetto(store: BuiltStore, traces: list[BuiltTrace]) -> Iterator[PerfettoSession]:
    with PerfettoSession(traces[:1], store=store) as session:
        yield session


@pytest.mark.parametrize(("sql", "rows"), [pytest.param(q, r, id=n) for n, q, r in QUERIES])
def test_gives_the_rows_of_perfetto(perfetto: PerfettoSession, sql: str, rows: list[Any]) -> None:
    assert perfetto.sql(sql).fetchall() == rows


@pytest.mark.parametrize(("sql", "rows"), [pytest.param(q, r, id=n) for n, q, r in QUERIES])
def test_gives_them_as_arrow(perfetto: PerfettoSession, sql: str, rows: list[Any]) -> None:
    table = perfetto.sql(sql).arrow()
    columns = [column.to_pylist() for column in table.columns]
    assert list(zip(*columns, strict=True)) == rows


def test_there_are_sixty() -> None:
    assert len(QUERIES) >= 60
