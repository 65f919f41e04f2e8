"""The engine of the dialect: makes temp objects and answers queries, each checked by the guard."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from traceql.errors import LimitReached, QueryError, SqlError, UnknownName
from traceql.query import guard, library
from traceql.query.perfetto import computed, extras, operators
from traceql.query.perfetto.answer import PlainAnswer, StoredAnswer
from traceql.query.perfetto.args import ArgTypes
from traceql.query.perfetto.exact import Exact
from traceql.query.perfetto.leaves import Leaves
from traceql.query.perfetto.makers import Makers
from traceql.query.perfetto.objects import Objects, loosely
from traceql.query.perfetto.plain import NotPlain, Plain, Rows
from traceql.query.perfetto.rewrite import Fixes, Surroundings, rewritten
from traceql.query.perfetto.shapes import cast_of, learn
from traceql.query.perfetto.written import labels, own_text, sqlite_text
from traceql.query.session import _Engine

if TYPE_CHECKING:
    import duckdb

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
_BY_STACK = "_slice_by_stack"
"""The view for queries that ask for stack_id, which costs time to compute."""
_BY_ID = (
    "slice", "slices", "thread_slice", "process_slice", "thread_or_process_slice", "gpu_slice",
    "counter", "counters", "flow", "sched", "sched_slice", "thread_state", "thread", "process",
    "track", "thread_track", "process_track", "counter_track", "cpu_counter_track",
    "gpu_counter_track", "process_counter_track", "thread_counter_track", "gpu_track", "cpu_track",
    "instant", "slice_self_dur", "slice_closed", "cpu", "perf_sample", "stack_profile_frame",
    "stack_profile_callsite", "stack_profile_mapping", "cpu_profile_stack_sample",
)  # fmt: skip


class DialectEngine(_Engine):
    """One connection with the settings of SQLite's arithmetic, and SQLite beside it.

    What asks nothing of a trace runs in SQLite; what does, here, and in SQLite over copies of the
    tables if it asks for values that one type does not hold.
    """

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
        self.plain = Plain(timeout_s)
        self.objects = Objects(self.connection, self.plain)
        self.functions: dict[str, bool] = {}
        self._makers = Makers(self)
        self._args = ArgTypes(self)
        self._bounds: tuple[Any, Any] | None = None
        self.exact = Exact(self, traces)
        self.words: set[str] = set()
        """What texts of the session name, in small letters."""
        self._has_one_trace = len(traces) == 1
        computed.install(self)
        self._last: weakref.ref[StoredAnswer] | None = None
        present = library.objects()
        self.orders: dict[str, tuple[str, ...]] = {
            name: ("id",) for name in _BY_ID if name in present
        }

    def close(self) -> None:
        """Let go of memory and files."""
        self._parser.close()
        self.plain.close()
        self.connection.close()

    def has_function(self, name: str) -> bool:
        """Whether a function can be called here."""
        return self.plain.has_function(name) or name.lower() in self.functions

    def known_names(self, kind: str) -> list[str]:
        """Give the names that a query may use, those of the session's own objects first."""
        own = list(self.objects) if kind == "table" else []
        if kind == "function":
            own = list(self.functions)
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
        else:
            found = self.asked(body, complaints, parameters)
            if found is not None:
                return self._plain_answer(found)
        try:
            sql = self.checked(body, complaints, parameters)
            if not wanted:
                return None
            if not explains:
                found = self.exact.ask(body, complaints, parameters)
                if found is not None:
                    kinds = [str(kind) for kind in self._bound(sql, parameters).types]
                    return self._plain_answer(found, kinds)
            return self._answered(sql, body, complaints, parameters, explains=explains)
        except (SqlError, UnknownName) as error:
            return self.otherwise(body, complaints, parameters, error)

    def _answered(
        self,
        sql: str,
        body: Sequence[Token],
        complaints: Complaints,
        parameters: Parameters,
        *,
        explains: bool,
    ) -> StoredAnswer:
        finished = self.finished(sql, parameters)
        columns = self._bound(sql, parameters).columns
        places = self._shown(columns)
        if len(places) < len(columns):
            kept = ", ".join(f"#{i + 1} AS {operators.named(columns[i])}" for i in places)
            finished = f"SELECT {kept} FROM ({finished})"  # noqa: S608
        answer = StoredAnswer(
            self.connection, f"EXPLAIN {finished}" if explains else finished, parameters,
            translate=lambda error: complaints.engine_error(
                error, sql, memory=self._memory, timeout_s=self._timeout_s
            ),
            timeout_s=self._timeout_s,
        )  # fmt: skip
        answer.instead = lambda error: self.otherwise(body, complaints, parameters, error)
        self._last = weakref.ref(answer)
        return answer

    def asked(
        self, body: Sequence[Token], complaints: Complaints, parameters: Parameters = None
    ) -> Rows | None:
        """Give the rows of a query that SQLite can run alone, None if it cannot.

        Raises:
            LimitReached: the time limit.
        """
        if not self.objects.come(self.objects.mentioned(body)):
            return None
        try:
            return self.plain.ask(own_text(body, complaints.text), parameters)
        except NotPlain:
            if self.plain.timed_out:
                raise LimitReached(
                    "time", f"{self._timeout_s:g} s", "Ask for less, or raise --timeout."
                ) from None
            return None

    def otherwise(
        self,
        body: Sequence[Token],
        complaints: Complaints,
        parameters: Parameters,
        error: QueryError,
    ) -> PlainAnswer:
        """Ask SQLite, over copies of the tables, what the engine's types do not allow.

        Raises:
            SqlError: `error`, where SQLite cannot either.
        """
        text = own_text(body, complaints.text)
        leaves = Leaves(self, body)
        try:
            found = leaves.over(lambda: self.plain.ask(text, parameters))
        except NotPlain:
            raise error from None
        return self._plain_answer(found)

    def _plain_answer(self, found: Rows, kinds: Sequence[str] = ()) -> PlainAnswer:
        places = self._shown(found.columns)
        if len(places) < len(found.columns):
            columns = tuple(found.columns[i] for i in places)
            rows = [tuple(row[i] for i in places) for row in found.rows]
            found = found._replace(columns=columns, rows=rows)
            kinds = [kinds[i] for i in places] if kinds else ()
        return PlainAnswer(found, self.plain.text_of, kinds)

    def _shown(self, columns: Sequence[str]) -> list[int]:
        """Give the places of columns that an answer shows."""
        if not self._has_one_trace:
            return list(range(len(columns)))
        return extras.shown(columns, self.words)

    def execute(self, statement: Statement, complaints: Complaints) -> None:
        """Run a statement that makes, fills, changes or drops a temp object."""
        self._makers.run(statement, complaints)

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
                raise self.explained(error, sql, complaints) from error
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

        self._makers.bring(body, complaints)
        names = {a.name.lower() for a in arguments or ()}
        text = sqlite_text(body, self.functions, names)
        heads = labels(body, complaints.text)
        stacks = "slice" not in self.objects and self.standing_for("slice", body) == _BY_STACK
        lean = "slice" not in self.objects and not stacks
        for is_lean in (True, False) if lean else (False,):
            try:
                sql = rewritten(text, self._around(lean=is_lean, stacks=stacks), fixes, heads)
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
                raise self.explained(error, sql, complaints) from error
            break
        return sql

    def _around(self, *, lean: bool, stacks: bool) -> Surroundings:
        own = dict(self.objects.items())
        views = frozenset(library.objects()) - frozenset(own)
        hidden = {n: o.hidden for n, o in own.items() if o.hidden.lower() != n}
        if lean:
            hidden |= {"slice": "_lean_slice"}
        if stacks:
            hidden |= {"slice": _BY_STACK}
        orders: dict[str, tuple[str, ...]] = {n: k for n, k in self.orders.items() if n not in own}
        for name, item in own.items():
            if item.order and item.made == "table":
                orders |= {name: item.order, item.hidden: item.order}
        loose = {item.hidden.lower(): loosely(item.hidden) for item in own.values() if item.loose}
        return Surroundings(
            orders | {"_lean_slice": ("id",), _BY_STACK: ("id",)}, hidden, self._args.type_of,
            views, loose,
        )  # fmt: skip

    def _table(self, mention: guard.Mention, ctes: set[str], text: str) -> list[str]:
        if any(
            mention.name in {own.hidden.lower(), loosely(own.hidden)}
            for _, own in self.objects.items()
        ):
            return []
        return super()._table(mention, ctes, text)

    def _table_function(self, mention: guard.Mention, text: str) -> list[str]:
        name = mention.name
        if name in operators.TABLE_FUNCTIONS:
            return []
        if name.startswith("_u_") and self.functions.get(name.removeprefix("_u_")):
            return []
        return super()._table_function(mention, text)

    def explained(self, error: Exception, sql: str, complaints: Complaints) -> Exception:
        """Give the engine's error about a statement as one about the user's text."""
        return complaints.engine_error(error, sql, memory=self._memory, timeout_s=self._timeout_s)

    def finished(self, sql: str, parameters: Parameters = None) -> str:
        """Give conditions as 0 and 1 and wide sums as integers, as SQLite prints them."""
        bound = self._bound(sql, parameters)
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

    def _bound(self, sql: str, parameters: Parameters) -> duckdb.DuckDBPyRelation:
        return self.connection.sql(sql, params=parameters)

    def standing_for(self, name: str, tokens: Sequence[Token]) -> str:
        """Give the view that stands for a table of the library in a query."""
        asks_stack = any(token.is_word("stack_id", "parent_stack_id") for token in tokens)
        return _BY_STACK if asks_stack and name == "slice" else name

    def bounds(self) -> tuple[Any, Any]:
        """Give the first and the last instant of the traces, ns; None where there are none."""
        if self._bounds is None:
            rows = self.ask("SELECT min(start_ts), max(end_ts) FROM trace_bounds")
            self._bounds = (rows[0][0], rows[0][1])
        return self._bounds

    def metadata(self, name: Any) -> Any:
        """Give the value of the metadata of a name."""
        text = str(name).replace("'", "''")
        rows = self.ask(f"SELECT int_value, str_value FROM metadata WHERE name = '{text}' LIMIT 1")  # noqa: S608
        return None if not rows else rows[0][1] if rows[0][0] is None else rows[0][0]

    def args_with(self, key: str) -> list[tuple[Any, ...]]:
        """Give the sets of args that have a key, and its value in each, as JSON."""
        text = key.replace("'", "''")
        return self.ask(
            f"SELECT s, v::VARCHAR FROM (SELECT __set AS s, _arg_json_in(__text, '{text}') AS v "  # noqa: S608
            "FROM _arg_text WHERE json_valid(__text)) WHERE v IS NOT NULL"
        )

    def arg_texts(self) -> list[tuple[Any, ...]]:
        """Give the sets of args, and the JSON of each."""
        return self.ask("SELECT __set, __text FROM _arg_text")

    def do(self, sql: str, complaints: Complaints) -> None:
        """Run a statement of the engine's SQL that makes or fills a temp object."""
        import duckdb

        try:
            self.connection.execute(sql).fetchall()
        except duckdb.Error as error:
            raise self.explained(error, sql, complaints) from error

    def probe(self, table: str) -> duckdb.DuckDBPyRelation:
        """Give a table or view with all its columns, once the guard has seen it.

        Raises:
            QueryError: there is none, or it is none of the session's.
        """
        sql = f"SELECT * FROM {operators.named(table)}"  # noqa: S608
        self.prepare(guard.examine(self._parser, sql), sql)
        return self.connection.sql(sql)

    def judge(self, sql: str) -> None:
        """Let the guard see a query in the engine's SQL, and make the views that it reads."""
        self.prepare(guard.examine(self._parser, sql), sql)

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """Run a query of the dialect's own, over tables of the schema `stored`."""
        self.prepare(guard.examine(self._parser, sql), sql)
        rows: list[tuple[Any, ...]] = self.connection.sql(sql).fetchall()
        return rows
