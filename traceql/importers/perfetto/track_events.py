"""Track events: slices, instants, counters, states, with args, flows and thread time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from traceql.importers.perfetto.annotations import Annotations, literal
from traceql.importers.perfetto.flows import Flows
from traceql.importers.perfetto.gpu_stages import LINKS
from traceql.importers.perfetto.legacy import Legacy, LegacyTimes, overridden
from traceql.importers.perfetto.messages import (
    GPU_CORRELATION,
    LOG_MESSAGE,
    SOURCE_LOCATION,
    TRACK_EVENT,
)
from traceql.importers.perfetto.rocm import Rocm
from traceql.importers.perfetto.wire import UNKNOWN, Fields, decode

if TYPE_CHECKING:
    from traceql.importers.perfetto.context import Context
    from traceql.importers.perfetto.described import Described
    from traceql.importers.perfetto.samples import Samples
    from traceql.importers.perfetto.sequences import Sequence
    from traceql.importers.perfetto.tracks import Track

BEGIN, END, INSTANT, COUNTER, STATE = 1, 2, 3, 4, 5
_EDGES = (BEGIN, END)
_TIMED = ("timestamp_delta_us", "timestamp_absolute_us", "thread_time_delta_us",
          "thread_time_absolute_us", "thread_instruction_count_delta",
          "thread_instruction_count_absolute")  # fmt: skip
_EXTRA_COUNTERS = (
    ("extra_counter_values", "extra_counter_track_uuids"),
    ("extra_double_counter_values", "extra_double_counter_track_uuids"),
)
_FLOWS = (
    (("flow_ids", "flow_ids_old"), False),
    (("terminating_flow_ids", "terminating_flow_ids_old"), True),
)
_LONGEST_UNKNOWN = 4096


class TrackEvents:
    """Reads `track_event` packets."""

    def __init__(self, context: Context, described: Described, samples: Samples) -> None:
        self._context, self._described, self._samples = context, described, samples
        self._annotations = Annotations(context.diagnostics.count)
        self.flows = Flows(context)
        self._times = LegacyTimes(context)
        self.rocm = Rocm(context)
        self._legacy = Legacy(context, self.flows)
        self._spans, self._edges = context.rows["span"], context.rows["edge"]

    def event(self, packet: Fields, sequence: Sequence) -> None:
        """Read one event.

        Raises:
            WireError: it is damaged.
        """
        e = decode(TRACK_EVENT, packet["track_event"])
        thread_ts = None
        if not e.keys().isdisjoint(_TIMED):
            ts, thread_ts = self._times.of(e, packet, sequence)
        else:
            ts = self._context.ts(
                packet.get("timestamp"), packet.get("timestamp_clock_id"), sequence
            )
        if ts is None:
            return
        track, kind = self._track(e, sequence), e.get("type")
        if not e.keys().isdisjoint(_TIMED) and track.thread is not None:
            self._times.count(e, ts, thread_ts, track.thread, sequence)
        if "extra_counter_values" in e or "extra_double_counter_values" in e:
            thread_ts = self._extra_counters(e, ts, sequence) or thread_ts
        if kind == COUNTER:
            self._counter(e, ts, track, sequence)
            return
        if track.thread is not None and "callstack_iid" in e:
            self._samples.add(ts, track.thread, None, e["callstack_iid"], sequence,
                              weight=e.get("callstack_weight", 1.0))  # fmt: skip
        ordinal = self._context.ordinal()
        if self._slice(e, ordinal, ts, thread_ts, track, sequence):
            self._flows_of(e, ordinal, ts, track, is_end=kind == END)

    def _slice(
        self, e: Fields, ordinal: int, ts: int, thread_ts: int | None, track: Track,
        sequence: Sequence,
    ) -> bool:  # fmt: skip
        """Write the row of a begin, end, instant or state; False where it is none of them."""
        kind, name, category = e.get("type"), self._name(e, sequence), self._category(e, sequence)
        if name and track.name is None and track.type == "async":
            track.name = name  # what nothing names is called by its first event
        args = None
        if "debug_annotations" in e:
            args = self._annotations.write(e["debug_annotations"], sequence)
        extra = self.unplaced(e, sequence)
        if "gpu_correlation" in e:
            for event in decode(GPU_CORRELATION, e["gpu_correlation"]).get("submitted", ()):
                if event < 1 << 63:
                    self._context.rows["link"].append((ordinal, LINKS, event, "host"))
        if kind in _EDGES:
            corr = None
            if kind == BEGIN and self.rocm.knows(category):
                corr = self.rocm.work(ordinal, category, name, args or "{}", track)
            self._edges.append((ordinal, ts, track.track_id, kind == END, name or None, category,
                                corr, thread_ts, args, extra))  # fmt: skip
        elif kind == INSTANT:
            self._spans.append((ordinal, ts, 0, track.track_id, name, category, None, thread_ts,
                                None, args, extra))  # fmt: skip
        elif kind == STATE:
            self._state((ordinal, ts, track.track_id, False, name, category, None, thread_ts, args,
                         extra), track)  # fmt: skip
        elif "legacy_event" in e:
            where = self._legacy_track(e, track, sequence)
            self._legacy.event(e, ordinal, ts, where, (name, category, thread_ts, args, extra))
        else:
            self._context.diagnostics.count("track_event_without_type")
            return False
        return True

    def _track(self, e: Fields, sequence: Sequence) -> Track:
        if "legacy_event" in e:
            thread = overridden(e["legacy_event"], self._context.actors)
            if thread is not None:
                return self._context.tracks.of_thread(thread)
        uuid = e.get("track_uuid")
        if uuid is None:
            uuid = sequence.defaults.get("track_uuid")
        if uuid is None and sequence.tid is not None and sequence.pid is not None:
            thread = self._context.actors.thread(sequence.tid, sequence.pid)
            return self._context.tracks.of_thread(thread)
        return self._described.track(uuid or 0)

    def _legacy_track(self, e: Fields, track: Track, sequence: Sequence) -> Track:
        """Events written before tracks existed lie on the thread of their sequence."""
        if "track_uuid" in e or sequence.tid is None or sequence.pid is None:
            return track
        thread = self._context.actors.thread(sequence.tid, sequence.pid)
        return self._context.tracks.of_thread(thread)

    def _name(self, e: Fields, sequence: Sequence) -> str | None:
        name: str | None = e.get("name")
        iid = e.get("name_iid")
        if name is None and iid:
            name = sequence.text("event_names", iid)
            if name is None:
                self._context.diagnostics.count("interned_data_missing")
        return name

    def _category(self, e: Fields, sequence: Sequence) -> str | None:
        """Give all categories, interned ones first, joined by commas, as in Perfetto."""
        plain = e.get("categories")
        key = tuple(e.get("category_iids", ()))
        if plain is None and key in sequence.categories:
            return sequence.categories[key]
        found = []
        for iid in key:
            text = sequence.text("event_categories", iid)
            if text is None:
                self._context.diagnostics.count("interned_data_missing")
            else:
                found.append(text)
        joined = ",".join([*found, *(plain or ())]) or None
        if plain is None and len(found) == len(key):
            sequence.categories[key] = joined
        return joined

    def _counter(self, e: Fields, ts: int, track: Track, sequence: Sequence) -> None:
        value = e.get("counter_value", e.get("double_counter_value"))
        if value is None or track.type in {"thread", "process", "default"}:
            self._context.diagnostics.count("counter_without_value")
            return
        if track.type == "async":
            track.type = "counter"
        if track.name is None:
            track.name = self._name(e, sequence)
        self._sample(ts, track, value, sequence)

    def _sample(self, ts: int, track: Track, value: float, sequence: Sequence) -> float:
        value *= track.multiplier
        if track.incremental:
            value += sequence.sums.get(track.track_id, 0)
            sequence.sums[track.track_id] = value
        self._context.count_value(track, ts, float(value))
        return value

    def _extra_counters(self, e: Fields, ts: int, sequence: Sequence) -> int | None:
        """Read values of other counters that an event carries; gives the thread's CPU time."""
        thread_ts: int | None = None
        for values, uuids in _EXTRA_COUNTERS:
            tracks = e.get(uuids) or sequence.defaults.get(uuids, ())
            found = e.get(values, ())
            if len(found) > len(tracks):
                self._context.diagnostics.count("counter_without_value")
            for value, uuid in zip(found, tracks, strict=False):
                track = self._described.track(uuid)
                if track.type == "async":
                    track.type = "counter"
                total = self._sample(ts, track, value, sequence)
                if track.builtin == "thread_time" and abs(total) < 1 << 62:
                    thread_ts = int(total)
        return thread_ts

    def _state(self, row: tuple[Any, ...], track: Track) -> None:
        """A state lasts until the next one of its track; one without a name only ends."""
        ordinal, ts, track_id, _, name, *_ = row
        if track.in_state:
            self._edges.append((ordinal, ts, track_id, True) + (None,) * 6)
        track.in_state = bool(name)
        if name:
            self._edges.append((self._context.ordinal(), *row[1:]))

    def _flows_of(self, e: Fields, ordinal: int, ts: int, track: Track, *, is_end: bool) -> None:
        for names, terminates in _FLOWS:
            for name in names:
                for flow_id in e.get(name, ()):
                    self.flows.point(flow_id, ordinal, ts, track.track_id,
                                     terminates=terminates, enclosing=is_end)  # fmt: skip

    def unplaced(self, e: Fields, sequence: Sequence) -> str | None:
        """Write what has no column: source, log message, correlation, fields we do not know."""
        parts: list[str] = []
        if "source_location" in e or "source_location_iid" in e:
            if "source_location" in e:
                place: Fields | None = decode(SOURCE_LOCATION, e["source_location"])
            else:
                place = sequence.entry("source_locations", e["source_location_iid"])
            parts += _place(place or {})
        if "log_message" in e:
            message = decode(LOG_MESSAGE, e["log_message"])
            body = sequence.text("log_message_body", message.get("body_iid", 0))
            parts.append(f'"log_message":{literal(body)}')
            source = sequence.entry("source_locations", message.get("source_location_iid", 0))
            parts += _place(source or {})
        correlation = e.get("correlation_id_str", e.get("correlation_id"))
        if correlation is None and "correlation_id_str_iid" in e:
            correlation = sequence.text("correlation_id_str", e["correlation_id_str_iid"])
        if correlation is not None:
            parts.append(f'"correlation_id":{literal(correlation)}')
        for number, value in e.get(UNKNOWN, ()):
            kept = value[:_LONGEST_UNKNOWN].hex() if isinstance(value, bytes) else value
            parts.append(f'"field_{number}":{literal(kept)}')
        return "{" + ",".join(parts) + "}" if parts else None


def _place(place: Fields) -> list[str]:
    return [f'"source_location.{name}":{literal(place[name])}'
            for name in ("file_name", "function_name", "line_number") if name in place]  # fmt: skip
