"""From the importer's rows to a finished trace."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from traceql.assembly import order
from traceql.assembly.diagnose import Diagnostics
from traceql.assembly.encode import EDGE, Texts, encode_edges, encode_spans
from traceql.assembly.flow import Flows
from traceql.assembly.link import Links
from traceql.assembly.nest import STORED, Nest, Slices, stored_order
from traceql.assembly.number import Numbering
from traceql.assembly.order import Memory, Sorter, by, ints
from traceql.assembly.pair import Paired
from traceql.assembly.scratch import give_back
from traceql.assembly.settled import SETTLED, Settled, Tracks
from traceql.assembly.sketch import Sketch
from traceql.assembly.timeline import TIMELINES, Timeline
from traceql.model import tables
from traceql.model.protocols import Chunk

if TYPE_CHECKING:
    from traceql.assembly.nest import Overflow

_SHARE = 2
"""Sorting and merging work on copies, so sorters hold a part of the memory allowed."""
_MOST_HELD_BYTES = 40 << 20
"""More than this is better on disk: a run is written and merged about as fast as memory is used."""
_MANY_ROWS = 1 << 19
"""With fewer, what the memory of a phase was is not worth a collection of garbage."""


def assemble(chunks: Iterable[Chunk], *, scratch: Path, memory_limit_bytes: int) -> Iterator[Chunk]:
    """Order, pair, nest, bind, number and sketch the rows of a trace.

    What comes out depends on the rows alone: not on how they were cut into chunks, in which order
    chunks of different tables came, or what had to be written to disk.

    Args:
        chunks: rows of staging tables and of process, thread, track, device, frame, profile,
            metadata and diagnostic; of each table in file order.
        scratch: an existing directory for files that do not fit in memory; the caller removes it.
        memory_limit_bytes: bound of what is held at once; dictionaries of texts and 4 bytes for
            each event come on top.

    Returns:
        Rows of every stored table (`Table.stored_schema`), table by table, in its order, in
        batches of at most 128 Ki rows; texts may be dictionary-encoded. A table without rows does
        not come.

    Raises:
        ValueError: a chunk is of a table that assembly does not take, or breaks its schema.
        StoreFull: there is no room left in `scratch`.
    """
    memory = Memory(min(memory_limit_bytes // _SHARE, _MOST_HELD_BYTES))
    assembly = _Assembly(scratch, memory)
    chunk = None
    for chunk in chunks:
        assembly.add(chunk)
    del chunk, chunks
    assembly.end_phase()
    for table, rows in assembly.finish():
        for start in range(0, rows.num_rows, order.BATCH_ROWS):
            yield Chunk(table, rows.slice(start, order.BATCH_ROWS))


class _Assembly:
    def __init__(self, scratch: Path, memory: Memory) -> None:
        self._memory, self._scratch = memory, scratch
        self._texts = Texts(scratch)
        self._diagnostics = Diagnostics()
        self._slices = Slices(memory, scratch)
        self._edges = Sorter("edge", EDGE, by("track_id", "ts", "ordinal"), memory, scratch)
        self._numbers = Numbering("slice", memory, scratch)
        self._flows = Flows(memory, scratch, self._diagnostics)
        self._links = Links(memory, scratch)
        self._timelines = {name: Timeline(name, memory, scratch) for name in TIMELINES}
        self._settled = Settled(memory, scratch)
        self._tracks = Tracks()
        self._sketch = Sketch()
        self._rows = 0

    def add(self, chunk: Chunk) -> None:
        """Take rows of one table."""
        table, rows = chunk.table, chunk.rows
        if table not in {*tables.staging(), *SETTLED, "track", "metadata", "diagnostic"}:
            raise ValueError(f"assembly takes no rows of table {table!r}")
        tables.validate(table, rows)
        if rows.num_rows == 0:
            return
        self._rows += rows.num_rows
        if table == "span":
            self._add_slices(encode_spans(rows, self._texts))
        elif table == "edge":
            self._edges.add(encode_edges(rows, self._texts))
        elif table in self._timelines:
            interned = {c.name for c in tables.table(table).columns if c.dimension}
            self._timelines[table].add(_decoded(rows, table, keep=interned), self._texts)
        elif table == "link":
            self._links.add_links(rows)
        elif table == "gpu_span":
            self._links.add_ops(rows)
        else:
            self._add_others(table, _decoded(rows, table))

    def _add_others(self, table: str, rows: pa.RecordBatch) -> None:
        if table == "flow_point":
            self._flows.add(rows)
        elif table == "track":
            self._tracks.add(rows)
        elif table == "diagnostic":
            self._diagnostics.add(rows)
        else:
            self._settled.add(table, rows)

    def _add_slices(self, rows: pa.RecordBatch) -> None:
        self._slices.add(rows)
        self._numbers.add(ints(rows["ts"]), ints(rows["ordinal"]))

    def end_phase(self) -> None:
        """Let go of what the next phase does not need."""
        self._memory.forget()
        if self._rows >= _MANY_ROWS:
            give_back()

    def finish(self) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Give the finished rows, table by table."""
        self._pair()
        self._numbers.finish()
        self._texts.finish()
        binder = self._flows.binder(self._numbers)
        nest = Nest(self._slices, self._numbers, binder)
        if binder is not None:
            binder.finish()
        self._diagnostics.count("slice_spill_overlapping_complete_event", nest.overlapping)
        overflow = nest.overflow_tracks(self._tracks.next_id)
        yield from (("slice", rows) for rows in self._nested(nest))
        yield from self._others(overflow)

    def _pair(self) -> None:
        paired = Paired(self._edges)
        for rows in paired.slices():
            self._add_slices(rows)
        self._edges.clear()
        self._diagnostics.count("misplaced_end_event", paired.misplaced)
        self._diagnostics.count("slice_unclosed", paired.unclosed)

    def _nested(self, nest: Nest) -> Iterator[pa.RecordBatch]:
        overflow = Sorter("overflow", STORED, stored_order, self._memory, self._scratch)
        for is_main, rows in nest.rows(self._texts):
            self._sketch.add(rows)
            if is_main:
                yield rows
            else:
                overflow.add(rows)
        self._slices.clear()
        self.end_phase()
        yield from overflow.sorted()
        overflow.clear()

    def _others(self, overflow: list[Overflow]) -> Iterator[tuple[str, pa.RecordBatch]]:
        yield from (("flow", rows) for rows in self._flows.rows())
        self.end_phase()
        yield from (("gpu_op", rows) for rows in self._links.rows(self._numbers))
        self._diagnostics.count("launch_duplicate_correlation", self._links.duplicates)
        self._diagnostics.count("gpu_op_without_slice", self._links.without_slice)
        self.end_phase()
        for staging, timeline in self._timelines.items():
            for rows in timeline.rows(self._texts, self._numbers):
                yield TIMELINES[staging], rows
        self._numbers.clear()
        self.end_phase()
        yield from (("track", rows) for rows in self._tracks.rows(overflow))
        yield from self._settled.rows()
        yield from self._texts.dim_rows()
        yield "sketch", self._sketch.rows()
        yield "diagnostic", self._diagnostics.rows()


def _decoded(rows: pa.RecordBatch, table: str, keep: Iterable[str] = ()) -> pa.RecordBatch:
    """Turn dictionary-encoded columns into plain ones, but for those in `keep`."""
    columns = [
        column.cast(field.type) if column.type != field.type and field.name not in keep else column
        for column, field in zip(rows.columns, tables.table(table).arrow_schema, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, names=rows.schema.names)
