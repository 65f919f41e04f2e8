"""The JSON of v1: events whose args are the rows of its tables, with exact times as texts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pyarrow as pa

from traceql.importers._json_stream import JsonStream
from traceql.model.protocols import BLOCK_BYTES

if TYPE_CHECKING:
    from pathlib import Path

    from traceql.importers._rocm.trace import Trace
    from traceql.importers.rocprof.dispatches import Dispatches
    from traceql.importers.rocprof.events import Events
    from traceql.model.protocols import Chunk

DISPATCHES, HIP, HSA, MARKERS, COPIES, OPERATIONS = (
    "dispatches", "HIP_API", "HSA_API", "ROCTX_DOMAIN", "copies", "operations",
)  # fmt: skip
_SECTIONS = {b"0": MARKERS, b"1": COPIES, b"2": HIP, b"3": HSA}
"""Number of a made-up process to what its events are; the others are devices."""
_BATCH_ROWS = 1 << 13
_MOST_METADATA = 4096
Row = dict[str, str]


class JsonEvents:
    """Reads a file element by element.

    Args:
        trace: that is being read.
        events: makes rows of calls and operations.
        dispatches: makes rows of dispatches with their properties.
        keep_environment: keep host names and commands.
    """

    def __init__(
        self, trace: Trace, events: Events, dispatches: Dispatches, *, keep_environment: bool
    ) -> None:
        self._trace, self._events, self._dispatches = trace, events, dispatches
        self._keep = keep_environment
        self._rows: dict[str, list[Row]] = {}
        self.damage: list[tuple[str, int, str]] = []

    def chunks(self, path: Path, file: str) -> Iterator[Chunk]:
        """Give the rows; an event whose args have no times is counted."""
        stream = JsonStream(_blocks(path), self._report)
        if stream.peek() != b"{":
            return
        for key in stream.enter_object():
            if key == b"otherData":
                self._metadata(stream.value())
            elif key != b"traceEvents" or stream.peek() != b"[":
                if stream.value() is None:
                    break
            else:
                for element in stream.elements():
                    if element.members is not None and element.members.get(b"ph") == b'"X"':
                        yield from self._take(element.members, file)
        for section in list(self._rows):
            yield from self._flushed(section, file)

    def _report(self, code: str, offset: int) -> None:
        self.damage.append((code, offset, "Text that is no whole JSON; the rest was read."))

    def _take(self, members: dict[bytes, bytes], file: str) -> Iterator[Chunk]:
        try:
            args = json.loads(members.get(b"args", b"null"))
        except (ValueError, RecursionError):
            args = None
        if not isinstance(args, dict) or not {"BeginNs", "EndNs"} <= args.keys():
            self._trace.diagnostics.count("record_unread")
            return
        section = _SECTIONS.get(members.get(b"pid", b"").strip(b'"'), OPERATIONS)
        if "KernelName" in args:
            section = DISPATCHES
        row = {name: str(value) for name, value in args.items() if value is not None}
        rows = self._rows.setdefault(section, [])
        rows.append(row)
        if len(rows) == _BATCH_ROWS:
            yield from self._flushed(section, file)

    def _flushed(self, section: str, file: str) -> Iterator[Chunk]:
        rows = self._rows.pop(section)
        names = dict.fromkeys(name for row in rows for name in row)
        columns = {name: pa.array([row.get(name) for row in rows], pa.string()) for name in names}
        if section == DISPATCHES:
            yield from self._dispatches.chunks(columns, None, "", file)
        elif section in {HIP, HSA, MARKERS}:
            yield from self._events.calls(columns, None, "", section)
        else:
            if section == COPIES:
                columns["Operation"] = pa.array(["async_copy"] * len(rows))
            yield from self._events.operations(columns, None, "")

    def _metadata(self, raw: bytes | None) -> None:
        """Keep what the tool says of the system; it repeats keys, of which the last counts."""
        try:
            found = json.loads(raw or b"null")
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            return
        for name, value in list(found.items())[:_MOST_METADATA]:
            if self._keep or not any(word in name.lower() for word in ("host", "cmd", "command")):
                self._trace.metadata[f"rocprof.{name}"] = str(value)


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            yield block
