"""Flows: points bound to slices, and arrows between them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from traceql.assembly.columns import Labels, Values, array_of, text_array, texts_of, where
from traceql.assembly.order import Memory, ints
from traceql.assembly.rows import Rows, RowSorter
from traceql.kernels.bind import Binding
from traceql.kernels.decorator import as_input
from traceql.kernels.packed import hash_texts
from traceql.model import tables

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceql.assembly.diagnose import Diagnostics
    from traceql.assembly.number import Numbering

    Int64 = NDArray[np.int64]
    Bool = NDArray[np.bool_]

_LABELS = ("name", "category")
_NO_ARGS = "no_args"
_TEXTS = (*_LABELS, _NO_ARGS)
"""What rows carry beside their text of args: numbers of labels, and 1 where there are no args."""
_STEPS = ("start", "step", "end")
_START, _STEP, _END = range(3)
_BINDINGS = ("next", "enclosing", "own")
_NEXT, _, _OWN = range(3)
_STORED = tables.table("flow").stored_schema

UNBOUND = -1


class Flows:
    """Arrows from start over steps to end of each key, in order of time.

    Every step or end makes an arrow from the point before it if its key is open: a start opens
    it, an end closes it. A start while the key is open replaces what is open. At one time a start
    comes before steps and these before ends, whatever their places in the file. An arrow needs
    both its points bound; one with an unbound point is left out.

    Keys are told apart by a 128-bit hash, so that millions of them need no dictionary.
    """

    def __init__(self, memory: Memory, scratch: Path, diagnostics: Diagnostics) -> None:
        self._diagnostics = diagnostics
        self._steps, self._bindings = Labels(_STEPS), Labels(_BINDINGS)
        self._labels = {name: Labels() for name in _LABELS}
        # Keys: track, ts, binding, ordinal, flow key, step; flow key, ts, step, ordinal, slice;
        # ts, ordinal, flow key, slice out, slice in. A flow key is two numbers.
        self._points = RowSorter("flow-point", 7, _TEXTS, memory, scratch)
        self._bound = RowSorter("flow-bound", 6, _TEXTS, memory, scratch)
        self._arrows = RowSorter("flow-arrow", 6, _TEXTS, memory, scratch)

    def add(self, rows: pa.RecordBatch) -> None:
        """Take rows of staging `flow_point`."""
        step = self._steps.encode(rows["step"])
        binding = self._bindings.encode(rows["binding"])
        if step is None or binding is None:
            return
        keys = [ints(rows[name]) for name in ("track_id", "ts")]
        keys += [binding.values, ints(rows["ordinal"]), *_hashes(rows["key"]), step.values]
        columns = {}
        for name, labels in self._labels.items():
            found = labels.encode(rows[name])
            if found is not None:
                columns[name] = found
        columns |= _no_args(rows["args"])
        self._points.add(keys, columns, texts_of(rows["args"]))

    def binder(self, numbers: Numbering) -> Binder | None:
        """Give what binds the points as it listens to all slices; None if there are no points."""
        return Binder(self._points, self._bound, numbers) if self._points.rows else None

    def rows(self) -> Iterator[pa.RecordBatch]:
        """Give the rows of `flow`, in order of (time, place in the file) of their arrival."""
        self._points.clear()
        self._connect()
        self._bound.clear()
        at = 0
        for arrows in self._arrows.sorted():
            columns, count = arrows.columns(), len(arrows.starts)
            ids = np.arange(at, at + count)
            arrays = {
                "id": array_of(Values(ids, None), pa.int32(), count),
                "args": _args(arrows, columns),
            }
            for name, ids in zip(("slice_out", "slice_in"), arrows.keys()[4:], strict=True):
                arrays[name] = array_of(Values(ids, None), pa.int32(), count)
            for name, labels in self._labels.items():
                arrays[name] = labels.decode(columns.get(name), count)
            yield pa.RecordBatch.from_arrays([arrays[f.name] for f in _STORED], schema=_STORED)
            at += count
        self._arrows.clear()

    def _connect(self) -> None:
        carried: Rows | None = None
        was_open = False
        for rows in self._bound.sorted(parts=4):
            keys = rows.keys()
            fresh = 0 if carried is None else 1
            if carried is not None:
                keys = np.concatenate([carried.keys(), keys], axis=1)
            step, slices = keys[3], keys[5]
            first = _key_starts(keys)
            opens = _open_after(step, first, was_open=was_open)
            open_before = np.zeros(len(opens), np.bool_)
            open_before[1:] = opens[:-1] & ~first[1:]
            unbound = slices == UNBOUND
            for code, found in (
                ("flow_no_enclosing_slice", unbound),
                ("flow_duplicate_id", (step == _START) & open_before),
                ("flow_step_without_start", (step == _STEP) & ~open_before),
                ("flow_end_without_start", (step == _END) & ~open_before),
            ):
                self._diagnostics.count(code, int(found[fresh:].sum()))
            arrives = open_before & (step != _START)
            arrives[1:] &= ~unbound[1:] & ~unbound[:-1]
            to = np.flatnonzero(arrives)
            arrow = np.stack([*keys[[2, 4, 0, 1]][:, to], slices[to - 1], slices[to]])
            if carried is not None and len(to) and to[0] == 1:
                self._add_arrows(arrow[:, :1].copy(), carried, rows.of(np.arange(1)))
                arrow, to = arrow[:, 1:].copy(), to[1:]
            self._add_arrows(arrow, rows.of(to - fresh - 1), rows.of(to - fresh))
            carried, was_open = rows.of(np.array([len(rows.starts) - 1])).copy(), bool(opens[-1])

    def _add_arrows(self, keys: Int64, out: Rows, to: Rows) -> None:
        """Add arrows; texts that the point they leave lacks are those of where they go."""
        if out.have(_LABELS):
            self._arrows.move(keys, out)
            return
        leaving, arriving = out.columns(), to.columns()
        none = Values(np.full(keys.shape[1], -1), None)
        columns = {}
        for name in _LABELS:
            here, there = (c.get(name, none).filled(-1) for c in (leaving, arriving))
            found = np.where(here >= 0, here, there)
            columns[name] = where(found, found >= 0)
        args = pc.coalesce(_args(out, leaving), _args(to, arriving))
        self._arrows.add(tuple(keys), columns | _no_args(args), texts_of(args))


def _key_starts(keys: Int64) -> Bool:
    """Say for each point whether it is the first of its flow key."""
    starts = np.ones(keys.shape[1], np.bool_)
    starts[1:] = (keys[:2, 1:] != keys[:2, :-1]).any(axis=0)
    return starts


def _no_args(args: pa.Array) -> dict[str, Values]:
    if not args.null_count:
        return {}
    return {_NO_ARGS: where(np.ones(len(args), np.int64), np.asarray(args.is_null()))}


def _args(rows: Rows, columns: dict[str, Values]) -> pa.Array:
    missing = columns.get(_NO_ARGS)
    has = np.ones(len(rows.starts), np.bool_) if missing is None else ~missing.has
    return text_array(rows.texts(), has)


class Binder:
    """Binds flow points while all slices go by in nesting order."""

    def __init__(self, points: RowSorter, bound: RowSorter, numbers: Numbering) -> None:
        self._binding, self._numbers, self._bound = Binding(), numbers, bound
        self._points = points.sorted(parts=4)
        self._waiting: Rows | None = None
        self._next_points()

    def slices(self, track: Int64, ts: Int64, end: Int64, ids: Int64) -> None:
        """Take the next slices."""
        if self._waiting is not None:
            self._binding.slices(track, ts, end, ids)
            self._bind()

    def finish(self) -> None:
        """Say that all slices went by."""
        self._binding.no_more_slices()
        self._bind()

    def _next_points(self) -> None:
        self._waiting = next(self._points, None)
        if self._waiting is not None:
            track, ts, binding, *_ = self._waiting.keys()
            self._binding.points(track, ts, binding == _NEXT)

    def _bind(self) -> None:
        while self._waiting is not None:
            found = self._binding.bound()
            if found is None:
                return
            _, ts, binding, ordinal, high, low, step = self._waiting.keys()
            own = binding == _OWN
            found[own] = self._numbers.of(ordinal[own])
            self._bound.move(np.stack([high, low, ts, step, ordinal, found]), self._waiting)
            self._next_points()


def _hashes(keys: pa.Array) -> tuple[Int64, Int64]:
    """Hash keys to 128 bits, so that millions of them need no dictionary."""
    texts = texts_of(keys)
    high, low = np.empty(len(keys), np.int64), np.empty(len(keys), np.int64)
    hash_texts(as_input(texts.text, np.uint8), as_input(texts.ends, np.int32), high, low)
    return high, low


def _open_after(step: Int64, first: NDArray[np.bool_], *, was_open: bool) -> NDArray[np.bool_]:
    """Say for each row whether its key is open after it.

    A start opens and an end closes; a step leaves its key as it is, which at a key's first row
    means closed. `was_open` is the answer for row 0 if that row was carried over.
    """
    settles = first | (step != _STEP)
    answer: NDArray[np.bool_] = step == _START
    answer[0] = answer[0] or was_open
    last = np.maximum.accumulate(np.where(settles, np.arange(len(step)), 0))
    after: NDArray[np.bool_] = answer[last]
    return after
