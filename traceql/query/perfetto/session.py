"""A session that speaks Perfetto's SQL: statement by statement, on a connection of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from traceql.errors import SqlError, StatementRefused, TraceQLError, UnknownName
from traceql.query import library
from traceql.query.perfetto import modules, older, standard
from traceql.query.perfetto.complaints import Complaints
from traceql.query.perfetto.engine import DialectEngine
from traceql.query.perfetto.macros import BUILTINS, Macro, MacroError, expand
from traceql.query.perfetto.statements import FormError, Statement, is_macro_definition, read
from traceql.query.perfetto.tokens import Token, moved, place_of, split, tokenize

if TYPE_CHECKING:
    from traceql.query.answer import Parameters
    from traceql.query.perfetto.answer import StoredAnswer
    from traceql.store.catalog import Store, Trace


_NAMES = {"word", "quoted"}
"""Kinds of tokens that can name a column."""


class PerfettoSession:
    """Perfetto's SQL over some traces of a store.

    Tables, views, functions and macros that a text makes are temporary: they last as long as the
    session, and the next text sees them. Not for several threads at once.
    """

    def __init__(
        self,
        traces: Sequence[Trace],
        *,
        store: Store | None = None,
        memory_limit_bytes: int | None = None,
        timeout_s: float | None = None,
        packages: Sequence[Path] = (),
    ) -> None:
        self.traces = tuple(traces)
        self._store = store
        self._memory_limit_bytes, self._timeout_s = memory_limit_bytes, timeout_s
        self._packages = tuple(packages)
        self._included: set[str] = set()
        self._macros: dict[str, Macro] = {n: m for n, (_, m) in standard.macros().items()}
        programs = {name: program for name, (_, program) in standard.BUILTINS.items()}
        self._builtins = {**BUILTINS, **standard.library_macros(), **programs}
        self._delegates: dict[str, str] = {}
        self._engine: DialectEngine | None = None
        self._lock = threading.RLock()

    def sql(self, text: str, parameters: Parameters = None) -> StoredAnswer:
        """Run the statements of a text; the answer is that of the last, if it is a query.

        Args:
            text: any number of statements.
            parameters: values of `$name` by name.

        Raises:
            StatementRefused: it would do more than read the store and make temp objects.
            UnknownName: a table, column, function, macro or module does not exist here.
            SqlError: it is no SQL, or nothing that the dialect knows.
        """
        with self._lock:
            engine = self._started()
            engine.settle()
            statements = split(tokenize(text))
            if not statements:
                raise SqlError("there is no statement")
            answer = None
            for number, tokens in enumerate(statements):
                is_last = number == len(statements) - 1
                answer = self._run(tokens, text, parameters if is_last else None, wanted=is_last)
            return answer if answer is not None else engine.nothing(text)

    def close(self) -> None:
        """Let go of memory and files."""
        with self._lock:
            if self._engine is not None:
                self._engine.close()
                self._engine = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _started(self) -> DialectEngine:
        if self._engine is None:
            self._engine = DialectEngine(
                self.traces, self._store, self._memory_limit_bytes, self._timeout_s
            )
        return self._engine

    def _run(
        self, tokens: Sequence[Token], text: str, parameters: Parameters, *, wanted: bool
    ) -> StoredAnswer | None:
        """Run one statement; `wanted` says that its rows are the answer."""
        engine = self._started()
        engine.words |= {token.value.lower() for token in tokens if token.kind in _NAMES}
        try:
            if not is_macro_definition(tokens):
                tokens = older.todays(tokens)
                tokens = expand(tokens, self._macros, self._builtins)
                tokens = _by_todays_names(tokens, self._delegates)
            statement = read(tokens)
        except MacroError as error:
            raise _misread(error.message, error.token, text, error.unknown, self._macros) from error
        except FormError as error:
            if error.refused:
                raise StatementRefused(error.message, "does more than make temp objects") from error
            raise _misread(error.message, error.token, text) from error
        complaints = Complaints(statement.tokens, text, engine.known_names)
        if statement.form == "query":
            return engine.query(statement.body, complaints, parameters, wanted=wanted)
        if statement.form == "include":
            self._include(statement, text)
        elif statement.form == "macro":
            self._define(statement, text)
        elif statement.form == "delegate":
            if not engine.has_function(statement.what):
                what = f"{statement.name} delegates to {statement.what}, which TraceQL lacks"
                raise _misread(what, statement.tokens[-1], text)
            self._delegates[statement.name.lower()] = statement.what
        elif statement.form == "drop" and statement.what == "macro":
            self._macros.pop(statement.name.lower(), None)
        else:
            engine.execute(statement, complaints)
        return None

    def _define(self, made: Statement, text: str) -> None:
        name = made.name.lower()
        own = name in self._macros and name not in standard.macros()
        if own and not made.or_replace:
            raise _misread(f"there is a macro {made.name}! already", made.tokens[0], text)
        names = tuple(argument.name.lower() for argument in made.arguments)
        self._macros[name] = Macro(made.name, names, tuple(made.body))
        self._builtins.pop(name, None)

    def _include(self, statement: Statement, text: str) -> None:
        name = statement.name
        found = modules.files(name, self._packages)
        token = statement.tokens[min(3, len(statement.tokens) - 1)]
        if not found and not modules.is_known(name):
            line, column, near = place_of(text, token.place)
            close = _close(name, modules.known())
            raise UnknownName(name, close, kind="module", line=line, column=column, near=near)
        for module, path in found:
            if module not in self._included:
                self._included.add(module)
                self._run_file(module, path, token, text)

    def _run_file(self, module: str, path: Path, token: Token, text: str) -> None:
        try:
            content = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise SqlError(f"the module {module} cannot be read: {error}") from error
        for tokens in split(tokenize(content, foreign=True)):
            self._run(moved(tokens, token.place), text, None, wanted=False)


_OLDER = ("sched_utilization_per_", "sched_process_util", "sched_thread_util")
"""How older names of tables and functions begin that are called cpu_… today."""
_INTERNAL = "__intrinsic_"
"""How the names of the tables begin that Perfetto's views are made of."""


def _by_todays_names(tokens: Sequence[Token], delegates: dict[str, str]) -> Sequence[Token]:
    """Give tables by the names of their views, and functions by the ones that they delegate to."""
    views = library.objects()
    out = []
    for place, token in enumerate(tokens):
        name = token.value
        calls = place + 1 < len(tokens) and tokens[place + 1].is_sign("(")
        meant = ""
        if token.kind == "word" and calls:
            meant = delegates.get(name, "")
            if name.startswith(_OLDER):
                meant = "cpu_" + name.removeprefix("sched_")
        elif token.kind == "word" and name.startswith(_OLDER):
            meant = "cpu_" + name.removeprefix("sched_")
        elif token.kind == "word" and name.startswith(_INTERNAL):
            view = name.removeprefix(_INTERNAL)
            meant = view if view in views and views[view].kind == "view" else ""
        if meant:
            token = replace(token, text=meant)  # noqa: PLW2901  (the same token by another name)
        out.append(token)
    return out


def _misread(
    message: str, token: Token, text: str, unknown: str = "", known: Iterable[str] = ()
) -> TraceQLError:
    line, column, near = place_of(text, token.place)
    if unknown:
        close = [f"{name}!" for name in _close(unknown, list(known))]
        name = f"{unknown}!"
        return UnknownName(name, close, kind="macro", line=line, column=column, near=near)
    return SqlError(message, line, column, near)


def _close(name: str, known: Sequence[str]) -> tuple[str, ...]:
    from traceql.query import translate

    return translate.close_names(name, known)
