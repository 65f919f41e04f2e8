"""The AMD profilers before rocprofv3: rocprof v1 and v2, roctracer's text, rocprof-compute."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from traceql.model.protocols import Chunk, Head, Match, Source

VERSION = "2"

_TABLES = frozenset({"KERN", "HIP", "HSA", "COPY", "OPS", "rocTX"})
_SQLITE = b"SQLite format 3\0"


@dataclass(frozen=True)
class Rocprof:
    """Reads CSV, SQLite and text of rocprof v1 and v2, and workloads of rocprof-compute.

    Attributes:
        keep_environment: keep host names and commands, which are left out otherwise.
    """

    keep_environment: bool = False

    def sniff(self, head: Head) -> Match:
        """Judge by a CSV's header, a database's tables, or the lines of a text."""
        from traceql.importers.rocprof.kinds import kind_of

        if not head.prefix and head.names:
            known = [kind_of(beginning) for beginning in head.beginnings]
            return Match.SURE if any(known) else Match.NO
        if head.prefix.startswith(_SQLITE):
            return Match.SURE if _TABLES.intersection(head.names) else Match.NO
        return Match.SURE if kind_of(head.prefix) else Match.NO

    def read(self, source: Source) -> Iterator[Chunk]:
        """Give the chunks of a file, or of the files of a folder.

        Raises:
            CorruptTrace: there is no record in it.
            UnknownFormat: no file of the folder is known.
        """
        from traceql.importers.rocprof.reading import Reading

        yield from Reading(source, keep_environment=self.keep_environment).chunks()


PLUGIN = Rocprof
