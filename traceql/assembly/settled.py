"""Tables that importers give as they are stored: processes, threads, tracks, frames and so on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from traceql.assembly.order import Memory, Sorter, by, concat, ints
from traceql.model import tables

if TYPE_CHECKING:
    from traceql.assembly.nest import Overflow

SETTLED = ("process", "thread", "device", "frame", "profile")
"""Tables with ids of the importer's, in whose order they are stored."""


class Settled:
    """Rows of such tables; texts of these tables are not interned."""

    def __init__(self, memory: Memory, scratch: Path) -> None:
        self._sorters = {
            name: Sorter(
                name,
                tables.table(name).stored_schema,
                by(*tables.table(name).sorted_by),
                memory,
                scratch,
            )
            for name in SETTLED
        }
        self._metadata: list[pa.RecordBatch] = []

    def add(self, table: str, rows: pa.RecordBatch) -> None:
        """Take rows of `metadata` or one of SETTLED."""
        if table == "metadata":
            self._metadata.append(rows)
        else:
            self._sorters[table].add(rows)

    def rows(self) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Give all rows, table by table; those of `metadata` by name, then as they came."""
        for name, sorter in self._sorters.items():
            for rows in sorter.sorted():
                yield name, rows
            sorter.clear()
        if self._metadata:
            whole = concat(self._metadata, tables.table("metadata").stored_schema)
            place = pa.array(np.arange(whole.num_rows))
            keyed = whole.append_column("place", place)
            order = pc.sort_indices(
                keyed, sort_keys=[("name", "ascending"), ("place", "ascending")]
            )
            yield "metadata", whole.take(order)


class Tracks:
    """Tracks of the importer, and those that assembly adds for overlaps."""

    def __init__(self) -> None:
        self._schema = tables.table("track").stored_schema
        self._rows: list[pa.RecordBatch] = []

    @property
    def next_id(self) -> int:
        """One more than the largest id."""
        return 1 + max((int(ints(rows["id"]).max()) for rows in self._rows), default=-1)

    def add(self, rows: pa.RecordBatch) -> None:
        """Take rows of `track`."""
        if rows.num_rows:
            self._rows.append(rows)

    def rows(self, overflow: Sequence[Overflow]) -> Iterator[pa.RecordBatch]:
        """Give all rows by id; an overflow track is a copy of its main track, under it."""
        if not self._rows and not overflow:
            return
        none = pa.RecordBatch.from_pylist([], schema=self._schema)
        whole = concat([none, *self._rows], self._schema)
        whole = whole.take(pc.sort_indices(whole["id"]))
        yield whole
        if overflow:
            yield self._copies(whole, overflow)

    def _copies(self, tracks: pa.RecordBatch, overflow: Sequence[Overflow]) -> pa.RecordBatch:
        main = pa.array([o.main for o in overflow], pa.int32())
        copies = tracks.take(pc.index_in(main, tracks["id"]))
        columns = {name: copies[name] for name in copies.schema.names}
        columns["id"] = pa.array([o.id for o in overflow], pa.int32())
        columns["parent_id"] = main
        kind = pc.binary_join_element_wise(columns["type"], "overflow", "_")
        columns["type"] = pc.fill_null(kind, "overflow")
        return pa.RecordBatch.from_arrays(list(columns.values()), schema=self._schema)
