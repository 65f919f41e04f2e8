"""Processes and threads, numbered as they appear; ids of the system can be used again.

Number 0 is kept for the idle thread and its process, as in Perfetto: people leave idle CPUs out by
`utid != 0`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from traceql.importers.perfetto.rows import chunk

if TYPE_CHECKING:
    from traceql.model.protocols import Chunk

OF_FTRACE, OF_TREE, OF_DESCRIPTOR = 1, 2, 3
"""How sure a name of a thread is; a surer one is never replaced by one less sure."""


@dataclass(slots=True)
class Process:
    """A process."""

    upid: int
    pid: int
    name: str | None = None
    sure: int = 0
    parent: Process | None = None
    cmdline: str | None = None
    start_ts: int | None = None
    end_ts: int | None = None
    ended: bool = False
    born: bool = False
    """Whether its start was seen, not only told."""
    args: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Thread:
    """A thread; its process may become known later."""

    utid: int
    tid: int
    process: Process | None
    name: str | None = None
    sure: int = 0
    start_ts: int | None = None
    end_ts: int | None = None
    args: dict[str, Any] = field(default_factory=dict)

    def call(self, name: str | None, sure: int) -> None:
        """Give it a name, unless it has a surer one."""
        if name and sure >= self.sure:
            self.name, self.sure = name, sure


class Actors:
    """All processes and threads of a file."""

    def __init__(self) -> None:
        idle = Process(0, 0)
        self._processes = [idle]
        self._by_pid = {0: idle}
        self._threads = [Thread(0, 0, idle)]
        self._by_tid = {0: [*self._threads]}
        self._is_idle_known = False

    def process(self, pid: int) -> Process:
        """Give the process that has a pid now; its main thread is made with it, as in Perfetto."""
        found = self._by_pid.get(pid)
        self._is_idle_known |= pid == 0
        if found is None:
            found = self._by_pid[pid] = Process(len(self._processes), pid)
            self._processes.append(found)
            self.thread(pid, pid)
        return found

    def thread(self, tid: int, pid: int) -> Thread:
        """Give the thread of a process."""
        process = self.process(pid)
        known = self._by_tid.setdefault(tid, [])
        for thread in reversed(known):
            if thread.process is process:
                return thread
        for thread in reversed(known):
            if thread.process is None and thread.end_ts is None:
                thread.process = process
                return thread
        return self._new(tid, process)

    def thread_of(self, tid: int) -> Thread:
        """Give the thread that has a tid now, whatever its process."""
        known = self._by_tid.get(tid)
        if tid == 0:
            self._is_idle_known = True
            self._threads[0].call("swapper", OF_FTRACE)
        if known:
            return known[-1]
        return self._new(tid, None)

    def is_settled(self, tid: int, pid: int | None) -> bool:
        """Tell whether asking for a tid, with this pid and without, gives one thread throughout.

        Args:
            tid: of the thread.
            pid: of its process; None: asked for without only.
        """
        known = self._by_tid.get(tid)
        if not known or pid is None:
            return True
        last, process = known[-1], self._by_pid.get(pid)
        if last.process is not None:
            return last.process is process
        return len(known) == 1 and last.end_ts is None

    def another_process(self, pid: int) -> Process:
        """Give a pid to a new process."""
        self._by_pid.pop(pid, None)
        return self.process(pid)

    def another_thread(self, tid: int, pid: int) -> Thread:
        """Give a tid to a new thread of a process."""
        return self._new(tid, self.process(pid))

    def start_process(self, pid: int, ts: int, parent: Process | None) -> Process:
        """Start a process; one of the same pid that has ended makes room for it."""
        before = self._by_pid.get(pid)
        if before is not None and (before.ended or before.born):
            del self._by_pid[pid]
            for thread in self._by_tid.get(pid, ()):
                if thread.end_ts is None:
                    thread.end_ts = before.end_ts
        process = self.process(pid)
        process.start_ts, process.born = ts, True
        process.parent = parent if parent is not process else None
        self.thread(pid, pid).start_ts = ts
        return process

    def start_thread(self, tid: int, ts: int, process: Process | None) -> Thread:
        """Start a thread of a process."""
        known = self._by_tid.get(tid, [])
        if known and known[-1].end_ts is None and known[-1].start_ts is None:
            thread = known[-1]
            thread.process = thread.process or process
        else:
            thread = self._new(tid, process)
        thread.start_ts = ts
        return thread

    def end(self, tid: int, ts: int) -> None:
        """End a thread, and its process where it is the main one."""
        thread = self.thread_of(tid)
        thread.end_ts = ts
        process = thread.process
        if process is not None and process.pid == tid:
            process.end_ts, process.ended = ts, True

    def _new(self, tid: int, process: Process | None) -> Thread:
        thread = Thread(len(self._threads), tid, process)
        self._threads.append(thread)
        self._by_tid.setdefault(tid, []).append(thread)
        return thread

    def chunks(self) -> Iterator[Chunk]:
        """Give the rows of `process` and `thread`; those of number 0 where something is of them."""
        skipped = 0 if self._is_idle_known else 1
        if self._processes[skipped:]:
            columns = (
                "upid",
                "pid",
                "name",
                "start_ts",
                "end_ts",
                "cmdline",
                "parent_upid",
                "args",
            )
            yield chunk("process", columns, [
                (p.upid, p.pid, p.name, p.start_ts, p.end_ts, p.cmdline,
                 p.parent.upid if p.parent else None, as_json(p.args))
                for p in self._processes[skipped:]
            ])  # fmt: skip
        if self._threads[skipped:]:
            columns = (
                "utid",
                "tid",
                "upid",
                "name",
                "start_ts",
                "end_ts",
                "is_main_thread",
                "args",
            )
            yield chunk("thread", columns, [
                (t.utid, t.tid, t.process.upid if t.process else None, t.name,
                 t.start_ts, t.end_ts, t.tid == t.process.pid if t.process else None,
                 as_json(t.args))
                for t in self._threads[skipped:]
            ])  # fmt: skip


def as_json(values: dict[str, Any]) -> str | None:
    """Write a JSON object; None when there is nothing in it."""
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")) if values else None
