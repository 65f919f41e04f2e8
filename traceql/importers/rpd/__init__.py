"""RPD: the SQLite files of rocmProfileData."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from traceql.model.protocols import Chunk, Head, Match, Source

VERSION = "1"

_OURS = frozenset({"rocpd_api", "rocpd_op", "rocpd_string"})


@dataclass(frozen=True)
class Rpd:
    """Reads calls, operations of devices, and what the monitor sampled.

    Its tables share the prefix `rocpd_` with those of rocprofv3's databases, and even their
    schema version; it is told by the tables themselves.
    """

    def sniff(self, head: Head) -> Match:
        """Judge by the names of the tables."""
        return Match.SURE if _OURS.issubset(head.names) else Match.NO

    def read(self, source: Source) -> Iterator[Chunk]:
        """Give the chunks of a file.

        Raises:
            CorruptTrace: it is no SQLite database, or its schema cannot be read.
        """
        from traceql.importers.rpd.reading import chunks

        yield from chunks(source)


PLUGIN = Rpd
