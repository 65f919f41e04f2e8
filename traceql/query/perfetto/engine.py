"""The engine of the dialect: makes temp objects and answers queries, each checked by the guard."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from traceql.errors import QueryError
from traceql.query import guard, library
from traceql.query.perfetto import operators
from traceql.query.perfetto.answer import StoredAnswer
from traceql.query.perfetto.args import ArgTypes
from traceql.query.perfetto.rewrite import Fixes, Surroundings, rewritten
from traceql.query.perfetto.shapes import cast_of, counts_up, engine_type, learn, scalar
from traceql.query.perfetto.written import labels, sqlite_text
from traceql.query.session import _Engine

if TYPE_CHECKING:
    from traceql.query.answer import Parameters
    from traceql.query.perfetto.complaints import Complaints
    from traceql.query.perfetto.statements import Argument, Statement
    from traceql.query.perfetto.tokens import Token
    from traceql.store.catalog import Store, Trace

_SETTINGS = (
    "integer_division = true",
    "error_on_division_by_zero = false",
    "scalar_subquery_error_on_multiple_rows = false",
)
_MOST_FIXES = 40
_BY_ID = (
    "slice", "slices", "thread_slice", "process_slice", "thread_or_process_slice", "gpu_slice",
    "counter", "counters", "flow", "sched", "sched_slice", "thread_state", "thread", "process",
    "track", "thread_track", "process_track", "counter_track", "cpu_counter_track",
    "gpu_counter_track", "process_counter_track", "thread_counter_track", "gpu_track", "cpu_track",
    "instant", "slice_self_dur", "slice_closed", "cpu", "perf_sample", "stack_profile_frame",
    "stack_profile_callsite", "stack_profile_mapping", "cpu_profile_stack_sample",
)  # fmt: skip


@dataclass
class _Own:
    """A temp object of the session."""

    kind: str
    hidden: str
    order: tuple[str, ...] = ()
    untyped: tuple[str, ...] = ()


class DialectEngine(_Engine):
    """One connection with the settings of SQLite's arithmetic, and the objects made on it."""

    def __init__(
        self,
        traces: Sequence[Trace],
        store: Store | None,
        memory_limit_bytes: int | None,
        timeout_s: float | None,
    ) -> None:
        super().__init__(traces, store, memory_limit_bytes, _SETTINGS)
        self._parser = self.connection.cursor()
        for statement in operators.STATEMENTS:
            self.connection.execute(statement).fetchall()
        self._memory, self._timeout_s = memory_limit_bytes, timeout_s
        self._own: dict[str, _Own] = {}
        self._functions: dict[str, bool] = {}
        self._args = ArgTypes(self)
        self._sequences = 0
        self._last: weakref.ref[StoredAnswer] | None = None
        present = library.objects()
        self._orders = {name: ("id",) for name in _BY_ID if name in present}

    def close(self) -> None:
        """Let go of memory and files."""
        self._parser.close()
        self.connection.close()

    def known_names(self, kind: str) -> list[str]:
        """Give the names that a query may use, those of the session's own objects first."""
        own = list(self._own) if kind == "table" else []
        if kind == "function":
            own = list(self._functions)
        return own + self.names(kind)

    def settle(self) -> None:
        """Keep the rows of the last answer, if somebody still has it: the connection moves on."""
        last = self._last() if self._last is not None else None
        self._last = None
        self.connection.abort()
        if last is not None:
            last.arrow()

    def nothing(self, text: str) -> StoredAnswer:
        """Give the answer of a text whose last statement is no query: no rows."""
        sql = "SELECT 'done' AS status LIMIT 0"
        return StoredAnswer(
            self.connection, sql, None, translate=lambda error: QueryError(f"{error}: {text}"),
            timeout_s=None,
        )  # fmt: skip

    def query(
        self, body: Sequence[Token], complaints: Complaints, parameters: Parameters, *, wanted: bool
    ) -> StoredAnswer | None:
        """Check and bind a query; give its answer if it is wanted."""
        explains = body[0].is_word("explain")
        if explains:
            body = body[3:] if len(body) > 3 and body[1].is_word("query") else body[1:]
        sql = self.checked(body, complaints, parameters)
        if not wanted:
            return None
        finished = self._finished(sql, parameters)
        answer = StoredAnswer(
            self.connection, f"EXPLAIN {finished}" if explains else finished, parameters,
            translate=lambda error: complaints.engine_error(
                error, sql, memory=self._memory, timeout_s=self._timeout_s
            ),
            timeout_s=self._timeout_s,
        )  # fmt: skip
        self._last = weakref.ref(answer)
        return answer

    def execute(self, statement: Statement, complaints: Complaints) -> None:
        """Run a statement that makes, fills or drops a temp object."""
        match statement.form:
            case "table" | "view":
                self._relation(statement, complaints)
            case "empty table":
                self._empty_table(statement, complaints)
            case "insert":
                self._insert(statement, complaints)
            case "span join":
                self._span_join(statement, complaints)
            case "function":
                self._function(statement, complaints)
            case "drop":
                self._drop(statement, complaints)
            case _:
                pass

    def checked(
        self,
        body: Sequence[Token],
        complaints: Complaints,
        parameters: Parameters = None,
        arguments: Sequence[Argument] | None = None,
    ) -> str:
        """Give a query in the engine's SQL, after the guard and the binder have seen it.

        Args:
            body: its tokens, macros expanded.
            complaints: of the statement.
            parameters: values for binding.
            arguments: of the function whose body it is; such a body is not bound here.
        """
        import duckdb

        fixes = Fixes()
        for _ in range(_MOST_FIXES):
            sql = self.translated(body, complaints, fixes, arguments)
            if arguments is not None:
                return sql
            try:
                self.connection.sql(sql, params=parameters)
            except duckdb.Error as error:
                if learn(error, complaints, fixes):
                    continue
                raise self._explained(error, sql, complaints) from error
            return sql
        raise complaints.error("this is not understood")

    def translated(
        self,
        body: Sequence[Token],
        complaints: Complaints,
        fixes: Fixes,
        arguments: Sequence[Argument] | None = None,
    ) -> str:
        """Translate a query, let the guard judge it, and make the views that it reads."""
        import duckdb
        import sqlglot

        names = {a.name.lower() for a in arguments or ()}
        text = sqlite_text(body, self._functions, names)
        heads = labels(body, complaints.text)
        lean = "_lean_slice" in library.objects() and "slice" not in self._own
        for is_lean in (True, False) if lean else (False,):
            try:
                sql = rewritten(text, self._around(lean=is_lean), fixes, heads)
            except sqlglot.errors.SqlglotError as error:
                raise complaints.parse_error(error, text) from error
            except RecursionError as error:
                raise complaints.error("the query is nested too deeply") from error
            try:
                mentions = guard.examine(self._parser, sql)
                if is_lean and mentions.asks_args:
                    continue
                self.prepare(mentions, sql)
            except QueryError as error:
                raise complaints.moved(error) from error
            except duckdb.Error as error:
                raise self._explained(error, sql, complaints) from error
            break
        return sql

    def _around(self, *, lean: bool) -> Surroundings:
        own_orders = {n: o.order for n, o in self._own.items() if o.order}
        hidden = {n: o.hidden for n, o in self._own.items() if o.hidden.lower() != n}
        if lean:
            hidden |= {"slice": "_lean_slice"}
        orders = {n: k for n, k in self._orders.items() if n not in self._own} | own_orders
        orders |= {o.hidden: o.order for o in self._own.values() if o.order}
        orders |= {"_lean_slice": ("id",)}
        return Surroundings(orders, hidden, self._args.type_of)

    def _table(self, mention: guard.Mention, ctes: set[str], text: str) -> list[str]:
        if any(own.hidden.lower() == mention.name for own in self._own.values()):
            return []
        return super()._table(mention, ctes, text)

    def _table_function(self, mention: guard.Mention, text: str) -> list[str]:
        name = mention.name
        if name in operators.TABLE_FUNCTIONS:
            return []
        if name.startswith("_u_") and self._functions.get(name.removeprefix("_u_")):
            return []
        return super()._table_function(mention, text)

    def _explained(self, error: Exception, sql: str, complaints: Complaints) -> Exception:
        return complaints.engine_error(error, sql, memory=self._memory, timeout_s=self._timeout_s)

    def _finished(self, sql: str, parameters: Parameters = None) -> str:
        """Give conditions as 0 and 1 and wide sums as integers, as SQLite prints them."""
        bound = self.connection.sql(sql, params=parameters)
        kinds = [str(kind) for kind in bound.types]
        casts = [cast_of(kind) for kind in kinds]
        if not any(casts):
            return sql
        items = [
            f"CAST(c{i} AS {cast}) AS {operators.named(name)}" if cast
            else f"c{i} AS {operators.named(name)}"
            for i, (name, cast) in enumerate(zip(bound.columns, casts, strict=True))
        ]  # fmt: skip
        names = ", ".join(f"c{i}" for i in range(len(kinds)))
        return f"SELECT {', '.join(items)} FROM ({sql}) AS __tq_out({names})"  # noqa: S608

    def _do(self, sql: str, complaints: Complaints) -> None:
        import duckdb

        try:
            self.connection.execute(sql).fetchall()
        except duckdb.Error as error:
            raise self._explained(error, sql, complaints) from error

    def _claim(self, statement: Statement, complaints: Complaints) -> str | None:
        """Give the hidden name for a new object, None where it exists and that is all right."""
        name = statement.name.lower()
        if name.startswith("__tq"):
            raise complaints.refused(statement.name, "is a name of the engine")
        old = self._own.get(name)
        if old is not None:
            if statement.what == "if not exists":
                return None
            if not statement.or_replace:
                raise complaints.error(f"there is a {old.kind} {statement.name} already")
        collides = name in library.objects() or name in guard.open_names()
        return f"_u_{name}" if collides or name.startswith("_u_") else name

    def _forget(self, name: str) -> None:
        old = self._own.pop(name.lower(), None)
        if old is not None:
            self.connection.execute(f"DROP {old.kind} temp.{operators.named(old.hidden)}")

    def _relation(self, statement: Statement, complaints: Complaints) -> None:
        hidden = self._claim(statement, complaints)
        if hidden is None:
            return
        sql = self._renamed(self._finished(self.checked(statement.body, complaints)), statement)
        made = f"{operators.named(hidden)} AS {sql}"
        if statement.name.lower() in self._own:
            # The new one may be made of the old one.
            self._do(f"CREATE TEMP TABLE __tq_new AS {sql}", complaints)
            self._forget(statement.name)
            self._do(f"ALTER TABLE temp.__tq_new RENAME TO {operators.named(hidden)}", complaints)
            self._own[statement.name.lower()] = _Own("table", hidden, ("rowid",))
            return
        self._do(f"CREATE TEMP {statement.form} {made}", complaints)
        order = ("rowid",) if statement.form == "table" else ()
        self._own[statement.name.lower()] = _Own(statement.form, hidden, order)

    def _renamed(self, sql: str, statement: Statement) -> str:
        given = [name.lower() for name in statement.names]
        columns = [name.lower() for name in self.connection.sql(sql).columns]
        if not given or sorted(given) == sorted(columns) or len(given) != len(columns):
            return sql
        names = ", ".join(operators.named(name) for name in statement.names)
        return f"SELECT * FROM ({sql}) AS __tq_named({names})"  # noqa: S608

    def _empty_table(self, statement: Statement, complaints: Complaints) -> None:
        hidden = self._claim(statement, complaints)
        if hidden is None:
            return
        if statement.name.lower() in self._own:
            self._forget(statement.name)
        columns = ", ".join(
            f"{operators.named(c.name)} {engine_type(c.type) or 'BIGINT'}"
            + (f" DEFAULT nextval('temp.{self._sequence()}')" if counts_up(c, statement) else "")
            for c in statement.columns
        )
        self._do(f"CREATE TEMP TABLE {operators.named(hidden)} ({columns})", complaints)
        untyped = tuple(c.name for c in statement.columns if not engine_type(c.type))
        order = tuple(statement.key) or ("rowid",)
        self._own[statement.name.lower()] = _Own("table", hidden, order, untyped)

    def _sequence(self) -> str:
        """Make what numbers the rows of a table that has an INTEGER PRIMARY KEY."""
        self._sequences += 1
        name = f"__tq_sequence{self._sequences}"
        self.connection.execute(f"CREATE TEMP SEQUENCE {name}").fetchall()
        return name

    def _insert(self, statement: Statement, complaints: Complaints) -> None:
        own = self._own.get(statement.name.lower())
        if own is None or own.kind != "table":
            raise complaints.refused(f"INSERT INTO {statement.name}", "is no temp table of yours")
        sql = self._finished(self.checked(statement.body, complaints))
        table = f"temp.{operators.named(own.hidden)}"
        names = statement.names or tuple(self.connection.sql(f"SELECT * FROM {table}").columns)  # noqa: S608
        if own.untyped:
            self._type(own, names, sql, complaints)
        listed = ", ".join(operators.named(name) for name in names)
        self._do(f"INSERT INTO {table} ({listed}) {sql}", complaints)

    def _type(self, own: _Own, names: Sequence[str], sql: str, complaints: Complaints) -> None:
        """Give columns that were declared without a type that of their first rows."""
        kinds = [str(kind) for kind in self.connection.sql(sql).types]
        table = f"temp.{operators.named(own.hidden)}"
        for name, kind in zip(names, kinds, strict=False):
            if name in own.untyped and kind not in {"BIGINT", '"NULL"', "NULL"}:
                column = operators.named(name)
                self._do(f"ALTER TABLE {table} ALTER {column} TYPE {kind}", complaints)
        own.untyped = ()

    def _span_join(self, statement: Statement, complaints: Complaints) -> None:
        hidden = self._claim(statement, complaints)
        assert hidden is not None
        sides: list[tuple[str, str | None, list[str]]] = []
        for side in statement.sides:
            known = self._own.get(side.table.lower())
            table = known.hidden if known else side.table
            probe = f"SELECT * FROM {operators.named(table)}"  # noqa: S608
            try:
                self.prepare(guard.examine(self._parser, probe), probe)
            except QueryError as error:
                raise complaints.moved(error) from error
            columns = list(self.connection.sql(probe).columns)
            for need in ("ts", "dur", *([side.partition] if side.partition else [])):
                if need.lower() not in {c.lower() for c in columns}:
                    raise complaints.error(f"{side.table} has no column {need} to join spans by")
            sides.append((table, side.partition, columns))
        sql = operators.span_join(statement.join, sides[0], sides[1])
        self.prepare(guard.examine(self._parser, sql), sql)
        self._do(f"CREATE TEMP VIEW {operators.named(hidden)} AS {sql}", complaints)
        self._own[statement.name.lower()] = _Own("view", hidden)

    def _function(self, statement: Statement, complaints: Complaints) -> None:
        import duckdb

        name = statement.name.lower()
        if not name.isidentifier():
            raise complaints.error(f"{statement.name!r} is no name for a function")
        if name in self._functions and not statement.or_replace:
            raise complaints.error(f"there is a function {statement.name} already")
        before = dict(self._functions)
        if name in self._functions:
            self._drop_function(name)
        arguments = [operators.named(f"_p_{a.name.lower()}") for a in statement.arguments]
        nulls = ", ".join(f"NULL::{engine_type(a.type) or 'BIGINT'}" for a in statement.arguments)
        fixes = Fixes()
        for _ in range(_MOST_FIXES):
            sql = self.translated(statement.body, complaints, fixes, statement.arguments)
            call = f"_u_{name}({nulls})"
            if statement.table_returns:
                made, trial = f"TABLE {sql}", f"SELECT * FROM {call}"  # noqa: S608
            else:
                made, trial = f"({scalar(sql, statement.returns)})", f"SELECT {call}"
            create = f"CREATE OR REPLACE TEMP MACRO _u_{name}({', '.join(arguments)}) AS {made}"
            try:
                self.connection.execute(create).fetchall()
                self.connection.sql(trial)
            except duckdb.Error as error:
                if learn(error, complaints, fixes):
                    continue
                self._functions = before
                raise self._explained(error, trial, complaints) from error
            self._functions[name] = statement.table_returns
            return
        raise complaints.error("this is not understood")

    def _drop(self, statement: Statement, complaints: Complaints) -> None:
        name = statement.name.lower()
        if statement.what == "function" and name in self._functions:
            self._drop_function(name)
        elif name in self._own:
            self._forget(name)
        elif not statement.or_replace:
            raise complaints.refused(f"DROP {statement.name}", "is no temp object of yours")

    def _drop_function(self, name: str) -> None:
        kind = "MACRO TABLE" if self._functions.pop(name) else "MACRO"
        self.connection.execute(f"DROP {kind} temp._u_{name}")

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """Run a query of the dialect's own, over tables of the schema `stored`."""
        self.prepare(guard.examine(self._parser, sql), sql)
        rows: list[tuple[Any, ...]] = self.connection.sql(sql).fetchall()
        return rows
