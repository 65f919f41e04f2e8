"""Final ids: rows numbered by time, then by their place in the file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from traceql.assembly.keys import KeySorter

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceql.assembly.order import Memory

    Int64 = NDArray[np.int64]

NO_ROW = -1


class Numbering:
    """Numbers rows from 0 in order of (ts, place); memory while numbering is the sorter's.

    Afterwards 4 bytes for each place up to the highest one used: places are numbers of events or
    rows, so they have few holes, and holes cost address space only.
    """

    def __init__(self, name: str, memory: Memory, scratch: Path) -> None:
        self._sorter = KeySorter(f"{name}-number", 2, memory, scratch)
        self._highest = -1
        self._numbers = np.zeros(0, np.int32)
        self.rows = 0

    def add(self, ts: Int64, place: Int64) -> None:
        """Take rows: int64 times and int64 places, no place twice."""
        if len(place):
            self._highest = max(self._highest, int(place.max()))
            self._sorter.add((ts, place))

    def finish(self) -> None:
        """Number all rows."""
        self.rows = self._sorter.rows
        # One more than the id, so that untouched zero pages of a sparse array say "no row".
        self._numbers = np.zeros(self._highest + 1, np.int32)
        at = 1
        for _, place in self._sorter.sorted():
            self._numbers[place] = np.arange(at, at + len(place), dtype=np.int32)
            at += len(place)
        self._sorter.clear()

    def clear(self) -> None:
        """Forget all numbers."""
        self._numbers = np.zeros(0, np.int32)

    def of(self, place: Int64) -> Int64:
        """Give the ids of places, NO_ROW where no row has that place."""
        if len(place) and place.min() >= 0 and place.max() < len(self._numbers):
            return np.subtract(self._numbers.take(place, mode="clip"), 1, dtype=np.int64)
        found = np.full(len(place), NO_ROW, np.int64)
        inside = (place >= 0) & (place < len(self._numbers))
        found[inside] = self._numbers[place[inside]].astype(np.int64) - 1
        return found
