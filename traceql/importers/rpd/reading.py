"""Read the tables: calls, operations by what they are, monitored values, counters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from traceql.importers._columns import distinct, filled, filtered, mapped, picked, valid
from traceql.importers._csv import integers, numbers
from traceql.importers._rocm.joining import Index, Texts
from traceql.importers._rocm.names import HIP_COPY_KINDS, copy_kind_of, worded
from traceql.importers._rocm.rows import Slices, Writer, counters, timed
from traceql.importers._rocm.trace import Trace
from traceql.importers._rocm.work import Device, Launch, Place
from traceql.importers._sqlite import Database
from traceql.importers.rpd.stacks import frames_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from traceql.importers._columns import Int64
    from traceql.model.protocols import Chunk, Source

BATCH_ROWS = 1 << 16
_TEXTS = frozenset({
    "string", "deviceType", "monitorType", "stream", "dst", "src", "tag", "completionSignal",
    "kernelArgAddress", "width", "height",
})  # fmt: skip
_REALS = frozenset({"value"})
_UNITS = {"sclk": "MHz", "mclk": "MHz", "power": "W", "temp": "°C"}
_KERNEL = ("gridX", "gridY", "gridZ", "workgroupX", "workgroupY", "workgroupZ",
           "groupSegmentSize", "privateSegmentSize", "stream")  # fmt: skip
_COPY = ("stream", "size", "width", "height", "kind", "dst", "src", "dstDevice", "srcDevice",
         "sync", "pinned")  # fmt: skip
_KNOWN = frozenset({
    "rocpd_api", "rocpd_op", "rocpd_string", "rocpd_ustring", "rocpd_api_ops", "rocpd_copyapi",
    "rocpd_kernelapi", "rocpd_monitor", "rocpd_counter", "rocpd_metadata", "rocpd_stackframe",
})  # fmt: skip
_BY_WORK_ITEMS = ("hipExtModuleLaunchKernel", "hipHccModuleLaunchKernel")
"""Calls that tell a grid in work-items; the others tell blocks."""
_CATEGORIES = (
    ("usermarker", "roctx"), ("hip", "hip_runtime"), ("hsa", "hsa_api"), ("nccl", "rccl"),
    ("cuda", "cuda_runtime"), ("roctx", "roctx"),
)  # fmt: skip


def chunks(source: Source) -> Iterator[Chunk]:
    """Give the chunks of a file.

    Raises:
        CorruptTrace: it is no SQLite database, or its schema cannot be read.
    """
    with Database(source.local()) as base:
        trace = Trace()
        for name in base.tables:
            if name.startswith("rocpd_") and name not in _KNOWN and base.count(name):
                trace.diagnostics.count("table_not_known")
        reading = _Reading(base, trace)
        yield from reading.chunks()
        yield from trace.end([*base.damage, *source.damage])


class _Side:
    """A table beside the calls, known by the call's id; its columns are kept."""

    def __init__(self, rows: Mapping[str, pa.Array], key: str) -> None:
        self._columns = {name: column for name, column in rows.items() if name != key}
        self._index = Index(filled(rows[key], -1))

    def of(self, calls: pa.Array) -> dict[str, pa.Array]:
        """Give the columns at calls, null where there is no row."""
        at = self._index.of(calls)
        place = pa.array(at, mask=at < 0)
        return {name: column.take(place) for name, column in self._columns.items()}


