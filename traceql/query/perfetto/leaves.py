"""Copies of tables of a trace for SQLite, for one statement that mixes types in a column."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar

from traceql.errors import QueryError
from traceql.query import library
from traceql.query.perfetto.operators import named
from traceql.query.perfetto.plain import NotPlain

if TYPE_CHECKING:
    from traceql.query.perfetto.engine import DialectEngine
    from traceql.query.perfetto.tokens import Token

_MOST_TABLES = 12
_T = TypeVar("_T")


class Leaves:
    """Brings the tables that SQLite says it lacks, runs the statement, and takes them away again.

    Only what the statement names of a table is copied, and only tables of MOST_ROWS rows or fewer:
    beyond that the error stands that brought the statement here.
    """

    def __init__(self, engine: DialectEngine, tokens: Sequence[Token]) -> None:
        self._engine, self._tokens = engine, tokens
        self._words = {t.value.lower() for t in tokens if t.kind in {"word", "quoted"}}

    def over(self, run: Callable[[], _T]) -> _T:
        """Run a statement of SQLite.

        Raises:
            NotPlain: it cannot run here.
        """
        engine = self._engine
        there: list[str] = []
        engine.objects.come(engine.objects.mentioned(self._tokens))
        try:
            while True:
                try:
                    return run()
                except NotPlain as error:
                    name = error.missing.lower()
                    if not name or name in there or len(there) == _MOST_TABLES:
                        raise
                    if not self._bring(name):
                        raise
                    there.append(name)
        finally:
            for name in there:
                engine.plain.drop(name)

    def _bring(self, name: str) -> bool:
        import duckdb

        own = self._engine.objects.get(name)
        found = library.objects().get(name)
        if own is None and (found is None or found.kind != "view" or found.is_private):
            return False
        table = own.hidden if own is not None else name
        try:
            if own is not None:
                self._engine.objects.go([name])
            relation = self._engine.probe(table)
            kept = [c for c in relation.columns if self._asks_all() or c.lower() in self._words]
            order = ", ".join(named(c) for c in self._order(name, relation.columns))
            text = ", ".join(named(c) for c in kept or relation.columns[:1])
            sql = f"SELECT {text} FROM {named(table)}"  # noqa: S608
            sql += f" ORDER BY {order}" if order else ""
            self._engine.judge(sql)
            taken = self._engine.objects.taken(self._engine.connection.sql(sql))
        except (duckdb.Error, QueryError):
            # The error that brought the statement here says more.
            return False
        if taken is None:
            return False
        try:
            self._engine.plain.fill(name, *taken)
        except (NotPlain, sqlite3.IntegrityError):
            self._engine.plain.drop(name)
            return False
        return True

    def _order(self, name: str, columns: Sequence[str]) -> tuple[str, ...]:
        order = self._engine.orders.get(name, ())
        return order if all(c in columns for c in order) else ()

    def _asks_all(self) -> bool:
        """Whether a star stands for columns, not in `count(*)` nor between numbers."""
        tokens = self._tokens
        for before, token in pairwise(tokens):
            if token.is_sign("*") and (
                before.is_word("select", "distinct", "all") or before.is_sign(".", ",")
            ):
                return True
        return False
