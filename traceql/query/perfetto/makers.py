"""Statements that make, fill, change or drop temp objects and functions."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from traceql.errors import LimitReached, QueryError
from traceql.query import guard, library
from traceql.query.perfetto import operators
from traceql.query.perfetto.functions import Functions
from traceql.query.perfetto.leaves import Leaves
from traceql.query.perfetto.objects import Own, loosely, typed
from traceql.query.perfetto.plain import MOST_ROWS, NotPlain, Rows
from traceql.query.perfetto.tokens import Token, written
from traceql.query.perfetto.written import own_text

if TYPE_CHECKING:
    from traceql.query.perfetto.complaints import Complaints
    from traceql.query.perfetto.engine import DialectEngine
    from traceql.query.perfetto.statements import Statement


class Makers:
    """Runs such statements for an engine: in SQLite where it can, else in the engine."""

    def __init__(self, engine: DialectEngine) -> None:
        self._engine, self._plain, self._objects = engine, engine.plain, engine.objects
        self._functions = Functions(engine)

    def run(self, statement: Statement, complaints: Complaints) -> None:
        """Run one statement.

        Raises:
            StatementRefused: it would change what is not the text's own.
            QueryError: it fails.
        """
        match statement.form:
            case "table" | "view":
                self._relation(statement, complaints)
            case "empty table":
                self._empty_table(statement, complaints)
            case "insert":
                self._insert(statement, complaints)
            case "change":
                self._change(statement, complaints)
            case "span join":
                self._span_join(statement, complaints)
            case "function":
                self._functions.make(statement, complaints)
            case "drop":
                self._drop(statement, complaints)
            case _:
                pass

    def bring(self, tokens: Sequence[Token], complaints: Complaints) -> None:
        """Bring to the engine what a query of the engine mentions."""
        names = self._objects.mentioned(tokens) | self._functions.needs(tokens, complaints)
        try:
            self._objects.go(names)
        except NotPlain as error:
            raise complaints.error(f"a view of the text cannot be read: {error}") from error

    def _claim(self, statement: Statement, complaints: Complaints) -> str | None:
        """Give the hidden name for a new object, None where it exists and that is all right."""
        name = statement.name.lower()
        if name.startswith(("__tq", "sqlite_")):
            raise complaints.refused(statement.name, "is a name of the engine")
        old = self._objects.get(name)
        if old is not None:
            if statement.absent:
                return None
            if not statement.or_replace:
                raise complaints.error(f"there is a {old.kind} {statement.name} already")
        collides = name in library.objects() or name in guard.open_names()
        return f"_u_{name}" if collides or name.startswith("_u_") else name

    def _relation(self, statement: Statement, complaints: Complaints) -> None:
        hidden = self._claim(statement, complaints)
        if hidden is None:
            return
        if self._plain_relation(statement, hidden, complaints):
            return
        engine, name = self._engine, statement.name.lower()
        needs = frozenset(self._objects.mentioned(statement.body) - {name})
        sql = engine.finished(engine.checked(statement.body, complaints))
        sql = self._renamed(sql, statement, complaints)
        if name in self._objects:
            # The new one may be made of the old one.
            engine.do(f"CREATE TEMP TABLE __tq_new AS {sql}", complaints)
            self._objects.forget(name)
            named = operators.named(hidden)
            engine.do(f"ALTER TABLE temp.__tq_new RENAME TO {named}", complaints)
            self._objects.add(name, Own("table", hidden, made="table"))
            return
        made = f"{operators.named(hidden)} AS {sql}"
        engine.do(f"CREATE TEMP {statement.form} {made}", complaints)
        own = Own(
            statement.form, hidden, made=statement.form, sql=sql, needs=needs, body=statement.body,
            text=_with_names(own_text(statement.body, complaints.text), statement),
        )  # fmt: skip
        self._objects.add(name, own)

    def _plain_relation(self, statement: Statement, hidden: str, complaints: Complaints) -> bool:
        """Make a table or a view in SQLite, if it can be."""
        found = self._engine.asked(statement.body, complaints)
        if found is None and statement.form == "table":
            return self._copied(statement, hidden, complaints)
        if found is None or not _fits(found, statement):
            return False
        name = statement.name.lower()
        needs = frozenset(self._objects.mentioned(statement.body))
        body = own_text(statement.body, complaints.text)
        replaces = name in self._objects
        perfetto = statement.what == "perfetto"
        try:
            if statement.form == "view" and name not in needs:
                self._objects.forget(name)
                self._plain.make(f"CREATE VIEW {operators.named(statement.name)} AS {body}")
                own = Own("view", hidden, plain=True, stale=True, needs=needs)
            else:
                target = "__tq_new" if replaces else statement.name
                if perfetto:
                    self._plain.fill(target, typed(found), found.rows)
                else:
                    self._plain.make(f"CREATE TABLE {operators.named(target)} AS {body}")
                self._objects.forget(name)
                if replaces:
                    self._plain.rename(target, statement.name)
                own = Own("table", hidden, plain=True, stale=True)
        except NotPlain:
            self._plain.drop("__tq_new")
            return False
        self._objects.add(name, own)
        return True

    def _copied(self, statement: Statement, hidden: str, complaints: Complaints) -> bool:
        """Make a table of what SQLite gives over copies of a small trace's tables."""
        # The engine's own error says where the text is wrong.
        self._engine.checked(statement.body, complaints)
        found = self._engine.exact.ask(statement.body, complaints)
        if found is None or not _fits(found, statement):
            return False
        try:
            self._plain.fill("__tq_new", typed(found), found.rows)
            self._objects.forget(statement.name)
            self._plain.rename("__tq_new", statement.name)
        except NotPlain:
            self._plain.drop("__tq_new")
            return False
        self._objects.add(statement.name, Own("table", hidden, plain=True, stale=True))
        return True

    def _renamed(self, sql: str, statement: Statement, complaints: Complaints) -> str:
        """Hold a Perfetto table to the columns that it declares."""
        given = [name.lower() for name in statement.names]
        columns = [name.lower() for name in self._engine.connection.sql(sql).columns]
        if not given or sorted(given) == sorted(columns):
            return sql
        if len(given) != len(columns):
            raise complaints.error(
                f"{statement.name} declares the columns {', '.join(given)}, "
                f"the query gives {', '.join(columns)}"
            )
        names = ", ".join(operators.named(name) for name in statement.names)
        return f"SELECT * FROM ({sql}) AS __tq_named({names})"  # noqa: S608

    def _empty_table(self, statement: Statement, complaints: Complaints) -> None:
        hidden = self._claim(statement, complaints)
        if hidden is None:
            return
        self._objects.forget(statement.name)
        name = operators.named(statement.name)
        try:
            self._plain.make(f"CREATE TABLE {name} {written(statement.body)}")
        except NotPlain as error:
            raise complaints.error(f"CREATE TABLE {statement.name}: {error}") from error
        self._objects.add(statement.name, Own("table", hidden, plain=True, stale=True))
        self._objects.declare(statement.name, [(c.name, c.type) for c in statement.columns])

    def _target(self, statement: Statement, verb: str, complaints: Complaints) -> Own:
        own = self._objects.get(statement.name)
        if own is None or own.kind != "table":
            raise complaints.refused(f"{verb} {statement.name}", "is no temp table of yours")
        return own

    def _insert(self, statement: Statement, complaints: Complaints) -> None:
        own = self._target(statement, "INSERT INTO", complaints)
        name = statement.name.lower()
        head = f"INSERT {statement.what} INTO {operators.named(statement.name)}"
        if statement.names:
            head += f" ({', '.join(operators.named(n) for n in statement.names)})"
        mentioned = self._objects.mentioned(statement.body)
        here = self._objects.come({name})
        if here and self._objects.come(mentioned):
            try:
                self._plain.change(f"{head} {own_text(statement.body, complaints.text)}")
            except sqlite3.IntegrityError as error:
                raise complaints.error(str(error)) from error
            except NotPlain:
                pass
            else:
                self._objects.changed(name)
                return
        sql = self._engine.finished(self._engine.checked(statement.body, complaints))
        taken = self._objects.taken(self._engine.connection.sql(sql)) if here else None
        if taken is not None:
            self._put(head, taken, name, complaints)
            return
        self._append(statement, own, sql, complaints)

    def _put(
        self, head: str, taken: tuple[dict[str, str], list[tuple[Any, ...]]], name: str,
        complaints: Complaints,
    ) -> None:  # fmt: skip
        """Insert rows that the engine gave into a table of SQLite."""
        columns, rows = taken
        try:
            self._plain.change(f"{head} VALUES ({', '.join('?' * len(columns))})", rows)
        except (sqlite3.IntegrityError, NotPlain) as error:
            raise complaints.error(str(error)) from error
        self._objects.changed(name)

    def _append(self, statement: Statement, own: Own, sql: str, complaints: Complaints) -> None:
        """Insert many rows: the engine's copy of the table is the only one from now on."""
        self._objects.leave(statement.name)
        table = f"temp.{operators.named(own.hidden)}"
        there = self._engine.connection.sql(f"SELECT * FROM {table}").columns  # noqa: S608
        names = statement.names or tuple(there)
        listed = ", ".join(operators.named(name) for name in names)
        self._engine.do(f"INSERT INTO {table} ({listed}) {sql}", complaints)

    def _change(self, statement: Statement, complaints: Complaints) -> None:
        verb = statement.tokens[0].text.upper()
        self._target(statement, verb, complaints)
        name = statement.name.lower()
        if not self._objects.come({name}):
            raise LimitReached(
                f"{verb} of a table", f"{MOST_ROWS} rows",
                f"{statement.name} has more, or columns of other types; make another table of it.",
            )  # fmt: skip
        text = written(_unqualified(statement.tokens))
        leaves = Leaves(self._engine, statement.tokens)
        try:
            leaves.over(lambda: self._plain.change(text))
        except sqlite3.IntegrityError as error:
            raise complaints.error(str(error)) from error
        except NotPlain as error:
            raise complaints.error(str(error)) from error
        self._objects.changed(name)

    def _span_join(self, statement: Statement, complaints: Complaints) -> None:
        hidden = self._claim(statement, complaints)
        if hidden is None:
            return
        engine = self._engine
        sides: list[tuple[str, str | None, list[str]]] = []
        needs = set()
        for side in statement.sides:
            known = self._objects.get(side.table)
            try:
                if known is not None:
                    needs.add(side.table.lower())
                    self._objects.go([side.table.lower()])
                table = known.hidden if known else side.table
                columns = list(engine.probe(table).columns)
            except QueryError as error:
                raise complaints.moved(error) from error
            except NotPlain as error:
                raise complaints.error(f"{side.table} cannot be read: {error}") from error
            for need in ("ts", "dur", *([side.partition] if side.partition else [])):
                if need.lower() not in {c.lower() for c in columns}:
                    raise complaints.error(f"{side.table} has no column {need} to join spans by")
            sides.append((table, side.partition, columns))
        sql = operators.span_join(statement.join, sides[0], sides[1])
        engine.judge(sql)
        self._objects.forget(statement.name)
        engine.do(f"CREATE TEMP VIEW {operators.named(hidden)} AS {sql}", complaints)
        loose = operators.span_join(statement.join, sides[0], sides[1], ordered=False)
        engine.do(f"CREATE TEMP VIEW {operators.named(loosely(hidden))} AS {loose}", complaints)
        own = Own(
            "view", hidden, (), made="view", sql=sql, needs=frozenset(needs), loose=loose
        )  # fmt: skip
        self._objects.add(statement.name, own)

    def _drop(self, statement: Statement, complaints: Complaints) -> None:
        name = statement.name.lower()
        if statement.what == "function" and self._functions.drop(name):
            return
        if name in self._objects:
            self._objects.forget(name)
        elif not statement.or_replace:
            raise complaints.refused(f"DROP {statement.name}", "is no temp object of yours")


def _fits(found: Rows, statement: Statement) -> bool:
    """Whether rows have the columns that a Perfetto table declares."""
    given = sorted(name.lower() for name in statement.names)
    return not given or given == sorted(name.lower() for name in found.columns)


def _with_names(text: str, statement: Statement) -> str:
    """Give the text of a view whose columns are as declared; empty where that is not known."""
    return "" if statement.names else text


def _unqualified(tokens: Sequence[Token]) -> list[Token]:
    """Leave `temp.` and `main.` out."""
    out: list[Token] = []
    skips = 0
    for index, token in enumerate(tokens):
        dot = index + 1 < len(tokens) and tokens[index + 1].is_sign(".")
        if token.is_word("temp", "main") and dot:
            skips = 2
        if skips:
            skips -= 1
            continue
        out.append(token)
    return out
