"""Scheduling: which thread ran where, and what each thread waited for.

All events are held as numbers, 48 bytes each, and sorted at the end: those of one CPU come in
order, those of several do not, and the states of a thread need all of them.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, NamedTuple

from traceql.importers.perfetto.task_states import is_asleep, task_state
from traceql.model import tables
from traceql.model.protocols import Chunk

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from traceql.importers.perfetto.context import Context

    Int64 = NDArray[np.int64]

IMPLIED = -2
"""A thread that is not written: the one that runs on the CPU."""
NONE = -1
_BATCH_ROWS = 1 << 16
_MANY = 1 << 17
_OUT, _IN, _WAKE = 0, 1, 2


class _Switches(NamedTuple):
    """Switches in order of (CPU, time)."""

    ordinal: Int64
    ts: Int64
    cpu: Int64
    before: Int64
    state: Int64
    after: Int64
    priority: Int64


class _Events(NamedTuple):
    """What changes the state of a thread, by (utid, ts)."""

    utid: Int64
    ts: Int64
    kind: Int64
    value: Int64
    ordinal: Int64


class Sched:
    """Collects switches and wakeups; gives the rows at the end."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._switches, self._reasons = array("q"), array("q")
        self._wakings, self._wakeups = array("q"), array("q")
        self._functions: dict[str, int] = {}

    def switch(self, ts: int, cpu: int, before: int, state: int, after: int, priority: int) -> None:
        """Add a switch: utids of the threads that leave (or IMPLIED) and enter, and the state.

        The priority is that of the thread that enters.
        """
        ordinal = self._context.ordinal()
        self._switches.extend((ordinal, ts, cpu, before, state, after, priority))

    def wake(self, ts: int, cpu: int, utid: int, waker: int, *, is_waking: bool) -> None:
        """Add a wakeup on a CPU; those of `sched_wakeup` count where there is no other."""
        events = self._wakings if is_waking else self._wakeups
        events.extend((self._context.ordinal(), ts, cpu, utid, waker))

    def add(self, switches: Int64, wakings: Int64, wakeups: Int64) -> None:
        """Add many events.

        Args:
            switches: int64 [n, 7], as `switch` is told them, behind their ordinals.
            wakings: int64 [n, 5], as `wake`.
            wakeups: int64 [n, 5].
        """
        for events, rows in ((self._switches, switches), (self._wakings, wakings),
                             (self._wakeups, wakeups)):  # fmt: skip
            events.frombytes(rows.tobytes())

    def blocked(self, ts: int, utid: int, io_wait: int, function: str | None) -> None:
        """Add why a thread that sleeps was blocked."""
        number = NONE
        if function is not None:
            number = self._functions.setdefault(function, len(self._functions))
        self._reasons.extend((ts, utid, io_wait, number))

    def chunks(self, idle: set[int]) -> Iterator[Chunk]:
        """Give the rows of `sched_span` and `thread_state_span`.

        Args:
            idle: utids of idle threads, which have no states.
        """
        if not (self._switches or self._wakings or self._wakeups):
            return
        switches, codes, names = self._sorted_switches()
        yield from self._spans(switches, codes, names)
        yield from self._states(switches, codes, names, idle)

    def _sorted_switches(self) -> tuple[_Switches, Int64, list[str]]:
        """Sort switches, fill in the threads that are implied, and number the states."""
        import numpy as np

        raw = np.frombuffer(self._switches, np.int64).reshape(-1, 7)
        raw = raw[_sorted_by(raw[:, 2], raw[:, 1], raw[:, 0])].T
        s = _Switches(*(np.ascontiguousarray(column) for column in raw))
        same_cpu = np.zeros(len(s.ts), np.bool_)
        same_cpu[1:] = s.cpu[1:] == s.cpu[:-1]
        earlier = np.full(len(s.ts), NONE)
        earlier[1:] = np.where(same_cpu[1:], s.after[:-1], NONE)
        states, codes = np.unique(s.state, return_inverse=True)
        release = self._context.release
        names = [task_state(state, release) for state in states.tolist()]  # a few dozen
        before = np.where(s.before == IMPLIED, earlier, s.before)
        return s._replace(before=before), codes.reshape(-1), names

    def _spans(self, s: _Switches, codes: Int64, names: list[str]) -> Iterator[Chunk]:
        import numpy as np

        n = len(s.ts)
        has_next = np.zeros(n, np.bool_)
        has_next[:-1] = s.cpu[1:] == s.cpu[:-1]
        dur = np.full(n, -1, np.int64)
        dur[:-1] = np.where(has_next[:-1], s.ts[1:] - s.ts[:-1], -1)
        fits = np.zeros(n, np.bool_)
        fits[:-1] = has_next[:-1] & (s.before[1:] == s.after[:-1])
        self._context.diagnostics.count(
            "mismatched_sched_switch_tids", n=int((has_next & ~fits).sum())
        )
        end = np.full(n, NONE)
        end[:-1] = np.where(fits[:-1], codes[1:], NONE)
        order = _sorted_by(s.ts, s.ordinal)
        for start in range(0, n, _BATCH_ROWS):
            at = order[start : start + _BATCH_ROWS]
            yield Chunk("sched_span", tables.conform("sched_span", {
                "ordinal": s.ordinal[at], "ts": s.ts[at], "dur": dur[at],
                "cpu": s.cpu[at].astype(np.int32), "utid": s.after[at].astype(np.int32),
                "end_state": _texts(end[at], names), "priority": s.priority[at].astype(np.int32),
            }))  # fmt: skip

    def _states(
        self, s: _Switches, codes: Int64, names: list[str], idle: set[int]
    ) -> Iterator[Chunk]:
        import numpy as np

        wakes = self._wakings or self._wakeups
        w = np.frombuffer(wakes, np.int64).reshape(-1, 5).T if wakes else np.zeros((5, 0), np.int64)
        waker = np.where(w[4] == IMPLIED, _running(s, w[2], w[1]), w[4])
        zeros = np.zeros_like
        utid = np.concatenate([s.before, s.after, w[3]])
        ts = np.concatenate([s.ts, s.ts, w[1]])
        kind = np.concatenate([zeros(s.ts), zeros(s.ts) + _IN, zeros(w[1]) + _WAKE])
        value = np.concatenate([codes, s.cpu, waker])
        ordinal = np.concatenate([s.ordinal, s.ordinal, w[0]])
        there = np.flatnonzero((utid >= 0) & ~np.isin(utid, np.array(sorted(idle), np.int64)))
        order = there[_sorted_by(utid[there], ts[there], ordinal[there], kind[there])]
        kept = _kept(utid[order], kind[order], value[order],
                     np.array([is_asleep(name) for name in names], np.bool_))  # fmt: skip
        order = order[kept]
        events = _Events(*(column[order] for column in (utid, ts, kind, value, ordinal)))
        del utid, ts, kind, value, ordinal, order, there, waker
        yield from self._state_rows(events, names)

    def _state_rows(self, events: _Events, names: list[str]) -> Iterator[Chunk]:
        """Give a row for each event, in file order: who leaves a CPU before who enters."""
        import numpy as np
        import pyarrow as pa

        utid, ts, kind, value, ordinal = events
        n = len(ts)
        dur = np.full(n, -1, np.int64)
        dur[:-1] = np.where(utid[1:] == utid[:-1], ts[1:] - ts[:-1], -1)
        labels = [*names, "Running", "R"]
        state = np.where(kind == _OUT, value, np.where(kind == _IN, len(names), len(names) + 1))
        io_wait, function = self._why(utid, ts, kind)
        first = self._context.ordinal()
        order = _sorted_by(ts, ordinal, kind)
        functions = list(self._functions)
        for start in range(0, n, _BATCH_ROWS):
            at = order[start : start + _BATCH_ROWS]
            run, woken = kind[at] == _IN, (kind[at] == _WAKE) & (value[at] >= 0)
            yield Chunk("thread_state_span", tables.conform("thread_state_span", {
                "ordinal": first + np.arange(start, start + len(at)), "ts": ts[at],
                "dur": dur[at], "utid": utid[at].astype(np.int32),
                "state": _texts(state[at], labels),
                "io_wait": pa.array(io_wait[at] == 1, mask=io_wait[at] < 0),
                "blocked_function": _texts(function[at], functions),
                "waker_utid": pa.array(value[at].astype(np.int32), mask=~woken),
                "cpu": pa.array(value[at].astype(np.int32), mask=~run),
            }))  # fmt: skip

    def _why(self, utid: Int64, ts: Int64, kind: Int64) -> tuple[Int64, Int64]:
        """Give io_wait and the function of each state: what was last said of it, -1 for nothing."""
        import numpy as np

        io_wait, function = np.full(len(ts), NONE), np.full(len(ts), NONE)
        if not self._reasons or not len(ts):
            return io_wait, function
        r = np.frombuffer(self._reasons, np.int64).reshape(-1, 4).T
        both = np.lexsort((
            np.concatenate([kind * 0, r[0] * 0 + 1]),
            np.concatenate([ts, r[0]]), np.concatenate([utid, r[1]]),
        ))  # fmt: skip
        # The last time that the thread was put to sleep before the reason was said.
        is_out = np.concatenate([kind == _OUT, np.zeros(len(r[0]), np.bool_)])[both]
        last = np.maximum.accumulate(np.where(is_out, np.arange(len(both)), -1))
        said = np.flatnonzero((both >= len(ts)) & (last >= 0))
        state, reason = both[last[said]], both[said] - len(ts)
        right = utid[state] == r[1][reason]
        io_wait[state[right]] = np.minimum(r[2][reason[right]], 1)
        function[state[right]] = r[3][reason[right]]
        return io_wait, function


