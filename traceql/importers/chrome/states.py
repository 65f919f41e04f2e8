"""T events: with a dur and no id a thread state, as Perfetto reads them; else an async step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from traceql.importers.chrome.kineto import parse
from traceql.importers.chrome.times import ns
from traceql.importers.chrome.tracks import int32

if TYPE_CHECKING:
    from traceql.importers._json_stream import Members
    from traceql.importers.chrome.context import Context
    from traceql.importers.chrome.slices import Slices


class States:
    """Writes `thread_state_span` rows, and `sched_span` rows where a thread runs on a known CPU."""

    def __init__(self, context: Context, slices: Slices) -> None:
        self._context = context
        self._slices = slices

    def state(self, e: Members, ordinal: int, ts: int, offset: int) -> None:
        """Read a T event."""
        dur = ns(e.get(b"dur"))
        if dur is None or b"id" in e or b"id2" in e:
            self._slices.legacy_step(e, ordinal, ts, offset)
            return
        if dur < 0:
            self._context.diagnostics.count("slice_negative_duration", offset=offset)
            dur = 0
        rows = self._context.rows
        args: Any = parse(e.get(b"args"))
        said: dict[str, Any] = args if isinstance(args, dict) else {}
        cpu, wait, function = said.get("cpu"), said.get("io_wait"), said.get("blocked_function")
        number = int32(cpu) if isinstance(cpu, int) and not isinstance(cpu, bool) else None
        utid = self._context.tracks.thread(e.get(b"pid"), e.get(b"tid")).utid
        state = self._context.texts.optional(e.get(b"name"))
        rows["thread_state_span"].append((
            ordinal, ts, dur, utid, state, bool(wait) if isinstance(wait, bool | int) else None,
            function if isinstance(function, str) and function.isprintable() else None, number,
        ))  # fmt: skip
        if state == "Running" and number is not None:
            rows["sched_span"].append((ordinal, ts, dur, number, utid))
