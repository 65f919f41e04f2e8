"""Read one file, or the files of a folder as one trace."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from traceql.errors import CorruptTrace, UnknownFormat
from traceql.importers._csv import CsvFile, integers
from traceql.importers._rocm.statistics import Profile
from traceql.importers._rocm.trace import Trace
from traceql.importers._sqlite import Database
from traceql.importers.rocprof import kinds
from traceql.importers.rocprof.dispatches import Dispatches
from traceql.importers.rocprof.events import Events
from traceql.importers.rocprof.json_events import JsonEvents
from traceql.importers.rocprof.lines import Lines
from traceql.importers.rocprof.markers import POP, PUSH, Marker, edges
from traceql.importers.rocprof.system import gpu_facts

if TYPE_CHECKING:
    from traceql.model.protocols import Chunk, Source

_HEAD_BYTES = 1 << 16
_SQLITE = b"SQLite format 3\0"
_PID = re.compile(r"_(\d{1,10})$")
_SAME_RUN = (
    (kinds.BASE, frozenset({kinds.JSON, kinds.DISPATCHES})),
    (kinds.JSON, frozenset({kinds.DISPATCHES})),
)
_FIELDS_WITH_KERNEL = 6
_PRIVATE = frozenset({"hostname", "command", "workload_name", "timestamp"})
_BASE_TABLES = (
    ("HIP", "HIP_API"), ("HSA", "HSA_API"), ("rocTX", "ROCTX_DOMAIN"), ("KERN", None),
    ("OPS", None), ("COPY", None),
)  # fmt: skip


class Reading:
    """Reads one source.

    Args:
        source: a file or a folder.
        keep_environment: keep host names and commands.
    """

    def __init__(self, source: Source, *, keep_environment: bool) -> None:
        self._source, self._keep = source, keep_environment
        self._trace = Trace()
        self._profile = Profile(self._trace)
        self._events = Events(self._trace)
        self._damage: list[tuple[str, int, str]] = []
        self._any_row = False
        self._told: dict[str, str] = {}
        """What a workload tells of its system; names in lower case."""

    def chunks(self) -> Iterator[Chunk]:
        """Give the chunks of all files.

        Raises:
            CorruptTrace: there is no row in it.
            UnknownFormat: no file of a folder is known.
        """
        files = self._files()
        if not files:
            raise UnknownFormat(self._source.path, "no file of rocprof or roctracer")
        found = [kind for kind, _ in files]
        # One run is told by its database, by its JSON and by its CSV: the first is read.
        for whole, parts in _SAME_RUN:
            if whole in found:
                files = [(kind, file) for kind, file in files if kind not in parts]
        self._dispatches = Dispatches(
            self._trace, self._profile, is_workload=_is_workload(found, files)
        )
        for kind, file in files:
            for chunk in self._read(kind, file):
                self._any_row = True
                yield chunk
        if not self._any_row:
            raise CorruptTrace(self._source.path, 0, "there is no whole row in it")
        if self._told:
            for number in self._trace.actors.devices:
                self._trace.describe(number, gpu_facts(self._told))
        yield from self._trace.end([*self._damage, *self._source.damage])

    def _files(self) -> list[tuple[str, Source]]:
        """Give the files that are known, in the order in which they are read."""
        members: Sequence[Source] = self._source.members() or [self._source]
        found = []
        for member in members:
            with member.local().open("rb") as file:
                prefix = file.read(_HEAD_BYTES)
            is_base = prefix.startswith(_SQLITE)
            kind = kinds.BASE if is_base else kinds.kind_of(prefix)
            if kind is not None:
                found.append((kind, member))
        return sorted(
            found, key=lambda pair: (kinds.ORDER.index(pair[0]), _rank(pair[1].path.name))
        )

    def _read(self, kind: str, file: Source) -> Iterator[Chunk]:
        name = file.path.name.partition(".")[0]
        if kind == kinds.BASE:
            yield from self._base(file)
            return
        if kind == kinds.JSON:
            reader = JsonEvents(
                self._trace, self._events, self._dispatches, keep_environment=self._keep
            )
            yield from reader.chunks(file.local(), name)
            self._damage += reader.damage
            return
        if kind == kinds.TEXT:
            yield from Lines(self._trace, self._events).chunks(file.local(), "")
            return
        table, pid = CsvFile(file.local()), _pid_of(name)
        for columns in table.batches():
            self._any_row |= kind == kinds.SYSTEM
            yield from self._rows(kind, columns, pid, name)
        if kind == kinds.CALLS:
            yield from self._with_kernels(table, pid)
        self._trace.diagnostics.count("csv_row_unread", table.unread)
        self._trace.diagnostics.count("csv_text_not_utf8", table.not_utf8)
        self._damage += table.damage

    def _rows(
        self, kind: str, columns: dict[str, pa.Array], pid: int | None, name: str
    ) -> Iterator[Chunk]:
        if kind == kinds.DISPATCHES:
            yield from self._dispatches.chunks(columns, pid, "", name)
        elif kind == kinds.CALLS:
            yield from self._events.calls(columns, pid, "")
        elif kind in {kinds.COPIES, kinds.OPERATIONS}:
            yield from self._events.operations(columns, pid, "")
        elif kind == kinds.MARKERS:
            yield from self._marked(columns, pid)
        elif kind == kinds.STATISTICS:
            yield from self._profile.table(columns, name)
        elif kind == kinds.SYSTEM:
            self._system(columns)
        else:
            device = next(n for n in columns if n.lower() == "device")
            measures = {n: c for n, c in columns.items() if n != device}
            group = {"file": pa.array([name] * len(columns[device])), "device": columns[device]}
            yield from self._profile.measures(group, measures)

    def _with_kernels(self, table: CsvFile, pid: int | None) -> Iterator[Chunk]:
        """Give the calls of which the name of a kernel is told, in a field without a header."""
        width = len(table.header)
        rows = [row for row in table.odd if len(row) == width + 1 == _FIELDS_WITH_KERNEL]
        if not rows:
            return
        table.unread -= len(rows)
        columns = list(zip(*rows, strict=True))
        names = [*table.header[:2], "kernel", *table.header[2:]]
        yield from self._events.calls(
            {n: pa.array(c, pa.string()) for n, c in zip(names, columns, strict=True)}, pid, ""
        )

    def _marked(self, columns: Mapping[str, pa.Array], pid: int | None) -> Iterator[Chunk]:
        """Give ranges: a row without a message ends what the last open one began."""
        by_name = {kinds.plain(name): column for name, column in columns.items()}
        times, bad = integers(by_name["timestamp"])
        numbers, _ = integers(by_name["roctx_id"])
        self._trace.diagnostics.count("csv_value_unread", bad)
        found = [
            Marker(ts, pid, None, PUSH if text else POP, number or 0, text or "")
            for ts, number, text in zip(
                times.to_pylist(), numbers.to_pylist(), by_name["message"].to_pylist(), strict=True
            )
            if ts is not None
        ]
        yield from edges(self._trace, found, "")

    def _system(self, columns: Mapping[str, pa.Array]) -> None:
        """Take what a workload tells of its system, one row."""
        for name, column in columns.items():
            value = column[0].as_py()
            if value and (self._keep or name.lower() not in _PRIVATE):
                self._trace.metadata.setdefault(f"rocprof_compute.{name}", value)
                self._told.setdefault(name.lower(), value)

    def _base(self, file: Source) -> Iterator[Chunk]:
        """Give the tables of a database of v1, read as texts like those of a CSV."""
        with Database(file.local()) as base:
            for table, domain in _BASE_TABLES:
                names = {c.name: pa.string() for c in base.tables.get(table, ())}
                if not names:
                    continue
                for batch in base.rows(table, names):
                    columns = dict(zip(batch.schema.names, batch.columns, strict=True))
                    if table == "KERN":
                        yield from self._dispatches.chunks(columns, None, "", file.path.stem)
                    elif domain is not None:
                        yield from self._events.calls(columns, None, "", domain)
                    else:
                        if table == "COPY":
                            columns["Operation"] = pa.array(["async_copy"] * batch.num_rows)
                        yield from self._events.operations(columns, None, "")
            self._damage += base.damage


def _is_workload(found: Sequence[str], files: Sequence[tuple[str, Source]]) -> bool:
    """Tell whether wide tables are passes of rocprof-compute, by their names or what is beside."""
    names = {file.path.name for kind, file in files if kind == kinds.DISPATCHES}
    told = any(name.startswith(("pmc_perf", "SQ_", "pmc_dispatch_info")) for name in names)
    return told or kinds.SYSTEM in found


def _rank(name: str) -> tuple[int, str]:
    """Order the passes of a workload: the one that has its times of its own first."""
    return (0 if name.startswith("timestamps") else 1, name)


def _pid_of(name: str) -> int | None:
    found = _PID.search(name)
    return int(found[1]) if found else None
