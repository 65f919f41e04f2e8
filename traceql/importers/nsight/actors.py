"""Processes, threads and tracks, numbered in order of first appearance.

A GlobalId is 64 bits: hardware, VM (8 each), process and thread (24 each).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from traceql.importers._columns import mapped
from traceql.importers._packing import described
from traceql.model import tables
from traceql.model.protocols import Chunk

if TYPE_CHECKING:
    from traceql.importers._columns import Int64
    from traceql.importers.nsight.facts import Facts

_ID_BITS = 24
_ID_MASK = (1 << _ID_BITS) - 1
_U64 = (1 << 64) - 1
_BYTE = 0xFF
_VM_SHIFT, _HARDWARE_SHIFT = 48, 56
_SPECIAL_STREAM = 0xFFFFFFFF


def pid_of(global_id: int) -> int:
    """Give the process of a GlobalId."""
    return global_id >> _ID_BITS & _ID_MASK


def process_of(global_id: int) -> int:
    """Give a GlobalId without its thread: what two threads of one process share."""
    return global_id & _U64 & ~_ID_MASK


def scope_of(global_id: int) -> str:
    """Name the process within which correlation ids are unique."""
    return str(process_of(global_id) >> _ID_BITS)


@dataclass
class Track:
    """A track to be."""

    id: int
    type: str
    name: str | None = None
    upid: int | None = None
    utid: int | None = None
    device_id: int | None = None
    context_id: int | None = None
    stream_id: int | None = None
    cpu: int | None = None
    unit: str | None = None
    args: dict[str, Any] | None = None


class Actors:
    """What rows lie on.

    Args:
        facts: names of processes, threads and streams, and devices of processes.
    """

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._processes: dict[int, int] = {}
        self._threads: dict[int, int] = {}
        self._tracks: dict[tuple[Any, ...], Track] = {}
        self.devices: set[int] = set()
        """Devices that anything was said of."""

    def process(self, global_id: int) -> int:
        """Give the upid of a process."""
        return self._processes.setdefault(process_of(global_id), len(self._processes))

    def thread(self, global_id: int) -> int:
        """Give the utid of a thread."""
        self.process(global_id)
        return self._threads.setdefault(global_id & _U64, len(self._threads))

    def threads(self, global_tid: pa.Array) -> pa.Array:
        """Give the utid of each row, int32, null where it has no thread."""
        numbers = mapped(
            [global_tid], len(global_tid), lambda g: -1 if g is None else self.thread(g)
        )
        return pa.array(numbers, pa.int32(), mask=numbers < 0)

    def processes(self, global_pid: pa.Array) -> pa.Array:
        """Give the upid of each row, int32, null where it has no process."""
        numbers = mapped(
            [global_pid], len(global_pid), lambda g: -1 if g is None else self.process(g)
        )
        return pa.array(numbers, pa.int32(), mask=numbers < 0)

    def thread_tracks(self, global_tid: pa.Array, kind: str = "thread", name: str = "") -> Int64:
        """Give the track of each row's thread; of a row without thread one for all such."""
        return mapped([global_tid], len(global_tid), lambda g: self.thread_track(g, kind, name))

    def thread_track(self, global_tid: int | None, kind: str = "thread", name: str = "") -> int:
        """Give a track of a thread: that of its calls, or one of another kind beside it."""
        if global_tid is None or not global_tid & _ID_MASK:
            return self.process_track(global_tid, kind, name)
        key = (kind, name, global_tid & _U64)
        if key not in self._tracks:
            utid = self.thread(global_tid)
            self._add(key, kind, name or None, upid=self.process(global_tid), utid=utid)
        return self._tracks[key].id

    def process_track(self, global_id: int | None, kind: str, name: str) -> int:
        """Give a track of a process; without a process, one of the whole trace."""
        owner = None if global_id is None else process_of(global_id)
        kind = f"process_{kind}" if kind == "thread" else kind
        key = (kind, name, owner)
        if key not in self._tracks:
            upid = None if global_id is None else self.process(global_id)
            self._add(key, kind, name or None, upid=upid)
        return self._tracks[key].id

    def device(self, global_pid: int | None, ordinal: int | None) -> int | None:
        """Give the device that a process calls `ordinal`."""
        if ordinal is None or not -(1 << 31) <= ordinal < 1 << 31:
            return None
        pid = None if global_pid is None else pid_of(global_pid)
        device = self._facts.gpu_of.get((pid, ordinal), ordinal)
        self.devices.add(device)
        return device

    def device_track(
        self, kind: str, global_pid: int | None, ordinal: int | None, context: int | None,
        stream: int | None, name: str | None = None,
    ) -> int:  # fmt: skip
        """Give the track of a stream, or of one kind of work of a device."""
        if stream == _SPECIAL_STREAM:
            stream = None
        owner = None if global_pid is None else process_of(global_pid)
        key = (kind, owner, ordinal, context, stream, name)
        if key not in self._tracks:
            pid = None if global_pid is None else pid_of(global_pid)
            title = name or self._facts.stream_name(pid, context, stream)
            self._add(
                key, kind, title,
                upid=None if global_pid is None else self.process(global_pid),
                device_id=self.device(global_pid, ordinal), context_id=context, stream_id=stream,
                args=self._facts.stream_args(pid, ordinal, context, stream),
            )  # fmt: skip
        return self._tracks[key].id

    def counter_track(
        self, key: tuple[Any, ...], name: str, unit: str | None = None,
        *, device_id: int | None = None, global_id: int | None = None,
        args: dict[str, Any] | None = None,
    ) -> int:  # fmt: skip
        """Give the track of a counter."""
        whole = ("counter", *key)
        if whole not in self._tracks:
            if device_id is not None:
                self.devices.add(device_id)
            upid = None if global_id is None else self.process(global_id)
            self._add(whole, "counter", name, unit=unit, device_id=device_id, upid=upid, args=args)
        return self._tracks[whole].id

    def _add(self, key: tuple[Any, ...], kind: str, name: str | None, **rest: Any) -> None:
        self._tracks[key] = Track(len(self._tracks), kind, name, **rest)

    def chunks(self) -> Iterator[Chunk]:
        """Give the rows of process, thread and track."""
        if self._processes:
            yield Chunk("process", self._process_rows())
        if self._threads:
            yield Chunk("thread", self._thread_rows())
        if self._tracks:
            yield Chunk("track", described("track", list(self._tracks.values())))

    def _process_rows(self) -> pa.RecordBatch:
        ids = list(self._processes)
        facts = self._facts
        return tables.conform(
            "process",
            {
                "upid": list(self._processes.values()),
                "pid": [pid_of(id_) for id_ in ids],
                "name": [facts.process_names.get(id_) for id_ in ids],
                "rank": [facts.ranks.get(id_) for id_ in ids],
                "args": [
                    f'{{"vm":{id_ >> _VM_SHIFT & _BYTE},"hw":{id_ >> _HARDWARE_SHIFT & _BYTE}}}'
                    for id_ in ids
                ],
            },
        )

    def _thread_rows(self) -> pa.RecordBatch:
        ids = list(self._threads)
        names = self._facts.thread_names
        return tables.conform(
            "thread",
            {
                "utid": list(self._threads.values()),
                "tid": [id_ & _ID_MASK for id_ in ids],
                "upid": [self.process(id_) for id_ in ids],
                "name": [names.get(id_) for id_ in ids],
                "is_main_thread": [id_ & _ID_MASK == pid_of(id_) for id_ in ids],
            },
        )
