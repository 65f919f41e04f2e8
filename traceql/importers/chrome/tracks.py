"""Number processes, threads and tracks in order of first appearance.

Ids in the file are JSON numbers or strings. A string that spells an integer is that integer, as in
Perfetto: Kineto writes the same thread both ways. As there, a process brings a number for its main
thread along, and number 0 is kept for what CPUs do when they idle.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from traceql.importers.chrome.rows import chunk
from traceql.importers.chrome.times import integer

if TYPE_CHECKING:
    from traceql.model.protocols import Chunk

INT32 = 1 << 31
_SPELLED = re.compile(rb'"(?:0|-?[1-9][0-9]{0,18})"')


@dataclass(slots=True)
class Process:
    """A pid of the file; `args` maps what metadata events say to source texts."""

    upid: int
    pid: int | None
    pid_text: str | None
    name: str | None = None
    args: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Thread:
    """A (pid, tid) of the file."""

    utid: int
    upid: int
    tid: int | None
    tid_text: str | None
    is_main: bool | None
    name: str | None = None
    args: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Lane:
    """A track to be; `process` and `thread` are those of the first event on it."""

    track_id: int
    type: str
    process: Process | None = None
    thread: Thread | None = None
    name: str | None = None
    device_id: int | None = None
    stream_id: int | None = None
    args: dict[str, str] = field(default_factory=dict)

    @property
    def upid(self) -> int | None:
        """Process of the track."""
        return self.process.upid if self.process else None

    @property
    def utid(self) -> int | None:
        """Thread of the track."""
        return self.thread.utid if self.thread else None


class Tracks:
    """Processes, threads and tracks of one file.

    Args:
        text: gives the text of a string token.
        tid_missing: called for each new thread whose events have no tid.
    """

    def __init__(self, text: Callable[[bytes], str], tid_missing: Callable[[], None]) -> None:
        self._text = text
        self._tid_missing = tid_missing
        self._upids, self._utids = count(1), count(1)
        self._mains: dict[int, int] = {}
        self._processes: dict[object, Process] = {}
        self._threads: dict[object, Thread] = {}
        self._tids: dict[object, Thread] = {}
        self._lanes: dict[object, Lane] = {}
        self._by_tokens: dict[tuple[bytes | None, bytes | None], Lane] = {}
        self._order: list[Lane] = []

    def process(self, pid: bytes | None) -> Process:
        """Give the process of a pid token; None is the process of events without a pid."""
        number, written = self._id(pid)
        key = number if number is not None else written
        found = self._processes.get(key)
        if found is None:
            found = Process(next(self._upids), number, written)
            self._processes[key] = found
            self._mains[found.upid] = next(self._utids)
        return found

    def thread(self, pid: bytes | None, tid: bytes | None) -> Thread:
        """Give the thread; one without a tid has the pid for its tid, as in Perfetto."""
        process = self.process(pid)
        number, written = self._id(pid if tid is None else tid)
        name = number if number is not None else written
        key = (process.upid, name)
        found = self._threads.get(key)
        if found is None:
            main = None if number is None or process.pid is None else number == process.pid
            is_first = number == process.pid and written == process.pid_text
            utid = self._mains[process.upid] if is_first else next(self._utids)
            found = Thread(utid, process.upid, number, written, main)
            self._threads[key] = found
            self._tids.setdefault(name, found)
            if tid is None:
                self._tid_missing()
                found.args["tid_missing"] = "true"
        return found

    def thread_of_tid(self, tid: bytes | None) -> Thread:
        """Give the first thread seen with this tid in any process, else one without a process."""
        number, written = self._id(tid)
        found = self._tids.get(number if number is not None else written)
        return found if found is not None else self.thread(None, tid)

    def lane(self, pid: bytes | None, tid: bytes | None) -> Lane:
        """Give the track of a thread."""
        found = self._by_tokens.get((pid, tid))
        if found is None:
            thread = self.thread(pid, tid)
            found = self.other("thread", thread.utid, self.process(pid), thread)
            self._by_tokens[pid, tid] = found
        return found

    def numbered(self, track_id: int) -> Lane:
        """Give the track of a number."""
        return self._order[track_id]

    def other(
        self,
        kind: str,
        key: object,
        process: Process | None = None,
        thread: Thread | None = None,
        *,
        name: str | None = None,
        args: Mapping[str, str] | None = None,
    ) -> Lane:
        """Give the track of a type and key, made at its first mention with what is said here."""
        found = self._lanes.get((kind, key))
        if found is None:
            found = Lane(len(self._order), kind, process, thread, name, args=dict(args or {}))
            self._lanes[kind, key] = found
            self._order.append(found)
        return found

    def _id(self, token: bytes | None) -> tuple[int | None, str | None]:
        if token is None or token == b"null":
            return None, None
        number = integer(token[1:-1] if _SPELLED.fullmatch(token) else token)
        return (number, None) if number is not None else (None, self._text(token))

    def chunks(self, rank: int | None, host: str | None) -> Iterator[Chunk]:
        """Give the rows of process, thread and track."""
        processes, threads = list(self._processes.values()), list(self._threads.values())
        if processes:
            yield chunk(
                "process",
                ("upid", "pid", "pid_text", "name", "host", "rank", "args"),
                [(p.upid, p.pid, p.pid_text, _named(p.name, p.pid_text), host, rank,
                  as_object(p.args))
                 for p in processes],
            )  # fmt: skip
        if threads:
            yield chunk(
                "thread",
                ("utid", "tid", "tid_text", "upid", "name", "is_main_thread", "args"),
                [(t.utid, t.tid, t.tid_text, t.upid, _named(t.name, t.tid_text), t.is_main,
                  as_object(t.args))
                 for t in threads],
            )  # fmt: skip
        if self._order:
            yield chunk(
                "track",
                ("id", "type", "name", "upid", "utid", "device_id", "stream_id", "args"),
                [_track(lane) for lane in self._order],
            )


def _named(name: str | None, written: str | None) -> str | None:
    """Give the name that metadata gave, else the text of an id that is no number, as Perfetto."""
    return name if name is not None else written or None


def _track(lane: Lane) -> tuple[object, ...]:
    owned = lane.type in {"thread", "gpu_stream"}
    name = lane.thread.name if lane.type == "gpu_stream" and lane.thread else lane.name
    return (
        lane.track_id,
        lane.type,
        name,
        lane.upid,
        lane.utid if owned else None,
        lane.device_id,
        lane.stream_id,
        as_object(lane.args),
    )


def as_object(args: Mapping[str, str]) -> str | None:
    """Write a JSON object of texts that are JSON already; None when there are none."""
    if not args:
        return None
    return "{" + ",".join(f"{json.dumps(k)}:{v}" for k, v in args.items()) + "}"


def int32(value: int | None) -> int | None:
    """Give the value where it fits int32."""
    return value if value is not None and -INT32 <= value < INT32 else None
