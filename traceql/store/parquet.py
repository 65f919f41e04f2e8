"""Write one table as Parquet: sorted rows in, a file whose bytes depend on the rows alone.

Settings are those measured best on 5 M slices: zstd-1, row groups of 131 072 rows, integers as
DELTA_BINARY_PACKED, ids of dictionaries dictionary-encoded (half the size and twice the speed of
the library's defaults). Rows that number other rows (`slice.id`, `parent_id`) are nearly
ascending, so they are deltas too; so are ids of args, which ascend where args never repeat.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from traceql.model.tables import SCHEMA_VERSION, Table
from traceql.store import durable
from traceql.store.manifest import TableFile

if TYPE_CHECKING:
    import pyarrow as pa

    from traceql.store.row_groups import RowGroups

ROW_GROUP = 131_072
"""Rows of a row group; the last one is shorter."""
TEXTS_OF_GROUP = ROW_GROUP // 4
"""Rows of a row group of a dimension, whose texts are long."""

SORTED_BY_KEY = b"traceql.sorted_by"
"""Metadata key of a file: its order, columns separated by commas."""

_FEW_VALUES = {"track", "process", "thread", "device", "dim_name", "dim_category"}
"""Tables that many rows refer to: their ids repeat, so a dictionary is small."""


class TableWriter:
    """Writes the rows of one table of a trace, however they are cut into batches."""

    def __init__(self, table: Table, path: Path) -> None:
        self._path, self._about = path, _metadata(table)
        self._schema = table.stored_schema
        self._table = table
        self._group_rows = TEXTS_OF_GROUP if table.dimension else ROW_GROUP
        self._pending: list[pa.RecordBatch] = []
        self._count = 0
        self._rows = 0
        self._min_ts: int | None = None
        self._max_end: int | None = None
        self._groups: RowGroups | None = None

    def add(self, rows: pa.RecordBatch) -> None:
        """Take rows of stored shape; texts may be dictionary-encoded.

        Raises:
            ValueError: columns or types differ from the stored schema.
            OSError: the disk refuses.
        """
        _check(rows, self._schema, self._path.stem)
        self._look_at_times(rows)
        self._pending.append(rows)
        self._count += rows.num_rows
        if self._count >= self._group_rows:
            self._write(self._count - self._count % self._group_rows)

    def close(self) -> TableFile:
        """Write what is left, bring it to the disk, and say what the file holds."""
        if self._groups is None:
            self._write_small()
            xxh3 = digest(self._path)
        else:
            if self._count:
                self._write(self._count)
            xxh3 = self._groups.close(self._about)
        durable.sync(self._path)
        return TableFile(
            rows=self._rows,
            bytes=self._path.stat().st_size,
            xxh3=xxh3,
            min_ts=self._min_ts,
            max_end=self._max_end,
        )

    def abandon(self) -> None:
        """Let go of the file, whatever state it is in."""
        self._pending.clear()
        if self._groups is not None:
            with suppress(OSError):  # a full disk: the folder is about to be removed
                self._groups.abandon()

    def _write(self, count: int) -> None:
        """Write the first rows that wait, in row groups."""
        rows = self._pending[0]
        if len(self._pending) > 1:
            rows = self._joined().to_batches()[0]
        if self._groups is None:
            self._groups = self._begin()
        for start in range(0, count, self._group_rows):
            self._groups.write(rows.slice(start, min(self._group_rows, count - start)))
        rest = rows.slice(count)
        self._pending = [rest] if rest.num_rows else []
        self._count = rest.num_rows
        self._rows += count

    def _joined(self) -> pa.Table:
        """Give all rows that wait, in one piece per column, texts as they are."""
        import pyarrow as pa

        parts = []
        for rows in self._pending:
            columns = [
                column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
                for column in rows.columns
            ]
            parts.append(pa.RecordBatch.from_arrays(columns, schema=self._schema))
        return pa.Table.from_batches(parts, self._schema).combine_chunks()

    def _begin(self) -> RowGroups:
        from traceql.store.row_groups import RowGroups

        return RowGroups(
            self._path,
            self._schema,
            repeating=encodings_of(self._table)[0],
            sorted_by=_sorting_columns(self._table, self._schema),
            most_rows=self._group_rows,
        )

    def _write_small(self) -> None:
        """Write all rows by the library: kernels would take longer to load than this."""
        import pyarrow.parquet as pq

        dictionary, encodings = encodings_of(self._table)
        columns = _sorting_columns(self._table, self._schema)
        rows = self._joined()
        writer = pq.ParquetWriter(
            self._path,
            self._schema,
            compression="zstd",
            compression_level=1,
            use_dictionary=dictionary,
            column_encoding=encodings,
            write_statistics=_bounded(rows),
            store_schema=False,
            sorting_columns=[pq.SortingColumn(column) for column in columns] or None,
        )
        with writer:
            # One piece per column: page boundaries must not depend on how rows arrived.
            writer.write_table(rows)
            writer.add_key_value_metadata(self._about)
        self._rows = self._count

    def _look_at_times(self, rows: pa.RecordBatch) -> None:
        if rows.num_rows == 0 or "ts" not in self._schema.names:
            return
        ts = rows.column("ts").to_numpy()
        end = ts
        if "dur" in self._schema.names:
            end = ts + rows.column("dur").to_numpy().clip(min=0)
        first, last = int(ts.min()), int(end.max())
        self._min_ts = first if self._min_ts is None else min(first, self._min_ts)
        self._max_end = last if self._max_end is None else max(last, self._max_end)


def digest(path: Path) -> str:
    """Give the xxh3-128 of a file, 32 hex digits."""
    import xxhash

    with path.open("rb") as file:
        return hashlib.file_digest(file, xxhash.xxh3_128).hexdigest()


def _bounded(rows: pa.Table) -> list[str]:
    """Name the columns whose bounds hold for every value.

    The library leaves NaN out of bounds, and the engine, for which it is above all numbers,
    believes them: `value <= 1` would give it.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    return [
        field.name
        for field, column in zip(rows.schema, rows.columns, strict=True)
        if not (pa.types.is_floating(field.type) and pc.any(pc.is_nan(column)).as_py())
    ]


