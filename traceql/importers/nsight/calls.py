"""Tables of host calls and other spans that are told apart by their columns alone.

Any table with a start and an end becomes slices: its name is in `nameId`, `textId`, `text` or
`name`, its thread in `globalTid`, and every other column goes to the args under its own name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from traceql.importers._columns import distinct, filled, filtered, mapped, spelled, valid
from traceql.importers._packing import Args, span_rows
from traceql.model.lean_arrow import nulls
from traceql.model.protocols import Chunk

if TYPE_CHECKING:
    from traceql.importers._columns import Int64
    from traceql.importers.nsight.context import Context
    from traceql.importers.nsight.strings import Names

THREAD, SIDE, PROCESS, GPU = "thread", "side", "process", "gpu"


class Kind(NamedTuple):
    """How the rows of a table are shown."""

    category: str
    lane: str = THREAD
    """THREAD: among the calls of the thread; SIDE: beside them; PROCESS, GPU: on their own."""
    title: str | None = None
    """Name of rows without one."""
    chains: str | None = None
    """Table of the call chains that `callchainId` speaks of."""


KNOWN: dict[str, Kind] = {
    "CUBLAS_EVENTS": Kind("cublas"),
    "CUDNN_EVENTS": Kind("cudnn"),
    "MPI_P2P_EVENTS": Kind("mpi"),
    "MPI_COLLECTIVES_EVENTS": Kind("mpi"),
    "MPI_START_WAIT_EVENTS": Kind("mpi"),
    "MPI_OTHER_EVENTS": Kind("mpi"),
    "UCP_SUBMIT_EVENTS": Kind("ucx"),
    "UCP_PROGRESS_EVENTS": Kind("ucx"),
    "UCP_EVENTS": Kind("ucx", SIDE),
    "OSRT_API": Kind("osrt", chains="OSRT_CALLCHAINS"),
    "SYSCALL": Kind("syscall", chains="SYSCALL_CALLCHAINS"),
    "CUPTI_ACTIVITY_KIND_OPENACC_DATA": Kind("openacc"),
    "CUPTI_ACTIVITY_KIND_OPENACC_LAUNCH": Kind("openacc"),
    "CUPTI_ACTIVITY_KIND_OPENACC_OTHER": Kind("openacc"),
    "CUPTI_ACTIVITY_KIND_JIT": Kind("cuda_jit", SIDE, "CUDA JIT"),
    "CUPTI_ACTIVITY_KIND_OVERHEAD": Kind("overhead", SIDE, "CUDA overhead"),
    "PROFILER_OVERHEAD": Kind("overhead", SIDE, "Profiler overhead"),
    "CUDA_GRAPH_NODE_EVENTS": Kind("cuda_graph", SIDE),
    "CUDA_GRAPH_EVENTS": Kind("cuda_graph", SIDE),
    "CUDA_HOST_CALLBACK": Kind("cuda_host_callback", SIDE, "Host callback"),
    "CUPTI_ACTIVITY_KIND_GRAPH_HOST_NODE_AND_HOST_LAUNCH": Kind(
        "cuda_host_node", PROCESS, "Graph host node"
    ),
    "OPENGL_API": Kind("opengl"),
    "OPENGL_WORKLOAD": Kind("opengl_workload", GPU),
    "VULKAN_API": Kind("vulkan"),
    "VULKAN_DEBUG_API": Kind("vulkan_debug", SIDE),
    "VULKAN_WORKLOAD": Kind("vulkan_workload", GPU),
    "DX12_API": Kind("dx12"),
    "DX12_WORKLOAD": Kind("dx12_workload", GPU),
    "DX12_MEMORY_OPERATION": Kind("dx12_memory", SIDE),
    "DXGI_API": Kind("dxgi"),
    "D3D11_PIX_DEBUG_API": Kind("d3d11_debug", SIDE),
    "D3D12_PIX_DEBUG_API": Kind("d3d12_debug", SIDE),
    "KHR_DEBUG_EVENTS": Kind("opengl_debug", SIDE),
    "NVVIDEO_ENCODER_API": Kind("nvvideo"),
    "NVVIDEO_DECODER_API": Kind("nvvideo"),
    "NVVIDEO_JPEG_API": Kind("nvvideo"),
    "GPU_VIDEO_ENGINE_WORKLOAD": Kind("video_engine", GPU),
    "CUDA_UM_GPU_PAGE_FAULT_EVENTS": Kind("um_gpu_page_fault", GPU, "GPU page fault"),
    "CUPTI_ACTIVITY_KIND_BLOCK_TRACE": Kind("cuda_block", GPU, "Block"),
    "CUPTI_ACTIVITY_KIND_BLOCK_PHASE_TRACE": Kind("cuda_block_phase", GPU, "Block"),
    "CUPTI_ACTIVITY_KIND_WARP_TRACE": Kind("cuda_warp", GPU, "Warp"),
    "CUPTI_ACTIVITY_KIND_WARP_PHASE_TRACE": Kind("cuda_warp_phase", GPU, "Warp"),
}
STRINGS = frozenset({"nameId", "textId", "jsonTextId", "sourceFile", "module", "CpuInstruction",
                     "filenameId", "apiCallId", "mangledName", "shortName", "demangledName",
                     "argumentsId", "markerId", "messageId"})  # fmt: skip
"""Columns that hold ids of StringIds."""
UNSIGNED = frozenset({"address", "virtualAddress", "pc", "originalIP", "originalFaultPc",
                      "unresolvedFaultPc", "color"})  # fmt: skip
_PLACES = ("start", "end", "globalTid", "globalPid", "correlationId", "eventClass")


class Spans:
    """Reads one such table.

    Args:
        context: the export.
        table: its name.
        kind: how it is shown; None: it is not known.
    """

    def __init__(self, context: Context, table: str, kind: Kind | None = None) -> None:
        self._context, self._table = context, table
        owner = THREAD if "globalTid" in context.columns(table) else PROCESS
        self._kind = kind or Kind(table.lower(), SIDE if owner == THREAD else PROCESS, table)
        self._args = Args()
        self._names: dict[str, Names] = {}

    def chunks(self) -> Iterator[Chunk]:
        """Give the rows; those without an end are begins that nothing ends."""
        kind = self._kind
        for columns in self._context.batches(self._table, _PLACES):
            whole, without_end = self.timed(columns)
            if without_end is not None:
                yield from self._rows(without_end, kind)
            yield from self._rows(whole, kind)

    def timed(
        self, columns: dict[str, pa.Array]
    ) -> tuple[dict[str, pa.Array], dict[str, pa.Array] | None]:
        """Leave rows without a start out; tell rows with an end from those without."""
        start, end = columns["start"], columns["end"]
        if start.null_count:
            self._context.diagnostics.count("slice_without_start", start.null_count)
            columns = filtered(columns, valid(start))
            end = columns["end"]
        if not end.null_count:
            return columns, None
        has = valid(end)
        return filtered(columns, has), filtered(columns, ~has)

    def _rows(self, columns: dict[str, pa.Array], kind: Kind) -> Iterator[Chunk]:
        rows = len(columns["start"])
        if not rows:
            return
        columns = dict(columns)
        given, tracks = self.title(columns, kind), self._tracks(columns, kind)
        yield from self.rows(columns, given, tracks, kind)

    def rows(
        self,
        columns: Mapping[str, pa.Array],
        name: pa.Array,
        tracks: Int64,
        kind: Kind,
        more: Mapping[str, pa.Array] | None = None,
    ) -> Iterator[Chunk]:
        """Give the rows of one batch, either all with an end or all without.

        Args:
            columns: of the table; what has no place of its own goes to the args.
            name: of each row.
            tracks: of each row.
            kind: how the table is shown.
            more: further args, which come first.
        """
        start, end, rows = filled(columns["start"]), columns["end"], len(name)
        said: dict[str, pa.Array] = dict(more or {})
        found: dict[str, pa.Array | np.ndarray] = {}
        if end.null_count == rows:
            found["is_end"] = pa.array(np.zeros(rows, np.bool_))
        else:
            found["dur"], late = self.lengths(start, filled(end))
            if late is not None:
                said["end"] = late
        correlation = columns.get("correlationId")
        if correlation is not None and correlation.null_count < rows:
            numbers = filled(correlation)
            found["correlation_id"] = pa.array(numbers, mask=(numbers == 0) | ~valid(correlation))
        said |= self.args_of(columns, kind)
        category = pa.DictionaryArray.from_arrays(
            pa.array(np.zeros(rows, np.int32)), pa.array([kind.category])
        )
        found |= {
            "ordinal": self._context.ordinals(rows),
            "ts": start,
            "track_id": tracks,
            "name": name,
            "category": category,
        }
        packed = self._args.pack(said, rows)
        yield Chunk("edge" if "is_end" in found else "span", span_rows(found, packed))

    def lengths(self, start: Int64, end: Int64) -> tuple[Int64, pa.Array | None]:
        """Give lengths; where a row ends before it starts 0, and its end."""
        length = end - start
        late = length < 0
        if not late.any():
            return length, None
        self._context.diagnostics.count("slice_negative_duration", int(late.sum()))
        return np.where(late, 0, length), pa.array(end, mask=~late)

    def title(self, columns: dict[str, pa.Array], kind: Kind) -> pa.Array:
        """Take the name of each row out of the columns."""
        rows = len(columns["start"])
        name: pa.Array | None = None
        for column in ("text", "nameId", "textId", "name"):
            given = columns.get(column)
            if given is None or given.null_count == rows:
                columns.pop(column, None)
                continue
            if pa.types.is_integer(given.type):
                given = self.texts(column, given)
            if name is None:
                del columns[column]
                name = given
            elif name.null_count:
                del columns[column]
                name = pc.coalesce(name.cast(pa.string()), given.cast(pa.string()))
        if name is None:
            name = nulls(rows, pa.string())
        if kind.title is not None and name.null_count:
            name = pc.coalesce(name.cast(pa.string()), pa.scalar(kind.title))
        return name

    def texts(self, column: str, ids: pa.Array) -> pa.Array:
        """Look ids of StringIds up."""
        if column not in self._names:
            self._names[column] = self._context.names()
        return self._names[column](ids)

    def args_of(self, columns: Mapping[str, pa.Array], kind: Kind) -> dict[str, pa.Array]:
        """Give the columns without a place of their own, enumerations and texts in words."""
        said = {}
        for name, column in columns.items():
            if name in _PLACES or column.null_count == len(column):
                continue
            if name in STRINGS and pa.types.is_integer(column.type):
                said[name.removesuffix("Id")] = self.texts(name, column)
            elif name == "callchainId":
                said |= self._chain(column, kind)
            else:
                said[name] = labelled(self._context, self._table, name, column)
        return said

    def _chain(self, column: pa.Array, kind: Kind) -> dict[str, pa.Array]:
        """Give the call chain of each row by its number and by its leaf frame."""
        ids = filled(column)
        none = ids == 0
        if none.all():
            return {}
        chains = pa.array(ids, mask=none)
        said = {"callchainId": chains}
        leaves = self._context.frames.get(kind.chains or "")
        if leaves is not None:
            leaf = np.where(none, -1, leaves.of(ids))
            said["frame_id"] = pa.array(leaf, mask=leaf < 0)
        return said

    def _tracks(self, columns: dict[str, pa.Array], kind: Kind) -> Int64:
        actors = self._context.actors
        thread, process = columns["globalTid"], columns["globalPid"]
        if kind.lane == THREAD:
            return actors.thread_tracks(thread)
        owner = pc.coalesce(thread, process)
        if kind.lane == SIDE:
            return actors.thread_tracks(owner, kind.category, _words(kind.category))
        rows = len(owner)
        if kind.lane == PROCESS:
            title = _words(kind.category)
            return mapped([owner], rows, lambda g: actors.process_track(g, kind.category, title))
        device = columns.get("deviceId", columns.get("gpu", columns.get("gpuId")))
        if device is None:
            device = nulls(rows, pa.int64())
        title = _words(kind.category)
        return mapped(
            [owner, device], rows,
            lambda g, d: actors.device_track(kind.category, g, d, None, None, title),
        )  # fmt: skip


def labelled(context: Context, table: str, name: str, column: pa.Array) -> pa.Array:
    """Give an enumerated column in words, an unsigned one without a sign, any other as it is."""
    if not pa.types.is_integer(column.type):
        return column
    if name in UNSIGNED and (filled(column) < 0).any():
        return column.view(pa.uint64())
    labels = context.labels.of(table, name)
    if labels is None:
        return column
    found = distinct([column], len(column))
    texts = [None if v is None else labels.get(v, str(v)) for (v,) in found.keys]
    return spelled(texts, found.codes)


def _words(category: str) -> str:
    return category.replace("_", " ")
