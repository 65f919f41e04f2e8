"""Nsight Systems: exports to SQLite, Parquet and Arrow, statistics, and raw reports by `nsys`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from traceql.model.protocols import Chunk, Head, Match, Source

VERSION = "1"

_META = frozenset({
    "META_DATA_EXPORT", "EXPORT_META_DATA", "NVTX_EVENTS", "OSRT_API", "SCHED_EVENTS",
    "COMPOSITE_EVENTS", "GPU_METRICS", "PROFILER_OVERHEAD",
})  # fmt: skip
_SUFFIXES = (".parquet", ".arrow", ".arrows", ".feather", ".ipc")
_REPORTS = (b"NVIDIA Tegra Profiler Report", b"NVIDIA Nsight Systems Report")


@dataclass(frozen=True)
class Nsight:
    """Reads what Nsight Systems exports.

    Attributes:
        keep_environment: keep environment variables, names of users and hosts, paths, command
            lines and what the processes printed, all of which are left out otherwise.
    """

    keep_environment: bool = False

    def sniff(self, head: Head) -> Match:
        """Judge by the tables of a database or folder, or by the first line of a file."""
        from traceql.importers.nsight.stats import is_statistics

        if head.prefix.startswith(_REPORTS):
            return Match.SURE
        if head.prefix.startswith(b"SQLite format 3\x00"):
            return _of_tables(head.names)
        if not head.prefix and head.names:
            tables = [n.rpartition(".")[0] for n in head.names if n.lower().endswith(_SUFFIXES)]
            if tables:
                return _of_tables(tables)
            texts = [b for n, b in zip(head.names, head.beginnings, strict=False)
                     if n.lower().endswith(".csv")]  # fmt: skip
            return Match.SURE if any(map(is_statistics, texts)) else Match.NO
        return Match.SURE if is_statistics(head.prefix) else Match.NO

    def read(self, source: Source) -> Iterator[Chunk]:
        """Give the chunks of a file or folder.

        Raises:
            CorruptTrace: it is damaged beyond what can be read.
            MissingTool: it is a raw report, and there is no `nsys` to export it.
        """
        from traceql.importers.nsight.stats import statistics_of

        texts = statistics_of(source)
        if texts is not None:
            from traceql.importers.nsight.stats import read_statistics

            yield from read_statistics(source, texts)
            return
        from traceql.importers.nsight.reading import Reading

        yield from Reading(source, keep_environment=self.keep_environment).chunks()


def _of_tables(names: tuple[str, ...] | list[str]) -> Match:
    """Judge by names of tables."""
    known = set(names)
    ours = known & _META or any(name.startswith("CUPTI_ACTIVITY_KIND_") for name in known)
    # nvprof's databases have CUPTI tables too, with their texts in StringTable.
    if not ours or "StringTable" in known:
        return Match.NO
    return Match.SURE if "StringIds" in known else Match.MAYBE


PLUGIN = Nsight
