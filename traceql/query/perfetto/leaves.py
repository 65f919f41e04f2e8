"""Copies of tables of a trace for SQLite, for one statement that SQLite itself is to run."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar

from traceql.errors import QueryError
from traceql.query import library
from traceql.query.perfetto import extras
from traceql.query.perfetto.operators import named
from traceql.query.perfetto.plain import NotPlain
from traceql.query.perfetto.tokens import closing, tokenize

if TYPE_CHECKING:
    from traceql.query.perfetto.complaints import Complaints
    from traceql.query.perfetto.engine import DialectEngine
    from traceql.query.perfetto.tokens import Token

_MOST_TABLES = 24
_T = TypeVar("_T")


class Leaves:
    """Brings the tables that SQLite says it lacks, runs the statement, and takes them away again.

    Only what the statement names of a table is copied, and only tables of MOST_ROWS rows or fewer:
    beyond that the error stands that brought the statement here. A view of the text becomes a view
    of SQLite, if its text is known.
    """

    def __init__(self, engine: DialectEngine, tokens: Sequence[Token]) -> None:
        self._engine = engine
        self._tokens = list(tokens)
        self._views: set[str] = set()
        self._seen(tokens)
        self._words = {t.value.lower() for t in self._tokens if t.kind in {"word", "quoted"}}
        self._there: dict[str, str] = {}
        self._hidden: set[str] = set()

    def _seen(self, tokens: Sequence[Token]) -> None:
        """Note the views that a statement means, however deep: their columns are asked for, too."""
        for name in self._engine.objects.mentioned(tokens) - self._views:
            own = self._engine.objects.get(name)
            if own is not None and own.kind == "view" and own.text and not own.plain:
                self._views.add(name)
                self._tokens += own.body
                self._seen(own.body)

    def over(self, run: Callable[[], _T]) -> _T:
        """Run a statement of SQLite.

        Raises:
            NotPlain: it cannot run here.
        """
        objects = self._engine.objects
        objects.come(objects.mentioned(self._tokens) - self._views)
        try:
            while True:
                try:
                    return run()
                except NotPlain as error:
                    if self._hides(extras.ambiguous(str(error))):
                        continue
                    name = error.missing.lower()
                    if not name or name in self._there or len(self._there) >= _MOST_TABLES:
                        raise
                    if not (self._view(name) or self._bring(name)):
                        raise
        finally:
            self.clear()

    def _hides(self, column: str) -> bool:
        """Take away a column that made a name ambiguous, from tables that should lack it."""
        if not column or column in self._hidden:
            return False
        self._hidden.add(column)
        for name, kind in list(self._there.items()):
            if kind == "table" and column in extras.of(name):
                self._engine.plain.drop(name)
                del self._there[name]
        return True

    def clear(self) -> None:
        """Take away what was brought."""
        for name, kind in reversed(self._there.items()):
            self._engine.plain.drop(name, kind)
        self._there.clear()

    def engine_calls(self, tokens: Sequence[Token], complaints: Complaints) -> list[Token]:
        """Replace what only the engine computes by tables of its rows.

        That is, calls of table macros of the library, and what macros of the dialect stand for.

        Raises:
            NotPlain: one depends on the query around it, or gives too many rows.
        """
        out: list[Token] = []
        index = 0
        while index < len(tokens):
            end = _engine_part(tokens, index)
            if not end:
                out.append(tokens[index])
                index += 1
                continue
            part = list(tokens[index:end])
            if part[0].is_sign("("):
                part = part[1:-1]
            else:
                part = [*tokenize("SELECT * FROM", foreign=True), *part]
            name = f"__tq_part{len(self._there)}"
            self._compute(name, part, complaints)
            out += tokenize(f" {name} ", foreign=True)
            index = end
        return out

    def _compute(self, name: str, part: Sequence[Token], complaints: Complaints) -> None:
        import duckdb

        engine = self._engine
        try:
            sql = engine.finished(engine.checked(part, complaints))
            taken = engine.objects.taken(engine.connection.sql(sql))
        except (duckdb.Error, QueryError) as error:
            raise NotPlain(str(error)) from error
        if taken is None:
            raise NotPlain("too many rows")
        engine.plain.fill(name, *taken)
        self._there[name] = "table"

    def _view(self, name: str) -> bool:
        own = self._engine.objects.get(name)
        if own is None or name not in self._views:
            return False
        try:
            self._engine.plain.make(f"CREATE VIEW {named(name)} AS {own.text}")
        except NotPlain:
            return False
        self._there[name] = "view"
        return True

    def _bring(self, name: str) -> bool:
        import duckdb

        own = self._engine.objects.get(name)
        found = library.objects().get(name)
        if own is None and (found is None or found.kind != "view"):
            return False
        table = own.hidden if own is not None else self._engine.standing_for(name, self._tokens)
        try:
            if own is not None:
                self._engine.objects.go([name])
            relation = self._engine.probe(table)
            gone = self._hidden & extras.of(name) if own is None else set()
            kept = [
                c for c in relation.columns
                if (self._asks_all() or c.lower() in self._words) and c.lower() not in gone
            ]  # fmt: skip
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
        self._there[name] = "table"
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


def _engine_part(tokens: Sequence[Token], index: int) -> int:
    """Give the end of what only the engine computes and starts here; 0 where nothing does."""
    token, after = tokens[index], tokens[index + 1 : index + 4]
    if token.is_sign("(") and len(after) == 3:
        name = after[2] if after[1].is_word("recursive") else after[1]
        made = after[0].is_word("with") and name.value.startswith("__tq")
        return closing(tokens, index) + 1 if made else 0
    if token.kind == "word" and after and after[0].is_sign("("):
        found = library.objects().get(token.value)
        if found is not None and found.kind == "table macro":
            return closing(tokens, index + 1) + 1
    return 0
