"""Numbers for people: times, bytes, ratios. Data formats never come through here."""

from __future__ import annotations

import re

_TIMES = ((1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs"), (1, "ns"))
_BYTES = ((1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))
_MINUTE_S = 60


def format_ns(value: float | None) -> str:
    """Write nanoseconds as people say them: `1.23 ms`, `950 ns`, `2 min 3.0 s`."""
    if value is None:
        return ""
    size = abs(value)
    if size >= _MINUTE_S * 1_000_000_000:
        minutes, seconds = divmod(size / 1e9, _MINUTE_S)
        return f"{'-' if value < 0 else ''}{minutes:.0f} min {seconds:.1f} s"
    for scale, unit in _TIMES:
        if size >= scale:
            return f"{value:.0f} ns" if scale == 1 else f"{_three(value / scale)} {unit}"
    return f"{value:.3g} ns"


def format_bytes(value: float | None) -> str:
    """Write bytes with binary units: `1.50 GiB`."""
    if value is None:
        return ""
    for scale, unit in _BYTES:
        if abs(value) >= scale:
            return f"{_three(value / scale)} {unit}"
    return f"{value:.0f} B"


def format_ratio(value: float | None) -> str:
    """Write a share as percent: `12.3 %`."""
    return "" if value is None else f"{_three(100 * value)} %"


def format_count(value: int | None) -> str:
    """Write a count with thin groups: `12,345`."""
    return "" if value is None else f"{value:,}"


def parse_bytes(text: str) -> int:
    """Read `512MB`, `2GiB`, `1500000`: decimal and binary units.

    Raises:
        ValueError: not a size, or not positive.
    """
    units = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
    units |= {"ki": 1 << 10, "mi": 1 << 20, "gi": 1 << 30, "ti": 1 << 40}
    found = re.fullmatch(r"(\d+\.?\d*)\s*([kmgt]i?)?b?", text.strip().lower())
    size = int(float(found[1]) * units[found[2] or ""]) if found else 0
    if size <= 0:
        raise ValueError(f"{text!r} is not a size such as 512MB or 2GiB")
    return size


def _three(value: float) -> str:
    size = abs(value)
    digits = 2 if size < 10 else 1 if size < 100 else 0
    return f"{value:.{digits}f}"
