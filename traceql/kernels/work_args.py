"""Read what templates of args say of work on devices: facts by column, nothing boxed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from traceql.kernels.decorator import bare_kernel, inlined
from traceql.kernels.gather import SAID
from traceql.kernels.json_tokens import (
    CLOSE,
    CLOSE_LIST,
    COMMA,
    OPEN_LIST,
    QUOTE,
    digits,
    integer,
    skip_space,
    string_end,
    value_end,
)
from traceql.kernels.scan_args import HOLE, word
from traceql.kernels.vector import bits_below, load8, load64, signed

if TYPE_CHECKING:
    from numpy.typing import NDArray

INT, INT32, THREE, SHARE, ABSENT = range(5)
"""Kinds of facts: an integer, one that fits int32, a list of three such, a percentage; a key that
is not to be there."""

_POINT, _E, _LARGE_E = np.uint8(ord(".")), np.uint8(ord("e")), np.uint8(ord("E"))
_BACKSLASH, _LETTER_A = np.uint8(92), 65
_NULL = word(b"null")
_LEAST, _LIMIT = -(1 << 31), 1 << 31
_MOST_DIGITS, _MOST_PLACES = 15, 22
_POWERS = np.array([10.0**k for k in range(_MOST_PLACES + 1)])


class Keys(NamedTuple):
    """Keys of facts.

    Attributes:
        data: uint8, the keys in lower case, one after the other. ends: int64 [k + 1].
        fields: int64 [k], where each fact goes; THREE goes to three fields.
        kinds: int64 [k], INT, INT32, THREE, SHARE or ABSENT.
    """

    data: NDArray[np.uint8]
    ends: NDArray[np.int64]
    fields: NDArray[np.int64]
    kinds: NDArray[np.int64]


class Facts(NamedTuple):
    """What was read, as `gather` takes it; int64 and int8 [fields, n]."""

    said: NDArray[np.int64]
    source: NDArray[np.int8]
    shares: NDArray[np.float64]
    """Float64 [n], the values of the field that is a SHARE, from 0 to 1."""


def keys_of(facts: dict[str, tuple[int, int]]) -> Keys:
    """Prepare keys in lower case with the field and the kind of each."""
    encoded = [key.encode() for key in facts]
    return Keys(
        np.array(bytearray(b"".join(encoded)), np.uint8),
        np.cumsum([0, *map(len, encoded)]),
        np.array([field for field, _ in facts.values()], np.int64),
        np.array([kind for _, kind in facts.values()], np.int64),
    )


@inlined
def _fact(key: int, quote: int, keys: Keys) -> int:
    """Find a key in any case; -1: none of ours, -2: it is not plain."""
    for place in range(key, quote):
        byte = load8(place)
        if byte >= 128 or byte == _BACKSLASH:
            return -2
    for number in range(keys.kinds.shape[0]):
        begin = keys.ends[number]
        if keys.ends[number + 1] - begin != quote - key:
            continue
        same = True
        for place in range(quote - key):
            byte = int(load8(key + place))
            if 65 <= byte <= 90:
                byte += 32
            if byte != keys.data[begin + place]:
                same = False
                break
        if same:
            return number
    return -1


@inlined
def _number(
    place: int,
    field: int,
    narrow: bool,
    row: int,
    out: Facts,
) -> int:
    """Read an integer, a hole or null into a field; the address after it, 0 if it is not plain."""
    if load8(place) == HOLE:
        out.source[field, row] = load8(place + 1) - _LETTER_A
        return place + 2
    if load64(place) & bits_below(32) == _NULL:
        return place + 4
    value, after, plain = integer(place)
    following = load8(after)
    if not plain or following in (_POINT, _E, _LARGE_E):
        return 0
    if not narrow or _LEAST <= value < _LIMIT:
        out.said[field, row] = value
        out.source[field, row] = SAID
    return after


@inlined
def _three(place: int, field: int, row: int, out: Facts) -> int:
    if load8(place) != OPEN_LIST:
        return 0
    for number in range(3):
        place = _number(skip_space(place + 1), field + number, True, row, out)
        if place == 0:
            return 0
        place = skip_space(place)
        if load8(place) != (CLOSE_LIST if number == 2 else COMMA):
            return 0
    return place + 1


@inlined
def _share(place: int, field: int, row: int, out: Facts) -> int:
    """Read a percentage of at most 15 digits: so many a double holds, and one division rounds."""
    if load64(place) & bits_below(32) == _NULL:
        return place + 4
    whole, count = digits(place)
    if count == 0 or count > _MOST_DIGITS:
        return 0
    place += count
    number, places = whole, 0
    if load8(place) == _POINT:
        part, places = digits(place + 1)
        if places == 0 or count + places > _MOST_DIGITS:
            return 0
        for _ in range(places):
            number *= np.uint64(10)
        number += part
        place += 1 + places
    if load8(place) in (_E, _LARGE_E):
        return 0
    out.shares[row] = np.float64(signed(number)) / _POWERS[places] / 100.0
    out.source[field, row] = SAID
    return place


@inlined
def _read(place: int, end: int, keys: Keys, row: int, out: Facts) -> bool:
    """Read the facts of a template; tell whether all of them are plain."""
    seen = 0
    place = skip_space(place + 1)
    while load8(place) == QUOTE:
        quote = string_end(place + 1, end)
        fact = _fact(place + 1, quote, keys)
        if fact == -2 or (fact >= 0 and seen >> fact & 1):
            return False
        place = skip_space(skip_space(quote + 1) + 1)
        after = 0
        if fact < 0:
            after = place + 2 if load8(place) == HOLE else value_end(place, end)
        else:
            seen |= 1 << fact
            field, kind = keys.fields[fact], keys.kinds[fact]
            if kind == THREE:
                after = _three(place, field, row, out)
            elif kind == SHARE:
                after = _share(place, field, row, out)
            elif kind != ABSENT:
                after = _number(place, field, kind == INT32, row, out)
        if after == 0:
            return False
        place = skip_space(after)
        byte = load8(place)
        if byte == CLOSE:
            return True
        if byte != COMMA:
            return False
        place = skip_space(place + 1)
    return load8(place) == CLOSE


@bare_kernel
def read_works(
    arena: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    numbers: NDArray[np.int64],
    keys: Keys,
    out: Facts,
    plain: NDArray[np.bool_],
) -> None:
    """Read facts of templates.

    Args:
        arena: templates that are valid JSON but for their holes, with 64 bytes of padding.
        offsets: int64, template i is arena[offsets[i]:offsets[i + 1]].
        numbers: int64 [n], which to read; one below 0 is left out.
        keys: what to look for.
        out: filled where a fact is there; elsewhere it stays as it was.
        plain: bool [n], filled: whether all facts were read. Where not, `out` may hold some.
    """
    base = arena.ctypes.data
    for row in range(numbers.shape[0]):
        number = numbers[row]
        plain[row] = number >= 0 and _read(
            base + offsets[number], base + offsets[number + 1], keys, row, out
        )
