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

    Pending = tuple[NDArray[np.int64], NDArray[np.bool_]]


class Batches:
    """Cuts and joins rows to BATCH_ROWS: whole batches are row groups, which nobody copies again.

    Rows that come as whole batches already are not copied here either.
    """

    def __init__(self, schema: pa.Schema) -> None:
        """Make batches of a schema of integers."""
        self._schema = schema
        self._columns: dict[str, Pending] = {}
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
        columns = {
            name: where(values[: self._rows], has[: self._rows])
            for name, (values, has) in self._columns.items()
        }
        batch = batch_of(self._schema, columns, self._rows)
        self._columns, self._rows = {}, 0
        return [batch]

    def _put(self, name: str, column: Values, at: int, count: int) -> None:
        if name not in self._columns:
            room = order.BATCH_ROWS
            self._columns[name] = np.empty(room, np.int64), np.zeros(room, np.bool_)
        values, has = self._columns[name]
        values[self._rows : self._rows + count] = column.values[at : at + count]
        has[self._rows : self._rows + count] = column.has[at : at + count]


def batch_of(schema: pa.Schema, columns: Mapping[str, Values | None], rows: int) -> pa.RecordBatch:
    """Give a batch of a schema of integers; a column that is None or not there is of nulls."""
    arrays = [array_of(columns.get(field.name), field.type, rows) for field in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
