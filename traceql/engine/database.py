"""The store as Python sees it: `db = traceql.open("traceql-store"); db.sql(...).pl()`."""

from __future__ import annotations

import html
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

from traceql.engine.memory import limit_bytes
from traceql.engine.scope import named
from traceql.model.units import format_bytes, format_count

if TYPE_CHECKING:
    from traceql.engine.ingest import Ingested
    from traceql.model.result import Result
    from traceql.query.answer import Answer, Parameters
    from traceql.query.perfetto.session import PerfettoSession
    from traceql.query.session import Session
    from traceql.store.catalog import Store, Trace

_SESSIONS = 4
DEFAULT_STORE = "traceql-store"


def default_store() -> Path:
    """Give the store that is meant where nobody names one: $TRACEQL_STORE or ./traceql-store."""
    return Path(os.environ.get("TRACEQL_STORE", DEFAULT_STORE))


def open(  # noqa: A001  (traceql.open reads as it should)
    path: str | Path | None = None,
    *,
    create: bool = False,
    memory_limit_bytes: int | None = None,
    timeout_s: float | None = None,
) -> Database:
    """Open a store.

    Args:
        path: its folder; None: $TRACEQL_STORE, else ./traceql-store.
        create: make it where there is none.
        memory_limit_bytes: of queries and ingests; None: $TRACEQL_MEMORY_LIMIT, else half of the
            memory, and for analyses by the size of the trace.
        timeout_s: seconds after which a query is stopped.

    Raises:
        StoreNotFound: there is no store, and `create` is false.
    """
    from traceql.store.catalog import Store

    store = Store.open(Path(path) if path is not None else default_store(), create=create)
    return Database(store, memory_limit_bytes=memory_limit_bytes, timeout_s=timeout_s)


def ingest(path: str | Path, *, store: str | Path | None = None, **options: Any) -> Ingested:
    """Bring a file into a store, which is made where there is none.

    Args:
        path: the file.
        store: folder of the store; None: $TRACEQL_STORE, else ./traceql-store.
        options: as of `traceql.engine.ingest.ingest`: importer, name, group, options, ….

    Raises:
        InputError: the file cannot be read.
    """
    with open(store, create=True) as database:
        return database.ingest(path, **options)