class _Reading:
    """Reads one file."""

    def __init__(self, base: Database, trace: Trace) -> None:
        self._base, self._trace = base, trace
        self._strings = self._texts("rocpd_string")
        self._arguments = self._texts("rocpd_ustring") if "rocpd_ustring" in base.tables else None
        links = self._whole("rocpd_api_ops", "op_id", "api_id")
        self._call_of = _Side(links, "op_id")
        self._launching = Index(np.unique(filled(links["api_id"], -1)))
        self._callers = _Side(
            self._whole("rocpd_api", "id", "pid", "tid", "apiName_id", "start"), "id"
        )
        self._copies = _Side(self._whole("rocpd_copyapi", "api_ptr_id", *_COPY), "api_ptr_id")
        self._kernels = _Side(self._whole("rocpd_kernelapi", "api_ptr_id", *_KERNEL), "api_ptr_id")
        self._counted = _Side(self._whole("rocpd_op", "id", "start", "gpuId"), "id")

    def chunks(self) -> Iterator[Chunk]:
        """Give the chunks: calls before what they launched."""
        for row in zip(*self._metadata(), strict=True):
            self._trace.metadata.setdefault(f"rpd.{row[0]}", row[1] or "")
        yield from self._calls()
        yield from self._operations()
        yield from self._monitored()
        yield from self._counters()
        yield from self._stacks()

    def _batches(self, table: str, *columns: str) -> Iterator[dict[str, pa.Array]]:
        wanted = {
            name: pa.string() if name in _TEXTS or (table, name) == ("rocpd_monitor", "value")
            or table == "rocpd_metadata" else pa.float64() if name in _REALS else pa.int64()
            for name in columns
        }  # fmt: skip
        for batch in self._base.rows(table, wanted, batch_rows=BATCH_ROWS):
            yield dict(zip(batch.schema.names, batch.columns, strict=True))

    def _whole(self, table: str, *columns: str) -> dict[str, pa.Array]:
        rows = list(self._batches(table, *columns))
        return {
            name: pa.concat_arrays([row[name] for row in rows])
            if rows
            else pa.array([], pa.string() if name in _TEXTS else pa.int64())
            for name in columns
        }

    def _texts(self, table: str) -> Texts:
        rows = self._whole(table, "id", "string")
        return Texts(filled(rows["id"], -1), rows["string"])

    def _metadata(self) -> tuple[list[str | None], list[str | None]]:
        found = list(self._batches("rocpd_metadata", "tag", "value"))
        tags = [tag for batch in found for tag in batch["tag"].to_pylist()]
        return tags, [value for batch in found for value in batch["value"].to_pylist()]

    def _calls(self) -> Iterator[Chunk]:
        writer, actors = Writer(self._trace), self._trace.actors
        wanted = ("id", "pid", "tid", "start", "end", "apiName_id", "args_id", "category_id",
                  "domain_id")  # fmt: skip
        for batch in self._batches("rocpd_api", *wanted):
            rows = timed(self._trace, batch, "start", "end")
            if not len(rows["id"]):
                continue
            upids = actors.upids(rows["pid"])
            plain = self._strings.of(rows["apiName_id"])
            texts = (self._arguments or self._strings).of(rows["args_id"]).cast(pa.string())
            domain = self._strings.of(rows["domain_id"])
            category = self._strings.of(rows["category_id"])
            is_marker = pc.fill_null(
                pc.equal(plain.cast(pa.string()), "UserMarker"), fill_value=False
            )
            names = pc.if_else(is_marker, texts, plain.cast(pa.string()))
            launches = self._launching.of(rows["id"]) >= 0
            yield from writer.slices(Slices(
                rows["start"], rows["end"], actors.thread_tracks(upids, rows["tid"]), names,
                _categories(plain, domain), upids,
                pa.array(filled(rows["id"]), mask=~launches),
                {"args": _without_empty(texts), "domain": domain, "category": category},
            ))  # fmt: skip

    def _operations(self) -> Iterator[Chunk]:
        device = Device(self._trace)
        wanted = ("id", "gpuId", "queueId", "sequenceId", "start", "end", "description_id",
                  "opType_id")  # fmt: skip
        for batch in self._batches("rocpd_op", *wanted):
            rows = timed(self._trace, batch, "start", "end")
            if not len(rows["id"]):
                continue
            rows["call"] = self._call_of.of(rows["id"])["api_id"]
            rows["type"] = self._strings.of(rows["opType_id"])
            text = _without_empty(self._strings.of(rows["description_id"]).cast(pa.string()))
            rows["name"] = pc.coalesce(text, rows["type"].cast(pa.string()))
            kind = _kinds(rows["type"])
            for number, make in enumerate((self._launched, self._copied, self._filled)):
                if (kind == number).any():
                    yield from make(device, filtered(rows, kind == number))

    def _place(self, rows: dict[str, pa.Array]) -> tuple[Place, dict[str, pa.Array]]:
        caller = self._callers.of(rows["call"])
        upids = self._trace.actors.upids(caller["pid"])
        devices = np.where(valid(rows["gpuId"]), filled(rows["gpuId"], -1), -1)
        nothing = pa.nulls(len(rows["id"]), pa.int64())
        place = Place(rows["start"], rows["end"], upids, devices, rows["queueId"], nothing,
                      rows["call"])  # fmt: skip
        said = {"Thread_Id": caller["tid"], "opType": rows["type"],
                "sequenceId": rows["sequenceId"]}  # fmt: skip
        return place, said

    def _launched(self, device: Device, rows: dict[str, pa.Array]) -> Iterator[Chunk]:
        place, said = self._place(rows)
        told = self._kernels.of(rows["call"])
        caller = self._strings.of(self._callers.of(rows["call"])["apiName_id"])
        by_items = worded(caller, lambda name: "x" if (name or "").startswith(_BY_WORK_ITEMS)
                          else None).is_valid()  # fmt: skip
        group = tuple(told.pop(f"workgroup{x}") for x in "XYZ")
        grid = tuple(told.pop(f"grid{x}") for x in "XYZ")
        items = tuple(
            pc.if_else(by_items, size, pc.multiply(size, block))
            for size, block in zip(grid, group, strict=True)
        )
        launch = Launch((items[0], items[1], items[2]), (group[0], group[1], group[2]),
                        shared_bytes=told.pop("groupSegmentSize"))  # fmt: skip
        said |= {"Scratch_Size": told.pop("privateSegmentSize"), **told}
        yield from device.kernels(place, rows["name"], launch, said)

    def _copied(self, device: Device, rows: dict[str, pa.Array]) -> Iterator[Chunk]:
        place, said = self._place(rows)
        told = self._copies.of(rows["call"])
        by_type = worded(rows["type"], copy_kind_of).cast(pa.string())
        by_call = worded(told["kind"], lambda k: HIP_COPY_KINDS.get(k, "unknown")).cast(pa.string())
        kinds = pc.if_else(pc.equal(by_type, "unknown"), by_call, by_type).dictionary_encode()
        said["Direction"] = said.pop("opType")
        sizes = told.pop("size")
        for name in ("width", "height"):  # empty texts where a copy has neither
            told[name] = integers(_without_empty(told[name]))[0]
        yield from device.copies(place, kinds, sizes, said | told)

    def _filled(self, device: Device, rows: dict[str, pa.Array]) -> Iterator[Chunk]:
        place, said = self._place(rows)
        yield from device.fills(place, rows["name"], said)

    def _monitored(self) -> Iterator[Chunk]:
        """Give a sample where a value begins; args tell where it ends."""
        actors = self._trace.actors
        wanted = ("deviceType", "deviceId", "monitorType", "start", "end", "value")

        def track(kind: str | None, number: int | None, name: str | None) -> int:
            device = number if kind == "gpu" else None
            return actors.counter_track(
                (kind, number, name), name or "?", _UNITS.get((name or "").lower()),
                device_id=device, args={"deviceType": kind, "deviceId": number},
            )  # fmt: skip

        for rows in self._batches("rocpd_monitor", *wanted):
            values, bad = numbers(rows["value"])
            self._trace.diagnostics.count("csv_value_unread", bad)
            which = [rows[name] for name in ("deviceType", "deviceId", "monitorType")]
            tracks = mapped(which, len(values), track)
            ends = pc.binary_join_element_wise('{"end":', rows["end"].cast(pa.string()), "}", "")
            yield from counters(self._trace, rows["start"], tracks, values, ends)

    def _stacks(self) -> Iterator[Chunk]:
        """Give stacks of calls."""
        rows = self._whole("rocpd_stackframe", "api_ptr_id", "depth", "name_id")
        if not len(rows["depth"]):
            return
        names = self._strings.of(rows["name_id"])
        stacks = frames_of(rows, filled(names.indices, -1), names.dictionary)
        self._trace.diagnostics.count("frame_not_read", stacks.left_out)
        caller = self._callers.of(pa.array(stacks.calls))
        has = valid(caller["start"])
        self._trace.diagnostics.count("row_without_owner", int((~has).sum()))
        known = filtered(caller, has)
        upids = self._trace.actors.upids(known["pid"])
        utids = self._trace.actors.utids(upids, known["tid"])
        yield from stacks.chunks(self._trace, has, known["start"], utids)

    def _counters(self) -> Iterator[Chunk]:
        """Give values of operations."""
        actors = self._trace.actors
        for rows in self._batches("rocpd_counter", "op_id", "name_id", "value"):
            told = self._counted.of(rows["op_id"])
            names = self._strings.of(rows["name_id"])
            tracks = mapped(
                [names, told["gpuId"]], len(names),
                lambda name, gpu: actors.counter_track(
                    ("op", name, gpu), name or "?", device_id=gpu, args={"source": "dispatch"}
                ),
            )  # fmt: skip
            yield from counters(self._trace, told["start"], tracks, rows["value"])


def _kinds(types: pa.Array) -> Int64:
    """Tell by the type of each operation: 0 a kernel, 1 a copy, 2 a fill."""
    found = distinct([types], len(types))
    words = [(text or "").lower() for (text,) in found.keys]
    kinds = [1 if "copy" in word else 2 if "fill" in word else 0 for word in words]
    return np.array(kinds, np.int64)[found.codes]


def _categories(names: pa.Array, domains: pa.Array) -> pa.DictionaryArray:
    """Tell the category by the name of a call, or by its domain where the name tells nothing."""
    found = distinct([names, domains], len(names))
    texts: dict[str, int] = {}
    places = []
    for name, domain in found.keys:
        lower = (name or "").lower()
        word = next((c for start, c in _CATEGORIES if lower.startswith(start)), None)
        places.append(texts.setdefault(word or (domain or "profiler").lower(), len(texts)))
    return picked(pa.array(list(texts)), np.array(places, np.int64)[found.codes])


def _without_empty(texts: pa.Array) -> pa.Array:
    return pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)
