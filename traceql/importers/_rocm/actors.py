"""Processes, threads and tracks of AMD's traces, numbered in order of first appearance."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import pyarrow as pa

from traceql.importers._columns import mapped
from traceql.importers._packing import described
from traceql.model import tables
from traceql.model.protocols import Chunk

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceql.importers._columns import Int64

_INT32 = 1 << 31


@dataclass
class Process:
    """A process to be."""

    upid: int
    pid: int | None
    host: str | None = None
    start_ts: int | None = None
    end_ts: int | None = None
    cmdline: str | None = None
    name: str | None = None
    args: dict[str, Any] = field(default_factory=dict)


@dataclass
class Track:
    """A track to be."""

    id: int
    type: str
    name: str | None = None
    upid: int | None = None
    utid: int | None = None
    device_id: int | None = None
    stream_id: int | None = None
    unit: str | None = None
    args: dict[str, Any] | None = None


class Actors:
    """What rows lie on. A process is known by a scope (a run, a GUID, a file) and its pid."""

    def __init__(self) -> None:
        self.processes: dict[tuple[Any, int | None], Process] = {}
        self._threads: dict[tuple[int, int], int] = {}
        self._thread_facts: dict[int, tuple[str | None, int | None, int | None]] = {}
        self._tracks: dict[tuple[Any, ...], Track] = {}
        self.devices: set[int] = set()
        """Devices that rows speak of."""

    def process(self, pid: int | None, scope: Any = "") -> Process:
        """Give a process; pid None is a process of which the file does not tell the number."""
        key = (scope, pid)
        if key not in self.processes:
            self.processes[key] = Process(len(self.processes), pid)
        return self.processes[key]

    def upids(self, pids: pa.Array, scope: Any = "") -> Int64:
        """Give the upid of each row, int64 [n]; of a row without pid that of the unknown one."""
        return mapped([pids], len(pids), lambda pid: self.process(pid, scope).upid)

    def thread(self, upid: int, tid: int) -> int:
        """Give the utid of a thread."""
        return self._threads.setdefault((upid, tid), len(self._threads))

    def describe_thread(
        self, utid: int, name: str | None, start: int | None = None, end: int | None = None
    ) -> None:
        """Say how a thread is called and how long it lived."""
        self._thread_facts[utid] = (name, start, end)

    def utids(self, upids: Int64, tids: pa.Array) -> pa.Array:
        """Give the utid of each row, int32, null where it has no thread."""
        numbers = mapped(
            [pa.array(upids), tids], len(tids), lambda u, t: -1 if not t else self.thread(u, t)
        )
        return pa.array(numbers, pa.int32(), mask=numbers < 0)

    def thread_tracks(
        self, upids: Int64, tids: pa.Array, kind: str = "thread", name: str | None = None
    ) -> Int64:
        """Give the track of each row's thread; a row without one (or tid 0) lies on its process."""

        def track(upid: int, tid: int | None) -> int:
            if not tid:
                where = "process" if kind == "thread" else kind
                return self.track((where, name, upid, None), where, name, upid=upid)
            utid = self.thread(upid, tid)
            return self.track((kind, name, upid, tid), kind, name, upid=upid, utid=utid)

        return mapped([pa.array(upids), tids], len(tids), track)

    def device_tracks(
        self, upids: Int64, devices: Int64, queues: pa.Array, streams: pa.Array,
        kind: str = "gpu_stream", named: Callable[[Any, Any], str | None] | None = None,
    ) -> Int64:  # fmt: skip
        """Give the track of each row's queue and stream of a device.

        Args:
            upids: int64 [n].
            devices: int64 [n], -1 where unknown.
            queues: int64, null where unknown; 0 is no queue.
            streams: int64, null where the tool knows none.
            kind: type of the track.
            named: gives the name of a queue and stream; None: they are numbered.
        """

        def track(upid: int, device: int, queue: int | None, stream: int | None) -> int:
            title = named(queue, stream) if named else _title(queue, stream)
            return self.track(
                (kind, upid, device, queue, stream), kind, title, upid=upid,
                device_id=None if device < 0 else self.device(device),
                stream_id=queue if stream is None else stream,
                args=None if queue is None else {"queue_id": queue},
            )  # fmt: skip

        return mapped([pa.array(upids), pa.array(devices), queues, streams], len(upids), track)

    def device(self, number: int) -> int:
        """Note that a device is spoken of."""
        self.devices.add(number)
        return number

    def counter_track(
        self, key: tuple[Any, ...], name: str, unit: str | None = None, *,
        device_id: int | None = None, upid: int | None = None, args: dict[str, Any] | None = None,
    ) -> int:  # fmt: skip
        """Give the track of a counter."""
        if device_id is not None:
            device_id = self.device(device_id) if is_device(device_id) else None
        return self.track(
            ("counter", *key), "counter", name, unit=unit, device_id=device_id, upid=upid, args=args
        )

    def track(self, key: tuple[Any, ...], kind: str, name: str | None, **rest: Any) -> int:
        """Give the track of a key, made on first sight."""
        if key not in self._tracks:
            self._tracks[key] = Track(len(self._tracks), kind, name, **rest)
        return self._tracks[key].id

    def chunks(self) -> Iterator[Chunk]:
        """Give the rows of process, thread and track."""
        if self.processes:
            yield Chunk("process", self._process_rows())
        if self._threads:
            yield Chunk("thread", self._thread_rows())
        if self._tracks:
            yield Chunk("track", described("track", list(self._tracks.values())))

    def _process_rows(self) -> pa.RecordBatch:
        return described("process", list(self.processes.values()))

    def _thread_rows(self) -> pa.RecordBatch:
        pids = {process.upid: process.pid for process in self.processes.values()}
        facts = [
            self._thread_facts.get(utid, (None, None, None)) for utid in self._threads.values()
        ]
        return tables.conform("thread", {
            "utid": list(self._threads.values()),
            "tid": [tid for _, tid in self._threads],
            "upid": [upid for upid, _ in self._threads],
            "name": [name for name, _, _ in facts],
            "start_ts": [start for _, start, _ in facts],
            "end_ts": [end for _, _, end in facts],
            "is_main_thread": [tid == pids.get(upid) for upid, tid in self._threads],
        })  # fmt: skip


@overload
def is_device(number: int) -> bool: ...


@overload
def is_device(number: Int64) -> NDArray[np.bool_]: ...


def is_device(number: int | Int64) -> bool | NDArray[np.bool_]:
    """Tell whether a number is one that a device can have; in a damaged file it need not be."""
    return (number >= 0) & (number < _INT32)


def _title(queue: int | None, stream: int | None) -> str | None:
    if stream is not None:
        return "Default stream" if stream == 0 else f"Stream {stream}"
    return None if queue is None else f"Queue {queue}"


def device_numbers(agents: pa.Array, number: Callable[[Any], int | None]) -> Int64:
    """Give the device of each row, int64 [n], -1 where there is none.

    Args:
        agents: what names a device in the file.
        number: gives its number; called once for each name.
    """

    def fit(agent: Any) -> int:
        found = None if agent is None else number(agent)
        return found if found is not None and 0 <= found < _INT32 else -1

    return mapped([agents], len(agents), fit) if len(agents) else np.empty(0, np.int64)
