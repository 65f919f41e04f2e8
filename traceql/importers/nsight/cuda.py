"""CUDA: API calls, and the work of devices that they launched."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from traceql.importers._columns import (
    distinct,
    filled,
    filtered,
    mapped,
    picked,
    same_place,
    spelled,
    valid,
    where,
)
from traceql.importers.nsight import labels
from traceql.importers.nsight.calls import Kind, Spans
from traceql.importers.nsight.strings import without_version
from traceql.model import tables
from traceql.model.lean_arrow import nulls
from traceql.model.protocols import Chunk

if TYPE_CHECKING:
    from traceql.importers._columns import Int64
    from traceql.importers.nsight.context import Context
    from traceql.importers.nsight.cuda_events import EventTimes
    from traceql.importers.nsight.launches import Launches

RUNTIME = "CUPTI_ACTIVITY_KIND_RUNTIME"
_RUNTIME_CLASS, _DRIVER_CLASS, _EGL_CLASS, _BACKTRACE_CLASS = 0, 1, 13, 67
_CATEGORIES = {
    _RUNTIME_CLASS: "cuda_runtime",
    _DRIVER_CLASS: "cuda_driver",
    _EGL_CLASS: "egl_driver",
    _BACKTRACE_CLASS: "cuda_backtrace",
}
_NO_ID = 0xFFFFFFFF
_PLACES = frozenset({"start", "end", "globalPid", "deviceId", "contextId", "streamId",
                     "correlationId"})  # fmt: skip


class Runtime(Spans):
    """Calls of the CUDA runtime and driver, in one table.

    Rows of class 67 repeat a call with its call chain; they lie beside the calls, so that a call
    is counted once. The version of the ABI is cut off the names of the runtime; `apiName` in the
    args has it.
    """

    def __init__(self, context: Context, events: EventTimes, launches: Launches) -> None:
        super().__init__(context, RUNTIME, Kind("cuda_runtime", chains="CUDA_CALLCHAINS"))
        self._events, self._launches = events, launches
        self._shortened: tuple[pa.Array, pa.Array] | None = None

    def _rows(self, columns: dict[str, pa.Array], kind: Kind) -> Iterator[Chunk]:
        found = distinct([columns["eventClass"]], len(columns["start"]))
        for place, (number,) in enumerate(found.keys):
            part = columns
            if len(found.keys) > 1:
                part = filtered(columns, found.codes == place)
            category = _CATEGORIES.get(number, f"cuda_class_{number}")
            if number is None:
                category = "cuda_runtime"
            yield from self._of_class(dict(part), kind._replace(category=category))

    def _of_class(self, columns: dict[str, pa.Array], kind: Kind) -> Iterator[Chunk]:
        if not len(columns["start"]):
            return
        name, more = self.title(columns, kind), {}
        if kind.category != "cuda_driver":
            short = self._short(name)
            if short is not name:
                more["apiName"] = _where_it_differs(name, short)
                name = short
        is_beside = kind.category == "cuda_backtrace"
        tracks = self._context.actors.thread_tracks(
            columns["globalTid"],
            "cuda_backtrace" if is_beside else "thread",
            "cuda backtrace" if is_beside else "",
        )
        self._events.learn(columns)
        for chunk in self.rows(columns, name, tracks, kind, more):
            yield chunk
            if chunk.table == "span":
                self._launches.call(chunk.rows, columns["globalTid"])

    def _short(self, names: pa.Array) -> pa.Array:
        if not isinstance(names, pa.DictionaryArray):
            return without_version(names)
        if self._shortened is None or not same_place(self._shortened[0], names.dictionary):
            cut = without_version(names.dictionary)
            self._shortened = names.dictionary, cut
        if self._shortened[1].equals(names.dictionary):
            return names
        return pa.DictionaryArray.from_arrays(names.indices, self._shortened[1])


def _where_it_differs(names: pa.Array, short: pa.Array) -> pa.Array:
    """Give names as they are in the file, null where they are not cut."""
    if not isinstance(names, pa.DictionaryArray):
        return pc.if_else(pc.equal(names, short), pa.scalar(None, pa.string()), names)
    same = pc.equal(names.dictionary, short.dictionary)
    kept = pc.if_else(same, pa.scalar(None, pa.string()), names.dictionary)
    return pa.DictionaryArray.from_arrays(names.indices, kept)


class Work(NamedTuple):
    """How a table of device work is read."""

    kind: str
    category: str
    columns: Mapping[str, str]
    """Column of `gpu_span` to column of the table."""
    also_args: tuple[str, ...] = ()


WORKS = {
    "CUPTI_ACTIVITY_KIND_KERNEL": Work("kernel", "kernel", {
        "grid_x": "gridX", "grid_y": "gridY", "grid_z": "gridZ",
        "block_x": "blockX", "block_y": "blockY", "block_z": "blockZ",
        "registers_per_thread": "registersPerThread",
        "static_shared_bytes": "staticSharedMemory",
        "dynamic_shared_bytes": "dynamicSharedMemory",
        "graph_id": "graphId", "graph_node_id": "graphNodeId",
    }),
    "CUPTI_ACTIVITY_KIND_MEMCPY": Work("memcpy", "gpu_memcpy", {
        "bytes": "bytes", "graph_node_id": "graphNodeId",
    }),
    "CUPTI_ACTIVITY_KIND_MEMSET": Work("memset", "gpu_memset", {
        "bytes": "bytes", "graph_node_id": "graphNodeId",
    }),
    "CUPTI_ACTIVITY_KIND_GRAPH_TRACE": Work("graph", "gpu_graph", {"graph_id": "graphId"}),
    "CUPTI_ACTIVITY_KIND_MEM_DECOMPRESS": Work("memcpy", "gpu_decompress", {
        "bytes": "sourceBytes",
    }),
}  # fmt: skip
_INT32 = frozenset(
    field.name
    for field in tables.table("gpu_span").arrow_schema
    if field.type == pa.int32() and field.name != "device_id"
)


class DeviceWork(Spans):
    """Kernels, copies, fills and whole graphs: slices on the track of their stream."""

    def __init__(self, context: Context, table: str, launches: Launches) -> None:
        self._work, self._launches = WORKS[table], launches
        super().__init__(context, table, Kind(self._work.category, title=None))
        self._short = context.names()

    def _rows(self, columns: dict[str, pa.Array], kind: Kind) -> Iterator[Chunk]:
        rows = len(columns["start"])
        if not rows:
            return
        for name in ("deviceId", "contextId", "streamId"):
            columns.setdefault(name, nulls(rows, pa.int64()))
        columns = dict(columns)
        said: dict[str, pa.Array] = {}
        work: dict[str, pa.Array] = {}
        if self._work.category == "gpu_memcpy":
            name, tracks = self._copies(columns, work)
        else:
            name, tracks = self._named(columns, work), self._streams(columns)
        for column, source in self._work.columns.items():
            if source in columns:
                work[column] = columns.pop(source)
        if "static_shared_bytes" in work and "dynamic_shared_bytes" in work:
            work["shared_bytes"] = pc.add(work["static_shared_bytes"], work["dynamic_shared_bytes"])
        for chunk in self.rows(columns, name, tracks, kind, said):
            yield chunk
            yield self._gpu_rows(chunk.rows, columns, work)
            yield from self._launches.work(chunk.rows, columns["globalPid"])

    def args_of(self, columns: Mapping[str, pa.Array], kind: Kind) -> dict[str, pa.Array]:
        """Leave out what has a column of its own."""
        rest = {name: column for name, column in columns.items() if name not in _PLACES}
        return super().args_of(rest, kind)

    def _named(self, columns: dict[str, pa.Array], work: dict[str, pa.Array]) -> pa.Array:
        """Name kernels in full; the other kinds by what they do."""
        rows = len(columns["start"])
        if self._work.kind == "kernel":
            name = nulls(rows, pa.string())
            for column in ("demangledName", "shortName", "mangledName"):
                ids = columns.get(column)
                if ids is not None and name.null_count and ids.null_count < rows:
                    if name.null_count == rows:
                        columns.pop(column)
                        name = self.texts(column, ids)
                    else:
                        more = self.texts(column, ids)
                        name = pc.coalesce(name.cast(pa.string()), more.cast(pa.string()))
            return name
        if self._work.kind == "memset":
            memory = _memory(columns.pop("memKind", None), rows)
            work["dst_memory"] = memory
            return _worded(memory, lambda text: f"Memset ({_capital(text)})", "Memset")
        title = {"graph": "CUDA graph", "memcpy": "Memory decompression"}[self._work.kind]
        return picked(pa.array([title]), np.zeros(rows, np.int64))

    def _streams(self, columns: Mapping[str, pa.Array]) -> Int64:
        places = [columns[n] for n in ("globalPid", "deviceId", "contextId", "streamId")]
        track = self._context.actors.device_track
        return mapped(places, len(places[0]), lambda *key: track("gpu_stream", *key))

    def _copies(
        self, columns: dict[str, pa.Array], work: dict[str, pa.Array]
    ) -> tuple[pa.Array, Int64]:
        """Read copies; those of unified memory lie on a track of their own, on no stream."""
        rows = len(columns["start"])
        kinds = columns.pop("copyKind", None)
        if kinds is None:
            kinds = nulls(rows, pa.int64())
        found = distinct([kinds], rows)
        texts = [labels.COPY_KINDS.get(k, f"kind_{k}") if k is not None else "unknown"
                 for (k,) in found.keys]  # fmt: skip
        work["copy_kind"] = spelled(texts, found.codes)
        work["src_memory"] = _memory(columns.pop("srcKind", None), rows)
        work["dst_memory"] = _memory(columns.pop("dstKind", None), rows)
        name = self._copy_names(work, rows)
        is_uvm = np.array([k in labels.UVM_KINDS for (k,) in found.keys], np.bool_)[found.codes]
        if is_uvm.any():
            for column in ("contextId", "streamId"):
                columns[column] = where(filled(columns[column]), valid(columns[column]) & ~is_uvm)
        actors = self._context.actors

        def track(process: int | None, device: int | None, context: int | None,
                  stream: int | None, kind: int | None) -> int:  # fmt: skip
            if kind in labels.UVM_KINDS:
                return actors.device_track(
                    "gpu_unified_memory", process, device, None, None, "Unified memory"
                )
            return actors.device_track("gpu_stream", process, device, context, stream)

        places = [columns[n] for n in ("globalPid", "deviceId", "contextId", "streamId")]
        tracks = mapped([*places, kinds], rows, track)
        return name, tracks

    def _copy_names(self, work: Mapping[str, pa.Array], rows: int) -> pa.Array:
        found = distinct([work["copy_kind"], work["src_memory"], work["dst_memory"]], rows)
        names = []
        for kind, source, target in found.keys:
            name = labels.COPY_NAMES.get(kind, "Memcpy")
            if source and target and not kind.startswith("uvm"):
                name += f" ({_capital(source)} -> {_capital(target)})"
            names.append(name)
        texts = pa.array(names, pa.string())
        return pa.DictionaryArray.from_arrays(pa.array(found.codes.astype(np.int32)), texts)

    def _gpu_rows(
        self, spans: pa.RecordBatch, columns: Mapping[str, pa.Array], work: dict[str, pa.Array]
    ) -> Chunk:
        rows = spans.num_rows
        device = self._context.actors.device
        number = mapped(
            [columns["globalPid"], columns["deviceId"]], rows,
            lambda g, d: -1 if (found := device(g, d)) is None else found,
        )  # fmt: skip
        kind = picked(pa.array([self._work.kind]), np.zeros(rows, np.int64))
        whole = {
            "ordinal": spans["ordinal"],
            "kind": kind,
            "device_id": where(number, number >= 0, pa.int32()),
            "context_id": columns["contextId"],
            "stream_id": columns["streamId"],
            "correlation_id": spans["correlation_id"],
            **work,
        }
        arrays, fields = [], []
        for field in tables.table("gpu_span").arrow_schema:
            column = whole.get(field.name)
            if column is None:
                column = nulls(rows, field.type)
            elif field.name in _INT32:
                column = _narrow(column)
            arrays.append(column)
            fields.append(pa.field(field.name, column.type))
        return Chunk("gpu_span", pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields)))


def _narrow(column: pa.Array) -> pa.Array:
    """Give integers as int32; what does not fit is null."""
    try:
        return column.cast(pa.int32())
    except pa.ArrowInvalid:  # one does not fit
        pass
    numbers = filled(column)
    fits = (numbers >= -(1 << 31)) & (numbers < 1 << 31)
    return where(np.where(fits, numbers, 0), fits & valid(column), pa.int32())


def _memory(kinds: pa.Array | None, rows: int) -> pa.Array:
    if kinds is None or kinds.null_count == rows:
        return nulls(rows, pa.string())
    found = distinct([kinds], rows)
    texts = [None if k is None else labels.MEMORY_KINDS.get(k, f"kind_{k}") for (k,) in found.keys]
    return spelled(texts, found.codes)


def _worded(column: pa.Array, word: Callable[[str], str], missing: str) -> pa.Array:
    found = distinct([column], len(column))
    texts = pa.array([missing if t is None else word(t) for (t,) in found.keys], pa.string())
    return pa.DictionaryArray.from_arrays(pa.array(found.codes.astype(np.int32)), texts)


def _capital(text: str) -> str:
    return text.replace("_", " ").capitalize()


class Synchronization(DeviceWork):
    """Times in which the host waited for a stream, a context or an event: no work of a device."""

    def __init__(self, context: Context) -> None:
        Spans.__init__(self, context, "CUPTI_ACTIVITY_KIND_SYNCHRONIZATION", Kind("sync"))

    def _rows(self, columns: dict[str, pa.Array], kind: Kind) -> Iterator[Chunk]:
        rows = len(columns["start"])
        if not rows:
            return
        columns = dict(columns)
        for name in ("deviceId", "contextId", "streamId", "syncType"):
            columns.setdefault(name, nulls(rows, pa.int64()))
        if "eventId" in columns:
            event = columns["eventId"]
            columns["eventId"] = where(filled(event), valid(event) & (filled(event) != _NO_ID))
        found = distinct([columns.pop("syncType")], rows)
        texts = [labels.SYNC_NAMES.get(k, f"Synchronize ({k})") if k is not None else "Synchronize"
                 for (k,) in found.keys]  # fmt: skip
        name = picked(pa.array(texts), found.codes)
        track = self._context.actors.device_track
        places = [columns[n] for n in ("globalPid", "deviceId", "contextId", "streamId")]
        tracks = mapped(
            places, rows, lambda g, d, c, s: track("gpu_sync", g, d, c, s, _sync_title(s))
        )
        yield from self.rows(columns, name, tracks, kind)


def _sync_title(stream: int | None) -> str:
    if stream is None or stream == _NO_ID:
        return "Synchronization"
    return f"Synchronization of stream {stream}"
