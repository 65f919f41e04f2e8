"""Events that are slices: complete, begin and end, instants, async, and all that is kept as one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from traceql.importers._json_stream import Members, members_of
from traceql.importers.chrome.times import ns

if TYPE_CHECKING:
    from traceql.importers.chrome.context import Context
    from traceql.importers.chrome.flows import Flows
    from traceql.importers.chrome.kineto import Kineto
    from traceql.importers.chrome.tracks import Lane

_COMMON = frozenset((b"name", b"cat", b"ts", b"pid", b"tid", b"args", b"tts", b"tdur"))
_COMPLETE = _COMMON | {b"ph", b"dur"}
_EDGE = _COMMON | {b"ph"}
_ASYNC = _EDGE | {b"id", b"id2", b"scope"}
_ASYNC_INSTANT = _ASYNC - {b"ph"}
_PLACE = frozenset((b"pid", b"tid"))
_ELSEWHERE = {
    "N": "object", "O": "object", "D": "object", "V": "memory_dump", "v": "memory_dump",
    "(": "context", ")": "context", "=": "link", "c": "clock_sync", "P": "profile",
}  # fmt: skip


class Slices:
    """Writes `span` and `edge` rows.

    A complete event without a usable dur is no slice of known length: it becomes a span of
    length 0 whose `extra` holds its phase and its dur as written, and it is counted.
    """

    def __init__(self, context: Context, flows: Flows, kineto: Kineto) -> None:
        self._context = context
        self._flows = flows
        self._kineto = kineto
        self._spans = context.rows["span"]
        self._edges = context.rows["edge"]

    def complete(self, e: Members, ordinal: int, ts: int, offset: int) -> None:
        """Read an X event."""
        texts = self._context.texts
        lane = self._context.tracks.lane(e.get(b"pid"), e.get(b"tid"))
        dur = ns(e.get(b"dur"))
        if dur is None or dur < 0:
            self._odd_complete(e, ordinal, ts, lane, dur, offset)
            return
        args, cat, name = e.get(b"args"), e.get(b"cat"), e.get(b"name")
        correlation = None
        if args is not None and (b"orrelation" in args or cat in self._kineto.device_categories):
            correlation = self._kineto.complete(e, ordinal, lane)
        elif cat is not None:
            correlation = self._kineto.learn(cat, e, ordinal, lane)
        self._spans.append((
            ordinal, ts, dur, lane.track_id,
            texts.optional(name),
            texts.optional(cat),
            correlation,
            ns(e[b"tts"]) if b"tts" in e else None,
            ns(e[b"tdur"]) if b"tdur" in e else None,
            None if args is None else texts.source(args),
            None if e.keys() <= _COMPLETE else self._context.other_fields(e, _COMPLETE),
        ))  # fmt: skip
        if b"bind_id" in e:
            self._flows.own(e, ordinal, ts, lane, offset)
        if name is not None and name.startswith(b'"Total ') and args and b'"avg ms"' in args:
            lane.args["aggregate"] = "true"

    def _odd_complete(
        self, e: Members, ordinal: int, ts: int, lane: Lane, dur: int | None, offset: int
    ) -> None:
        code = "slice_without_duration" if dur is None else "slice_negative_duration"
        self._context.diagnostics.count(code, offset=offset)
        self._span(e, ordinal, ts, lane, _COMMON, offset)

    def edge(self, e: Members, ordinal: int, ts: int, offset: int) -> None:
        """Read a B or E event."""
        lane = self._context.tracks.lane(e.get(b"pid"), e.get(b"tid"))
        self._edge(e, ordinal, ts, lane, _EDGE, offset)

    def instant(self, e: Members, ordinal: int, ts: int, offset: int) -> None:
        """Read an i, I or R event."""
        scope, tracks = e.get(b"s"), self._context.tracks
        known = _COMMON
        if scope == b'"g"':
            tracks.process(e.get(b"pid"))
            lane, known = tracks.other("global_instant", None), _COMMON - _PLACE
        elif scope == b'"p"':
            process = tracks.process(e.get(b"pid"))
            lane = tracks.other("process_instant", process.upid, process)
            known = _COMMON - {b"tid"}
        else:
            lane = tracks.lane(e.get(b"pid"), e.get(b"tid"))
        self._span(e, ordinal, ts, lane, known, offset)
        if e.get(b"name") == b'"[memory]"':
            thread = tracks.thread(e.get(b"pid"), e.get(b"tid"))
            self._kineto.memory(e, ordinal, ts, thread, offset)

    def async_edge(self, e: Members, ordinal: int, ts: int, offset: int) -> None:
        """Read a b or e event."""
        lane = self._async_lane(e, offset, legacy=False)
        self._edge(e, ordinal, ts, lane, self._on(lane, e, _ASYNC), offset)

    def async_instant(self, e: Members, ordinal: int, ts: int, offset: int) -> None:
        """Read an n event."""
        lane = self._async_lane(e, offset, legacy=False)
        self._span(e, ordinal, ts, lane, self._on(lane, e, _ASYNC_INSTANT), offset)

    def legacy_edge(self, e: Members, ordinal: int, ts: int, offset: int) -> None:
        """Read an S or F event."""
        lane = self._async_lane(e, offset, legacy=True)
        self._edge(e, ordinal, ts, lane, self._on(lane, e, _ASYNC), offset)

    def legacy_step(self, e: Members, ordinal: int, ts: int, offset: int) -> None:
        """Read a p event, or a T event that is a step."""
        lane = self._async_lane(e, offset, legacy=True)
        self._span(e, ordinal, ts, lane, self._on(lane, e, _ASYNC_INSTANT), offset)

    def elsewhere(self, e: Members, ordinal: int, ts: int, offset: int) -> None:
        """Keep an event of any other phase as a span of length 0 on a track of its kind."""
        phase = self._context.texts(e[b"ph"])[:1]
        kind = _ELSEWHERE.get(phase, "unknown_phase")
        if kind == "unknown_phase":
            self._context.diagnostics.count("unknown_phase", offset=offset)
        process = self._context.tracks.process(e.get(b"pid"))
        lane = self._context.tracks.other(kind, process.upid, process)
        self._span(e, ordinal, ts, lane, _COMMON - {b"tid"}, offset)

    def _span(
        self, e: Members, ordinal: int, ts: int, lane: Lane, known: frozenset[bytes], offset: int
    ) -> None:
        texts, args = self._context.texts, e.get(b"args")
        self._spans.append((
            ordinal, ts, 0, lane.track_id,
            texts.optional(e.get(b"name")), texts.optional(e.get(b"cat")), None,
            ns(e.get(b"tts")), ns(e.get(b"tdur")),
            None if args is None else texts.source(args), self._context.other_fields(e, known),
        ))  # fmt: skip
        if b"bind_id" in e:
            self._flows.own(e, ordinal, ts, lane, offset)

    def _edge(
        self, e: Members, ordinal: int, ts: int, lane: Lane, known: frozenset[bytes], offset: int
    ) -> None:
        texts, args = self._context.texts, e.get(b"args")
        name, category = texts.optional(e.get(b"name")), texts.optional(e.get(b"cat"))
        is_end = e[b"ph"][1:2] in b"EeF"
        if is_end:  # an empty name or category fits any begin, as a missing one does
            name, category = name or None, category or None
        self._edges.append((
            ordinal, ts, lane.track_id, is_end, name, category,
            None if args is None else self._kineto.correlation(args),
            ns(e.get(b"tts")), ns(e.get(b"tdur")),
            None if args is None else texts.source(args),
            None if e.keys() <= known else self._context.other_fields(e, known),
        ))  # fmt: skip
        if b"bind_id" in e:
            self._flows.own(e, ordinal, ts, lane, offset)

    def _on(self, lane: Lane, e: Members, known: frozenset[bytes]) -> frozenset[bytes]:
        """Leave pid and tid out of `extra` only where they are those of the track."""
        thread = self._context.tracks.thread(e.get(b"pid"), e.get(b"tid"))
        return known if lane.thread is thread else known - _PLACE

    def _async_lane(self, e: Members, offset: int, *, legacy: bool) -> Lane:
        context = self._context
        texts, tracks = context.texts, context.tracks
        scope, category = texts.optional(e.get(b"scope")), texts.optional(e.get(b"cat"))
        name = texts.optional(e.get(b"name"))
        thread = tracks.thread(e.get(b"pid"), e.get(b"tid"))
        token, upid = e.get(b"id"), None
        if token is None:
            for kind, value in members_of(e.get(b"id2", b"")):
                token = value
                upid = thread.upid if kind == b"local" else None
        if token is None:
            context.diagnostics.count("async_without_id", offset=offset)
            upid = thread.upid
        identity = None if token is None else context.id_of(token)
        key = (legacy, category, scope, identity, upid, name if legacy else None)
        args = {k.decode(): texts.source(e[k]) for k in (b"id", b"id2", b"scope") if k in e}
        if category is not None:
            args["category"] = texts.source(e[b"cat"])
        process = tracks.process(e.get(b"pid"))
        return tracks.other("async", key, process, thread, name=name, args=args)
