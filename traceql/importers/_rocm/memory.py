"""Allocations and frees of device memory, whatever form they were read from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from traceql.importers._columns import filled, valid, where
from traceql.importers._rocm.names import worded
from traceql.importers._rocm.rows import Slices, Writer, allocations

if TYPE_CHECKING:
    from traceql.importers._columns import Int64
    from traceql.importers._rocm.trace import Trace
    from traceql.model.protocols import Chunk

_OPERATIONS = {
    "ALLOC": "alloc", "ALLOCATE": "alloc", "REALLOC": "alloc", "FREE": "free", "RECLAIM": "free",
}  # fmt: skip
_TITLES = {"memory_allocation": "Memory allocation", "scratch_memory": "Scratch memory"}


def operation_of(text: str | None) -> str | None:
    """Give alloc or free from the tool's word: MEMORY_ALLOCATION_VMEM_FREE, ASYNC_RECLAIM."""
    return _OPERATIONS.get((text or "").upper().rpartition("_")[2])


def pool_of(text: str | None) -> str | None:
    """Give the pool that an operation speaks of: vmem or scratch; None is memory as usual."""
    upper = (text or "").upper()
    if "SCRATCH" in upper:
        return "scratch"
    return "vmem" if "VMEM" in upper else None


def category_of(text: str | None) -> str:
    """Give the category of an operation's slice."""
    return "scratch_memory" if pool_of(text) == "scratch" else "memory_allocation"


@dataclass
class Operations:
    """A batch of operations; every column has a value for each row.

    Attributes:
        start: int64 ns, no nulls.
        end: int64 ns, no nulls.
        upids: int64 [n].
        tids: int64, null where unknown.
        devices: int64 [n], -1 where unknown.
        operations: the tool's words, such as MEMORY_ALLOCATION_FREE.
        sizes: int64 bytes.
        addresses: int64, null where unknown.
        correlation: int64.
        said: what else is told.
    """

    start: pa.Array
    end: pa.Array
    upids: Int64
    tids: pa.Array
    devices: Int64
    operations: pa.Array
    sizes: pa.Array
    addresses: pa.Array
    correlation: pa.Array
    said: Mapping[str, pa.Array]


@dataclass
class Memory:
    """Writes the memory operations of a trace: a slice and a row of `allocation` each.

    Args:
        trace: that is being read.
        is_cpu: tells whether a device is a CPU, whose memory is the host's.
    """

    trace: Trace
    is_cpu: Callable[[int], bool]
    _writer: Writer = field(init=False)

    def __post_init__(self) -> None:
        self._writer = Writer(self.trace)

    def chunks(self, batch: Operations) -> Iterator[Chunk]:
        """Give the rows of a batch; an operation that neither allocates nor frees is counted."""
        rows = len(batch.start)
        if not rows:
            return
        kinds = worded(batch.operations, operation_of).dictionary_decode()
        self.trace.diagnostics.count("allocation_without_kind", kinds.null_count)
        first = self.trace.next_ordinal
        categories = worded(batch.operations, category_of)
        yield from self._writer.slices(Slices(
            batch.start, batch.end, self._tracks(batch, categories), batch.operations, categories,
            batch.upids, batch.correlation, batch.said, role="",
        ))  # fmt: skip
        ordinals = np.arange(first, first + rows, dtype=np.int64)
        yield from allocations(ordinals, batch.start, kinds, {
            "upid": pa.array(batch.upids),
            "utid": self.trace.actors.utids(batch.upids, batch.tids),
            "device_id": self._on_device(batch.devices),
            "address": batch.addresses,
            "bytes": _known(batch.sizes, kinds),
            "pool": worded(batch.operations, pool_of).dictionary_decode(),
        })  # fmt: skip

    def _tracks(self, batch: Operations, categories: pa.DictionaryArray) -> Int64:
        nothing = pa.nulls(len(batch.upids), pa.int64())
        tracks = np.empty(len(batch.upids), np.int64)
        for number, kind in enumerate(categories.dictionary.to_pylist()):
            here = categories.indices.to_numpy() == number
            few = nothing.slice(0, int(here.sum()))
            title = _TITLES[kind]
            tracks[here] = self.trace.actors.device_tracks(
                batch.upids[here], batch.devices[here], few, few, kind, lambda *_, t=title: t
            )
        return tracks

    def _on_device(self, devices: Int64) -> pa.Array:
        """Give the device of memory, null for that of a host."""
        of_host = [number for number in np.unique(devices).tolist() if self.is_cpu(number)]
        return where(devices, (devices >= 0) & ~np.isin(devices, of_host), pa.int32())


def _known(sizes: pa.Array, kinds: pa.Array) -> pa.Array:
    """Give sizes; a free of 0 bytes is one whose size the tool does not know."""
    frees = pc.fill_null(pc.equal(kinds, "free"), fill_value=False)
    number = filled(sizes)
    unknown = frees.to_numpy(zero_copy_only=False) & (number == 0)
    return where(number, valid(sizes) & ~unknown)
