"""Judge templates of args: strict JSON, UTF-8, and what words they mention.

What is judged here is judged surely; everything unusual is only marked as not sure, and a slower
reader looks at it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceql.kernels.decorator import bare_kernel, inlined
from traceql.kernels.json_tokens import (
    CLOSE,
    CLOSE_LIST,
    COLON,
    COMMA,
    OPEN,
    OPEN_LIST,
    QUOTE,
    digits,
    skip_space,
    string_end,
)
from traceql.kernels.scan_args import HOLE, word
from traceql.kernels.vector import (
    ONE,
    ZERO,
    bits_below,
    equal32,
    first_bit,
    load8,
    load64,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

SURE, AVERAGE, CORRELATION = 1, 2, 4
"""It is valid; it has the text `"avg ms"`; its only mention of a correlation is the hole."""

MOST_LEVELS = 4
"""How deep brackets may nest in what is sure."""

_MOST_DIGITS = 300
_LETTER_A, _MOST_HOLES = 65, 16
_C, _LARGE_C, _BACKSLASH = np.uint8(ord("c")), np.uint8(ord("C")), np.uint8(92)
_MINUS, _POINT, _ZERO_DIGIT = np.uint8(ord("-")), np.uint8(ord(".")), np.uint8(ord("0"))
_E, _LARGE_E, _PLUS = np.uint8(ord("e")), np.uint8(ord("E")), np.uint8(ord("+"))
_LOWER = np.uint64(0x2020202020202020)
_CORRELAT, _RELATION = word(b"correlat"), word(b"relation")
_AVERAGE = word(b'"avg ms"')
_TRUE, _NULL, _FALSE = word(b"true"), word(b"null"), word(b"false")
_HIGH = np.uint64(0x8080808080808080)


@inlined
def _word_end(place: int) -> int:
    """Find the end of true, false or null; 0 if it is none of them."""
    four = load64(place) & bits_below(32)
    if four in (_TRUE, _NULL):
        return place + 4
    return place + 5 if load64(place) & bits_below(40) == _FALSE else 0


@inlined
def _number_end(place: int) -> int:
    """Find the end of a number as JSON writes it; 0 if there is none."""
    if load8(place) == _MINUS:
        place += 1
    first = load8(place)
    _, count = digits(place)
    if count == 0 or count > _MOST_DIGITS or (first == _ZERO_DIGIT and count > 1):
        return 0
    place += count
    if load8(place) == _POINT:
        _, count = digits(place + 1)
        if count == 0 or count > _MOST_DIGITS:
            return 0
        place += 1 + count
    if load8(place) in (_E, _LARGE_E):
        place += 1
        if load8(place) in (_MINUS, _PLUS):
            place += 1
        _, count = digits(place)
        if count == 0 or count > _MOST_DIGITS:
            return 0
        place += count
    return place


@inlined
def _holes(place: int, end: int) -> int:
    """Read an object with holes; the set of its holes, -1 if it is not surely JSON."""
    kinds = ZERO  # a bit for each open bracket, the innermost lowest: 1 is an object
    depth = 0
    found = 0
    while True:
        # A value begins here.
        byte = load8(place)
        if byte in (OPEN, OPEN_LIST):
            if depth == MOST_LEVELS:
                return -1
            depth += 1
            kinds = (kinds << ONE) | (ONE if byte == OPEN else ZERO)
            place = skip_space(place + 1)
            if load8(place) == byte + 2:
                place += 1
                depth -= 1
                kinds >>= ONE
            elif byte == OPEN:
                place = _key_end(place, end)
                if place == 0:
                    return -1
                continue
            else:
                continue
        elif byte == QUOTE:
            place = string_end(place + 1, end)
            if place == 0:
                return -1
            place += 1
        elif byte == HOLE:
            column = load8(place + 1) - _LETTER_A
            if column < 0 or column >= _MOST_HOLES or found >> column & 1:
                return -1
            found |= 1 << column
            place += 2
        else:
            after = _word_end(place)
            place = after if after != 0 else _number_end(place)
            if place == 0:
                return -1
        # A value ended here.
        while True:
            if depth == 0:
                return found if place == end else -1
            place = skip_space(place)
            byte = load8(place)
            within = kinds & ONE
            if byte != (CLOSE if within else CLOSE_LIST):
                break
            place += 1
            depth -= 1
            kinds >>= ONE
        if byte != COMMA:
            return -1
        place = skip_space(place + 1)
        if within:
            place = _key_end(place, end)
            if place == 0:
                return -1


@inlined
def _key_end(place: int, end: int) -> int:
    """Go from a key to its value; 0 if there is no key."""
    if load8(place) != QUOTE:
        return 0
    quote = string_end(place + 1, end)
    if quote == 0:
        return 0
    place = skip_space(quote + 1)
    return skip_space(place + 1) if load8(place) == COLON else 0


@inlined
def _is_utf8(place: int, end: int) -> bool:
    """Tell whether bytes are well-formed UTF-8 (Unicode 15, table 3-7)."""
    while place < end:
        if end - place >= 8 and load64(place) & _HIGH == ZERO:
            place += 8
            continue
        lead = load8(place)
        place += 1
        if lead < 0x80:
            continue
        lowest, highest = 0x80, 0xBF
        more = 1
        if 0xC2 <= lead <= 0xDF:
            more = 1
        elif 0xE0 <= lead <= 0xEF:
            more = 2
            if lead == 0xE0:
                lowest = 0xA0
            elif lead == 0xED:
                highest = 0x9F
        elif 0xF0 <= lead <= 0xF4:
            more = 3
            if lead == 0xF0:
                lowest = 0x90
            elif lead == 0xF4:
                highest = 0x8F
        else:
            return False
        if place + more > end:
            return False
        for _ in range(more):
            byte = load8(place)
            if byte < lowest or byte > highest:
                return False
            lowest, highest = 0x80, 0xBF
            place += 1
    return True


@inlined
def _mentions(place: int, end: int) -> tuple[int, bool, bool]:
    """Count `correlation` in any case; tell whether `"avg ms"` and a backslash are there."""
    count = 0
    average = False
    backslash = False
    while place < end:
        inside = bits_below(end - place)
        backslash |= equal32(place, _BACKSLASH) & inside != ZERO
        marks = equal32(place, _C) | equal32(place, _LARGE_C) | equal32(place, QUOTE)
        marks &= inside
        while marks != ZERO:
            at = place + first_bit(marks)
            marks &= marks - ONE
            first = load64(at)
            if at + 8 <= end and first == _AVERAGE:
                average = True
            if first | _LOWER == _CORRELAT and load64(at + 3) | _LOWER == _RELATION:
                count += at + 11 <= end
        place += 32
    return count, average, backslash


@bare_kernel
def judge_templates(
    arena: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    notes: NDArray[np.int32],
    first: int,
    correlation: int,
    verdicts: NDArray[np.uint8],
) -> None:
    """Judge some texts of a dictionary of templates.

    Args:
        arena: the texts, with 64 bytes of padding.
        offsets: int64, text i is arena[offsets[i]:offsets[i + 1]].
        notes: int32, the set of holes of each text.
        first: number of the first text to judge.
        correlation: the bit of the hole of `correlation`; 0: there is none.
        verdicts: uint8 [n], filled for n texts: a set of SURE, AVERAGE, CORRELATION, 0 where
            a slower reader has to look.
    """
    base = arena.ctypes.data
    for number in range(verdicts.shape[0]):
        begin = base + offsets[first + number]
        end = base + offsets[first + number + 1]
        holes = notes[first + number]
        verdict = 0
        if load8(begin) == OPEN and _holes(begin, end) == holes and _is_utf8(begin, end):
            count, average, backslash = _mentions(begin, end)
            if count == 0:
                verdict = SURE
            elif count == 1 and holes & correlation and not backslash:
                verdict = SURE | CORRELATION
            if verdict and average:
                verdict |= AVERAGE
        verdicts[number] = verdict
