"""Read a trace section by section, thread by thread; or a table of counters."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from traceql.errors import CorruptTrace
from traceql.importers._rocm.names import constant
from traceql.importers._rocm.rows import Slices, Writer
from traceql.importers._rocm.statistics import Profile
from traceql.importers._rocm.trace import Trace
from traceql.importers._rocm.work import Device, Launch, Place
from traceql.importers.codexl.lines import Call, Work, call_of, hsa_kernel_of, marker_of
from traceql.model import tables
from traceql.model.protocols import Chunk

if TYPE_CHECKING:
    from pathlib import Path

    from traceql.model.protocols import Source

_TITLE = re.compile(r"^=====\s*(.*?)\s*(API Trace|Timestamp|Kernel Timestamp|Stack Trace|"
                    r"Perfmarker) Output=====")  # fmt: skip
_HEADER = re.compile(r"^(\w[\w ]*)=(.*)$")
_KEPT = frozenset({"TraceFileVersion", "ProfilerVersion", "ProfileFileVersion", "OS Version",
                   "API", "DisplayName"})  # fmt: skip
_CATEGORIES = {"ocl": "opencl", "opencl": "opencl", "hsa": "hsa_api"}
_BATCH_ROWS = 1 << 15
_GROUPED = frozenset({
    "method", "kernel name", "thread id", "threadid", "device name", "executionorder",
    "callindex", "globalworksize", "workgroupsize",
})  # fmt: skip


def chunks(source: Source, *, keep_environment: bool) -> Iterator[Chunk]:
    """Give the chunks of a file.

    Raises:
        CorruptTrace: there is no row in it.
    """
    path, trace = source.local(), Trace()
    with path.open("rb") as file:
        is_session = file.read(8).removeprefix(b"\xef\xbb\xbf").startswith(b"#")
    reader = _Session(trace) if is_session else _Reading(trace, keep=keep_environment)
    any_row = False
    for chunk in reader.chunks(path):
        any_row = True
        yield chunk
    if not any_row:
        raise CorruptTrace(source.path, 0, "there is no whole row in it")
    yield from trace.end(source.damage)


class _Reading:
    """Reads an application trace."""

    def __init__(self, trace: Trace, *, keep: bool) -> None:
        self._trace, self._keep = trace, keep
        self._device = Device(trace)
        self._calls = Writer(trace)
        self._said: dict[tuple[str, int], list[str]] = {}
        """Texts of the calls of each thread, which stand in a section before their times."""
        self._next = 0

    def chunks(self, path: Path) -> Iterator[Chunk]:
        """Give the rows of a file."""
        module = kind = ""
        with path.open(encoding="utf-8", errors="replace") as file:
            lines = (line.rstrip("\r\n") for line in file)
            for line in lines:
                title = _TITLE.match(line)
                if title is not None:
                    module, kind = title[1].lower(), title[2]
                elif not kind:
                    self._header(line)
                elif line.strip().isdecimal():
                    yield from self._thread(lines, module, kind, int(line.strip()[:18]))

    def _header(self, line: str) -> None:
        found = _HEADER.match(line)
        if found is not None and (self._keep or found[1] in _KEPT):
            self._trace.metadata.setdefault(f"codexl.{found[1]}", found[2])

    def _thread(self, lines: Iterator[str], module: str, kind: str, tid: int) -> Iterator[Chunk]:
        """Read what a thread has in a section: a count, and as many lines."""
        number = next(lines, "").strip()
        count = int(number[:12]) if number.isdecimal() else 0
        taken: list[str] = []
        for line in lines:
            if _TITLE.match(line):
                # The section is shorter than it says; its title is not lost to the caller.
                self._trace.diagnostics.count("record_unread")
                yield from self._section(taken, module, kind, tid)
                title = _TITLE.match(line)
                if title is not None:
                    yield from self._rest(lines, title[1].lower(), title[2])
                return
            taken.append(line)
            if len(taken) >= count:
                break
        yield from self._section(taken, module, kind, tid)

    def _rest(self, lines: Iterator[str], module: str, kind: str) -> Iterator[Chunk]:
        for line in lines:
            title = _TITLE.match(line)
            if title is not None:
                module, kind = title[1].lower(), title[2]
            elif line.strip().isdecimal():
                yield from self._thread(lines, module, kind, int(line.strip()[:18]))

    def _section(self, lines: list[str], module: str, kind: str, tid: int) -> Iterator[Chunk]:
        if kind == "API Trace":
            self._said.setdefault((module, tid), []).extend(lines)
        elif kind == "Timestamp":
            texts = self._said.pop((module, tid), [])
            for start in range(0, len(lines), _BATCH_ROWS):
                part = slice(start, start + _BATCH_ROWS)
                yield from self._timed(lines[part], texts[part], module, tid)
        elif kind == "Kernel Timestamp":
            found = [work for line in lines if (work := hsa_kernel_of(line)) is not None]
            self._trace.diagnostics.count("record_unread", len(lines) - len(found))
            yield from self._works([(work, 0) for work in found], tid)
        elif kind == "Perfmarker":
            yield from self._markers(lines, tid)

    def _upids(self, rows: int) -> np.ndarray:
        return np.full(rows, self._trace.actors.process(None).upid, np.int64)

    def _timed(self, lines: list[str], texts: list[str], module: str, tid: int) -> Iterator[Chunk]:
        found: list[tuple[Call, str | None]] = []
        for place, line in enumerate(lines):
            call = call_of(line)
            if call is None:
                self._trace.diagnostics.count("record_unread")
            else:
                found.append((call, texts[place].strip() if place < len(texts) else None))
        if not found:
            return
        rows = len(found)
        numbers = np.arange(self._next + 1, self._next + rows + 1)
        self._next += rows
        launching = np.array([call.work is not None for call, _ in found])
        upids, tids = self._upids(rows), pa.array(np.full(rows, tid, np.int64))
        category = _CATEGORIES.get(module, module or "opencl")
        yield from self._calls.slices(Slices(
            pa.array([call.start for call, _ in found]), pa.array([call.end for call, _ in found]),
            self._trace.actors.thread_tracks(upids, tids),
            pa.array([call.name for call, _ in found]), constant(category, rows), upids,
            pa.array(numbers, mask=~launching),
            {"call": pa.array([text for _, text in found], pa.string())},
        ))  # fmt: skip
        works = [(call.work, int(number)) for (call, _), number in zip(found, numbers, strict=True)
                 if call.work is not None]  # fmt: skip
        yield from self._works(works, tid)

    def _works(self, works: list[tuple[Work, int]], tid: int) -> Iterator[Chunk]:
        """Give what devices did, sorted by kind."""
        for kind in ("kernel", "memset", "copy"):
            part = [w for w in works if (w[0].kind if w[0].kind in {"kernel", "memset"} else "copy")
                    == kind]  # fmt: skip
            if part:
                yield from self._of_kind(kind, part, tid)

    def _of_kind(self, kind: str, part: list[tuple[Work, int]], tid: int) -> Iterator[Chunk]:
        works = [work for work, _ in part]
        place = Place(
            pa.array([w.start for w in works]), pa.array([w.end for w in works]),
            self._upids(len(works)), np.array([self._number(w.device) for w in works], np.int64),
            _column(w.queue for w in works), pa.nulls(len(works), pa.int64()),
            pa.array([number for _, number in part], pa.int64()),
        )  # fmt: skip
        said = {
            "Thread_Id": pa.array(np.full(len(works), tid, np.int64)),
            "queued": _column(w.queued for w in works),
            "submitted": _column(w.submitted for w in works),
        }
        names = pa.array([w.name for w in works], pa.string())
        if kind == "kernel":
            launch = Launch(_sizes([w.grid for w in works]), _sizes([w.group for w in works]))
            yield from self._device.kernels(place, names, launch, said)
        elif kind == "memset":
            yield from self._device.fills(place, names, said)
        else:
            kinds = pa.array([w.kind for w in works]).dictionary_encode()
            said["Direction"] = names
            sizes = _column(w.size for w in works)
            yield from self._device.copies(place, kinds, sizes, said)

    def _number(self, device: str) -> int:
        number = self._trace.number_device(device, 0)
        self._trace.describe(number, {"vendor": "amd", "name": device or None})
        return number

    def _markers(self, lines: list[str], tid: int) -> Iterator[Chunk]:
        found = [marker for line in lines if (marker := marker_of(line)) is not None]
        self._trace.diagnostics.count("record_unread", len(lines) - len(found))
        if not found:
            return
        rows = len(found)
        tids = pa.array(np.full(rows, tid, np.int64))
        yield Chunk("edge", tables.conform("edge", {
            "ordinal": self._trace.ordinals(rows),
            "ts": [marker.ts for marker in found],
            "track_id": self._trace.actors.thread_tracks(self._upids(rows), tids),
            "is_end": [marker.is_end for marker in found],
            "name": [None if marker.is_end else marker.name for marker in found],
            "category": constant("perfmarker", rows),
        }))  # fmt: skip


class _Session:
    """Reads a table of counters behind lines of `# key=value`; a row for each dispatch."""

    def __init__(self, trace: Trace) -> None:
        self._trace, self._profile = trace, Profile(trace)

    def chunks(self, path: Path) -> Iterator[Chunk]:
        """Give the rows of a file."""
        with path.open(encoding="utf-8", errors="replace", newline="") as file:
            first = ""
            for line in file:
                first = line
                if not line.startswith("#"):
                    break
                key, _, value = line.lstrip("# ").rstrip("\r\n").partition("=")
                if key in _KEPT:
                    self._trace.metadata.setdefault(f"codexl.{key}", value)
            lines = (line.replace("\0", "") for line in chain([first], file))
            reader = csv.reader(lines)
            header = [name.strip() for name in next(reader, [])]
            rows: list[list[str]] = []
            for row in reader:
                if len(row) == len(header):
                    rows.append(row)
                elif row:
                    self._trace.diagnostics.count("csv_row_unread")
                if len(rows) == _BATCH_ROWS:
                    yield from self._measured(header, rows)
                    rows = []
            yield from self._measured(header, rows)

    def _measured(self, header: list[str], rows: list[list[str]]) -> Iterator[Chunk]:
        if not rows:
            return
        columns = {
            name: pa.array([cell.strip() or None for cell in column], pa.string())
            for name, column in zip(header, zip(*rows, strict=True), strict=True)
        }
        group = {n: c for n, c in columns.items() if n.lower() in _GROUPED}
        measures = {n: c for n, c in columns.items() if n not in group}
        if group:
            yield from self._profile.measures(group, measures, {"Time": "ms"})


def _column(values: Iterator[int | None]) -> pa.Array:
    return pa.array(list(values), pa.int64())


def _sizes(sizes: list[tuple[int, ...]]) -> tuple[pa.Array, pa.Array, pa.Array]:
    columns: list[Any] = [
        _column(size[place] if size else None for size in sizes) for place in range(3)
    ]
    return columns[0], columns[1], columns[2]
