"""Track events in the older form: phases of trace-event JSON, and times as differences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from traceql.importers.perfetto.clocks import MONOTONIC
from traceql.importers.perfetto.messages import LEGACY_EVENT
from traceql.importers.perfetto.wire import Fields, decode

if TYPE_CHECKING:
    from traceql.importers.perfetto.actors import Actors, Thread
    from traceql.importers.perfetto.context import Context
    from traceql.importers.perfetto.flows import Flows
    from traceql.importers.perfetto.sequences import Sequence
    from traceql.importers.perfetto.tracks import Track

Labels = tuple[str | None, str | None, int | None, str | None, str | None]
"""Name, category, CPU time of the thread, args, extra."""
_FLOW_IN, _FLOW_OUT, _FLOW_BOTH = 1, 2, 3
_GLOBAL, _PROCESS = 1, 2


class LegacyTimes:
    """Times in microseconds, absolute or as differences to the event before on the sequence."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def of(self, e: Fields, packet: Fields, sequence: Sequence) -> tuple[int | None, int | None]:
        """Give the time of an event and the CPU time of its thread, ns."""
        times = sequence.clock_times
        if "timestamp_delta_us" in e:
            times["ts"] = times.get("ts", 0) + e["timestamp_delta_us"] * 1000
            ts = self._context.ts(times["ts"], MONOTONIC, sequence)
        elif "timestamp_absolute_us" in e:
            ts = self._context.ts(e["timestamp_absolute_us"] * 1000, MONOTONIC, sequence)
        else:
            ts = self._context.ts(
                packet.get("timestamp"), packet.get("timestamp_clock_id"), sequence
            )
        thread_ts = None
        if "thread_time_delta_us" in e:
            thread_ts = times.get("thread", 0) + e["thread_time_delta_us"] * 1000
            times["thread"] = thread_ts
        elif "thread_time_absolute_us" in e:
            thread_ts = e["thread_time_absolute_us"] * 1000
        if thread_ts is not None and not -(1 << 62) < thread_ts < 1 << 62:
            thread_ts = None
        return ts, thread_ts

    def count(
        self, e: Fields, ts: int, thread_ts: int | None, thread: Thread, sequence: Sequence
    ) -> None:
        """Count CPU time and instructions of a thread, as Perfetto does beside the slices."""
        context = self._context
        if thread_ts is not None:
            track = context.tracks.counter("thread_time", thread=thread)
            context.count_value(track, ts, float(thread_ts))
        delta = e.get("thread_instruction_count_delta")
        if delta is not None:
            total = sequence.clock_times.get("instructions", 0) + delta
            sequence.clock_times["instructions"] = total
        else:
            total = e.get("thread_instruction_count_absolute")
        if total is not None:
            track = context.tracks.counter("thread_instruction_count", thread=thread)
            context.count_value(track, ts, float(total))


def overridden(data: bytes, actors: Actors) -> Thread | None:
    """Give the thread on which an event says that it lies, other than that of its writer.

    Raises:
        WireError: it is damaged.
    """
    legacy = decode(LEGACY_EVENT, data)
    if "tid_override" not in legacy or "pid_override" not in legacy:
        return None
    return actors.thread(legacy["tid_override"], legacy["pid_override"])


class Legacy:
    """Events with a phase."""

    def __init__(self, context: Context, flows: Flows) -> None:
        self._context, self._flows = context, flows
        self._spans, self._edges = context.rows["span"], context.rows["edge"]

    def event(self, e: Fields, ordinal: int, ts: int, track: Track, labels: Labels) -> None:
        """Read one event.

        Raises:
            WireError: it is damaged.
        """
        legacy = decode(LEGACY_EVENT, e["legacy_event"])
        code = legacy.get("phase", 0)
        phase = chr(code) if 0 < code < 128 else ""
        name, category, thread_ts, args, extra = labels
        if phase == "X":
            self._complete(legacy, ordinal, ts, track, labels)
        elif phase in {"B", "E"}:
            self._edges.append((ordinal, ts, track.track_id, phase == "E", name, category, None,
                                thread_ts, args, extra))  # fmt: skip
        elif phase and phase in "beSF":
            where = self._async(legacy, track, labels)
            self._edges.append((ordinal, ts, where.track_id, phase in "eF", name, category, None,
                                thread_ts, args, extra))  # fmt: skip
        elif phase and phase in "iIRnTp":
            where = self._async(legacy, track, labels) if phase in "nTp" else track
            if phase in "iI":
                where = self._scoped(legacy, track)
            self._spans.append((ordinal, ts, 0, where.track_id, name, category, None, thread_ts,
                                None, args, extra))  # fmt: skip
        elif phase and phase in "stf":
            key = legacy.get("bind_id", legacy.get("unscoped_id", legacy.get("global_id")))
            if key is not None:
                # It starts or ends in the slice around it, not in the one that ends here.
                self._flows.point(key, ordinal, ts + 1, track.track_id, terminates=phase == "f",
                                  enclosing=True)  # fmt: skip
            return
        else:
            self._context.diagnostics.count("track_event_without_type")
            return
        self._bound(legacy, ordinal, ts, track, is_end=phase in "EeF")

    def _complete(
        self, legacy: Fields, ordinal: int, ts: int, track: Track, labels: Labels
    ) -> None:
        name, category, thread_ts, args, extra = labels
        dur = legacy.get("duration_us", 0) * 1000
        if dur < 0:
            self._context.diagnostics.count("slice_negative_duration")
            dur = 0
        if dur >= 1 << 62:
            self._context.diagnostics.count("timestamp_out_of_range")
            return
        thread_dur = legacy.get("thread_duration_us")
        thread_dur = None if thread_dur is None or abs(thread_dur) >= 1 << 52 else thread_dur * 1000
        self._spans.append((ordinal, ts, dur, track.track_id, name, category, None, thread_ts,
                            thread_dur, args, extra))  # fmt: skip

    def _bound(self, legacy: Fields, ordinal: int, ts: int, track: Track, *, is_end: bool) -> None:
        direction = legacy.get("flow_direction", 0)
        if "bind_id" in legacy and direction in {_FLOW_IN, _FLOW_OUT, _FLOW_BOTH}:
            self._flows.point(legacy["bind_id"], ordinal, ts, track.track_id,
                              terminates=direction == _FLOW_IN, enclosing=is_end)  # fmt: skip

    def _scoped(self, legacy: Fields, track: Track) -> Track:
        scope, tracks = legacy.get("instant_event_scope", 0), self._context.tracks
        if scope == _GLOBAL:
            return tracks.get("global_instant", None)[0]
        process = track.thread.process if track.thread else track.process
        if scope == _PROCESS and process is not None:
            where, is_new = tracks.get("process_instant", process.upid)
            if is_new:
                where.process = process
            return where
        return track

    def _async(self, legacy: Fields, track: Track, labels: Labels) -> Track:
        """Give the track of the async events of an id: of the process where the id is local."""
        process = track.thread.process if track.thread else track.process
        local = process.upid if process and "local_id" in legacy else None
        ids = ("unscoped_id", "global_id", "local_id")
        number = next((legacy[each] for each in ids if each in legacy), None)
        key = (labels[1], legacy.get("id_scope"), number, local)
        where, is_new = self._context.tracks.get("async", key, labels[0])
        if is_new:
            where.process = process
            if number is not None:
                where.args["id"] = f"{number:#x}"
        return where
