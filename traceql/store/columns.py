"""Encode columns of a row group as chunks of a Parquet file: one page, perhaps a dictionary.

The library writes any column well; ours are integers, often without any value, whose encoding
decides how fast an ingest is. The format is https://parquet.apache.org/docs/file-format.
"""

from __future__ import annotations

import math
import struct as packing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from traceql.kernels import encodings
from traceql.store.thrift import I32, Struct, Value, struct, varint

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

PLAIN, RLE, DELTA_BINARY_PACKED, RLE_DICTIONARY = 0, 3, 5, 8
UNCOMPRESSED, ZSTD = 0, 6
BOOLEAN, INT32, INT64, DOUBLE, BYTE_ARRAY = 0, 1, 2, 5, 6
_DATA_PAGE, _DICTIONARY_PAGE = 0, 2

_WORTH_PACKING_BYTES = 64
"""From here on a page is compressed."""
_LONGEST_BOUND_BYTES = 256
"""Longer texts are no use as statistics."""
_ROWS_PER_VALUE = 4
"""A dictionary pays where each of its values stands in so many rows."""
_LARGEST_DICTIONARY_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class ColumnChunk:
    """A column of a row group, ready to be written."""

    kind: int
    """Parquet's physical type."""
    pages: bytes
    dictionary_bytes: int
    """Of the pages, what is before the data page; 0: there is no dictionary."""
    plain_bytes: int
    """What the pages would take uncompressed."""
    encodings: tuple[int, ...]
    codec: int
    statistics: Struct


_Bounds: TypeAlias = tuple[bytes, bytes]


class _Body(NamedTuple):
    """Values of a data page."""

    encoding: int
    end: int
    """Where in the place to encode to they end."""
    dictionary: bytes
    entries: int
    """Of the dictionary."""
    bounds: _Bounds | None
    """Least and greatest, as PLAIN; None: not known, or of no use."""


def physical_type(kind: pa.DataType) -> int:
    """Give Parquet's type for an Arrow type that a stored table may have."""
    types = {"bool": BOOLEAN, "int32": INT32, "int64": INT64, "double": DOUBLE}
    return types.get(str(kind), BYTE_ARRAY)