class Database:
    """A store, and what can be asked of it."""

    def __init__(
        self,
        store: Store,
        *,
        memory_limit_bytes: int | None = None,
        timeout_s: float | None = None,
    ) -> None:
        self.store = store
        self._memory_limit_bytes, self._timeout_s = memory_limit_bytes, timeout_s
        self._sessions: dict[tuple[Trace, ...], Session] = {}
        self._perfetto: dict[tuple[Any, ...], PerfettoSession] = {}

    def traces(self) -> tuple[Trace, ...]:
        """Give the traces, in order of ingestion."""
        found: tuple[Trace, ...] = self.store.traces()
        return found

    def sql(
        self,
        text: str,
        *,
        trace: str | None = None,
        traces: Sequence[str] | None = None,
        parameters: Parameters = None,
        dialect: Literal["duckdb", "perfetto"] = "duckdb",
        sql_packages: Sequence[str | Path] = (),
    ) -> Answer:
        """Ask in SQL; the answer has `.arrow()`, `.pl()`, `.df()`, `.batches()`.

        Args:
            text: one query; it can read the traces in scope and nothing else.
            trace: name or id prefix of one trace.
            traces: names of several; neither: all of the store.
            parameters: values of `?` in order, or of `$name` by name.
            dialect: "perfetto" takes Perfetto's SQL, any number of statements; what they make
                lasts until the database is closed, and later texts over the same traces see it.
            sql_packages: folders of the user's own modules, for INCLUDE PERFETTO MODULE.

        Raises:
            TraceNotFound: no such trace.
            QueryError: the query is wrong, refused, or too large.
        """
        scope = self._scope(trace, traces)
        if dialect == "perfetto":
            return self._perfetto_session(scope, sql_packages).sql(text, parameters)
        if dialect != "duckdb":
            raise TypeError(f"dialect is duckdb or perfetto, not {dialect!r}")
        return self._session(scope).sql(text, parameters)

    def ingest(self, path: str | Path, **options: Any) -> Ingested:
        """Bring a file into the store; options as of `traceql.engine.ingest.ingest`.

        Raises:
            InputError: the file cannot be read.
        """
        from traceql.engine.ingest import ingest as run

        options.setdefault("memory_limit_bytes", self._memory_limit_bytes)
        return run(Path(path), store=self.store, **options)

    def analyze(self, traces: Sequence[str] | None = None, **options: Any) -> list[Result]:
        """Run analyses; options as of `traceql.engine.analyze.analyze`: only, families, ….

        Args:
            traces: names of traces; None: all of the store.
            options: passed on.

        Raises:
            AnalysisError: an analysis cannot run as asked.
        """
        from traceql.engine.analyze import analyze as run

        options.setdefault("memory_limit_bytes", self._memory_limit_bytes)
        options.setdefault("timeout_s", self._timeout_s)
        return run(self.store, self._scope(None, traces), **options)

    def report(
        self, path: str | Path, traces: Sequence[str] | None = None, **options: Any
    ) -> list[Result]:
        """Analyze and write a report, whose kind the suffix says; gives the results in it.

        Args:
            path: of the report: .html, .md or .json.
            traces: names of traces; None: all of the store.
            options: as of `analyze`.
        """
        from traceql.engine.publish import publish

        results = self.analyze(traces, **options)
        publish(results, Path(path))
        return results

    def close(self) -> None:
        """Let go of memory and files."""
        for session in self._sessions.values():
            session.close()
        for spoken in self._perfetto.values():
            spoken.close()
        self._sessions.clear()
        self._perfetto.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        found = self.traces()
        lines = [f"TraceQL store {self.store.path}: {len(found)} traces"]
        lines += [f"  {trace.name}  {_slices(trace)} slices" for trace in found]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{html.escape(trace.name)}</td><td>{_slices(trace)}</td>"
            f"<td>{format_bytes(trace.manifest.source_bytes)}</td></tr>"
            for trace in self.traces()
        )
        head = "<tr><th>trace</th><th>slices</th><th>source</th></tr>"
        return f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>"

    def _scope(self, trace: str | None, traces: Sequence[str] | None) -> tuple[Trace, ...]:
        if trace is not None and traces is not None:
            raise TypeError("give trace or traces, not both")
        names = [trace] if trace is not None else traces
        if names is None:
            return self.traces()
        found = (trace for name in names for trace in named(self.store, name))
        return tuple(dict.fromkeys(found))

    def _perfetto_session(
        self, scope: tuple[Trace, ...], sql_packages: Sequence[str | Path]
    ) -> PerfettoSession:
        from traceql.query.perfetto.session import PerfettoSession

        packages = tuple(Path(folder) for folder in sql_packages)
        key = (scope, packages)
        if key not in self._perfetto:
            self._perfetto[key] = PerfettoSession(
                scope,
                store=self.store,
                memory_limit_bytes=limit_bytes(self._memory_limit_bytes),
                timeout_s=self._timeout_s,
                packages=packages,
            )
        return self._perfetto[key]

    def _session(self, scope: tuple[Trace, ...]) -> Session:
        """Keep the last few sessions: their views and caches are worth something."""
        from traceql.query.session import Session

        session = self._sessions.pop(scope, None) or Session(
            scope,
            store=self.store,
            memory_limit_bytes=limit_bytes(self._memory_limit_bytes),
            timeout_s=self._timeout_s,
        )
        self._sessions[scope] = session
        if len(self._sessions) > _SESSIONS:
            # Not closed: an answer may still read from it; the last reference closes it.
            self._sessions.pop(next(iter(self._sessions)))
        return session


def _slices(trace: Trace) -> str:
    file = trace.manifest.tables.get("slice")
    return format_count(file.rows if file is not None else 0)
