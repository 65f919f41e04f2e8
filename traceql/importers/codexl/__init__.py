"""CodeXL and Radeon Compute Profiler: application traces (.atp) and sessions of counters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from traceql.model.protocols import Chunk, Head, Match, Source

VERSION = "1"

_TRACE = re.compile(rb"TraceFileVersion=")
_SECTION = re.compile(rb"^=====.{0,64} (?:API Trace|Timestamp) Output=====", re.MULTILINE)
_SESSION = re.compile(rb"# ?ProfileFileVersion=")


@dataclass(frozen=True)
class Codexl:
    """Reads calls of OpenCL and HSA with the device's times, and tables of counters.

    Attributes:
        keep_environment: keep paths, arguments and environment variables of the application.
    """

    keep_environment: bool = False

    def sniff(self, head: Head) -> Match:
        """Judge by the first line, or by the title of a section."""
        prefix = head.prefix.removeprefix(b"\xef\xbb\xbf")
        known = _TRACE.match(prefix) or _SESSION.match(prefix) or _SECTION.search(prefix)
        return Match.SURE if known and b"\0" not in prefix[:512] else Match.NO

    def read(self, source: Source) -> Iterator[Chunk]:
        """Give the chunks of a file.

        Raises:
            CorruptTrace: there is no row in it.
        """
        from traceql.importers.codexl.reading import chunks

        yield from chunks(source, keep_environment=self.keep_environment)


PLUGIN = Codexl
