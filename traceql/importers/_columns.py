"""Columns of batches: their distinct values and combinations, without a loop over rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Int64 = NDArray[np.int64]
    Bool = NDArray[np.bool_]
    Coded = tuple[Int64 | None, pa.Array]


_MOST_CODES = 1 << 62
_MANY_ROWS = 1 << 15
"""For fewer it does not pay to load a kernel."""
_NEAR = 1 << 14
"""Numbers that lie closer together are looked up by their place."""


class Distinct(NamedTuple):
    """The distinct rows of some columns."""

    codes: Int64
    """Int64 [n], which of the keys each row is."""
    keys: list[tuple[Any, ...]]
    """By first appearance; None is a value."""


def coded(column: pa.Array) -> Coded:
    """Give the code of each row and the values of the codes; a null is a value.

    Returns:
        int64 [n], or None where all rows have the same value; the values.
    """
    if len(column) == 0:
        return None, column
    if isinstance(column, pa.DictionaryArray):
        codes, indices = coded(column.indices)
        return codes, column.dictionary.take(indices)  # of equal texts each counts apart
    if column.null_count == len(column):
        return None, column.slice(0, 1)
    if not column.null_count and pa.types.is_integer(column.type):
        found = _close_together(column)
        if found is not None:
            return found
    encoded = column.dictionary_encode(null_encoding="encode")
    if len(encoded.dictionary) == 1:
        return None, encoded.dictionary
    return encoded.indices.to_numpy().astype(np.int64), encoded.dictionary


def _close_together(column: pa.Array) -> Coded | None:
    """Give the codes of integers of which all are there, where they are one, or many and near."""
    bounds = pc.min_max(column)
    least, most = bounds["min"].as_py(), bounds["max"].as_py()
    if least == most:
        return None, column.slice(0, 1)
    if len(column) < _MANY_ROWS or most - least >= _NEAR:
        return None
    from traceql.kernels.codes import codes_of

    codes, first = codes_of(column.to_numpy(), least, most)
    return codes, column.take(pa.array(first))


def distinct(columns: Sequence[pa.Array], rows: int) -> Distinct:
    """Find the distinct combinations of the values of columns.

    Args:
        columns: each of `rows` values.
        rows: how many.
    """
    return combined([coded(column) for column in columns], rows)


def combined(columns: Sequence[Coded], rows: int) -> Distinct:
    """Find the distinct combinations of columns that `coded` was asked for.

    Args:
        columns: codes and values, each of `rows` values.
        rows: how many.
    """
    if rows == 0:
        return Distinct(np.zeros(0, np.int64), [])
    whole: Int64 | None = None
    size, places = 1, _Places()
    for codes, values in columns:
        if codes is None:
            places.add_constant()
        elif whole is None:  # codes of one column follow first appearance already
            whole, size = codes, len(values)
            places.add(size)
        else:
            if size * len(values) > _MOST_CODES:
                whole, used = _compact(whole, size)
                places.settle(used)
                size = len(used)
            whole, size = whole * len(values) + codes, size * len(values)
            places.add(len(values))
    if places.sizes[1:]:
        whole, used = _compact(cast("Int64", whole), size)
        places.settle(used)
    else:
        places.settle(np.arange(size))
    found = [
        [texts[0]] * places.rows if place is None else [texts[at] for at in place.tolist()]
        for texts, place in zip(
            (values.to_pylist() for _, values in columns), places.found, strict=True
        )
    ]
    keys = list(zip(*found, strict=True)) if found else [()]
    return Distinct(np.zeros(rows, np.int64) if whole is None else whole, keys)


class _Places:
    """Which value of each column a combination has, from codes of combinations."""

    def __init__(self) -> None:
        self.found: list[Int64 | None] = []
        """By column: int64 [rows]; None for a column of one value, and until it is settled."""
        self.sizes: list[tuple[int, int]] = []
        """Columns that codes are made of, and how many values each has; -1: those settled."""
        self.rows = 1

    def add_constant(self) -> None:
        self.found.append(None)

    def add(self, size: int) -> None:
        self.sizes.append((len(self.found), size))
        self.found.append(None)

    def settle(self, used: Int64) -> None:
        """Take the codes of combinations apart; from now on each has the code of its place."""
        rest = used
        for column, size in reversed(self.sizes[1:]):
            rest, self.found[column] = np.divmod(rest, size)
        if self.sizes and self.sizes[0][0] >= 0:
            self.found[self.sizes[0][0]] = rest
        elif self.sizes:
            settled = [place for place, _ in self.sizes[1:]]
            for column, place in enumerate(self.found):
                if place is not None and column not in settled:
                    self.found[column] = place[rest]
        self.sizes, self.rows = [(-1, len(used))], len(used)


def _compact(codes: Int64, size: int) -> tuple[Int64, Int64]:
    """Number the codes that are used, all below `size`; give these numbers, and the codes."""
    if size <= _NEAR and len(codes) >= _MANY_ROWS:
        from traceql.kernels.codes import codes_of

        numbers, first = codes_of(codes, 0, size - 1)
        return numbers, codes.take(first)
    encoded = pa.array(codes).dictionary_encode()
    return encoded.indices.to_numpy().astype(np.int64), encoded.dictionary.to_numpy()


def mapped(columns: Sequence[pa.Array], rows: int, number: Callable[..., int]) -> Int64:
    """Give `number(*values)` for each row, called once for each distinct combination.

    Returns:
        int64 [rows].
    """
    found = distinct(columns, rows)
    return np.array([number(*key) for key in found.keys], np.int64).take(found.codes)


def filled(column: pa.Array, missing: int = 0) -> Int64:
    """Give an integer column as numpy, `missing` where it is null."""
    if column.null_count:
        column = column.fill_null(missing)
    values: Int64 = column.to_numpy(zero_copy_only=False).astype(np.int64, copy=False)
    return values


def valid(column: pa.Array) -> Bool:
    """Tell which rows have a value."""
    if not column.null_count:
        return np.ones(len(column), np.bool_)
    return np.asarray(column.is_valid().to_numpy(zero_copy_only=False))


def where(values: Int64, has: Bool, kind: pa.DataType | None = None) -> pa.Array:
    """Make an Arrow array of the values that are there."""
    kind = kind or pa.int64()
    if has.all():
        return pa.array(values.astype(kind.to_pandas_dtype(), copy=False))
    return pa.array(values.astype(kind.to_pandas_dtype(), copy=False), mask=~has)


def picked(texts: pa.Array, codes: Int64, *, missing: int = -1) -> pa.Array:
    """Give texts by their number as a dictionary column, null where the number is `missing`.

    The same `texts` in every batch lets a reader know them by their place.
    """
    none = codes == missing
    indices = pa.array(codes.astype(np.int32), mask=none if none.any() else None)
    return pa.DictionaryArray.from_arrays(indices, texts)


def spelled(texts: Sequence[str | None], codes: Int64) -> pa.Array:
    """Give texts by their number as a dictionary column, null where the text is None."""
    if None in texts:
        there = np.array([text is not None for text in texts])
        numbers = np.where(there, np.cumsum(there) - 1, -1)
        codes, texts = numbers[codes], [text for text in texts if text is not None]
    return picked(pa.array(texts, pa.string()), codes)


def filtered(columns: Mapping[str, pa.Array], which: Bool) -> dict[str, pa.Array]:
    """Give the rows of a mask."""
    mask = pa.array(which)
    return {name: column.filter(mask) for name, column in columns.items()}


def same_place(one: pa.Array, other: pa.Array) -> bool:
    """Tell whether two arrays are the same memory; of one array, Arrow makes ever new objects."""
    if len(one) != len(other) or one.offset != other.offset or one.type != other.type:
        return False
    return all(
        (a and a.address) == (b and b.address)
        for a, b in zip(one.buffers(), other.buffers(), strict=True)
    )


class Leaves(NamedTuple):
    """The leaf frame of each call chain."""

    chains: Int64
    """Int64 [n], ascending."""
    frames: Int64
    """Int64 [n]."""

    def of(self, chains: Int64) -> Int64:
        """Give the frames of chains; -1 where there is none."""
        if not len(self.chains):
            return np.full(len(chains), -1, np.int64)
        place = np.minimum(np.searchsorted(self.chains, chains), len(self.chains) - 1)
        return np.where(self.chains[place] == chains, self.frames[place], -1)


class Growing:
    """Texts by number; the Arrow array of them stays the same object until one is added."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._array = pa.array([], pa.string())

    def __len__(self) -> int:
        return len(self._numbers)

    def number(self, text: str) -> int:
        """Give the number of a text, a new one if it is new."""
        return self._numbers.setdefault(text, len(self._numbers))

    @property
    def array(self) -> pa.Array:
        """All texts."""
        if len(self._array) != len(self._numbers):
            self._array = pa.array(list(self._numbers), pa.string())
        return self._array
