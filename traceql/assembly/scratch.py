"""Rows on disk while a trace is assembled: Arrow files in a directory that the caller removes."""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np
import pyarrow as pa

from traceql.assembly.lanes import Span
from traceql.errors import StoreError, StoreFull
from traceql.kernels import packed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Int32 = NDArray[np.int32]
    Int64 = NDArray[np.int64]


def give_back() -> None:
    """Give memory that nobody needs back to the system, which is put off otherwise.

    Readers with parts that know each other stay until the collector comes by; allocators keep what
    was freed. Worth its time, up to 0.3 s in a process of many objects, where a phase of a large
    trace ends whose memory the next does not need.
    """
    gc.collect()
    pa.default_memory_pool().release_unused()
    if sys.platform.startswith("linux"):
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # of glibc
        if trim is not None:
            trim(0)


class RunWriter:
    """Writes one Arrow file; a full disk is StoreFull."""

    block_rows = 16 * 1024
    """Rows of a block; a merge holds one block of each run."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._path = path
        try:
            self._file = pa.OSFile(str(path), "wb")
            options = pa.ipc.IpcWriteOptions(compression="lz4")
            self._writer = pa.ipc.new_file(self._file, schema, options=options)
        except OSError as error:
            raise StoreFull(path, None, None) from error

    def write(self, rows: pa.RecordBatch) -> None:
        """Append rows."""
        try:
            self._writer.write_batch(rows)
        except OSError as error:
            raise StoreFull(self._path, None, None) from error

    def close(self) -> None:
        """End the file."""
        try:
            self._writer.close()
            self._file.close()
        except OSError as error:
            raise StoreFull(self._path, None, None) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Run:
    """Reads such a file block by block, never as a whole."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def blocks(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Give its blocks, with these columns only."""
        with pa.OSFile(str(self._path), "rb") as file:
            names = pa.ipc.open_file(file).schema.names
            wanted = [i for i, name in enumerate(names) if columns is None or name in columns]
            options = pa.ipc.IpcReadOptions(included_fields=wanted)
            reader = pa.ipc.open_file(file, options=options)
            for block in range(reader.num_record_batches):
                yield reader.get_batch(block)


_BLOCK_WORDS = 1 << 15
"""Most words of a block of packed rows, but for a longer row."""


class Block(NamedTuple):
    """A block of such a file."""

    offset: int
    """Bytes before it."""
    size: int
    """Its words."""
    span: Span


class PackedFile:
    """Packed rows (`traceql.kernels.packed`) in blocks; a full disk is StoreFull."""

    block_rows = 8 * 1024
    """Rows of a block; a merge holds one block of each lane."""

    def __init__(self, path: Path, depth: int) -> None:
        """Make a file of rows with `depth` keys."""
        self._path, self._depth = path, depth
        self.blocks: list[Block] = []
        self._places: list[tuple[int, int]] = []
        """Offset and words of blocks that were written just now."""
        self._end = 0
        try:
            self._file = path.open("w+b", buffering=0)
        except OSError as error:
            raise StoreFull(path, None, None) from error

    def write(self, words: Int32, starts: Int64) -> None:
        """Append rows that begin at `starts`, in that order."""
        block, row, cuts = np.empty(_BLOCK_WORDS, np.int32), 0, [0]
        while row < len(starts):
            stop = min(cuts[-1] + self.block_rows, len(starts))
            row, size = packed.copy_rows(words, starts[:stop], row, block)
            if size == 0:  # one row with a long text
                longest = packed.count_words(words, starts[row : row + 1])
                block = np.empty(longest + packed.SPARE, np.int32)
            else:
                self._append(block[:size])
                cuts.append(row)
        self._name(words, starts, cuts)

    def write_whole(self, words: Int32, starts: Int64, end: int) -> None:
        """Append rows that lie one after the other in their order, up to `end`."""
        cuts = [0]
        while (row := cuts[-1]) < len(starts):
            fits = int(np.searchsorted(starts, starts[row] + _BLOCK_WORDS))
            after = min(max(fits, row + 1), row + self.block_rows, len(starts))
            self._append(words[starts[row] : starts[after] if after < len(starts) else end])
            cuts.append(after)
        self._name(words, starts, cuts)

    def _name(self, words: Int32, starts: Int64, cuts: list[int]) -> None:
        """Note the keys of the first and last rows of the blocks just written."""
        bounds = np.array([cuts[:-1], cuts[1:]], np.int64)
        bounds[1] -= 1
        keys = np.empty((self._depth, bounds.size), np.int64)
        packed.read_keys(words, starts[bounds.ravel()], keys)
        rows = list(map(tuple, keys.T.tolist()))
        count = len(cuts) - 1
        spans = map(Span, rows[:count], rows[count:])
        self.blocks += [
            Block(*place, span) for place, span in zip(self._places, spans, strict=True)
        ]
        self._places = []

    def _append(self, words: Int32) -> None:
        self._places.append((self._end, len(words)))
        left = memoryview(words.view(np.uint8).data)
        self._end += len(left)
        try:
            while left:
                left = left[self._file.write(left) or 0 :]
        except OSError as error:
            raise StoreFull(self._path, None, None) from error

    def read(self, block: Block, room: Int32) -> None:
        """Read a block to the front of `room`."""
        left = memoryview(room[: block.size].view(np.uint8).data)
        self._file.seek(block.offset)
        while left:
            read = self._file.readinto(left)
            if not read:
                raise StoreError(f"{self._path} was cut short.")
            left = left[read:]

    def remove(self) -> None:
        """Forget all rows."""
        self._file.close()
        self._path.unlink(missing_ok=True)


class BytesFile:
    """Blocks of bytes, written once and read in any order; a full disk is StoreFull."""

    def __init__(self, path: Path) -> None:
        self._path, self._end = path, 0
        try:
            self._file = path.open("w+b", buffering=0)
        except OSError as error:
            raise StoreFull(path, None, None) from error

    def append(self, data: NDArray[np.uint8]) -> int:
        """Write a block; give where it begins."""
        begin, left = self._end, memoryview(data.data)
        self._end += len(left)
        try:
            while left:
                left = left[self._file.write(left) or 0 :]
        except OSError as error:
            raise StoreFull(self._path, None, None) from error
        return begin

    def read(self, offset: int, room: NDArray[np.uint8]) -> None:
        """Read what begins at `offset` to `room`, all of it."""
        left = memoryview(room.data)
        self._file.seek(offset)
        while left:
            read = self._file.readinto(left)
            if not read:
                raise StoreError(f"{self._path} was cut short.")
            left = left[read:]

    def remove(self) -> None:
        """Forget all blocks."""
        self._file.close()
        self._path.unlink(missing_ok=True)


def slim(rows: pa.RecordBatch) -> pa.RecordBatch:
    """Give columns of nulls only the type null, which takes no room."""
    if not any(column.null_count == len(column) for column in rows.columns):
        return rows
    columns = [
        pa.nulls(len(column)) if column.null_count == len(column) else column
        for column in rows.columns
    ]
    return pa.RecordBatch.from_arrays(columns, names=rows.schema.names)


def widen(rows: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Undo `slim`."""
    if rows.schema.equals(schema):
        return rows
    columns = [
        pa.nulls(len(column), field.type) if pa.types.is_null(column.type) else column
        for column, field in zip(rows.columns, schema, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)
