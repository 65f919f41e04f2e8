"""Functions of Perfetto, and newer ones of SQLite, for the SQLite of a session.

Each gives what its namesake gives that the engine has (`operators.py` and the library).
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from traceql.query.perfetto.engine import DialectEngine

_UNITS = {
    "ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000, "min": 60_000_000_000,
    "hours": 3_600_000_000_000, "days": 86_400_000_000_000,
}  # fmt: skip


def install(engine: DialectEngine) -> None:
    """Let the SQLite of an engine call them."""
    plain = engine.plain
    args = _Args(engine)
    functions: dict[tuple[str, int], Callable[..., Any]] = {
        ("hash", -1): hashed,
        ("str_split", 3): str_split,
        ("regexp", 2): _found,
        ("regexp_extract", 2): regexp_extract,
        ("regexp_replace_simple", 3): regexp_replace_simple,
        ("unhex", 1): unhex,
        ("base64_encode", 1): base64_encode,
        ("concat", -1): lambda *parts: "".join(_text(p) for p in parts if p is not None),
        ("concat_ws", -1): lambda by, *parts: _joined(by, parts),
        ("trace_start", 0): lambda: engine.bounds()[0],
        ("trace_end", 0): lambda: engine.bounds()[1],
        ("trace_dur", 0): lambda: engine.bounds()[1] - engine.bounds()[0],
        ("extract_arg", 2): args.value,
        ("__intrinsic_arg_set_to_json", 1): args.as_json,
        ("extract_metadata", 1): engine.metadata,
        ("to_timecode", 1): to_timecode,
        **{(name, 1): _unknown for name in ("to_monotonic", "to_realtime", "abs_time_str")},
    }
    for unit, factor in _UNITS.items():
        functions[f"time_from_{unit}", 1] = _times(factor)
        functions[f"time_to_{unit}", 1] = _over(factor)
    for (name, count), run in functions.items():
        plain.function(name, count, run)
    plain.aggregate("last_non_null", 1, _LastNonNull)
    plain.aggregate("percentile", 2, _Percentile)
    plain.aggregate("internal_layout", 2, _Layout)


def hashed(*values: Any) -> int | None:
    """Give 63 bits of the MD5 of some values as text."""
    text = "\x1f".join("" if value is None else _text(value) for value in values)
    digest = hashlib.md5(text.encode(), usedforsecurity=False).digest()
    return int.from_bytes(digest[:8], "little") >> 1


def str_split(text: Any, separator: Any, place: Any) -> str | None:
    """Give the part at a place, from 0; None where there is none."""
    if text is None or separator is None or place is None:
        return None
    parts = _text(text).split(_text(separator)) if separator else [_text(text)]
    return parts[int(place)] if 0 <= int(place) < len(parts) else None


def regexp_extract(text: Any, pattern: Any) -> str | None:
    """Give the first group of the first match, or all of it where it has no groups."""
    if text is None or pattern is None:
        return None
    found = re.search(_text(pattern), _text(text))
    if found is None:
        return None
    return found[1] if found.re.groups else found[0]


def regexp_replace_simple(text: Any, pattern: Any, other: Any) -> str | None:
    """Replace every match."""
    if text is None or pattern is None or other is None:
        return None
    return re.sub(_text(pattern), lambda _: _text(other), _text(text))


def unhex(text: Any) -> int | None:
    """Give the number that hexadecimal digits spell, with or without 0x before them."""
    return None if text is None else int(_text(text).strip(), 16)


def to_timecode(nanos: Any) -> str | None:
    """Give a time as `hh:mm:ss mmm uuu nnn`."""
    if nanos is None:
        return None
    seconds, rest = divmod(int(nanos), 1_000_000_000)
    minutes, hours = seconds // 60, seconds // 3600
    clock = f"{hours:02}:{minutes % 60:02}:{seconds % 60:02}"
    return f"{clock} {rest // 1_000_000:03} {rest // 1000 % 1000:03} {rest % 1000:03}"


def _unknown(_: Any) -> None:
    """Answer what needs snapshots of clocks, which no trace of a store has."""


def base64_encode(value: Any) -> str | None:
    """Give bytes, or a text in UTF-8, in base 64."""
    if value is None:
        return None
    raw = value if isinstance(value, bytes) else _text(value).encode()
    return base64.b64encode(raw).decode()


def _found(pattern: Any, text: Any) -> int | None:
    if pattern is None or text is None:
        return None
    return int(re.search(_text(pattern), _text(text)) is not None)


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _joined(by: Any, parts: tuple[Any, ...]) -> str | None:
    return None if by is None else _text(by).join(_text(p) for p in parts if p is not None)


def _times(factor: int) -> Callable[[Any], int | None]:
    return lambda value: None if value is None else int(value) * factor


def _over(factor: int) -> Callable[[Any], int | None]:
    def over(value: Any) -> int | None:
        if value is None:
            return None
        whole = abs(int(value)) // factor
        return whole if int(value) >= 0 else -whole

    return over


class _Args:
    """Values of args by key, with their own types: read for all events when a key is first met."""

    def __init__(self, engine: DialectEngine) -> None:
        self._engine = engine
        self._by_key: dict[str, dict[int, Any]] = {}
        self._texts: dict[int, str] | None = None

    def as_json(self, arg_set: Any) -> str | None:
        """Give a set as JSON; the keys of a JSON trace stand under `args`, as Perfetto has it."""
        if arg_set is None:
            return None
        if self._texts is None:
            self._texts = dict(self._engine.arg_texts())
        text = self._texts.get(arg_set)
        try:
            found = None if text is None else json.loads(text)
        except ValueError:
            return None
        if not isinstance(found, dict | list) or not found:
            return None
        is_of_perfetto = isinstance(found, dict) and "debug" in found
        whole = found if is_of_perfetto else {"args": found}
        return json.dumps(whole, ensure_ascii=False, separators=(",", ":"))

    def value(self, arg_set: Any, key: Any) -> Any:
        if arg_set is None or key is None:
            return None
        if key not in self._by_key:
            self._by_key[key] = {
                row[0]: _json_value(row[1]) for row in self._engine.args_with(_text(key))
            }
        return self._by_key[key].get(arg_set)


def _json_value(text: str | None) -> Any:
    if text is None:
        return None
    value = json.loads(text)
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return text
    return text if isinstance(value, dict | list) else value


class _LastNonNull:
    """The last value of a window that is not null."""

    def __init__(self) -> None:
        self._values: deque[Any] = deque()

    def step(self, value: Any) -> None:
        self._values.append(value)

    def inverse(self, _: Any) -> None:
        self._values.popleft()

    def value(self) -> Any:
        return next((v for v in reversed(self._values) if v is not None), None)

    finalize = value


class _Layout:
    """The first line on which a span fits, where those before it, by ts, took their lines."""

    def __init__(self) -> None:
        self._ends: list[float] = []
        self._line: int | None = None

    def step(self, ts: Any, dur: Any) -> None:
        if ts is None or dur is None:
            self._line = None
            return
        end = float("inf") if dur == -1 else ts + dur
        free = (line for line, until in enumerate(self._ends) if until <= ts)
        self._line = next(free, len(self._ends))
        self._ends[self._line : self._line + 1] = [end]

    def inverse(self, *_: Any) -> None:
        raise ValueError("internal_layout() needs a window from the first row on")

    def value(self) -> int | None:
        return self._line

    finalize = value


class _Percentile:
    """A percentile, interpolated between the two values next to it."""

    def __init__(self) -> None:
        self._values: deque[float | None] = deque()
        self._percent = 0.0

    def step(self, value: Any, percent: Any) -> None:
        self._percent = float(percent)
        self._values.append(None if value is None else float(value))

    def inverse(self, *_: Any) -> None:
        self._values.popleft()

    def value(self) -> float | None:
        values = sorted(v for v in self._values if v is not None)
        if not values:
            return None
        place = self._percent / 100 * (len(values) - 1)
        low = int(place)
        high = min(low + 1, len(values) - 1)
        return values[low] + (place - low) * (values[high] - values[low])

    finalize = value
