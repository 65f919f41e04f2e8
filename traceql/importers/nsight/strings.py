"""StringIds: texts by number, looked up column by column."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from traceql.importers._columns import coded, filled, picked, valid

if TYPE_CHECKING:
    from traceql.importers._columns import Int64
    from traceql.importers.nsight.inputs import Export

_MOST_SHORT = 4096
_MOST_LOOKED_UP = 1 << 20
"""Ids below this are looked up by their place."""
_NOT_MET = -2


class Strings:
    """The table StringIds; of an id that stands there twice the first text counts."""

    def __init__(self, export: Export) -> None:
        ids, texts = [], [pa.array([], pa.large_string())]
        for batch in export.rows("StringIds", {"id": pa.int64(), "value": pa.string()}):
            ids.append(filled(batch["id"], -1))
            texts.append(batch["value"].cast(pa.large_string()))
        self._ids = np.concatenate([np.empty(0, np.int64), *ids])
        self._texts = pa.concat_arrays(texts)
        self._order: Int64 | None = None
        if not np.array_equal(self._ids, np.arange(len(self._ids))):
            self._order = np.argsort(self._ids, kind="stable")
            self._ids = self._ids[self._order]

    def places(self, ids: Int64) -> Int64:
        """Give where texts stand; -1 for an id without one."""
        if not len(self._ids):
            return np.full(len(ids), -1, np.int64)
        if self._order is None:
            return np.where((ids >= 0) & (ids < len(self._ids)), ids, -1)
        found = np.minimum(np.searchsorted(self._ids, ids), len(self._ids) - 1)
        return np.where(self._ids[found] == ids, self._order[found], -1)

    def take(self, ids: pa.Array) -> pa.Array:
        """Give the text of each id, null where there is none."""
        places = np.where(valid(ids), self.places(filled(ids, -1)), -1)
        none = places < 0
        chosen = pa.array(places, mask=none if none.any() else None)
        return self._texts.take(chosen).cast(pa.string())

    def one(self, number: int | None) -> str | None:
        """Give one text."""
        if number is None:
            return None
        text: str | None = self.take(pa.array([number], pa.int64()))[0].as_py()
        return text


class Names:
    """Texts of one column of ids, as a dictionary column that stays the same over batches."""

    def __init__(self, strings: Strings) -> None:
        self._strings = strings
        self._codes: dict[int | None, int] = {None: -1}
        self._texts: list[str] = []
        self._array = pa.array([], pa.string())
        self._met = np.empty(0, np.int64)
        """Number of the text of each id that was met, -1: it has none."""

    def __call__(self, ids: pa.Array) -> pa.Array:
        """Give the texts of ids, null where there is none."""
        numbers = self._looked_up(ids)
        if numbers is not None:
            return picked(self._array, numbers)
        codes, values = coded(ids)
        if len(values) > _MOST_SHORT:
            return self._strings.take(ids)
        numbers = self._numbers(values)
        whole = (
            numbers.take(codes) if codes is not None else np.full(len(ids), numbers[0], np.int64)
        )
        return picked(self._array, whole)

    def _looked_up(self, ids: pa.Array) -> Int64 | None:
        """Give the numbers of texts whose ids were all met before; None: some were not."""
        if ids.null_count or not len(ids) or not len(self._met):
            return None
        places = filled(ids)
        if int(places.min()) < 0 or int(places.max()) >= len(self._met):
            return None
        numbers = self._met.take(places)
        return None if int(numbers.min()) == _NOT_MET else numbers

    def _numbers(self, values: pa.Array) -> Int64:
        unmet = [id_ for id_ in values.to_pylist() if id_ not in self._codes]
        if unmet:
            for id_, text in zip(
                unmet, self._strings.take(pa.array(unmet, pa.int64())).to_pylist(), strict=True
            ):
                self._codes[id_] = -1 if text is None else len(self._texts)
                if text is not None:
                    self._texts.append(text)
            self._array = pa.array(self._texts, pa.string())
            self._remember([id_ for id_ in unmet if 0 <= id_ < _MOST_LOOKED_UP])
        return np.array([self._codes[id_] for id_ in values.to_pylist()], np.int64)

    def _remember(self, ids: list[int]) -> None:
        """Note the numbers of texts by their ids, which are places as long as they are small."""
        size = max(ids, default=-1) + 1
        if size > len(self._met):
            longer = np.full(max(size, 2 * len(self._met)), _NOT_MET, np.int64)
            longer[: len(self._met)] = self._met
            self._met = longer
        self._met[ids] = [self._codes[id_] for id_ in ids]


def relabelled(names: pa.Array, relabel: dict[str, str]) -> pa.Array:
    """Replace texts of a dictionary column by others."""
    if not isinstance(names, pa.DictionaryArray):
        names = names.dictionary_encode()
    texts = [relabel.get(text, text) for text in names.dictionary.to_pylist()]
    return pa.DictionaryArray.from_arrays(names.indices, pa.array(texts, pa.string()))


def without_version(names: pa.Array) -> pa.Array:
    """Cut the version of the ABI off names of the CUDA runtime: cudaMalloc_v3020."""
    return pc.replace_substring_regex(names, r"_v\d{4,}$", "")
