"""Rows on their way out: gathered per table, given as Chunks in bounded batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from traceql.model import tables
from traceql.model.protocols import Chunk

BATCH_ROWS = 64 * 1024

COLUMNS: dict[str, tuple[str, ...]] = {
    "span": (
        "ordinal", "ts", "dur", "track_id", "name", "category", "correlation_id",
        "thread_ts", "thread_dur", "args", "extra",
    ),
    "edge": (
        "ordinal", "ts", "track_id", "is_end", "name", "category", "correlation_id",
        "thread_ts", "args", "extra",
    ),
    "link": ("ordinal", "scope", "correlation_id", "role"),
    "counter_sample": ("ordinal", "ts", "track_id", "value"),
    "gpu_span": (
        "ordinal", "kind", "device_id", "stream_id", "correlation_id", "bytes", "copy_kind",
        "src_memory", "dst_memory", "grid_x", "grid_y", "grid_z", "block_x", "block_y",
        "block_z", "registers_per_thread", "shared_bytes",
    ),
    "sample_event": (
        "ordinal", "ts", "utid", "cpu", "frame_id", "weight", "weight_unit", "state",
    ),
    "metadata": ("name", "str_value", "int_value"),
}  # fmt: skip
"""Tables and the columns that this importer fills, in the order of its row tuples."""


class Rows:
    """Row tuples per table of COLUMNS; append to `rows[table]`, then ask `full`."""

    def __init__(self) -> None:
        self._rows: dict[str, list[tuple[Any, ...]]] = {name: [] for name in COLUMNS}

    def __getitem__(self, table: str) -> list[tuple[Any, ...]]:
        return self._rows[table]

    def full(self) -> Iterator[Chunk]:
        """Give the tables that have a batch."""
        for name, rows in self._rows.items():
            while len(rows) >= BATCH_ROWS:
                yield chunk(name, COLUMNS[name], rows[:BATCH_ROWS])
                del rows[:BATCH_ROWS]

    def rest(self) -> Iterator[Chunk]:
        """Give everything that is left."""
        for name, rows in self._rows.items():
            for start in range(0, len(rows), BATCH_ROWS):
                yield chunk(name, COLUMNS[name], rows[start : start + BATCH_ROWS])
            rows.clear()


def chunk(table: str, columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> Chunk:
    """Make a Chunk of row tuples."""
    values = zip(*rows, strict=True)
    return Chunk(table, tables.conform(table, dict(zip(columns, map(list, values), strict=True))))
