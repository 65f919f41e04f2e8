"""Counter values of dispatches, and samples of program counters."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from traceql.importers._columns import distinct, filtered, mapped, valid
from traceql.importers._csv import numbers
from traceql.importers._rocm.names import constant, worded
from traceql.importers._rocm.rows import counters, narrow
from traceql.importers._rocm.work import Device, Launch, Place
from traceql.importers.rocprofv3.device import TIMES, numbered, without_guid
from traceql.model import tables
from traceql.model.protocols import Chunk

if TYPE_CHECKING:
    from traceql.importers._columns import Int64
    from traceql.importers.rocprofv3.runs import Run, Table

_PLACE = re.compile(r"^(.+):(\d{1,9})$", re.DOTALL)
_PREFIXES = re.compile(r"^ROCPROFILER_PC_SAMPLING_INSTRUCTION_(?:TYPE|NOT_ISSUED_REASON)_")
_IDS = ("dispatch_id", "queue_id", "process_id", "thread_id", "correlation_id")


def counter_values(run: Run, table: Table) -> Iterator[Chunk]:
    """Give a counter sample for each value, and the dispatches that no other file tells of.

    Values are as written: one counter has a row for each instance of its block.
    """
    device = Device(run.trace)
    for columns in table.batches():
        numbered(table, columns, (*TIMES, *_IDS))
        values, bad = numbers(table.take(columns, "counter_value"))
        run.trace.diagnostics.count("csv_value_unread", bad)
        columns["=value"] = values
        timed = valid(columns["=start_timestamp"]) & valid(columns["=end_timestamp"])
        timed &= columns["=start_timestamp"].fill_null(0).to_numpy() != 0
        if not timed.all():
            run.trace.diagnostics.count("counter_without_time", int((~timed).sum()))
            yield from _profile(run, table, filtered(columns, ~timed))
        if timed.any():
            yield from _counted(run, table, filtered(columns, timed), device)


def _counted(run: Run, table: Table, rows: dict[str, pa.Array], device: Device) -> Iterator[Chunk]:
    guids = table.take(dict(rows), "guid")
    pids = rows["=process_id"]
    if pids.null_count == len(pids):
        upids = run.owners(rows["=thread_id"], guids)
    else:
        upids = run.upids(pids, rows["=thread_id"], guids)
    devices = run.devices(table.take(dict(rows), "agent_id"))
    fresh = run.unmet(upids, rows["=dispatch_id"])
    if fresh.any():
        part = filtered(rows, fresh)
        yield from _dispatches(run, table, part, device, upids[fresh], devices[fresh])
    names = table.take(rows, "counter_name")

    def track(name: str | None, number: int, upid: int) -> int:
        return run.trace.actors.counter_track(
            (name, number, upid), name or "?", upid=upid,
            device_id=None if number < 0 else number, args={"source": "dispatch"},
        )  # fmt: skip

    tracks = mapped([names, pa.array(devices), pa.array(upids)], len(names), track)
    yield from counters(
        run.trace, rows["=start_timestamp"], tracks, rows["=value"],
        of_dispatch(rows["=dispatch_id"]),
    )  # fmt: skip


def of_dispatch(numbers: pa.Array) -> pa.Array:
    """Give args that name a dispatch, null where there is none."""
    return pc.binary_join_element_wise('{"Dispatch_Id":', numbers.cast(pa.string()), "}", "")


def _dispatches(
    run: Run, table: Table, rows: dict[str, pa.Array], device: Device, upids: Int64,
    devices: Int64,
) -> Iterator[Chunk]:  # fmt: skip
    """Give the kernels; sizes of grid and group are products of three, so they stay in args."""
    names = table.take(rows, "kernel_name")
    run.met(upids, rows["=dispatch_id"], names)
    nothing = pa.nulls(len(names), pa.int64())
    table.take(rows, "counter_name")
    table.take(rows, "agent_id")
    registers = table.integers(table.take(rows, "vgpr_count"))
    shared = table.integers(table.take(rows, "lds_block_size"))
    place = Place(
        rows["=start_timestamp"], rows["=end_timestamp"], upids, devices, rows["=queue_id"],
        nothing, rows["=correlation_id"],
    )  # fmt: skip
    rest = {name: column for name, column in rows.items() if not name.startswith("=")}
    said = without_guid(table.rest(rest))
    said |= {"Dispatch_Id": rows["=dispatch_id"], "Thread_Id": rows["=thread_id"]}
    launch = Launch(registers=registers, shared_bytes=shared)
    yield from device.kernels(place, names, launch, said)


def _profile(run: Run, table: Table, rows: dict[str, pa.Array]) -> Iterator[Chunk]:
    """Give values of dispatches without times as rows of `profile`."""
    assert run.profile is not None
    names, values = table.take(rows, "counter_name"), rows["=value"]
    group = without_guid(table.rest({n: c for n, c in rows.items() if not n.startswith("=")}))
    group |= {"Dispatch_Id": rows["=dispatch_id"], "Process_Id": rows["=process_id"]}
    found = distinct([names], len(names))
    for place, (name,) in enumerate(found.keys):
        which = found.codes == place
        part = filtered({**group, "=value": values}, which)
        value = part.pop("=value")
        yield from run.profile.measures(part, {name or "?": value}, {name or "?": ""})


def pc_samples(run: Run, table: Table) -> Iterator[Chunk]:
    """Give samples of waves: a frame for the kernel, where its dispatch is known, and one for
    the instruction; the state of a stochastic sample is why its wave stalled.
    """  # noqa: D205
    for columns in table.batches():
        numbered(table, columns, ("sample_timestamp", "dispatch_id"))
        has = valid(columns["=sample_timestamp"])
        run.trace.diagnostics.count("sample_without_time", int((~has).sum()))
        rows = filtered(columns, has)
        count = len(rows["=sample_timestamp"])
        if not count:
            continue
        run.trace.diagnostics.count("pc_sample_fields", count)
        kernels = run.kernel_names(rows["=dispatch_id"])
        frames = mapped(
            [kernels, table.take(rows, "instruction"), table.take(rows, "instruction_comment")],
            count, lambda *key: _frame(run, *key),
        )  # fmt: skip
        yield sampled(run.trace.ordinals(count), rows["=sample_timestamp"], frames, worded(
            table.take(rows, "stall_reason"), stall_of
        ))  # fmt: skip


def _frame(run: Run, kernel: str | None, instruction: str | None, comment: str | None) -> int:
    parent = None if kernel is None else run.all_frames.number(None, kernel)
    return run.all_frames.number(parent, instruction, **place_of(comment))


def place_of(comment: str | None) -> Mapping[str, Any]:
    """Give file and line of an instruction's comment."""
    found = _PLACE.match(comment or "")
    if found is None:
        return {"file": comment} if comment else {}
    return {"file": found[1], "line": int(found[2])}


def stall_of(text: str | None) -> str | None:
    """Give the reason of a stall without the tool's prefix; None where the wave did not stall."""
    if not text:
        return None
    return _PREFIXES.sub("", text).lower()


def sampled(ordinals: Int64, ts: pa.Array, frames: Int64, states: pa.Array) -> Chunk:
    """Give rows of `sample_event` that weigh 1 each."""
    rows = len(ordinals)
    return Chunk("sample_event", tables.conform("sample_event", {
        "ordinal": pa.array(ordinals),
        "ts": ts,
        "frame_id": narrow(pa.array(frames)),
        "weight": pa.array(np.ones(rows)),
        "weight_unit": constant("samples", rows),
        "state": states,
    }))  # fmt: skip
