"""Tracks, numbered as they appear: described ones, and those of kernel events and counters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from traceql.importers.perfetto.actors import Process, Thread, as_json
from traceql.importers.perfetto.rows import chunk

if TYPE_CHECKING:
    from traceql.model.protocols import Chunk

INT32 = 1 << 31


@dataclass(slots=True)
class Track:
    """A track to be."""

    track_id: int
    type: str
    name: str | None = None
    parent: Track | None = None
    process: Process | None = None
    thread: Thread | None = None
    device_id: int | None = None
    stream_id: int | None = None
    cpu: int | None = None
    unit: str | None = None
    args: dict[str, Any] = field(default_factory=dict)
    multiplier: int = 1
    incremental: bool = False
    builtin: str | None = None
    """Of a counter: thread_time or thread_instruction_count."""
    in_state: bool = False
    """Whether a state is open on it."""


class Tracks:
    """All tracks of a file, by type and key."""

    def __init__(self) -> None:
        self._by_key: dict[tuple[str, object], Track] = {}
        self._order: list[Track] = []

    def get(self, kind: str, key: object, name: str | None = None) -> tuple[Track, bool]:
        """Give the track of a type and key, and whether it is new."""
        found = self._by_key.get((kind, key))
        if found is not None:
            return found, False
        found = self._by_key[kind, key] = self.new(kind, name)
        return found, True

    def new(self, kind: str, name: str | None = None) -> Track:
        """Make a track that nothing else names."""
        track = Track(len(self._order), kind, name)
        self._order.append(track)
        return track

    def of_thread(self, thread: Thread) -> Track:
        """Give the track of a thread."""
        track, is_new = self.get("thread", thread.utid)
        if is_new:
            track.thread = thread
        return track

    def of_process(self, process: Process) -> Track:
        """Give the track of a process."""
        track, is_new = self.get("process", process.upid)
        if is_new:
            track.process = process
        return track

    def counter(
        self,
        name: str,
        *,
        process: Process | None = None,
        thread: Thread | None = None,
        cpu: int | None = None,
        device_id: int | None = None,
        unit: str | None = None,
        key: object = None,
    ) -> Track:
        """Give the counter of a name of a process, thread, CPU or device."""
        owner = (name, process.upid if process else None, thread.utid if thread else None, cpu,
                 device_id, key)  # fmt: skip
        track, is_new = self.get("counter", owner, name)
        if is_new:
            track.process, track.thread, track.unit = process, thread, unit
            track.cpu, track.device_id = int32(cpu), int32(device_id)
        return track

    def on_cpu(self, kind: str, name: str, cpu: int) -> Track:
        """Give the track of a kind on a CPU."""
        track, is_new = self.get(kind, cpu, name)
        if is_new:
            track.cpu = int32(cpu)
        return track

    def chunks(self) -> Iterator[Chunk]:
        """Give the rows of `track`."""
        columns = ("id", "type", "name", "parent_id", "upid", "utid", "device_id", "stream_id",
                   "cpu", "unit", "args")  # fmt: skip
        if self._order:
            yield chunk("track", columns, [_row(track) for track in self._order])


def _row(track: Track) -> tuple[object, ...]:
    """Write a row; a track under that of a thread or process belongs to them."""
    process, thread, parent = track.process, track.thread, track.parent
    seen = {track.track_id}
    above = parent
    while above is not None and process is None and thread is None:
        if above.track_id in seen:
            break
        seen.add(above.track_id)
        process, thread, above = above.process, above.thread, above.parent
    if thread is not None:
        process = thread.process or process
    return (
        track.track_id, track.type, track.name, parent.track_id if parent else None,
        process.upid if process else None, thread.utid if thread else None,
        track.device_id, track.stream_id, track.cpu, track.unit, as_json(track.args),
    )  # fmt: skip


def int32(value: int | None) -> int | None:
    """Give the value where it fits int32."""
    return value if value is not None and -INT32 <= value < INT32 else None
