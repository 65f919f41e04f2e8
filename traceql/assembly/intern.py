"""Dictionaries: texts become ids by first appearance in the file, whatever the batches were."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from traceql.assembly.scratch import Run, RunWriter
from traceql.kernels.renumber import renumber
from traceql.model.lean_arrow import nulls

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Int64 = NDArray[np.int64]

NO_TEXT = -1
_REFUSED = -2
_MOST_DICTIONARIES = 4
_FEW_TEXTS = 1024
_TEXTS_AT_ONCE = 1 << 14
_INDEX_BITS = 27
_INDEX_MASK = (1 << _INDEX_BITS) - 1
"""A provisional id is column (3 bits), on disk or not (1 bit), index: 134 M texts a column."""
_SPILL_SCHEMA = pa.schema([("text", pa.string())])


class Column:
    """One column of texts that go to a dictionary.

    Rows come in file order, so what this column does depends on its rows alone. Beyond the cap a
    new text is no longer remembered: every row with it gets an id of its own.
    """

    def __init__(self, number: int, most_texts: int, most_chars: int, spill: Path) -> None:
        self._base = number << (_INDEX_BITS + 1)
        self._most_texts, self._left_chars, self._spill = most_texts, most_chars, spill
        self._ids: dict[str, int] = {}
        self.first = array("q")
        self._writer: RunWriter | None = None
        self.spilled = 0
        self._dictionaries: dict[tuple[int, ...], tuple[pa.Array, NDArray[np.int32]]] = {}

    def encode(self, texts: pa.Array, ordinal: Int64) -> pa.Array:
        """Give provisional ids.

        Args:
            texts: strings, plain or dictionary-encoded, in file order.
            ordinal: int64, place of each row's event in the file.

        Returns:
            int32, null where the text is null.
        """
        if texts.null_count == len(texts):
            return nulls(len(texts), pa.int32())
        if not isinstance(texts, pa.DictionaryArray) or texts.dictionary.null_count:
            texts = texts.cast(pa.string()).dictionary_encode()
            if texts.null_count == len(texts):
                return nulls(len(texts), pa.int32())
        ids = self._ids_of(texts.dictionary)
        indices, mask = texts.indices, None
        if indices.null_count:
            mask = indices.is_null().to_numpy(zero_copy_only=False)
            indices = indices.fill_null(0)
        places = indices.to_numpy()
        numbers = ids.take(places)  # twice as fast as an index
        if numbers.min() < 0:
            numbers = self._with_new(texts, places, ordinal, ids, mask)
        numbers += self._base
        return pa.array(numbers, mask=mask)

    def _with_new(
        self, texts: pa.DictionaryArray, places: NDArray[np.int32], ordinal: Int64,
        ids: NDArray[np.int32], mask: NDArray[np.bool_] | None,
    ) -> NDArray[np.int32]:  # fmt: skip
        """Give the numbers of texts of which some are new, or have none."""
        numbers = ids[places]
        unmet = _rows_with(numbers, NO_TEXT, mask)
        if unmet.size:
            self._meet(texts.dictionary, places[unmet], ordinal[unmet], ids)
            numbers = ids[places]
        refused = _rows_with(numbers, _REFUSED, mask)
        if refused.size:
            numbers[refused] = self._write(texts, refused)
        return numbers

    def _ids_of(self, dictionary: pa.Array) -> NDArray[np.int32]:
        """Give what is known of the texts of a dictionary: ids, NO_TEXT, or _REFUSED.

        A dictionary that lies where an earlier one does has its texts, and more after them.
        """
        place = _place(dictionary)
        earlier = self._dictionaries.pop(place, None)
        size = len(dictionary)
        ids = self._beginning(dictionary) if earlier is None else earlier[1]
        if len(ids) < size:
            ids = self._longer(ids, dictionary)
        if len(self._dictionaries) == _MOST_DICTIONARIES:
            del self._dictionaries[next(iter(self._dictionaries))]
        # The dictionary is kept, so that no other can come to lie in its place.
        self._dictionaries[place] = dictionary, ids
        return ids

    def _longer(self, ids: NDArray[np.int32], dictionary: pa.Array) -> NDArray[np.int32]:
        """Make room for all texts of a dictionary; a few new ones are looked up at once."""
        start, size = len(ids), len(dictionary)
        longer = np.full(max(size, 2 * start), NO_TEXT, np.int32)
        longer[:start] = ids
        if size - start <= _FEW_TEXTS:
            # Each batch may bring a dictionary of its own of the same few texts; to find which
            # of them its rows have takes a pass over the rows.
            # A scanner's dictionary may hold bytes that are no text; then no row has them.
            texts = dictionary.slice(start).cast(pa.binary()).to_pylist()
            longer[start:size] = [
                self._ids.get(text.decode(errors="surrogateescape"), NO_TEXT) for text in texts
            ]
        return longer

    def _beginning(self, dictionary: pa.Array) -> NDArray[np.int32]:
        """Give what is known of the texts of an earlier dictionary that this one begins with."""
        for known, ids in reversed(self._dictionaries.values()):
            size = len(known)
            if 0 < size < len(dictionary) and dictionary.slice(0, size).equals(known):
                return ids[:size].copy()
        return np.empty(0, np.int32)

    def _meet(
        self, dictionary: pa.Array, places: NDArray[np.int32], ordinal: Int64,
        ids: NDArray[np.int32],
    ) -> None:  # fmt: skip
        """Enter texts that are met for the first time in this dictionary, in order of rows."""
        new, first = _first_places(places, len(dictionary))
        first = ordinal[first]
        texts = dictionary.take(pa.array(new)).to_pylist()
        ids[new] = [
            self._remember(text, at) for text, at in zip(texts, first.tolist(), strict=True)
        ]

    def _remember(self, text: str, ordinal: int) -> int:
        found = self._ids.get(text)
        if found is not None:
            return found
        if len(self._ids) >= self._most_texts or len(text) > self._left_chars:
            return _REFUSED
        self._left_chars -= len(text)
        number = self._ids[text] = len(self._ids)
        self.first.append(ordinal)
        return number

    def _write(self, texts: pa.Array, rows: Int64) -> Int64:
        """Put the texts of these rows on disk; give their provisional indexes."""
        if self._writer is None:
            self._writer = RunWriter(self._spill, _SPILL_SCHEMA)
        chosen = texts.take(pa.array(rows)).cast(pa.string())
        self._writer.write(pa.RecordBatch.from_arrays([chosen], schema=_SPILL_SCHEMA))
        start = (1 << _INDEX_BITS) + self.spilled
        self.spilled += len(rows)
        return np.arange(start, start + len(rows))

    def finish(self) -> None:
        """Take no more rows."""
        # They hold on to the memory of scanners, which is some ten MB.
        self._dictionaries.clear()
        if self._writer is not None:
            self._writer.close()

    def ranks(self) -> Int64:
        """Give the place in the file of each remembered text, by index."""
        return np.array(self.first, np.int64)

    def take_texts(self) -> list[str]:
        """Give the remembered texts, by index, and keep them no longer."""
        texts = list(self._ids)
        self._ids.clear()
        return texts

    def spilled_texts(self) -> Iterator[pa.Array]:
        """Give the texts that were not remembered, in order of their ids."""
        if self._writer is not None:
            for rows in Run(self._spill).blocks():
                yield rows["text"]


def _first_places(
    places: NDArray[np.int32], size: int
) -> tuple[NDArray[np.int32], NDArray[np.intp]]:
    """Give the different places, all below `size`, by first row; and these rows."""
    if size > 8 * len(places):
        new, first = np.unique(places, return_index=True)
        order = np.argsort(first)
        return new[order], first[order]
    rows = np.full(size, -1, np.intp)
    rows[places[::-1]] = np.arange(len(places) - 1, -1, -1)
    first = np.sort(rows[rows >= 0])
    return places[first], first


class Dictionary:
    """The texts of several columns under one numbering.

    Ids follow the first appearance: by event, then by column in the order in which they were made.
    Texts beyond a column's cap come last, column by column, in file order.
    """

    def __init__(
        self, name: str, scratch: Path, *, most_texts: int = _INDEX_MASK, most_chars: int = 1 << 62
    ) -> None:
        self._name, self._scratch = name, scratch
        self._most_texts, self._most_chars = most_texts, most_chars
        self._columns: list[Column] = []
        self._few: list[str] = []
        self._many: Run | None = None
        self._remap = np.empty(0, np.int32)
        self._starts: list[tuple[int, int]] = []
        self.rows = 0

    def column(self) -> Column:
        """Make a column."""
        spill = self._scratch / f"{self._name}-texts-{len(self._columns)}.arrow"
        column = Column(len(self._columns), self._most_texts, self._most_chars, spill)
        self._columns.append(column)
        return column

    def finish(self) -> None:
        """Take no more rows; number the texts."""
        for column in self._columns:
            column.finish()
        ranks = [column.ranks() << 4 | number for number, column in enumerate(self._columns)]
        order = np.argsort(np.concatenate([np.empty(0, np.int64), *ranks]), kind="stable")
        texts = [text for column in self._columns for text in column.take_texts()]
        # Of one event and column (several counter samples) the order of the file is kept.
        final: dict[str, int] = {}
        self._remap = np.empty(len(texts), np.int32)
        for place in order.tolist():
            self._remap[place] = final.setdefault(texts[place], len(final))
        self._keep(list(final))
        self.rows = len(final)
        self._starts = []
        at = 0
        for column in self._columns:
            self._starts.append((at, self.rows))
            at += len(column.first)
        spilled = self.rows
        for number, column in enumerate(self._columns):
            self._starts[number] = (self._starts[number][0], spilled)
            spilled += column.spilled
        self.rows = spilled

    def _keep(self, texts: list[str]) -> None:
        """Keep the texts until they are stored; many of them on disk, as that is long from now."""
        if len(texts) <= _TEXTS_AT_ONCE:
            self._few = texts
            return
        path = self._scratch / f"{self._name}-texts.arrow"
        with RunWriter(path, _SPILL_SCHEMA) as writer:
            for start in range(0, len(texts), _TEXTS_AT_ONCE):
                block = pa.array(texts[start : start + _TEXTS_AT_ONCE], pa.string())
                writer.write(pa.RecordBatch.from_arrays([block], schema=_SPILL_SCHEMA))
        self._many = Run(path)

    def final(self, provisional: pa.Array) -> pa.Array:
        """Turn provisional ids into final ones, int32; null stays null."""
        if provisional.null_count == len(provisional):
            return provisional
        valid = provisional.is_valid().to_numpy(zero_copy_only=False)
        ids = provisional.fill_null(0).to_numpy()
        return pa.array(self.final_numbers(ids).astype(np.int32), mask=~valid)

    def final_numbers(self, provisional: NDArray[np.signedinteger]) -> NDArray[Any]:
        """Turn provisional ids into final ones, int64 or int32; what is no id becomes any."""
        if provisional.dtype == np.int32 and len(provisional):
            low, high = int(provisional.min()), int(provisional.max())
            number = low >> _INDEX_BITS
            # All of one column, and none on disk: the common case.
            one = low >= 0 and number == high >> _INDEX_BITS and not number & 1
            if one and number >> 1 < len(self._starts):
                first, _ = self._starts[number >> 1]
                if first + (high & _INDEX_MASK) < len(self._remap):
                    places = provisional + np.int32(first - (number << _INDEX_BITS))
                    return self._remap.take(places)
        remembered = [start for start, _ in self._starts]
        spilled = [start for _, start in self._starts]
        return renumber(provisional, _INDEX_BITS, remembered, spilled, self._remap)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Give (id, text) in order of id; ids are int32."""
        at = 0
        for texts in self._all_texts():
            ids = pa.array(np.arange(at, at + len(texts), dtype=np.int32))
            yield pa.RecordBatch.from_arrays([ids, texts], names=["id", "text"])
            at += len(texts)

    def _all_texts(self) -> Iterator[pa.Array]:
        if self._many is not None:
            yield from (rows["text"] for rows in self._many.blocks())
        elif self._few:
            yield pa.array(self._few, pa.string())
        for column in self._columns:
            yield from column.spilled_texts()


def _rows_with(numbers: NDArray[np.int32], number: int, mask: NDArray[np.bool_] | None) -> Int64:
    """Find the rows with a number, but for those that the mask says to be null."""
    found = numbers == number
    return np.flatnonzero(found if mask is None else found & ~mask)


def _place(texts: pa.Array) -> tuple[int, ...]:
    """Say where an array of texts lies in memory."""
    buffers = (0 if buffer is None else buffer.address for buffer in texts.buffers())
    return (texts.offset, *buffers)
