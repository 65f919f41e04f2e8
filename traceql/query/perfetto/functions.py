"""CREATE PERFETTO FUNCTION: a macro of the engine, and a function of SQLite where it can be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from traceql.errors import QueryError
from traceql.query.perfetto import operators
from traceql.query.perfetto.plain import NotPlain
from traceql.query.perfetto.rewrite import Fixes
from traceql.query.perfetto.shapes import engine_type, learn, scalar
from traceql.query.perfetto.written import own_text

if TYPE_CHECKING:
    from traceql.query.perfetto.complaints import Complaints
    from traceql.query.perfetto.engine import DialectEngine
    from traceql.query.perfetto.statements import Statement
    from traceql.query.perfetto.tokens import Token

_MOST_FIXES = 40
_DEEPEST_CALL = 200
"""How deep a function may call itself: SQLite runs each call on the stack of the one before."""


class Functions:
    """The functions of a session."""

    def __init__(self, engine: DialectEngine) -> None:
        self._engine = engine
        self._needs: dict[str, set[str]] = {}
        self._failed: dict[str, QueryError] = {}
        self._plain: dict[str, int] = {}

    def make(self, statement: Statement, complaints: Complaints) -> None:
        """Make a function.

        Raises:
            QueryError: its body cannot be bound.
        """
        name = statement.name.lower()
        functions = self._engine.functions
        if not name.isidentifier():
            raise complaints.error(f"{statement.name!r} is no name for a function")
        if name in functions and not statement.or_replace:
            raise complaints.error(f"there is a function {statement.name} already")
        before = dict(functions)
        if name in functions:
            self.drop(name)
        plain = not statement.table_returns and self._make_plain(statement, complaints)
        self._needs[name] = self._engine.objects.mentioned(statement.body)
        try:
            self._make(statement, complaints)
        except QueryError as error:
            if not plain:
                functions.clear()
                functions.update(before)
                raise
            # SQLite takes it: only a query that needs the engine as well cannot call it.
            self._failed[name] = error
        functions[name] = statement.table_returns
        self._engine.exact.knows(name, statement if statement.table_returns else None)

    def needs(self, tokens: Sequence[Token], complaints: Complaints) -> set[str]:
        """Give the own tables that functions read which a query calls.

        Raises:
            QueryError: the engine cannot run one of them.
        """
        called = {t.value for t in tokens if t.kind == "word"} & set(self._engine.functions)
        found: set[str] = set()
        for name in called:
            if name in self._failed:
                raise complaints.error(f"{name}(): {self._failed[name].args[0]}")
            found |= self._needs.get(name, set()) & set(self._engine.objects)
        return found

    def drop(self, name: str) -> bool:
        """Drop a function; false if there is none."""
        functions = self._engine.functions
        if name not in functions:
            return False
        self._engine.exact.knows(name, None)
        kind = "MACRO TABLE" if functions.pop(name) else "MACRO"
        if self._failed.pop(name, None) is None:
            self._engine.connection.execute(f"DROP {kind} temp._u_{name}")
        count = self._plain.pop(name, None)
        if count is not None:
            self._engine.plain.function(name, count, None)
        return True

    def _make(self, statement: Statement, complaints: Complaints) -> None:
        import duckdb

        engine, name = self._engine, statement.name.lower()
        nulls = ", ".join(f"NULL::{engine_type(a.type) or 'BIGINT'}" for a in statement.arguments)
        fixes = Fixes()
        for _ in range(_MOST_FIXES):
            sql = engine.translated(statement.body, complaints, fixes, statement.arguments)
            call = f"_u_{name}({nulls})"
            create = f"CREATE OR REPLACE TEMP MACRO _u_{name}{_definition(sql, statement)}"
            trial = f"SELECT * FROM {call}" if statement.table_returns else f"SELECT {call}"  # noqa: S608
            try:
                engine.connection.execute(create).fetchall()
                engine.connection.sql(trial)
            except duckdb.Error as error:
                if learn(error, complaints, fixes):
                    continue
                raise engine.explained(error, trial, complaints) from error
            return
        raise complaints.error("this is not understood")

    def _make_plain(self, statement: Statement, complaints: Complaints) -> bool:
        """Let SQLite call a scalar function whose body it can run."""
        engine, name = self._engine, statement.name.lower()
        if not engine.objects.come(engine.objects.mentioned(statement.body)):
            return False
        text = own_text(statement.body, complaints.text)
        names = [argument.name for argument in statement.arguments]
        calls_itself = any(token.is_word(name) for token in statement.body)
        if calls_itself:  # it is tried once, not to its end
            engine.plain.function(name, len(names), lambda *_: None)
        try:
            engine.plain.ask(text, dict.fromkeys(names))
        except NotPlain:
            if calls_itself:
                engine.plain.function(name, len(names), None)
            return False
        run = _Recursive if calls_itself else _runner
        engine.plain.function(name, len(names), run(engine.plain.first, text, names))
        self._plain[name] = len(names)
        return True


def _definition(sql: str, statement: Statement) -> str:
    """Give parameters and body of the engine's macro.

    A query takes its arguments from a row of their own: put into it as they are, a column given as
    an argument would mean a column of the query's tables.
    """
    names = [operators.named(f"_p_{a.name.lower()}") for a in statement.arguments]
    given = [operators.named(f"_a_{a.name.lower()}") for a in statement.arguments]
    row = ", ".join(f"{value} AS {name}" for value, name in zip(given, names, strict=True))
    if statement.table_returns:
        if not names:
            return f"() AS TABLE {sql}"
        return (
            f"({', '.join(given)}) AS TABLE SELECT __tq_body.* EXCLUDE (__tq_place) "  # noqa: S608
            f"FROM (SELECT {row}) AS __tq_args, LATERAL (SELECT *, row_number() OVER () "
            f"AS __tq_place FROM ({sql})) AS __tq_body ORDER BY __tq_place"
        )
    body, is_alone = scalar(sql, statement.returns)
    if is_alone or not names:
        return f"({', '.join(names)}) AS ({body})"
    return f"({', '.join(given)}) AS (SELECT {body} FROM (SELECT {row}) AS __tq_args)"  # noqa: S608


class _Recursive:
    """A function that calls itself. It remembers what it gave until its outermost call ends."""

    def __init__(
        self, first: Callable[[str, dict[str, Any]], Any], text: str, names: Sequence[str]
    ) -> None:
        self._run = _runner(first, text, names)
        self._known: dict[tuple[Any, ...], Any] = {}
        self._depth = 0

    def __call__(self, *values: Any) -> Any:
        key = tuple((type(value), value) for value in values)
        if key in self._known:
            return self._known[key]
        if self._depth >= _DEEPEST_CALL:
            raise RecursionError("a function calls itself without end")
        self._depth += 1
        try:
            found = self._run(*values)
        finally:
            self._depth -= 1
            if not self._depth:
                self._known.clear()
        if self._depth:
            self._known[key] = found
        return found


def _runner(
    first: Callable[[str, dict[str, Any]], Any], text: str, names: Sequence[str]
) -> Callable[..., Any]:
    def run(*values: Any) -> Any:
        return first(text, dict(zip(names, values, strict=True)))

    return run