class ColumnEncoder:
    """Encodes columns one after the other, in memory that it keeps."""

    def __init__(self, most_rows: int) -> None:
        """Make room for columns of so many rows."""
        import zstandard

        self._compress = zstandard.ZstdCompressor(level=1).compress
        self._values = np.empty(most_rows, np.int64)
        self._numbers = np.empty(most_rows + 8, np.int64)
        few = most_rows // _ROWS_PER_VALUE
        self._found = np.empty(few, np.int64)
        self._slots = np.zeros(1 << (2 * few).bit_length(), np.int64)
        self._block = np.empty(encodings.BLOCK, np.int64)
        self._bounds = np.empty(2, np.int64)
        self._out = np.empty(encodings.delta_room(most_rows) + most_rows, np.uint8)
        self._of_nulls: dict[tuple[int, int], ColumnChunk] = {}

    def encode(
        self, column: pa.Array, *, repeats: bool, optional: bool, compress: bool
    ) -> ColumnChunk:
        """Encode a column.

        Args:
            column: of a type that stored tables have; texts may be dictionary-encoded.
            repeats: whether its values are worth a dictionary.
            optional: whether the schema lets values be missing.
            compress: whether pages are worth it.

        Raises:
            ValueError: a value is missing that the schema asks for.
        """
        import pyarrow as pa

        encoded = pa.types.is_dictionary(column.type)
        kind = physical_type(column.type.value_type if encoded else column.type)
        rows = len(column)
        if optional and column.null_count == rows:
            return self._nulls(kind, rows)
        if column.null_count and not optional:
            raise ValueError(f"{column.null_count} values are missing")
        start = self._put_levels(column) if optional else 0
        if kind == BOOLEAN:
            body = self._flags(column, start)
        elif kind == BYTE_ARRAY:
            labels = self._labels(column, start) if repeats else None
            body = self._texts(column, start) if labels is None else labels
        else:
            body = self._numeric(column, kind, start, repeats=repeats)
        return self._chunk(kind, rows, column.null_count, body, compress=compress)

    def _nulls(self, kind: int, rows: int) -> ColumnChunk:
        """Give a column without any value, which looks the same every time."""
        chunk = self._of_nulls.get((kind, rows))
        if chunk is None:
            end = self._put(_levels(varint(rows << 1) + b"\0"))
            chunk = self._chunk(kind, rows, rows, _Body(PLAIN, end, b"", 0, None), compress=False)
            self._of_nulls[kind, rows] = chunk
        return chunk

    def _put_levels(self, column: pa.Array) -> int:
        """Write which values are there: the bits of Arrow are one packed run of Parquet's."""
        if not column.null_count:
            return self._put(_levels(varint(len(column) << 1) + b"\1"))
        bits = np.packbits(_bits(column, 0), bitorder="little")
        return self._put(_levels(varint(len(bits) << 1 | 1) + bits.tobytes()))

    def _put(self, content: bytes, at: int = 0) -> int:
        end = at + len(content)
        self._make_room(end)
        self._out[at:end] = np.frombuffer(content, np.uint8)
        return end

    def _make_room(self, size: int) -> None:
        if size > len(self._out):
            grown = np.empty(size, np.uint8)
            grown[: len(self._out)] = self._out
            self._out = grown

    def _numeric(self, column: pa.Array, kind: int, start: int, *, repeats: bool) -> _Body:
        count = self._gather(column, 4 if kind == INT32 else 8)
        letter = "<i4" if kind == INT32 else "<i8"
        bounds = _bounds_of_integers(self._bounds, letter)
        if kind == DOUBLE:
            bounds = _bounds_of_doubles(self._values[:count].view(np.float64))
        if repeats and (known := self._number(count, len(column))):
            found = self._found[:known].astype(letter).tobytes()
            return _Body(
                RLE_DICTIONARY, self._put_numbers(count, known, start), found, known, bounds
            )
        if kind == DOUBLE:
            end = self._put(self._values[:count].tobytes(), start)
            return _Body(PLAIN, end, b"", 0, bounds)
        bits = 32 if kind == INT32 else 64
        end = encodings.delta(self._values, count, bits, self._block, self._out, start)
        return _Body(DELTA_BINARY_PACKED, end, b"", 0, bounds)

    def _gather(self, column: pa.Array, item_bytes: int) -> int:
        valid, values = column.buffers()
        return encodings.present(
            values.address + column.offset * item_bytes, item_bytes,
            valid.address if column.null_count else 0, column.offset,
            len(column), self._values, self._bounds,
        )  # fmt: skip

    def _number(self, count: int, rows: int) -> int:
        """Number what was gathered; give how many different values there are, 0: too many."""
        self._slots[:] = 0
        found = self._found[: rows // _ROWS_PER_VALUE + 1]
        known = encodings.distinct(self._values, count, self._slots, self._numbers, found)
        return 0 if known == encodings.TOO_MANY else known

    def _put_numbers(self, count: int, known: int, start: int) -> int:
        width = max(1, (known - 1).bit_length())
        self._make_room(start + encodings.run_room(count, width))
        self._out[start] = width
        return encodings.runs(self._numbers, count, width, self._out, start + 1)

    def _flags(self, column: pa.Array, start: int) -> _Body:
        flags = _bits(column, 1)
        if column.null_count:
            flags = flags[_bits(column, 0).view(np.bool_)]
        end = self._put(np.packbits(flags, bitorder="little").tobytes(), start)
        return _Body(PLAIN, end, b"", 0, (flags.min().tobytes(), flags.max().tobytes()))

    def _labels(self, column: pa.Array, start: int) -> _Body | None:
        """Encode texts that repeat; None: they do not."""
        import pyarrow as pa

        encoded = _with_distinct_labels(column)
        indices = encoded.indices.cast(pa.int32())
        count = self._gather(indices, 4)
        known = self._number(count, len(column))
        if not known:
            return None
        found = encoded.dictionary.take(pa.array(self._found[:known])).cast(pa.binary()).to_pylist()
        dictionary = b"".join(len(text).to_bytes(4, "little") + text for text in found)
        if len(dictionary) > _LARGEST_DICTIONARY_BYTES:
            return None
        end = self._put_numbers(count, known, start)
        return _Body(
            RLE_DICTIONARY, end, dictionary, known, _bounds_of_texts(min(found), max(found))
        )

    def _texts(self, column: pa.Array, start: int) -> _Body:
        import pyarrow as pa
        import pyarrow.compute as pc

        plain = column.cast(pa.binary())
        valid, ends, text = plain.buffers()
        places = np.frombuffer(ends, np.int32)[plain.offset : plain.offset + len(plain) + 1]
        size = int(places[-1] - places[0])
        self._make_room(start + size + 4 * len(plain) + encodings.SPARE)
        end = encodings.texts(
            ends.address + 4 * plain.offset, text.address if text is not None else 0,
            valid.address if plain.null_count else 0, plain.offset, len(plain), self._out, start,
        )  # fmt: skip
        bounds = pc.min_max(plain).as_py()
        return _Body(PLAIN, end, b"", 0, _bounds_of_texts(bounds["min"], bounds["max"]))

    def _chunk(
        self, kind: int, rows: int, missing: int, body: _Body, *, compress: bool
    ) -> ColumnChunk:
        content = self._out[: body.end].data
        packed = compress and max(body.end, len(body.dictionary)) >= _WORTH_PACKING_BYTES
        pack = self._compress if packed else bytes
        about = struct({1: I32(rows), 2: I32(body.encoding), 3: I32(RLE), 4: I32(RLE)})
        data = _page(_DATA_PAGE, content, pack(content), {5: about})
        dictionary = _Page(b"", 0)
        if body.entries:
            about = struct({1: I32(body.entries), 2: I32(PLAIN)})
            texts = body.dictionary
            dictionary = _page(_DICTIONARY_PAGE, texts, pack(texts), {7: about})
        least, greatest = body.bounds or (None, None)
        return ColumnChunk(
            kind=kind,
            pages=dictionary.written + data.written,
            dictionary_bytes=len(dictionary.written),
            plain_bytes=dictionary.plain_bytes + data.plain_bytes,
            encodings=(RLE, PLAIN, body.encoding) if body.entries else (RLE, body.encoding),
            codec=ZSTD if packed else UNCOMPRESSED,
            statistics=struct({3: missing, 5: greatest, 6: least}),
        )


class _Page(NamedTuple):
    written: bytes
    plain_bytes: int


def _page(
    kind: int, content: bytes | memoryview, packed: bytes, about: Mapping[int, Value]
) -> _Page:
    sizes = {1: I32(kind), 2: I32(len(content)), 3: I32(len(packed))}
    header = struct({**sizes, **about}).written
    return _Page(header + packed, len(header) + len(content))


def _levels(runs: bytes) -> bytes:
    return packing.pack("<I", len(runs)) + runs


def _bits(column: pa.Array, buffer: int) -> NDArray[np.uint8]:
    """Give the bits of a buffer of a column, 0 or 1 each: where values are, or booleans."""
    bits = np.frombuffer(column.buffers()[buffer], np.uint8)
    return np.unpackbits(bits, count=column.offset + len(column), bitorder="little")[
        column.offset :
    ]


def _with_distinct_labels(column: pa.Array) -> pa.DictionaryArray:
    """Give texts as numbers of labels, of which no two are the same."""
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        labels = column.dictionary
        if labels.null_count == 0 and len(labels.unique()) == len(labels):
            return column
        column = column.dictionary_decode()
    return column.dictionary_encode()


def _bounds_of_integers(bounds: NDArray[np.int64], letter: str) -> _Bounds | None:
    least, greatest = bounds.astype(letter)
    return least.tobytes(), greatest.tobytes()


def _bounds_of_doubles(values: NDArray[np.float64]) -> _Bounds | None:
    """Give none where one is no number; a zero may be of either sign, says the format."""
    least, greatest = float(values.min()), float(values.max())
    if math.isnan(least):
        return None
    return packing.pack("<d", least or -0.0), packing.pack("<d", greatest or 0.0)


def _bounds_of_texts(least: bytes, greatest: bytes) -> _Bounds | None:
    return None if max(len(least), len(greatest)) > _LONGEST_BOUND_BYTES else (least, greatest)
