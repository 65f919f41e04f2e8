"""Hot integers lifted out of JSON texts, so that what is left repeats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from traceql.kernels.decorator import as_input, kernel

Bytes = NDArray[np.uint8]
Int64 = NDArray[np.int64]
Int32 = NDArray[np.int32]

MARK = 1
"""Byte before the letter of a hole."""

_MOST = 64
"""Occurrences of hot keys in one text; a text with more is left as it is."""
_LAST_DIGITS = 18
"""Digits that always fit in an int64."""

_QUOTE, _BACKSLASH, _OPEN, _CLOSE, _MINUS, _COLON, _COMMA = 34, 92, 123, 125, 45, 58, 44
_ZERO, _NINE, _BRACKET, _UNBRACKET, _LETTER_A = 48, 57, 91, 93, 65


class Lifted(NamedTuple):
    """Texts with holes, and what stood in them."""

    data: Bytes
    """All texts, one after the other."""
    offsets: Int64
    """int64 [n + 1]: where each text begins in data."""
    holes: Int32
    """int32 [n]: bit k says that key k was lifted."""
    values: Int64
    """int64 [keys, n]: the lifted integers; 0 where there is none."""


def lift(data: ArrayLike, offsets: ArrayLike, keys: Sequence[bytes]) -> Lifted:
    """Replace the integers of hot keys by holes: the byte 1 and the letter of the key (A, B, …).

    A text is looked at if it is one flat object (exactly one opening brace, at its start) and
    holds no control character but tab, newline and carriage return, so that holes are unmistakable
    and putting the integers back gives the text byte for byte. Lifted are members of the object
    whose key is written as given and stands once, and whose value is an integer as JSON's shortest
    form writes it, of at most 18 digits or fitting int64.

    Args:
        data: uint8, texts one after the other.
        offsets: int64 [n + 1], ascending: where each text begins; the last is the end.
        keys: at most 26 keys, none with a quote or backslash.

    Raises:
        ValueError: too many keys.
    """
    if len(keys) > 26:
        raise ValueError(f"{len(keys)} keys, at most 26")
    texts, places = as_input(data, np.uint8), as_input(offsets, np.int64)
    rows = len(places) - 1
    key_data = as_input(np.frombuffer(b"".join(keys), np.uint8), np.uint8)
    key_ends = as_input(np.cumsum([0, *map(len, keys)]), np.int64)
    # A hole is no longer than what it replaces unless that is one digit; then it grows by one.
    size = int(places[-1] - places[0])
    out = np.empty(size + len(keys) * rows, np.uint8)
    out_offsets = np.zeros(rows + 1, np.int64)
    holes = np.zeros(rows, np.int32)
    values = np.zeros((len(keys), rows), np.int64)
    members, times = np.empty((_MOST, 3), np.int64), np.zeros(26, np.int64)
    _lift(texts, places, key_data, key_ends, out, out_offsets, holes, values, members, times)
    return Lifted(out[: out_offsets[-1]], out_offsets, holes, values)


@kernel
def _is_flat(data: Bytes, start: int, stop: int) -> bool:
    braces = 0
    for i in range(start, stop):
        byte = data[i]
        if byte < 32 and byte != 9 and byte != 10 and byte != 13:
            return False
        if byte == _OPEN:
            braces += 1
    return braces == 1 and data[start] == _OPEN


@kernel
def _key_at(data: Bytes, start: int, stop: int, keys: Bytes, ends: Int64) -> int:
    """Give the number of the key that data[start:stop] is, or -1."""
    for k in range(ends.shape[0] - 1):
        if ends[k + 1] - ends[k] != stop - start:
            continue
        same = True
        for i in range(stop - start):
            if data[start + i] != keys[ends[k] + i]:
                same = False
                break
        if same:
            return k
    return -1


@kernel
def _after_string(data: Bytes, start: int, stop: int) -> int:
    """Give the place of the quote that ends the string whose content begins at `start`."""
    i = start
    while i < stop and data[i] != _QUOTE:
        i += 2 if data[i] == _BACKSLASH else 1
    return min(i, stop)


@kernel
def _skip_space(data: Bytes, start: int, stop: int) -> int:
    i = start
    while i < stop and (data[i] == 32 or data[i] == 9 or data[i] == 10 or data[i] == 13):
        i += 1
    return i


@kernel
def _integer_end(data: Bytes, start: int, stop: int) -> int:
    """Give the end of a canonical integer member value that begins at `start`, or -1."""
    i = start
    if i < stop and data[i] == _MINUS:
        i += 1
    first = i
    while i < stop and data[i] >= _ZERO and data[i] <= _NINE:
        i += 1
    digits = i - first
    if digits == 0 or digits > _LAST_DIGITS + 1:
        return -1
    if data[first] == _ZERO and (digits > 1 or first > start):
        return -1
    after = _skip_space(data, i, stop)
    if after >= stop or (data[after] != _COMMA and data[after] != _CLOSE):
        return -1
    if digits == _LAST_DIGITS + 1:
        # 9223372036854775807 and …808 below zero: compare before the last digit overflows.
        head = 0
        for k in range(first, i - 1):
            head = head * 10 + (int(data[k]) - _ZERO)
        last = int(data[i - 1]) - _ZERO
        if head > 922337203685477580 or (
            head == 922337203685477580 and last > (8 if first > start else 7)
        ):
            return -1
    return i


@kernel
def _integer(data: Bytes, start: int, stop: int) -> int:
    negative = data[start] == _MINUS
    value = 0
    for i in range(start + (1 if negative else 0), stop):
        # Downwards, because the most negative integer has no positive twin.
        value = value * 10 - (int(data[i]) - _ZERO)
    return value if negative else -value


@kernel
def _find(data: Bytes, start: int, stop: int, keys: Bytes, ends: Int64, found: Int64) -> int:
    """List (key, value start, value end or -1) of hot members; give their number, -1: too many."""
    size = nested = 0
    expects_key = False
    i = start
    while i < stop:
        byte = data[i]
        if byte == _QUOTE:
            close = _after_string(data, i + 1, stop)
            key = -1
            if expects_key and nested == 0:
                key = _key_at(data, i + 1, close, keys, ends)
            i = close + 1
            expects_key = False
            if key >= 0:
                colon = _skip_space(data, i, stop)
                if colon < stop and data[colon] == _COLON:
                    if size == found.shape[0]:
                        return -1
                    i = _skip_space(data, colon + 1, stop)
                    found[size, 0], found[size, 1] = key, i
                    found[size, 2] = _integer_end(data, i, stop)
                    size += 1
            continue
        if byte == _OPEN or byte == _COMMA:
            expects_key = True
        elif byte == _BRACKET:
            nested += 1
        elif byte == _UNBRACKET:
            nested -= 1
        elif byte > 32:
            expects_key = False
        i += 1
    return size


@kernel
def _lift(
    data: Bytes, offsets: Int64, keys: Bytes, ends: Int64,
    out: Bytes, out_offsets: Int64, holes: Int32, values: Int64, found: Int64, times: Int64,
) -> None:  # fmt: skip
    at = 0
    for row in range(offsets.shape[0] - 1):
        start, stop = offsets[row], offsets[row + 1]
        size = 0
        if start < stop and _is_flat(data, start, stop):
            size = max(_find(data, start, stop, keys, ends, found), 0)
        for k in range(26):
            times[k] = 0
        for k in range(size):
            times[found[k, 0]] += 1
        copied = start
        for k in range(size):
            key, first, last = found[k, 0], found[k, 1], found[k, 2]
            if last < 0 or times[key] > 1:
                continue
            for i in range(copied, first):
                out[at + i - copied] = data[i]
            at += first - copied
            out[at] = MARK
            out[at + 1] = _LETTER_A + key
            at += 2
            copied = last
            holes[row] |= 1 << key
            values[key, row] = _integer(data, first, last)
        for i in range(copied, stop):
            out[at + i - copied] = data[i]
        at += stop - copied
        out_offsets[row + 1] = at
