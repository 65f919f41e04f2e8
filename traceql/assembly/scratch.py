"""Rows on disk while a trace is assembled: Arrow files in a directory that the caller removes."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np
import pyarrow as pa

from traceql.errors import StoreError, StoreFull
from traceql.kernels import packed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Int32 = NDArray[np.int32]
    Int64 = NDArray[np.int64]


def give_back() -> None:
    """Give memory that was freed back to the system, which allocators put off.

    Worth its few milliseconds where a phase ends whose memory the next one does not need.
    """
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


_BLOCK_WORDS = 1 << 17
"""Most words of a block of packed rows, but for a longer row."""


class PackedWriter:
    """Writes packed rows (`traceql.kernels.packed`) in blocks; a full disk is StoreFull."""

    block_rows = 4 * 1024
    """Rows of a block; a merge holds one block of each run."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._sizes: list[int] = []
        self._block = np.empty(0, np.int32)
        try:
            self._file = path.open("wb", buffering=0)
        except OSError as error:
            raise StoreFull(path, None, None) from error

    def write(self, words: Int32, starts: Int64) -> None:
        """Append the rows that begin at `starts`, in that order, as a block or a few."""
        if len(self._block) == 0:
            self._block = np.empty(_BLOCK_WORDS, np.int32)
        row = 0
        while row < len(starts):
            row, size = packed.copy_rows(words, starts, row, self._block)
            if size == 0:  # one row with a long text
                longest = packed.count_words(words, starts[row : row + 1])
                self._block = np.empty(longest + packed.SPARE, np.int32)
            else:
                self._append(size)

    def _append(self, size: int) -> None:
        self._sizes.append(size)
        left = memoryview(self._block[:size].view(np.uint8).data)
        try:
            while left:
                left = left[self._file.write(left) or 0 :]
        except OSError as error:
            raise StoreFull(self._path, None, None) from error

    def close(self) -> PackedRun:
        """End the file."""
        try:
            self._file.close()
        except OSError as error:
            raise StoreFull(self._path, None, None) from error
        return PackedRun(self._path, tuple(self._sizes))


class PackedRun(NamedTuple):
    """Such a file."""

    path: Path
    sizes: tuple[int, ...]
    """Words of each block."""

    def blocks(self, room: Int32) -> Iterator[int]:
        """Read one block after the other to the front of `room`; give how many words it has."""
        with self.path.open("rb", buffering=0) as file:
            for size in self.sizes:
                left = memoryview(room[:size].view(np.uint8).data)
                while left:
                    read = file.readinto(left)
                    if not read:
                        raise StoreError(f"{self.path} was cut short.")
                    left = left[read:]
                yield size


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
