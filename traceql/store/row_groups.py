"""A Parquet file of row groups that kernels encode; for tables that fill at least one.

The footer is as the library writes it: any reader of Parquet reads the file.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import xxhash

from traceql.store.columns import (
    BYTE_ARRAY,
    UNCOMPRESSED,
    ColumnChunk,
    ColumnEncoder,
    physical_type,
)
from traceql.store.thrift import I16, I32, Struct, Value, struct

if TYPE_CHECKING:
    import pyarrow as pa

_MAGIC = b"PAR1"
_VERSION = 2
_REQUIRED, _OPTIONAL = 0, 1
_UTF8 = 0
_STRING = struct({1: struct({})})
_ORDER_OF_TYPES = struct({1: struct({})})
_WORTH_PACKING_SHARE = 0.9
_LEFT_PLAIN = 7
"""So many row groups of a column stay as they are after one that packing made no smaller."""


class RowGroups:
    """Writes row groups to a file, and what they are at its end."""

    def __init__(
        self,
        path: Path,
        schema: pa.Schema,
        *,
        repeating: Collection[str],
        sorted_by: Sequence[int],
        most_rows: int,
    ) -> None:
        """Open a file.

        Args:
            path: the file; what is there is written over.
            schema: of types that stored tables have.
            repeating: names of columns that get a dictionary.
            sorted_by: which columns rows ascend by, nulls last.
            most_rows: of a row group.
        """
        self._schema = schema
        self._repeating = frozenset(repeating)
        self._sorting = [
            struct({1: I32(column), 2: False, 3: False}) for column in sorted_by
        ] or None
        self._encoder = ColumnEncoder(most_rows)
        self._groups: list[Struct] = []
        self._left_plain = [0] * len(schema)
        self._rows = 0
        self._file = path.open("wb")
        self._digest = xxhash.xxh3_128()
        self._at = 0
        self._put(_MAGIC)

    def write(self, rows: pa.RecordBatch) -> None:
        """Write a row group.

        Raises:
            OSError: the disk refuses.
        """
        start, columns, plain_bytes = self._at, [], 0
        for number, field in enumerate(self._schema):
            chunk = self._encode(number, rows.column(number), field)
            columns.append(struct({2: self._at, 3: self._about(chunk, field.name, len(rows))}))
            self._put(chunk.pages)
            plain_bytes += chunk.plain_bytes
        self._groups.append(
            struct({
                1: columns, 2: plain_bytes, 3: len(rows), 4: self._sorting,
                5: start, 6: self._at - start, 7: I16(len(self._groups)),
            })
        )  # fmt: skip
        self._rows += len(rows)

    def _encode(self, number: int, column: pa.Array, field: pa.Field) -> ColumnChunk:
        plain = self._left_plain[number]
        repeats = field.name in self._repeating
        chunk = self._encoder.encode(
            column, repeats=repeats, optional=field.nullable, compress=not plain
        )
        if plain:
            self._left_plain[number] -= 1
        elif chunk.codec != UNCOMPRESSED:
            is_worth_it = len(chunk.pages) < _WORTH_PACKING_SHARE * chunk.plain_bytes
            self._left_plain[number] = 0 if is_worth_it else _LEFT_PLAIN
        return chunk

    def close(self, about: Mapping[bytes, bytes]) -> str:
        """Write the footer, with texts about the file, and close it.

        Returns:
            The xxh3-128 of the file, 32 hex digits.

        Raises:
            OSError: the disk refuses.
        """
        root = struct({4: "schema", 5: I32(len(self._schema))})
        footer = struct({
            1: I32(_VERSION),
            2: [root, *(_element(field) for field in self._schema)],
            3: self._rows,
            4: self._groups,
            5: [struct({1: key, 2: value}) for key, value in about.items()],
            6: "traceql",
            7: [_ORDER_OF_TYPES] * len(self._schema),
        }).written  # fmt: skip
        self._put(footer + len(footer).to_bytes(4, "little") + _MAGIC)
        self._file.close()
        return self._digest.hexdigest()

    def abandon(self) -> None:
        """Close the file as it is.

        Raises:
            OSError: the disk refuses.
        """
        self._file.close()

    def _put(self, content: bytes) -> None:
        self._file.write(content)
        self._digest.update(content)
        self._at += len(content)

    def _about(self, chunk: ColumnChunk, name: str, rows: int) -> Struct:
        with_dictionary = chunk.dictionary_bytes > 0
        return struct({
            1: I32(chunk.kind),
            2: [I32(encoding) for encoding in chunk.encodings],
            3: [name],
            4: I32(chunk.codec),
            5: rows,
            6: chunk.plain_bytes,
            7: len(chunk.pages),
            9: self._at + chunk.dictionary_bytes,
            11: self._at if with_dictionary else None,
            12: chunk.statistics,
        })  # fmt: skip


def _element(field: pa.Field) -> Struct:
    kind = physical_type(field.type)
    is_text = kind == BYTE_ARRAY and str(field.type) == "string"
    fields: dict[int, Value | None] = {
        1: I32(kind),
        3: I32(_OPTIONAL if field.nullable else _REQUIRED),
        4: field.name,
        6: I32(_UTF8) if is_text else None,
        10: _STRING if is_text else None,
    }
    return struct(fields)
