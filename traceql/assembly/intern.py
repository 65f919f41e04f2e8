"""Dictionaries: texts become ids by first appearance in the file, whatever the batches were."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from traceql.assembly.order import BATCH_ROWS
from traceql.assembly.scratch import Run, RunWriter
from traceql.kernels.renumber import renumber

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Int64 = NDArray[np.int64]

NO_TEXT = -1
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
        self.first: list[int] = []
        self._writer: RunWriter | None = None
        self.spilled = 0
        self._last = pa.array([], pa.string())
        self._last_ids = np.empty(0, np.int32)

    @property
    def texts(self) -> list[str]:
        """Remembered texts, by index."""
        return list(self._ids)

    def encode(self, texts: pa.Array, ordinal: Int64) -> pa.Array:
        """Give provisional ids.

        Args:
            texts: strings, plain or dictionary-encoded, in file order.
            ordinal: int64, place of each row's event in the file.

        Returns:
            int32, null where the text is null.
        """
        if texts.null_count == len(texts):
            return pa.nulls(len(texts), pa.int32())
        known_ids = self._known(texts)
        if known_ids is not None:
            return known_ids
        values, codes, first = _distinct(texts)
        ids = np.empty(len(values) + 1, np.int64)
        ids[-1] = NO_TEXT
        refused = NO_TEXT - 1
        for place, text in enumerate(values):
            found = self._ids.get(text)
            if found is None:
                found = self._remember(text, int(ordinal[first[place]]), refused)
            ids[place] = found
        numbers = ids[codes]
        unknown = np.flatnonzero(numbers == refused)
        if len(unknown):
            numbers[unknown] = self._write(texts, unknown)
        known = numbers != NO_TEXT
        return pa.array((numbers + self._base).astype(np.int32), mask=~known)

    def _known(self, texts: pa.Array) -> pa.Array | None:
        """Give the ids of dictionary-encoded texts that were all met before; else None."""
        if not isinstance(texts, pa.DictionaryArray) or texts.dictionary.null_count:
            return None
        dictionary = texts.dictionary
        if not _is_same(dictionary, self._last):
            ids = [self._ids.get(text, NO_TEXT) for text in dictionary.to_pylist()]
            self._last, self._last_ids = dictionary, np.array(ids, np.int32)
        indices = texts.indices
        mask = None
        if indices.null_count:
            mask = indices.is_null().to_numpy(zero_copy_only=False)
            indices = indices.fill_null(0)
        numbers = self._last_ids[indices.to_numpy()]
        unmet = numbers == NO_TEXT
        if (unmet if mask is None else unmet & ~mask).any():
            self._last = pa.array([], pa.string())
            return None
        numbers += self._base
        return pa.array(numbers, mask=mask)

    def _remember(self, text: str, ordinal: int, refused: int) -> int:
        if len(self._ids) >= self._most_texts or len(text) > self._left_chars:
            return refused
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
        if self._writer is not None:
            self._writer.close()

    def spilled_texts(self) -> Iterator[pa.Array]:
        """Give the texts that were not remembered, in order of their ids."""
        if self._writer is not None:
            for rows in Run(self._spill).blocks():
                yield rows["text"]


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
        self._texts: list[str] = []
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
        first: dict[str, int] = {}
        for number, column in enumerate(self._columns):
            column.finish()
            for text, ordinal in zip(column.texts, column.first, strict=True):
                rank = ordinal << 4 | number
                if rank < first.get(text, rank + 1):
                    first[text] = rank
        # Of one event and column (several counter samples) the order of the file is kept.
        self._texts = sorted(first, key=first.__getitem__)
        final = {text: number for number, text in enumerate(self._texts)}
        remaps: list[int] = []
        self.rows = len(final)
        self._starts = []
        for column in self._columns:
            self._starts.append((len(remaps), self.rows))
            remaps += [final[text] for text in column.texts]
        self._remap = np.array(remaps, np.int32)
        spilled = self.rows
        for number, column in enumerate(self._columns):
            self._starts[number] = (self._starts[number][0], spilled)
            spilled += column.spilled
        self.rows = spilled

    def final(self, provisional: pa.Array) -> pa.Array:
        """Turn provisional ids into final ones, int32; null stays null."""
        if provisional.null_count == len(provisional):
            return provisional
        valid = provisional.is_valid().to_numpy(zero_copy_only=False)
        ids = provisional.fill_null(0).to_numpy()
        return pa.array(self.final_numbers(ids).astype(np.int32), mask=~valid)

    def final_numbers(self, provisional: NDArray[np.signedinteger]) -> Int64:
        """Turn provisional ids into final ones; what is no id becomes any number."""
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
        for start in range(0, len(self._texts), BATCH_ROWS):
            yield pa.array(self._texts[start : start + BATCH_ROWS], pa.string())
        for column in self._columns:
            yield from column.spilled_texts()


def _is_same(one: pa.Array, two: pa.Array) -> bool:
    """Tell whether two arrays of texts, both alive, stand at the same place."""
    return (
        len(one) == len(two)
        and one.offset == two.offset
        and all(
            (a and a.address) == (b and b.address)
            for a, b in zip(one.buffers(), two.buffers(), strict=True)
        )
    )


def _distinct(texts: pa.Array) -> tuple[list[str], Int64, Int64]:
    """Give the distinct texts by first appearance, the code of each row (-1: null), first rows."""
    if isinstance(texts, pa.DictionaryArray) and texts.dictionary.null_count:
        texts = texts.cast(texts.type.value_type)
    encoded = texts if isinstance(texts, pa.DictionaryArray) else texts.dictionary_encode()
    codes = encoded.indices.fill_null(-1).to_numpy().astype(np.int64)
    size = len(encoded.dictionary)
    first = np.full(size + 1, len(codes), np.int64)
    # Of several writes to one place the last stays: backwards, that is the first row.
    first[codes[::-1]] = np.arange(len(codes))[::-1]
    used = np.flatnonzero(first[:size] < len(codes))
    used = used[np.argsort(first[used], kind="stable")]
    recode = np.full(size + 1, -1, np.int64)
    recode[used] = np.arange(len(used))
    values = encoded.dictionary.take(pa.array(used)).to_pylist()
    return values, recode[codes], first[used]
