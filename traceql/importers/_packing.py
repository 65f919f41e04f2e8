"""Rows of `span` with their args as templates: what repeats is text, what differs is lifted."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from traceql.importers._columns import Growing, coded, combined, picked
from traceql.model import tables
from traceql.model.lean_arrow import nulls

if TYPE_CHECKING:
    from traceql.importers._columns import Coded

HOLES = len(tables.table("slice").lifted_args)
_MOST_VALUES = 64
"""An integer column with more values than that in a batch is lifted, as long as holes are left."""
_MOST_TEXTS = 4096
"""A column with more values than that in a batch is joined to the texts row by row."""
_SPAN = tables.table("span").arrow_schema
_PLAIN_TEXT = r'["\\\x00-\x1f\x7f]'


class Packed:
    """Args of a batch: texts with holes, and what fills the holes."""

    def __init__(self, args: pa.Array, lifted: Mapping[int, pa.Array]) -> None:
        self.args = args
        self.lifted = lifted


class _Layout(NamedTuple):
    """The form of the args of a batch."""

    names: tuple[str, ...]
    """Columns that are written, then those that are lifted."""
    short: int
    """How many are written."""
    is_open: bool
    """Columns with many texts follow."""
    raw: frozenset[str]


class Args:
    """Writes the args of the rows of one table: an object of the columns that have a value."""

    def __init__(self) -> None:
        self._texts = Growing()
        self._holes: dict[str, int] = {}
        """Columns that are lifted, from the first batch on in which they had many values."""
        self._written: dict[tuple[Any, ...], dict[tuple[Any, ...], int]] = {}
        """By columns: combinations of values that were written, and the numbers of their texts."""

    def pack(
        self, columns: Mapping[str, pa.Array], rows: int, raw: frozenset[str] = frozenset()
    ) -> Packed:
        """Write the args of a batch.

        Args:
            columns: key to values: integers, floats, texts (also dictionary-encoded), in the
                order in which they stand in the object.
            rows: how many.
            raw: keys whose texts are JSON and stand as they are.
        """
        there = {key: c for key, c in columns.items() if c.null_count < len(c)}
        if not there or not rows:
            return Packed(nulls(rows, pa.string()), {})
        lifted, long, short = self._sorted_out(there)
        flags = [coded(pc.is_valid(column)) for column in lifted.values()]
        found = combined([*short.values(), *flags], rows)
        layout = _Layout((*short, *lifted), len(short), bool(long), raw)
        numbers = np.array(
            self._numbers(layout, found.keys, [values for _, values in short.values()]), np.int64
        )
        args = picked(self._texts.array, numbers.take(found.codes))
        if long:
            args = _joined(args, long, raw)
        return Packed(args, {self._holes[key]: column for key, column in lifted.items()})

    def _numbers(
        self,
        layout: _Layout,
        found: Sequence[tuple[Any, ...]],
        columns: Iterable[pa.Array],
    ) -> list[int]:
        """Give the numbers of the texts of combinations of values; -1: no args."""
        kinds = [_value_type(column) for column in columns]
        known = self._written.setdefault((layout, *map(str, kinds)), {})
        if any(map(pa.types.is_floating, kinds)):
            known = {}  # 0.0 and -0.0 are equal, and not the same text
        numbers = []
        for key in found:
            number = known.get(key)
            if number is None:
                text = self._text(layout, key)
                number = known[key] = -1 if text == "{}" else self._texts.number(text)
            numbers.append(number)
        return numbers

    def _sorted_out(
        self, columns: Mapping[str, pa.Array]
    ) -> tuple[dict[str, pa.Array], dict[str, pa.Array], dict[str, Coded]]:
        """Tell apart columns to be lifted, those with many texts, and the others, coded."""
        lifted: dict[str, pa.Array] = {}
        long: dict[str, pa.Array] = {}
        short: dict[str, Coded] = {}
        for key, column in columns.items():
            if key in self._holes:
                lifted[key] = column
                continue
            codes, values = coded(column)
            many = codes is not None and len(values)
            is_number = column.type == pa.int64()
            if many and len(values) > _MOST_VALUES and is_number and len(self._holes) < HOLES:
                self._holes[key] = len(self._holes)
                lifted[key] = column
            elif many and len(values) > _MOST_TEXTS:
                long[key] = column
            else:
                short[key] = codes, values
        return lifted, long, short

    def _text(self, layout: _Layout, key: Sequence[Any]) -> str:
        """Write the text of one combination; an open one lacks its closing bracket."""
        names, short, is_open, raw = layout
        parts = [
            f"{json.dumps(name)}:{value if name in raw else literal(value)}"
            for name, value in zip(names[:short], key, strict=False)
            if value is not None
        ]
        parts += [
            f"{json.dumps(name)}:\x01{chr(ord('A') + self._holes[name])}"
            for name, has in zip(names[short:], key[short:], strict=True)
            if has
        ]
        return "{" + ",".join(parts) + ("" if is_open else "}")


def _value_type(column: pa.Array) -> pa.DataType:
    return column.type.value_type if pa.types.is_dictionary(column.type) else column.type


def literal(value: Any) -> str:
    """Write a value as JSON; what JSON has no number for becomes a text."""
    if isinstance(value, float) and not np.isfinite(value):
        value = str(value)
    if isinstance(value, bytes):
        value = value.hex()
    return json.dumps(value, ensure_ascii=False)


def described(table: str, found: Sequence[Any]) -> pa.RecordBatch:
    """Give the rows of a table that dataclasses describe, such as its tracks: some thousands.

    Args:
        table: its name; fields of the dataclasses are its columns.
        found: the dataclasses, at least one; their `args` are a mapping, written as JSON.
    """
    columns = {
        name: [getattr(one, name) for one in found]
        for name in type(found[0]).__dataclass_fields__
        if name != "args"
    }
    columns["args"] = [literal(one.args) if one.args else None for one in found]
    return tables.conform(table, columns)


def _joined(args: pa.Array, long: Mapping[str, pa.Array], raw: frozenset[str]) -> pa.Array:
    """Append columns with many texts to open objects, and close them."""
    texts = args.cast(pa.string())
    for key, column in long.items():
        texts_of = column.cast(pa.string()) if key in raw else _quoted(column)
        value = pc.binary_join_element_wise(f"{json.dumps(key)}:", texts_of, "")
        comma = pc.if_else(pc.equal(texts, "{"), "", ",")
        more = pc.binary_join_element_wise(texts, comma, value, "")
        texts = pc.if_else(column.is_valid(), more, texts)
    texts = pc.binary_join_element_wise(texts, "}", "")
    return pc.if_else(pc.equal(texts, "{}"), pa.scalar(None, pa.string()), texts)


def _quoted(column: pa.Array) -> pa.Array:
    """Write values as JSON."""
    if isinstance(column, pa.DictionaryArray):
        column = column.dictionary_decode()
    if pa.types.is_integer(column.type):
        return column.cast(pa.string())
    if not pa.types.is_string(column.type):
        # Floats and bytes of which each row has its own: rare, and written one by one.
        return pa.array([None if v is None else literal(v) for v in column.to_pylist()])
    odd = pc.fill_null(pc.match_substring_regex(column, _PLAIN_TEXT), fill_value=False)
    quoted = pc.binary_join_element_wise('"', column, '"', "")
    if pc.any(odd).as_py():
        escaped = pa.array([literal(text) for text in column.filter(odd).to_pylist()], pa.string())
        quoted = pc.replace_with_mask(quoted, odd, escaped)
    return quoted


def span_rows(columns: Mapping[str, pa.Array | np.ndarray], packed: Packed) -> pa.RecordBatch:
    """Make rows of staging `span` or `edge` with lifted args.

    Args:
        columns: of the table, args left out; those that are not there are null.
        packed: the args.
    """
    schema = tables.table("edge").arrow_schema if "is_end" in columns else _SPAN
    rows = len(columns["ts"])
    arrays, fields = [], []
    for field in schema:
        column = packed.args if field.name == "args" else columns.get(field.name)
        if column is None:
            column = nulls(rows, field.type)
        elif isinstance(column, np.ndarray):
            column = pa.array(column, field.type)
        elif not pa.types.is_dictionary(column.type) and column.type != field.type:
            column = column.cast(field.type)
        arrays.append(column)
        fields.append(pa.field(field.name, column.type))
    for number in sorted(packed.lifted):
        arrays.append(packed.lifted[number])
        fields.append(pa.field(tables.lifted_column(number), pa.int64()))
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields, metadata=tables.TEMPLATES))
