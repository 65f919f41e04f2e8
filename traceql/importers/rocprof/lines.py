"""roctracer's text, line by line: it stands among whatever the program printed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pyarrow as pa

from traceql.importers.rocprof.markers import Marker, edges

if TYPE_CHECKING:
    from pathlib import Path

    from traceql.importers._rocm.trace import Trace
    from traceql.importers.rocprof.events import Events
    from traceql.model.protocols import Chunk

_N = r"(\d{1,18})"
_CALL = re.compile(rf"^{_N}:{_N} {_N}:{_N} (\w+)\((.*)\)(?: :{_N})?\s*$")
_OPERATION = re.compile(rf"^{_N}:{_N} {_N}:{_N} (.+?):{_N}:{_N}\s*$")
_COPY = re.compile(rf"^{_N}:{_N} async-copy:{_N}(?::{_N})?\s*$")
_MARKER = re.compile(rf'^{_N} {_N}:{_N} ([1-4]):{_N}:"(.*)"\s*$')
_STARTS = re.compile(r"^\d{6,18}[: ]")
_BATCH_ROWS = 1 << 15
_CALLS = ("BeginNs", "EndNs", "pid", "tid", "Name", "args", "Index")
_OPERATIONS = ("BeginNs", "EndNs", "dev_id", "queue_id", "Name", "Index", "pid")
_COPIES = ("BeginNs", "EndNs", "Index", "pid")
Rows = list[tuple[str | None, ...]]


class Lines:
    """Reads a text; a line that begins like a record and is none is counted.

    Args:
        trace: that is being read.
        events: makes rows of calls and operations.
    """

    def __init__(self, trace: Trace, events: Events) -> None:
        self._trace, self._events = trace, events
        self._calls: Rows = []
        self._operations: Rows = []
        self._copies: Rows = []
        self._markers: list[Marker] = []

    def chunks(self, path: Path, scope: str) -> Iterator[Chunk]:
        """Give the rows of a file."""
        with path.open(encoding="utf-8", errors="replace") as file:
            for line in file:
                if _STARTS.match(line):
                    self._take(line)
                if len(self._calls) + len(self._operations) >= _BATCH_ROWS:
                    yield from self._flushed(scope)
        yield from self._flushed(scope)
        yield from edges(self._trace, self._markers, scope)

    def _take(self, line: str) -> None:
        if found := _CALL.match(line):
            self._calls.append(found.groups())
        elif found := _OPERATION.match(line):
            self._operations.append(found.groups())
        elif found := _COPY.match(line):
            self._copies.append(found.groups())
        elif found := _MARKER.match(line):
            ts, pid, tid, what, number, text = found.groups()
            self._markers.append(Marker(int(ts), int(pid), int(tid), int(what), int(number), text))
        else:
            self._trace.diagnostics.count("record_unread")

    def _flushed(self, scope: str) -> Iterator[Chunk]:
        calls, operations, copies = self._calls, self._operations, self._copies
        self._calls, self._operations, self._copies = [], [], []
        if calls:
            for domain, part in _by_domain(calls):
                yield from self._events.calls(_columns(_CALLS, part), None, scope, domain)
        if operations:
            yield from self._events.operations(_columns(_OPERATIONS, operations), None, scope)
        if copies:
            columns = _columns(_COPIES, copies)
            columns["Operation"] = pa.array(["async_copy"] * len(copies))
            yield from self._events.operations(columns, None, scope)


def _by_domain(calls: Rows) -> Iterator[tuple[str, Rows]]:
    for domain, start in (("HIP_API", False), ("HSA_API", True)):
        part = [row for row in calls if str(row[4]).startswith("hsa") is start]
        if part:
            yield domain, part


def _columns(names: tuple[str, ...], rows: Rows) -> dict[str, pa.Array]:
    values = zip(*rows, strict=True)
    return {name: pa.array(column, pa.string()) for name, column in zip(names, values, strict=True)}
