"""One trace being read: its numbering, its devices, and what was wrong with the file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from traceql.importers._diagnostics import Diagnostics
from traceql.importers._rocm.actors import Actors
from traceql.model import tables
from traceql.model.protocols import Chunk

if TYPE_CHECKING:
    from traceql.importers._columns import Int64

CODES = {
    "slice_without_start": (
        "data_loss",
        "Rows without a start or an end, as applications that abort leave them; left out.",
    ),
    "slice_negative_duration": (
        "data_loss",
        "Rows that end before they start; kept with length 0, args has the end.",
    ),
    "csv_row_unread": (
        "data_loss",
        "Rows with more or fewer fields than their header; left out.",
    ),
    "csv_value_unread": ("data_loss", "Fields that are no number where one belongs; null."),
    "csv_text_not_utf8": ("data_loss", "Texts that are not UTF-8, read with replacements."),
    "counter_without_time": (
        "info",
        "Counter values of dispatches without times; they are in profile.",
    ),
    "counter_without_event": ("data_loss", "Counter values of no event that has a time; left out."),
    "counter_without_value": ("data_loss", "Counter values that are no number; left out."),
    "file_not_known": ("info", "Files whose header is of no table that is known; not read."),
    "table_not_known": ("info", "Tables that no reader knows; not read."),
    "name_unknown": ("data_loss", "Rows whose name is not in the file; null."),
    "record_unread": ("data_loss", "Records that are not of the form that is known; left out."),
    "time_precision_lost": (
        "data_loss",
        "Times that a spreadsheet has rounded; taken for no times.",
    ),
    "allocation_without_kind": ("data_loss", "Memory events that neither allocate nor free."),
    "row_without_owner": ("data_loss", "Rows that refer to a row that is not there; left out."),
    "sample_without_time": ("data_loss", "Samples without a time; left out."),
    "frame_not_read": ("data_loss", "Frames of stacks at no depth, or too deep; left out."),
    "marker_not_ended": ("data_loss", "Ranges that nothing ends; unclosed."),
    "pc_sample_fields": (
        "info",
        "PC samples whose execution mask, dispatch and wave are not kept: `sample` has no args.",
    ),
}


class Trace:
    """What the readers of one trace share."""

    def __init__(self) -> None:
        self.actors = Actors()
        self.diagnostics = Diagnostics(CODES)
        self.devices: dict[int, dict[str, Any]] = {}
        """Described devices: columns of `device` by number."""
        self.metadata: dict[str, str | int] = {}
        self._next = 0
        self._numbers: dict[Any, int] = {}

    @property
    def next_ordinal(self) -> int:
        """The number of the next row."""
        return self._next

    def ordinals(self, rows: int) -> Int64:
        """Number the next rows."""
        start = self._next
        self._next += rows
        return np.arange(start, self._next, dtype=np.int64)

    def number_device(self, key: Any, wanted: int) -> int:
        """Number a device that is known by a key: as wanted, unless another one is so called."""
        if key not in self._numbers:
            taken = set(self._numbers.values())
            number = wanted if 0 <= wanted < 1 << 31 else 0
            while number in taken:
                number += 1
            self._numbers[key] = number
        return self._numbers[key]

    def describe(self, number: int, facts: Mapping[str, Any]) -> None:
        """Describe a device; the first record of a number counts."""
        self.devices.setdefault(number, {"device_id": number, **facts})

    def end(self, damage: Iterable[tuple[str, int, str]]) -> Iterator[Chunk]:
        """Give what is known only at the end: actors, devices, metadata, diagnostics."""
        yield from self.actors.chunks()
        for number in self.actors.devices:
            self.describe(number, {"vendor": "amd"})
        if self.devices:
            found = [self.devices[number] for number in sorted(self.devices)]
            names = dict.fromkeys(name for row in found for name in row)
            columns = {name: [row.get(name) for row in found] for name in names}
            yield Chunk("device", tables.conform("device", columns))
        if self.metadata:
            values = self.metadata.values()
            yield Chunk("metadata", tables.conform("metadata", {
                "name": list(self.metadata),
                "str_value": [str(value) for value in values],
                "int_value": [v if isinstance(v, int) and abs(v) < 1 << 63 else None
                              for v in values],
            }))  # fmt: skip
        yield from self.diagnostics.chunk(damage)
