"""Marks that programs write into the kernel's trace: slices, async slices and counters.

Source: the comment of `android/atrace` marks in ftrace; system/core libcutils trace.h.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from traceql.importers.perfetto.context import Context
    from traceql.importers.perfetto.tracks import Track


class Mark(NamedTuple):
    """What a text says.

    Attributes:
        what: edge, instant or count.
        pid: of the process that wrote it; None: not told.
        key: track that it lies on: None for the thread that wrote it, else what names it.
        name: of the slice or the counter; None where it ends one, or has none.
        is_end: whether it ends a slice.
        value: of a counter.
    """

    what: str
    pid: int | None
    key: tuple[str, ...] | None = None
    name: str | None = None
    is_end: bool = False
    value: float = 0.0


def mark_of(text: str) -> Mark | None:
    """Read a text; None where it is no mark."""
    text = text.rstrip("\n\0")
    kind, _, rest = text.partition("|")
    pid_text, _, body = rest.partition("|")
    pid = int(pid_text) if pid_text.isdecimal() and len(pid_text) < 19 else None
    if kind == "E" and (pid is not None or not rest):
        return Mark("edge", pid, is_end=True)
    if pid is None:
        return None
    if kind == "B":
        return Mark("edge", pid, None, body)
    if kind == "I":
        return Mark("instant", pid, None, body)
    return _of_process(kind, body, pid)


def _of_process(kind: str, body: str, pid: int) -> Mark | None:
    name, _, last = body.rpartition("|")
    if kind == "C":
        number = _number(last)
        return (
            Mark("count", pid, ("counter", name), name, value=number)
            if (name and number is not None)
            else None
        )
    if kind in {"S", "F"}:
        name = name or last
        return Mark("edge", pid, ("atrace", name, last), name or None, kind == "F")
    if kind == "N":
        title, _, name = body.partition("|")
        return Mark("instant", pid, ("atrace_track", title), name)
    if kind in {"G", "H"}:
        title, _, name = name.partition("|")
        return Mark("edge", pid, ("atrace_track", title, last), name or None, kind == "H")
    return None


class Atrace:
    """Reads texts such as `B|pid|name`."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def text(self, text: str, ts: int, tid: int) -> None:
        """Read one text that a thread wrote; one that is no mark is counted."""
        mark = mark_of(text)
        if mark is None:
            self._context.diagnostics.count("atrace_unread")
            return
        track = self.track(mark, tid)
        if mark.what == "count":
            self._context.count_value(track, ts, mark.value)
        elif mark.what == "edge":
            self._context.rows["edge"].append((
                self._context.ordinal(), ts, track.track_id, mark.is_end, mark.name,
                *(None,) * 5,
            ))  # fmt: skip
        else:
            self._context.rows["span"].append((
                self._context.ordinal(), ts, 0, track.track_id, mark.name, *(None,) * 6,
            ))  # fmt: skip

    def track(self, mark: Mark, tid: int) -> Track:
        """Give the track that a mark of a thread lies on."""
        actors, tracks = self._context.actors, self._context.tracks
        if mark.key is None:
            thread = actors.thread(tid, mark.pid) if mark.pid else actors.thread_of(tid)
            return tracks.of_thread(thread)
        process = actors.process(mark.pid or 0)
        kind, title, *cookie = mark.key
        if kind == "counter":
            return tracks.counter(title, process=process)
        track, is_new = tracks.get("async", (kind, process.upid, title, *cookie), title)
        if is_new:
            track.process = process
            if cookie:
                track.args["cookie"] = cookie[0]
        return track


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
