"""Read call graphs row by row: they hold a row for each path, not for each call."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from traceql.errors import CorruptTrace
from traceql.importers._json_stream import JsonStream
from traceql.importers._rocm.frames import Frames
from traceql.importers._rocm.trace import Trace
from traceql.model import tables
from traceql.model.protocols import BLOCK_BYTES, Chunk

if TYPE_CHECKING:
    from pathlib import Path

    from traceql.model.protocols import Source

_NS = {"sec": 1e9, "msec": 1e6, "usec": 1e3, "nsec": 1.0, "s": 1e9, "ms": 1e6, "us": 1e3, "ns": 1.0}
_LABEL = re.compile(r"^(?:\|?([\d.]*)>>>)?\s*(?:\|_)?\s*(.*?)\s*$")
_MEASURES = ("SUM", "MEAN", "MIN", "MAX", "VAR", "STDDEV")
_BATCH_ROWS = 1 << 14
_NEEDED = frozenset({"LABEL", "COUNT", "DEPTH", "METRIC", "UNITS"})


class Entry(NamedTuple):
    """A path of a call graph."""

    thread: str
    depth: int
    name: str
    component: str
    unit: str
    calls: float | None
    values: dict[str, float | None]
    """Measure to value, in the unit; `self` in percent."""


def chunks(source: Source) -> Iterator[Chunk]:
    """Give the chunks of a file.

    Raises:
        CorruptTrace: there is no row in it.
    """
    trace = Trace()
    path = source.local()
    with path.open("rb") as file:
        is_json = file.read(64).removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{")
    walk = _Json(path, trace)
    entries = walk.entries() if is_json else _text_entries(path, trace)
    graph = _Graph()
    for entry in entries:
        graph.add(entry)
        if len(graph.rows) >= _BATCH_ROWS:
            yield graph.chunk()
    if graph.rows:
        yield graph.chunk()
    if not graph.count:
        raise CorruptTrace(source.path, 0, "there is no whole row in it")
    yield from graph.frames.chunks()
    yield from trace.end([*walk.damage, *source.damage])


class _Graph:
    """Numbers rows; the row above at one depth less is the caller's."""

    def __init__(self) -> None:
        self.frames = Frames()
        self.rows: list[tuple[Any, ...]] = []
        self.count = 0
        self._callers: dict[tuple[str, str], list[tuple[int, dict[str, int]]]] = {}

    def add(self, entry: Entry) -> None:
        """Add the measures of a path."""
        stack = self._callers.setdefault((entry.component, entry.thread), [])
        del stack[entry.depth :]
        parent, ids = stack[-1] if stack else (None, {})
        frame = self.frames.number(parent, entry.name)
        scale = _NS.get(entry.unit)
        unit = "ns" if scale else entry.unit or None
        spelled = json.dumps({"component": entry.component, "thread": entry.thread})
        mine: dict[str, int] = {}
        found: dict[str, tuple[float | None, str | None, bool | None]]
        found = {"count": (entry.calls, "count", None)}
        for measure, value in entry.values.items():
            is_self = measure == "self"
            power = 2 if measure == "var" else 1
            factor = (scale or 1.0) ** power if not is_self else 1.0
            told = None if value is None else value * factor
            kind = "%" if is_self else f"{unit}^2" if measure == "var" and unit else unit
            found[measure] = (told, kind, is_self)
        for measure, (total, kind, own) in found.items():
            if total is not None:
                metric = f"{entry.component}.{measure}"
                mine[metric] = self.count
                self.rows.append((
                    self.count, ids.get(metric), frame, spelled, metric, kind, total, own
                ))  # fmt: skip
                self.count += 1
        stack.append((frame, mine))

    def chunk(self) -> Chunk:
        """Give the rows so far."""
        names = ("id", "parent_id", "frame_id", "group", "metric", "unit", "value", "self")
        columns = dict(zip(names, map(list, zip(*self.rows, strict=True)), strict=True))
        self.rows = []
        return Chunk("profile", tables.conform("profile", columns))


