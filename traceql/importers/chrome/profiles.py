"""Stack samples: V8's CPU profiles (`Profile`, `ProfileChunk`, `CpuProfile`), `sf` samples.

Sources of the shapes: formats as written by Chrome DevTools, Node and Hermes. Times are µs; the
time of a sample is the start of the profile plus the deltas up to and including its own, and its
weight is its own delta.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import repeat
from typing import TYPE_CHECKING, Any

from traceql.importers._json_stream import Members, members_of
from traceql.importers.chrome.frames import Call, Frames, StackFrame
from traceql.importers.chrome.kineto import parse
from traceql.importers.chrome.times import LIMIT, ns
from traceql.importers.chrome.tracks import Thread, int32

if TYPE_CHECKING:
    from traceql.importers.chrome.context import Context

_STATES = {"(idle)": "idle", "(garbage collector)": "gc", "(program)": "program"}
_CLEAN = dict.fromkeys(range(0xD800, 0xE000), "\ufffd")


@dataclass(slots=True)
class _Profile:
    """One running profile: the thread it is of, its clock, its nodes by id."""

    thread: Thread
    ts: int
    nodes: dict[Any, int] = field(default_factory=dict)
    states: dict[Any, str] = field(default_factory=dict)


class Profiles:
    """Writes `sample_event` rows and numbers their frames."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._rows = context.rows["sample_event"]
        self._profiles: dict[tuple[bytes | None, bytes | None], _Profile] = {}
        self.frames = Frames()

    def sample(self, e: Members, ordinal: int, ts: int, offset: int) -> bool:
        """Read a P event; False where it is no sample that can be read."""
        name = e.get(b"name")
        if name == b'"Profile"':
            return self._begin(e, ts)
        if name == b'"ProfileChunk"':
            return self._chunk(e, ordinal, ts, offset)
        if b"sf" in e:
            thread = self._context.tracks.thread(e.get(b"pid"), e.get(b"tid"))
            self._stack(e, ordinal, ts, thread)
            return True
        self._context.diagnostics.count("cpu_profile_unread", offset=offset)
        return False

    def whole(self, e: Members, ordinal: int, ts: int, offset: int) -> None:
        """Read the profile in the args of a CpuProfile event, the form before ProfileChunk."""
        data = _inner(parse(e.get(b"args")), "data", "cpuProfile")
        start = _us(data.get("startTime"))
        thread = self._context.tracks.thread(e.get(b"pid"), e.get(b"tid"))
        profile = _Profile(thread, ts if start is None else start)
        self._read(profile, data, data.get("timeDeltas"), ordinal, offset)

    def global_sample(self, e: Members, ordinal: int, offset: int) -> None:
        """Read an element of the document's `samples`."""
        ts = ns(e.get(b"ts"))
        if ts is None or b"sf" not in e:
            self._context.diagnostics.count("json_parser_failure", offset=offset)
            return
        self._stack(e, ordinal, ts, self._context.tracks.thread_of_tid(e.get(b"tid")))

    def stack_frames(self, raw: bytes) -> None:
        """Read the document's `stackFrames`."""
        texts = self._context.texts
        for key, value in members_of(raw):
            entry = parse(value)
            if isinstance(entry, dict):
                parent = entry.get("parent")
                module = _text(entry.get("category"))
                call = Call(_text(entry.get("name")), module, None, _line(entry.get("line")))
                named = StackFrame(call, None if parent is None else str(parent))
                self.frames.describe(texts(b'"' + key + b'"'), named)

    def _stack(self, e: Members, ordinal: int, ts: int, thread: Thread) -> None:
        frame = self.frames.named(self._context.texts(e[b"sf"]))
        cpu, weight = _int(e.get(b"cpu")), e.get(b"weight")
        value = None if weight is None else _float(weight)
        self._rows.append((
            ordinal, ts, thread.utid, cpu, frame, value, None if value is None else "count", None
        ))  # fmt: skip

    def _begin(self, e: Members, ts: int) -> bool:
        start = _us(_inner(parse(e.get(b"args")), "data").get("startTime"))
        thread = self._context.tracks.thread(e.get(b"pid"), e.get(b"tid"))
        self._profiles[e.get(b"pid"), e.get(b"id")] = _Profile(
            thread, ts if start is None else start
        )
        return True

    def _chunk(self, e: Members, ordinal: int, ts: int, offset: int) -> bool:
        key = (e.get(b"pid"), e.get(b"id"))
        profile = self._profiles.get(key)
        if profile is None:
            thread = self._context.tracks.thread(e.get(b"pid"), e.get(b"tid"))
            profile = self._profiles[key] = _Profile(thread, ts)
        data = _inner(parse(e.get(b"args")), "data")
        inner = _inner(data, "cpuProfile")
        deltas = data.get("timeDeltas", inner.get("timeDeltas"))
        return self._read(profile, inner, deltas, ordinal, offset)

    def _read(
        self, profile: _Profile, data: dict[str, Any], deltas: Any, ordinal: int, offset: int
    ) -> bool:
        self._nodes(profile, _list(data.get("nodes")))
        samples = _list(data.get("samples"))
        times: Iterable[Any] = _list(deltas) or repeat(0)
        utid, unknown = profile.thread.utid, 0
        for node, delta in zip(samples, times, strict=False):
            step = _us(delta) or 0
            if not -LIMIT < profile.ts + step < LIMIT:
                step = 0
            profile.ts += step
            frame = profile.nodes.get(node) if isinstance(node, int) else None
            unknown += frame is None
            self._rows.append((
                ordinal, profile.ts, utid, None, frame, float(step), "ns",
                profile.states.get(node, "running") if frame is not None else None,
            ))  # fmt: skip
        if unknown:
            self._context.diagnostics.count("cpu_profile_unknown_node", unknown, offset=offset)
        return True

    def _nodes(self, profile: _Profile, nodes: list[Any]) -> None:
        """Number the frames of nodes that name their parent, or list their children."""
        parents = {
            child: node.get("id")
            for node in nodes
            if isinstance(node, dict)
            for child in _list(node.get("children"))
            if isinstance(child, int)
        }
        for node in nodes:
            number = node.get("id") if isinstance(node, dict) else None
            if not isinstance(number, int):
                continue
            parent = node.get("parent", parents.get(number))
            above = profile.nodes.get(parent) if isinstance(parent, int) else None
            call = _call(_inner(node, "callFrame") or node)
            profile.nodes[number] = self.frames.add(above, call)
            if call.name in _STATES:
                profile.states[number] = _STATES[call.name]


def _call(frame: dict[str, Any]) -> Call:
    line = _line(frame.get("lineNumber"))
    return Call(
        _text(frame.get("functionName")),
        None,
        _text(frame.get("url")) or None,
        None if line is None or line < 0 else line + 1,
    )


def _inner(value: Any, *keys: str) -> dict[str, Any]:
    """Follow keys into objects; an empty object where there is none."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str | None:
    return None if value is None else str(value).translate(_CLEAN)


def _line(value: Any) -> int | None:
    return int32(value) if isinstance(value, int) and not isinstance(value, bool) else None


def _us(value: Any) -> int | None:
    """Give the ns of a parsed number of µs; a float is exact here, since V8 writes whole µs."""
    if isinstance(value, (int, float, str)) and not isinstance(value, bool):
        return ns(str(value).encode(errors="replace"))
    return None


def _int(token: bytes | None) -> int | None:
    value = None if token is None else ns(token)
    return None if value is None else int32(value // 1000)


def _float(token: bytes) -> float | None:
    try:
        return float(token.strip(b'"'))
    except ValueError:
        return None
