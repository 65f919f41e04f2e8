"""Pairing of begins and ends into slices."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from traceql.assembly.encode import LIFTED_COLUMNS, SLICE, fill
from traceql.assembly.order import ints
from traceql.kernels.pair import Pairing, Pairs

if TYPE_CHECKING:
    from traceql.assembly.order import Sorter

_END_COLUMNS = ("ts", "thread_ts", "args_id", "extra_id")
_KEY_COLUMNS = ("ordinal", "track_id", "name_id", "category_id", "is_end", *_END_COLUMNS)


class Paired:
    """Slices of begins and ends.

    Edges come sorted by (track, ts, ordinal). They are read twice: first to find the ends of
    begins that lie in earlier batches (few: what is open between two batches and closed later),
    then to give the slices. So what never closes costs nothing but its kernel node.
    """

    def __init__(self, edges: Sorter) -> None:
        self._edges = edges
        self.misplaced = 0
        """Ends that fit no open begin."""
        self.unclosed = 0
        """Begins that nothing closed; complete when all slices were given."""
        self._late, self._late_begin = self._find_late()

    def _find_late(self) -> tuple[pa.RecordBatch, np.ndarray]:
        pairing, row = Pairing(), 0
        rows: list[pa.RecordBatch] = [_no_ends(self._edges.schema)]
        begins = [np.empty(0, np.int64)]
        for batch in self._edges.sorted(_KEY_COLUMNS):
            pairs = _feed(pairing, batch)
            self.misplaced += pc.sum(batch["is_end"]).as_py() - len(pairs.end)
            late = pairs.begin < row
            rows.append(_ends(batch, pairs.end[late] - row))
            begins.append(pairs.begin[late])
            row += batch.num_rows
        ends = pa.Table.from_batches(rows).combine_chunks()
        begin = np.concatenate(begins)
        order = np.argsort(begin, kind="stable")
        whole = ends.to_batches()[0] if ends.num_rows else rows[0]
        return whole.take(pa.array(order)), begin[order]

    def slices(self) -> Iterator[pa.RecordBatch]:
        """Give the slices as SLICE rows, in order of their begins."""
        pairing, row = Pairing(), 0
        for batch in self._edges.sorted():
            pairs = _feed(pairing, batch)
            early = pairs.begin >= row
            first, last = np.searchsorted(self._late_begin, [row, row + batch.num_rows])
            ends = pa.Table.from_batches(
                [_ends(batch, pairs.end[early] - row), self._late.slice(first, last - first)]
            )
            place = np.full(batch.num_rows, -1, np.int64)
            place[pairs.begin[early] - row] = np.arange(early.sum())
            place[self._late_begin[first:last] - row] = early.sum() + np.arange(last - first)
            begins = np.flatnonzero(~batch["is_end"].to_numpy(zero_copy_only=False))
            place = place[begins]
            self.unclosed += int((place < 0).sum())
            closing = ends.take(pa.array(place, mask=place < 0)).combine_chunks()
            if len(begins):
                yield _slices(batch.take(pa.array(begins)), closing)
            row += batch.num_rows


def _feed(pairing: Pairing, edges: pa.RecordBatch) -> Pairs:
    return pairing.feed(
        ints(edges["track_id"]),
        ints(edges["name_id"]),
        ints(edges["category_id"]),
        edges["is_end"].to_numpy(zero_copy_only=False),
    )


def _ends(edges: pa.RecordBatch, rows: np.ndarray) -> pa.RecordBatch:
    return edges.select(list(_END_COLUMNS)).take(pa.array(rows))


def _no_ends(schema: pa.Schema) -> pa.RecordBatch:
    fields = [schema.field(name) for name in _END_COLUMNS]
    return pa.RecordBatch.from_pylist([], schema=pa.schema(fields))


def _slices(begins: pa.RecordBatch, ends: pa.Table) -> pa.RecordBatch:
    """Join begins with their ends, row by row; an end of nulls is none."""

    def end(name: str) -> pa.Array:
        column = ends[name]
        return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column

    columns = {name: begins[name] for name in SLICE.names if name in begins.schema.names}
    columns |= {name: begins[name] for name in LIFTED_COLUMNS}
    dur = pc.subtract(end("ts"), begins["ts"])
    # Ends come after their begins, so a negative length has run over int64.
    dur = pc.if_else(pc.less(dur, 0), np.iinfo(np.int64).max, dur)
    columns["dur"] = pc.fill_null(dur, -1)
    spent = pc.subtract(end("thread_ts"), begins["thread_ts"])
    columns["thread_dur"] = pc.coalesce(begins["thread_dur"], spent)
    for name in ("args", "extra"):
        # What only the end has is the slice's; where both have some, both are kept.
        mine, other = begins[f"{name}_id"], end(f"{name}_id")
        nothing = pa.nulls(len(mine), pa.int32())
        columns[f"{name}_id"] = pc.coalesce(mine, other)
        columns[f"end_{name}_id"] = pc.if_else(mine.is_valid(), other, nothing)
    return fill(columns, SLICE, begins.num_rows)
