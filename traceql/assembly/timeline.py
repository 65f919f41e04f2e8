"""Tables of events that need only order and ids: counters, samples, allocations, scheduling."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from traceql.assembly.columns import Labels, Values, array_of, values_of, where
from traceql.assembly.lift import escape
from traceql.assembly.number import NO_ROW, Numbering
from traceql.assembly.order import LARGEST, Memory, ints
from traceql.assembly.rows import RowSorter
from traceql.model import tables

if TYPE_CHECKING:
    from traceql.assembly.encode import Texts

TIMELINES = {
    "counter_sample": "counter",
    "sample_event": "sample",
    "allocation_event": "allocation",
    "sched_span": "sched",
    "thread_state_span": "thread_state",
}
"""Staging table to the table that its rows become."""


class Timeline:
    """Rows of one such table.

    Ids follow (ts, place in the file). Where the table is stored in another order (by track, by
    CPU), rows are numbered apart; else they are numbered as they go out.
    """

    def __init__(self, staging: str, memory: Memory, scratch: Path) -> None:
        self._staging = staging
        self._table = tables.table(TIMELINES[staging])
        self._interned = [c.name for c in self._table.columns if c.dimension]
        given = tables.table(staging).arrow_schema
        self._labels = {
            field.name: Labels()
            for field in given
            if pa.types.is_string(field.type) and field.name not in self._interned
        }
        self._lead = [name for name in self._table.sorted_by if name not in {"ts", "id"}]
        depth = len(self._lead) + 2
        self._columns = tuple(name for name in given.names if name != "ts")
        self._sorter = RowSorter(staging, depth, self._columns, memory, scratch)
        self._numbers = Numbering(staging, memory, scratch) if self._lead else None
        self._rows = 0

    def add(self, rows: pa.RecordBatch, texts: Texts) -> None:
        """Take rows of the staging table, in file order."""
        place = np.arange(self._rows, self._rows + rows.num_rows)
        self._rows += rows.num_rows
        columns = {}
        for name in self._columns:
            column = rows[name]
            if name in self._interned:
                interned = texts.column(self._staging, name)
                found = values_of(interned.encode(escape(column), ints(rows["ordinal"])))
            elif name in self._labels:
                found = self._labels[name].encode(column)
            else:
                found = values_of(column)
            if found is not None:
                columns[name] = found
        ts = ints(rows["ts"])
        if self._numbers is not None:
            self._numbers.add(ts, place)
        self._sorter.add((*(ints(rows[n], LARGEST) for n in self._lead), ts, place), columns)

    def rows(self, texts: Texts, slices: Numbering) -> Iterator[pa.RecordBatch]:
        """Give the rows of the table in the order of the store."""
        stored = self._table.stored_schema
        if self._numbers is not None:
            self._numbers.finish()
        at = 0
        for rows in self._sorter.sorted():
            *_, ts, place = rows.keys()
            count, columns = len(ts), rows.columns()
            ids = np.arange(at, at + count)
            if self._numbers is not None:
                ids = self._numbers.of(place)
            columns |= {"id": Values(ids, None), "ts": Values(ts, None)}
            if "slice_id" in stored.names:
                found = slices.of(columns["ordinal"].values)
                columns["slice_id"] = where(found, found != NO_ROW)
            for name in self._interned:
                if name in columns:
                    final = texts.args.final_numbers(columns[name].values)
                    columns[f"{name}_id"] = Values(final, columns[name].bits)
            arrays = [
                self._labels[field.name].decode(columns.get(field.name), count)
                if field.name in self._labels
                else array_of(columns.get(field.name), field.type, count)
                for field in stored
            ]
            at += count
            yield pa.RecordBatch.from_arrays(arrays, schema=stored)
        self._sorter.clear()
