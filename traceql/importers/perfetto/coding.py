"""Values of many events, numbered by first appearance, without a loop over them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Int64 = NDArray[np.int64]
    Bool = NDArray[np.bool_]


class Unusual(Exception):
    """Something that only reading one by one gets right."""


class Coded(NamedTuple):
    """Values of events: the number of each, and the first event of each number."""

    codes: Int64
    first: Int64


def coded(values: Int64) -> Coded:
    """Number the distinct values by first appearance."""
    encoded = pa.array(values).dictionary_encode()
    codes = encoded.indices.to_numpy().astype(np.int64)
    first = np.empty(len(encoded.dictionary), np.int64)
    first[codes[::-1]] = np.arange(len(codes) - 1, -1, -1)
    return Coded(codes, first)


def mixed(*columns: Int64) -> Int64:
    """Number the distinct combinations of columns; the first are small numbers."""
    whole = columns[0]
    for column in columns[1:]:
        if len(column) and column.min() == column.max():
            continue
        both = coded(column)
        whole = coded(whole).codes * len(both.first) + both.codes
    return whole


def dictionary(codes: Int64, texts: list[Any]) -> pa.DictionaryArray:
    """Give texts by their number."""
    return pa.DictionaryArray.from_arrays(
        pa.array(codes.astype(np.int32)), pa.array(texts, pa.string())
    )


def among(texts: pa.DictionaryArray, wanted: frozenset[str]) -> Bool:
    """Tell which rows have one of the texts."""
    known = np.array([text in wanted for text in texts.dictionary.to_pylist()], np.bool_)
    found: Bool = known[texts.indices.to_numpy(zero_copy_only=False)]
    return found
