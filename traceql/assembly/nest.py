"""Nesting of slices: depth, parent, self time, overflow tracks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from traceql.assembly.batches import Batches, batch_of
from traceql.assembly.columns import Values, values_of, where
from traceql.assembly.either import EitherSorter
from traceql.assembly.encode import LIFTED_COLUMNS, SLICE, Texts
from traceql.assembly.order import Memory, ints
from traceql.kernels.nest import Nesting
from traceql.model import tables

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from traceql.assembly.intern import Dictionary
    from traceql.assembly.number import Numbering
    from traceql.assembly.rows import Rows
    from traceql.assembly.runs import Taken

    Int64 = NDArray[np.int64]

_KEY_COLUMNS = ("track_id", "ts", "dur", "ordinal")
_COLUMNS = tuple(name for name in SLICE.names if name not in _KEY_COLUMNS)
_CARRIED = ("correlation_id", "thread_ts", "thread_dur", *LIFTED_COLUMNS)
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


class Slices:
    """Slices in the order in which they nest: longer first, what never closes is the longest."""

    def __init__(self, memory: Memory, scratch: Path) -> None:
        kinds = {name: SLICE.field(name).type.to_pandas_dtype() for name in _COLUMNS}
        self._sorter = EitherSorter(
            "slice", len(_KEY_COLUMNS), kinds, memory, scratch, grouped=True
        )

    def add(self, rows: pa.RecordBatch) -> None:
        """Take SLICE rows; columns without a value may be missing."""
        track, ts, dur, ordinal = (ints(rows[name]) for name in _KEY_COLUMNS)
        there = [name for name in _COLUMNS if name in rows.schema.names]
        columns = {name: found for name in there if (found := values_of(rows[name], wide=False))}
        self._sorter.add((track, ts, _longest_first(dur), ordinal), columns)

    def sorted(self) -> Iterator[Rows | Taken]:
        """Give all slices; their keys are track, time, a length to be read by `_dur`, ordinal."""
        return self._sorter.sorted()

    def keys(self) -> Iterator[Int64]:
        """Give their keys only."""
        return self._sorter.keys()

    def clear(self) -> None:
        """Forget them."""
        self._sorter.clear()


def _longest_first(dur: Int64) -> Int64:
    longest_first = np.negative(dur)
    if len(dur) and longest_first.max() > 0:
        longest_first[dur < 0] = _SMALLEST
    return longest_first


def _dur(longest_first: Int64) -> Int64:
    # The smallest number is its own negative.
    dur = np.negative(longest_first)
    return np.maximum(dur, -1, out=dur)


class Nest:
    """Slices with their place among others.

    Slices are read twice. The first time finds which tracks
    overflow and the self times of slices that close in a later batch than they begin; the second
    gives the rows, each complete.
    """

    def __init__(self, slices: Slices, numbers: Numbering, listener: Listener | None) -> None:
        self._slices, self._numbers = slices, numbers
        self.overlapping = 0
        """Slices on overflow tracks."""
        late: list[Int64] = []
        late_self: list[Int64] = []
        lanes: list[Int64] = []
        self._last_track = -1
        nesting = Nesting()
        for keys in slices.keys():  # noqa: SIM118  (of a sorter)
            track, ts, longest_first, ordinal = keys
            # Nobody asks for parents yet.
            ids = ordinal if listener is None else numbers.of(ordinal)
            nested = nesting.feed(track, ts, _dur(longest_first), ids)
            late.append(nested.late_row)
            late_self.append(nested.late_self_dur)
            over = nested.lane > 0
            if over.any():
                self.overlapping += int(over.sum())
                lanes.append(np.unique(_lane_key(track[over], nested.lane[over])))
            self._last_track = max(self._last_track, int(track[-1]))
            if listener is not None:
                listener.slices(track, ts, nested.end, ids)
        row, own = nesting.finish()
        self._late, self._late_self = _sorted_pair([*late, row], [*late_self, own])
        # Tracks come one after the other and lanes open one by one: order of need is key order.
        self._lane_keys = np.unique(np.concatenate([np.empty(0, np.int64), *lanes]))
        self._first_overflow = 0

    def overflow_tracks(self, tracks: int) -> list[Overflow]:
        """Number the overflow tracks, after the `tracks` ids that the importer gave.

        Must be called before `rows`.
        """
        self._first_overflow = max(tracks, self._last_track + 1)
        return [
            Overflow(self._first_overflow + place, key >> _LANE_BITS, key & (1 << _LANE_BITS) - 1)
            for place, key in enumerate(self._lane_keys.tolist())
        ]

    def rows(self, texts: Texts) -> Iterator[tuple[bool, pa.RecordBatch]]:
        """Give the finished slices: whether they are of main tracks, and their rows.

        Main tracks come in the order in which they are stored, in whole batches; those of
        overflow tracks, in between, are yet to be sorted by `stored_order`.
        """
        main = Batches(STORED)
        nesting, row = Nesting(), 0
        for rows in self._slices.sorted():
            track, ts, longest_first, ordinal = rows.keys()
            ids, dur = self._numbers.of(ordinal), _dur(longest_first)
            nested = nesting.feed(track, ts, dur, ids)
            first, last = np.searchsorted(self._late, [row, row + len(ts)])
            own = nested.self_dur
            own[self._late[first:last] - row] = self._late_self[first:last]
            row += len(ts)
            over = nested.lane > 0
            if over.any():
                keys = _lane_key(track[over], nested.lane[over])
                track[over] = self._first_overflow + np.searchsorted(self._lane_keys, keys)
            depth: NDArray[Any] = nested.depth
            known = _Known(ids, ts, dur, track, depth, nested.parent, own)
            if over.any():
                columns = _columns(rows.of(over), known.of(over), texts)
                yield False, batch_of(STORED, columns, int(over.sum()))
                known = known.of(~over)
            columns = _columns(rows.of(~over) if over.any() else rows, known, texts)
            yield from ((True, batch) for batch in main.add(columns, len(known.ts)))
        yield from ((True, batch) for batch in main.rest())


class _Known(NamedTuple):
    """What slices get by their place among others; depth may be narrower."""

    id: Int64
    ts: Int64
    dur: Int64
    track_id: Int64
    depth: Int64
    parent: Int64
    self_dur: Int64

    def of(self, which: NDArray[np.bool_]) -> _Known:
        return _Known(*(column[which] for column in self))


def stored_order(rows: pa.RecordBatch) -> list[Int64]:
    """Keys of the order of `slice` in the store."""
    dur = ints(rows["dur"])
    longest_first = np.where(dur < 0, _SMALLEST, -dur)
    return [ints(rows["track_id"]), ints(rows["ts"]), longest_first, ints(rows["id"])]


def _columns(rows: Rows | Taken, known: _Known, texts: Texts) -> dict[str, Values | None]:
    there = rows.columns()
    columns: dict[str, Values | None] = {
        "id": Values(known.id, None),
        "ts": Values(known.ts, None),
        "dur": Values(known.dur, None),
        "track_id": Values(known.track_id, None),
        "depth": Values(known.depth, None),
        "parent_id": where(known.parent, known.parent >= 0),
        "self_dur": _of_closed(known),
        "name_id": _final(texts.names, there.get("name_id")),
        "category_id": _final(texts.categories, there.get("category_id")),
    }
    for name in _CARRIED:
        columns[name] = there.get(name)
    for name in ("args_id", "end_args_id", "extra_id", "end_extra_id"):
        columns[name] = _final(texts.args, there.get(name))
    return columns


def _of_closed(known: _Known) -> Values:
    if len(known.dur) and known.dur.min() >= 0:
        return Values(known.self_dur, None)
    return where(known.self_dur, known.dur >= 0)


def _final(texts: Dictionary, column: Values | None) -> Values | None:
    return column and Values(texts.final_numbers(column.values), column.bits)


def _lane_key(track: Int64, lane: NDArray[np.int32]) -> Int64:
    return track << _LANE_BITS | lane.astype(np.int64)


def _sorted_pair(first: list[Int64], second: list[Int64]) -> tuple[Int64, Int64]:
    key, value = np.concatenate(first), np.concatenate(second)
    order = np.argsort(key, kind="stable")
    return key[order], value[order]
