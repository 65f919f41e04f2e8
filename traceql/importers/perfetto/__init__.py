"""Perfetto protobuf traces: TrackEvents, ftrace, process and system statistics, GPU, samples."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from traceql.model.protocols import Chunk, Head, Match, Source

VERSION = "1"


@dataclass(frozen=True)
class Perfetto:
    """Reads `.pftrace` and `.perfetto-trace` files in one pass, in bounded memory.

    Scheduling events and flow points are held as numbers until the end, 32 to 48 bytes each, since
    the packets of different CPUs and threads come in no order.

    Attributes:
        path: `slow` reads packet by packet, `fast` runs of plain track events by compiled kernels,
            with the same rows as result; `auto` takes fast for files of 2 MiB and more.
    """

    path: str = "auto"

    def __post_init__(self) -> None:
        if self.path not in {"auto", "fast", "slow"}:
            raise ValueError(f"path is auto, fast or slow, not {self.path!r}")

    def sniff(self, head: Head) -> Match:
        """Judge by the first packets: each is field 1 of the trace, and names fields we know."""
        from traceql.importers.perfetto.sniffing import looks_like_packets

        return looks_like_packets(head.prefix)

    def read(self, source: Source) -> Iterator[Chunk]:
        """Give the chunks of a file.

        Raises:
            CorruptTrace: the file is empty, or holds no packet.
        """
        from traceql.importers.perfetto.reading import Reading

        return Reading(source, self.path).chunks()


PLUGIN = Perfetto
