"""Sorting of rows that are keys only, within a bounded memory: columns of integers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import numpy as np

from traceql.assembly.lanes import Span, lanes
from traceql.errors import StoreError, StoreFull
from traceql.kernels.order import ALL_TAKEN, is_sorted, merge, sorted_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceql.assembly.order import Memory

    Int64 = NDArray[np.int64]

MOST_ROWS = 1 << 19
"""Rows held in memory; their room is reserved at once and touched as it fills."""
BLOCK_ROWS = 32 * 1024
"""Rows of a block on disk, and of what is given at a time."""
_SORT_BYTES = 28
"""What sorting takes for each row."""
_NARROW = 1 << 32


class _Column(NamedTuple):
    """A key of a block: the least value, and how many bytes the rest of each takes: 0, 4 or 8."""

    least: int
    width: int


class _Block(NamedTuple):
    offset: int
    rows: int
    columns: tuple[_Column, ...]
    span: Span


class KeySorter:
    """Rows of some keys, taken in any order and given back sorted, as often as asked.

    Rows that come in order are never sorted, and take few bytes on disk.
    """

    def __init__(self, name: str, depth: int, memory: Memory, scratch: Path) -> None:
        """Make a sorter of rows of `depth` keys, at least one."""
        self.rows = 0
        self.held_bytes = 0
        self.sealed = False
        self._path, self._depth, self._memory = scratch / f"{name}.keys", depth, memory
        self._keys = np.empty((depth, 0), np.int64)
        self._held = 0
        self._ascends = True
        self._file: _File | None = None
        memory.watch(self)

    def add(self, keys: Sequence[Int64]) -> None:
        """Take rows, int64 [n] for each key, first key first; not after rows were asked for."""
        count = len(keys[0])
        for start in range(0, count, MOST_ROWS):
            self._add([key[start : start + MOST_ROWS] for key in keys])
        self.rows += count

    def _add(self, keys: Sequence[Int64]) -> None:
        count = len(keys[0])
        if self._held + count > MOST_ROWS:
            self.spill()
        if self._keys.shape[1] == 0:
            # Untouched pages take no memory.
            self._keys = np.empty((self._depth, MOST_ROWS), np.int64)
        place = slice(self._held, self._held + count)
        for column, key in zip(self._keys, keys, strict=True):
            column[place] = key
        if self._ascends:
            self._ascends = is_sorted(*self._keys[:, max(0, self._held - 1) : place.stop])
        self._held += count
        self.held_bytes = self._held * (8 * self._depth + _SORT_BYTES)
        self._memory.check()

    def spill(self) -> None:
        """Write what is held in memory to disk in order."""
        if self._held == 0:
            return
        if self._file is None:
            self._file = _File(self._path)
        keys = self._sorted()
        for start in range(0, self._held, BLOCK_ROWS):
            self._file.write(keys[:, start : start + BLOCK_ROWS])
        self._forget()

    def sorted(self) -> Iterator[Int64]:
        """Give all rows in order, int64 [k, n], BLOCK_ROWS at a time.

        What is given may be written over when the next rows are asked for.
        """
        self.sealed = True
        if self._file is not None:
            self.spill()
            yield from self._file.merged(self._depth)
            return
        self._keys = self._sorted()
        self._ascends = True
        for start in range(0, self._held, BLOCK_ROWS):
            yield self._keys[:, start : min(start + BLOCK_ROWS, self._held)]

    def clear(self) -> None:
        """Forget all rows, in memory and on disk."""
        self._forget()
        self.rows = 0
        self._memory.release(self)
        if self._file is not None:
            self._file.remove()
        self._file = None

    def _forget(self) -> None:
        self._keys = np.empty((self._depth, 0), np.int64)
        self._held = self.held_bytes = 0
        self._ascends = True

    def _sorted(self) -> Int64:
        keys = self._keys[:, : self._held]
        return keys if self._ascends else sorted_rows(keys)


class _File:
    """Blocks of such rows on disk; a full disk is StoreFull."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._blocks: list[_Block] = []
        self._end = 0
        try:
            self._file: BinaryIO = path.open("w+b", buffering=0)
        except OSError as error:
            raise StoreFull(path, None, None) from error

    def write(self, keys: Int64) -> None:
        """Append a block, in order."""
        columns, parts = [], []
        for key in keys:
            least = int(key.min())
            rest = int(key.max()) - least
            width = 0 if rest == 0 else 4 if rest < _NARROW else 8
            columns.append(_Column(least, width))
            if width == 8:
                parts.append(key.tobytes())
            elif width:
                parts.append((key - least).astype(np.uint32).tobytes())
        span = Span(tuple(keys[:, 0].tolist()), tuple(keys[:, -1].tolist()))
        self._blocks.append(_Block(self._end, keys.shape[1], tuple(columns), span))
        left = memoryview(b"".join(parts))
        self._end += len(left)
        try:
            while left:
                left = left[self._file.write(left) or 0 :]
        except OSError as error:
            raise StoreFull(self._path, None, None) from error

    def _read(self, block: _Block, keys: Int64) -> None:
        size = block.rows * sum(column.width for column in block.columns)
        self._file.seek(block.offset)
        data = b""
        while len(data) < size:
            more = self._file.read(size - len(data))
            if not more:
                raise StoreError(f"{self._path} was cut short.")
            data += more
        at = 0
        for key, (least, width) in zip(keys, block.columns, strict=True):
            if width == 8:
                key[: block.rows] = np.frombuffer(data, np.int64, block.rows, at)
            elif width:
                rest = np.frombuffer(data, np.uint32, block.rows, at)
                np.add(rest, least, out=key[: block.rows], dtype=np.int64)
            else:
                key[: block.rows] = least
            at += block.rows * width

    def merged(self, depth: int) -> Iterator[Int64]:
        """Give all rows in order."""
        waiting = [iter(lane) for lane in lanes([block.span for block in self._blocks])]
        keys = np.empty((len(waiting), depth, BLOCK_ROWS), np.int64)
        place, stop = (np.zeros(len(waiting), np.int64) for _ in range(2))
        more = np.ones(len(waiting), np.bool_)
        out, rows = np.empty((depth, BLOCK_ROWS), np.int64), 0
        while True:
            lane, rows = merge(keys, place, stop, more, out, rows)
            if lane >= 0:
                number = next(waiting[lane], None)
                more[lane] = number is not None
                if number is not None:
                    self._read(self._blocks[number], keys[lane])
                    place[lane], stop[lane] = 0, self._blocks[number].rows
                continue
            if rows:
                yield out[:, :rows]
                rows = 0
            if lane == ALL_TAKEN:
                return

    def remove(self) -> None:
        """Forget all rows."""
        self._file.close()
        self._path.unlink(missing_ok=True)
