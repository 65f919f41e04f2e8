"""Markers that tell one time each: ranges are pushed and popped, started and stopped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa

from traceql.importers._columns import mapped
from traceql.importers._rocm.names import constant
from traceql.model import tables
from traceql.model.protocols import Chunk

if TYPE_CHECKING:
    from traceql.importers._rocm.trace import Trace

PUSH, POP, START, STOP = 1, 2, 3, 4


class Marker(NamedTuple):
    """A line about a marker."""

    ts: int
    pid: int | None
    tid: int | None
    what: int
    """PUSH, POP, START or STOP."""
    range_id: int
    text: str


def edges(trace: Trace, found: Sequence[Marker], scope: str) -> Iterator[Chunk]:
    """Give the begins and ends of ranges; those that are started lie on a track of their own."""
    if not found:
        return
    actors = trace.actors

    def track(pid: int | None, tid: int | None, what: int, number: int) -> int:
        upid = actors.process(pid, scope).upid
        if what in {START, STOP}:
            return actors.track(("range", upid, number), "async", "roctx range", upid=upid)
        if not tid:
            return actors.track(("process", None, upid, None), "process", None, upid=upid)
        utid = actors.thread(upid, tid)
        return actors.track(("thread", None, upid, tid), "thread", None, upid=upid, utid=utid)

    rows = len(found)
    columns = [
        pa.array([m.pid for m in found], pa.int64()), pa.array([m.tid for m in found], pa.int64()),
        pa.array([m.what for m in found]),
        # A range that is pushed is closed by the next pop, whatever their numbers.
        pa.array([m.range_id if m.what in {START, STOP} else 0 for m in found]),
    ]  # fmt: skip
    tracks = mapped(columns, rows, track)
    is_end = [m.what in {POP, STOP} for m in found]
    yield Chunk("edge", tables.conform("edge", {
        "ordinal": trace.ordinals(rows),
        "ts": [m.ts for m in found],
        "track_id": tracks,
        "is_end": is_end,
        "name": [None if end else m.text for m, end in zip(found, is_end, strict=True)],
        "category": constant("roctx", rows),
    }))  # fmt: skip
