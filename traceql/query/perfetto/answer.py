"""The answer to a text in Perfetto's SQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from traceql.errors import SqlError
from traceql.query.answer import BATCH_ROWS, Answer

if TYPE_CHECKING:
    import pyarrow as pa

    from traceql.query.perfetto.plain import Rows

_KINDS = {"VARCHAR": "str", "DOUBLE": "float", "BLOB": "bytes", "JSON": "str"}
_ENGINE_TYPES = {"int": "BIGINT", "float": "DOUBLE", "str": "VARCHAR", "bytes": "BLOB"}


class StoredAnswer(Answer):
    """An answer whose session has one connection: before the next text runs, its rows are kept."""

    instead: Callable[[SqlError], PlainAnswer] | None = None
    """Asks another way where the engine fails before it gave a row, because it takes values of one
    type only; raises the error again where there is none."""

    def rows(self, size: int = 10_000) -> Iterator[list[tuple[Any, ...]]]:
        """Give the rows as Python tuples, in lists of up to `size`."""
        if self._table is not None:
            for batch in self._table.to_batches(max_chunksize=size):
                columns = [column.to_pylist() for column in batch.columns]
                yield list(zip(*columns, strict=True))
            return
        given = False
        try:
            for part in super().rows(size):
                given = True
                yield part
        except SqlError as error:
            if given or self.instead is None:
                raise
            yield from self.instead(error).rows(size)

    def batches(self, size: int = BATCH_ROWS) -> Iterator[pa.RecordBatch]:
        """Give the rows as Arrow batches of up to `size` rows."""
        if self._table is not None:
            yield from self._table.to_batches(max_chunksize=size)
            return
        given = False
        try:
            for batch in super().batches(size):
                given = True
                yield batch
        except SqlError as error:
            if given or self.instead is None:
                raise
            found = self.instead(error).arrow()
            try:
                yield from found.cast(self.schema()).to_batches(max_chunksize=size)
            except ValueError:  # pyarrow's errors of types are
                raise error from None

    def arrow(self) -> pa.Table:
        """Give all rows as an Arrow table."""
        if self._table is None and self.instead is not None:
            instead, self.instead = self.instead, None
            try:
                return super().arrow()
            except SqlError as error:
                self._table = instead(error).arrow()
            finally:
                self.instead = instead
        return super().arrow()


class PlainAnswer(StoredAnswer):
    """Rows that SQLite gave: `rows()` gives its values, of any type in one column.

    An Arrow column has one type: integers beside other numbers become float64, anything beside a
    text becomes text, as SQLite casts it.
    """

    def __init__(
        self, found: Rows, as_text: Callable[[Any], str], kinds: Sequence[str] = ()
    ) -> None:
        """Take rows; `kinds` are the engine's types, which hold where a column has no values."""
        self._found = found.rows
        self._as_text = as_text
        self._table = None
        self.columns: tuple[str, ...] = unique(found.columns)
        self._kinds = [
            kind_of((row[i] for row in found.rows), _KINDS.get(kinds[i], "int") if kinds else "int")
            for i in range(len(found.columns))
        ]
        self.types: tuple[str, ...] = tuple(_ENGINE_TYPES[kind] for kind in self._kinds)

    def rows(self, size: int = 10_000) -> Iterator[list[tuple[Any, ...]]]:
        """Give the rows as Python tuples, in lists of up to `size`."""
        for start in range(0, len(self._found), size):
            yield self._found[start : start + size]

    def batches(self, size: int = BATCH_ROWS) -> Iterator[pa.RecordBatch]:
        """Give the rows as Arrow batches of up to `size` rows."""
        import pyarrow as pa

        schema = self.schema()
        for part in self.rows(size):
            columns = [
                pa.array(self._column([row[i] for row in part], kind), schema.field(i).type)
                for i, kind in enumerate(self._kinds)
            ]
            yield pa.RecordBatch.from_arrays(columns, schema=schema)

    def schema(self) -> pa.Schema:
        """Give the Arrow schema of the batches."""
        import pyarrow as pa

        types = {"int": pa.int64(), "float": pa.float64(), "str": pa.string(), "bytes": pa.binary()}
        return pa.schema(
            [pa.field(n, types[k]) for n, k in zip(self.columns, self._kinds, strict=True)]
        )

    def _column(self, values: list[Any], kind: str) -> list[Any]:
        if kind == "float":
            return [None if value is None else float(value) for value in values]
        if kind == "str":
            return [
                value if value is None or isinstance(value, str) else self._as_text(value)
                for value in values
            ]
        return values


def kind_of(values: Iterator[Any], empty: str = "int") -> str:
    """Give the one type that holds some values of SQLite: int, float, str or bytes.

    `empty` is that of no values.
    """
    kinds = {type(value) for value in values} - {type(None)}
    if not kinds:
        return empty
    if kinds <= {int}:
        return "int"
    if kinds <= {int, float}:
        return "float"
    return "bytes" if kinds == {bytes} else "str"


def unique(names: tuple[str, ...]) -> tuple[str, ...]:
    """Give names that differ, as the engine does: a, a_1, …."""
    seen: dict[str, int] = {}
    out: list[str] = []
    for name in names:
        key, made = name.lower(), name
        while made.lower() in seen:
            seen[key] = seen.get(key, 0) + 1
            made = f"{name}_{seen[key]}"
        seen.setdefault(made.lower(), 0)
        out.append(made)
    return tuple(out)
