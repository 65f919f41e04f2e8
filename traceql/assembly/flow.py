"""Flows: points bound to slices, and arrows between them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from traceql.assembly.order import Memory, Sorter, by, concat, ints
from traceql.kernels.bind import Binding
from traceql.model import tables

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceql.assembly.diagnose import Diagnostics
    from traceql.assembly.number import Numbering

    Int64 = NDArray[np.int64]

_STEPS = ("start", "step", "end")
_START, _STEP, _END = range(3)
_BINDINGS = ("next", "enclosing", "own")
_NEXT, _, _OWN = range(3)
_TEXTS = ("name", "category", "args")
_POINT = pa.schema(
    [
        ("ordinal", pa.int64()),
        ("ts", pa.int64()),
        ("track_id", pa.int32()),
        ("key_high", pa.int64()),
        ("key_low", pa.int64()),
        ("step", pa.int32()),
        ("binding", pa.int32()),
        ("slice_id", pa.int64()),
        *((name, pa.string()) for name in _TEXTS),
    ]
)
_ARROW = pa.schema(
    [
        ("ts", pa.int64()),
        ("ordinal", pa.int64()),
        ("key_high", pa.int64()),
        ("key_low", pa.int64()),
        ("slice_out", pa.int32()),
        ("slice_in", pa.int32()),
        *((name, pa.string()) for name in _TEXTS),
    ]
)
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
        self._points = Sorter(
            "flow-point",
            _POINT,
            by("track_id", "ts", "binding", "ordinal", "key_high", "key_low"),
            memory,
            scratch,
        )
        self._bound = Sorter(
            "flow-bound",
            _POINT,
            by("key_high", "key_low", "ts", "step", "ordinal"),
            memory,
            scratch,
        )
        self._arrows = Sorter(
            "flow-arrow", _ARROW, by("ts", "ordinal", "key_high", "key_low"), memory, scratch
        )

    def add(self, rows: pa.RecordBatch) -> None:
        """Take rows of staging `flow_point`."""
        high, low = _hashes(rows["key"])
        columns = {
            **{name: rows[name] for name in ("ordinal", "ts", "track_id", *_TEXTS)},
            "key_high": high,
            "key_low": low,
            "step": pc.index_in(rows["step"], pa.array(_STEPS)),
            "binding": pc.index_in(rows["binding"], pa.array(_BINDINGS)),
            "slice_id": pa.nulls(rows.num_rows, pa.int64()),
        }
        self._points.add(
            pa.RecordBatch.from_arrays([columns[name] for name in _POINT.names], schema=_POINT)
        )

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
            ids = pa.array(np.arange(at, at + arrows.num_rows), pa.int32())
            columns = {**{name: arrows[name] for name in arrows.schema.names}, "id": ids}
            yield pa.RecordBatch.from_arrays(
                [columns[name] for name in _STORED.names], schema=_STORED
            )
            at += arrows.num_rows
        self._arrows.clear()

    def _connect(self) -> None:
        carried: pa.RecordBatch | None = None
        was_open = False
        for batch in self._bound.sorted():
            whole = batch if carried is None else concat([carried, batch], _POINT)
            fresh = 0 if carried is None else 1
            step = ints(whole["step"])
            first = _key_starts(whole)
            opens = _open_after(step, first, was_open=was_open)
            open_before = np.zeros(len(step), np.bool_)
            open_before[1:] = opens[:-1] & ~first[1:]
            seen = np.arange(len(step)) >= fresh
            unbound = ints(whole["slice_id"]) == UNBOUND
            for code, rows in (
                ("flow_no_enclosing_slice", unbound),
                ("flow_duplicate_id", (step == _START) & open_before),
                ("flow_step_without_start", (step == _STEP) & ~open_before),
                ("flow_end_without_start", (step == _END) & ~open_before),
            ):
                self._diagnostics.count(code, int((rows & seen).sum()))
            arrives = open_before & (step != _START)
            arrives[1:] &= ~unbound[1:] & ~unbound[:-1]
            self._arrows.add(_arrow_rows(whole, np.flatnonzero(arrives)))
            carried, was_open = whole.slice(whole.num_rows - 1), bool(opens[-1])


class Binder:
    """Binds flow points while all slices go by in nesting order."""

    def __init__(self, points: Sorter, bound: Sorter, numbers: Numbering) -> None:
        self._binding, self._numbers, self._bound = Binding(), numbers, bound
        self._points = points.sorted()
        self._waiting: pa.RecordBatch | None = None
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
            is_next = ints(self._waiting["binding"]) == _NEXT
            self._binding.points(
                ints(self._waiting["track_id"]), ints(self._waiting["ts"]), is_next
            )

    def _bind(self) -> None:
        while self._waiting is not None:
            found = self._binding.bound()
            if found is None:
                return
            own = ints(self._waiting["binding"]) == _OWN
            found[own] = self._numbers.of(ints(self._waiting["ordinal"])[own])
            place = _POINT.get_field_index("slice_id")
            self._bound.add(self._waiting.set_column(place, _POINT.field(place), pa.array(found)))
            self._next_points()


def _hashes(keys: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Hash keys to two int64 columns; looped over are the distinct keys of a batch."""
    encoded = keys if isinstance(keys, pa.DictionaryArray) else keys.dictionary_encode()
    digests = b"".join(
        xxhash.xxh3_128_digest(key.encode()) for key in encoded.dictionary.to_pylist()
    )
    halves = np.frombuffer(digests, ">i8").astype(np.int64).reshape(-1, 2)
    high, low = (pa.array(halves[:, half].copy()).take(encoded.indices) for half in range(2))
    return high, low


def _key_starts(rows: pa.RecordBatch) -> NDArray[np.bool_]:
    high, low = ints(rows["key_high"]), ints(rows["key_low"])
    starts = np.ones(len(high), np.bool_)
    starts[1:] = (high[1:] != high[:-1]) | (low[1:] != low[:-1])
    return starts


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


def _arrow_rows(points: pa.RecordBatch, arrivals: Int64) -> pa.RecordBatch:
    to, out = points.take(pa.array(arrivals)), points.take(pa.array(arrivals - 1))
    columns = {name: to[name] for name in ("ts", "ordinal", "key_high", "key_low")}
    columns |= {"slice_out": out["slice_id"], "slice_in": to["slice_id"]}
    columns |= {name: pc.coalesce(out[name], to[name]) for name in _TEXTS}
    return pa.RecordBatch.from_arrays(
        [columns[field.name].cast(field.type) for field in _ARROW], schema=_ARROW
    )
