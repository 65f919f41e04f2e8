"""Parts of a JSON reader over raw addresses: white space, strings, values, exact numbers.

All parts stop at the closing brace of the event they run in, or at `end`: a buffer needs its
padding, but no byte of garbage can make them loop or run away. 0 as an address means that the
text is not plain JSON.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceql.kernels.decorator import inlined
from traceql.kernels.vector import (
    ZERO,
    below32,
    below64,
    bits_below,
    count_bits,
    equal32,
    equal64,
    escaped_bytes,
    first_bit,
    load8,
    load64,
    running_parity,
    signed,
)

if TYPE_CHECKING:
    from traceql.kernels.vector import Byte, Mask

QUOTE, BACKSLASH, COMMA, COLON = np.uint8(34), np.uint8(92), np.uint8(44), np.uint8(58)
OPEN, CLOSE = np.uint8(123), np.uint8(125)
OPEN_LIST, CLOSE_LIST = np.uint8(91), np.uint8(93)
_SPACE, _ZERO, _MINUS, _PLUS, _POINT = (np.uint8(ord(c)) for c in " 0-+.")
_TAB, _LINE, _RETURN = np.uint8(9), np.uint8(10), np.uint8(13)
_POWERS = np.array([10**k for k in range(9)], np.uint64)
_LARGEST = np.uint64(2**63 - 1)
_MOST_MICROSECONDS = np.uint64(2**62 // 1000 - 1)


@inlined
def skip_space(address: int) -> int:
    """Go to the first byte that is not JSON's white space."""
    byte = load8(address)
    if byte > _SPACE:
        return address
    if byte == _SPACE and load8(address + 1) > _SPACE:
        return address + 1
    while True:
        spaces = equal32(address, _SPACE) | equal32(address, _LINE)
        spaces |= equal32(address, _RETURN) | equal32(address, _TAB)
        other = ~spaces & bits_below(32)
        if other != ZERO:
            return address + first_bit(other)
        address += 32


@inlined
def string_end(address: int, end: int) -> int:
    """Find the closing quote of the string whose first byte is at `address`.

    0 if it does not close before `end` or has a raw control character.
    """
    while address < end:
        quotes = equal32(address, QUOTE)
        stops = quotes | equal32(address, BACKSLASH) | below32(address, _SPACE)
        if stops == ZERO:
            address += 32
            continue
        address += first_bit(stops)
        byte = load8(address)
        if byte == QUOTE:
            return address if address < end else 0
        if byte != BACKSLASH:
            return 0
        address += 2
    return 0


@inlined
def container_end(address: int, end: int, opening: Byte, closing: Byte) -> tuple[int, int]:
    """Find the end of the object or list that opens at `address`.

    Only brackets of its own kind are counted.

    Returns:
        Address after its closing bracket, 0 if there is none or a string has a raw control
        character; and how many `opening` bytes it has, those within strings included.
    """
    within = ZERO
    escaped = ZERO
    depth = 0
    seen = 0
    while address < end:
        quotes = equal64(address, QUOTE)
        backslashes = equal64(address, BACKSLASH)
        if (backslashes | escaped) != ZERO:
            hidden, escaped = escaped_bytes(backslashes, escaped)
            quotes &= ~hidden
        strings = running_parity(quotes) ^ within
        within = ZERO - (strings >> np.uint64(63))
        control = below64(address, _SPACE) & strings
        raw = equal64(address, opening)
        opens = raw & ~strings
        closes = equal64(address, closing) & ~strings
        closing_count = count_bits(closes)
        if depth > closing_count:
            depth += count_bits(opens) - closing_count
        else:
            marks = opens | closes
            while marks != ZERO:
                low = marks & (ZERO - marks)
                marks ^= low
                if low & opens:
                    depth += 1
                    continue
                depth -= 1
                if depth == 0:
                    bit = first_bit(low)
                    before = bits_below(bit)
                    if control & before or address + bit >= end:
                        return 0, 0
                    return address + bit + 1, seen + count_bits(raw & before)
        if control != ZERO:
            return 0, 0
        seen += count_bits(raw)
        address += 64
    return 0, 0


