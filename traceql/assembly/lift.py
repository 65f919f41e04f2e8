"""Lifting of hot integers out of args texts, column by column."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from traceql.kernels.lift import MARK
from traceql.kernels.lift import lift as lift_bytes
from traceql.kernels.unescape import ESCAPE as ESCAPE_MARK
from traceql.kernels.unescape import unescape as unescape_bytes
from traceql.model.lean_arrow import nulls

HOLE = chr(MARK)
ESCAPE = chr(ESCAPE_MARK)
"""Stands before a text without holes that could be taken for one with holes."""


def lift(args: pa.Array, keys: Sequence[str]) -> tuple[pa.Array, list[pa.Array]]:
    """Replace the integers of hot keys by holes (rules: `traceql.kernels.lift`).

    Args:
        args: texts, plain or dictionary-encoded.
        keys: the hot keys; hole number i is key i.

    Returns:
        The texts, with holes, or escaped so that none looks as if it had holes (`escape`); and one
        int64 column per key, null where nothing was lifted.
    """
    if isinstance(args, pa.DictionaryArray):
        texts, columns = lift(args.dictionary, keys)
        codes = args.indices
        return (
            pa.DictionaryArray.from_arrays(codes, texts),
            [column.take(codes) for column in columns],
        )
    if args.null_count == len(args):
        return args, [nulls(len(args), pa.int64()) for _ in keys]
    data, offsets = _bytes(args)
    found = lift_bytes(data, offsets, [key.encode() for key in keys])
    valid = args.is_valid().to_numpy(zero_copy_only=False)
    texts = pa.StringArray.from_buffers(
        len(args),
        pa.py_buffer(found.offsets.astype(np.int32)),
        pa.py_buffer(found.data),
        pa.py_buffer(np.packbits(valid, bitorder="little")),
    )
    columns = []
    for number in range(len(keys)):
        empty = (found.holes >> number & 1) == 0
        columns.append(
            nulls(len(args), pa.int64())
            if empty.all()
            else pa.array(found.values[number], mask=empty)
        )
    return _escape(texts, found.holes == 0), columns


def escape(texts: pa.Array) -> pa.Array:
    """Escape texts without holes; texts may be dictionary-encoded."""
    if isinstance(texts, pa.DictionaryArray):
        return pa.DictionaryArray.from_arrays(texts.indices, escape(texts.dictionary))
    return _escape(texts, np.ones(len(texts), np.bool_))


def unescape(texts: pa.Array, keys: int) -> tuple[pa.Array, pa.Array]:
    """Give the texts as `dim_args` holds them, and their holes.

    Args:
        texts: what `lift` and `escape` gave.
        keys: number of hot keys.

    Returns:
        Texts, and int32 bit sets of holes.
    """
    data, offsets = _bytes(texts)
    found, holes = unescape_bytes(data, offsets, keys)
    valid = None
    if texts.null_count:
        valid = pa.py_buffer(
            np.packbits(texts.is_valid().to_numpy(zero_copy_only=False), bitorder="little")
        )
    buffers = [valid, pa.py_buffer(found.ends), pa.py_buffer(found.data)]
    return pa.Array.from_buffers(pa.string(), len(texts), buffers), pa.array(holes)


def _escape(texts: pa.Array, complete: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> pa.Array:
    doubtful = pc.or_(pc.match_substring(texts, HOLE), pc.starts_with(texts, ESCAPE))
    doubtful = pc.and_(pc.fill_null(doubtful, fill_value=False), pa.array(complete))
    if not pc.any(doubtful).as_py():
        return texts
    return pc.if_else(doubtful, pc.binary_join_element_wise(ESCAPE, texts, ""), texts)


def _bytes(texts: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Give the bytes and offsets of a text column, without copying; null rows are empty."""
    wide = pa.types.is_large_string(texts.type)
    _, places, data = texts.buffers()
    offsets = np.frombuffer(places, np.int64 if wide else np.int32)
    offsets = offsets[texts.offset : texts.offset + len(texts) + 1].astype(np.int64)
    content = np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8)
    return content, offsets
