"""The answer to a text in Perfetto's SQL."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from traceql.query.answer import BATCH_ROWS, Answer

if TYPE_CHECKING:
    import pyarrow as pa


class StoredAnswer(Answer):
    """An answer whose session has one connection: before the next text runs, its rows are kept."""

    def rows(self, size: int = 10_000) -> Iterator[list[tuple[Any, ...]]]:
        """Give the rows as Python tuples, in lists of up to `size`."""
        if self._table is None:
            yield from super().rows(size)
            return
        for batch in self._table.to_batches(max_chunksize=size):
            columns = [column.to_pylist() for column in batch.columns]
            yield list(zip(*columns, strict=True))

    def batches(self, size: int = BATCH_ROWS) -> Iterator[pa.RecordBatch]:
        """Give the rows as Arrow batches of up to `size` rows."""
        if self._table is None:
            yield from super().batches(size)
            return
        yield from self._table.to_batches(max_chunksize=size)
