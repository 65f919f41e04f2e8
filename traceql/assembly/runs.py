"""Sorting of rows that come nearly in order, column by column, within a bounded memory.

Beside `RowSorter`, for rows that mostly have the same columns: they lie in narrow columns
(`traceql.kernels.blocks`) as they came, and only their keys are merged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from traceql.assembly import order
from traceql.assembly.columns import Values, where
from traceql.assembly.lanes import Span, lanes
from traceql.assembly.scratch import BytesFile
from traceql.kernels import blocks
from traceql.kernels.order import argsort, is_sorted, merge

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from traceql.assembly.order import Memory

    Int64 = NDArray[np.int64]
    Bool = NDArray[np.bool_]
    Bytes = NDArray[np.uint8]

HELD_BYTES = 16 << 20
"""A sorter holds no more in memory: blocks are written about as fast as they are copied."""


FEW_GROUPS, LEAST_RUN = 8, 256
"""Groups of a batch, however small it is; else rows of one group in it, on average."""


class Taken(NamedTuple):
    """Rows in order, column by column."""

    key: Int64
    """Int64 [k, n]."""
    found: Mapping[str, Values]
    """Of their stored types; columns in which no row has a value are left out."""

    def keys(self) -> Int64:
        """Give the keys, int64 [k, n]."""
        return self.key

    def columns(self) -> dict[str, Values]:
        """Give the columns in which any row has a value."""
        return dict(self.found)

    def of(self, which: Bool | Int64) -> Taken:
        """Give some of the rows."""
        columns = {}
        for name, column in self.found.items():
            has = None if column.bits is None else column.has[which]
            values = column.values[which]
            columns[name] = Values(values, None) if has is None else where(values, has)
        return Taken(self.key[:, which], columns)


class _Block(NamedTuple):
    data: Bytes
    """Empty once it is on disk."""
    offset: int
    """In the file, -1 while it is not there."""
    size: int
    rows: int
    shape: blocks.Shape
    span: Span


class RunSorter:
    """Rows of one shape, taken in any order and given back sorted, as often as asked.

    Args:
        name: of the file.
        depth: how many keys rows have. No two rows have the same.
        columns: their names and types, int32 or int64.
        memory: what bounds it.
        scratch: where blocks go that do not fit.
        grouped: each block is of rows with one first key: worth it if few of them alternate.
        block_rows: the most rows of a block; a merge holds one block of each lane.
    """

    def __init__(
        self, name: str, depth: int, columns: Mapping[str, DTypeLike], memory: Memory,
        scratch: Path, *, grouped: bool, block_rows: int = 1 << 16,
    ) -> None:  # fmt: skip
        self.rows = 0
        self.held_bytes = 0
        self.sealed = False
        self._path, self._memory, self._is_grouped = scratch / f"{name}.run", memory, grouped
        self._depth, self._names, self._block_rows = depth, tuple(columns), block_rows
        # Keys, values of columns, and whether these are there.
        self._sizes = np.array(
            [8] * depth + [np.dtype(kind).itemsize for kind in columns.values()]
            + [1] * len(columns)
        )  # fmt: skip
        self._blocks: list[_Block] = []
        self._file: BytesFile | None = None
        memory.watch(self)

    def __len__(self) -> int:
        """How many blocks there are."""
        return len(self._blocks)

    def add(self, keys: Sequence[Int64], columns: Mapping[str, Values]) -> None:
        """Take rows; not after rows were asked for.

        Args:
            keys: int64 [n] each, first key first.
            columns: what they have, int64 or int32.
        """
        count = len(keys[0])
        if count == 0:
            return
        arrays: list[NDArray[Any]] = [*keys]
        slots = list(range(self._depth))
        always = []
        for name, column in columns.items():
            place = self._depth + self._names.index(name)
            arrays.append(column.values)
            slots.append(place)
            if column.bits is None:
                always.append(place + len(self._names))
            else:
                arrays.append(column.has)
                slots.append(place + len(self._names))
        if not is_sorted(*keys):
            ordered = argsort(*keys)
            arrays = [array[ordered] for array in arrays]
        sources = blocks.columns_of([np.ascontiguousarray(array) for array in arrays])
        cuts = [0, count]
        if self._is_grouped and arrays[0][0] != arrays[0][-1]:
            changes = np.flatnonzero(np.diff(arrays[0])) + 1
            if len(changes) <= max(FEW_GROUPS, count // LEAST_RUN):
                cuts[1:1] = changes.tolist()
        most = self._block_rows
        parts = (
            (s, min(s + most, end)) for at, end in pairwise(cuts) for s in range(at, end, most)
        )
        for start, stop in parts:
            data, packed = blocks.pack(sources, start, stop - start)
            ends = (
                tuple(int(key[at]) for key in arrays[: self._depth]) for at in (start, stop - 1)
            )
            self._keep(data, stop - start, self._whole(packed, slots, always), Span(*ends))
        self.rows += count
        if self.held_bytes > HELD_BYTES:
            self.spill()
        self._memory.check()

    def _whole(self, packed: blocks.Shape, slots: list[int], always: list[int]) -> blocks.Shape:
        """Give the shape of a block in all columns; what it lacks is there in no row."""
        least, offsets = np.zeros((2, len(self._sizes)), np.int64)
        widths = np.zeros(len(self._sizes), np.int64)
        widths[: len(self._names) + self._depth] = blocks.ABSENT
        least[always] = 1
        least[slots], widths[slots], offsets[slots] = packed
        return blocks.Shape(least, widths, offsets)

    def _keep(self, data: Bytes, rows: int, shape: blocks.Shape, span: Span) -> None:
        self._blocks.append(_Block(data, -1, len(data), rows, shape, span))
        self.held_bytes += len(data)

    def spill(self) -> None:
        """Write what is held in memory to disk."""
        if self._file is None:
            self._file = BytesFile(self._path)
        none = np.empty(0, np.uint8)
        for number, block in enumerate(self._blocks):
            if block.offset < 0:
                offset = self._file.append(block.data)
                self._blocks[number] = block._replace(data=none, offset=offset)
        self.held_bytes = 0

    def clear(self) -> None:
        """Forget all rows, in memory and on disk."""
        self._blocks = []
        self.rows = self.held_bytes = 0
        self._memory.release(self)
        if self._file is not None:
            self._file.remove()
        self._file = None

    def sorted(self, at_once: int | None = None) -> Iterator[Taken]:
        """Give all rows in order of the keys, `at_once` at a time, None: BATCH_ROWS."""
        self.sealed = True
        if not self._blocks:
            return
        room, places = at_once or order.BATCH_ROWS, self._places()
        merging = _Merging(self, lanes([block.span for block in self._blocks]), room)
        out, rows = self._out(room, places), 0
        while True:
            lane, rows = merging.step(out, rows)
            if lane >= 0:
                continue
            if rows:
                yield self._taken(out, rows)
                out, rows = self._out(room, places), 0
            if lane == blocks.ALL_TAKEN:
                return

    def keys(self, at_once: int | None = None) -> Iterator[Int64]:
        """Give the keys of all rows in order, int64 [k, n], as `sorted` does.

        What is given is written over when the next are asked for.
        """
        self.sealed = True
        if not self._blocks:
            return
        room = at_once or order.BATCH_ROWS
        merging = _Merging(self, lanes([block.span for block in self._blocks]), 0)
        out, rows = np.empty((self._depth, room), np.int64), 0
        while True:
            lane, rows = merging.keys(out, rows)
            if lane >= 0:
                continue
            if rows:
                yield out[:, :rows]
                rows = 0
            if lane == blocks.ALL_TAKEN:
                return

    def _out(self, rows: int, places: Int64) -> blocks.Target:
        counts = {size: int((self._sizes[places >= 0] == size).sum()) for size in (8, 4, 1)}
        return blocks.Target(
            places, self._sizes, np.empty((counts[8], rows), np.int64),
            np.empty((counts[4], rows), np.int32), np.zeros((counts[1], rows), np.uint8),
        )  # fmt: skip

    def _places(self) -> Int64:
        """Say where keys go, and the columns in which any row has a value."""
        first = self._depth + len(self._names)
        there = np.array([block.shape.widths for block in self._blocks]) != blocks.ABSENT
        wanted = there.any(axis=0)
        # Whether values are there must be looked up only where they may be missing.
        least = np.array([block.shape.least[first:] for block in self._blocks])
        always = (least == 1) & (
            np.array([block.shape.widths[first:] for block in self._blocks]) == 0
        )
        wanted[first:] = wanted[self._depth : first] & ~always.all(axis=0)
        places = np.full(len(self._sizes), -1, np.int64)
        for size in (8, 4, 1):
            of_size = np.flatnonzero(wanted & (self._sizes == size))
            places[of_size] = np.arange(len(of_size))
        return places

    def _taken(self, out: blocks.Target, rows: int) -> Taken:
        arrays: dict[int, NDArray[Any]] = {8: out.long, 4: out.word}
        found = {}
        for number, name in enumerate(self._names):
            slot = self._depth + number
            place, flag = out.places[slot], out.places[slot + len(self._names)]
            if place < 0:
                continue
            values = arrays[int(self._sizes[slot])][place, :rows]
            column = Values(values, None)
            if flag >= 0:
                has = out.tiny[flag, :rows].view(np.bool_)
                if not has.any():
                    continue
                column = where(values, has)
            found[name] = column
        return Taken(out.long[: self._depth, :rows], found)

    def data_of(self, number: int, room: Bytes) -> tuple[Bytes, blocks.Shape, int]:
        """Give a block, its shape and its rows; one that is on disk is read to `room`."""
        block = self._blocks[number]
        if block.offset < 0:
            return block.data, block.shape, block.rows
        assert self._file is not None
        data = room[: block.size]
        self._file.read(block.offset, data)
        return data, block.shape, block.rows

    @property
    def room(self) -> tuple[int, int, int]:
        """Keys of a row, most rows of a block, most bytes of a block."""
        rows = max(block.rows for block in self._blocks)
        return self._depth, rows, max(block.size for block in self._blocks)


class _Merging:
    """Lanes of blocks being merged."""

    def __init__(self, sorter: RunSorter, found: Sequence[Sequence[int]], rows: int) -> None:
        depth, most, size = sorter.room
        count = len(found)
        self._sorter, self._waiting = sorter, [iter(lane) for lane in found]
        self._rooms = [np.empty(size, np.uint8) for _ in found]
        self._now: list[tuple[Any, blocks.Shape] | None] = [None] * count
        self._keys = np.empty((count, depth, most), np.int64)
        self._place, self._stop, self._counts = (np.zeros(count, np.int64) for _ in range(3))
        self._more = np.ones(count, np.bool_)
        self._where = np.empty((count, rows), np.int32)
        self._all = np.arange(most, dtype=np.int32)

    def step(self, out: blocks.Target, rows: int) -> tuple[int, int]:
        """Take rows until a lane is used up or `out` is full, as `blocks.merge` tells."""
        lane, rows = blocks.merge(
            self._keys, self._place, self._stop, self._more, self._where, self._counts, rows
        )
        for number, count in enumerate(self._counts.tolist()):
            now = self._now[number]
            if count and now is not None:
                first = int(self._place[number]) - count
                blocks.take(*now, first, self._where[number, :count], out)
        if lane >= 0:
            self._fill(lane)
        return lane, rows

    def keys(self, out: Int64, rows: int) -> tuple[int, int]:
        """Take keys until a lane is used up or `out` is full, as `merge` tells."""
        lane, rows = merge(self._keys, self._place, self._stop, self._more, out, rows)
        if lane >= 0:
            self._fill(lane)
        return lane, rows

    def _fill(self, lane: int) -> None:
        number = next(self._waiting[lane], None)
        self._more[lane] = number is not None
        self._now[lane] = None
        if number is None:
            return
        data, shape, rows = self._sorter.data_of(number, self._rooms[lane])
        self._now[lane] = views, _ = blocks.views(data), shape
        self._place[lane], self._stop[lane] = 0, rows
        keys = np.full(len(shape.least), -1, np.int64)
        depth = self._keys.shape[1]
        keys[:depth] = np.arange(depth)
        sizes = np.full(len(keys), 8)
        none = np.empty((0, 0), np.int32)
        target = blocks.Target(keys, sizes, self._keys[lane], none, none.view(np.uint8))
        blocks.take(views, shape, 0, self._all[:rows], target)
