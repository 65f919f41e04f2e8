"""Tables of what devices did: kernels, copies, memory and scratch memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from traceql.importers._columns import filled, valid, where
from traceql.importers._csv import hexadecimal
from traceql.importers._rocm.names import constant, copy_kind_of, worded
from traceql.importers._rocm.rows import Slices, Writer, allocations, timed
from traceql.importers._rocm.work import Device, Launch, Place, copying_devices

if TYPE_CHECKING:
    from traceql.importers._columns import Int64
    from traceql.importers.rocprofv3.runs import Run, Table
    from traceql.model.protocols import Chunk

TIMES = ("start_timestamp", "end_timestamp")
_XYZ = ("x", "y", "z")


def numbered(table: Table, columns: dict[str, pa.Array], names: tuple[str, ...]) -> None:
    """Replace columns of texts by integers, under `=name`."""
    for name in names:
        columns[f"={name}"] = table.integers(table.take(columns, name))


def kernels(run: Run, table: Table) -> Iterator[Chunk]:
    """Give the dispatches of a file."""
    device = Device(run.trace)
    for columns in table.batches():
        groups = tuple(f"workgroup_size_{x}" for x in _XYZ)
        numbered(table, columns, (*TIMES, "queue_id", "stream_id", "thread_id", "dispatch_id",
                                  "correlation_id", *groups))  # fmt: skip
        rows = timed(run.trace, columns, "=start_timestamp", "=end_timestamp")
        if not len(rows["=start_timestamp"]):
            continue
        names, agents = table.take(rows, "kernel_name"), table.take(rows, "agent_id")
        upids = run.owners(rows["=thread_id"], table.take(dict(rows), "guid"))
        run.met(upids, rows["=dispatch_id"], names)
        place = Place(
            rows.pop("=start_timestamp"), rows.pop("=end_timestamp"), upids, run.devices(agents),
            rows.pop("=queue_id"), rows.pop("=stream_id"), rows.pop("=correlation_id"),
        )  # fmt: skip
        launch, said = _launch(table, rows, tuple(rows.pop(f"={name}") for name in groups))
        yield from device.kernels(place, names, launch, said)


def _launch(
    table: Table, rows: dict[str, pa.Array], group: tuple[pa.Array, ...]
) -> tuple[Launch, dict[str, pa.Array]]:
    """Take the columns of the launch; those that lose something stay among what is said."""
    said = without_guid(table.rest({n: c for n, c in rows.items() if not n.startswith("=")}))
    said["Dispatch_Id"], said["Thread_Id"] = rows["=dispatch_id"], rows["=thread_id"]
    lower = {name.lower(): name for name in said}
    kept = {name: said[key] for name, key in lower.items()}
    nothing = pa.nulls(len(rows["=dispatch_id"]), pa.int64())
    grid = tuple(whole(kept.get(f"grid_size_{x}"), nothing) for x in _XYZ)
    launch = Launch(
        (grid[0], grid[1], grid[2]), (group[0], group[1], group[2]),
        whole(kept.get("vgpr_count"), nothing),
        whole(kept.get("lds_block_size", kept.get("group_segment_size")), nothing),
    )  # fmt: skip
    for name in ("vgpr_count", "lds_block_size", "group_segment_size"):
        said.pop(lower.get(name, ""), None)
    return launch, said


def whole(column: pa.Array | None, nothing: pa.Array) -> pa.Array:
    """Give a column of integers, or nulls where it is none."""
    return column if column is not None and column.type == pa.int64() else nothing


def without_guid(columns: dict[str, pa.Array]) -> dict[str, pa.Array]:
    """Leave out what tells the process, which the track tells."""
    return {name: column for name, column in columns.items() if name.lower() != "guid"}


def copies(run: Run, table: Table) -> Iterator[Chunk]:
    """Give the copies of a file, which does not tell their sizes."""
    device = Device(run.trace)
    for columns in table.batches():
        numbered(table, columns, (*TIMES, "stream_id", "correlation_id"))
        rows = timed(run.trace, columns, "=start_timestamp", "=end_timestamp")
        count = len(rows["=start_timestamp"])
        if not count:
            continue
        nothing = pa.nulls(count, pa.int64())
        kinds = worded(pc.coalesce(table.take(dict(rows), "direction"), pa.scalar("")),
                       copy_kind_of)  # fmt: skip
        sources = table.take(dict(rows), "source_agent_id")
        targets = table.take(dict(rows), "destination_agent_id")
        devices = copying_devices(kinds, run.devices(sources), run.devices(targets))
        upids = run.owners(nothing, table.take(dict(rows), "guid"))
        place = Place(
            rows.pop("=start_timestamp"), rows.pop("=end_timestamp"), upids, devices, nothing,
            rows.pop("=stream_id"), rows.pop("=correlation_id"),
        )  # fmt: skip
        yield from device.copies(place, kinds, None, without_guid(table.rest(rows)))


_OPERATIONS = {"ALLOC": "alloc", "ALLOCATE": "alloc", "FREE": "free", "RECLAIM": "free"}


def operation_of(text: str | None) -> str | None:
    """Give alloc or free from the tool's word: MEMORY_ALLOCATION_VMEM_FREE, ASYNC_RECLAIM."""
    return _OPERATIONS.get((text or "").upper().rpartition("_")[2])


