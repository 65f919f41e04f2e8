"""Rows as they are stored, in batches of one size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from traceql.assembly import order
from traceql.assembly.columns import Values, array_of, where

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Batches:
    """Cuts and joins rows to BATCH_ROWS: whole batches are row groups, which nobody copies again.

    Rows that come as whole batches already are not copied here either.
    """

    def __init__(self, schema: pa.Schema) -> None:
        """Make batches of a schema of integers."""
        self._schema = schema
        self._columns: dict[str, _Waiting] = {}
        self._rows = 0

    def add(self, columns: Mapping[str, Values | None], rows: int) -> list[pa.RecordBatch]:
        """Take rows; give the batches that are full now.

        Args:
            columns: a column that is None or not there has no value in any row.
            rows: how many there are.
        """
        if self._rows == 0 and rows == order.BATCH_ROWS:
            return [batch_of(self._schema, columns, rows)]
        found, at = [], 0
        while at < rows:
            count = min(rows - at, order.BATCH_ROWS - self._rows)
            for name, column in columns.items():
                if column is not None:
                    self._put(name, column, at, count)
            self._rows += count
            at += count
            if self._rows == order.BATCH_ROWS:
                found += self.rest()
        return found

    def rest(self) -> list[pa.RecordBatch]:
        """Give what is waiting as a batch, if there is any."""
        if self._rows == 0:
            return []
        columns = {name: waiting.column(self._rows) for name, waiting in self._columns.items()}
        batch = batch_of(self._schema, columns, self._rows)
        self._columns, self._rows = {}, 0
        return [batch]

    def _put(self, name: str, column: Values, at: int, count: int) -> None:
        waiting = self._columns.get(name)
        if waiting is None:
            waiting = self._columns[name] = _Waiting(self._schema.field(name).type)
        waiting.put(self._rows, column, at, count)


class _Waiting:
    """A column of a batch that is not full yet; what was not put is missing."""

    def __init__(self, kind: pa.DataType) -> None:
        # Of its stored type at once, so that nobody has to convert it.
        floating = pa.types.is_floating(kind)
        self._values = np.empty(order.BATCH_ROWS, np.int64 if floating else kind.to_pandas_dtype())
        self._has: NDArray[np.bool_] | None = None
        self._full = 0
        """While nothing is missing: up to where."""

    def put(self, row: int, column: Values, at: int, count: int) -> None:
        """Put `count` values of a column, from `at` on, at `row`."""
        self._values[row : row + count] = column.values[at : at + count]
        if self._has is None and column.bits is None and self._full == row:
            self._full = row + count
            return
        has = self._flags()
        has[row : row + count] = True if column.bits is None else column.has[at : at + count]

    def column(self, rows: int) -> Values:
        """Give the first rows."""
        values = self._values[:rows]
        if self._has is None and self._full == rows:
            return Values(values, None)
        return where(values, self._flags()[:rows])

    def _flags(self) -> NDArray[np.bool_]:
        if self._has is None:
            self._has = np.zeros(order.BATCH_ROWS, np.bool_)
            self._has[: self._full] = True
        return self._has


def batch_of(schema: pa.Schema, columns: Mapping[str, Values | None], rows: int) -> pa.RecordBatch:
    """Give a batch of a schema of integers; a column that is None or not there is of nulls."""
    arrays = [array_of(columns.get(field.name), field.type, rows) for field in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
