"""Marks that programs write into the kernel's trace: slices, async slices and counters.

Source: the comment of `android/atrace` marks in ftrace; system/core libcutils trace.h.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from traceql.importers.perfetto.actors import Process
    from traceql.importers.perfetto.context import Context
    from traceql.importers.perfetto.tracks import Track


class Atrace:
    """Reads texts such as `B|pid|name`."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def text(self, text: str, ts: int, tid: int) -> None:
        """Read one text that a thread wrote; one that is no mark is counted."""
        text = text.rstrip("\n\0")
        kind, _, rest = text.partition("|")
        pid_text, _, body = rest.partition("|")
        pid = int(pid_text) if pid_text.isdecimal() and len(pid_text) < 19 else None
        if kind == "E" and (pid is not None or not rest):
            self._edge(self._of_thread(tid, pid), ts, None, is_end=True)
        elif pid is None or kind not in {"B", "C", "S", "F", "I", "G", "H", "N"}:
            self._context.diagnostics.count("atrace_unread")
        elif kind == "B":
            self._edge(self._of_thread(tid, pid), ts, body, is_end=False)
        elif kind == "I":
            self._instant(self._of_thread(tid, pid), ts, body)
        else:
            self._of_process(kind, body, ts, self._context.actors.process(pid))

    def _of_process(self, kind: str, body: str, ts: int, process: Process) -> None:
        tracks = self._context.tracks
        if kind == "C":
            name, _, value = body.rpartition("|")
            number = _number(value)
            if not name or number is None:
                self._context.diagnostics.count("atrace_unread")
                return
            self._context.count_value(tracks.counter(name, process=process), ts, number)
            return
        name, _, last = body.rpartition("|")
        if kind in {"S", "F"}:
            name = name or last
            track, is_new = tracks.get("async", ("atrace", process.upid, name, last), name)
        elif kind == "N":
            title, _, name = body.partition("|")
            track, is_new = tracks.get("async", ("atrace_track", process.upid, title), title)
        else:
            title, _, name = name.partition("|")
            key = ("atrace_track", process.upid, title, last)
            track, is_new = tracks.get("async", key, title)
        if is_new:
            track.process = process
            if kind != "N":
                track.args["cookie"] = last
        if kind == "N":
            self._instant(track, ts, name)
        else:
            self._edge(track, ts, name or None, is_end=kind in {"F", "H"})

    def _of_thread(self, tid: int, pid: int | None) -> Track:
        actors = self._context.actors
        thread = actors.thread(tid, pid) if pid else actors.thread_of(tid)
        return self._context.tracks.of_thread(thread)

    def _edge(self, track: Track, ts: int, name: str | None, *, is_end: bool) -> None:
        self._context.rows["edge"].append((
            self._context.ordinal(), ts, track.track_id, is_end, name, None, None, None, None, None,
        ))  # fmt: skip

    def _instant(self, track: Track, ts: int, name: str) -> None:
        self._context.rows["span"].append((
            self._context.ordinal(), ts, 0, track.track_id, name, *(None,) * 6,
        ))  # fmt: skip


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
