"""Chrome Trace Event JSON and its dialects: PyTorch Kineto, DevTools, viztracer, clang, rocprof."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass

from traceql.importers._rocm.legacy_json import is_rocprof
from traceql.model.protocols import Chunk, Head, Match, Source

VERSION = "2"

_LIST = re.compile(rb'\s*\[\s*(?:\{\s*\}\s*,\s*)*\{\s*"')
_EMPTY_LIST = re.compile(rb"\s*\[\s*\]\s*\Z")
_PHASE = re.compile(rb'"ph"\s*:\s*"')
_OBJECT = re.compile(rb'\s*\{\s*"')
_EVENTS = re.compile(rb'"traceEvents"\s*:\s*\[')
_HINTS = re.compile(
    rb'\s*\{\s*"(?:traceEvents|schemaVersion|deviceProperties|distributedInfo|displayTimeUnit'
    rb'|baseTimeNanoseconds|stackFrames|otherData|metadata|traceName|viztracer_metadata)"\s*:'
)


@dataclass(frozen=True)
class Chrome:
    """Reads trace-event JSON in bounded memory.

    Attributes:
        path: `slow` reads event by event, `fast` by compiled kernels, with the same rows as
            result; `auto` takes fast for texts of 30 MB and more.
        threads: that the fast path works on; 0: as many as there are cores, at most 2, since one
            scans faster than the rows are taken.
        block_bytes: how much the fast path scans at a time.
    """

    path: str = "auto"
    threads: int = 0
    block_bytes: int = 16 << 20

    def __post_init__(self) -> None:
        if self.path not in {"auto", "fast", "slow"}:
            raise ValueError(f"path is auto, fast or slow, not {self.path!r}")
        if self.threads < 0 or self.block_bytes < 1:
            raise ValueError("threads must be 0 or more, block_bytes above 0")

    def sniff(self, head: Head) -> Match:
        """Judge by the first 64 KiB: an object with `traceEvents`, or a list of events."""
        prefix = head.prefix
        if prefix.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            prefix = prefix[: len(prefix) & ~1].decode("utf-16", errors="replace").encode()
        prefix = prefix.removeprefix(codecs.BOM_UTF8)
        if is_rocprof(prefix):
            return Match.NO  # it has an importer of its own, which reads the exact times
        if _LIST.match(prefix):
            return Match.SURE if _PHASE.search(prefix) else Match.NO
        if _EMPTY_LIST.match(prefix):
            return Match.MAYBE
        if _OBJECT.match(prefix) and _EVENTS.search(prefix):
            return Match.SURE
        return Match.MAYBE if _HINTS.match(prefix) else Match.NO

    def read(self, source: Source) -> Iterator[Chunk]:
        """Give the chunks of a file.

        Raises:
            CorruptTrace: the file is empty, or nothing of it is JSON.
            UnknownFormat: it is JSON, without trace events.
        """
        from traceql.importers.chrome.reading import Reading

        return Reading(source, self).chunks()


PLUGIN = Chrome
