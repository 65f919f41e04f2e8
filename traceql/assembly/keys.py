"""Sorting of rows that are keys only, within a bounded memory: columns of integers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from traceql.assembly.runs import RunSorter
from traceql.kernels.order import is_sorted, sorted_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceql.assembly.order import Memory

    Int64 = NDArray[np.int64]

MOST_ROWS = 1 << 19
"""Rows that wait to be sorted together; their room is reserved at once and touched as it fills."""
BLOCK_ROWS = 64 * 1024
"""Rows of a block, and of what is given at a time."""
_SORT_BYTES = 28
"""What sorting takes for each row."""
_FEW_LANES = 6
"""Rows that come in order go by without being held, as long as so few lanes are to be merged."""


class KeySorter:
    """Rows of some keys, taken in any order and given back sorted, as often as asked.

    Rows that come in order, or as a few series that do, are never sorted.
    """

    def __init__(
        self, name: str, depth: int, memory: Memory, scratch: Path, *, grouped: bool = False
    ) -> None:
        """Make a sorter of rows of `depth` keys, at least one; `grouped` as for `RunSorter`."""
        self.rows = 0
        self.held_bytes = 0
        self.sealed = False
        self._depth, self._memory = depth, memory
        self._runs = RunSorter(
            name, depth, {}, memory, scratch, grouped=grouped, block_rows=BLOCK_ROWS
        )
        self._keys = np.empty((depth, 0), np.int64)
        self._held = 0
        self._ends: list[tuple[int, ...]] = []
        """Last keys of the series so far."""
        memory.watch(self)

    def add(self, keys: Sequence[Int64]) -> None:
        """Take rows, int64 [n] for each key, first key first; not after rows were asked for."""
        count = len(keys[0])
        if count == 0:
            return
        self.rows += count
        if is_sorted(*keys) and self._goes_on(keys):
            self._runs.add(keys, {})
            return
        for start in range(0, count, MOST_ROWS):
            self._hold([key[start : start + MOST_ROWS] for key in keys])

    def _goes_on(self, keys: Sequence[Int64]) -> bool:
        """Say whether rows in order continue a series, or begin one of few; if so, note it."""
        first, last = (tuple(int(key[at]) for key in keys) for at in (0, -1))
        before = [end for end in self._ends if end <= first]
        if not before and len(self._ends) == _FEW_LANES:
            return False
        if before:
            self._ends.remove(max(before))
        self._ends.append(last)
        return True

    def _hold(self, keys: Sequence[Int64]) -> None:
        count = len(keys[0])
        if self._held + count > MOST_ROWS:
            self.spill()
        if self._keys.shape[1] == 0:
            # Untouched pages take no memory.
            self._keys = np.empty((self._depth, MOST_ROWS), np.int64)
        for column, key in zip(self._keys, keys, strict=True):
            column[self._held : self._held + count] = key
        self._held += count
        self.held_bytes = self._held * (8 * self._depth + _SORT_BYTES)
        self._memory.check()

    def spill(self) -> None:
        """Sort what waits, and let it go to blocks, which take a fraction of the memory."""
        keys = self._keys[:, : self._held]
        self._keys = np.empty((self._depth, 0), np.int64)
        self._held = self.held_bytes = 0
        if keys.shape[1]:
            self._runs.add(list(keys if is_sorted(*keys) else sorted_rows(keys)), {})

    def sorted(self) -> Iterator[Int64]:
        """Give all rows in order, int64 [k, n], BLOCK_ROWS at a time."""
        self.sealed = True
        self.spill()
        return self._runs.keys(BLOCK_ROWS)

    def clear(self) -> None:
        """Forget all rows, in memory and on disk."""
        self._keys = np.empty((self._depth, 0), np.int64)
        self.rows = self._held = self.held_bytes = 0
        self._memory.release(self)
        self._runs.clear()
