"""Device memory: allocations, pools, and faults of unified memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from traceql.importers._columns import (
    distinct,
    filled,
    filtered,
    mapped,
    picked,
    valid,
    where,
)
from traceql.importers.nsight.calls import Kind, Spans
from traceql.importers.nsight.labels import MEMORY_KINDS
from traceql.model import tables
from traceql.model.protocols import Chunk

if TYPE_CHECKING:
    from traceql.importers.nsight.context import Context

USAGE = "CUDA_GPU_MEMORY_USAGE_EVENTS"
POOL = "CUDA_GPU_MEMORY_POOL_EVENTS"
_OPERATIONS = pa.array(["alloc", "free"])
_WANTED = (
    "start", "globalPid", "deviceId", "address", "bytes", "memKind", "memoryOperationType",
    "localMemoryPoolSize", "localMemoryPoolUtilizedSize",
)  # fmt: skip
INSTANTS = {
    "CUDA_UM_CPU_PAGE_FAULT_EVENTS": Kind("um_cpu_page_fault", title="CPU page fault"),
    POOL: Kind("memory_pool", title="Memory pool"),
    "NET_IB_SWITCH_CONGESTION_EVENT": Kind("net_congestion", title="Congestion"),
}
"""Tables with a start and no end: instants of a process."""


def allocations(context: Context) -> Iterator[Chunk]:
    """Give allocations and frees; a size in host memory belongs to no device."""
    for columns in context.batches(USAGE, _WANTED):
        operation = filled(columns["memoryOperationType"], -1)
        known = np.isin(operation, (0, 1)) & valid(columns["start"])
        context.diagnostics.count("allocation_without_kind", int((~known).sum()))
        if not known.any():
            continue
        yield _allocations(context, filtered(columns, known), operation[known])


def _allocations(context: Context, columns: dict[str, pa.Array], operation: np.ndarray) -> Chunk:
    rows = len(operation)
    actors = context.actors
    found = distinct([columns["memKind"]], rows)
    pools = [None if k is None else MEMORY_KINDS.get(k, f"kind_{k}") for (k,) in found.keys]
    device = mapped(
        [columns["globalPid"], columns["deviceId"]], rows,
        lambda g, d: -1 if (number := actors.device(g, d)) is None else number,
    )  # fmt: skip
    on_host = np.isin(filled(columns["memKind"], -1), (0, 1))
    size = columns["bytes"]
    return Chunk("allocation_event", tables.conform("allocation_event", {
        "ordinal": context.ordinals(rows),
        "ts": columns["start"],
        "upid": actors.processes(columns["globalPid"]),
        "device_id": where(device, (device >= 0) & ~on_host, pa.int32()),
        "kind": _OPERATIONS.take(pa.array(operation)),
        "address": columns["address"],
        "bytes": where(np.abs(filled(size)), valid(size)),
        "total_bytes": columns["localMemoryPoolUtilizedSize"],
        "reserved_bytes": columns["localMemoryPoolSize"],
        "pool": pa.array(pools, pa.string()).take(pa.array(found.codes)),
    }))  # fmt: skip


class Instants(Spans):
    """Reads a table whose rows have a start only."""

    def __init__(self, context: Context, table: str) -> None:
        super().__init__(context, table, INSTANTS[table])

    def chunks(self) -> Iterator[Chunk]:
        """Give the rows as slices of length 0 on a track of their process."""
        actors, kind = self._context.actors, self._kind
        title = kind.category.replace("_", " ")

        def track(owner: int | None) -> int:
            return actors.process_track(owner, kind.category, title)

        for given in self._context.batches(self._table, ("start", "globalPid", "globalTid")):
            columns, _ = self.timed(given | {"end": given["start"]})
            rows = len(columns["start"])
            if not rows:
                continue
            owner = pc.coalesce(columns["globalTid"], columns["globalPid"])
            tracks = mapped([owner], rows, track)
            name = picked(pa.array([kind.title]), np.zeros(rows, np.int64))
            yield from self.rows(columns, name, tracks, kind)
