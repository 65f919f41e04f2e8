"""Rows on disk while a trace is assembled: Arrow files in a directory that the caller removes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa

from traceql.errors import StoreFull


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
