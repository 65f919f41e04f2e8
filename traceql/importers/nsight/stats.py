"""CSV of `nsys stats`: aggregates become `profile`, a row for each number."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any

from traceql.errors import UnknownFormat

if TYPE_CHECKING:
    from traceql.model.protocols import Chunk, Source

_HEADER = re.compile(
    rb'^\s*"?(?:Time ?\(%\)"?,"?Total Time(?: \(ns\))?"?,|Total(?: \(\w+\))?"?,"?Count"?,"?Avg'
    rb'|Start \(ns\)"?,"?Duration \(ns\)"?,|API Start \(ns\)"?,|PID"?,"?TID"?,"?DevId"?,)',
    re.MULTILINE,
)
_PROCESSING = re.compile(r"with \[.*?(\w+?)(?:\.py)?(?::[^\]]*)?\]")
_TITLE = re.compile(r"\*\* .*\((\w+)(?::[^)]*)?\):?\s*$")
_UNIT = re.compile(r"^(.*?) ?\(([^()]+)\)$")
_COUNTS = frozenset({
    "instances", "num calls", "count", "calls", "qcount", "total gpu ops", "range instances",
    "nvtx inst", "kern inst", "api count", "numgpuops", "numchild", "number of messages",
    "average", "avg", "minimum", "maximum", "med", "median", "min", "max", "stddev",
    "total time", "total", "cpu page faults", "gpu page faults",
})  # fmt: skip
_REPORT_NAMES = re.compile(r"_([a-z0-9]+(?:_[a-z0-9]+)*_(?:sum|trace))(?:_[^_]*)?$")
_PEEK_BYTES = 4096
_BATCH_ROWS = 1 << 14


def is_statistics(prefix: bytes) -> bool:
    """Tell whether a text holds a table that `nsys stats` makes."""
    return b"\0" not in prefix[:_PEEK_BYTES] and _HEADER.search(prefix) is not None


def statistics_of(source: Source) -> list[Source] | None:
    """Give the CSV files of an input; None where it is no such text."""
    members = source.members()
    if members:
        texts = [member for member in members if member.path.suffix.lower() == ".csv"]
        return texts or None
    with source.local().open("rb") as file:
        return [source] if is_statistics(file.read(1 << 16)) else None


@dataclass
class _Table:
    """One table of a file: its report and its columns."""

    report: str | None
    columns: list[tuple[str, str | None, bool]]
    """Name, unit, and whether it is a measure (else it says what is measured)."""


@dataclass
class _Rows:
    """Rows of `profile` on their way out."""

    first: int = 0
    group: list[str] = field(default_factory=list)
    metric: list[str] = field(default_factory=list)
    unit: list[str | None] = field(default_factory=list)
    value: list[float | None] = field(default_factory=list)

    def chunk(self) -> Iterator[Chunk]:
        """Give what there is."""
        from traceql.model import tables
        from traceql.model.protocols import Chunk

        if not self.metric:
            return
        yield Chunk("profile", tables.conform("profile", {
            "id": list(range(self.first, self.first + len(self.metric))),
            "group": self.group, "metric": self.metric, "unit": self.unit, "value": self.value,
        }))  # fmt: skip
        self.first += len(self.metric)
        self.group, self.metric, self.unit, self.value = [], [], [], []


def read_statistics(source: Source, texts: Sequence[Source]) -> Iterator[Chunk]:
    """Give the rows of the tables, number by number: these files are small.

    Raises:
        UnknownFormat: no file has such a table.
    """
    rows, short, found = _Rows(), 0, 0
    for text in texts:
        if source.members() and not is_statistics(_start(text)):
            continue
        found += 1
        for table, record in _records(text):
            if len(record) != len(table.columns):
                short += 1
                continue
            _add(rows, table, record)
            if len(rows.metric) >= _BATCH_ROWS:
                yield from rows.chunk()
    if not found:
        raise UnknownFormat(source.path, "no CSV of nsys stats is in the folder")
    yield from rows.chunk()
    yield from _diagnostics(short, [*source.damage])


def _start(text: Source) -> bytes:
    with text.local().open("rb") as file:
        return file.read(1 << 16)


def _records(text: Source) -> Iterator[tuple[_Table, list[str]]]:
    """Give the records of the tables of a file, each under its table."""
    named = _REPORT_NAMES.search(text.path.stem)
    report, table = named[1] if named else None, None
    with text.local().open("rb") as file:
        lines = io.TextIOWrapper(file, "utf-8-sig", errors="replace", newline="")
        for line in lines:
            said = _PROCESSING.search(line) if line.startswith("Processing") else None
            said = said or _TITLE.search(line)
            if said:
                report, table = said[1], None
            elif _HEADER.match(line.encode()):
                table = _Table(report, _columns(next(csv.reader([line]))))
            elif not line.strip():
                table = None
            elif table is not None:
                # A quoted name may go on over several lines.
                record = next(csv.reader(chain([line], lines)), [])
                yield table, record


def _columns(header: list[str]) -> list[tuple[str, str | None, bool]]:
    columns = []
    for title in header:
        unit = _UNIT.match(title.strip())
        name = unit[1] if unit else title.strip()
        is_measure = unit is not None or name.lower() in _COUNTS
        columns.append((name, unit[2] if unit else None, is_measure))
    return columns


def _add(rows: _Rows, table: _Table, record: list[str]) -> None:
    import json

    group: dict[str, Any] = {"report": table.report} if table.report else {}
    for (name, unit, is_measure), text in zip(table.columns, record, strict=True):
        if not is_measure:
            group[name] = _value(text, name)
        elif unit is not None and _number(text) is None and text:
            group[name] = text
    spelled = json.dumps(group, ensure_ascii=False)
    for (name, unit, is_measure), text in zip(table.columns, record, strict=True):
        value = _number(text) if is_measure else None
        if value is not None:
            rows.group.append(spelled)
            rows.metric.append(name)
            rows.unit.append(unit)
            rows.value.append(value)


def _value(text: str, name: str) -> str | int | None:
    """Keep numbers that number something as numbers; names stay texts."""
    if name.lower() not in {"name", "range", "operation"} and re.fullmatch(r"\d{1,18}", text):
        return int(text)
    return text or None


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _diagnostics(short: int, damage: list[tuple[str, int, str]]) -> Iterator[Chunk]:
    from traceql.importers._diagnostics import Diagnostics
    from traceql.importers.nsight.context import CODES

    diagnostics = Diagnostics(CODES)
    diagnostics.count("statistics_row_unread", short)
    yield from diagnostics.chunk(damage)
