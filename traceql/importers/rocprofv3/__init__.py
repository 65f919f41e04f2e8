"""rocprofv3 (rocprofiler-sdk): its CSV files, one or a folder of them, and its JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from traceql.model.protocols import Chunk, Head, Match, Source

VERSION = "1"


@dataclass(frozen=True)
class Rocprofv3:
    """Reads what rocprofv3 writes besides its database and Perfetto traces.

    Attributes:
        keep_environment: keep host names, command lines and paths, all of which are left out
            otherwise.
    """

    keep_environment: bool = False

    def sniff(self, head: Head) -> Match:
        """Judge by the header of a CSV, or by the first key of a JSON."""
        from traceql.importers.rocprofv3.kinds import is_json, kind_of

        if not head.prefix and head.names:
            beginnings = [b for n, b in zip(head.names, head.beginnings, strict=False)
                          if n.lower().endswith((".csv", ".json"))]  # fmt: skip
            known = any(kind_of(b) or is_json(b) for b in beginnings)
            return Match.SURE if known else Match.NO
        known = is_json(head.prefix) or kind_of(head.prefix) is not None
        return Match.SURE if known else Match.NO

    def read(self, source: Source) -> Iterator[Chunk]:
        """Give the chunks of a file, or of the files of a folder.

        Raises:
            CorruptTrace: there is no record in it.
            UnknownFormat: no file of the folder is of rocprofv3.
        """
        from traceql.importers.rocprofv3.reading import Reading

        yield from Reading(source, keep_environment=self.keep_environment).chunks()


PLUGIN = Rocprofv3
