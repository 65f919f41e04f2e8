"""The rows of plain events, column by column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from traceql.importers.chrome import lexicon as lex
from traceql.importers.chrome.extras import Extras, id_tokens
from traceql.importers.chrome.plain import INT32, ends
from traceql.importers.chrome.vocabulary import around_numbers, coded
from traceql.kernels import scan_columns as at
from traceql.kernels.gather import take_lifted
from traceql.kernels.sort_out import EDGE, FLOW, LAUNCH, SPAN
from traceql.model import tables

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from traceql.importers.chrome.context import Context
    from traceql.importers.chrome.lexicon import Lexicon
    from traceql.importers.chrome.numbering import Places, Work
    from traceql.importers.chrome.plain import Plain
    from traceql.kernels.scan_columns import Columns

    Int64 = NDArray[np.int64]
    Bool = NDArray[np.bool_]

_INT64 = 1 << 63
_US = "\x1f"
_MOST_HOLES = 32
"""Bits of `Columns.holes`."""


class Events:
    """A batch of scanned events, judged and placed.

    Args:
        first: ordinal of the first event.
    """

    def __init__(
        self,
        columns: Columns,
        first: int,
        plain: Plain,
        places: Places,
        lexicon: Lexicon,
        context: Context,
    ) -> None:
        self._columns, self._first, self._plain = columns, first, plain
        self._places, self._lexicon, self._context = places, lexicon, context
        self._extras = Extras(columns, plain, places, lexicon, context)
        self._ordinals = np.arange(first, first + plain.groups.size)
        self._tracks = np.append(lexicon.tracks.array, -1)[places.lanes]
        if places.asyncs.size:
            self._tracks[places.asyncs] = lexicon.async_tracks.array[places.async_ids]

    def tables(self, work: Work) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Give the rows of each table that has any."""
        yield from self._slices("span", SPAN)
        yield from self._slices("edge", EDGE)
        yield from self._flow_points()
        yield from self._links()
        if self._plain.works.size:
            yield "gpu_span", self._works(work)
        if self._plain.memories.size:
            yield "allocation_event", self._allocations()
        if self._plain.samples.rows.size:
            yield "counter_sample", self._samples()

    def _rows(self, group: int) -> Int64:
        """Give the places of a group's events."""
        return np.flatnonzero(self._plain.groups == group)

    def _numbers(self, field: int, rows: Int64) -> pa.Array | None:
        """Give a field of numbers, null where it is absent."""
        has = (self._columns.present[rows] >> field & 1).view(np.int32) != 0
        if not has.any():
            return None
        mask = None if has.all() else ~has
        return pa.array(np.array(self._columns.numbers[field][rows]), mask=mask)

    def _common(self, rows: Int64) -> dict[str, pa.Array]:
        ids, lexicon = self._columns.ids, self._lexicon
        return {
            "ordinal": pa.array(np.array(self._ordinals[rows])),
            "ts": pa.array(np.array(self._columns.numbers[at.TS][rows])),
            "track_id": pa.array(self._tracks[rows].astype(np.int32)),
            "name": lexicon.names.column(ids[at.NAME_ID][rows]),
            "category": lexicon.categories.column(ids[at.CATEGORY_ID][rows]),
        }

    def _slices(self, table: str, group: int) -> Iterator[tuple[str, pa.RecordBatch]]:
        rows = self._rows(group)
        if not rows.size:
            return
        columns, lexicon = self._columns, self._lexicon
        found: dict[str, pa.Array | None] = dict(self._common(rows))
        phases = columns.marks[at.PHASE_BYTE][rows]
        args = columns.ids[at.ARGS_ID][rows]
        if group == SPAN:
            whole = phases == ord("X")
            length = columns.numbers[at.DUR][rows]
            found["dur"] = pa.array(np.where(whole, length, 0))
            found["correlation_id"] = self._correlation(args, whole, rows)
        else:
            is_end = ends(columns)[rows]
            found["is_end"] = pa.array(is_end)
            for name in ("name", "category"):
                column = found[name]
                empty = pc.and_(pc.equal(column, ""), found["is_end"])
                if pc.any(empty).as_py():
                    plain = column.cast(pa.string())  # type: ignore[union-attr]
                    found[name] = pc.if_else(empty, pa.scalar(None, pa.string()), plain)
            found["correlation_id"] = self._correlation(args, None, rows)
        found["thread_ts"] = self._numbers(at.TTS, rows)
        found["thread_dur"] = self._numbers(at.TDUR, rows)
        found["args"] = lexicon.args.column(args)
        found["extra"] = self._extras.column(rows)
        yield table, self._with_lifted(table, found, rows)

    def _with_lifted(
        self, table: str, found: dict[str, pa.Array | None], rows: Int64
    ) -> pa.RecordBatch:
        lifted = self._lifted(rows)
        size = rows.size
        schema = tables.table(table).arrow_schema
        arrays = []
        for field in schema:
            array = found.get(field.name)
            arrays.append(pa.nulls(size, field.type) if array is None else array)
        names = [*schema.names, *lifted]
        batch = pa.RecordBatch.from_arrays([*arrays, *lifted.values()], names=names)
        return batch.replace_schema_metadata(tables.TEMPLATES)

    def _lifted(self, rows: Int64) -> dict[str, pa.Array]:
        """Give the lifted columns that have any value at these rows."""
        used = int(np.bitwise_or.reduce(self._columns.holes[rows], initial=0))
        columns = [k for k in range(used.bit_length()) if used >> k & 1]
        places = np.full(_MOST_HOLES, -1, np.int64)
        places[columns] = np.arange(len(columns))
        values = np.zeros((len(columns), rows.size), np.int64)
        bits = np.zeros((len(columns), (rows.size + 7) // 8), np.uint8)
        counts = np.zeros(len(columns), np.int64)
        if columns:
            take_lifted(
                self._columns.lifted, self._columns.holes, places, rows, values, bits, counts
            )
        found = {}
        for place, (column, count) in enumerate(zip(columns, counts.tolist(), strict=True)):
            there = None if count == rows.size else pa.py_buffer(bits[place])
            found[tables.lifted_column(column)] = pa.Array.from_buffers(
                pa.int64(), rows.size, [there, pa.py_buffer(values[place])]
            )
        return found

    def _correlation(self, args: NDArray[np.int32], only: Bool | None, rows: Int64) -> Any:
        """Give the correlation that args tell of, null where there is none above zero."""
        facts = self._lexicon.args.correlations
        if not facts.knows(0):
            return None
        values, _ = facts.gather(0, args, self._columns.lifted, rows)
        has = values > 0 if only is None else (values > 0) & only
        return pa.array(values, mask=~has) if has.any() else None

    def _flow_points(self) -> Iterator[tuple[str, pa.RecordBatch]]:
        rows = self._rows(FLOW)
        if not rows.size:
            return
        columns, lexicon = self._columns, self._lexicon
        found = self._common(rows)
        category = columns.ids[at.CATEGORY_ID][rows]
        name = columns.ids[at.NAME_ID][rows]
        ids, fresh = lexicon.flow_keys.number(
            category.astype(np.int64), name.astype(np.int64), np.zeros(name.size, np.int64)
        )
        for row in fresh.tolist():
            said = (
                lexicon.categories.texts[category[row]] if category[row] >= 0 else "",
                lexicon.names.texts[name[row]] if name[row] >= 0 else "",
            )
            lexicon.flow_texts.add(f"{said[0]}{_US}{said[1]}{_US}")
        if (columns.present[rows] >> at.ID_IS_TEXT & 1).any():
            prefix = lexicon.flow_texts.array.take(pa.array(ids))
            tokens = id_tokens(columns, lexicon, rows, lambda t: str(self._context.id_of(t)))
            found["key"] = pc.binary_join_element_wise(prefix, tokens, "")
        else:
            numbers = columns.numbers[at.ID][rows]
            found["key"] = around_numbers(lexicon.flow_texts.packed, None, ids, numbers, None)
        phases = columns.marks[at.PHASE_BYTE][rows]
        step = (phases == ord("t")) + 2 * (phases == ord("f"))
        found["step"] = coded(step.astype(np.int32), None, pa.array(["start", "step", "end"]))
        following = (phases == ord("f")) & (columns.marks[at.BINDING_BYTE][rows] != ord("e"))
        found["binding"] = coded(following.astype(np.int32), None, pa.array(["enclosing", "next"]))
        extra = self._extras.column(rows)
        found["args"] = pa.nulls(name.size, pa.string()) if extra is None else extra
        yield "flow_point", _batch("flow_point", found)

    def _links(self) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Give launches and works that have a correlation, in order."""
        columns, categories, plain = self._columns, self._lexicon.categories, self._plain
        if categories.seen <= 1 or not self._lexicon.args.correlations.knows(0):
            return
        role = np.append(categories.flags.array >> 1, 0)[columns.ids[at.CATEGORY_ID]]
        is_host = (role == LAUNCH) & (columns.marks[at.PHASE_BYTE] == ord("X"))
        is_host &= plain.groups == SPAN
        either = is_host.copy()
        either[plain.works] = True
        rows = np.flatnonzero(either)
        if not rows.size:
            return
        correlation = self._correlation(columns.ids[at.ARGS_ID][rows], None, rows)
        if correlation is None:
            return
        has = correlation.is_valid()
        is_device = (~is_host[rows]).astype(np.int32)
        found = {
            "ordinal": pa.array(self._ordinals[rows]),
            "scope": coded(np.zeros(rows.size, np.int32), None, pa.array([""])),
            "correlation_id": correlation,
            "role": coded(is_device, None, pa.array(["host", "device"])),
        }
        yield "link", _batch("link", found).filter(has)

    def _works(self, work: Work) -> pa.RecordBatch:
        columns, rows, ids = self._columns, self._plain.works, self._plain.work_ids
        facts, lexicon = self._lexicon.works, self._lexicon

        def gathered(field: int) -> tuple[Int64, Bool | None]:
            return facts.gather(field, ids, columns.lifted, rows)

        def texts(field: int, known: pa.Array) -> pa.Array:
            codes, missing = gathered(field)
            return coded(codes.astype(np.int32), missing, known)

        size, no_size = gathered(lex.SIZE)
        context, no_context = gathered(lex.CONTEXT)
        occupancy, no_occupancy = gathered(lex.OCCUPANCY)
        found = {
            "ordinal": pa.array(self._ordinals[rows]),
            "kind": texts(lex.KIND, pa.array(lex.KINDS)),
            "device_id": pa.array(work.device.astype(np.int32), mask=work.no_device),
            "context_id": pa.array(context, mask=no_context),
            "stream_id": pa.array(work.stream, mask=work.no_stream),
            "correlation_id": self._correlation(columns.ids[at.ARGS_ID][rows], None, rows),
            "bytes": pa.array(_absolute(size), mask=no_size),
            "copy_kind": texts(lex.COPY, lexicon.copies.array),
            "src_memory": texts(lex.SOURCE, lexicon.copies.array),
            "dst_memory": texts(lex.DESTINATION, lexicon.copies.array),
            "occupancy_ratio": pa.array(occupancy.view(np.float64), mask=no_occupancy),
        }
        for field, name in enumerate(_REST, lex.REST):
            values, missing = gathered(field)
            kind = tables.table("gpu_span").arrow_schema.field(name).type
            found[name] = pa.array(values.astype(kind.to_pandas_dtype()), mask=missing)
        return _batch("gpu_span", found)

    def _allocations(self) -> pa.RecordBatch:
        columns, rows, ids = self._columns, self._plain.memories, self._plain.memory_ids
        facts, lexicon, lanes = self._lexicon.memories, self._lexicon, self._places.lanes[rows]

        def number(field: int) -> pa.Array:
            values, missing = facts.gather(field, ids, columns.lifted, rows)
            return pa.array(values, mask=missing)

        size, _ = facts.gather(lex.BYTES, ids, columns.lifted, rows)
        device, no_device = self.memory_devices()
        return _batch("allocation_event", {
            "ordinal": pa.array(self._ordinals[rows]),
            "ts": pa.array(columns.numbers[at.TS][rows]),
            "upid": pa.array(lexicon.processes.array[lanes].astype(np.int32)),
            "utid": pa.array(lexicon.threads.array[lanes].astype(np.int32)),
            "device_id": pa.array(device.astype(np.int32), mask=no_device),
            "kind": coded((size < 0).astype(np.int32), None, pa.array(["alloc", "free"])),
            "address": number(lex.ADDRESS),
            "bytes": pa.array(_absolute(size)),
            "total_bytes": number(lex.TOTAL_BYTES),
            "reserved_bytes": number(lex.RESERVED),
        })  # fmt: skip

    def memory_devices(self) -> tuple[Int64, Bool]:
        """Give the device of each allocation, and where it is none: memory of the host."""
        plain = self._plain
        device, missing = self._lexicon.memories.gather(
            lex.ON_DEVICE, plain.memory_ids, self._columns.lifted, plain.memories
        )
        none = (device < 0) | (device >= INT32)
        return device, none if missing is None else none | missing

    def _samples(self) -> pa.RecordBatch:
        samples = self._plain.samples
        tracks = self._lexicon.counting.tracks.array[samples.tracks]
        return _batch("counter_sample", {
            "ordinal": pa.array(self._ordinals[samples.rows]),
            "ts": pa.array(self._columns.numbers[at.TS][samples.rows]),
            "track_id": pa.array(tracks.astype(np.int32)),
            "value": pa.array(samples.values),
        })  # fmt: skip


_REST = (
    "grid_x", "grid_y", "grid_z", "block_x", "block_y", "block_z",
    "registers_per_thread", "shared_bytes", "graph_id", "graph_node_id",
)  # fmt: skip


def _absolute(sizes: Int64) -> Int64:
    return np.where(sizes == -_INT64, _INT64 - 1, np.abs(sizes))


def _batch(table: str, found: dict[str, pa.Array]) -> pa.RecordBatch:
    """Make a batch of a table, missing columns null, dictionaries kept."""
    schema = tables.table(table).arrow_schema
    size = len(found["ordinal"])
    arrays = []
    for field in schema:
        array = found.get(field.name)
        arrays.append(pa.nulls(size, field.type) if array is None else array)
    return pa.RecordBatch.from_arrays(arrays, names=schema.names)
