"""Look at one trace: run analyses on it, here or in a process that looks at many."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from traceql.engine import feed, plugins, settings
from traceql.engine.memory import limit_bytes
from traceql.engine.window import ALWAYS, Window
from traceql.errors import LimitReached, TraceQLError
from traceql.model import tables
from traceql.model.lean_arrow import spare_pandas

if TYPE_CHECKING:
    import pyarrow as pa

    from traceql.model.protocols import Analysis
    from traceql.model.result import Result
    from traceql.query.session import Session
    from traceql.store.catalog import Store, Trace


_LEAST_MEMORY_BYTES = 800_000_000
_ROW_BYTES = 40


class Limits(NamedTuple):
    """Of the queries on one trace."""

    memory_limit_bytes: int | None = None
    timeout_s: float | None = None
    threads: int | None = None
    """None: as many as there are cores."""

    def of(self, trace: Trace) -> Limits:
        """Give the limits for a trace: where nobody set one, of memory by its number of rows.

        What the engine holds beyond that limit it writes to disk: analyses take rows as a stream,
        so that more memory would make them little quicker.
        """
        if self.memory_limit_bytes is not None:
            return self
        rows = sum(table.rows for table in trace.manifest.tables.values())
        return self._replace(memory_limit_bytes=max(_LEAST_MEMORY_BYTES, rows * _ROW_BYTES))


@dataclasses.dataclass(frozen=True)
class Order:
    """What is done with every trace."""

    store: Store
    chosen: tuple[str, ...]
    """Names of the analyses that are asked for."""
    parameters: Mapping[str, Any]
    window: Window
    keep: bool
    limits: Limits
    profiles: Mapping[str, pa.Table] = dataclasses.field(default_factory=dict)
    """Of the baseline, by the analysis that compares with it."""


@dataclasses.dataclass(frozen=True)
class Examined:
    """What one trace gave.

    Attributes:
        results: of the analyses that look at one trace, in order of `chosen`.
        measured: of those that look at several at once, by name.
        told: what was said of it, where nobody listened.
        error: why there is nothing of all this.
    """

    results: Sequence[Result] = ()
    measured: Mapping[str, pa.Table] = dataclasses.field(default_factory=dict)
    told: Sequence[str] = ()
    error: TraceQLError | None = None


class Examiner:
    """Runs the chosen analyses, and before each those that make the tables it needs."""

    def __init__(self, order: Order, tell: Callable[[str], None] | None = None) -> None:
        """Make the analyses with their parameters.

        Args:
            order: what is to be done.
            tell: told what is being done, and what could not be kept; None: it goes along with
                what is examined.

        Raises:
            BadParameter: no analysis has it, or it does not fit.
        """
        spare_pandas()
        self.order = order
        classes = {name: class_of(name) for name in with_producers(order.chosen)}
        self.analyses: dict[str, Analysis] = settings.build(classes, order.parameters)
        self._told: list[str] = []
        self._tell = tell or self._told.append

    def across(self) -> tuple[str, ...]:
        """Give the analyses that conclude over all traces at once."""
        return tuple(n for n in self.order.chosen if self.analyses[n].scope != "trace")

    def examine(self, trace: Trace) -> Examined:
        """Look at a trace; what goes wrong with it is in the answer."""
        from traceql.query.session import Session

        across = self.across()
        results, measured = [], {}
        self._told.clear()
        try:
            limits = self.order.limits.of(trace)._asdict()
            with (
                _algebra_on_one_core(),
                Session([trace], store=self.order.store, **limits) as session,
            ):
                one = _One(self, trace, session)
                for name in self.order.chosen:
                    self._tell(f"{name}: {trace.name}")
                    if name in across:
                        measured[name] = one.measured(name)
                    else:
                        results.append(one.result(name))
        except TraceQLError as error:
            return Examined(told=tuple(self._told), error=error)
        return Examined(results, measured, tuple(self._told))

    def profile(self, trace: Trace, name: str) -> pa.Table:
        """Give what an analysis measures of a trace.

        Raises:
            QueryError, StoreError: the trace cannot be read.
        """
        from traceql.query.session import Session

        limits = self.order.limits.of(trace)._asdict()
        with Session([trace], store=self.order.store, **limits) as session:
            return _One(self, trace, session).measured(name).drop_columns(["trace"])

    def concluded(self, name: str, parts: Sequence[pa.Table], traces: Sequence[Trace]) -> Result:
        """Conclude over several traces at once."""
        import pyarrow as pa

        return self.finish(name, pa.concat_tables(parts), traces)

    def finish(self, name: str, measured: pa.Table, traces: Sequence[Trace]) -> Result:
        """Conclude, note what about, and keep."""
        analysis, window = self.analyses[name], self.order.window
        result = analysis.conclude(measured)
        given = {
            field.name: getattr(analysis, field.name)
            for field in dataclasses.fields(cast("Any", analysis))
        }
        standard = given == settings.fields(type(analysis)) and window == Window()
        if window != Window():
            given["window"] = window.text()
        names = tuple(trace.name for trace in traces)
        result = dataclasses.replace(result, analysis=name, traces=names, parameters=given)
        if self.order.keep:
            self._save(result, [trace.id for trace in traces], standard=standard)
        return result

    def _save(self, result: Result, trace_ids: Sequence[str], *, standard: bool) -> None:
        from traceql.store import results

        try:
            results.save(self.order.store, result, trace_ids, standard=standard)
        except OSError as error:
            why = error.strerror
            self._tell(f"{result.analysis}: not kept, the store cannot be written ({why})")


@dataclasses.dataclass
class _One:
    """One trace, and what it gave so far."""

    examiner: Examiner
    trace: Trace
    session: Session
    done: dict[str, Result] = dataclasses.field(default_factory=dict)
    shared: dict[Any, pa.Table] = dataclasses.field(default_factory=dict)
    """What was measured, by the class that several analyses inherit it from."""

    def result(self, name: str) -> Result:
        """Give the result of an analysis for the trace; it runs once."""
        if name not in self.done:
            measured = _beside(self.examiner.order.profiles.get(name), self.measured(name))
            self.done[name] = self.examiner.finish(name, measured, [self.trace])
        return self.done[name]

    def measured(self, name: str) -> pa.Table:
        """Measure the trace, once for the analyses that measure alike."""
        analysis = self.examiner.analyses[name]
        key = feed.shared(analysis)
        if key is None:
            return self._measured(analysis)
        if key not in self.shared:
            self.shared[key] = self._measured(analysis)
        return self.shared[key]

    def _measured(self, analysis: Analysis) -> pa.Table:
        """Measure the trace, after the analyses that make the tables which this one needs."""
        from traceql.query.session import Session

        derived = {}
        for need in analysis.needs:
            made = self.result(_producer(need)).tables.get(need)
            empty = tables.table(need).arrow_schema.empty_table()
            derived[need] = empty if made is None else made
        fed = partial(
            feed.measure, analysis, trace=self.trace.name, window=self._on_clock(), derived=derived
        )
        try:
            return fed(session=self.session)
        except LimitReached:
            if self.examiner.order.limits.memory_limit_bytes is not None:
                raise
        # Some rows have to stand in memory together; the limit was ours, so there may be more.
        limits = self.examiner.order.limits._replace(memory_limit_bytes=limit_bytes())
        store = self.examiner.order.store
        with Session([self.trace], store=store, **limits._asdict()) as roomier:
            return fed(session=roomier)

    def _on_clock(self) -> tuple[int, int]:
        window = self.examiner.order.window
        if not window.from_start:
            return window.on_clock(0)
        start = self.session.sql("SELECT min(start_ts) FROM trace_bounds").fetchall()[0][0]
        return ALWAYS if start is None else window.on_clock(start)


@contextlib.contextmanager
def _algebra_on_one_core() -> Iterator[None]:
    """Let linear algebra use one core: its threads wait for each other by spinning.

    For vectors as short as series they cost twenty times what they save, the more where others use
    the machine, too; and sums come out the same on any number of cores.
    """
    import numpy as np  # noqa: F401  (its libraries are limited only when they are loaded)
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        yield


def _beside(profile: pa.Table | None, measured: pa.Table) -> pa.Table:
    """Put the rows of a baseline before those of a trace; they are of no `trace`."""
    import pyarrow as pa

    if profile is None:
        return measured
    nameless = pa.nulls(profile.num_rows, pa.string())
    return pa.concat_tables([profile.append_column("trace", nameless), measured])


def class_of(name: str) -> Any:
    """Give the class of an analysis."""
    return plugins.load("analyses", name)


def with_producers(names: Sequence[str]) -> tuple[str, ...]:
    """Give the names and, before each, the analyses that make the tables it needs."""
    ordered: dict[str, None] = {}

    def visit(name: str) -> None:
        for need in class_of(name).needs:
            visit(_producer(need))
        ordered[name] = None

    for name in names:
        visit(name)
    return tuple(ordered)


def _producer(table: str) -> str:
    producer = tables.table(table).derived_by
    assert producer is not None, f"nothing derives the table {table}"
    return producer
