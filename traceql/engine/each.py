"""One query over many traces, each on its own, rows stacked: a trace becomes a table.

Traces are shared among processes; the rows of a trace go through a file, so that neither many
traces nor a large answer has to fit in memory, and a trace that fails half way gives no rows.
"""

from __future__ import annotations

import tempfile
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from traceql.engine import workers
from traceql.errors import QueryError, StoreError, TraceQLError, WorkerFailed

if TYPE_CHECKING:
    import pyarrow as pa

    from traceql.query.answer import Answer, Parameters
    from traceql.query.perfetto.session import PerfettoSession
    from traceql.query.session import Session
    from traceql.store.catalog import Store, Trace

Dialect = Literal["duckdb", "perfetto"]

_MOST_PER_TASK = 16
_ROWS = 10_000


class Failure(NamedTuple):
    """A trace that gave no rows, and why."""

    trace: str
    error: TraceQLError


@dataclass(frozen=True)
class Question:
    """What each trace is asked."""

    store: Store
    text: str
    parameters: Parameters = None
    dialect: Dialect = "duckdb"
    packages: tuple[Path, ...] = ()
    memory_limit_bytes: int | None = None
    timeout_s: float | None = None
    threads: int | None = None
    """Of one process; None: as many as there are cores."""


class Each:
    """The stacked answers of a query, in the order of the traces, with the trace's name last.

    Ids stay those of each trace. Rows come as soon as the traces before theirs are done; a trace
    that fails gives none, stands in `failures` once all rows were read, and stops no other.
    """

    def __init__(  # noqa: PLR0913  (all but three are options)
        self,
        traces: Sequence[Trace],
        store: Store,
        text: str,
        parameters: Parameters = None,
        *,
        jobs: int | None = None,
        dialect: Dialect = "duckdb",
        packages: Sequence[Path] = (),
        memory_limit_bytes: int | None = None,
        timeout_s: float | None = None,
    ) -> None:
        """Bind the query on the first trace that can be read.

        Args:
            traces: at least one.
            store: where they lie.
            text: one query; what it refers to is the same in every trace.
            parameters: values of `?` in order, or of `$name` by name.
            jobs: processes; 1: this one; None: as many as there are cores, where that pays.
            dialect: whose SQL it is.
            packages: folders of the user's modules, of the dialect of Perfetto.
            memory_limit_bytes: of all processes together.
            timeout_s: seconds after which the query on one trace is stopped.

        Raises:
            QueryError: the query is wrong or refused.
            StoreError: no trace can be read.
        """
        self._traces = tuple(traces)
        share = workers.share(traces, jobs, memory_limit_bytes)
        self._jobs = share.jobs
        self._question = Question(
            store, text, parameters, dialect, tuple(packages), share.memory_limit_bytes, timeout_s,
            share.threads,
        )  # fmt: skip
        self.failures: list[Failure] = []
        self._asked = _Asked(self._question)
        first = self._first()
        self._named = "trace" in first.columns
        self.columns: tuple[str, ...] = first.columns if self._named else (*first.columns, "trace")
        self.types: tuple[str, ...] = first.types if self._named else (*first.types, "VARCHAR")
        self._schema = first.schema()

    def rows(self, size: int = _ROWS) -> Iterator[list[tuple[Any, ...]]]:
        """Give the rows as tuples, in lists of up to `size`."""
        for batch in self.batches():
            for start in range(0, batch.num_rows, size):
                part = batch.slice(start, size)
                yield list(zip(*(column.to_pylist() for column in part.columns), strict=True))

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Give the rows as Arrow batches of one schema."""
        import pyarrow as pa

        self.failures = []
        with tempfile.TemporaryDirectory(prefix="traceql-each-") as folder, closing(
            self._parts(Path(folder))
        ) as parts:  # fmt: skip
            for trace, part in parts:
                if part.path is None:
                    if part.error is not None:
                        self.failures.append(Failure(trace.name, part.error))
                    continue
                with pa.OSFile(str(part.path)) as file, pa.ipc.open_stream(file) as batches:
                    for batch in batches:
                        yield self._stacked(batch, trace)
                part.path.unlink()

    def schema(self) -> pa.Schema:
        """Give the Arrow schema of the batches: that of the first trace."""
        import pyarrow as pa

        return self._schema if self._named else self._schema.append(pa.field("trace", pa.string()))

    def arrow(self) -> pa.Table:
        """Give all rows as an Arrow table."""
        import pyarrow as pa

        return pa.Table.from_batches(list(self.batches()), self.schema())

    def _first(self) -> Answer:
        unreadable: StoreError | None = None
        for trace in self._traces:
            try:
                return self._asked.answer(trace)
            except StoreError as error:
                unreadable = unreadable or error
        assert unreadable is not None, "no traces"
        raise unreadable

    def _parts(self, folder: Path) -> Generator[tuple[Trace, _Part], None, None]:
        tasks = [_Task(n, trace, folder, self._schema) for n, trace in enumerate(self._traces)]
        if self._jobs == 1:
            for task in tasks:
                yield task.trace, self._asked.part(task)
            return
        per_task = min(_MOST_PER_TASK, max(1, len(tasks) // (4 * self._jobs)))
        with workers.mapped(
            _Asked.part, tasks, jobs=self._jobs, per_task=per_task,
            begin=_Asked, facts=(self._question,),
        ) as found:  # fmt: skip
            for task, part in found:
                died = _Part(None, WorkerFailed(task.trace.name, workers.DIED))
                yield task.trace, part if part is not None else died

    def _stacked(self, batch: pa.RecordBatch, trace: Trace) -> pa.RecordBatch:
        import pyarrow as pa

        if self._named:
            return batch
        names = pa.repeat(pa.scalar(trace.name), batch.num_rows)
        return pa.RecordBatch.from_arrays([*batch.columns, names], schema=self.schema())


class _Task(NamedTuple):
    number: int
    trace: Trace
    folder: Path
    schema: pa.Schema


class _Part(NamedTuple):
    """The rows of one trace: an Arrow stream in a file; neither path nor error: no rows."""

    path: Path | None
    error: TraceQLError | None = None


class _Asked:
    """Asks one trace after the other, with one session as long as all goes well."""

    def __init__(self, question: Question) -> None:
        self._question = question
        self._session: Session | PerfettoSession | None = None

    def answer(self, trace: Trace) -> Answer:
        """Bind the query on a trace; the answer before this one ends."""
        session = self._session_over(trace)
        return session.sql(self._question.text, self._question.parameters)

    def part(self, task: _Task) -> _Part:
        """Write the rows of a trace to a file."""
        path = task.folder / f"{task.number}.arrow"
        try:
            rows = _written(self.answer(task.trace), task.schema, path)
        except (QueryError, StoreError) as error:
            path.unlink(missing_ok=True)
            self._close()
            return _Part(None, error)
        return _Part(path if rows else None)

    def _session_over(self, trace: Trace) -> Session | PerfettoSession:
        from traceql.query.session import Session

        if isinstance(self._session, Session):
            self._session.move_to(trace)
            return self._session
        self._close()
        self._session = self._new(trace)
        return self._session

    def _new(self, trace: Trace) -> Session | PerfettoSession:
        from traceql.query.perfetto.session import PerfettoSession
        from traceql.query.session import Session

        asked = self._question
        limit, timeout = asked.memory_limit_bytes, asked.timeout_s
        if asked.dialect == "perfetto":
            return PerfettoSession(
                [trace], store=asked.store, memory_limit_bytes=limit, timeout_s=timeout,
                packages=asked.packages,
            )  # fmt: skip
        return Session(
            [trace], store=asked.store, memory_limit_bytes=limit, timeout_s=timeout,
            threads=asked.threads,
        )  # fmt: skip

    def _close(self) -> None:
        if self._session is not None:
            self._session.close()
        self._session = None


def _written(answer: Answer, schema: pa.Schema, path: Path) -> int:
    """Write an answer as an Arrow stream of that schema; gives its rows. No rows, no file."""
    import pyarrow as pa

    rows = 0
    sink = None
    try:
        for batch in answer.batches():
            if batch.num_rows == 0:
                continue
            if sink is None:
                sink = pa.ipc.new_stream(str(path), schema)
            sink.write_batch(_cast(batch, schema))
            rows += batch.num_rows
    finally:
        if sink is not None:
            sink.close()
    return rows


def _cast(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Give a batch the schema of the first trace's answer.

    Raises:
        QueryError: its values do not fit.
    """
    import pyarrow as pa

    if batch.schema.equals(schema):
        return batch
    try:
        return batch.cast(schema)
    except (pa.ArrowInvalid, ValueError) as error:
        raise QueryError(f"the columns are not those of the first trace: {error}") from error
