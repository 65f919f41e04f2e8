"""Make texts from traces safe to look at: no control codes, no endless lines."""

from __future__ import annotations

from collections.abc import Sequence

_PICTURES: dict[int, int | str] = {
    code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))
}
_PICTURES |= {0x0A: "\u21b5", 0x09: "\u21e5"}
# Bidirectional overrides and isolates can make a line read as what it is not.
_PICTURES |= {
    code: f"\\u{code:04x}"
    for code in (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
}
_PICTURES |= {0x2028: "\u21b5", 0x2029: "\u21b5", 0xFEFF: "\\ufeff"}

MOST_CHARACTERS = 240
"""Characters of one name that a report shows, unless told otherwise."""


def visible(text: str) -> str:
    """Replace what a screen would obey instead of show: control codes, overrides, surrogates."""
    shown = text.translate(_PICTURES)
    return shown if shown.isascii() else shown.encode("utf-8", "backslashreplace").decode("utf-8")


def shorten(text: str, most: int = MOST_CHARACTERS) -> str:
    """Give `text`, or its beginning and end with the number of characters left out between."""
    if len(text) <= most:
        return text
    tail = most // 4
    head = most - tail
    return f"{text[:head]} …[{len(text) - most:,} more]… {text[-tail:] if tail else ''}"


def plain(text: str, most: int = MOST_CHARACTERS) -> str:
    """Shorten, then make visible: what a report shows for any text of a trace."""
    return visible(shorten(text, most))


def names(texts: Sequence[str], most: int = 5) -> str:
    """List names of a trace, the first ones, each shortened, and say how many more there are."""
    said = ", ".join(plain(text, 80) for text in texts[:most])
    return said if len(texts) <= most else f"{said} and {len(texts) - most:,} more"
