"""Joins of rows to rows by their id: arrays of what is looked up, no loop over rows."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from traceql.importers._columns import Growing, coded, filled, picked, valid

if TYPE_CHECKING:
    from traceql.importers._columns import Int64


class Index:
    """Finds the place of ids.

    Args:
        ids: int64 [n], different ones; in order, as SQLite gives rows, it is quickest.
    """

    def __init__(self, ids: Int64) -> None:
        self._order: Int64 | None = None
        if len(ids) > 1 and not (np.diff(ids) > 0).all():
            self._order = np.argsort(ids, kind="stable")
            ids = ids[self._order]
        self._ids = ids

    def of(self, wanted: pa.Array) -> Int64:
        """Give the place of each id, -1 where there is none or it is null."""
        values, has = filled(wanted), valid(wanted)
        if not len(self._ids):
            return np.full(len(values), -1, np.int64)
        place = np.minimum(np.searchsorted(self._ids, values), len(self._ids) - 1)
        found = has & (self._ids[place] == values)
        if self._order is not None:
            place = self._order[place]
        return np.where(found, place, -1)


class Texts:
    """Texts by id.

    Args:
        ids: int64 [n].
        texts: of them.
    """

    def __init__(self, ids: Int64, texts: pa.Array) -> None:
        self._index, self._texts = Index(ids), texts

    def of(self, ids: pa.Array) -> pa.DictionaryArray:
        """Give the text of each id, null where there is none."""
        return picked(self._texts, self._index.of(ids))


class Coded:
    """A column of texts that mostly repeat, kept as numbers; nothing and `{}` are no text."""

    def __init__(self) -> None:
        self._growing = Growing()
        self._codes: list[np.ndarray] = []
        self._whole = np.empty(0, np.int32)
        self._is_json: list[bool] = []

    def add(self, column: pa.Array) -> None:
        """Add values of the next rows."""
        codes, values = coded(column)
        numbers = np.array([self._number(text) for text in values.to_pylist()] or [-1], np.int32)
        self._codes.append(
            np.full(len(column), numbers[0], np.int32) if codes is None else numbers[codes]
        )

    def _number(self, text: str | None) -> int:
        if text is None or text in {"", "{}", "[]", "NULL", "null"}:
            return -1
        return self._growing.number(text)

    def close(self) -> None:
        """Say that all rows are there."""
        self._whole = np.concatenate([self._whole, *self._codes])
        self._codes = []

    def of(self, places: Int64) -> pa.DictionaryArray:
        """Give the text at each place, null where there is none."""
        if not len(self._whole):
            return picked(self._growing.array, np.full(len(places), -1, np.int64))
        return picked(self._growing.array, np.where(places < 0, -1, self._whole[places]))

    def json_of(self, places: Int64) -> pa.DictionaryArray:
        """Give the text at each place as JSON: itself where it is an object or a list."""
        plain = self.of(places)
        spelled = [as_json(text) for text in plain.dictionary.to_pylist()]
        return pa.DictionaryArray.from_arrays(plain.indices, pa.array(spelled, pa.string()))


def as_json(text: str) -> str:
    """Give a text that holds a JSON object or list as it is, any other one as a JSON string."""
    if text[:1] in "{[":
        try:
            json.loads(text)
        except ValueError:
            pass
        else:
            return text
    return json.dumps(text, ensure_ascii=False)


def objects(batches: Iterable[tuple[pa.Array, pa.Array, pa.Array]]) -> tuple[Int64, pa.Array]:
    """Gather names and values into a JSON object for each owner, in the order of the rows.

    Args:
        batches: owner (int64), name and value (texts) of each row.

    Returns:
        The owners, int64 [n], and their objects.
    """
    owners, parts = [], []
    for owner, name, value in batches:
        has = valid(owner) & valid(name)
        owners.append(owner.filter(pa.array(has)))
        part = pc.binary_join_element_wise(
            _quoted(name), pc.coalesce(_quoted(value), pa.scalar("null")), ":"
        )
        parts.append(part.filter(pa.array(has)))
    if not owners:
        return np.empty(0, np.int64), pa.array([], pa.string())
    table = pa.table({"owner": pa.chunked_array(owners), "part": pa.chunked_array(parts)})
    grouped = table.group_by("owner", use_threads=False).aggregate([("part", "list")])
    joined = pc.binary_join(grouped["part_list"], ",")
    whole = pc.binary_join_element_wise("{", joined, "}", "")
    ids: Int64 = grouped["owner"].to_numpy().astype(np.int64)
    return ids, whole.combine_chunks()


def _quoted(column: pa.Array) -> pa.Array:
    """Write texts as JSON strings, each different one once."""
    encoded = column.dictionary_encode()
    quoted = [json.dumps(text, ensure_ascii=False) for text in encoded.dictionary.to_pylist()]
    return pa.DictionaryArray.from_arrays(
        encoded.indices, pa.array(quoted, pa.string())
    ).dictionary_decode()