def _sorted_by(*keys: Int64) -> Int64:
    """Order rows by the keys, first key first; a kernel does where there are many."""
    import numpy as np

    if len(keys[0]) < _MANY:
        return np.lexsort(keys[::-1])
    from traceql.kernels.order import argsort

    return argsort(*keys).astype(np.int64)


def _kept(utid: Int64, kind: Int64, value: Int64, asleep: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tell which events start a state: a wakeup does only where the thread sleeps.

    Args:
        utid: ascending.
        kind: of _OUT, _IN, _WAKE, in order of time within a thread.
        value: of _OUT the number of the state.
        asleep: whether a state is one of sleep, by number.
    """
    import numpy as np

    first = np.ones(len(utid), np.bool_)
    first[1:] = utid[1:] != utid[:-1]
    sleeps = np.zeros(len(utid), np.bool_)
    out = kind == _OUT
    sleeps[out] = asleep[value[out]]
    after_sleep = np.zeros(len(utid), np.bool_)
    after_sleep[1:] = sleeps[:-1]
    kept: NDArray[np.bool_] = (kind != _WAKE) | first | after_sleep
    return kept


def _running(s: _Switches, cpu: Int64, ts: Int64) -> Int64:
    """Give the thread that ran on a CPU at a time; -1 where that is not known."""
    import numpy as np

    # Sorted together, each question behind the switches up to its time.
    order = np.lexsort((
        np.concatenate([s.ts * 0, ts * 0 + 1]),
        np.concatenate([s.ts, ts]), np.concatenate([s.cpu, cpu]),
    ))  # fmt: skip
    last = np.maximum.accumulate(np.where(order < len(s.ts), np.arange(len(order)), -1))
    found = np.full(len(ts), NONE)
    asks = np.flatnonzero((order >= len(s.ts)) & (last >= 0))
    switch, question = order[last[asks]], order[asks] - len(s.ts)
    found[question] = np.where(s.cpu[switch] == cpu[question], s.after[switch], NONE)
    return found


def _texts(numbers: Int64, texts: list[str]) -> pa.Array:
    """Give texts by number; -1 is null."""
    import numpy as np
    import pyarrow as pa

    return pa.array(texts, pa.string()).take(
        pa.array(np.where(numbers < 0, 0, numbers), mask=numbers < 0)
    )
