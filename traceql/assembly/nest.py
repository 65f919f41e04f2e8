"""Nesting of slices: depth, parent, self time, overflow tracks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
import pyarrow as pa

from traceql.assembly.encode import LIFTED_COLUMNS, Texts, fill
from traceql.assembly.order import ints
from traceql.kernels.nest import Nested, Nesting
from traceql.model import tables

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceql.assembly.number import Numbering
    from traceql.assembly.order import Sorter

    Int64 = NDArray[np.int64]

_KEY_COLUMNS = ("ordinal", "ts", "track_id", "dur")
_SMALLEST = np.iinfo(np.int64).min
_LANE_BITS = 32

STORED = tables.table("slice").stored_schema


class Overflow(NamedTuple):
    """A track for slices that partly overlap others of a main track."""

    id: int
    main: int
    """The main track."""
    lane: int
    """From 1: in which lane of the main track its slices lie."""


class Listener(Protocol):
    """Learns of all slices in order of (track, ts, dur descending)."""

    def slices(self, track: Int64, ts: Int64, end: Int64, ids: Int64) -> None:
        """Take the next slices with their ends (NEVER: none) and ids."""
        ...


def nesting_order(rows: pa.RecordBatch) -> list[Int64]:
    """Keys of the order in which slices nest: longer first, what never closes is the longest."""
    dur = ints(rows["dur"])
    longest_first = np.where(dur < 0, _SMALLEST, -dur)
    return [ints(rows["track_id"]), ints(rows["ts"]), longest_first, ints(rows["ordinal"])]


class Nest:
    """Slices with their place among others.

    Slices come sorted by `nesting_order` and are read twice. The first time finds which tracks
    overflow and the self times of slices that close in a later batch than they begin; the second
    gives the rows, each complete.
    """

    def __init__(self, slices: Sorter, numbers: Numbering, listener: Listener | None) -> None:
        self._slices, self._numbers = slices, numbers
        self.overlapping = 0
        """Slices on overflow tracks."""
        late: list[Int64] = []
        late_self: list[Int64] = []
        lanes: list[Int64] = []
        self._last_track = -1
        nesting = Nesting()
        for rows in slices.sorted(_KEY_COLUMNS):
            track, ids, nested = self._feed(nesting, rows)
            late.append(nested.late_row)
            late_self.append(nested.late_self_dur)
            over = nested.lane > 0
            if over.any():
                self.overlapping += int(over.sum())
                lanes.append(np.unique(_lane_key(track[over], nested.lane[over])))
            self._last_track = max(self._last_track, int(track[-1]))
            if listener is not None:
                listener.slices(track, ints(rows["ts"]), nested.end, ids)
        row, own = nesting.finish()
        self._late, self._late_self = _sorted_pair([*late, row], [*late_self, own])
        # Tracks come one after the other and lanes open one by one: order of need is key order.
        self._lane_keys = np.unique(np.concatenate([np.empty(0, np.int64), *lanes]))
        self._first_overflow = 0

    def _feed(self, nesting: Nesting, rows: pa.RecordBatch) -> tuple[Int64, Int64, Nested]:
        track = ints(rows["track_id"])
        ids = self._numbers.of(ints(rows["ordinal"]))
        return track, ids, nesting.feed(track, ints(rows["ts"]), ints(rows["dur"]), ids)

    def overflow_tracks(self, tracks: int) -> list[Overflow]:
        """Number the overflow tracks, after the `tracks` ids that the importer gave.

        Must be called before `rows`.
        """
        self._first_overflow = max(tracks, self._last_track + 1)
        return [
            Overflow(self._first_overflow + place, key >> _LANE_BITS, key & (1 << _LANE_BITS) - 1)
            for place, key in enumerate(self._lane_keys.tolist())
        ]

    def rows(self, texts: Texts) -> Iterator[tuple[pa.RecordBatch, pa.RecordBatch | None]]:
        """Give the finished slices of main tracks and, apart, those of overflow tracks.

        Main tracks come in the order in which they are stored; overflow tracks are yet to be
        sorted by `stored_order`.
        """
        nesting, row = Nesting(), 0
        for rows in self._slices.sorted():
            track, ids, nested = self._feed(nesting, rows)
            first, last = np.searchsorted(self._late, [row, row + rows.num_rows])
            own = nested.self_dur
            own[self._late[first:last] - row] = self._late_self[first:last]
            row += rows.num_rows
            over = nested.lane > 0
            if over.any():
                keys = _lane_key(track[over], nested.lane[over])
                track = track.copy()
                track[over] = self._first_overflow + np.searchsorted(self._lane_keys, keys)
            finished = _finished(rows, track, ids, nested, texts)
            if not over.any():
                yield finished, None
            else:
                main, rest = np.flatnonzero(~over), np.flatnonzero(over)
                yield finished.take(pa.array(main)), finished.take(pa.array(rest))


def stored_order(rows: pa.RecordBatch) -> list[Int64]:
    """Keys of the order of `slice` in the store."""
    dur = ints(rows["dur"])
    longest_first = np.where(dur < 0, _SMALLEST, -dur)
    return [ints(rows["track_id"]), ints(rows["ts"]), longest_first, ints(rows["id"])]


def _finished(
    rows: pa.RecordBatch, track: Int64, ids: Int64, nested: Nested, texts: Texts
) -> pa.RecordBatch:
    own = nested.self_dur
    columns = {
        "id": pa.array(ids),
        "track_id": pa.array(track),
        "depth": pa.array(nested.depth),
        "parent_id": pa.array(nested.parent, mask=nested.parent < 0),
        "self_dur": pa.array(own, mask=ints(rows["dur"]) < 0),
    }
    for name in ("ts", "dur", "correlation_id", "thread_ts", "thread_dur", *LIFTED_COLUMNS):
        columns[name] = rows[name]
    columns["name_id"] = texts.names.final(rows["name_id"])
    columns["category_id"] = texts.categories.final(rows["category_id"])
    for name in ("args_id", "end_args_id", "extra_id", "end_extra_id"):
        columns[name] = texts.args.final(rows[name])
    return fill(columns, STORED, rows.num_rows)


def _lane_key(track: Int64, lane: NDArray[np.int32]) -> Int64:
    return track << _LANE_BITS | lane.astype(np.int64)


def _sorted_pair(first: list[Int64], second: list[Int64]) -> tuple[Int64, Int64]:
    key, value = np.concatenate(first), np.concatenate(second)
    order = np.argsort(key, kind="stable")
    return key[order], value[order]
