"""Small tables that commands print: rows in hand, shown by `_output.write`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

FORMATS = ("table", "json", "csv", "md")


class Listing:
    """Rows of a small table, bounded by what a person made: traces, tables, faults."""

    def __init__(self, columns: Mapping[str, str], rows: Sequence[Sequence[Any]]) -> None:
        """Keep the rows.

        Args:
            columns: name to DuckDB type: BIGINT, VARCHAR, DOUBLE, BOOLEAN.
            rows: one value a column.
        """
        self.columns = tuple(columns)
        self.types = tuple(columns.values())
        self._rows = [tuple(row) for row in rows]

    def rows(self, size: int = 10_000) -> Iterator[list[tuple[Any, ...]]]:
        """Give the rows, in lists of up to `size`."""
        for start in range(0, len(self._rows), size):
            yield self._rows[start : start + size]

    def schema(self) -> pa.Schema:
        """Give the Arrow schema."""
        import pyarrow as pa

        types = {
            "BIGINT": pa.int64(),
            "VARCHAR": pa.string(),
            "DOUBLE": pa.float64(),
            "BOOLEAN": pa.bool_(),
        }
        return pa.schema([(n, types[t]) for n, t in zip(self.columns, self.types, strict=True)])

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Give the rows as Arrow batches."""
        import pyarrow as pa

        columns = list(zip(*self._rows, strict=True)) or [()] * len(self.columns)
        schema = self.schema()
        yield pa.RecordBatch.from_arrays(
            [pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)], schema=schema
        )
