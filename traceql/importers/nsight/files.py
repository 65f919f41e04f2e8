"""Accesses to files: OSRT_FILE_ACCESS_EVENTS, which name thread and file in their own way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from traceql.importers._columns import distinct, mapped
from traceql.importers.nsight.calls import Kind, Spans

if TYPE_CHECKING:
    from traceql.importers.nsight.context import Context
    from traceql.model.protocols import Chunk

EVENTS = "OSRT_FILE_ACCESS_EVENTS"
_KIND = Kind("file_access", title="File access")


def file_accesses(context: Context) -> Iterator[Chunk]:
    """Give accesses as slices beside the calls of the thread that made them."""
    wanted = {"fileAccessId": "i", "processId": "i", "filePath": "s"}
    files = {row["fileAccessId"]: row
             for row in context.facts.all("OSRT_FILE_ACCESS_DESCRIPTORS", **wanted)}  # fmt: skip
    yield from _Accesses(context, files).chunks()


class _Accesses(Spans):
    def __init__(self, context: Context, files: dict[int | None, dict[str, Any]]) -> None:
        super().__init__(context, EVENTS, _KIND)
        self._files = files

    def chunks(self) -> Iterator[Chunk]:
        """Give the rows."""
        wanted = ("fileAccessId", "threadId", "startedAt", "endedAt", "apiCallId")
        for given in self._context.batches(EVENTS, wanted):
            columns = dict(given)
            columns["start"], columns["end"] = columns.pop("startedAt"), columns.pop("endedAt")
            columns, without_end = self.timed(columns)
            for part in (without_end, columns):
                if part is not None and len(part["start"]):
                    yield from self._of(dict(part))

    def _of(self, columns: dict[str, pa.Array]) -> Iterator[Chunk]:
        rows = len(columns["start"])
        file, thread = columns.pop("fileAccessId"), columns.pop("threadId")
        name = self.texts("apiCallId", columns.pop("apiCallId"))
        tracks = mapped([file, thread], rows, self._track)
        found = distinct([file], rows)
        paths = [self._files.get(f, {}).get("filePath") for (f,) in found.keys]
        more = {"file": pa.array(paths, pa.string()).take(pa.array(found.codes))}
        yield from self.rows(columns, name, tracks, _KIND, more)

    def _track(self, file: int | None, thread: int | None) -> int:
        """Give the track of a thread, whose process the file is said to belong to."""
        process = self._files.get(file, {}).get("processId")
        owner = None
        if process is not None and thread is not None:
            # A plain pid, or a GlobalId where a version writes it so.
            owner = (process if process >> 24 else process << 24) & ~0xFFFFFF | thread & 0xFFFFFF
            owner = self._context.facts.global_thread(owner)
        return self._context.actors.thread_track(owner, "file_access", "file access")