@inlined
def value_end(address: int, end: int) -> int:
    """Find the end of any value; 0 if it is not plain.

    Words and numbers are only delimited here: whoever keeps the text must see to it that it
    is valid JSON.
    """
    byte = load8(address)
    if byte == QUOTE:
        stop = string_end(address + 1, end)
        return stop + 1 if stop != 0 else 0
    if byte in (OPEN, OPEN_LIST):
        # One call for both kinds: ] and } follow [ and { at the same distance.
        return container_end(address, end, byte, byte + 2)[0]
    first = address
    while address < end:
        stops = below32(address, _MINUS) & ~equal32(address, _PLUS)
        stops |= equal32(address, CLOSE) | equal32(address, CLOSE_LIST)
        if stops != ZERO:
            address += first_bit(stops)
            return address if address > first else 0
        address += 32
    return 0


@inlined
def _eight_digits(word: Mask) -> Mask:
    """Turn 8 bytes 0..9, most significant lowest, into their number.

    Pairs, then fours, then all: Lemire, Quickly parsing eight digits (2018).
    """
    word = (word * np.uint64(10) + (word >> np.uint64(8))) & np.uint64(0x00FF00FF00FF00FF)
    word = (word * np.uint64(100) + (word >> np.uint64(16))) & np.uint64(0x0000FFFF0000FFFF)
    return (word * np.uint64(10000) + (word >> np.uint64(32))) & np.uint64(0xFFFFFFFF)


@inlined
def digits(address: int) -> tuple[Mask, int]:
    """Read a run of digits: its number, right up to 19 digits, and their count."""
    number = ZERO
    count = 0
    while True:
        word = load64(address + count) ^ np.uint64(0x3030303030303030)
        others = ((word + np.uint64(0x7676767676767676)) | word) & np.uint64(0x8080808080808080)
        found = first_bit(others) >> 3
        if found == 0:
            return number, count
        word <<= np.uint64(64 - 8 * found)
        number = number * _POWERS[found] + _eight_digits(word)
        count += found
        if found < 8:
            return number, count


@inlined
def integer(address: int) -> tuple[int, int, bool]:
    """Read an integer literal.

    Returns:
        Its value; the address after its digits; whether it is canonical (neither leading
        zeros nor -0) and fits int64. What follows the digits is for the caller to judge.
    """
    negative = load8(address) == _MINUS
    first = address + 1 if negative else address
    number, count = digits(first)
    plain = 0 < count <= 19
    if load8(first) == _ZERO and (count > 1 or negative):
        plain = False
    limit = _LARGEST + np.uint64(1) if negative else _LARGEST
    if number > limit:
        plain = False
    value = signed(number)
    return -value if negative else value, first + count, plain


@inlined
def nanoseconds(address: int) -> tuple[int, int, bool]:
    """Read a decimal number of microseconds as ns, rounded half away from zero.

    Returns:
        The ns; the address after the literal; whether it is a plain decimal whose ns
        are below 2^62, so that a start and a length add up. What follows is for the caller to
        judge.
    """
    negative = load8(address) == _MINUS
    first = address + 1 if negative else address
    whole, count = digits(first)
    plain = 0 < count <= 18
    if whole > _MOST_MICROSECONDS:
        plain = False
    if load8(first) == _ZERO and count > 1:
        plain = False
    address = first + count
    value = signed(whole) * 1000
    if load8(address) == _POINT:
        address += 1
        fraction, places = digits(address)
        if places == 3:
            value += signed(fraction)
        elif places == 0:
            plain = False
        else:
            scale = 100
            for k in range(min(places, 3)):
                value += scale * (load8(address + k) - 48)
                scale //= 10
            if places > 3 and load8(address + 3) >= 53:
                value += 1
        address += places
    return -value if negative else value, address, plain
