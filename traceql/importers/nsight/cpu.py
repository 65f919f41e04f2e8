"""Samples of threads and scheduling of threads on CPUs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from traceql.importers._columns import distinct, filled, mapped, valid, where
from traceql.importers.nsight.labels import THREAD_STATES
from traceql.model import tables
from traceql.model.protocols import Chunk

if TYPE_CHECKING:
    from traceql.importers._columns import Int64
    from traceql.importers.nsight.context import Context

_ROWS = 1 << 16
_RUNNING = 1


def samples(context: Context) -> Iterator[Chunk]:
    """Give COMPOSITE_EVENTS; the weight is CPU cycles, or 1 where there were no counters."""
    table = "COMPOSITE_EVENTS"
    leaves = context.frames.get("SAMPLING_CALLCHAINS")
    wanted = ("id", "cpu", "threadState", "globalTid", "cpuCycles")
    unit = _unit(context, table)
    for columns in context.timed(table, "start", wanted):
        rows = len(columns["start"])
        ids = filled(columns["id"], -1)
        leaf = np.full(rows, -1, np.int64) if leaves is None else leaves.of(ids)
        yield Chunk("sample_event", tables.conform("sample_event", {
            "ordinal": context.ordinals(rows),
            "ts": columns["start"],
            "utid": context.actors.threads(columns["globalTid"]),
            "cpu": pc.cast(columns["cpu"], pa.int32(), safe=False),
            "frame_id": where(leaf, leaf >= 0, pa.int32()),
            "weight": pc.cast(columns["cpuCycles"], pa.float64(), safe=False),
            "weight_unit": pa.array(np.full(rows, unit)),
            "state": _states(columns["threadState"]),
        }))  # fmt: skip


def _unit(context: Context, table: str) -> str:
    """Tell cycles from counts: without hardware counters every sample counts 1."""
    most = 0
    for batch in context.export.rows(table, {"cpuCycles": pa.int64()}):
        most = max(most, pc.max(batch["cpuCycles"]).as_py() or 0)
        if most > 1:
            return "cycles"
    return "count"


def _states(column: pa.Array) -> pa.Array:
    found = distinct([column], len(column))
    texts = [None if s is None else THREAD_STATES.get(s, str(s)) for (s,) in found.keys]
    return pa.array(texts, pa.string()).take(pa.array(found.codes))


def scheduling(context: Context) -> Iterator[Chunk]:
    """Give SCHED_EVENTS as times on a CPU, and as states of threads.

    A thread runs from where it is scheduled in to its next event, and is in the state that it
    was scheduled out with until the next. All rows are held, 26 bytes each: pairs stand apart
    in the file.
    """
    parts: list[tuple[np.ndarray, ...]] = []
    wanted = ("start", "cpu", "isSchedIn", "globalTid", "threadState", "threadBlock")
    for columns in context.batches("SCHED_EVENTS", wanted):
        has = valid(columns["start"]) & valid(columns["globalTid"])
        context.diagnostics.count("sched_event_without_thread", int((~has).sum()))
        thread = mapped([columns["globalTid"]], len(has),
                        lambda g: -1 if g is None else context.actors.thread(g))  # fmt: skip
        parts.append((
            filled(columns["start"])[has],
            thread.astype(np.int32)[has],
            filled(columns["cpu"], -1).astype(np.int32)[has],
            (filled(columns["isSchedIn"]) != 0)[has],
            filled(columns["threadState"], -1).astype(np.int16)[has],
            filled(columns["threadBlock"], -1).astype(np.int16)[has],
        ))  # fmt: skip
    if not parts:
        return
    whole = [np.concatenate(column) for column in zip(*parts, strict=True)]
    parts.clear()
    start, thread = whole[0], whole[1]
    order = np.lexsort((start, thread))
    yield from _spans(context, *(column[order] for column in whole))


def _spans(
    context: Context, start: Int64, thread: np.ndarray, cpu: np.ndarray, is_in: np.ndarray,
    state: np.ndarray, block: np.ndarray,
) -> Iterator[Chunk]:  # fmt: skip
    """Give the rows of events that are sorted by thread and time."""
    last = np.append(thread[1:] != thread[:-1], True)
    dur = np.where(last, -1, np.append(start[1:], 0) - start)
    after = np.append(state[1:], -1)
    ends_out = ~last & ~np.append(is_in[1:], True)
    after = np.where(ends_out, after, -1)
    runs = np.flatnonzero(is_in)
    for at in range(0, len(runs), _ROWS):
        rows = runs[at : at + _ROWS]
        states = after[rows].astype(np.int64)
        yield Chunk("sched_span", tables.conform("sched_span", {
            "ordinal": context.ordinals(len(rows)),
            "ts": start[rows],
            "dur": dur[rows],
            "cpu": where(cpu[rows].astype(np.int64), cpu[rows] >= 0, pa.int32()),
            "utid": thread[rows],
            "end_state": _states(where(states, states >= 0)),
        }))  # fmt: skip
    blocks = context.labels.of("SCHED_EVENTS", "threadBlock") or {}
    for at in range(0, len(start), _ROWS):
        rows = np.arange(at, min(at + _ROWS, len(start)))
        states = np.where(is_in[rows], _RUNNING, state[rows]).astype(np.int64)
        why = np.where(is_in[rows], -1, block[rows]).astype(np.int64)
        found = distinct([where(why, why > 0)], len(states))
        texts = [None if b is None else blocks.get(b, str(b)) for (b,) in found.keys]
        on = is_in[rows] & (cpu[rows] >= 0)
        yield Chunk("thread_state_span", tables.conform("thread_state_span", {
            "ordinal": context.ordinals(len(states)),
            "ts": start[rows],
            "dur": dur[rows],
            "utid": thread[rows],
            "state": _states(where(states, states >= 0)),
            "blocked_function": pa.array(texts, pa.string()).take(pa.array(found.codes)),
            "cpu": where(cpu[rows].astype(np.int64), on, pa.int32()),
        }))  # fmt: skip
