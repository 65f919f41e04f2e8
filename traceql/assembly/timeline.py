"""Tables of events that need only order and ids: counters, samples, allocations, scheduling."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from traceql.assembly.lift import escape
from traceql.assembly.number import NO_ROW, Numbering
from traceql.assembly.order import Memory, Sorter, by, ints
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
        fields = [
            pa.field(f"{f.name}_id", pa.int32()) if f.name in self._interned else f
            for f in tables.table(staging).arrow_schema
        ]
        self._schema = pa.schema([*fields, pa.field("place", pa.int64())])
        lead = [name for name in self._table.sorted_by if name not in {"ts", "id"}]
        self._sorter = Sorter(staging, self._schema, by(*lead, "ts", "place"), memory, scratch)
        self._numbers = Numbering(staging, memory, scratch) if lead else None
        self._rows = 0

    def add(self, rows: pa.RecordBatch, texts: Texts) -> None:
        """Take rows of the staging table, in file order."""
        places = np.arange(self._rows, self._rows + rows.num_rows)
        self._rows += rows.num_rows
        columns = {name: rows[name] for name in rows.schema.names}
        for name in self._interned:
            column = texts.column(self._staging, name)
            columns[f"{name}_id"] = column.encode(escape(columns[name]), ints(rows["ordinal"]))
        columns["place"] = pa.array(places)
        if self._numbers is not None:
            self._numbers.add(ints(rows["ts"]), places)
        self._sorter.add(
            pa.RecordBatch.from_arrays(
                [columns[n] for n in self._schema.names], schema=self._schema
            )
        )

    def rows(self, texts: Texts, slices: Numbering) -> Iterator[pa.RecordBatch]:
        """Give the rows of the table in the order of the store."""
        stored = self._table.stored_schema
        if self._numbers is not None:
            self._numbers.finish()
        at = 0
        for rows in self._sorter.sorted():
            columns = {name: rows[name] for name in rows.schema.names}
            ids = np.arange(at, at + rows.num_rows)
            if self._numbers is not None:
                ids = self._numbers.of(ints(rows["place"]))
            columns["id"] = pa.array(ids, pa.int32())
            for name in self._interned:
                columns[f"{name}_id"] = texts.args.final(columns[f"{name}_id"])
            if "slice_id" in stored.names:
                found = slices.of(ints(rows["ordinal"]))
                columns["slice_id"] = pa.array(found, pa.int32(), mask=found == NO_ROW)
            at += rows.num_rows
            yield pa.RecordBatch.from_arrays([columns[n] for n in stored.names], schema=stored)
        self._sorter.clear()
