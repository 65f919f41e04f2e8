"""The owner of a scanner's memory: columns, dictionaries, growth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from traceql.kernels.intern import Dictionary
from traceql.kernels.scan import scan_events
from traceql.kernels.scan_args import lifted_keys
from traceql.kernels.scan_columns import (
    FULL_ARGS,
    FULL_CATEGORIES,
    FULL_EXTRAS,
    FULL_NAMES,
    FULL_TEXTS,
    Columns,
    Memory,
    Tables,
)
from traceql.kernels.split import Events, check_range

if TYPE_CHECKING:
    from numpy.typing import NDArray


_OPEN, _CLOSE = b"{}"


@dataclass(frozen=True)
class Batch:
    """Scanned events: views into the scanner's memory, valid until its next `scan`.

    Attributes:
        starts: int64 [n], offsets of the events in the buffer.
        ends: int64 [n].
        columns: See `scan_columns.Columns`; cut to n events.
    """

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    columns: Columns

    def __len__(self) -> int:
        return self.starts.size

    def has(self, field: int) -> NDArray[np.bool_]:
        """Tell which events have a field (`scan_columns.TS` and so on); bool [n]."""
        return (self.columns.present >> field & 1).astype(np.bool_)


class Scanner:
    """Reads events into columns; one for each thread.

    The dictionaries `names`, `categories`, `texts` (textual pid, tid, id), `args` (templates)
    and `extras` grow over all calls. Their texts are what stands between the quotes, or the
    whole object, exactly as written, and not validated: see `scan`.
    """

    def __init__(self, lifted: Sequence[str] = ()) -> None:
        """Make a scanner that lifts the integers of these keys out of flat args."""
        self._keys = lifted_keys(tuple(lifted))
        self._lifted_count = len(lifted)
        self.names = Dictionary(1 << 13, 1 << 19)
        self.categories = Dictionary(1 << 6, 1 << 10)
        self.texts = Dictionary(1 << 10, 1 << 14)
        self.args = Dictionary(1 << 15, 1 << 24)
        self.extras = Dictionary(1 << 6, 1 << 12)
        self._by_status = {
            FULL_NAMES: self.names,
            FULL_CATEGORIES: self.categories,
            FULL_TEXTS: self.texts,
            FULL_ARGS: self.args,
            FULL_EXTRAS: self.extras,
        }
        self._memory = _memory(1 << 16)
        self._columns = _columns(1 << 10, self._lifted_count)

    def scan(self, buffer: NDArray[np.uint8], events: Events) -> Batch:
        """Scan complete events.

        Args:
            buffer: uint8, contiguous, with 64 bytes after the last event.
            events: What `Splitter.split` found in it.

        Returns:
            A column for each field of the events, in their order.

        Raises:
            ValueError: the padding is missing, or the ranges are not ascending.
        """
        starts = np.ascontiguousarray(events.starts, np.int64)
        ends = np.ascontiguousarray(events.ends, np.int64)
        count = starts.size
        if count:
            check_range(buffer, int(starts[0]), int(ends[-1]))
            if np.any(starts >= ends) or np.any(starts[1:] < ends[:-1]):
                raise ValueError("events must be ascending and not empty")
            if np.any(buffer[starts] != _OPEN) or np.any(buffer[ends - 1] != _CLOSE):
                raise ValueError("events must begin and end with their braces")
            self._make_room(count, int((ends - starts).max()))
        done = 0
        while done < count:
            done, status = scan_events(
                buffer.ctypes.data,
                starts,
                ends,
                done,
                self._keys,
                self._tables(),
                self._memory,
                self._columns,
            )
            if status in self._by_status:
                self._by_status[status].grow(int(ends[done] - starts[done]) + 64)
        columns = Columns._make(column[..., :count] for column in self._columns)
        return Batch(starts, ends, columns)

    def _tables(self) -> Tables:
        return Tables(
            self.names.table,
            self.categories.table,
            self.texts.table,
            self.args.table,
            self.extras.table,
        )

    def _make_room(self, count: int, longest: int) -> None:
        if count > self._columns.odd.size:
            self._columns = _columns(1 << (count - 1).bit_length(), self._lifted_count)
        if longest + 128 > self._memory.template.size:
            kept = self._memory
            self._memory = _memory(2 * longest + 128)._replace(
                guesses=kept.guesses, previous=kept.previous
            )


def _memory(longest: int) -> Memory:
    return Memory(
        template=np.zeros(longest, np.uint8),
        extra=np.zeros(longest, np.uint8),
        guesses=np.zeros(1 << 17, np.int32),
        previous=np.full(1, -1, np.int64),
    )


def _columns(count: int, lifted: int) -> Columns:
    # Rows a power of two apart would share the few lines of one cache set.
    count += 24
    return Columns(
        numbers=np.zeros((7, count), np.int64),
        lifted=np.zeros((lifted, count), np.int64),
        ids=np.full((4, count), -1, np.int32),
        marks=np.zeros((3, count), np.uint8),
        present=np.zeros(count, np.int32),
        order=np.zeros(count, np.uint64),
        holes=np.zeros(count, np.int32),
        odd=np.zeros(count, np.uint8),
    )
