"""rocpd: the SQLite databases of rocprofv3 and rocprofiler-systems."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from traceql.model.protocols import Chunk, Head, Match, Source

VERSION = "1"

TABLE = re.compile(r"^rocpd_([a-z_]+?)((?:_[0-9a-f]{8}_[0-9a-f_]{8,})?)$")
"""A table: its name, and the GUID of the process that wrote it (none in a converted file)."""
_OURS = frozenset({"region", "kernel_dispatch", "info_process", "info_agent", "event"})
"""Tables that only this schema has: another of the same prefix has `rocpd_api`, `rocpd_op`."""


@dataclass(frozen=True)
class Rocpd:
    """Reads base tables of every process in a database; the shipped views leave rows out.

    Attributes:
        keep_environment: keep environment variables, host names, command lines and paths, all of
            which are left out otherwise.
    """

    keep_environment: bool = False

    def sniff(self, head: Head) -> Match:
        """Judge by the names of the tables."""
        found = (TABLE.match(name) for name in head.names)
        known = {match[1] for match in found if match is not None}
        return Match.SURE if len(known & _OURS) > 1 else Match.NO

    def read(self, source: Source) -> Iterator[Chunk]:
        """Give the chunks of a database.

        Raises:
            CorruptTrace: it is no SQLite database, or its schema cannot be read.
            UnknownFormat: it has no table of rocpd.
        """
        from traceql.importers.rocpd.reading import chunks

        yield from chunks(source, keep_environment=self.keep_environment)


PLUGIN = Rocpd
