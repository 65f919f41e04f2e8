"""Kernel events of many packets as columns: the same rows that reading one by one gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from traceql.importers._packing import Packed, span_rows
from traceql.importers.perfetto import ftrace_messages as messages
from traceql.importers.perfetto.actors import OF_FTRACE
from traceql.importers.perfetto.atrace import Mark, mark_of
from traceql.importers.perfetto.clocks import BOOTTIME, clock_of
from traceql.importers.perfetto.coding import Unusual, coded, dictionary, mixed
from traceql.importers.perfetto.context import MOST_NS
from traceql.importers.perfetto.sched import IMPLIED, NONE
from traceql.importers.perfetto.sequences import Sequence
from traceql.importers.perfetto.wire import WireError, decode
from traceql.kernels import bundles as at
from traceql.kernels import packets
from traceql.model import tables
from traceql.model.protocols import Chunk

if TYPE_CHECKING:
    from traceql.importers.perfetto.coding import Bool, Int64
    from traceql.importers.perfetto.context import Context
    from traceql.importers.perfetto.ftrace import Ftrace

_SHORTEST = 24
"""Fewer events are read one by one in less time."""
_THREAD, _OWN_TRACK, _MARK_TRACK, _FREQUENCY, _IDLE = range(5)
"""What an event asks for: a thread, or a track."""


class _Run(NamedTuple):
    """Events that follow each other, none of them odd."""

    buffer: bytes
    c: Int64
    ts: Int64
    marks: list[Mark | None]
    mark_codes: Int64
    """Number of the mark of each event, -1 for other kinds."""


class Bundles:
    """Reads packets of kernel events, what is odd in them one by one."""

    def __init__(self, context: Context, ftrace: Ftrace, sequences: dict[int, Sequence]) -> None:
        self._context, self._ftrace, self._sequences = context, ftrace, sequences
        self._scanner = at.BundleScanner()

    def run(
        self, buffer: bytes, columns: Int64, offset_of: Callable[[int], int]
    ) -> Iterator[Chunk]:
        """Read packets that hold nothing but kernel events.

        Args:
            buffer: what `columns` points into.
            columns: int64 [packets.COLUMNS, n].
            offset_of: gives where a packet lies, by its number.
        """
        starts, ends = columns[packets.VALUE], columns[packets.UUID]
        data = np.frombuffer(buffer, np.uint8)
        done = 0
        while done < len(starts):
            events = self._scanner.scan(data, starts, ends, done)
            done, c = events.done, events.columns
            odd = c[at.KIND] >= at.ODD
            if not len(odd):
                continue
            cuts = np.flatnonzero(odd[1:] | odd[:-1]) + 1
            for start, end in pairwise([0, *cuts.tolist(), c.shape[1]]):
                part = c[:, start:end]
                self._context.diagnostics.offset = offset_of(int(part[at.PACKET, 0]))
                sequence = self._sequence(columns, int(part[at.PACKET, 0]))
                chunks = None
                if not odd[start] and end - start >= _SHORTEST:
                    chunks = self._columns(buffer, part, sequence, offset_of)
                if chunks is not None:
                    yield from self._context.rows.rest()
                    yield from chunks
                else:
                    self._one_by_one(buffer, part, columns, offset_of)

    def _sequence(self, columns: Int64, packet: int) -> Sequence:
        number = int(columns[packets.SEQUENCE, packet])
        found = self._sequences.get(number)
        if found is None:
            found = self._sequences[number] = Sequence(number)
        return found

    def _one_by_one(
        self, buffer: bytes, c: Int64, columns: Int64, offset_of: Callable[[int], int]
    ) -> None:
        """Read events by their bytes, compact ones by those of all of them."""
        last = -1
        count = self._context.diagnostics.count
        for kind, packet, start, end, cpu in c[
            [at.KIND, at.PACKET, at.START, at.END, at.CPU]
        ].T.tolist():
            is_compact = kind in {at.COMPACT_SWITCH, at.COMPACT_WAKING}
            if is_compact and start == last:
                continue
            last = start if is_compact else -1
            self._context.diagnostics.offset = offset_of(packet)
            sequence, raw = self._sequence(columns, packet), buffer[start:end]
            try:
                if kind == at.ODD_BUNDLE:
                    self._ftrace.bundle(raw, sequence)
                elif is_compact:
                    self._ftrace.compact(decode(messages.COMPACT_SCHED, raw), cpu, 0, sequence)
                else:
                    self._ftrace.event(decode(messages.EVENT, raw), cpu, 0, sequence)
            except (WireError, UnicodeError):
                count("message_damaged")

    def _columns(
        self, buffer: bytes, c: Int64, sequence: Sequence, offset_of: Callable[[int], int]
    ) -> list[Chunk] | None:
        try:
            run = self._looked_at(buffer, c, sequence)
        except Unusual:
            return None
        found = self._asked(run)
        self._name(run)
        kind = c[at.KIND]
        unread = kind == at.UNREAD
        unmarked = (kind == at.PRINT) & ~_has_mark(run)
        for code, which in (("ftrace_event_unread", unread), ("atrace_unread", unmarked)):
            if which.any():
                first = offset_of(int(c[at.PACKET][which][0]))
                self._context.diagnostics.count(code, int(which.sum()), offset=first)
        numbers, counts = np.unique(c[at.PID][unread], return_counts=True)
        for number, n in zip(numbers.tolist(), counts.tolist(), strict=True):
            self._context.unread[f"ftrace.unread.{number}"] += n
        has_row = ~unread & ~unmarked
        places = np.cumsum(has_row)
        ordinal = self._context.take_ordinals(int(places[-1]), int(run.ts[-1])) + places - 1
        self._schedule(run, found, ordinal)
        return list(_mark_rows(run, found[:, 0], ordinal))

    def _looked_at(self, buffer: bytes, c: Int64, sequence: Sequence) -> _Run:
        """Move times, read marks, and see that all threads are known or new.

        Raises:
            Unusual: the run must be read one by one.
        """
        way = self._context.clocks.way(clock_of(BOOTTIME, sequence.number))
        if way is None or way.running is not None or way.multiplier != 1:
            raise Unusual
        ts: Int64 = c[at.TS].copy()
        for source, target in way.steps:
            one, other = np.array(source, np.int64), np.array(target, np.int64)
            place = np.maximum(np.searchsorted(one, ts, "right") - 1, 0)
            ts += other[place] - one[place]
        if ts.min() <= -MOST_NS or ts.max() >= MOST_NS:
            raise Unusual
        marks, codes = _marks(buffer, c)
        run = _Run(buffer, c, ts, marks, codes)
        self._settled(run)
        return run

    def _settled(self, run: _Run) -> None:
        """See that each thread that is asked for has one process at most.

        Raises:
            Unusual: a thread has several, or another than before.
        """
        pids: dict[int, int] = {}
        here = np.flatnonzero(_has_mark(run))
        codes, tids = run.mark_codes[here], run.c[at.TID][here]
        told = np.array([(m.pid or 0) if m is not None else 0 for m in run.marks], np.int64)[codes]
        keyed = np.array([m is not None and m.key is not None for m in run.marks], np.int64)[codes]
        for i in coded(mixed(told, keyed, tids)).first.tolist():
            pid = int(told[i])
            # The first thread of a process comes with it.
            for tid in (pid,) if keyed[i] else (pid, int(tids[i])):
                if pid and (pids.setdefault(tid, pid) != pid or not tid):
                    raise Unusual
        actors = self._context.actors
        if not all(actors.is_settled(tid, pid) for tid, pid in pids.items()):
            raise Unusual

    def _asked(self, run: _Run) -> Int64:
        """Ask for threads and tracks in the order of the events; gives utids and track ids.

        Returns:
            int64 [n, 2]: of a switch the threads that leave and enter, of a wakeup the thread
            woken and the waker; of others the track; NONE or IMPLIED where there is none.
        """
        c, kind = run.c, run.c[at.KIND]
        n = len(kind)
        what, one, two = (np.full((n, 2), fill) for fill in (-1, 0, 0))
        switch, wake = _switches(kind), _wakes(kind)
        told = kind == at.SWITCH
        what[told, 0], one[told, 0] = _THREAD, c[at.PID][told]
        what[switch, 1], one[switch, 1] = _THREAD, c[at.NEXT][switch]
        what[wake, 0], one[wake, 0] = _THREAD, c[at.PID][wake]
        waker = wake & (c[at.IN_INTERRUPT] == 0) & (kind != at.COMPACT_WAKING)
        what[waker, 1], one[waker, 1] = _THREAD, c[at.TID][waker]
        _ask_for_tracks(run, what, one, two)
        there = what.reshape(-1) >= 0
        both = coded(mixed(what.reshape(-1)[there], one.reshape(-1)[there], two.reshape(-1)[there]))
        answers = [
            self._answer(run, int(what.flat[i]), i // 2, int(one.flat[i]))
            for i in np.flatnonzero(there)[both.first].tolist()
        ]
        found: Int64 = np.full(2 * n, NONE)
        found[there] = np.array(answers, np.int64)[both.codes]
        found = found.reshape(n, 2)
        found[kind == at.COMPACT_SWITCH, 0] = IMPLIED
        found[(kind == at.COMPACT_WAKING) & (c[at.IN_INTERRUPT] == 0), 1] = IMPLIED
        return found

    def _answer(self, run: _Run, what: int, i: int, number: int) -> int:
        if what == _THREAD:
            return self._ftrace.thread(number).utid
        tracks = self._context.tracks
        if what == _FREQUENCY:
            return tracks.counter("cpufreq", cpu=number, unit="kHz").track_id
        if what == _IDLE:
            return tracks.counter("cpuidle", cpu=number).track_id
        mark = run.marks[run.mark_codes[i]]
        assert mark is not None
        return self._ftrace.atrace.track(mark, int(run.c[at.TID][i])).track_id

    def _name(self, run: _Run) -> None:
        """Give threads the names that were last said of them."""
        c, kind = run.c, run.c[at.KIND]
        tid, place, size = (np.stack([c[a], c[b]], axis=1) for a, b in (
            (at.PID, at.NEXT), (at.COMM_AT, at.NEXT_AT), (at.COMM_SIZE, at.NEXT_SIZE)))  # fmt: skip
        there = size > 0
        there[:, 0] &= (kind == at.SWITCH) | _wakes(kind)
        there[:, 1] &= _switches(kind)
        here = np.flatnonzero((there & (tid != 0)).reshape(-1))[::-1]
        for i in here[coded(tid.reshape(-1)[here]).first].tolist():
            thread = self._context.actors.thread_of(int(tid.flat[i]))
            if thread.sure <= OF_FTRACE:
                name = run.buffer[place.flat[i] : place.flat[i] + size.flat[i]]
                thread.call(name.decode("utf-8", "replace"), OF_FTRACE)

    def _schedule(self, run: _Run, found: Int64, ordinal: Int64) -> None:
        c, kind = run.c, run.c[at.KIND]

        def rows(which: Bool, *columns: Int64) -> Int64:
            return np.stack([column[which] for column in columns], axis=1)

        switch, waking = _switches(kind), _wakes(kind) & (kind != at.WAKEUP)
        woken = (ordinal, run.ts, c[at.CPU], found[:, 0], found[:, 1])
        self._ftrace.sched.add(
            rows(switch, ordinal, run.ts, c[at.CPU], found[:, 0], c[at.STATE], found[:, 1],
                 c[at.PRIORITY]),
            rows(waking, *woken), rows(kind == at.WAKEUP, *woken),
        )  # fmt: skip


def _switches(kind: Int64) -> Bool:
    found: Bool = (kind == at.SWITCH) | (kind == at.COMPACT_SWITCH)
    return found


def _wakes(kind: Int64) -> Bool:
    found: Bool = (kind == at.WAKING) | (kind == at.WAKEUP) | (kind == at.COMPACT_WAKING)
    return found


def _marks(buffer: bytes, c: Int64) -> tuple[list[Mark | None], Int64]:
    """Read the distinct texts of marks."""
    here = np.flatnonzero(c[at.KIND] == at.PRINT)
    place, size = c[at.COMM_AT][here], c[at.COMM_SIZE][here]
    both = coded(mixed(size, c[at.NEXT][here]))
    data = np.frombuffer(buffer, np.uint8)
    if len(here) and not packets.same(data, place, size, both.first[both.codes]):
        raise Unusual
    marks = [
        mark_of(buffer[place[i] : place[i] + size[i]].decode("utf-8", "replace"))
        for i in both.first.tolist()
    ]
    codes = np.full(c.shape[1], -1, np.int64)
    codes[here] = both.codes
    return marks, codes


def _has_mark(run: _Run) -> Bool:
    known = np.array([mark is not None for mark in run.marks] + [False], np.bool_)
    found: Bool = known[run.mark_codes]
    return found


def _ask_for_tracks(run: _Run, what: Int64, one: Int64, two: Int64) -> None:
    """Fill in the tracks that marks and counters of CPUs ask for."""
    c, kind = run.c, run.c[at.KIND]
    for asks, of in ((_FREQUENCY, at.FREQUENCY), (_IDLE, at.IDLE)):
        which = kind == of
        what[which, 0], one[which, 0] = asks, c[at.PID][which]
    marked = _has_mark(run)
    if not marked.any():
        return
    keys: dict[object, int] = {}
    own = np.array([m is not None and m.key is None for m in run.marks], np.bool_)
    pid = np.array([(m.pid or 0) if m is not None else 0 for m in run.marks], np.int64)
    number = np.array([
        keys.setdefault((m.pid, m.key), len(keys)) if m is not None else -1 for m in run.marks
    ], np.int64)  # fmt: skip
    codes = run.mark_codes[marked]
    is_own = own[codes]
    what[marked, 0] = np.where(is_own, _OWN_TRACK, _MARK_TRACK)
    one[marked, 0] = np.where(is_own, c[at.TID][marked], number[codes])
    two[marked, 0] = np.where(is_own, pid[codes], 0)


def _mark_rows(run: _Run, track: Int64, ordinal: Int64) -> Iterator[Chunk]:
    """Give the rows of marks and counters of CPUs."""
    kind = run.c[at.KIND]
    marks = [mark or Mark("", None) for mark in run.marks]
    what = np.array([["", "edge", "instant", "count"].index(m.what) for m in marks] + [0], np.int64)
    of = what[run.mark_codes]
    names = [mark.name for mark in marks]
    for table, number in (("edge", 1), ("span", 2)):
        here = np.flatnonzero(of == number)
        if not len(here):
            continue
        codes = run.mark_codes[here]
        rows = {
            "ordinal": ordinal[here], "ts": run.ts[here],
            "track_id": track[here].astype(np.int32), "name": dictionary(codes, names),
        }  # fmt: skip
        if table == "edge":
            rows["is_end"] = np.array([m.is_end for m in marks], np.bool_)[codes]
        else:
            rows["dur"] = np.zeros(len(here), np.int64)
        yield Chunk(table, span_rows(rows, Packed(pa.nulls(len(here), pa.string()), {})))
    of_cpu = (kind == at.FREQUENCY) | (kind == at.IDLE)
    here = np.flatnonzero((of == 3) | of_cpu)
    if len(here):
        counted = np.array([mark.value for mark in marks] + [0.0])[run.mark_codes[here]]
        yield Chunk("counter_sample", tables.conform("counter_sample", {
            "ordinal": ordinal[here], "ts": run.ts[here],
            "track_id": track[here].astype(np.int32),
            "value": np.where(of_cpu[here], run.c[at.STATE][here].astype(np.float64), counted),
        }))  # fmt: skip
