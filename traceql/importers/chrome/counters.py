"""Counter events: each key of `args` is a series, of the process, with a track of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from traceql.importers._json_stream import Members, members_of

if TYPE_CHECKING:
    from traceql.importers.chrome.context import Context

_TRACK = tuple[bytes | None, bytes | None, bytes | None, bytes]


class Counters:
    """Writes `counter_sample` rows; tracks are named as in Perfetto: name, `id: X`, key."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._rows = context.rows["counter_sample"]
        self._tracks: dict[_TRACK, int] = {}

    def sample(self, e: Members, ordinal: int, ts: int, offset: int) -> bool:
        """Read a C event; False where it has no value that is a number."""
        args = e.get(b"args", b"")
        first, odd = len(self._rows), 0
        for key, token in dict(members_of(args)).items():
            value = number(token)
            if value is None:
                odd += 1
            else:
                self._rows.append((ordinal, ts, self.track(e, key), value, None))
        if odd:
            self._context.diagnostics.count("counter_non_numeric", odd, offset=offset)
            if len(self._rows) > first:
                kept = self._context.texts.source(args)
                self._rows[first] = (*self._rows[first][:4], kept)
        return len(self._rows) > first

    def track(self, e: Members, key: bytes) -> int:
        """Give the track of a series, by pid, name, id and category of an event."""
        token = e.get(b"id", e.get(b"id2"))
        tokens = (e.get(b"pid"), e.get(b"name"), token, key)
        found = self._tracks.get(tokens)
        if found is None:
            found = self._tracks[tokens] = self._new_track(e, key, token)
        return found

    def _new_track(self, e: Members, key: bytes, token: bytes | None) -> int:
        texts, tracks = self._context.texts, self._context.tracks
        process = tracks.process(e.get(b"pid"))
        name = texts.optional(e.get(b"name")) or ""
        series = texts(b'"' + key + b'"')
        identity = None if token is None else self._context.id_of(token)
        args = {"key": texts.source(b'"' + key + b'"')}
        shown = name
        if token is not None:
            shown += f" id: {texts(token)}"
            args["id"] = texts.source(token)
        if b"cat" in e:
            args["category"] = texts.source(e[b"cat"])
        shown = f"{shown} {series}".strip() if series else shown
        place = (process.upid, name, identity, series)
        return tracks.other("counter", place, process, name=shown, args=args).track_id


def number(token: bytes) -> float | None:
    """Give the value of a number or of a text that holds one, else None."""
    if token[:1] in b"tfn{[":
        return None
    try:
        return float(token.strip(b'"'))
    except ValueError:
        return None
