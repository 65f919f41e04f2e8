"""Rows of each kind of record of the JSON form."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from traceql.importers._columns import filled, filtered, mapped, valid
from traceql.importers._rocm.memory import Memory, Operations
from traceql.importers._rocm.names import category_of, copy_kind_of, worded
from traceql.importers._rocm.rows import Slices, Writer, counters, timed
from traceql.importers._rocm.work import Device, Launch, Place, copying_devices
from traceql.importers.rocprofv3.counting import of_dispatch, place_of, sampled
from traceql.importers.rocprofv3.records import Batch, member, signed

if TYPE_CHECKING:
    from traceql.importers._columns import Int64
    from traceql.importers._rocm.frames import Frames
    from traceql.importers._rocm.trace import Trace
    from traceql.importers.rocprofv3.json_run import Process
    from traceql.model.protocols import Chunk

_XYZ = ("x", "y", "z")
_INFO = ("kernel_id", "dispatch_id", "private_segment_size", "group_segment_size")
_U64 = 1 << 64


class Tables:
    """Turns the records of one process into rows.

    Args:
        trace: that is being read.
        process: whose records they are; it knows the names by then.
        frames: of PC samples.
    """

    def __init__(self, trace: Trace, process: Process, frames: Frames) -> None:
        self._trace, self._process, self._frames = trace, process, frames
        self._device = Device(trace)
        self._memory = Memory(trace, process.is_cpu.__contains__)
        self._calls, self._markers = Writer(trace), Writer(trace)
        self._counted: list[dict[str, pa.Array]] = []
        self._met: list[Int64] = []
        self._names: dict[int, str | None] = {}

    def chunks(self, name: str, batch: Batch) -> Iterator[Chunk]:
        """Give the rows of some records of one array."""
        if name == "kernel_dispatch":
            yield from self._kernels(self._dispatched(batch.rows, ()))
        elif name == "memory_copy":
            yield from self._copies(batch)
        elif name in {"memory_allocation", "scratch_memory"}:
            yield from self._operations(batch)
        elif name == "counter_collection":
            yield from self._counters(batch.rows)
        elif name in {"pc_sample_host_trap", "pc_sample_stochastic"}:
            yield from self._samples(batch.rows)
        else:
            yield from self._of_calls(batch, is_marker=name.startswith("marker"))

    def rest(self) -> Iterator[Chunk]:
        """Give the dispatches of which only counter values tell."""
        known = np.unique(np.concatenate([*self._met, np.empty(0, np.int64)]))
        for rows in self._counted:
            fresh = ~np.isin(filled(rows["dispatch_id"], -1), known)
            if fresh.any():
                yield from self._kernels(filtered(rows, fresh))

    def _upids(self, rows: int) -> Int64:
        return np.full(rows, self._process.upid, np.int64)

    def _common(self, rows: pa.RecordBatch) -> dict[str, pa.Array]:
        names = ("kind", "operation", "thread_id", "start_timestamp", "end_timestamp")
        found = {name: rows.column(name) for name in names}
        found["correlation"] = member(rows, "correlation_id", "internal")
        external = filled(member(rows, "correlation_id", "external"))
        found["external"] = pa.array(external, mask=external == 0)
        return found

    def _operation(self, rows: dict[str, pa.Array]) -> pa.DictionaryArray:
        kinds = rows["kind"]
        codes = filled(kinds, -1) * (1 << 32) + filled(rows["operation"], -1)
        process = self._process

        def name(code: int | None) -> str | None:
            return process.operation((code or 0) >> 32, (code or 0) & 0xFFFFFFFF)

        return worded(pa.array(codes), name)

    def _of_calls(self, batch: Batch, *, is_marker: bool) -> Iterator[Chunk]:
        columns = self._common(batch.rows) | {f"~{k}": c for k, c in batch.rest.items()}
        rows = timed(self._trace, columns, "start_timestamp", "end_timestamp")
        upids = self._upids(len(rows["kind"]))
        names = self._operation(rows)
        domain = worded(rows["kind"], self._process.domain)
        said: dict[str, pa.Array] = {"Domain": domain, "external_correlation_id": rows["external"]}
        raw = {key[1:]: column for key, column in rows.items() if key.startswith("~")}
        if is_marker:
            said["function"] = names
            texts = worded(rows["correlation"], lambda key: self._process.markers.get(key or 0))
            names = pc.coalesce(texts.cast(pa.string()), names.cast(pa.string()))
        tracks = self._trace.actors.thread_tracks(upids, rows["thread_id"])
        slices = Slices(
            rows["start_timestamp"], rows["end_timestamp"], tracks, names,
            worded(domain, category_of), upids, rows["correlation"], said | raw,
            "" if is_marker else "host", frozenset(raw),
        )  # fmt: skip
        yield from (self._markers if is_marker else self._calls).slices(slices)

    def _dispatched(self, rows: pa.RecordBatch, path: tuple[str, ...]) -> dict[str, pa.Array]:
        """Give the columns of dispatches, which lie at a path of their records."""
        info = (*path, "dispatch_info")
        found = {name: member(rows, *info, name) for name in _INFO}
        for what in ("workgroup_size", "grid_size"):
            found |= {f"{what}_{x}": member(rows, *info, what, x) for x in _XYZ}
        found["agent"] = member(rows, *info, "agent_id", "handle")
        found["queue"] = member(rows, *info, "queue_id", "handle")
        found["stream"] = (
            pa.nulls(rows.num_rows, pa.int64()) if path else member(rows, "stream_id", "handle")
        )
        for name in ("start_timestamp", "end_timestamp"):
            found[name] = member(rows, *path, name)
        found["thread_id"] = rows.column("thread_id")
        found["correlation"] = member(rows, *path, "correlation_id", "internal")
        return found

    def _kernels(self, columns: dict[str, pa.Array]) -> Iterator[Chunk]:
        rows = timed(self._trace, columns, "start_timestamp", "end_timestamp")
        kernel, process = rows["kernel_id"], self._process
        names = worded(kernel, process.kernel)
        self._trace.diagnostics.count("name_unknown", names.null_count)
        self._met.append(filled(rows["dispatch_id"], -1))
        if process.instructions:
            self._names |= dict(
                zip(rows["dispatch_id"].to_pylist(), names.to_pylist(), strict=True)
            )
        place = Place(
            rows["start_timestamp"], rows["end_timestamp"], self._upids(len(kernel)),
            self._devices(rows["agent"]), rows["queue"], rows["stream"], rows["correlation"],
        )  # fmt: skip
        sizes = [rows[f"{what}_{x}"] for what in ("workgroup_size", "grid_size") for x in _XYZ]
        launch = Launch(
            (sizes[3], sizes[4], sizes[5]), (sizes[0], sizes[1], sizes[2]),
            self._fact(kernel, "arch_vgpr_count"), rows["group_segment_size"],
        )  # fmt: skip
        said = {
            "Dispatch_Id": rows["dispatch_id"], "Kernel_Id": kernel,
            "Thread_Id": rows["thread_id"], "Scratch_Size": rows["private_segment_size"],
            "Accum_VGPR_Count": self._fact(kernel, "accum_vgpr_count"),
            "SGPR_Count": self._fact(kernel, "sgpr_count"),
            **{f"Grid_Size_{x.upper()}": rows[f"grid_size_{x}"] for x in _XYZ},
        }  # fmt: skip
        yield from self._device.kernels(place, names, launch, said)

    def _fact(self, kernel: pa.Array, name: str) -> pa.Array:
        numbers = mapped([kernel], len(kernel), lambda k: self._process.fact(k, name))
        return pa.array(numbers, mask=numbers < 0)

    def _devices(self, handles: pa.Array) -> Int64:
        known = {_wrapped(handle): number for handle, number in self._process.devices.items()}
        return mapped([handles], len(handles), lambda h: known.get(h, -1))

    def _copies(self, batch: Batch) -> Iterator[Chunk]:
        columns = self._common(batch.rows) | {"bytes": batch.rows.column("bytes")}
        for name in ("src_agent_id", "dst_agent_id", "stream_id"):
            columns[name] = member(batch.rows, name, "handle")
        columns |= {f"~{key}": column for key, column in batch.rest.items()}
        rows = timed(self._trace, columns, "start_timestamp", "end_timestamp")
        count = len(rows["kind"])
        direction = self._operation(rows)
        kinds = worded(direction, copy_kind_of)
        devices = copying_devices(
            kinds, self._devices(rows["src_agent_id"]), self._devices(rows["dst_agent_id"])
        )
        place = Place(
            rows["start_timestamp"], rows["end_timestamp"], self._upids(count), devices,
            pa.nulls(count, pa.int64()), rows["stream_id"], rows["correlation"],
        )  # fmt: skip
        said = {"Direction": direction, "Thread_Id": rows["thread_id"]}
        said |= {key[1:]: column for key, column in rows.items() if key.startswith("~")}
        yield from self._device.copies(place, kinds, rows["bytes"], said)

    def _operations(self, batch: Batch) -> Iterator[Chunk]:
        columns = self._common(batch.rows)
        columns["size"] = batch.rows.column("allocation_size")
        for name in ("agent_id", "queue_id"):
            columns[name] = member(batch.rows, name, "handle")
        nothing = pa.nulls(batch.rows.num_rows, pa.string())
        columns["address"] = batch.rest.get("address", nothing)
        rows = timed(self._trace, columns, "start_timestamp", "end_timestamp")
        addresses = [_address(text) for text in rows["address"].to_pylist()]
        yield from self._memory.chunks(Operations(
            rows["start_timestamp"], rows["end_timestamp"], self._upids(len(rows["kind"])),
            rows["thread_id"], self._devices(rows["agent_id"]), self._operation(rows),
            rows["size"], pa.array(addresses, pa.int64()), rows["correlation"],
            {"Allocation_Size": rows["size"], "Thread_Id": rows["thread_id"],
             "Queue_Id": rows["queue_id"]},
        ))  # fmt: skip

    def _counters(self, rows: pa.RecordBatch) -> Iterator[Chunk]:
        found = self._dispatched(rows, ("dispatch_data",))
        self._counted.append(found)
        lists = rows.column("records")
        of = pc.list_parent_indices(lists)
        values = pc.list_flatten(lists)
        start, agent = found["start_timestamp"].take(of), found["agent"].take(of)
        handles = signed(pc.struct_field(pc.struct_field(values, "counter_id"), "handle"))
        names = {_wrapped(handle): name for handle, name in self._process.counters.items()}
        upid = self._process.upid

        def track(handle: int | None, device: int) -> int:
            name = names.get(handle or 0, f"counter {handle}")
            return self._trace.actors.counter_track(
                (name, device, upid), name, upid=upid, device_id=None if device < 0 else device,
                args={"source": "dispatch"},
            )  # fmt: skip

        tracks = mapped([handles, pa.array(self._devices(agent))], len(handles), track)
        yield from counters(
            self._trace, start, tracks, pc.struct_field(values, "value"),
            of_dispatch(found["dispatch_id"].take(of)),
        )  # fmt: skip

    def _samples(self, rows: pa.RecordBatch) -> Iterator[Chunk]:
        ts = member(rows, "record", "timestamp")
        has = valid(ts)
        self._trace.diagnostics.count("sample_without_time", int((~has).sum()))
        mask = pa.array(has)
        count = int(has.sum())
        if not count:
            return
        self._trace.diagnostics.count("pc_sample_fields", count)
        dispatch = member(rows, "record", "dispatch_id").filter(mask)
        places = rows.column("inst_index").filter(mask)
        frames = mapped([dispatch, places], count, self._frame)
        yield sampled(
            self._trace.ordinals(count), ts.filter(mask), frames, pa.nulls(count, pa.string())
        )

    def _frame(self, dispatch: int | None, place: int | None) -> int:
        kernel = self._names.get(dispatch or 0)
        parent = None if kernel is None else self._frames.number(None, kernel)
        name = _at(self._process.instructions, place)
        return self._frames.number(parent, name, **place_of(_at(self._process.comments, place)))


def _at(texts: list[Any], place: int | None) -> str | None:
    return str(texts[place]) if place is not None and 0 <= place < len(texts) else None


def _wrapped(handle: int) -> int:
    """Give a number of 64 bits without sign as the signed one with the same bits."""
    return handle - _U64 if handle >= _U64 >> 1 else handle


def _address(text: str | None) -> int | None:
    """Read an address: a number, a text in hexadecimal, or an object with a handle."""
    try:
        value = json.loads(text or "null")
        if isinstance(value, dict):
            value = next(iter(value.values()), None)
        number = int(value, 0) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        return None
    if not isinstance(number, int) or not 0 < number < _U64:
        return None
    return _wrapped(number)