def encodings_of(table: Table) -> tuple[list[str], dict[str, str]]:
    """Choose the columns with a dictionary, and the encoding of the others.

    Returns:
        (stored names of the columns with a dictionary, stored name to encoding of the rest).
    """
    import pyarrow as pa

    refers = {c.stored_name: _target(c.refers_to, c.dimension) for c in table.columns}
    dictionary: list[str] = []
    encodings: dict[str, str] = {}
    for field in table.stored_schema:
        name, target = field.name, refers.get(field.name)
        if pa.types.is_int64(field.type) or name == "id" or (target and target not in _FEW_VALUES):
            encodings[name] = "DELTA_BINARY_PACKED"
        elif table.dimension and pa.types.is_string(field.type):
            encodings[name] = "PLAIN"  # every text is there once
        elif pa.types.is_boolean(field.type) or pa.types.is_binary(field.type):
            encodings[name] = "PLAIN"
        else:
            dictionary.append(name)
    return dictionary, encodings


def _target(refers_to: str | None, dimension: str | None) -> str | None:
    if dimension:
        return f"dim_{dimension}"
    return refers_to.partition(".")[0] if refers_to else None


def _metadata(table: Table) -> dict[bytes, bytes]:
    return {
        b"traceql.table": table.name.encode(),
        b"traceql.schema_version": SCHEMA_VERSION.encode(),
        SORTED_BY_KEY: ", ".join(table.sorted_by).encode(),
    }


def _sorting_columns(table: Table, schema: pa.Schema) -> list[int]:
    """Declare the order to other readers, up to the first key that Parquet has no word for."""
    columns = []
    for key in table.sorted_by:
        if key not in schema.names:
            break  # `dur desc` has unclosed slices (-1) first
        columns.append(schema.get_field_index(key))
    return columns


def _check(rows: pa.RecordBatch, schema: pa.Schema, name: str) -> None:
    """Raise ValueError unless rows have stored shape, but for dictionaries of texts."""
    import pyarrow as pa

    if rows.schema.equals(schema):
        return
    if rows.schema.names != schema.names:
        raise ValueError(f"{name}: columns are {rows.schema.names}, not {schema.names}")
    for found, field in zip(rows.schema, schema, strict=True):
        kind = found.type.value_type if pa.types.is_dictionary(found.type) else found.type
        if kind != field.type:
            raise ValueError(f"{name}.{field.name}: type is {found.type}, not {field.type}")
