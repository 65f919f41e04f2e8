"""Columns of numbers and texts between Arrow and packed rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from traceql.model.lean_arrow import nulls

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Int64 = NDArray[np.int64]
    Bool = NDArray[np.bool_]
    Bytes = NDArray[np.uint8]


class Values(NamedTuple):
    """A column as numbers."""

    values: Int64
    """Int64 [n], or of its stored type on its way out; anything where there is no value."""
    bits: Bytes | None
    """Uint8 [(n + 7) // 8], a bit for each value as in Arrow; None: all are there."""

    @property
    def has(self) -> Bool:
        """Bool [n]: where there is a value."""
        if self.bits is None:
            return np.ones(len(self.values), np.bool_)
        return np.unpackbits(self.bits, count=len(self.values), bitorder="little").view(np.bool_)

    def filled(self, missing: int) -> Int64:
        """Give the values, and `missing` where there is none."""
        return self.values if self.bits is None else np.where(self.has, self.values, missing)

    def of(self, rows: Bool) -> Values:
        """Give the column of some rows."""
        if rows.all():
            return self
        values = self.values[rows]
        return Values(values, None) if self.bits is None else where(values, self.has[rows])


class Texts(NamedTuple):
    """A column of texts without nulls."""

    text: Bytes
    """All texts, one after the other."""
    ends: NDArray[np.int32]
    """Int32 [n + 1]: where each ends, after a leading 0."""


def where(values: Int64, has: Bool) -> Values:
    """Give a column of values, those that it has."""
    bits = None if has.all() else np.packbits(has, bitorder="little")
    return Values(values, bits)


def values_of(column: pa.Array, *, wide: bool = True) -> Values | None:
    """Read an integer, boolean or floating-point column; None: it has no value at all.

    Floating-point values become the integers of the same bits; with `wide`, all become int64.
    """
    count = len(column)
    if column.null_count == count:
        return None
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    bits = None
    if column.null_count:
        valid = np.frombuffer(column.buffers()[0], np.uint8)
        whole = np.unpackbits(valid, count=column.offset + count, bitorder="little")
        bits = np.packbits(whole[column.offset :], bitorder="little")
    kind = (
        np.dtype(np.int64) if pa.types.is_floating(column.type) else column.type.to_pandas_dtype()
    )
    values = np.frombuffer(column.buffers()[1], kind)[column.offset : column.offset + count]
    return Values(values.astype(np.int64, copy=False) if wide else values, bits)


def array_of(column: Values | None, kind: pa.DataType, rows: int) -> pa.Array:
    """Give an Arrow array of a column of numbers; None: of nulls."""
    if column is None:
        return nulls(rows, kind)
    values = column.values
    if not pa.types.is_floating(kind):
        values = values.astype(kind.to_pandas_dtype(), copy=False)
    valid = None if column.bits is None else pa.py_buffer(column.bits)
    return pa.Array.from_buffers(kind, rows, [valid, pa.py_buffer(np.ascontiguousarray(values))])


def texts_of(column: pa.Array) -> Texts:
    """Read a column of strings, plain or dictionary-encoded; a null becomes an empty text."""
    plain = column.cast(pa.string())
    if plain.null_count:
        plain = pc.fill_null(plain, "")
    ends = np.frombuffer(plain.buffers()[1], np.int32)[plain.offset : plain.offset + len(plain) + 1]
    data = plain.buffers()[2]
    text = np.frombuffer(data, np.uint8) if data is not None else np.empty(0, np.uint8)
    return Texts(text, ends)


def text_array(texts: Texts, has: Bool) -> pa.Array:
    """Give an Arrow array of texts, null where one is not there."""
    bits = None if has.all() else pa.py_buffer(np.packbits(has, bitorder="little"))
    buffers = [bits, pa.py_buffer(texts.ends), pa.py_buffer(texts.text)]
    return pa.Array.from_buffers(pa.string(), len(has), buffers)


class Labels:
    """Texts of a column of few different ones, as numbers from 0 by first appearance."""

    def __init__(self, known: Sequence[str] = ()) -> None:
        """Number texts; those that are `known` come first."""
        self._numbers = {text: number for number, text in enumerate(known)}

    def encode(self, column: pa.Array) -> Values | None:
        """Give the number of each text; None: all are null."""
        if column.null_count == len(column):
            return None
        encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
        texts = encoded.dictionary.to_pylist()
        numbers = [self._numbers.setdefault(text, len(self._numbers)) for text in texts]
        codes = values_of(encoded.indices)
        if codes is None:
            return None
        places = codes.filled(0)
        return Values(np.array(numbers, np.int64)[places], codes.bits)

    def decode(self, numbers: Values | None, rows: int) -> pa.Array:
        """Give the texts of numbers."""
        if numbers is None:
            return nulls(rows, pa.string())
        return self.coded(numbers, rows).dictionary_decode()

    def coded(self, numbers: Values | None, rows: int) -> pa.Array:
        """Give the texts of numbers as a dictionary column; plain nulls if there are none."""
        if numbers is None:
            return nulls(rows, pa.string())
        texts = pa.array(list(self._numbers), pa.string())
        return pa.DictionaryArray.from_arrays(array_of(numbers, pa.int32(), rows), texts)
