"""What the readers of all tables share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from traceql.importers._columns import filtered, valid
from traceql.importers._diagnostics import Diagnostics
from traceql.importers.nsight.actors import Actors
from traceql.importers.nsight.facts import Facts
from traceql.importers.nsight.labels import Labels
from traceql.importers.nsight.strings import Names, Strings

if TYPE_CHECKING:
    from traceql.importers._columns import Int64, Leaves
    from traceql.importers.nsight.inputs import Export

BATCH_ROWS = 1 << 17
_TEXTS = frozenset({"text", "jsonText", "data", "name", "context", "varName", "kernelName",
                    "srcFile", "funcName", "cachePath", "tensorSizeMinusOneElements"})  # fmt: skip
"""Columns of text, also where a copy of the database has lost their type."""
_BYTES = frozenset({"binaryData"})
_NUMBERS = frozenset({"start", "end", "globalTid", "globalPid", "endGlobalTid", "deviceId",
                      "contextId", "streamId", "correlationId", "eventClass", "eventType",
                      "nameId", "textId", "demangledName", "shortName", "mangledName", "copyKind",
                      "srcKind", "dstKind", "memKind", "syncType", "bytes", "domainId",
                      "category"})  # fmt: skip
"""Columns of whole numbers, also where damage has changed their type."""

CODES = {
    "slice_without_start": ("data_loss", "Rows without a start; they were left out."),
    "slice_negative_duration": (
        "data_loss",
        "Rows that end before they start; kept with length 0, args has the end.",
    ),
    "table_not_read": (
        "info",
        "Rows of tables that have neither start and end nor a known meaning; not read.",
    ),
    "cuda_event_without_time": (
        "info",
        "CUDA event records that have no time and no call; left out.",
    ),
    "um_copy_on_stream": ("info", "Copies of unified memory that claim a stream."),
    "sched_event_without_thread": ("data_loss", "Scheduling events without a thread; left out."),
    "counter_without_meaning": (
        "data_loss",
        "Samples of metrics that no table describes; kept under their numbers.",
    ),
    "generic_event_without_time": (
        "data_loss",
        "Fields of generic events that are not there; left out.",
    ),
    "generic_event_not_numeric": (
        "info",
        "Generic events without a numeric field; left out.",
    ),
    "allocation_without_kind": ("data_loss", "Memory events that neither allocate nor free."),
    "statistics_row_unread": (
        "data_loss",
        "Rows of statistics with more or fewer fields than their header; left out.",
    ),
    "unnamed_string": ("data_loss", "Names whose id is not in StringIds; null."),
}


class Context:
    """One export being read."""

    def __init__(self, export: Export, *, keep_environment: bool) -> None:
        self.export = export
        self.strings = Strings(export)
        self.facts = Facts(export, self.strings, keep_environment=keep_environment)
        self.actors = Actors(self.facts)
        self.labels = Labels(export)
        self.diagnostics = Diagnostics(CODES)
        self.done: set[str] = set()
        """Tables that were read."""
        self.frames: dict[str, Leaves] = {}
        """Leaf frame of each call chain, by table of chains."""
        self._next = 0

    def names(self) -> Names:
        """Make a reader of one column of string ids."""
        return Names(self.strings)

    def ordinals(self, rows: int) -> Int64:
        """Number the next rows."""
        start = self._next
        self._next += rows
        return np.arange(start, self._next, dtype=np.int64)

    def columns(self, table: str) -> dict[str, pa.DataType]:
        """Give the columns of a table and the types to read them as."""
        return {
            column.name: _type(column.name, column.declared)
            for column in self.export.tables.get(table, ())
        }

    def batches(self, table: str, more: tuple[str, ...] = ()) -> Iterator[dict[str, pa.Array]]:
        """Give the rows of a table in batches; columns of `more` that it lacks are null."""
        self.done.add(table)
        wanted = self.columns(table)
        if not wanted:
            return
        for name in more:
            wanted.setdefault(name, _type(name, ""))
        for batch in self.export.rows(table, wanted, batch_rows=BATCH_ROWS):
            yield dict(zip(batch.schema.names, batch.columns, strict=True))

    def timed(self, table: str, time: str, more: tuple[str, ...]) -> Iterator[dict[str, pa.Array]]:
        """Give the rows of a table that have a time; the others are counted."""
        for columns in self.batches(table, (time, *more)):
            if columns[time].null_count:
                self.diagnostics.count("slice_without_start", columns[time].null_count)
                yield filtered(columns, valid(columns[time]))
            else:
                yield columns


def _type(name: str, declared: str) -> pa.DataType:
    upper = declared.upper()
    if name in _NUMBERS:
        return pa.int64()
    if name in _BYTES or "BLOB" in upper:
        return pa.binary()
    if name in _TEXTS or any(word in upper for word in ("TEXT", "CHAR", "CLOB")):
        return pa.string()
    if any(word in upper for word in ("REAL", "FLOA", "DOUB")) or name.endswith("oubleValue"):
        return pa.float64()
    return pa.float64() if name == "floatValue" else pa.int64()
