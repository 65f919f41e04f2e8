"""Tables of what devices did: kernels, copies, memory and scratch memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from traceql.importers._csv import hexadecimal
from traceql.importers._rocm.memory import Memory, Operations
from traceql.importers._rocm.names import copy_kind_of, worded
from traceql.importers._rocm.rows import timed
from traceql.importers._rocm.work import Device, Launch, Place, copying_devices

if TYPE_CHECKING:
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


def memory(run: Run, table: Table) -> Iterator[Chunk]:
    """Give allocations and frees, of device memory or of scratch memory."""
    writer = Memory(run.trace, run.is_cpu)
    for columns in table.batches():
        numbered(table, columns, (*TIMES, "correlation_id", "allocation_size", "thread_id",
                                  "queue_id"))  # fmt: skip
        rows = timed(run.trace, columns, "=start_timestamp", "=end_timestamp")
        upids = run.owners(rows["=thread_id"], table.take(dict(rows), "guid"))
        operations = table.take(rows, "operation")
        devices = run.devices(table.take(rows, "agent_id"))
        plain = {name: column for name, column in rows.items() if not name.startswith("=")}
        sizes, tids = rows["=allocation_size"], rows["=thread_id"]
        more = {"Allocation_Size": sizes, "Thread_Id": tids, "Queue_Id": rows["=queue_id"]}
        yield from writer.chunks(Operations(
            rows["=start_timestamp"], rows["=end_timestamp"], upids, tids, devices, operations,
            sizes, hexadecimal(table.take(dict(rows), "address")), rows["=correlation_id"],
            without_guid(table.rest(plain)) | more,
        ))  # fmt: skip
