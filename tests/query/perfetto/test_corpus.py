"""Queries of many kinds give the rows that SQLite's semantics demand, on both ways to run them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from corpus_trace import corpus_rows
from shared_sessions import Sessions
from store_builder import BuiltStore, build

_ONLY_SQLITE = " (sqlite)"


def _queries() -> Iterator[tuple[str, str, list[Any]]]:
    text = (Path(__file__).parent / "corpus.sql").read_text(encoding="utf-8")
    for part in text.split("\n=== ")[1:]:
        head, _, rows = part.partition("\n---")
        name, _, sql = head.partition("\n")
        yield name, sql, [ast.literal_eval(row) for row in rows.splitlines() if row]


QUERIES = list(_queries())


@pytest.fixture(scope="module")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sessions]:
    root = tmp_path_factory.mktemp("corpus")
    traces = [build(root, "a", corpus_rows(), 0)]
    with ExitStack() as stack:
        yield Sessions(BuiltStore(root), traces, stack)


@pytest.mark.parametrize(("sql", "rows"), [pytest.param(q, r, id=n) for n, q, r in QUERIES])
def test_over_a_small_trace(sessions: Sessions, sql: str, rows: list[Any]) -> None:
    with sessions.of(sql) as session:
        assert session.sql(sql).fetchall() == rows


@pytest.mark.parametrize(
    ("sql", "rows"),
    [pytest.param(q, r, id=n) for n, q, r in QUERIES if not n.endswith(_ONLY_SQLITE)],
)
def test_over_a_large_trace(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch, sql: str, rows: list[Any]
) -> None:
    """A trace of more rows is asked in the engine: the same rows come from there."""
    monkeypatch.setattr("traceql.query.perfetto.exact.MOST_EVENTS", -1)
    with sessions.of(sql) as session:
        assert session.sql(sql).fetchall() == rows