def pool_of(text: str | None) -> str | None:
    """Give the pool that an operation speaks of: vmem or scratch; None is memory as usual."""
    upper = (text or "").upper()
    if "SCRATCH" in upper:
        return "scratch"
    return "vmem" if "VMEM" in upper else None


def allocated(run: Run, table: Table) -> Iterator[Chunk]:
    """Give allocations and frees, and the calls that made them as slices of their process."""
    yield from _memory(run, table, "memory_allocation", "Memory allocation")


def scratch(run: Run, table: Table) -> Iterator[Chunk]:
    """Give allocations of scratch memory on the track of their queue."""
    yield from _memory(run, table, "scratch_memory", "Scratch memory")


def _memory(run: Run, table: Table, category: str, title: str) -> Iterator[Chunk]:
    writer = Writer(run.trace)
    for columns in table.batches():
        numbered(table, columns, (*TIMES, "correlation_id", "allocation_size", "thread_id",
                                  "queue_id"))  # fmt: skip
        rows = timed(run.trace, columns, "=start_timestamp", "=end_timestamp")
        count = len(rows["=start_timestamp"])
        if not count:
            continue
        upids = run.owners(rows["=thread_id"], table.take(dict(rows), "guid"))
        operations = table.take(rows, "operation")
        kinds = worded(operations, operation_of).dictionary_decode()
        run.trace.diagnostics.count("allocation_without_kind", kinds.null_count)
        devices = run.devices(table.take(rows, "agent_id"))
        sizes, said = rows["=allocation_size"], without_guid(table.rest(
            {name: column for name, column in rows.items() if not name.startswith("=")}
        ))  # fmt: skip
        address = hexadecimal(table.take(dict(rows), "address"))
        ordinals = run.trace.next_ordinal
        yield from writer.slices(Slices(
            rows["=start_timestamp"], rows["=end_timestamp"],
            _tracks(run, upids, devices, category, title), operations,
            constant(category, count), upids, rows["=correlation_id"],
            said | {"Allocation_Size": sizes, "Thread_Id": rows["=thread_id"],
                    "Queue_Id": rows["=queue_id"]}, role="",
        ))  # fmt: skip
        utids = run.trace.actors.utids(upids, rows["=thread_id"])
        yield from allocations(
            np.arange(ordinals, ordinals + count, dtype=np.int64), rows["=start_timestamp"], kinds,
            {"upid": pa.array(upids), "utid": utids, "device_id": on_device(run, devices),
             "address": address, "bytes": known_sizes(sizes, kinds),
             "pool": worded(operations, pool_of).dictionary_decode()},
        )  # fmt: skip


def known_sizes(sizes: pa.Array, kinds: pa.Array) -> pa.Array:
    """Give sizes; a free of 0 bytes is one whose size the tool does not know."""
    is_free = pc.fill_null(pc.equal(kinds, "free"), fill_value=False).to_numpy(zero_copy_only=False)
    number = filled(sizes)
    return where(number, valid(sizes) & ~(is_free & (number == 0)))


def on_device(run: Run, devices: Int64) -> pa.Array:
    """Give the device of memory, null for that of a host."""
    of_host = [number for number in np.unique(devices).tolist() if run.is_cpu(number)]
    return where(devices, (devices >= 0) & ~np.isin(devices, of_host), pa.int32())


def _tracks(run: Run, upids: Int64, devices: Int64, kind: str, title: str) -> Int64:
    rows = len(upids)
    nothing = pa.nulls(rows, pa.int64())
    return run.trace.actors.device_tracks(upids, devices, nothing, nothing, kind, lambda *_: title)
