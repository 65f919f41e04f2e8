"""Read templates of args as series of numbers: what counters say, nothing boxed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from traceql.kernels.decorator import bare_kernel, inlined
from traceql.kernels.gather import SAID
from traceql.kernels.json_tokens import (
    CLOSE,
    COMMA,
    QUOTE,
    digits,
    skip_space,
    string_end,
    value_end,
)
from traceql.kernels.scan_args import HOLE
from traceql.kernels.vector import load8, same_bytes, signed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Int64 = NDArray[np.int64]

LEFT = -3
"""Source of a number whose digits are more than a double holds exactly: its text is given."""
LEAST_BYTES = 5
"""No series takes fewer bytes of a template."""

_MOST_SERIES = 64
_BACKSLASH, _MINUS, _POINT = np.uint8(92), np.uint8(ord("-")), np.uint8(ord("."))
_ZERO, _NINE, _LETTER_A = np.uint8(ord("0")), np.uint8(ord("9")), 65
_MOST_DIGITS, _MOST_PLACES = 15, 22
_POWERS = np.array([10.0**k for k in range(_MOST_PLACES + 1)])


class Series(NamedTuple):
    """Series of templates, one template after the other, in their order within it.

    Attributes:
        keys: int64 [2, m], where in the arena each key begins and ends.
        numbers: int64 [2, m], where its number does.
        source: int8 [m], SAID, LEFT, or the lifted column that has the number.
        values: float64 [m], of those that are SAID.
    """

    keys: Int64
    numbers: Int64
    source: NDArray[np.int8]
    values: NDArray[np.float64]


@inlined
def _number(place: int, at: int, end: int, base: int, out: Series) -> int:
    """Read a number or a hole as series `at`; the address after it, 0 if it is neither."""
    first = place
    if load8(place) == HOLE:
        out.source[at] = load8(place + 1) - _LETTER_A
        out.numbers[0, at], out.numbers[1, at] = place - base, place + 2 - base
        return place + 2
    negative = load8(place) == _MINUS
    if negative:
        place += 1
    if not _ZERO <= load8(place) <= _NINE:
        return 0
    number, count = digits(place)
    place += count
    places = 0
    if load8(place) == _POINT:
        part, places = digits(place + 1)
        place += 1 + places
        # One division of numbers that a double holds rounds once (Clinger, 1990).
        for _ in range(min(places, _MOST_DIGITS)):
            number *= np.uint64(10)
        number += part
    after = value_end(first, end)
    exact = place == after and count + places <= _MOST_DIGITS
    value = np.float64(signed(number)) / _POWERS[places if exact else 0]
    out.values[at] = -value if negative else value
    out.source[at] = SAID if exact else LEFT
    out.numbers[0, at], out.numbers[1, at] = first - base, after - base
    return after


@inlined
def _is_new(first: int, at: int, base: int, out: Series) -> bool:
    """Tell whether the key of series `at` differs from those of its template before it."""
    key, size = base + out.keys[0, at], out.keys[1, at] - out.keys[0, at]
    for other in range(first, at):
        begin = out.keys[0, other]
        if out.keys[1, other] - begin == size and same_bytes(base + begin, key, size):
            return False
    return True


@inlined
def _read(place: int, end: int, first: int, base: int, out: Series) -> int:
    """Read the series of a template to number `first` and on; how many, -1 if it is not plain."""
    count = 0
    place = skip_space(place + 1)
    while load8(place) == QUOTE and count < _MOST_SERIES:
        quote = string_end(place + 1, end)
        if quote == 0:
            return -1
        for byte in range(place + 1, quote):
            if load8(byte) == _BACKSLASH:
                return -1
        at = first + count
        out.keys[0, at], out.keys[1, at] = place + 1 - base, quote - base
        place = _number(skip_space(skip_space(quote + 1) + 1), at, end, base, out)
        if place == 0 or not _is_new(first, at, base, out):
            return -1
        count += 1
        place = skip_space(place)
        byte = load8(place)
        if byte == CLOSE:
            return count
        if byte != COMMA:
            return -1
        place = skip_space(place + 1)
    return -1


@bare_kernel
def read_series(
    arena: NDArray[np.uint8], offsets: Int64, numbers: Int64, out: Series, counts: Int64
) -> int:
    """Read flat args whose values are all numbers, or holes.

    Args:
        arena: templates that are valid JSON but for their holes, with 64 bytes of padding.
        offsets: int64, template i is arena[offsets[i]:offsets[i + 1]].
        numbers: int64 [n], which to read; one below 0 is not plain.
        out: filled; it needs room for a series for every LEAST_BYTES of these templates and one
            for each of them.
        counts: int64 [n], filled: how many series each has; -1 where it is not plain: values of
            other types, no members, keys that are escaped or repeated, too many of them.

    Returns:
        How many series there are.
    """
    base = arena.ctypes.data
    total = 0
    for row in range(numbers.shape[0]):
        number = numbers[row]
        counts[row] = -1
        if number >= 0:
            begin, end = base + offsets[number], base + offsets[number + 1]
            counts[row] = _read(begin, end, total, base, out)
            total += max(counts[row], 0)
    return total
