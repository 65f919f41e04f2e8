"""Tables of totals by name that AMD's profilers write: they become `profile`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import pyarrow as pa

from traceql.importers._csv import numbers
from traceql.importers._packing import Args
from traceql.model import tables
from traceql.model.protocols import Chunk

if TYPE_CHECKING:
    from traceql.importers._rocm.trace import Trace

_UNITS = {"calls": "count", "percentage": "%", "stddev": "ns"}
NEEDED = frozenset({"name", "calls", "totaldurationns"})
"""Columns of such a table, in lower case."""


class Profile:
    """Numbers the rows of `profile` over the files of a trace."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._next = 0

    def table(self, columns: Mapping[str, pa.Array], report: str) -> Iterator[Chunk]:
        """Give the rows of a batch of a table of totals: one for each number.

        Args:
            columns: texts; `Name` is what is counted.
            report: how the table is called.
        """
        name = next((n for n in columns if n.lower() == "name"), None)
        if name is None:
            return
        group = {"report": _same(report, len(columns[name])), name: columns[name]}
        measures = {key: column for key, column in columns.items() if key != name}
        yield from self.measures(group, measures)

    def measures(
        self,
        group: Mapping[str, pa.Array],
        measures: Mapping[str, pa.Array],
        units: Mapping[str, str] | None = None,
    ) -> Iterator[Chunk]:
        """Give a row for each number of a batch.

        Args:
            group: what is measured, for the JSON of `group`.
            measures: name to texts or numbers; what is no number is counted.
            units: by name; others have the unit that their name tells.
        """
        rows = len(next(iter(group.values())))
        packed = Args().pack(group, rows)
        spelled = _unpacked(packed.args, packed.lifted)
        for metric, column in measures.items():
            values = column
            if pa.types.is_string(column.type):
                values, bad = numbers(column)
                self._trace.diagnostics.count("csv_value_unread", bad)
            mask = values.is_valid()
            count = rows - values.null_count
            if not count:
                continue
            unit = (units or {}).get(metric, _unit(metric))
            yield Chunk("profile", tables.conform("profile", {
                "id": list(range(self._next, self._next + count)),
                "group": spelled.filter(mask),
                "metric": [metric] * count,
                "unit": [unit] * count,
                "value": values.filter(mask),
            }))  # fmt: skip
            self._next += count


def _unit(metric: str) -> str | None:
    lower = metric.lower()
    return _UNITS.get(lower, "ns" if lower.endswith("ns") else None)


def _same(text: str, rows: int) -> pa.Array:
    return pa.array([text] * rows, pa.string())


def _unpacked(args: pa.Array, lifted: Mapping[int, pa.Array]) -> pa.Array:
    """Fill the holes of packed args: these tables are small."""
    if not lifted:
        return args.cast(pa.string())
    texts = args.cast(pa.string()).to_pylist()
    for number, column in lifted.items():
        hole = "\x01" + chr(ord("A") + number)
        texts = [t if t is None else t.replace(hole, str(v))
                 for t, v in zip(texts, column.to_pylist(), strict=True)]  # fmt: skip
    return pa.array(texts, pa.string())
