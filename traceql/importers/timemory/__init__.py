"""timemory: call graphs with totals, as rocprofiler-systems (omnitrace) writes them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from traceql.model.protocols import Chunk, Head, Match, Source

VERSION = "1"

_JSON = re.compile(rb'\s*\{\s*"timemory"\s*:\s*\{')
_TABLE = re.compile(
    rb"^\|\s*LABEL\s*\|\s*COUNT\s*\|\s*DEPTH\s*\|\s*METRIC\s*\|\s*UNITS\s*\|", re.MULTILINE
)
_BEGINNING_BYTES = 8192


@dataclass(frozen=True)
class Timemory:
    """Reads the text and the JSON of a component: totals by call path, no timeline."""

    def sniff(self, head: Head) -> Match:
        """Judge by the first key of a JSON, or by the heading of a table."""
        prefix = head.prefix[:_BEGINNING_BYTES].removeprefix(b"\xef\xbb\xbf")
        known = _JSON.match(prefix) or (prefix[:2] == b"|-" and _TABLE.search(prefix))
        return Match.SURE if known else Match.NO

    def read(self, source: Source) -> Iterator[Chunk]:
        """Give the chunks of a file.

        Raises:
            CorruptTrace: there is no row in it.
        """
        from traceql.importers.timemory.reading import chunks

        yield from chunks(source)


PLUGIN = Timemory
