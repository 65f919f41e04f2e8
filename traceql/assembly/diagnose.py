"""What was wrong with the input, one row per code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from traceql.model import tables

if TYPE_CHECKING:
    import pyarrow as pa

MESSAGES: dict[str, tuple[str, str]] = {
    "slice_spill_overlapping_complete_event": (
        "info",
        "Slices that partly overlap others of their track were put on overflow tracks.",
    ),
    "misplaced_end_event": (
        "data_loss",
        "Ends have no open begin of their track, name and category; they were left out.",
    ),
    "slice_unclosed": ("info", "Begins have no end; their slices have dur -1."),
    "flow_duplicate_id": (
        "error",
        "Flows started anew while one of the same id was open; arrows leave the latest start.",
    ),
    "flow_no_enclosing_slice": (
        "error",
        "Flow points lie on no slice of their track; their arrows were left out.",
    ),
    "flow_step_without_start": ("info", "Flow steps have no start of their id."),
    "flow_end_without_start": ("info", "Flow ends have no start of their id."),
    "launch_duplicate_correlation": (
        "info",
        "Several host calls carry one correlation id; the last before the device work counts.",
    ),
    "gpu_op_without_slice": (
        "error",
        "Rows of device work belong to an event that made no slice; they were left out.",
    ),
}
"""Code to severity and message; codes are Perfetto's stats where it has them."""


class Diagnostics:
    """Adds up diagnostics of all rooms by code.

    Of several rows of one code the counts add up, the smallest offset stays, and severity and
    message are those of the first.
    """

    def __init__(self) -> None:
        self._rows: dict[str, dict[str, int | str | None]] = {}

    def count(self, code: str, count: int) -> None:
        """Count what assembly found; `code` is one of MESSAGES."""
        if count:
            severity, message = MESSAGES[code]
            self._merge(
                {
                    "severity": severity,
                    "code": code,
                    "count": count,
                    "first_offset": None,
                    "message": message,
                }
            )

    def add(self, rows: pa.RecordBatch) -> None:
        """Take `diagnostic` rows of an importer; there are few, so they are looped over."""
        for row in rows.to_pylist():
            self._merge(row)

    def _merge(self, row: dict[str, int | str | None]) -> None:
        known = self._rows.setdefault(str(row["code"]), {**row, "count": 0})
        known["count"] = int(known["count"] or 0) + int(row["count"] or 0)
        offsets = [o for o in (known["first_offset"], row["first_offset"]) if o is not None]
        known["first_offset"] = min(map(int, offsets)) if offsets else None

    def rows(self) -> pa.RecordBatch:
        """Give the rows of `diagnostic`, ordered by code."""
        ordered = [self._rows[code] for code in sorted(self._rows)]
        names = tables.table("diagnostic").arrow_schema.names
        return tables.conform("diagnostic", {n: [row[n] for row in ordered] for n in names})
