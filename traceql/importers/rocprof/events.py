"""Tables of calls, markers, copies and operations of devices, of CSV (v2) and SQLite (v1)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from traceql.importers._columns import distinct, filtered
from traceql.importers._csv import integers
from traceql.importers._rocm.names import (
    category_of,
    constant,
    copy_kind_of,
    without_suffix,
    worded,
)
from traceql.importers._rocm.rows import Slices, Writer, timed
from traceql.importers._rocm.work import Device, Launch, Place
from traceql.importers.rocprof.kinds import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from traceql.importers._columns import Int64
    from traceql.importers._rocm.trace import Trace
    from traceql.model.protocols import Chunk

_TIMES = ("beginns", "start_timestamp"), ("endns", "end_timestamp", "stop_timestamp")
_IDS = ("index", "correlation_id")


class Events:
    """Reads tables of events of one trace.

    Args:
        trace: that is being read.
    """

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._device = Device(trace)
        self._calls, self._markers, self._barriers = Writer(trace), Writer(trace), Writer(trace)

    def calls(
        self, given: Mapping[str, pa.Array], pid: int | None, scope: str, domain: str | None = None
    ) -> Iterator[Chunk]:
        """Give calls of HIP and HSA, or markers.

        Args:
            given: column to texts, as written.
            pid: of the process, where the table does not tell it.
            scope: tells processes of the same number apart.
            domain: what the calls are of, where the table does not tell it.
        """
        rows = self._numbered(given, pid)
        if not len(rows["=start"]):
            return
        upids = self._trace.actors.upids(rows["=pid"], scope)
        count = len(upids)
        domains = rows.pop("domain", None)
        if domains is None:
            domains = constant(domain or "", count)
        names = _unquoted(rows.pop("function", rows.pop("name", pa.nulls(count, pa.string()))))
        is_marker = (domain or "").startswith("ROCTX")
        said = {"Domain": domains, **_rest(rows)}
        yield from (self._markers if is_marker else self._calls).slices(Slices(
            rows["=start"], rows["=end"],
            self._trace.actors.thread_tracks(upids, rows["=tid"]), names,
            worded(domains, category_of), upids, rows["=id"], said, "" if is_marker else "host",
        ))  # fmt: skip

    def operations(
        self, given: Mapping[str, pa.Array], pid: int | None, scope: str
    ) -> Iterator[Chunk]:
        """Give what devices did: kernels, copies, fills and barriers, told by their names."""
        rows = self._numbered(given, pid)
        count = len(rows["=start"])
        if not count:
            return
        nothing = pa.nulls(count, pa.string())
        kinds = rows.pop("operation", nothing)
        names = pc.coalesce(
            _without_empty(rows.pop("kernel_name", nothing)),
            _without_empty(rows.pop("name", nothing)), kinds,
        )  # fmt: skip
        rows["=name"] = _unquoted(names)
        rows["=direction"] = pc.coalesce(kinds, names)
        which = _kinds(rows["=direction"], rows["=name"])
        for number in np.unique(which).tolist():
            part = filtered(rows, which == number)
            yield from self._worked(number, part, scope)

    def _worked(self, kind: int, rows: dict[str, pa.Array], scope: str) -> Iterator[Chunk]:
        upids = self._trace.actors.upids(rows["=pid"], scope)
        place = Place(
            rows["=start"], rows["=end"], upids, self._devices(rows), self._taken(rows, "queue_id"),
            self._taken(rows, "stream_id"), rows["=id"],
        )  # fmt: skip
        names, said = rows["=name"], _rest(rows) | {"Thread_Id": rows["=tid"]}
        if kind == 1:
            said["Direction"] = rows["=direction"]
            yield from self._device.copies(
                place, worded(rows["=direction"], copy_kind_of), None, said
            )
        elif kind == 2:
            yield from self._device.fills(place, names, said)
        elif kind == 0:
            shown = worded(names, lambda name: None if name is None else without_suffix(name))
            differs = pc.not_equal(names, shown.cast(pa.string()))
            said["KernelName"] = pc.if_else(differs, names, pa.scalar(None, pa.string()))
            yield from self._device.kernels(place, shown, Launch(), said)
        else:
            tracks = self._trace.actors.device_tracks(
                upids, place.devices, place.queues, place.streams
            )
            yield from self._barriers.slices(Slices(
                place.start, place.end, tracks, names, constant("gpu_barrier", len(names)), upids,
                place.correlation, said, "",
            ))  # fmt: skip

    def _devices(self, rows: dict[str, pa.Array]) -> Int64:
        number = self._taken(rows, "dev_id")
        found: Int64 = number.fill_null(-1).to_numpy(zero_copy_only=False)
        return found

    def _taken(self, rows: dict[str, pa.Array], name: str) -> pa.Array:
        texts = rows.pop(name, None)
        return pa.nulls(len(rows["=start"]), pa.int64()) if texts is None else self._whole(texts)

    def _whole(self, texts: pa.Array) -> pa.Array:
        found, bad = integers(texts)
        self._trace.diagnostics.count("csv_value_unread", bad)
        return found

    def _numbered(self, given: Mapping[str, pa.Array], pid: int | None) -> dict[str, pa.Array]:
        """Give the rows that have times, their numbers under `=name`."""
        columns = {plain(name): column for name, column in given.items()}
        count = len(next(iter(columns.values())))

        def taken(*names: str) -> pa.Array:
            texts = [columns.pop(name) for name in names if name in columns]
            return self._whole(texts[0]) if texts else pa.nulls(count, pa.int64())

        columns["=start"], columns["=end"] = taken(*_TIMES[0]), taken(*_TIMES[1])
        columns["=id"], columns["=tid"], columns["=pid"] = taken(*_IDS), taken("tid"), taken("pid")
        if columns["=pid"].null_count == count and pid is not None:
            columns["=pid"] = pa.array(np.full(count, pid, np.int64))
        return timed(self._trace, columns, "=start", "=end")


def _kinds(directions: pa.Array, names: pa.Array) -> Int64:
    """Tell by names: 0 a kernel, 1 a copy, 2 a fill, 3 a barrier."""
    found = distinct([directions, names], len(names))

    def kind(direction: str | None, name: str | None) -> int:
        lower = (direction or name or "").lower()
        if copy_kind_of(direction) != "unknown" or lower in {"copybuffer", "async_copy", "copy"}:
            return 1
        if lower in {"fillbuffer", "memset"}:
            return 2
        return 3 if "barrier" in lower or lower == "marker" else 0

    return np.array([kind(*key) for key in found.keys], np.int64)[found.codes]


def _unquoted(texts: pa.Array) -> pa.DictionaryArray:
    def bare(text: str | None) -> str | None:
        if text is not None and len(text) > 1 and text[0] == text[-1] == '"':
            return text[1:-1]
        return text

    return worded(texts, bare).cast(pa.string())


def _rest(rows: Mapping[str, pa.Array]) -> dict[str, pa.Array]:
    said = {}
    for name, texts in rows.items():
        if name[0] != "=" and not name.startswith("__") and name not in {"durationns", "data"}:
            found, bad = integers(texts)
            said[name] = texts if bad else found
    return said


def _without_empty(texts: pa.Array) -> pa.Array:
    return pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)
