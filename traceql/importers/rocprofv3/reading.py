"""One run: its CSV files in an order that lets each use what others tell, or its JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from traceql.errors import CorruptTrace, UnknownFormat
from traceql.importers._csv import CsvFile
from traceql.importers._rocm.statistics import Profile
from traceql.importers._rocm.trace import Trace
from traceql.importers.rocprofv3 import calls, counting, device, kinds
from traceql.importers.rocprofv3.runs import Run, Runs, Table

if TYPE_CHECKING:
    from traceql.model.protocols import Chunk, Source

_HEAD_BYTES = 1 << 16

READERS: dict[str, Callable[[Run, Table], Iterator[Chunk]]] = {
    kinds.CALLS: calls.calls,
    kinds.KERNELS: device.kernels,
    kinds.COPIES: device.copies,
    kinds.ALLOCATIONS: device.memory,
    kinds.SCRATCH: device.memory,
    kinds.COUNTERS: counting.counter_values,
    kinds.PC_SAMPLES: counting.pc_samples,
}


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
        members = self._source.members()
        texts = [m for m in members if m.path.suffix.lower() == ".csv"] if members else []
        if not members:
            with self._source.local().open("rb") as file:
                if kinds.kind_of(file.read(_HEAD_BYTES)) is not None:
                    texts = [self._source]
        files = self._sorted_out(texts)
        if not files:
            raise UnknownFormat(self._source.path, "no CSV of rocprofv3")
        yield from self._read(files)

    def _sorted_out(self, texts: list[Source]) -> list[tuple[str, Source]]:
        """Give the files whose header is known, in the order in which they are read."""
        found = []
        for text in texts:
            with text.local().open("rb") as file:
                kind = kinds.kind_of(file.read(_HEAD_BYTES))
            if kind is not None:
                found.append((kind, text))
        return sorted(found, key=lambda pair: kinds.ORDER.index(pair[0]))

    def _read(self, files: list[tuple[str, Source]]) -> Iterator[Chunk]:
        trace = Trace()
        runs, profile = Runs(trace), Profile(trace)
        for kind, source in files:
            named = kinds.named(source.path.name.partition(".")[0])
            runs.of(named).kinds.add(kind)
        damage: list[tuple[str, int, str]] = []
        any_row = False
        for kind, source in files:
            named = kinds.named(source.path.name.partition(".")[0])
            run, table = runs.of(named), Table(CsvFile(source.local()), trace)
            if kind == kinds.AGENTS:
                for columns in table.batches():
                    for record in _records(columns):
                        run.agents.add(record)
                any_row = True
            elif kind == kinds.STATISTICS:
                for columns in table.batches():
                    for chunk in profile.table(columns, named.report):
                        any_row = True
                        yield chunk
            else:
                run.profile = profile
                for chunk in READERS[kind](run, table):
                    any_row = True
                    yield chunk
            damage += table.end()
        if not any_row:
            raise CorruptTrace(self._source.path, 0, "there is no whole row in it")
        yield from runs.frames()
        runs.describe()
        yield from trace.end([*damage, *self._source.damage])


def _records(columns: dict[str, object]) -> list[dict[str, str | None]]:
    """Give rows of agents: a handful."""
    values = [column.to_pylist() for column in columns.values()]  # type: ignore[attr-defined]
    return [dict(zip(columns, row, strict=True)) for row in zip(*values, strict=True)]
