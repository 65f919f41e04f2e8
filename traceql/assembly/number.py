"""Final ids: rows numbered by time, then by their place in the file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from traceql.assembly.order import Memory, Sorter, by

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Int64 = NDArray[np.int64]

_SCHEMA = pa.schema([("ts", pa.int64()), ("place", pa.int64())])

NO_ROW = -1


class Numbering:
    """Numbers rows from 0 in order of (ts, place); memory while numbering is the sorter's.

    Afterwards 4 bytes for each place up to the highest one used: places are numbers of events or
    rows, so they have few holes, and holes cost address space only.
    """

    def __init__(self, name: str, memory: Memory, scratch: Path) -> None:
        self._sorter = Sorter(f"{name}-number", _SCHEMA, by("ts", "place"), memory, scratch)
        self._highest = -1
        self._numbers = np.zeros(0, np.int32)
        self.rows = 0

    def add(self, ts: pa.Array, place: pa.Array) -> None:
        """Take rows: int64 times and int64 places, no place twice."""
        if len(place):
            self._highest = max(self._highest, int(place.to_numpy().max()))
            self._sorter.add(pa.RecordBatch.from_arrays([ts, place], schema=_SCHEMA))

    def finish(self) -> None:
        """Number all rows."""
        self.rows = self._sorter.rows
        # One more than the id, so that untouched zero pages of a sparse array say "no row".
        self._numbers = np.zeros(self._highest + 1, np.int32)
        at = 1
        for rows in self._sorter.sorted():
            self._numbers[rows["place"].to_numpy()] = np.arange(at, at + rows.num_rows)
            at += rows.num_rows
        self._sorter.clear()

    def of(self, place: Int64) -> Int64:
        """Give the ids of places, NO_ROW where no row has that place."""
        found = np.full(len(place), NO_ROW, np.int64)
        inside = (place >= 0) & (place < len(self._numbers))
        found[inside] = self._numbers[place[inside]].astype(np.int64) - 1
        return found
