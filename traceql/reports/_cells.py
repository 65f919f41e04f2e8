"""Show a column to people: its heading, its unit, and its values with that unit.

A column's unit stands in its name, as the data model rules: `dur` and `*_dur` are ns,
`*_bytes`, `*_ratio`, `*_count`, `*_w`, `*_j`, `*_celsius`, `*_hz` are what they say.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from traceql.model import units
from traceql.reports._text import MOST_CHARACTERS, plain

if TYPE_CHECKING:
    import pyarrow as pa

Quantity = Literal[
    "ns", "ts", "bytes", "ratio", "count", "id", "number", "text", "w", "j", "celsius", "hz"
]

_SUFFIXES: dict[str, Quantity] = {
    "dur": "ns",
    "ns": "ns",
    "ts": "ts",
    "bytes": "bytes",
    "ratio": "ratio",
    "count": "count",
    "w": "w",
    "j": "j",
    "celsius": "celsius",
    "hz": "hz",
}
_UNSAID = {"dur", "ns", "bytes", "w", "j", "celsius", "hz"}
_ALONE = {"dur": "duration", "ratio": "share", "bytes": "bytes", "ts": "ts", "ns": "time"}
_IDS = {"id", "upid", "utid", "pid", "tid", "rank", "cpu", "depth", "index"}
_SYMBOLS: dict[str, str] = {"w": "W", "j": "J", "celsius": "°C"}
_UNIT_NAMES: dict[str, Quantity] = {
    "ns": "ns",
    "bytes": "bytes",
    "byte": "bytes",
    "ratio": "ratio",
    "count": "count",
    "w": "w",
    "j": "j",
    "celsius": "celsius",
    "hz": "hz",
}


@dataclass(frozen=True)
class Shown:
    """How a column is shown."""

    name: str
    label: str
    quantity: Quantity

    @property
    def numeric(self) -> bool:
        """Whether the values align to the right and sort as numbers."""
        return self.quantity != "text"


def columns(table: pa.Table) -> tuple[Shown, ...]:
    """Say how each column of a table is shown."""
    return tuple(Shown(f.name, label(f.name), quantity(f.name, f.type)) for f in table.schema)


def quantity(name: str, type_: pa.DataType) -> Quantity:
    """Read the quantity from a column's name; the type decides where the name says nothing."""
    import pyarrow as pa

    if not (pa.types.is_integer(type_) or pa.types.is_floating(type_)):
        return "text"
    last = name.rpartition("_")[2]
    if name in _IDS or last in {"id", *_IDS}:
        return "id"
    found = _SUFFIXES.get(last)
    if found is None:
        return "count" if pa.types.is_integer(type_) else "number"
    return found


def label(name: str) -> str:
    """Make a heading: `self_dur` becomes `self`, `busy_ratio` becomes `busy share`."""
    if name in _ALONE:
        return _ALONE[name]
    words = name.split("_")
    if len(words) > 1 and words[-1] in _UNSAID:
        words = words[:-1]
    elif words[-1] == "ratio":
        words[-1] = "share"
    return plain(" ".join(words))


def show(value: Any, quantity: Quantity, most: int = MOST_CHARACTERS) -> str:
    """Write one value for people; nothing for null.

    Args:
        value: a Python value out of an Arrow column.
        quantity: what the number counts.
        most: characters of a text that are shown.
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return _number(value, quantity)
    if isinstance(value, str):
        return plain(value, most)
    return plain(json.dumps(value, ensure_ascii=False, default=str), most)


def show_unit(value: float | None, unit: str | None) -> str:
    """Write a finding's value with its unit as the finding names it."""
    if value is None:
        return ""
    known = _UNIT_NAMES.get((unit or "").lower())
    if known is not None:
        return show(value, known)
    return f"{show(float(value), 'number')} {plain(unit or '')}".strip()


def _number(value: float, quantity: Quantity) -> str:
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if quantity in _SYMBOLS:
        return f"{value:.4g} {_SYMBOLS[quantity]}"
    if quantity in {"ts", "id"}:
        return f"{value:.0f}" if isinstance(value, float) else str(value)
    write = _WRITERS.get(quantity, _plain_number)
    return write(value)


def _length(value: float) -> str:
    """Write a time; -1 is the length of a slice that was never closed."""
    if value == -1:
        return "open"
    return units.format_ns(value) if value else "0"


def _hertz(value: float) -> str:
    for scale, unit in ((1e9, "GHz"), (1e6, "MHz"), (1e3, "kHz")):
        if abs(value) >= scale:
            return f"{value / scale:.4g} {unit}"
    return f"{value:.4g} Hz"


def _plain_number(value: float) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.1f}" if abs(value) >= 1000 else f"{value:.4g}"


_WRITERS: dict[str, Callable[[float], str]] = {
    "ns": _length,
    "bytes": units.format_bytes,
    "ratio": units.format_ratio,
    "hz": _hertz,
}
