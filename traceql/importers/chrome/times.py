"""Microseconds as decimal text, exactly, as integer nanoseconds.

A number such as 1712195495519703.772 has more digits than a binary float holds, so no float is
used anywhere.
"""

from __future__ import annotations

import re

LIMIT = 1 << 62
"""Times beyond it are refused: a start and a length must add up within int64."""

_NUMBER = re.compile(rb"\s*([-+]?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([-+]?[0-9]{1,6}))?\s*")
_MOST_DIGITS = 19
_INTEGER = re.compile(rb"(-?[0-9]{1,19})(?:\.0*)?")
_INT64 = 1 << 63


def ns(token: bytes | None) -> int | None:
    """Convert a JSON number of µs, or a string that holds one, to the nearest ns.

    Halves are rounded away from zero. None where the token is no number or leaves the range.
    """
    if token is None:
        return None
    whole, _, part = token.partition(b".")
    if len(whole) <= 16 and whole.isdigit():  # what tools write nearly always
        if not part and len(whole) == len(token):
            value = int(whole) * 1000
            return value if value < LIMIT else None
        if len(part) == 3 and part.isdigit():
            value = int(whole + part)
            return value if value < LIMIT else None
    return scaled(token, 3)


def scaled(token: bytes, places: int) -> int | None:
    """Give the nearest integer to the number times 10 ** places, half away from zero."""
    match = _NUMBER.fullmatch(token.strip(b'"'))
    if match is None:
        return None
    sign, whole, part, exponent = match.groups(b"")
    if not whole + part:
        return None
    digits = (whole + part).lstrip(b"0")
    shift = int(exponent or b"0") - len(part) + places
    if not digits:
        return 0
    if len(digits) + shift > _MOST_DIGITS:
        return None
    if shift >= 0:
        value = int(digits + b"0" * shift)
    else:
        kept = len(digits) + shift
        value = int(digits[:kept] or b"0") if kept > 0 else 0
        value += kept >= 0 and digits[kept : kept + 1] >= b"5"
    if value >= LIMIT:
        return None
    return -value if sign == b"-" else value


def integer(token: bytes | None) -> int | None:
    """Give an integer token (digits, also with a fraction of zeros) that fits int64, else None."""
    if token is None:
        return None
    if len(token) <= 18 and token.isdigit():
        return int(token)
    match = _INTEGER.fullmatch(token)
    value = int(match[1]) if match else _INT64
    return value if -_INT64 <= value < _INT64 else None
