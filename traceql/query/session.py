"""A session: DuckDB over the traces in scope, locked to their files."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterable, Sequence
from functools import cache, cached_property, partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from traceql.errors import StatementRefused, StoreError, TraceQLError, UnknownName
from traceql.model import tables
from traceql.query import derived, guard, lean_duckdb, library, relations, translate, views
from traceql.query.answer import Answer, Parameters
from traceql.store.sweep import owner

if TYPE_CHECKING:
    import duckdb

    from traceql.store.catalog import Store, Trace

_TRACE = f"{library.STORED}.trace"
_LEAN = "_lean_"
_EVENT_TABLES = ("slice", "counter", "sample", "allocation", "sched", "thread_state")


class Session:
    """Read-only SQL over some traces of a store.

    Views and macros of the library are created when a query first mentions them. With one trace
    ids are its own; with several every id column is `trace_no * 2^32 + id`, trace_no being the
    place in `traces`. Queries may run from several threads.
    """

    def __init__(
        self,
        traces: Sequence[Trace],
        *,
        store: Store | None = None,
        memory_limit_bytes: int | None = None,
        timeout_s: float | None = None,
        threads: int | None = None,
    ) -> None:
        self.traces = tuple(traces)
        self._store = store
        self._memory_limit_bytes, self._timeout_s = memory_limit_bytes, timeout_s
        self._threads = threads
        self._engines: dict[bool, _Engine] = {}
        self._pruned: _Engine | None = None
        self._lock = threading.RLock()

    def sql(self, text: str, parameters: Parameters = None) -> Answer:
        """Check and bind one query; its rows are computed when they are asked for.

        Args:
            text: one SELECT, EXPLAIN, DESCRIBE, SHOW or SUMMARIZE.
            parameters: values of `?` in order, or of `$name` by name.

        Raises:
            StatementRefused: it would do more than read this session's tables.
            UnknownName: a table, column or function does not exist.
            SqlError: it is no SQL, or its types do not fit.
        """
        failure = lean_duckdb.engine().Error
        with self._lock:
            parser = next(iter(self._engines.values()), None) or self._new_engine()
            try:
                mentions = guard.examine(
                    parser.connection, text, parameters, several=len(self.traces) > 1
                )
            except failure as error:
                raise self._translated(error, text, parser) from error
            engine = self._engine(parser, mentions)
            engine.prepare(mentions, text)
            cursor = engine.connection.cursor()
        return Answer(
            cursor,
            text,
            parameters,
            translate=lambda error: self._translated(error, text, engine),
            timeout_s=self._timeout_s,
        )

    def move_to(self, trace: Trace) -> None:
        """Look at another trace of the store; only for a session over one.

        Several times quicker than a new session. Answers that are not read to their end are lost.

        Raises:
            StoreError: the trace cannot be read.
        """
        if len(self.traces) != 1 or self._store is None:
            raise ValueError("only a session over one trace of a store can move to another")
        with self._lock:
            self.traces = (trace,)
            try:
                for engine in self._engines.values():
                    engine.move_to(self.traces)
            except BaseException:
                self.close()  # half moved, it would mix traces
                raise

    def script(self) -> str:
        """Give SQL that makes the views and macros of this session, for plain `duckdb -init`.

        Macros that call a kernel are left out.
        """
        engine = self._new_engine()
        names = library.in_order([_TRACE, *library.objects()])
        made = [
            statement
            for name in names
            if not library.needs_kernel(name)
            for statement in engine.statements(name)
        ]
        return "".join(f"{part};\n" for part in [f"CREATE SCHEMA {library.STORED}", *made])

    def close(self) -> None:
        """Let go of memory and files."""
        with self._lock:
            for engine in self._engines.values():
                engine.connection.close()
            self._engines.clear()
            self._pruned = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _new_engine(self) -> _Engine:
        settings = [] if self._threads is None else [f"threads = {self._threads}"]
        return _Engine(self.traces, self._store, self._memory_limit_bytes, settings)

    def _engine(self, unused: _Engine, mentions: guard.Mentions) -> _Engine:
        """Give the lean or the full engine; `unused` becomes it where there is none yet.

        A query that reads few traces of many gets one that knows only their files.
        """
        named = (*mentions.tables, *mentions.table_functions, *mentions.functions)
        lean = not (
            guard.asks_catalog(mentions)
            or any(library.needs_args(mention.name) for mention in named)
            or (
                mentions.asks_args
                and _may_be_lean([*(mention.name for mention in named), *mentions.single_names])
            )
        )
        only = self._wanted(mentions)
        if only is not None:
            last = self._pruned
            if last is None or (last.only, last.lean) != (only, lean):
                # Not closed: an answer may still read from it; the last reference closes it.
                last = self._pruned = self._new_engine()
                last.only, last.lean = only, lean
            if not self._engines:
                unused.lean = lean
                self._engines[lean] = unused
            return last
        if not self._engines:
            unused.lean = lean
            self._engines[lean] = unused
        elif lean not in self._engines:
            self._engines[lean] = self._new_engine()
            self._engines[lean].lean = lean
        return self._engines[lean]

    def _wanted(self, mentions: guard.Mentions) -> frozenset[str] | None:
        """Give the names of the traces that a query can read; None: all of them."""
        if mentions.first_rows is not None and len(self.traces) > 1:
            return self._with_first_rows(*mentions.first_rows)
        if mentions.needs is None or len(self.traces) == 1:
            return None
        names = frozenset(
            trace.name
            for trace in self.traces
            if any(need.takes(trace.name, partial(_bounds, trace)) for need in mentions.needs)
        )
        return names if len(names) < len(self.traces) else None

    def _with_first_rows(self, table: str, count: int) -> frozenset[str] | None:
        """Give the first traces that have so many rows of a table; None: all of them."""
        names, rows = set(), 0
        for trace in self.traces:
            file = trace.manifest.tables.get(table)
            rows += file.rows if file is not None else 0
            names.add(trace.name)
            if rows >= count:
                break
        return frozenset(names) if len(names) < len(self.traces) else None

    def _translated(self, error: Exception, text: str, engine: _Engine) -> TraceQLError:
        return translate.translated(
            error,
            text,
            engine.names,
            memory_limit_bytes=self._memory_limit_bytes,
            timeout_s=self._timeout_s,
        )


class _Engine:
    """One in-memory database of views, locked.

    A session has up to two: a lean one, where an object `x` is made from `_lean_x` if the library
    has that, for queries that ask for no args; and the full one.
    """

    def __init__(
        self,
        traces: Sequence[Trace],
        store: Store | None,
        memory_limit_bytes: int | None,
        settings: Sequence[str] = (),
    ) -> None:
        self._traces, self._store = tuple(traces), store
        self._memory_limit_bytes, self._settings = memory_limit_bytes, tuple(settings)
        self.lean = False
        self.only: frozenset[str] | None = None
        self._made: dict[str, list[str]] = {}

    @cached_property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """The database; who only wants the statements never opens it."""
        # The engine makes the folder when it first spills, and removes it when it closes.
        spill = self._spill_folder() / f"{owner()}-{id(self):x}"
        config: dict[str, str | bool | int | float | list[str]] = {"temp_directory": str(spill)}
        if self._memory_limit_bytes is not None:
            config["memory_limit"] = f"{self._memory_limit_bytes}B"
        connection: duckdb.DuckDBPyConnection
        connection = lean_duckdb.engine().connect(":memory:", config=config)
        for setting in self._settings:
            connection.execute(f"SET {setting}")
        guard.lock(connection, self._directories())
        connection.execute(f"CREATE SCHEMA {library.STORED}")
        return connection

    def _spill_folder(self) -> Path:
        """Give the work folder of the store, where leftovers are swept, if it can be written."""
        if self._store is not None:
            work = self._store.path / "tmp"
            if os.access(work, os.W_OK):
                return work
        return Path(tempfile.gettempdir())

    def prepare(self, mentions: guard.Mentions, text: str) -> None:
        """Check every name against what may be read, and make what is not there yet.

        Raises:
            StatementRefused: a file or a function that reads one.
            UnknownName: there is no such table or table function.
        """
        wanted = self.names("table") if guard.asks_catalog(mentions) else []
        for mention in mentions.tables:
            wanted += self._table(mention, mentions.ctes, text)
        for mention in mentions.table_functions:
            wanted += self._table_function(mention, text)
            # A table given to a macro stands in the tree as a column's name.
            wanted += [name for name in self.names("table") if name in mentions.single_names]
        for mention in mentions.functions:
            found = library.objects().get(mention.name)
            wanted += [found.name] if found and found.kind == "macro" else []
        for name in library.in_order(wanted):
            self._make(name)

    def move_to(self, traces: Sequence[Trace]) -> None:
        """Let what stands for files stand for those of other traces; all else stays."""
        self._traces = tuple(traces)
        for name in [name for name in self._made if name.startswith(f"{library.STORED}.")]:
            kind = "TABLE" if name == _TRACE else "VIEW"
            self.connection.execute(f"DROP {kind} {name}")
            del self._made[name]
            self._make(name)

    def names(self, kind: str) -> list[str]:
        """Give the names that a query may use: kind is table, column or function."""
        public = [item for item in library.objects().values() if not item.is_private]
        if kind == "table":
            return [item.name for item in public if item.kind == "view"]
        if kind == "function":
            own = [item.name for item in public if item.kind != "view"]
            return own + self._column("SELECT DISTINCT function_name FROM duckdb_functions()")
        if kind == "column":
            return self._column(
                "SELECT DISTINCT column_name FROM duckdb_columns() WHERE NOT internal"
            )
        return []

    def statements(self, name: str) -> list[str]:
        """Give what makes one object: its CREATE, and its documentation."""
        schema, _, table = name.rpartition(".")
        if schema == library.STORED:
            return [self._stored(table)]
        found = library.objects()[name]
        if found.is_private:
            return [found.sql]
        create = found.sql
        if self.lean and f"{_LEAN}{name}" in library.objects():
            create = f"CREATE VIEW {name} AS SELECT * FROM {_LEAN}{name}"  # noqa: S608
        what = {"view": "VIEW", "macro": "MACRO", "table macro": "MACRO TABLE"}[found.kind]
        return [create, f"COMMENT ON {what} {name} IS {views.quoted(found.doc)}"]

    def _column(self, query: str) -> list[str]:
        return [str(row[0]) for row in self.connection.cursor().execute(query).fetchall()]

    def _table(self, mention: guard.Mention, ctes: set[str], text: str) -> list[str]:
        name = mention.name
        if mention.schema == library.STORED and name in library.stored_names():
            return [f"{library.STORED}.{name}"]
        if mention.schema in {"", "main"}:
            found = library.objects().get(name)
            if found is not None and found.kind == "view":
                return [name]
            if name in ctes:
                return []
        if guard.is_open_table(mention):
            return []
        if guard.looks_like_a_file(name):
            raise StatementRefused(f"{name!r}", "is not a table of this session")
        line, column, near = translate.place_of(text, mention.offset)
        close = translate.close_names(name, self.names("table"))
        raise UnknownName(name, close, kind="table", line=line, column=column, near=near)

    def _table_function(self, mention: guard.Mention, text: str) -> list[str]:
        name = mention.name
        found = library.objects().get(name)
        if found is not None and found.kind == "table macro":
            return [name]
        if guard.is_open_table_function(name):
            return []
        known = self.names("function")
        if name in known:
            raise StatementRefused(f"{name}()", "reads more than this session's tables")
        line, column, near = translate.place_of(text, guard.call_offset(mention, text))
        own = library.objects()
        usable = [item for item in known if item in own or guard.is_open_table_function(item)]
        close = translate.close_names(name, usable)
        raise UnknownName(name, close, kind="function", line=line, column=column, near=near)

    def _make(self, name: str) -> None:
        """Make an object once; what analyses leave is looked up again each time."""
        if name in self._made and not _is_derived(name):
            return
        if name.startswith(library.KERNEL):
            relations.register(self.connection, name, self._memory_limit_bytes)
            self._made[name] = []
            return
        if name.startswith(f"{library.STORED}.") and name != _TRACE:
            self._make(_TRACE)
        statements = self.statements(name)
        if self._made.get(name) == statements:
            return
        if name in self._made:
            self.connection.execute(f"DROP VIEW {name}")
        try:
            for statement in statements:
                self.connection.execute(statement)
        except lean_duckdb.engine().Error as error:
            raise StoreError(f"the files of the store do not fit {name}: {error}") from error
        self._made[name] = statements

    def _stored(self, table: str) -> str:
        names = [trace.name for trace in self._traces]
        if table == "trace":
            bounds = [_bounds(trace) for trace in self._traces]
            ids = [trace.id for trace in self._traces]
            importers = [trace.manifest.importer for trace in self._traces]
            return views.create_trace(names, ids, importers, bounds)
        if tables.table(table).derived_by is not None:
            return derived.create(table, self._store, self._traces)
        files = [
            self._file(trace, table, number)
            for number, trace in enumerate(self._traces)
            if (self.only is None or trace.name in self.only) and table in trace.manifest.tables
        ]
        return views.create(table, files, names)

    def _file(self, trace: Trace, table: str, number: int) -> views.File:
        """Give a file; of another minor version, with the columns that it lacks."""
        path = _resolved(trace.path.parent) / trace.path.name / f"{table}.parquet"
        if trace.manifest.schema_version == tables.SCHEMA_VERSION:
            return views.File(path, number)
        source = f"parquet_schema({views.quoted(str(path))})"
        has = self._column(f"SELECT name FROM {source}")  # noqa: S608
        return views.File(path, number, views.columns(table) - frozenset(has))

    def _directories(self) -> list[Path]:
        if self._store is not None:
            root = self._store.path.resolve()
            return [root / "traces", root / "results"]
        return sorted({trace.path.resolve() for trace in self._traces})


def _may_be_lean(names: Iterable[str]) -> bool:
    """Whether anything that the objects of those names are made of differs in the lean engine."""
    known = library.objects()
    made_of = library.in_order([name for name in names if name in known])
    return any(f"{_LEAN}{name}" in known for name in made_of)


@cache
def _resolved(folder: Path) -> Path:
    """Follow links, which takes a look at every part of a path, once for all traces of a store."""
    return folder.resolve()


def _is_derived(name: str) -> bool:
    schema, _, table = name.rpartition(".")
    known = tables.canonical().get(table)
    return schema == library.STORED and known is not None and known.derived_by is not None


def _bounds(trace: Trace) -> tuple[int, int] | None:
    """Give the first and last instant of a trace's events, ns."""
    files = [f for n, f in trace.manifest.tables.items() if n in _EVENT_TABLES and f.rows]
    starts = [f.min_ts for f in files if f.min_ts is not None]
    ends = [f.max_end for f in files if f.max_end is not None]
    return (min(starts), max(ends)) if starts and ends else None
