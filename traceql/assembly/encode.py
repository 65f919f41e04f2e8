"""Staging rows with their texts interned: what is sorted is numbers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from traceql.assembly.intern import Column, Dictionary
from traceql.assembly.lift import escape, lift, unescape
from traceql.assembly.order import ints
from traceql.model import tables
from traceql.model.lean_arrow import nulls

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_ARGS = 1 << 17
_MOST_ARGS_CHARS = 64 << 20
"""Beyond this many texts or characters in a column, args hardly repeat: they go to disk."""

LIFTED = tables.table("slice").lifted_args
LIFTED_COLUMNS = tuple(tables.lifted_column(i) for i in range(len(LIFTED)))
_LIFTED_FIELDS = [(name, pa.int64()) for name in LIFTED_COLUMNS]

_EVENT_FIELDS = [
    ("ordinal", pa.int64()),
    ("ts", pa.int64()),
    ("track_id", pa.int32()),
    ("name_id", pa.int32()),
    ("category_id", pa.int32()),
    ("correlation_id", pa.int64()),
    ("thread_ts", pa.int64()),
    ("thread_dur", pa.int64()),
    ("args_id", pa.int32()),
    ("extra_id", pa.int32()),
]
EDGE = pa.schema([*_EVENT_FIELDS, ("is_end", pa.bool_()), *_LIFTED_FIELDS])
"""Begins and ends."""
SLICE = pa.schema(
    [
        *_EVENT_FIELDS,
        ("dur", pa.int64()),
        ("end_args_id", pa.int32()),
        ("end_extra_id", pa.int32()),
        *_LIFTED_FIELDS,
    ]
)
"""Slices before they are numbered and nested."""


class Texts:
    """The dictionaries of a trace, and the columns that go to them."""

    def __init__(self, scratch: Path) -> None:
        args = {"most_texts": _MOST_ARGS, "most_chars": _MOST_ARGS_CHARS}
        self.names = Dictionary("name", scratch)
        self.categories = Dictionary("category", scratch)
        self.args = Dictionary("args", scratch, **args)
        # The order of columns breaks ties between texts of one event: args, then extra.
        self._columns = {
            (table, text): self._dictionary(text).column()
            for table in ("span", "edge", "counter_sample")
            for text in ("name", "category", "args", "extra")
            if text in tables.table(table)
        }

    def column(self, table: str, name: str) -> Column:
        """Give the column `name` of staging table `table`."""
        return self._columns[table, name]

    def _dictionary(self, text: str) -> Dictionary:
        return {"name": self.names, "category": self.categories}.get(text, self.args)

    def finish(self) -> None:
        """Take no more texts."""
        for dictionary in (self.names, self.categories, self.args):
            dictionary.finish()

    def dim_rows(self) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Give the rows of `dim_name`, `dim_category` and `dim_args`, as they are stored."""
        for name, dictionary in (("dim_name", self.names), ("dim_category", self.categories)):
            stored = tables.table(name).stored_schema
            for rows in dictionary.batches():
                yield name, pa.RecordBatch.from_arrays(rows.columns, schema=stored)
        stored = tables.table("dim_args").stored_schema
        for rows in self.args.batches():
            columns = [rows["id"], *unescape(rows["text"], len(LIFTED))]
            yield "dim_args", pa.RecordBatch.from_arrays(columns, schema=stored)


def encode_spans(rows: pa.RecordBatch, texts: Texts) -> pa.RecordBatch:
    """Turn rows of staging `span` into SLICE rows; columns without a value may be missing."""
    if tables.has_templates(rows.schema):
        columns = _event_columns("span", rows, rows["args"], texts) | {"dur": rows["dur"]}
        return pa.RecordBatch.from_pydict(columns)
    args, lifted = lift(rows["args"], LIFTED)
    columns = _event_columns("span", rows, args, texts)
    columns |= {"dur": rows["dur"], **dict(zip(LIFTED_COLUMNS, lifted, strict=True))}
    return fill(columns, SLICE, rows.num_rows)


def encode_edges(rows: pa.RecordBatch, texts: Texts) -> pa.RecordBatch:
    """Turn rows of staging `edge` into EDGE rows.

    Only the args of begins are lifted: a slice has one set of lifted columns.
    """
    if tables.has_templates(rows.schema):
        columns = _event_columns("edge", rows, rows["args"], texts) | {"is_end": rows["is_end"]}
        return fill(columns, EDGE, rows.num_rows)
    is_end = rows["is_end"].to_numpy(zero_copy_only=False)
    if is_end.all():
        args, lifted = escape(rows["args"]), [nulls(rows.num_rows, pa.int64())] * len(LIFTED)
    else:
        args, lifted = _lift_begins(rows["args"], is_end)
    columns = _event_columns("edge", rows, args, texts)
    columns |= {"is_end": rows["is_end"], **dict(zip(LIFTED_COLUMNS, lifted, strict=True))}
    return fill(columns, EDGE, rows.num_rows)


def fill(columns: dict[str, pa.Array], schema: pa.Schema, rows: int) -> pa.RecordBatch:
    """Make a batch of the schema: columns cast to it, missing ones null."""
    arrays = []
    for field in schema:
        column = columns.get(field.name)
        if column is None:
            column = nulls(rows, field.type)
        arrays.append(column if column.type == field.type else column.cast(field.type))
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _lift_begins(args: pa.Array, is_end: np.ndarray) -> tuple[pa.Array, list[pa.Array]]:
    plain = args.cast(pa.string())
    begins, ends = np.flatnonzero(~is_end), np.flatnonzero(is_end)
    lifted, columns = lift(plain.take(pa.array(begins)), LIFTED)
    unlifted = escape(plain.take(pa.array(ends)))
    place = np.empty(len(is_end), np.int64)
    place[begins] = np.arange(len(begins))
    place[ends] = len(begins) + np.arange(len(ends))
    order = pa.array(place)
    missing = nulls(len(ends), pa.int64())
    return (
        pa.concat_arrays([lifted, unlifted]).take(order),
        [pa.concat_arrays([column, missing]).take(order) for column in columns],
    )


def _event_columns(
    table: str, rows: pa.RecordBatch, args: pa.Array, texts: Texts
) -> dict[str, pa.Array]:
    ordinal = ints(rows["ordinal"])
    columns = {name: rows[name] for name in rows.schema.names if name in SLICE.names}
    for name in ("name", "category"):
        columns[f"{name}_id"] = texts.column(table, name).encode(rows[name], ordinal)
    columns["args_id"] = texts.column(table, "args").encode(args, ordinal)
    extra = rows["extra"]
    if extra.null_count < len(extra):
        columns["extra_id"] = texts.column(table, "extra").encode(escape(extra), ordinal)
    return columns
