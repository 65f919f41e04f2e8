"""Cells as Python gives them, as Arrow arrays of the type that is asked for.

What SQLite stores in a cell is free of the column's type. The rules, for both ways of reading:

- int64: integers; reals that are whole; texts that are whole numerals.
- float64: reals; integers; texts that are numerals.
- string: texts; blobs read as texts; numbers as written. What is not UTF-8 is replaced.
- binary: blobs; the bytes of texts, numbers as written.

Anything else becomes null. Nulls so made, and texts with replacements, are counted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import pyarrow as pa

Cell = int | float | bytes | None

NOT_CONVERTIBLE = "sqlite_type"
NOT_UTF8 = "sqlite_text"

_WHOLE = re.compile(rb"\s*[+-]?[0-9]+\s*\Z")
_NUMERAL = re.compile(rb"\s*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\s*\Z")
_LIMIT = 1 << 63


class Converted(NamedTuple):
    """A value as asked for, and the code of the damage that it took, empty if none."""

    value: int | float | str | bytes | None
    damage: str


def to_int(cell: Cell) -> Converted:
    """Give a whole number that fits in int64."""
    if cell is None:
        return Converted(None, "")
    value = None
    if isinstance(cell, int):
        value = cell
    elif isinstance(cell, float):
        value = int(cell) if cell.is_integer() else None
    elif len(cell) <= 64 and _WHOLE.match(cell):
        value = int(cell)
    if value is None or not -_LIMIT <= value < _LIMIT:
        return Converted(None, NOT_CONVERTIBLE)
    return Converted(value, "")


def to_float(cell: Cell) -> Converted:
    """Give a real number; an integer beyond 2^53 is rounded."""
    if cell is None:
        return Converted(None, "")
    if isinstance(cell, int | float):
        return Converted(float(cell), "")
    return Converted(float(cell), "") if _NUMERAL.match(cell) else Converted(None, NOT_CONVERTIBLE)


def to_text(cell: Cell) -> Converted:
    """Give a text."""
    if cell is None:
        return Converted(None, "")
    if not isinstance(cell, bytes):
        return Converted(str(cell), "")
    try:
        return Converted(cell.decode(), "")
    except UnicodeDecodeError:
        return Converted(cell.decode(errors="replace"), NOT_UTF8)


def to_bytes(cell: Cell) -> Converted:
    """Give bytes."""
    if cell is None or isinstance(cell, bytes):
        return Converted(cell, "")
    return Converted(str(cell).encode(), "")


class Kind(NamedTuple):
    """How cells become values of one Arrow type."""

    convert: Callable[[Cell], Converted]
    taken_as_they_are: frozenset[type]


_NONE = type(None)
KINDS = {
    "int64": Kind(to_int, frozenset({int, _NONE})),
    "double": Kind(to_float, frozenset({float, _NONE})),
    "string": Kind(to_text, frozenset({bytes, _NONE})),
    "binary": Kind(to_bytes, frozenset({bytes, _NONE})),
}


def kind_of(dtype: pa.DataType) -> str:
    """Give the key in KINDS of an Arrow type, of a dictionary that of its values.

    Raises:
        TypeError: cells cannot be had as that type.
    """
    import pyarrow as pa

    name = str(dtype.value_type if pa.types.is_dictionary(dtype) else dtype)
    if name not in KINDS:
        raise TypeError(f"SQLite cells cannot be read as {dtype}")
    return name


def to_array(
    cells: Sequence[Cell], dtype: pa.DataType, report: Callable[[str, int], None]
) -> pa.Array:
    """Give cells as an array.

    Args:
        cells: values as the sqlite3 module gives them, texts as bytes.
        dtype: int64, float64, string, binary, or a dictionary of them.
        report: called with a code and how many cells took that damage.
    """
    import pyarrow as pa

    name = kind_of(dtype)
    kind = KINDS[name]
    plain = pa.type_for_alias(name)
    array = None
    if kind.taken_as_they_are.issuperset(map(type, cells)):
        try:
            array = pa.array(cells, plain)
        except pa.ArrowInvalid:
            array = None  # a text that is not UTF-8
    if array is None:
        converted = [kind.convert(cell) for cell in cells]
        for code in (NOT_CONVERTIBLE, NOT_UTF8):
            if count := sum(c.damage == code for c in converted):
                report(code, count)
        array = pa.array([c.value for c in converted], plain)
    return as_asked(array, dtype)


def as_asked(array: pa.Array, dtype: pa.DataType) -> pa.Array:
    """Give an array of plain values as `dtype`, which may be a dictionary of them."""
    return array if array.type == dtype else array.dictionary_encode().cast(dtype)
