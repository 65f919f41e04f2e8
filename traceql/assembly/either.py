"""Sorting of rows that may be alike, or not: columns as long as they are, then packed rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from traceql.assembly.rows import Rows, RowSorter
from traceql.assembly.runs import FEW_GROUPS, LEAST_RUN, RunSorter, Taken

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from traceql.assembly.columns import Values
    from traceql.assembly.order import Memory

    Int64 = NDArray[np.int64]

_MOST_GAPS = 3
_MOST_BLOCKS = 20_000


class EitherSorter:
    """Rows of one shape, taken in any order and given back sorted, as often as asked.

    They stay columns (`RunSorter`) until a batch comes in which rows have different columns, or
    alternate between many groups: then all become packed rows (`RowSorter`).
    """

    def __init__(
        self, name: str, depth: int, columns: Mapping[str, DTypeLike], memory: Memory,
        scratch: Path, *, grouped: bool, most_gaps: int = _MOST_GAPS,
    ) -> None:  # fmt: skip
        """Make a sorter; its arguments are those of `RunSorter`, and one more.

        With more than `most_gaps` columns that only some rows of a batch have, rows are packed.
        """
        self._runs = RunSorter(name, depth, columns, memory, scratch, grouped=grouped)
        self._rows = RowSorter(name, depth, tuple(columns), memory, scratch)
        self._is_grouped, self._most_gaps, self._in_columns = grouped, most_gaps, True

    def add(self, keys: Sequence[Int64], columns: Mapping[str, Values]) -> None:
        """Take rows; not after rows were asked for.

        Args:
            keys: int64 [n] each, first key first; no two rows have the same.
            columns: what they have, int32 or int64.
        """
        if self._in_columns and not self._suits(keys[0], columns):
            self._pack()
        if self._in_columns:
            self._runs.add(keys, columns)
        else:
            self._rows.add(keys, _wide(columns))

    def move(self, keys: Int64, rows: Rows | Taken) -> None:
        """Take rows of a sorter with the same columns under other keys, int64 [k, n]."""
        if isinstance(rows, Taken):
            self.add(list(keys), rows.columns())
        else:
            self._pack()
            self._rows.move(keys, rows)

    def _suits(self, group: Int64, columns: Mapping[str, Values]) -> bool:
        """Say whether rows are to stay columns."""
        gaps = sum(column.bits is not None for column in columns.values())
        if gaps > self._most_gaps or len(self._runs) > _MOST_BLOCKS:
            return False
        if not self._is_grouped or (group == group[0]).all():
            return True
        return len(np.unique(group)) <= max(FEW_GROUPS, len(group) // LEAST_RUN)

    def _pack(self) -> None:
        if self._in_columns:
            self._in_columns = False
            for rows in self._runs.sorted():
                self._rows.add(list(rows.keys()), _wide(rows.columns()))
            self._runs.clear()

    def sorted(self) -> Iterator[Rows | Taken]:
        """Give all rows in order of the keys, some at a time."""
        return self._runs.sorted() if self._in_columns else self._rows.sorted(parts=4)

    def keys(self) -> Iterator[Int64]:
        """Give the keys of all rows in order, int64 [k, n]."""
        if self._in_columns:
            return self._runs.keys()
        return (rows.keys() for rows in self._rows.sorted(parts=4))

    def clear(self) -> None:
        """Forget all rows, in memory and on disk."""
        if self._in_columns:
            self._runs.clear()
        self._rows.clear()


def _wide(columns: Mapping[str, Values]) -> dict[str, Values]:
    return {
        name: column._replace(values=column.values.astype(np.int64, copy=False))
        for name, column in columns.items()
    }
