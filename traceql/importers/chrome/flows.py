"""Flow events: `s` `t` `f` with an id, and slices that carry a `bind_id`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from traceql.importers._json_stream import Members, members_of

if TYPE_CHECKING:
    from traceql.importers.chrome.context import Context
    from traceql.importers.chrome.tracks import Lane

_READ = frozenset((b"name", b"cat", b"ph", b"ts", b"pid", b"tid"))
_STEPS = {b"s": "start", b"t": "step", b"f": "end"}


class Flows:
    """Writes `flow_point` rows.

    Keys are as in Perfetto: category, name and id for events of their own, the id alone for
    `bind_id`. A start or step binds to the slice that encloses it, an end with `bp: "e"` too, any
    other end to the next slice on its thread.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._rows = context.rows["flow_point"]

    def point(self, e: Members, ordinal: int, ts: int, offset: int) -> bool:
        """Read an s, t or f event; False where it has no id."""
        context, texts = self._context, self._context.texts
        key = self._key(e)
        if key is None:
            context.diagnostics.count("flow_invalid_id", offset=offset)
            return False
        step = _STEPS[e[b"ph"][1:2]]
        name, category = texts.optional(e.get(b"name")), texts.optional(e.get(b"cat"))
        bound = step != "end" or e.get(b"bp") == b'"e"'
        self._rows.append((
            ordinal, ts, context.tracks.lane(e.get(b"pid"), e.get(b"tid")).track_id,
            f"{category or ''}\x1f{name or ''}\x1f{key}", step, "enclosing" if bound else "next",
            name, category, context.other_fields(e, _READ),
        ))  # fmt: skip
        return True

    def own(self, e: Members, ordinal: int, ts: int, lane: Lane, offset: int) -> None:
        """Read the `bind_id` of an event that is a slice itself."""
        goes, comes = e.get(b"flow_out") == b"true", e.get(b"flow_in") == b"true"
        if not goes and not comes:
            self._context.diagnostics.count("flow_without_direction", offset=offset)
            return
        step = "step" if goes and comes else "start" if goes else "end"
        texts = self._context.texts
        key = f"bind\x1f{self._context.id_of(e[b'bind_id'])}"
        self._rows.append((
            ordinal, ts, lane.track_id, key, step, "own",
            texts.optional(e.get(b"name")), texts.optional(e.get(b"cat")),
            '{"bind_id":' + texts.source(e[b"bind_id"]) + "}",
        ))  # fmt: skip

    def _key(self, e: Members) -> str | None:
        context = self._context
        token = e.get(b"id")
        if token is not None:
            return str(context.id_of(token))
        token = e.get(b"bind_id")
        if token is not None:
            return str(context.id_of(token))
        for kind, value in members_of(e.get(b"id2", b"")):
            if kind == b"local":
                upid = context.tracks.process(e.get(b"pid")).upid
                return f"{context.id_of(value)}\x1f{upid}"
            return str(context.id_of(value))
        return None
