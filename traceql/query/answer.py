"""What a query answers: rows, Arrow, polars or pandas, whole or batch by batch."""

from __future__ import annotations

import html
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from traceql.errors import MissingExtra, SqlError, TraceQLError
from traceql.query import lean_duckdb

if TYPE_CHECKING:
    import duckdb
    import pandas as pd
    import polars as pl
    import pyarrow as pa

Parameters = Sequence[Any] | Mapping[str, Any] | None

BATCH_ROWS = 1 << 17
_SHOWN_ROWS = 20
_SHOWN_WIDTH = 60
_WIDE = {"HUGEINT", "UHUGEINT"}
_INT64 = (-(1 << 63), (1 << 63) - 1)


class Answer:
    """The answer to one query; it was checked and bound, and runs when its rows are asked for.

    `arrow()`, `pl()`, `df()` run it once and keep the table; `rows()` and `batches()` stream and
    keep nothing. Integers wider than 64 bits, which sums give, come as int64 or raise.
    """

    def __init__(
        self,
        cursor: duckdb.DuckDBPyConnection,
        text: str,
        parameters: Parameters,
        *,
        translate: Callable[[Exception], TraceQLError],
        timeout_s: float | None,
    ) -> None:
        self._cursor, self._text, self._parameters = cursor, text, parameters
        self._translate, self._timeout_s = translate, timeout_s
        self._table: pa.Table | None = None
        self._read_schema: pa.Schema | None = None
        names, types = lean_duckdb.shape(cursor, text, parameters) or self._shape()
        self.columns: tuple[str, ...] = tuple(names)
        self.types: tuple[str, ...] = tuple(types)
        self._wide = [i for i, kind in enumerate(self.types) if kind in _WIDE]

    def _shape(self) -> tuple[list[str], list[str]]:
        return list(self._bound.columns), [str(kind) for kind in self._bound.types]

    @cached_property
    def _bound(self) -> duckdb.DuckDBPyRelation:
        """The query as a relation, which tells what it gives without running it."""
        import duckdb

        try:
            return self._cursor.sql(self._text, params=self._parameters)
        except duckdb.Error as error:
            raise self._translate(self._with_place(error)) from error

    def rows(self, size: int = 10_000) -> Iterator[list[tuple[Any, ...]]]:
        """Give the rows as Python tuples, in lists of up to `size`.

        Raises:
            QueryError: the query fails or reaches a limit.
        """
        with self._watched():
            self._cursor.execute(self._text, self._parameters)
            while part := self._cursor.fetchmany(size):
                self._check_width(part)
                yield part

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Give all rows as Python tuples.

        Raises:
            QueryError: the query fails or reaches a limit.
        """
        return [row for part in self.rows() for row in part]

    def batches(self, size: int = BATCH_ROWS) -> Iterator[pa.RecordBatch]:
        """Give the rows as Arrow batches of up to `size` rows; none where there are no rows.

        Raises:
            QueryError: the query fails or reaches a limit.
        """
        with self._watched():
            reader = self._bound.to_arrow_reader(size)
            self._read_schema = reader.schema
            for batch in reader:
                yield self._narrowed(batch)

    def schema(self) -> pa.Schema:
        """Give the Arrow schema of the batches, without running the query again."""
        import pyarrow as pa

        found = self._read_schema
        if found is None:
            found = self._bound.limit(0).to_arrow_table().schema
        for index in self._wide:
            found = found.set(index, pa.field(found.field(index).name, pa.int64()))
        return found

    def arrow(self) -> pa.Table:
        """Give all rows as an Arrow table.

        Raises:
            QueryError: the query fails or reaches a limit.
        """
        import pyarrow as pa

        if self._table is None:
            batches = list(self.batches())
            schema = batches[0].schema if batches else self.schema()
            self._table = pa.Table.from_batches(batches, schema)
        return self._table

    def pl(self) -> pl.DataFrame:
        """Give all rows as a polars DataFrame."""
        import polars as pl

        frame = pl.from_arrow(self.arrow())
        assert isinstance(frame, pl.DataFrame)
        return frame

    def df(self) -> pd.DataFrame:
        """Give all rows as a pandas DataFrame.

        Raises:
            MissingExtra: pandas is not installed.
        """
        try:
            import pandas as pd  # noqa: F401
        except ModuleNotFoundError as error:
            raise MissingExtra("pandas", "df()") from error
        return self.arrow().to_pandas()

    def __len__(self) -> int:
        return int(self.arrow().num_rows)

    def __repr__(self) -> str:
        rows, more = self._first_rows()
        cells = [[_shown(value) for value in row] for row in rows]
        widths = [
            max([len(name), *(len(row[i]) for row in cells)]) for i, name in enumerate(self.columns)
        ]
        lines = [
            "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
            for line in [list(self.columns), ["-" * width for width in widths], *cells]
        ]
        return "\n".join([*lines, "…"] if more else lines)

    def _repr_html_(self) -> str:
        rows, more = self._first_rows()
        head = "".join(f"<th>{html.escape(name)}</th>" for name in self.columns)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(_shown(value))}</td>" for value in row) + "</tr>"
            for row in rows
        )
        note = f"<p>the first {len(rows)} rows</p>" if more else ""
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{note}"

    def _first_rows(self) -> tuple[list[tuple[Any, ...]], bool]:
        rows = next(self.rows(_SHOWN_ROWS + 1), [])
        return rows[:_SHOWN_ROWS], len(rows) > _SHOWN_ROWS

    def _with_place(self, error: duckdb.Error) -> duckdb.Error:
        """Give the same error with the place in the text, which a relation's error lacks."""
        import duckdb

        try:
            self._cursor.execute(self._text, self._parameters)
        except duckdb.Error as again:
            return again
        return error

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Interrupt at the time limit, and translate the engine's errors."""
        failure = lean_duckdb.engine().Error
        timer = None
        if self._timeout_s is not None:
            timer = threading.Timer(self._timeout_s, self._cursor.interrupt)
            timer.daemon = True
            timer.start()
        try:
            yield
        except failure as error:
            raise self._translate(error) from error
        except OSError as error:
            # pyarrow wraps the engine's errors of a stream in its own
            raise self._translate(error) from error
        finally:
            if timer is not None:
                timer.cancel()

    def _check_width(self, rows: Sequence[tuple[Any, ...]]) -> None:
        for index in self._wide:
            for row in rows:  # a sum gives few rows, and only they are this wide
                value = row[index]
                if value is not None and not _INT64[0] <= value <= _INT64[1]:
                    raise _too_wide(self.columns[index])

    def _narrowed(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        import pyarrow as pa

        if not self._wide:
            return batch
        arrays, fields = list(batch.columns), list(batch.schema)
        for index in self._wide:
            try:
                arrays[index] = arrays[index].cast(pa.int64())
            except pa.ArrowInvalid as error:
                raise _too_wide(self.columns[index]) from error
            fields[index] = pa.field(fields[index].name, pa.int64())
        return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))


def _too_wide(column: str) -> SqlError:
    return SqlError(f"a value of column {column!r} does not fit in 64 bits; cast it to DOUBLE")


def _shown(value: Any) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= _SHOWN_WIDTH else text[: _SHOWN_WIDTH - 1] + "…"
