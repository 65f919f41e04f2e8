"""Sorting of rows of numbers within a bounded memory, packed as in `traceql.kernels.packed`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from traceql.assembly import order
from traceql.assembly.columns import Texts, Values
from traceql.assembly.lanes import lanes
from traceql.assembly.scratch import PackedFile
from traceql.kernels import packed
from traceql.kernels.decorator import as_input
from traceql.kernels.order import is_sorted
from traceql.kernels.packed_order import SORT_BYTES, sorted_starts
from traceql.kernels.vector import PADDING

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceql.assembly.order import Memory

    Int32 = NDArray[np.int32]
    Int64 = NDArray[np.int64]
    Bool = NDArray[np.bool_]

RUN_BYTES = 48 << 20
"""A sorter holds no more in memory; its room is reserved at once and touched as it fills."""
_WORD = 4


class Rows(NamedTuple):
    """Packed rows in order; what they stand in may be written over when the next are asked for."""

    words: Int32
    starts: Int64
    depth: int
    names: tuple[str, ...]

    def keys(self) -> Int64:
        """Give the keys, int64 [k, n]."""
        keys = np.empty((self.depth, len(self.starts)), np.int64)
        packed.read_keys(self.words, self.starts, keys)
        return keys

    def copy(self) -> Rows:
        """Give the same rows, for as long as wanted."""
        size = packed.count_words(self.words, self.starts)
        words = np.empty(size + packed.SPARE, np.int32)
        packed.copy_rows(self.words, self.starts, 0, words)
        starts = np.empty(len(self.starts), np.int64)
        packed.find_starts(words, 0, starts)
        return self._replace(words=words, starts=starts)

    def have(self, names: Sequence[str]) -> bool:
        """Say whether every row has exactly these columns."""
        mask = sum(1 << self.names.index(name) for name in names)
        some, common = packed.columns_of(self.words, self.starts, self.depth)
        return mask == common == some

    def columns(self) -> dict[str, Values]:
        """Give the columns in which any row has a value."""
        rows = len(self.starts)
        some, common = packed.columns_of(self.words, self.starts, self.depth)
        numbers = [c for c in range(len(self.names)) if some >> c & 1]
        place = np.zeros(packed.MOST_COLUMNS, np.int64)
        place[numbers] = np.arange(len(numbers))
        values = np.empty((len(numbers), rows), np.int64)
        bits = np.zeros((len(numbers), (rows + 7) // 8), np.uint8)
        packed.unpack(self.words, self.starts, self.depth, place, common, values, bits)
        return {
            self.names[c]: Values(values[at], None if common >> c & 1 else bits[at])
            for at, c in enumerate(numbers)
        }

    def of(self, which: Bool | Int64) -> Rows:
        """Give some of the rows."""
        return self._replace(starts=self.starts[which])

    def texts(self) -> Texts:
        """Give the texts that were packed with the rows."""
        ends = np.empty(len(self.starts) + 1, np.int32)
        none = np.empty(0, np.uint8)
        packed.read_texts(self.words, self.starts, none, ends)
        size = int(ends[-1])
        if not size:
            return Texts(none, ends)
        text = np.empty(size + PADDING, np.uint8)
        packed.read_texts(self.words, self.starts, text, ends)
        return Texts(text[:size], ends)


class RowSorter:
    """Rows of one shape, taken in any order and given back sorted by their keys, as often as asked.

    Rows with equal keys keep their order.
    """

    def __init__(
        self, name: str, depth: int, columns: Sequence[str], memory: Memory, scratch: Path
    ) -> None:
        """Make a sorter of rows with `depth` keys and these columns, which may be missing."""
        if depth + len(columns) > packed.MOST_COLUMNS:
            raise ValueError(f"{name}: more than {packed.MOST_COLUMNS} keys and columns")
        self.rows = 0
        self.held_bytes = 0
        self.sealed = False
        self._name, self._depth, self._names = name, depth, tuple(columns)
        self._numbers = {name: number for number, name in enumerate(columns)}
        self._memory, self._scratch = memory, scratch
        self._words = np.empty(0, np.int32)
        self._end = self._held = 0
        self._starts: Int64 | None = None
        self._file: PackedFile | None = None
        self._last: tuple[int, ...] | None = ()
        """Keys of the last row held, while rows came in order."""
        memory.watch(self)

    def add(
        self, keys: Sequence[Int64], columns: Mapping[str, Values], texts: Texts | None = None
    ) -> None:
        """Take rows; not after rows were asked for.

        Args:
            keys: int64 [n] each, first key first.
            columns: what they have, by name; a column that is not there is missing in all rows.
            texts: a text for each row, or for none of any call.
        """
        count = len(keys[0]) if keys else len(next(iter(columns.values())).values)
        if count == 0:
            return
        ready = self._ready(columns, texts)
        room = packed.most_words(self._depth, count, ready)
        if self._end + room > len(self._words) or self.held_bytes > RUN_BYTES:
            self._make_room(room)
        whole = [as_input(key, np.int64) for key in keys]
        self._end = packed.pack(whole, count, ready, self._words, self._end)
        self._took(whole, count)

    def move(self, keys: Int64, rows: Rows) -> None:
        """Take rows of a sorter with the same columns, under other keys.

        Args:
            keys: int64 [k, n].
            rows: n rows.
        """
        count = keys.shape[1]
        if count == 0:
            return
        room = packed.count_words(rows.words, rows.starts) + 2 * count * self._depth + packed.SPARE
        if self._end + room > len(self._words) or self.held_bytes > RUN_BYTES:
            self._make_room(room)
        self._end = packed.repack(rows.words, rows.starts, rows.depth, keys, self._words, self._end)
        self._took(list(keys), count)

    def _took(self, keys: Sequence[Int64], rows: int) -> None:
        if self._last is not None and keys:
            goes_on = self._last <= tuple(int(key[0]) for key in keys) and is_sorted(*keys)
            self._last = tuple(int(key[-1]) for key in keys) if goes_on else None
        self._held += rows
        self.rows += rows
        self.held_bytes = self._end * _WORD + self._held * SORT_BYTES
        self._memory.check()

    def _ready(self, columns: Mapping[str, Values], texts: Texts | None) -> packed.Columns:
        there = sorted(columns, key=self._numbers.__getitem__)
        values = [np.ascontiguousarray(columns[name].values, np.int64) for name in there]
        bits = [columns[name].bits for name in there]
        numbers = as_input([self._numbers[name] for name in there], np.int64)
        text = as_input((), np.uint8) if texts is None else as_input(texts.text, np.uint8)
        ends = as_input((), np.int64) if texts is None else as_input(texts.ends, np.int64)
        return packed.Columns(numbers, values, bits, text, ends)

    def _make_room(self, words: int) -> None:
        self.spill()
        size = max(words, min(self._memory.limit_bytes, RUN_BYTES) // _WORD)
        if len(self._words) < size:
            self._words = self._memory.room(size)

    def spill(self) -> None:
        """Write what is held in memory to disk in order of the keys."""
        if self._held == 0:
            return
        if self._file is None:
            self._file = PackedFile(self._scratch / f"{self._name}.rows", self._depth)
        if self._last is not None:
            starts = np.empty(self._held, np.int64)
            packed.find_starts(self._words, 0, starts)
            self._file.write_whole(self._words, starts, self._end)
        else:
            self._file.write(self._words, self._sorted_starts())
        self._end = self._held = self.held_bytes = 0
        # The room goes too: what all sorters ever filled is more than what they hold at once.
        self._memory.keep(self._words)
        self._words, self._starts, self._last = np.empty(0, np.int32), None, ()

    def sorted(self, parts: int = 1) -> Iterator[Rows]:
        """Give all rows in order of the keys, BATCH_ROWS / `parts` at a time.

        What is made of fewer rows stays in the cache, and is small beside the batches.
        """
        at_once = max(1, order.BATCH_ROWS // parts)
        self.sealed = True
        if self._file is not None:
            self.spill()
            yield from self._merged(self._file, at_once)
        else:
            yield from self._in_memory(at_once)

    def clear(self) -> None:
        """Forget all rows, in memory and on disk."""
        self._words, self._starts = np.empty(0, np.int32), None
        self.rows = self.held_bytes = self._end = self._held = 0
        self._memory.release(self)
        if self._file is not None:
            self._file.remove()
        self._file = None

    def _in_memory(self, size: int) -> Iterator[Rows]:
        if self._starts is None:
            self._starts = self._sorted_starts()
        for start in range(0, self._held, size):
            yield self._view(self._words, self._starts[start : start + size])

    def _sorted_starts(self) -> Int64:
        starts = np.empty(self._held, np.int64)
        packed.find_starts(self._words, 0, starts)
        if self._last is not None:
            return starts
        return sorted_starts(self._words, starts, self._depth)

    def _view(self, words: Int32, starts: Int64) -> Rows:
        return Rows(words, starts, self._depth, self._names)

    def _merged(self, file: PackedFile, at_once: int) -> Iterator[Rows]:
        room = max(block.size for block in file.blocks) + packed.SPARE
        waiting = [iter(lane) for lane in lanes([block.span for block in file.blocks])]
        words = np.empty((len(waiting), room), np.int32)
        place = np.arange(len(waiting)) * room
        stop, rank = place.copy(), np.zeros(len(waiting), np.int64)
        more = np.ones(len(waiting), np.bool_)
        out = np.empty(at_once * 2 * (1 + self._depth + len(self._names)) + packed.SPARE, np.int32)
        starts = np.zeros(at_once + 2, np.int64)
        while True:
            lane, rows, end = packed.merge(
                words.reshape(-1), place, stop, more, rank, self._depth, out, starts
            )
            starts[-2:] = rows, end
            if lane != packed.OUT_IS_FULL:
                number = next(waiting[lane], None)
                more[lane] = number is not None
                if number is not None:
                    block = file.blocks[number]
                    file.read(block, words[lane])
                    place[lane], rank[lane] = lane * room, number
                    stop[lane] = place[lane] + block.size
            elif rows:
                yield self._view(out, starts[:rows])
                starts[-2:] = 0
            elif (place < stop).any():
                out = np.empty(2 * len(out), np.int32)  # one row with a long text
            else:
                return
