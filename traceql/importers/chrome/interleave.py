"""Rows of plain events and rows of the slow path, as one batch in the order of the file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from traceql.importers.chrome.rows import COLUMNS, chunk
from traceql.kernels.lift import lift
from traceql.model import tables

if TYPE_CHECKING:
    from numpy.typing import NDArray

_KEYS = [key.encode() for key in tables.table("slice").lifted_args]
_ESCAPE = "\x02"


def interleave(table: str, fast: pa.RecordBatch, rows: list[tuple[Any, ...]]) -> pa.RecordBatch:
    """Put row tuples of COLUMNS among the rows of a batch, by their ordinals.

    Returns:
        A batch as `fast` is: args of spans and edges are templates.
    """
    slow = chunk(table, COLUMNS[table], rows).rows
    columns = dict(zip(slow.schema.names, slow.columns, strict=True))
    if table in {"span", "edge"}:
        columns |= _templates(slow)
    names = fast.schema.names + [name for name in columns if name not in fast.schema.names]
    ordinals = pa.concat_arrays([fast["ordinal"], slow["ordinal"]])
    order = pa.array(np.argsort(ordinals.to_numpy(), kind="stable"))
    arrays = []
    for name in names:
        one = fast[name] if name in fast.schema.names else pa.nulls(fast.num_rows, pa.int64())
        two = columns.get(name)
        two = pa.nulls(slow.num_rows, pa.int64()) if two is None else two
        arrays.append(_joined(one, two).take(order))
    return pa.RecordBatch.from_arrays(arrays, names=names, metadata=fast.schema.metadata)


def _joined(one: pa.Array, two: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(one.type):
        both = pa.chunked_array([one, two.dictionary_encode()])
        return both.unify_dictionaries().combine_chunks()
    return pa.concat_arrays([one, two])


def _templates(rows: pa.RecordBatch) -> dict[str, pa.Array]:
    """Lift the args of slow rows, as assembly does with rows that are not lifted."""
    texts = rows["args"].fill_null("").to_pylist()
    if "is_end" in rows.schema.names:
        ends = rows["is_end"].to_numpy(zero_copy_only=False)
    else:
        ends = np.zeros(rows.num_rows, np.bool_)
    encoded = [b"" if end else text.encode() for text, end in zip(texts, ends, strict=True)]
    offsets = np.cumsum([0, *map(len, encoded)])
    found = lift(np.frombuffer(b"".join(encoded), np.uint8), offsets, _KEYS)
    data, places = found.data.tobytes(), found.offsets.tolist()
    given: list[str | None] = []
    for row, text in enumerate(texts):
        if found.holes[row]:
            given.append(data[places[row] : places[row + 1]].decode())
        else:
            doubtful = "\x01" in text or text.startswith(_ESCAPE)
            given.append(_ESCAPE + text if doubtful else text)
    missing = ~rows["args"].is_valid().to_numpy(zero_copy_only=False)
    return {"args": pa.array(given, pa.string(), mask=missing)} | _lifted(found.holes, found.values)


def _lifted(holes: NDArray[np.int32], values: NDArray[np.int64]) -> dict[str, pa.Array]:
    used = int(np.bitwise_or.reduce(holes, initial=0))
    return {
        tables.lifted_column(k): pa.array(values[k], mask=(holes >> k & 1) == 0)
        for k in range(used.bit_length())
        if used >> k & 1
    }
