"""One query over many traces, each on its own, rows stacked."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from traceql.errors import QueryError, SqlError

if TYPE_CHECKING:
    import pyarrow as pa

    from traceql.query.answer import Answer, Parameters
    from traceql.store.catalog import Store, Trace

T = TypeVar("T")
_WORKERS = 4


class Each:
    """The stacked answers of a query, in the order of the traces, with the trace's name last.

    Ids stay those of each trace. A few traces are asked at once; rows of a trace are held until
    those before it were given.
    """

    def __init__(
        self,
        traces: Sequence[Trace],
        store: Store,
        text: str,
        parameters: Parameters = None,
        *,
        memory_limit_bytes: int | None = None,
        timeout_s: float | None = None,
    ) -> None:
        self._traces, self._store, self._text, self._parameters = traces, store, text, parameters
        share = memory_limit_bytes // _WORKERS if memory_limit_bytes else None
        self._limits = {"memory_limit_bytes": share, "timeout_s": timeout_s}
        first = self._ask(traces[0], lambda answer: (answer.columns, answer.types))
        self._named = "trace" in first[0]
        self.columns: tuple[str, ...] = first[0] if self._named else (*first[0], "trace")
        self.types: tuple[str, ...] = first[1] if self._named else (*first[1], "VARCHAR")

    def rows(self, size: int = 10_000) -> Iterator[list[tuple[Any, ...]]]:
        """Give the rows as tuples, in lists of up to `size`.

        Raises:
            QueryError: the query fails on a trace, which the message names.
        """
        for trace, rows in self._in_turn(lambda answer: answer.fetchall()):
            tail = () if self._named else (trace.name,)
            for start in range(0, len(rows), size):
                yield [(*row, *tail) for row in rows[start : start + size]]

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Give the rows as Arrow batches of one schema.

        Raises:
            QueryError: the query fails on a trace, which the message names.
        """
        import pyarrow as pa

        schema = self.schema()
        for trace, table in self._in_turn(lambda answer: answer.arrow()):
            if not self._named:
                names = pa.repeat(pa.scalar(trace.name), table.num_rows)
                table = table.append_column("trace", names)  # noqa: PLW2901
            yield from table.cast(schema).to_batches()

    def schema(self) -> pa.Schema:
        """Give the Arrow schema of the batches: that of the first trace."""
        import pyarrow as pa

        schema = self._ask(self._traces[0], lambda answer: answer.schema())
        return schema if self._named else schema.append(pa.field("trace", pa.string()))

    def _ask(self, trace: Trace, take: Callable[[Answer], T]) -> T:
        from traceql.query.session import Session

        with Session([trace], store=self._store, **self._limits) as session:  # type: ignore[arg-type]
            return take(session.sql(self._text, self._parameters))

    def _in_turn(self, take: Callable[[Answer], T]) -> Iterator[tuple[Trace, T]]:
        waiting: deque[tuple[Trace, Future[T]]] = deque()
        rest = iter(self._traces)
        with ThreadPoolExecutor(_WORKERS) as pool:
            try:
                while True:
                    while len(waiting) < _WORKERS and (trace := next(rest, None)) is not None:
                        waiting.append((trace, pool.submit(self._ask, trace, take)))
                    if not waiting:
                        return
                    trace, future = waiting.popleft()
                    try:
                        yield trace, future.result()
                    except SqlError as error:
                        raise SqlError(
                            f"{trace.name}: {error.message}", error.line, error.column, error.near
                        ) from error
                    except QueryError as error:
                        error.add_note(f"trace: {trace.name}")
                        raise
            finally:
                pool.shutdown(wait=True, cancel_futures=True)
