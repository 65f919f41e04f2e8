"""Rows of slices, device work, counters and allocations, made a batch at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from traceql.importers._columns import distinct, filled, filtered, picked, valid, where
from traceql.importers._packing import Args, span_rows
from traceql.importers._rocm.names import constant
from traceql.model import tables
from traceql.model.protocols import Chunk

if TYPE_CHECKING:
    from traceql.importers._columns import Int64
    from traceql.importers._rocm.trace import Trace

_GPU_SPAN = tables.table("gpu_span").arrow_schema
_INT32 = frozenset(f.name for f in _GPU_SPAN if f.type == pa.int32() and f.name != "device_id")


@dataclass
class Slices:
    """A batch of slices to be; every column has a value for each row.

    Attributes:
        start: int64 ns, no nulls (see `timed`).
        end: int64 ns.
        tracks: int64 [n].
        names: texts.
        categories: texts.
        upids: int64 [n], the scope of correlation ids.
        correlation: int64, null or 0 where there is none.
        said: what else the row says, for its args.
        raw: keys of `said` whose texts are JSON and stand as they are.
        role: host for calls, device for what they launch, empty for what takes no part in that.
    """

    start: pa.Array
    end: pa.Array
    tracks: Int64
    names: pa.Array
    categories: pa.Array
    upids: Int64
    correlation: pa.Array | None = None
    said: Mapping[str, pa.Array] = field(default_factory=dict)
    role: str = "host"
    raw: frozenset[str] = frozenset()


@dataclass
class Work:
    """What slices of device work say beyond their slice.

    Attributes:
        kinds: kernel, memcpy or memset, of each row.
        devices: int64 [n], -1 where unknown.
        streams: int64, stream or else queue.
        more: further columns of `gpu_span`.
    """

    kinds: pa.Array
    devices: Int64
    streams: pa.Array
    more: Mapping[str, pa.Array] = field(default_factory=dict)


def timed(trace: Trace, columns: dict[str, pa.Array], start: str, end: str) -> dict[str, pa.Array]:
    """Leave out rows without a start or an end, or with a start of 0, and count them."""
    has = valid(columns[start]) & valid(columns[end]) & (filled(columns[start]) != 0)
    if has.all():
        return columns
    trace.diagnostics.count("slice_without_start", int((~has).sum()))
    return filtered(columns, has)


class Writer:
    """Makes rows of one kind of record, whose args share their texts.

    Args:
        trace: that is being read.
    """

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._args = Args()

    def slices(self, batch: Slices, work: Work | None = None) -> Iterator[Chunk]:
        """Give rows of `span`, `link` and, for device work, `gpu_span`."""
        rows = len(batch.names)
        if not rows:
            return
        start, end = filled(batch.start), filled(batch.end)
        said = dict(batch.said)
        length = end - start
        late = length < 0
        if late.any():
            self._trace.diagnostics.count("slice_negative_duration", int(late.sum()))
            said["end"] = pa.array(end, mask=~late)
        correlation = batch.correlation
        if correlation is not None:
            numbers = filled(correlation)
            correlation = where(numbers, numbers != 0)
        ordinals = self._trace.ordinals(rows)
        columns: dict[str, Any] = {
            "ordinal": ordinals,
            "ts": start,
            "dur": np.where(late, 0, length),
            "track_id": batch.tracks,
            "name": batch.names,
            "category": batch.categories,
        }
        if correlation is not None:
            columns["correlation_id"] = correlation
        yield Chunk("span", span_rows(columns, self._args.pack(said, rows, batch.raw)))
        if work is not None:
            yield self._gpu_rows(ordinals, correlation, work)
        if correlation is not None and batch.role:
            yield from _links(ordinals, correlation, batch.upids, batch.role)

    def _gpu_rows(self, ordinals: Int64, correlation: pa.Array | None, work: Work) -> Chunk:
        rows = len(ordinals)
        given: dict[str, Any] = {
            "ordinal": pa.array(ordinals),
            "kind": work.kinds,
            "device_id": where(work.devices, work.devices >= 0, pa.int32()),
            "stream_id": work.streams,
            "correlation_id": correlation,
            **work.more,
        }
        arrays, fields = [], []
        for column in _GPU_SPAN:
            values = given.get(column.name)
            if values is None:
                values = pa.nulls(rows, column.type)
            elif column.name in _INT32:
                values = narrow(values)
            arrays.append(values)
            fields.append(pa.field(column.name, values.type))
        return Chunk("gpu_span", pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields)))


def _links(ordinals: Int64, correlation: pa.Array, upids: Int64, role: str) -> Iterator[Chunk]:
    """Give the rows of `link` for slices that have a correlation id."""
    has = valid(correlation)
    if not has.any():
        return
    upids, ordinals = upids[has], ordinals[has]
    found = distinct([pa.array(upids)], len(upids))
    scopes = pa.array([str(upid) for (upid,) in found.keys], pa.string())
    columns = {
        "ordinal": pa.array(ordinals),
        "scope": picked(scopes, found.codes),
        "correlation_id": correlation.filter(pa.array(has)),
        "role": constant(role, len(upids)),
    }
    yield Chunk("link", pa.RecordBatch.from_pydict(columns))


def narrow(column: pa.Array) -> pa.Array:
    """Give integers as int32; what does not fit is null."""
    numbers = filled(column)
    fits = (numbers >= -(1 << 31)) & (numbers < 1 << 31)
    return where(np.where(fits, numbers, 0), fits & valid(column), pa.int32())


def blocks(work_items: pa.Array, group: pa.Array) -> pa.Array:
    """Give the blocks of a grid that is told in work-items; the last one may be partly empty.

    Args:
        work_items: int64, of the whole grid in one direction.
        group: int64, work-items of a group in that direction.
    """
    grid, size = filled(work_items), filled(group)
    known = valid(work_items) & valid(group) & (grid > 0) & (size > 0)
    return where(-(-grid // np.maximum(size, 1)), known)


def counters(
    trace: Trace, ts: pa.Array, tracks: Int64, values: pa.Array, args: pa.Array | None = None
) -> Iterator[Chunk]:
    """Give rows of `counter_sample`; those without a value are counted and left out."""
    has = valid(values) & valid(ts)
    if not has.all():
        trace.diagnostics.count("counter_without_value", int((~has).sum()))
    if not has.any():
        return
    mask = pa.array(has)
    yield Chunk("counter_sample", tables.conform("counter_sample", {
        "ordinal": trace.ordinals(int(has.sum())),
        "ts": ts.filter(mask),
        "track_id": tracks[has],
        "value": values.filter(mask),
        **({} if args is None else {"args": args.filter(mask)}),
    }))  # fmt: skip


def allocations(
    ordinals: Int64, ts: pa.Array, kinds: pa.Array, columns: Mapping[str, Any]
) -> Iterator[Chunk]:
    """Give rows of `allocation_event`.

    Args:
        ordinals: of the slices, int64 [n].
        ts: int64 ns.
        kinds: alloc or free; rows with null are left out.
        columns: upid, utid, device_id, address, bytes, pool.
    """
    mask = pa.array(valid(kinds))
    if not pc.any(mask).as_py():
        return
    given = {"ordinal": pa.array(ordinals), "ts": ts, "kind": kinds, **columns}
    yield Chunk("allocation_event", tables.conform("allocation_event", {
        name: column.filter(mask) for name, column in given.items()
    }))  # fmt: skip
