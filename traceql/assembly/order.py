"""Sorting within a bounded memory: in memory while it fits, else sorted runs on disk, merged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from traceql.assembly.scratch import Run, RunWriter, slim, widen
from traceql.kernels.order import argsort, is_sorted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Int64 = NDArray[np.int64]
    Keys = Callable[[pa.RecordBatch], Sequence[Int64]]

BATCH_ROWS = 128 * 1024
"""Rows of every batch that a sorter gives, but the last."""

LARGEST = np.iinfo(np.int64).max
_MOST_BYTES = 1 << 30
"""A sorter holds no more in memory, so that texts stay within 32-bit offsets."""


class Held(Protocol):
    """What holds rows in memory and can put them on disk."""

    held_bytes: int
    sealed: bool
    """Rows are being read: they are on their way out."""

    def spill(self) -> None:
        """Put them on disk."""
        ...


class Memory:
    """Bounds what all sorters hold together: above the limit the one that holds most spills."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self._sorters: list[Held] = []
        self._room = np.empty(0, np.int32)

    def room(self, size: int) -> NDArray[np.int32]:
        """Give an array of at least `size` words: one that was kept, whose pages are there."""
        kept, self._room = self._room, np.empty(0, np.int32)
        # Untouched pages take no memory.
        return kept if len(kept) >= size else np.empty(size, np.int32)

    def keep(self, room: NDArray[np.int32]) -> None:
        """Take an array back for the next one who asks."""
        if len(room) > len(self._room):
            self._room = room

    def forget(self) -> None:
        """Let go of what was kept."""
        self._room = np.empty(0, np.int32)

    def watch(self, sorter: Held) -> None:
        """Count what the sorter holds from now on."""
        self._sorters.append(sorter)

    def release(self, sorter: Held) -> None:
        """Count it no longer."""
        self._sorters.remove(sorter)

    def check(self) -> None:
        """Spill until what is held is within the limit."""
        held = sum(sorter.held_bytes for sorter in self._sorters)
        while held > self.limit_bytes:
            # What is being read stays: its rows are on their way out.
            filling = [sorter for sorter in self._sorters if not sorter.sealed]
            largest = max(filling, key=lambda sorter: sorter.held_bytes, default=None)
            if largest is None or largest.held_bytes == 0:
                return
            held -= largest.held_bytes
            largest.spill()


