"""One run: its CSV files in an order that lets each use what others tell, or its JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from traceql.errors import CorruptTrace, UnknownFormat
from traceql.importers._csv import CsvFile
from traceql.importers._rocm.statistics import Profile
from traceql.importers._rocm.trace import Trace
from traceql.importers.rocprofv3 import calls, counting, device, kinds
from traceql.importers.rocprofv3.json_run import JsonRun
from traceql.importers.rocprofv3.runs import Run, Runs, Table

if TYPE_CHECKING:
    from traceql.model.protocols import Chunk, Source

_HEAD_BYTES = 1 << 16

_SUFFIXES = frozenset({".csv", ".json"})


class Reading:
    """Reads one file or folder.

    Args:
        source: of it.
        keep_environment: keep host names, commands and paths.
    """

    def __init__(self, source: Source, *, keep_environment: bool) -> None:
        self._source, self._keep = source, keep_environment

    def chunks(self) -> Iterator[Chunk]:
        """Give the chunks of all files.

        Raises:
            CorruptTrace: there is no row in it.
            UnknownFormat: no file of a folder is of rocprofv3.
        """
        files = self._files()
        if not files:
            raise UnknownFormat(self._source.path, "no CSV or JSON of rocprofv3")
        trace = Trace()
        runs, profile = Runs(trace), Profile(trace)
        for kind, source in files:
            runs.of(_named(source)).kinds.add(kind)
        damage: list[tuple[str, int, str]] = []
        any_row = False
        for kind, source in files:
            if kind == kinds.JSON:
                reader = JsonRun(source, trace, runs.frames, profile, keep_environment=self._keep)
                yield from reader.chunks()
                any_row |= reader.any_record
                damage += reader.damage
                continue
            run, table = runs.of(_named(source)), Table(CsvFile(source.local()), trace)
            run.profile = profile
            for chunk in _READERS[kind](run, table):
                any_row = True
                yield chunk
            any_row |= table.any_row
            damage += table.end()
        if not any_row:
            raise CorruptTrace(self._source.path, 0, "there is no whole row in it")
        yield from runs.frames.chunks()
        runs.describe()
        yield from trace.end([*damage, *self._source.damage])

    def _files(self) -> list[tuple[str, Source]]:
        """Give the files that are known, in the order in which they are read.

        A run that is told in JSON is not read from its CSV too.
        """
        members = self._source.members()
        if not members:
            return self._sorted_out([self._source])
        found = self._sorted_out([m for m in members if m.path.suffix.lower() in _SUFFIXES])
        told = {_named(source).run for kind, source in found if kind == kinds.JSON}
        return [
            (kind, source) for kind, source in found
            if kind in {kinds.JSON, kinds.STATISTICS} or _named(source).run not in told
        ]  # fmt: skip

    def _sorted_out(self, files: Sequence[Source]) -> list[tuple[str, Source]]:
        found = []
        for file in files:
            with file.local().open("rb") as opened:
                head = opened.read(_HEAD_BYTES)
            kind = kinds.JSON if kinds.is_json(head) else kinds.kind_of(head)
            if kind is not None:
                found.append((kind, file))
        return sorted(found, key=lambda pair: kinds.ORDER.index(pair[0]))


def _named(source: Source) -> kinds.Named:
    return kinds.named(source.path.name.partition(".")[0])


def _agents(run: Run, table: Table) -> Iterator[Chunk]:
    """Learn the agents: a handful of rows."""
    for columns in table.batches():
        values = [column.to_pylist() for column in columns.values()]
        for row in zip(*values, strict=True):
            run.agents.add(dict(zip(columns, row, strict=True)))
    yield from ()


def _statistics(run: Run, table: Table) -> Iterator[Chunk]:
    """Give totals by name as they stand."""
    assert run.profile is not None
    for columns in table.batches():
        yield from run.profile.table(columns, run.named.report)


_READERS: dict[str, Callable[[Run, Table], Iterator[Chunk]]] = {
    kinds.AGENTS: _agents,
    kinds.CALLS: calls.calls,
    kinds.KERNELS: device.kernels,
    kinds.COPIES: device.copies,
    kinds.ALLOCATIONS: device.memory,
    kinds.SCRATCH: device.memory,
    kinds.COUNTERS: counting.counter_values,
    kinds.PC_SAMPLES: counting.pc_samples,
    kinds.STATISTICS: _statistics,
}