def _text_entries(path: Path, trace: Trace) -> Iterator[Entry]:
    """Read framed tables; a label may hold the sign that parts the columns."""
    header: list[str] = []
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            text = line.strip()
            if not text.startswith("|") or text.startswith("|-"):
                continue
            cells = [cell.strip() for cell in text.strip("|").split("|")]
            if cells[0] == "LABEL":
                header = cells
                continue
            if not header:
                continue  # the table's title
            entry = _text_entry(text, header)
            if entry is not None:
                yield entry
            elif len(cells) > 1:
                trace.diagnostics.count("record_unread")


def _text_entry(text: str, header: list[str]) -> Entry | None:
    if not text.endswith("|") or not _NEEDED.issubset(header):
        return None
    cells = text[1:-1].rsplit("|", len(header) - 1)
    label = _LABEL.match(cells[0].strip())
    if len(cells) != len(header) or label is None:
        return None
    row = dict(zip(header, (cell.strip() for cell in cells), strict=True))
    if re.fullmatch(r"[0-9]{1,6}", row["DEPTH"]) is None:
        return None
    values = {name.lower(): _number(row[name]) for name in _MEASURES if name in row}
    if "% SELF" in row:
        values["self"] = _number(row["% SELF"])
    return Entry(
        label[1] or "", int(row["DEPTH"]), label[2], row["METRIC"], row["UNITS"],
        _number(row["COUNT"]), values,
    )  # fmt: skip


class _Json:
    """Walks a JSON text to the nodes of its graphs; damage costs the node that it hits."""

    def __init__(self, path: Path, trace: Trace) -> None:
        self._trace = trace
        self._stream = JsonStream(_blocks(path), self._report)
        self.damage: list[tuple[str, int, str]] = []

    def _report(self, code: str, offset: int) -> None:
        self.damage.append((code, offset, "Text that is no whole JSON; the rest was read."))

    def entries(self) -> Iterator[Entry]:
        """Give the paths of all components and ranks."""
        for key in self._members():
            if key != b"timemory":
                self._stream.value()
                continue
            for component in self._members():
                yield from self._component(component.decode("utf-8", "replace"))

    def _members(self) -> Iterator[bytes]:
        if self._stream.peek() == b"{":
            yield from self._stream.enter_object()
        else:
            self._stream.value()

    def _component(self, name: str) -> Iterator[Entry]:
        unit = ""
        for key in self._members():
            if key == b"unit_repr":
                unit = (self._stream.value() or b"").strip(b'"').decode("utf-8", "replace")
            elif key == b"ranks" and self._stream.peek() == b"[":
                self._stream.step()
                while self._stream.peek() == b"{":
                    yield from self._rank(name, unit)
                if self._stream.peek() == b"]":
                    self._stream.step()
            elif self._stream.value() is None:
                return

    def _rank(self, name: str, unit: str) -> Iterator[Entry]:
        for key in self._members():
            if key != b"graph" or self._stream.peek() != b"[":
                if self._stream.value() is None:
                    return
                continue
            for _ in self._stream.elements():
                try:
                    text = self._stream.element_text().decode("utf-8", "replace")
                    node = json.loads(text, strict=False)
                except (ValueError, RecursionError):
                    node = None
                entry = _json_entry(name, unit, _dict(node))
                if entry is not None:
                    yield entry
                else:
                    self._trace.diagnostics.count("record_unread")


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            yield block


def _json_entry(component: str, unit: str, node: dict[str, Any]) -> Entry | None:
    depth, label = node.get("depth"), _LABEL.match(str(node.get("prefix", "")))
    if not isinstance(depth, int) or depth < 0 or label is None:
        return None
    entry, stats = _dict(node.get("entry")), _dict(node.get("stats"))
    values = {"sum": _real(entry.get("repr_data"))}
    for measure in ("mean", "min", "max", "stddev"):
        values[measure] = _real(stats.get(measure))
    return Entry(label[1] or "", depth, label[2], component, unit, _real(entry.get("laps")), values)


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _real(value: Any) -> float | None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if is_number and abs(value) < 1e300 else None


def _number(text: str) -> float | None:
    try:
        return _real(float(text))
    except ValueError:
        return None
