"""Folders of `nsys export --type parquetdir` and `--type arrow`: a file for each table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from traceql.errors import CorruptTrace
from traceql.importers._sqlite import Column

if TYPE_CHECKING:
    from traceql.model.protocols import Source

PARQUET, ARROW, STREAM = b"PAR1", b"ARROW1", b"\xff\xff\xff\xff"
SUFFIXES = (".parquet", ".arrow", ".arrows", ".feather", ".ipc")
DAMAGE = "columnar_file"


class _File(NamedTuple):
    schema: pa.Schema
    batches: Callable[[list[str], int], Iterator[pa.RecordBatch]]
    rows: int


class Folder:
    """The tables of such a folder; a file that cannot be opened is counted as damage."""

    def __init__(self, members: Sequence[Source]) -> None:
        self.damage: list[tuple[str, int, str]] = []
        self._files: dict[str, _File] = {}
        for member in members:
            if member.path.suffix.lower() in SUFFIXES:
                self._open(member)
        if not self._files:
            where = members[0].path.parent if members else Path()
            raise CorruptTrace(where, 0, "no file of the folder can be read as Parquet or Arrow")
        self.tables: Mapping[str, tuple[Column, ...]] = {
            name: tuple(Column(f.name, _declared(f.type)) for f in file.schema)
            for name, file in self._files.items()
        }

    def _open(self, member: Source) -> None:
        path = member.local()
        with path.open("rb") as file:
            start = file.read(8)
        try:
            if start.startswith(PARQUET):
                opened = _parquet(path)
            elif start.startswith(ARROW):
                opened = _arrow(path)
            elif start.startswith(STREAM):
                opened = _stream(path)
            else:
                raise pa.ArrowInvalid("neither Parquet nor Arrow")
        except (pa.ArrowException, OSError) as error:
            self.damage.append((DAMAGE, 0, f"{member.path.name}: {_first_line(error)}"))
            return
        self._files[member.path.stem] = opened

    def count(self, table: str) -> int:
        """Count the rows of a table; 0 if it is not there."""
        return self._files[table].rows if table in self._files else 0

    def rows(
        self,
        table: str,
        columns: Mapping[str, pa.DataType] | Sequence[str],
        *,
        batch_rows: int = 1 << 16,
    ) -> Iterator[pa.RecordBatch]:
        """Give rows in the order of the file; a column that is not there comes as nulls."""
        file = self._files.get(table)
        if file is None or not isinstance(columns, Mapping):
            return
        there = [name for name in columns if name in file.schema.names]
        try:
            for batch in file.batches(there, batch_rows):
                for start in range(0, batch.num_rows, batch_rows):
                    part = batch.slice(start, batch_rows)
                    arrays = [
                        self._typed(part[name], kind, f"{table}.{name}")
                        if name in there
                        else pa.nulls(part.num_rows, kind)
                        for name, kind in columns.items()
                    ]
                    yield pa.RecordBatch.from_arrays(arrays, names=list(columns))
        except (pa.ArrowException, OSError) as error:
            self.damage.append((DAMAGE, 0, f"{table}: {_first_line(error)}"))

    def _typed(self, column: pa.Array, kind: pa.DataType, name: str) -> pa.Array:
        if isinstance(column, pa.DictionaryArray):
            column = column.dictionary_decode()
        if column.type == kind:
            return column
        if column.type == pa.uint64() and kind == pa.int64():
            return column.view(pa.int64())  # as SQLite has it
        try:
            if pa.types.is_boolean(column.type) and kind == pa.int64():
                column = column.cast(pa.int8())
            return pc.cast(column, kind)
        except pa.ArrowInvalid:
            self.damage.append((DAMAGE, 0, f"{name}: not of the column's type"))
            return pa.nulls(len(column), kind)


def _first_line(error: Exception) -> str:
    return str(error).split("\n", 1)[0]


def _declared(kind: pa.DataType) -> str:
    if isinstance(kind, pa.DictionaryType):
        kind = kind.value_type
    if pa.types.is_floating(kind):
        return "REAL"
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return "INTEGER"
    return "BLOB" if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) else "TEXT"


def _parquet(path: Path) -> _File:
    import pyarrow.parquet as pq

    file = pq.ParquetFile(path)

    def batches(columns: list[str], size: int) -> Iterator[pa.RecordBatch]:
        if columns:
            yield from file.iter_batches(size, columns=columns)

    return _File(file.schema_arrow, batches, file.metadata.num_rows)


def _arrow(path: Path) -> _File:
    reader = pa.ipc.open_file(path.open("rb"))
    rows = sum(reader.get_batch(i).num_rows for i in range(reader.num_record_batches))

    def batches(columns: list[str], _size: int) -> Iterator[pa.RecordBatch]:
        for number in range(reader.num_record_batches):
            yield reader.get_batch(number).select(columns)

    return _File(reader.schema, batches, rows)


def _stream(path: Path) -> _File:
    with path.open("rb") as file, pa.ipc.open_stream(file) as reader:
        schema = reader.schema
        rows = sum(batch.num_rows for batch in reader)

    def batches(columns: list[str], _size: int) -> Iterator[pa.RecordBatch]:
        with path.open("rb") as file, pa.ipc.open_stream(file) as again:
            for batch in again:
                yield batch.select(columns)

    return _File(schema, batches, rows)
