"""Read a database process by process, and in each table by table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from traceql.errors import UnknownFormat
from traceql.importers._columns import filled, filtered, valid, where
from traceql.importers._rocm.memory import Memory, Operations
from traceql.importers._rocm.names import category_of, copy_kind_of, worded
from traceql.importers._rocm.rows import Slices, Writer, timed
from traceql.importers._rocm.trace import Trace
from traceql.importers._rocm.work import Device, Launch, Place, copying_devices
from traceql.importers._sqlite import Database
from traceql.importers.rocpd import TABLE
from traceql.importers.rocpd.counting import Counting
from traceql.importers.rocpd.process import Events, Process

if TYPE_CHECKING:
    from traceql.importers._columns import Int64
    from traceql.model.protocols import Chunk, Source

_XYZ = ("x", "y", "z")
_PLACE = ("pid", "tid", "start", "end", "queue_id", "stream_id", "event_id")
READ = frozenset({
    "string", "info_node", "info_process", "info_thread", "info_agent", "info_queue",
    "info_stream", "info_pmc", "info_code_object", "info_kernel_symbol", "track", "event", "arg",
    "pmc_event", "region", "sample", "kernel_dispatch", "memory_copy", "memory_allocate",
    "metadata",
})  # fmt: skip
_OPERATIONS = {
    "REAL": "MEMORY_ALLOCATION_", "VIRTUAL": "MEMORY_ALLOCATION_VMEM_",
    "SCRATCH": "SCRATCH_MEMORY_",
}  # fmt: skip


def chunks(source: Source, *, keep_environment: bool) -> Iterator[Chunk]:
    """Give the chunks of a database.

    Raises:
        CorruptTrace: it is no SQLite database, or its schema cannot be read.
        UnknownFormat: it has no table of rocpd.
    """
    with Database(source.local()) as base:
        suffixes: dict[str, None] = {}
        trace = Trace()
        for name in base.tables:
            found = TABLE.match(name)
            if found is not None and found[1] != "metadata":
                suffixes.setdefault(found[2])
            if name.startswith("rocpd_") and (found is None or found[1] not in READ):
                trace.diagnostics.count("table_not_known")
        if not suffixes:
            raise UnknownFormat(source.path, "an SQLite database without tables of rocpd")
        for suffix in suffixes:
            process = Process(base, suffix, trace, keep_environment=keep_environment)
            for row in process.small("metadata", "tag", "value"):
                trace.metadata.setdefault(f"rocpd.{row['tag']}", row["value"] or "")
            yield from _Reading(process).chunks()
        yield from trace.end([*base.damage, *source.damage])


class _Reading:
    """Reads the tables of one process."""

    def __init__(self, process: Process) -> None:
        self._process, self._trace = process, process.trace
        self._events = Events(process)
        self._counting = Counting(process)

    def chunks(self) -> Iterator[Chunk]:
        """Give the chunks: calls before what they launched, counters last."""
        yield from self._regions()
        yield from self._kernels()
        yield from self._copies()
        yield from self._memory()
        yield from self._samples()
        yield from self._counting.chunks()

    def _rows(self, table: str, *columns: str) -> Iterator[dict[str, pa.Array]]:
        for batch in self._process.batches(table, *columns):
            rows = timed(self._trace, batch, "start", "end")
            if len(rows["start"]):
                yield rows

    def _place(self, rows: dict[str, pa.Array], devices: Int64) -> Place:
        process = self._process
        return Place(
            rows["start"], rows["end"], process.upids(rows["pid"]), devices,
            process.renumbered(rows["queue_id"], process.queues),
            process.renumbered(rows["stream_id"], process.streams),
            self._events.stacks(self._events.places(rows["event_id"])),
        )  # fmt: skip

    def _regions(self) -> Iterator[Chunk]:
        """Give calls and markers; a marker is called by its message."""
        writers: dict[str, Writer] = {"host": Writer(self._trace), "": Writer(self._trace)}
        wanted = ("pid", "tid", "start", "end", "name_id", "event_id", "extdata")
        for rows in self._rows("region", *wanted):
            places = self._events.places(rows["event_id"])
            domain = self._events.categories(places)
            is_marker = pc.fill_null(
                pc.starts_with(domain.cast(pa.string()), "MARKER"), fill_value=False
            ).to_numpy(zero_copy_only=False)
            for role, which in (("host", ~is_marker), ("", is_marker)):
                if which.any():
                    part = rows if which.all() else filtered(rows, which)
                    yield from writers[role].slices(self._calls(part, role))

    def _calls(self, rows: dict[str, pa.Array], role: str) -> Slices:
        places = self._events.places(rows["event_id"])
        upids = self._process.upids(rows["pid"])
        tids = self._process.threads(upids, rows["tid"])
        names = self._process.strings.of(rows["name_id"])
        domain = self._events.categories(places)
        said, raw = self._events.said(rows["event_id"], places)
        said = {"Domain": domain, **said}
        if not role:
            said["function"] = names
            names = pc.coalesce(self._events.messages(places), names.cast(pa.string()))
        return Slices(
            rows["start"], rows["end"], self._trace.actors.thread_tracks(upids, tids), names,
            worded(domain, category_of), upids, self._events.stacks(places), said, role, raw,
        )  # fmt: skip

    def _kernels(self) -> Iterator[Chunk]:
        device, process = Device(self._trace), self._process
        index, symbols = process.symbols
        sizes = [f"{what}_size_{x}" for what in ("workgroup", "grid") for x in _XYZ]
        wanted = (*_PLACE, *sizes, "agent_id", "kernel_id", "dispatch_id",
                  "private_segment_size", "group_segment_size", "region_name_id")  # fmt: skip
        for rows in self._rows("kernel_dispatch", *wanted):
            at = index.of(rows["kernel_id"])
            place = pa.array(at, mask=at < 0)
            of = {name: column.take(place) for name, column in symbols.items()}
            names = pc.coalesce(of["display_name"], of["kernel_name"])
            self._trace.diagnostics.count("name_unknown", names.null_count)
            shared, static = rows["group_segment_size"], of["group_segment_size"]
            group = tuple(rows[name] for name in sizes[:3])
            grid = tuple(rows[name] for name in sizes[3:])
            launch = Launch(
                (grid[0], grid[1], grid[2]), (group[0], group[1], group[2]),
                of["arch_vgpr_count"], shared, static, _rest(shared, static),
            )  # fmt: skip
            devices = process.device(rows["agent_id"])
            self._counting.learn(rows["event_id"], rows["start"], devices)
            region = process.strings.of(rows["region_name_id"]).cast(pa.string())
            said = {
                "Dispatch_Id": rows["dispatch_id"], "Kernel_Id": rows["kernel_id"],
                "Thread_Id": process.threads(process.upids(rows["pid"]), rows["tid"]),
                "Scratch_Size": rows["private_segment_size"],
                "Accum_VGPR_Count": of["accum_vgpr_count"], "SGPR_Count": of["sgpr_count"],
                "Region": _without_empty(region),
                **{f"Grid_Size_{x.upper()}": rows[f"grid_size_{x}"] for x in _XYZ},
            }  # fmt: skip
            yield from device.kernels(self._place(rows, devices), names, launch, said)

    def _copies(self) -> Iterator[Chunk]:
        device, process = Device(self._trace), self._process
        wanted = (*_PLACE, "name_id", "dst_agent_id", "dst_address", "src_agent_id",
                  "src_address", "size", "region_name_id")  # fmt: skip
        for rows in self._rows("memory_copy", *wanted):
            direction = process.strings.of(rows["name_id"])
            kinds = worded(direction, copy_kind_of)
            devices = copying_devices(
                kinds, process.device(rows["src_agent_id"]), process.device(rows["dst_agent_id"])
            )
            region = process.strings.of(rows["region_name_id"]).cast(pa.string())
            said = {
                "Direction": direction, "src_address": rows["src_address"],
                "dst_address": rows["dst_address"],
                "Thread_Id": process.threads(process.upids(rows["pid"]), rows["tid"]),
                "Region": _without_empty(region),
            }  # fmt: skip
            yield from device.copies(self._place(rows, devices), kinds, rows["size"], said)

    def _memory(self) -> Iterator[Chunk]:
        process = self._process
        of_host = {number for number, row in self._trace.devices.items()
                   if row.get("kind") == "cpu"}  # fmt: skip
        writer = Memory(self._trace, of_host.__contains__)
        wanted = (*_PLACE, "agent_id", "type", "level", "address", "size")
        for rows in self._rows("memory_allocate", *wanted):
            place = self._place(rows, process.device(rows["agent_id"]))
            levels = worded(rows["level"], lambda t: _OPERATIONS.get(t or "", f"{t or ''}_"))
            types = worded(rows["type"], lambda t: "ALLOCATE" if t == "ALLOC" else t or "")
            yield from writer.chunks(Operations(
                place.start, place.end, place.upids,
                process.threads(place.upids, rows["tid"]), place.devices,
                pc.binary_join_element_wise(
                    levels.cast(pa.string()), types.cast(pa.string()), ""
                ).dictionary_encode(),
                rows["size"], rows["address"], place.correlation,
                {"Allocation_Size": rows["size"], "Queue_Id": place.queues,
                 "Stream_Id": place.streams},
            ))  # fmt: skip

    def _samples(self) -> Iterator[Chunk]:
        """Give events of no length as instants; those that have counters are counter samples."""
        process, writer = self._process, Writer(self._trace)
        tracks = {row["id"]: row for row in process.small("track", "id", "pid", "tid", "name_id")}
        for rows in process.batches("sample", "track_id", "timestamp", "event_id"):
            has = valid(rows["timestamp"])
            self._trace.diagnostics.count("sample_without_time", int((~has).sum()))
            counted = has & self._counting.speak_of(rows["event_id"])
            part = filtered(rows, counted)
            self._counting.learn(part["event_id"], part["timestamp"])
            rows = filtered(rows, has & ~counted)  # noqa: PLW2901  (what is left)
            if not len(rows["timestamp"]):
                continue
            owner = {
                key: pa.array([tracks.get(t, {}).get(key) for t in rows["track_id"].to_pylist()],
                              pa.int64())
                for key in ("pid", "tid", "name_id")
            }  # fmt: skip
            given = {**owner, "start": rows["timestamp"], "end": rows["timestamp"],
                     "event_id": rows["event_id"]}  # fmt: skip
            yield from writer.slices(self._calls(given, ""))


def _rest(whole: pa.Array, part: pa.Array) -> pa.Array:
    """Give what is left of a size, null where the part is more than the whole."""
    left = filled(whole) - filled(part)
    return where(left, valid(whole) & valid(part) & (left >= 0))


def _without_empty(texts: pa.Array) -> pa.Array:
    return pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)
