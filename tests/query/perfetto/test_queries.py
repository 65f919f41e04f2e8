"""Queries written for Perfetto give the rows that its semantics demand: see `queries.sql`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from shared_sessions import Sessions
from small_traces import rows_of
from store_builder import BuiltStore, build


def _queries() -> Iterator[tuple[str, str, list[Any]]]:
    text = (Path(__file__).parent / "queries.sql").read_text(encoding="utf-8")
    for part in text.split("\n=== ")[1:]:
        head, _, rows = part.partition("\n---\n")
        name, _, sql = head.partition("\n")
        yield name, sql, [ast.literal_eval(row) for row in rows.splitlines() if row]


QUERIES = list(_queries())


@pytest.fixture(scope="module")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sessions]:
    root = tmp_path_factory.mktemp("queries")
    traces = [build(root, "a", rows_of(0), 0)]
    with ExitStack() as stack:
        yield Sessions(BuiltStore(root), traces, stack)


@pytest.mark.parametrize(("sql", "rows"), [pytest.param(q, r, id=n) for n, q, r in QUERIES])
def test_gives_the_rows_of_perfetto(sessions: Sessions, sql: str, rows: list[Any]) -> None:
    with sessions.of(sql) as session:
        assert session.sql(sql).fetchall() == rows


@pytest.mark.parametrize(("sql", "rows"), [pytest.param(q, r, id=n) for n, q, r in QUERIES])
def test_gives_them_as_arrow(sessions: Sessions, sql: str, rows: list[Any]) -> None:
    with sessions.of(sql) as session:
        table = session.sql(sql).arrow()
        columns = [column.to_pylist() for column in table.columns]
    assert list(zip(*columns, strict=True)) == rows