class Sorter:
    """Rows of one schema, taken in any order and given back sorted, as often as asked.

    The keys must tell any two rows apart, unless there are none: then rows keep their order.
    """

    def __init__(
        self, name: str, schema: pa.Schema, keys: Keys, memory: Memory, scratch: Path
    ) -> None:
        self.schema = schema
        self.rows = 0
        self.held_bytes = 0
        self.sealed = False
        self._name, self._keys, self._memory, self._scratch = name, keys, memory, scratch
        self._batches: list[pa.RecordBatch] = []
        self._sorted: pa.RecordBatch | None = None
        self._order: NDArray[np.int32] | None = None
        self._runs: list[Path] = []
        memory.watch(self)

    def add(self, rows: pa.RecordBatch) -> None:
        """Take rows of the schema; not after rows were asked for."""
        if rows.num_rows == 0:
            return
        batch = slim(rows)
        self._batches.append(batch)
        self.rows += batch.num_rows
        self.held_bytes += batch.nbytes
        if self.held_bytes > _MOST_BYTES:
            self.spill()
        self._memory.check()

    def spill(self) -> None:
        """Write what is held in memory to disk as a sorted run."""
        self._seal()
        if self._sorted is None:
            return
        path = self._scratch / f"{self._name}-{len(self._runs)}.arrow"
        with RunWriter(path, self._sorted.schema) as run:
            for rows in self._held(self._sorted, run.block_rows):
                run.write(rows)
        self._runs.append(path)
        self._sorted, self._order, self.held_bytes = None, None, 0

    def sorted(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Give all rows in order of the keys, in batches of BATCH_ROWS.

        Args:
            columns: only these, in the schema's order; those that the keys read must be among them.
        """
        self._seal()
        self.sealed = True
        fields = [f for f in self.schema if columns is None or f.name in columns]
        schema = pa.schema(fields)
        if not self._runs:
            if self._sorted is not None:
                chosen = self._sorted.select(schema.names)
                for rows in self._held(chosen, BATCH_ROWS):
                    yield widen(rows, schema)
            return
        sources = [Run(path).blocks(schema.names) for path in self._runs]
        if self._sorted is not None:
            sources.append(self._held(self._sorted.select(schema.names), RunWriter.block_rows))
        widened = [(widen(block, schema) for block in source) for source in sources]
        yield from _evenly(_merge(widened, self._keys), schema)

    def clear(self) -> None:
        """Forget all rows, in memory and on disk."""
        self._batches, self._sorted, self._order = [], None, None
        self.rows = self.held_bytes = 0
        self._memory.release(self)
        for path in self._runs:
            path.unlink(missing_ok=True)
        self._runs = []

    def _seal(self) -> None:
        """Turn the batches held into one, and find its order."""
        if not self._batches:
            return
        whole = concat(self._batches, self.schema)
        self._batches = []
        keys = self._keys(whole)
        self._order = None if not keys or is_sorted(*keys) else argsort(*keys)
        self._sorted = slim(whole)

    def _held(self, rows: pa.RecordBatch, size: int) -> Iterator[pa.RecordBatch]:
        for start in range(0, rows.num_rows, size):
            if self._order is None:
                yield rows.slice(start, size)
            else:
                yield rows.take(pa.array(self._order[start : start + size]))


def by(*columns: str) -> Keys:
    """Sort by these integer columns, first one first; nulls come last."""
    return lambda rows: [ints(rows[name], LARGEST) for name in columns]


def ints(column: pa.Array, null: int = -1) -> Int64:
    """Give an integer or boolean column as int64, nulls as `null`."""
    wide = column.cast(pa.int64())
    if wide.null_count:
        wide = pc.fill_null(wide, null)
    found: Int64 = wide.to_numpy(zero_copy_only=False)
    return found


def concat(batches: Sequence[pa.RecordBatch], schema: pa.Schema) -> pa.RecordBatch:
    """Put batches after each other; columns of nulls only may have the type null."""
    if len(batches) == 1:
        return widen(batches[0], schema)
    columns = []
    for place, field in enumerate(schema):
        parts = [batch.column(place) for batch in batches]
        if all(pa.types.is_null(part.type) for part in parts):
            columns.append(pa.nulls(sum(map(len, parts)), field.type))
        else:
            typed = (
                pa.nulls(len(part), field.type) if pa.types.is_null(part.type) else part
                for part in parts
            )
            columns.append(pa.concat_arrays(list(typed)))
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _evenly(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Cut and join batches to BATCH_ROWS rows."""
    waiting: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        waiting.append(batch)
        rows += batch.num_rows
        if rows >= BATCH_ROWS:
            whole = concat(waiting, schema)
            cut = rows - rows % BATCH_ROWS
            for start in range(0, cut, BATCH_ROWS):
                yield whole.slice(start, BATCH_ROWS)
            waiting, rows = [whole.slice(cut)], rows - cut
    if rows:
        yield concat(waiting, schema)


class _Cursor:
    """The block of a run at which a merge stands."""

    def __init__(self, blocks: Iterator[pa.RecordBatch], keys: Keys) -> None:
        self._blocks, self._make_keys = blocks, keys
        self._at = 0
        self.live = True
        self._advance()

    def _advance(self) -> None:
        block = next(self._blocks, None)
        self.live = block is not None
        if block is not None:
            self._block, self._keys, self._at = block, self._make_keys(block), 0

    @property
    def last(self) -> tuple[int, ...]:
        """Key of the last row of the block."""
        return tuple(int(key[-1]) for key in self._keys)

    def through(self, bound: tuple[int, ...]) -> pa.RecordBatch:
        """Give the rows up to and with key `bound`, and go past them."""
        low, high = self._at, self._block.num_rows
        for key, value in zip(self._keys, bound, strict=True):
            first = low + int(np.searchsorted(key[low:high], value, "left"))
            after = low + int(np.searchsorted(key[low:high], value, "right"))
            low, high = first, after
        rows = self._block.slice(self._at, high - self._at)
        self._at = high
        if high == self._block.num_rows:
            self._advance()
        return rows


def _merge(sources: Sequence[Iterator[pa.RecordBatch]], keys: Keys) -> Iterator[pa.RecordBatch]:
    """Merge sorted blocks: each round takes all rows up to the smallest last key in memory."""
    cursors = [_Cursor(source, keys) for source in sources]
    while live := [cursor for cursor in cursors if cursor.live]:
        if not (bounds := [cursor.last for cursor in live])[0] or len(live) == 1:
            yield live[0].through(bounds[0])
            continue
        bound = min(bounds)
        parts = [rows for cursor in live if (rows := cursor.through(bound)).num_rows]
        whole = concat(parts, parts[0].schema)
        columns = keys(whole)
        yield whole if is_sorted(*columns) else whole.take(pa.array(argsort(*columns)))
