"""Track descriptors: what tracks, processes and threads are, said anywhere in the file."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from traceql.importers.perfetto.actors import OF_DESCRIPTOR, Process, Thread
from traceql.importers.perfetto.context import MOST_NS, Context
from traceql.importers.perfetto.messages import (
    CHROME_PROCESS,
    COUNTER_DESCRIPTOR,
    PROCESS_DESCRIPTOR,
    THREAD_DESCRIPTOR,
    TRACK_DESCRIPTOR,
)
from traceql.importers.perfetto.rocm import describe_counter
from traceql.importers.perfetto.wire import Fields, decode

if TYPE_CHECKING:
    from traceql.importers.perfetto.tracks import Track

_UNITS = {1: "ns", 2: "count", 3: "bytes"}
_BUILTIN = {1: ("thread_time", "ns"), 2: ("thread_instruction_count", "count")}
_MOST_ABOVE = 256
_PARTS = (
    ("process", PROCESS_DESCRIPTOR),
    ("thread", THREAD_DESCRIPTOR),
    ("counter", COUNTER_DESCRIPTOR),
    ("chrome_process", CHROME_PROCESS),
)


class Described:
    """Tracks by their uuid.

    The tracks of a thread, or of a process, that several uuids describe are one, and the same that
    kernel events of the thread lie on.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._descriptors: dict[int, Fields] = {}
        self._by_uuid: dict[int, Track] = {}
        self._threads: dict[int, Thread] = {}
        self._processes: dict[int, Process] = {}
        self._owners: dict[tuple[str, int], int] = {}
        """The uuid that describes a thread or process, by its kind and number."""

    def descriptor(self, data: bytes) -> None:
        """Read a descriptor; a later one of the same uuid adds to the first.

        Raises:
            WireError: it is damaged.
        """
        fields = decode(TRACK_DESCRIPTOR, data)
        for name, schema in _PARTS:
            if name in fields:
                fields[name] = decode(schema, fields[name])
        fields.pop("chrome_thread", None)
        uuid = fields.get("uuid", 0)
        known = self._descriptors.setdefault(uuid, {})
        known.update(fields)
        if "process" in fields:
            self._process_of(uuid, fields["process"], fields.get("chrome_process"))
        if "thread" in fields:
            self._thread_of(uuid, fields["thread"])
        track = self._by_uuid.get(uuid)
        if track is not None:
            self._describe(uuid, track, known)

    def _process_of(self, uuid: int, fields: Fields, chrome: Fields | None = None) -> Process:
        """Give the process of a uuid; another uuid for a pid means that the pid is used again."""
        actors, pid = self._context.actors, fields.get("pid", 0)
        found = self._processes.get(uuid)
        if found is None:
            found = actors.process(pid)
            if self._owners.get(("process", found.upid), uuid) != uuid:
                found = actors.another_process(pid)
            self._owners["process", found.upid] = uuid
            self._processes[uuid] = found
        return self._tell_process(found, fields, chrome)

    def _thread_of(self, uuid: int, fields: Fields) -> Thread:
        """Give the thread of a uuid; another uuid for a tid means that the tid is used again."""
        actors = self._context.actors
        found = self._threads.get(uuid)
        if found is None:
            tid, pid = fields.get("tid", 0), fields.get("pid", 0)
            found = actors.thread(tid, pid)
            if self._owners.get(("thread", found.utid), uuid) != uuid:
                found = actors.another_thread(tid, pid)
            self._owners["thread", found.utid] = uuid
            self._threads[uuid] = found
        return self._tell_thread(found, fields)

    def process(self, fields: Fields, chrome: Fields | None = None) -> Process:
        """Take what a descriptor says of the process of a pid."""
        return self._tell_process(
            self._context.actors.process(fields.get("pid", 0)), fields, chrome
        )

    @staticmethod
    def _tell_process(process: Process, fields: Fields, chrome: Fields | None) -> Process:
        if "process_name" in fields:
            process.name, process.sure = fields["process_name"], OF_DESCRIPTOR
        if fields.get("cmdline"):
            process.cmdline = " ".join(fields["cmdline"])
        if "start_timestamp_ns" in fields:
            start = fields["start_timestamp_ns"]
            process.start_ts = start if abs(start) < MOST_NS else None
        for index, label in enumerate(fields.get("process_labels", ())):
            process.args[f"chrome.process_label[{index}]"] = label
        for name, value in (chrome or {}).items():
            if name == "host_app_package_name":
                process.args[f"chrome.{name}"] = value
        if "legacy_sort_index" in fields:
            process.args["process_sort_index_hint"] = fields["legacy_sort_index"]
        return process

    def thread(self, fields: Fields) -> Thread:
        """Take what a descriptor says of the thread of a tid."""
        thread = self._context.actors.thread(fields.get("tid", 0), fields.get("pid", 0))
        return self._tell_thread(thread, fields)

    @staticmethod
    def _tell_thread(thread: Thread, fields: Fields) -> Thread:
        thread.call(fields.get("thread_name"), OF_DESCRIPTOR)
        if "legacy_sort_index" in fields:
            thread.args["thread_sort_index_hint"] = fields["legacy_sort_index"]
        return thread

    def track(self, uuid: int) -> Track:
        """Give the track of a uuid, described or not; 0 is the default track."""
        found = self._by_uuid.get(uuid)
        return found if found is not None else self._made(uuid)

    def _made(self, uuid: int) -> Track:
        """Make a track and those above it, the highest first."""
        above = deque([uuid])
        while len(above) < _MOST_ABOVE:
            parent = self._descriptors.get(above[0], {}).get("parent_uuid", 0)
            if not parent or parent in self._by_uuid or parent in above:
                break
            above.appendleft(parent)
        for each in above:
            self._by_uuid[each] = self._one(each)
        return self._by_uuid[uuid]

    def _one(self, uuid: int) -> Track:
        tracks, fields = self._context.tracks, self._descriptors.get(uuid)
        if fields is None:
            if uuid == 0:
                return tracks.get("default", None, "Default Track")[0]
            track = tracks.new("async")
            track.args["track_uuid"] = uuid
            return track
        if "thread" in fields and "counter" not in fields:
            track = tracks.of_thread(self._thread_of(uuid, fields["thread"]))
        elif "process" in fields and "counter" not in fields:
            track = tracks.of_process(self._process_of(uuid, fields["process"]))
        else:
            track = tracks.new("counter" if "counter" in fields else "async")
            track.args["track_uuid"] = uuid
        self._describe(uuid, track, fields)
        return track

    def _describe(self, uuid: int, track: Track, fields: Fields) -> None:
        name = fields.get("name") or fields.get("static_name") or fields.get("atrace_name")
        track.name = name or track.name
        parent = self._by_uuid.get(fields.get("parent_uuid", 0))
        if parent is not None and parent is not track and track.type not in {"thread", "process"}:
            track.parent = parent
        if track.type in {"async", "counter"}:
            # Told once more here: the descriptor may come after the events.
            if "thread" in fields:
                track.thread = self._thread_of(uuid, fields["thread"])
            if "process" in fields:
                track.process = self._process_of(uuid, fields["process"])
        for key in ("description", "child_ordering", "sibling_order_rank"):
            if key in fields:
                track.args[key] = fields[key]
        if "counter" in fields:
            self._counter(track, fields["counter"])

    def _counter(self, track: Track, counter: dict[str, Any]) -> None:
        if track.type == "async":
            track.type = "counter"
        builtin = _BUILTIN.get(counter.get("type", 0))
        if builtin:
            track.builtin, track.unit = builtin
            track.name = track.name or builtin[0]
        track.unit = counter.get("unit_name") or _UNITS.get(counter.get("unit", 0)) or track.unit
        track.multiplier = counter.get("unit_multiplier", 0) or 1
        describe_counter(track)
        track.incremental = bool(counter.get("is_incremental"))
        if "y_axis_share_key" in counter:
            track.args["y_axis_share_key"] = counter["y_axis_share_key"]

    def finish(self) -> None:
        """Make the tracks that were described and never used; count those never described."""
        for uuid in self._descriptors:
            self.track(uuid)
        unknown = [u for u in self._by_uuid if u and u not in self._descriptors]
        self._context.diagnostics.count("track_unknown", n=len(unknown))
