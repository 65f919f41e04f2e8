"""Analyze traces: choose analyses, run what they need first, keep what they answer."""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from traceql.engine import feed, plugins, settings, sql_script
from traceql.engine import window as windows
from traceql.engine.window import ALWAYS, Window
from traceql.errors import StoreError, UnknownAnalysis
from traceql.model import tables
from traceql.model.lean_arrow import spare_pandas

if TYPE_CHECKING:
    import pyarrow as pa

    from traceql.model.protocols import Analysis
    from traceql.model.result import Result
    from traceql.query.session import Session
    from traceql.store.catalog import Store, Trace

Progress = Callable[[str], None]


def analyze(  # noqa: PLR0913  (the one door: every choice has a default)
    store: Store,
    traces: Sequence[Trace],
    *,
    only: Sequence[str] = (),
    families: Sequence[str] = (),
    parameters: Mapping[str, Any] | None = None,
    window: Window | str | None = None,
    keep: bool = True,
    progress: Progress | None = None,
    memory_limit_bytes: int | None = None,
    timeout_s: float | None = None,
) -> list[Result]:
    """Run analyses over traces.

    Args:
        store: where the traces lie and results are kept.
        traces: what to look at.
        only: names of analyses; with `families` too, the union of both; neither: all.
        families: families of analyses, such as `anomalies`.
        parameters: `name` or `analysis.name` to value; texts are
            read.
        window: look only at events that start in it; a text such as `10ms..20ms` is read.
        keep: save the results in the store; a store that cannot be written is reported to
            `progress` and is no error.
        progress: told what is being done, and what could not be kept.
        memory_limit_bytes: limit of the queries.
        timeout_s: limit of each query.

    Returns:
        One Result per analysis and trace (or per analysis, where it looks at all traces at once),
        by trace, then analysis.

    Raises:
        UnknownAnalysis: of `only`.
        BadParameter: of `parameters` or `window`.
        QueryError: an input reached a limit.
    """
    spare_pandas()
    chosen = choose(only, families)
    classes = {name: _class(name) for name in _with_producers(chosen)}
    run = _Run(
        store=store,
        analyses=settings.build(classes, parameters),
        window=windows.parse(window) if isinstance(window, str) else window or Window(),
        keep=keep,
        tell=progress or (lambda _: None),
    )
    results = []
    limits = {"memory_limit_bytes": memory_limit_bytes, "timeout_s": timeout_s}
    across: dict[str, list[pa.Table]] = {
        name: [] for name in chosen if run.analyses[name].scope != "trace"
    }
    for trace in traces:
        with _session(trace, store, limits) as session:
            for name in chosen:
                run.tell(f"{name}: {trace.name}")
                if name in across:
                    across[name].append(run.measured(name, trace, session))
                else:
                    results.append(run.result(name, trace, session))
        run.forget()
    results += [run.concluded(name, parts, traces) for name, parts in across.items() if parts]
    if keep:
        with contextlib.suppress(StoreError):  # one that cannot be written was told about
            sql_script.refresh(store)
    return results


def choose(only: Sequence[str] = (), families: Sequence[str] = ()) -> tuple[str, ...]:
    """Give the names of the analyses that are asked for, sorted.

    Raises:
        UnknownAnalysis: there is no analysis, or no family, of that name.
    """
    known = plugins.names("analyses")
    for name in only:
        if name not in known:
            raise UnknownAnalysis(name, difflib.get_close_matches(name, known, n=3, cutoff=0.5))
    by_family = members()
    for family in families:
        if family not in by_family:
            raise UnknownAnalysis(f"--{family}", by_family)
    if not only and not families:
        return known
    asked = {*only, *(name for family in families for name in by_family[family])}
    return tuple(sorted(asked))


def members() -> dict[str, tuple[str, ...]]:
    """Give the families that have members, and their members."""
    found: dict[str, list[str]] = {}
    for name in plugins.names("analyses"):
        found.setdefault(_class(name).family, []).append(name)
    return {family: tuple(names) for family, names in sorted(found.items())}


def _class(name: str) -> Any:
    return plugins.load("analyses", name)


def _with_producers(names: Iterable[str]) -> tuple[str, ...]:
    """Give the names and, before each, the analyses that make the tables it needs."""
    ordered: dict[str, None] = {}

    def visit(name: str) -> None:
        for need in _class(name).needs:
            visit(_producer(need))
        ordered[name] = None

    for name in names:
        visit(name)
    return tuple(ordered)


def _producer(table: str) -> str:
    producer = tables.table(table).derived_by
    assert producer is not None, f"nothing derives the table {table}"
    return producer


def _session(trace: Trace, store: Store, limits: Mapping[str, Any]) -> Session:
    from traceql.query.session import Session

    return Session([trace], store=store, **limits)


@dataclasses.dataclass
class _Run:
    """One call of `analyze`: the analyses with their parameters, and what the trace gave so far."""

    store: Store
    analyses: Mapping[str, Analysis]
    window: Window
    keep: bool
    tell: Progress
    done: dict[str, Result] = dataclasses.field(default_factory=dict)

    def forget(self) -> None:
        """Drop what belongs to the last trace."""
        self.done.clear()

    def result(self, name: str, trace: Trace, session: Session) -> Result:
        """Give the result of an analysis for one trace; it runs once."""
        if name not in self.done:
            measured = self.measured(name, trace, session)
            self.done[name] = self._finish(name, measured, [trace])
        return self.done[name]

    def measured(self, name: str, trace: Trace, session: Session) -> pa.Table:
        """Measure one trace, after the analyses that make the tables which this one needs."""
        analysis = self.analyses[name]
        derived = {}
        for need in analysis.needs:
            made = self.result(_producer(need), trace, session).tables.get(need)
            empty = tables.table(need).arrow_schema.empty_table()
            derived[need] = empty if made is None else made
        return feed.measure(
            analysis, session, trace.name, window=self._on_clock(session), derived=derived
        )

    def concluded(self, name: str, parts: Sequence[pa.Table], traces: Sequence[Trace]) -> Result:
        """Conclude over several traces at once."""
        import pyarrow as pa

        return self._finish(name, pa.concat_tables(parts), traces)

    def _on_clock(self, session: Session) -> tuple[int, int]:
        if not self.window.from_start:
            return self.window.on_clock(0)
        start = session.sql("SELECT min(start_ts) FROM trace_bounds").fetchall()[0][0]
        return ALWAYS if start is None else self.window.on_clock(start)

    def _finish(self, name: str, measured: pa.Table, traces: Sequence[Trace]) -> Result:
        analysis = self.analyses[name]
        result = analysis.conclude(measured)
        given = {
            field.name: getattr(analysis, field.name)
            for field in dataclasses.fields(cast("Any", analysis))
        }
        standard = given == settings.fields(type(analysis)) and self.window == Window()
        if self.window != Window():
            given["window"] = self.window.text()
        names = tuple(trace.name for trace in traces)
        result = dataclasses.replace(result, analysis=name, traces=names, parameters=given)
        if self.keep:
            self._save(result, [trace.id for trace in traces], standard=standard)
        return result

    def _save(self, result: Result, trace_ids: Sequence[str], *, standard: bool) -> None:
        from traceql.store import results

        try:
            results.save(self.store, result, trace_ids, standard=standard)
        except OSError as error:
            why = error.strerror
            self.tell(f"{result.analysis}: not kept, the store cannot be written ({why})")
