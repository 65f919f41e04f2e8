"""Runs: the files of one process, and what they tell of each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from traceql.importers._columns import distinct, filled, mapped
from traceql.importers._csv import integers
from traceql.importers._rocm.actors import device_numbers
from traceql.importers._rocm.agents import Agents
from traceql.importers._rocm.frames import Frames
from traceql.importers.rocprofv3 import kinds

if TYPE_CHECKING:
    from traceql.importers._columns import Bool, Int64
    from traceql.importers._csv import CsvFile
    from traceql.importers._rocm.statistics import Profile
    from traceql.importers._rocm.trace import Trace
    from traceql.importers.rocprofv3.kinds import Named

_GUIDLESS = ""
_NOTHING = np.empty(0, np.int64)


class Table:
    """One CSV file, its columns found by name in any case.

    Args:
        file: the CSV.
        trace: that counts what is wrong.
    """

    def __init__(self, file: CsvFile, trace: Trace) -> None:
        self._file, self._trace = file, trace
        self.any_row = False
        """Whether a row was given."""

    def batches(self) -> Iterator[dict[str, pa.Array]]:
        """Give batches of text columns, as written."""
        for columns in self._file.batches():
            self.any_row = True
            yield columns

    def take(self, columns: dict[str, pa.Array], name: str) -> pa.Array:
        """Take the texts of a column out of a batch; all null where the file has none."""
        key = next((key for key in columns if key.lower() == name), None)
        if key is not None:
            return columns.pop(key)
        return pa.nulls(len(next(iter(columns.values()))), pa.string()) if columns else pa.nulls(0)

    def integers(self, texts: pa.Array) -> pa.Array:
        """Give texts as int64; what is none is counted and null."""
        found, bad = integers(texts)
        self._trace.diagnostics.count("csv_value_unread", bad)
        return found

    def rest(self, columns: dict[str, pa.Array]) -> dict[str, pa.Array]:
        """Give the columns that are left, integers where all their texts are."""
        said = {}
        for name, column in columns.items():
            found, bad = integers(column)
            said[name] = column if bad else found
        return said

    def end(self) -> list[tuple[str, int, str]]:
        """Count what could not be read; give the damage."""
        self._trace.diagnostics.count("csv_row_unread", self._file.unread)
        self._trace.diagnostics.count("csv_text_not_utf8", self._file.not_utf8)
        return self._file.damage


@dataclass
class Run:
    """The files of one process (or of several, where their names do not tell them apart)."""

    trace: Trace
    agents: Agents
    all_frames: Frames
    named: Named
    kinds: set[str] = field(default_factory=set)
    """Kinds of its files."""
    profile: Profile | None = None
    _names: dict[int, str] = field(default_factory=dict)
    """Kernel of each dispatch, kept where PC samples speak of dispatches."""
    _met: dict[int, Int64] = field(default_factory=dict)
    """By process the dispatches of which there is a slice."""
    _pids: dict[str, set[int]] = field(default_factory=dict)
    _pid_of_thread: dict[tuple[str, int], int] = field(default_factory=dict)

    def upids(self, pids: pa.Array, tids: pa.Array, guids: pa.Array) -> Int64:
        """Give the process of rows that tell it, and remember whose threads they are."""
        process = self.trace.actors.process

        def number(pid: int | None, tid: int | None, guid: str | None) -> int:
            run = guid or _GUIDLESS
            if pid is not None:
                self._pids.setdefault(run, set()).add(pid)
                if tid:
                    self._pid_of_thread.setdefault((run, tid), pid)
            return process(pid, guid or _GUIDLESS).upid

        return mapped([pids, tids, guids], len(pids), number)

    def owners(self, tids: pa.Array, guids: pa.Array) -> Int64:
        """Give the process of rows that do not tell it: by the file's name, or by their thread.

        Where neither tells, it is a process without number, one for each run.
        """
        process = self.trace.actors.process

        def number(tid: int | None, guid: str | None) -> int:
            run = guid or _GUIDLESS
            known = self._pids.get(run, set())
            pid = self.named.pid if not guid else None
            if pid is None and len(known) == 1:
                pid = next(iter(known))
            if pid is None and tid:
                pid = self._pid_of_thread.get((run, tid))
            if pid is None:
                return process(None, guid or self.named.run).upid
            return process(pid, guid or _GUIDLESS).upid

        return mapped([tids, guids], len(tids), number)

    def devices(self, agents: pa.Array) -> Int64:
        """Give the device of each row, -1 where there is none."""
        return device_numbers(agents, self.agents.number)

    def is_cpu(self, number: int) -> bool:
        """Tell whether a device is known to be a CPU, whose memory is the host's."""
        return self.agents.is_cpu(number)

    def unmet(self, upids: Int64, dispatches: pa.Array) -> Bool:
        """Tell which rows are the first of a dispatch that has no slice yet, bool [n]."""
        numbers, fresh = filled(dispatches, -1), np.zeros(len(upids), np.bool_)
        for upid in np.unique(upids).tolist():
            here = np.flatnonzero(upids == upid)
            values, first = np.unique(numbers[here], return_index=True)
            is_new = ~np.isin(values, self._met.get(upid, _NOTHING))
            fresh[here[first[is_new]]] = True
        return fresh

    def met(self, upids: Int64, dispatches: pa.Array, kernels: pa.Array) -> None:
        """Remember dispatches that have a slice now, where another file speaks of them."""
        if kinds.PC_SAMPLES in self.kinds:
            # PC samples are taken of few dispatches: their tool slows each one down.
            pairs = zip(dispatches.to_pylist(), kernels.to_pylist(), strict=True)
            self._names.update({n: name for n, name in pairs if n is not None and name})
        if kinds.COUNTERS in self.kinds:
            numbers = filled(dispatches, -1)
            for upid in np.unique(upids).tolist():
                known = self._met.get(upid, _NOTHING)
                self._met[upid] = np.union1d(known, numbers[upids == upid])

    def kernel_names(self, dispatches: pa.Array) -> pa.Array:
        """Give the kernel of each dispatch, null where no file tells it."""
        found = distinct([dispatches], len(dispatches))
        names = pa.array([self._names.get(number) for (number,) in found.keys], pa.string())
        return names.take(pa.array(found.codes))


class Runs:
    """All runs of a trace."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._runs: dict[str, Run] = {}
        self._agents = Agents()
        self.frames = Frames()
        """Frames of PC samples."""

    def of(self, named: Named) -> Run:
        """Give the run of a file."""
        if named.run not in self._runs:
            self._runs[named.run] = Run(self._trace, self._agents, self.frames, named)
        return self._runs[named.run]

    def describe(self) -> None:
        """Describe the devices, when it is known by which numbers rows speak of them."""
        self._agents.describe(self._trace)
