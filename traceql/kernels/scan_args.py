"""The args of an event: a template that repeats, and the integers that do not.

A template is the text of the args exactly as written, but for each lifted integer the byte 1
and the letter of its column stand in its place, as in `lift`. Most events repeat a template
that was seen after the same template and name before: those are only compared, not read.
"""

from __future__ import annotations

import numpy as np

from traceql.kernels.decorator import inlined
from traceql.kernels.intern import FULL, Table, intern
from traceql.kernels.json_tokens import (
    CLOSE,
    COLON,
    COMMA,
    OPEN,
    QUOTE,
    container_end,
    integer,
    skip_space,
    string_end,
    value_end,
)
from traceql.kernels.scan_columns import (
    ARGS_ID,
    FULL_ARGS,
    ODD,
    PLAIN,
    Columns,
    LiftedKeys,
    Memory,
)
from traceql.kernels.vector import (
    PADDING,
    bits_below,
    copy_bytes,
    differ32,
    first_bit,
    load8,
    load64,
    same_bytes,
    signed,
    store8,
)

HOLE = np.uint8(1)
_LETTER_A = 65
_MAX_LIFTED = 16
_MAX_KEY_BYTES = 64
_ENDS_BYTES = 16
"""Of a key that is no longer, first and last 8 bytes say all."""
_GUESSES = 1 << 16


def word(key: bytes) -> np.uint64:
    """Give up to 8 bytes as `load64` reads them."""
    return np.uint64(int.from_bytes(key, "little"))


@inlined
def _key_hash(first: np.uint64, last: np.uint64, length: int) -> int:
    mixed = first ^ (last * np.uint64(0x9E3779B97F4A7C15)) ^ np.uint64(length)
    return signed((mixed * np.uint64(0xFF51AFD7ED558CCD)) >> np.uint64(56))


def lifted_keys(keys: tuple[str, ...]) -> LiftedKeys:
    """Prepare the keys to lift.

    Args:
        keys: At most 16, different, of 1 to 64 bytes; key k goes to column k.

    Raises:
        ValueError: the keys are not so.
    """
    encoded = [key.encode() for key in keys]
    if len(set(encoded)) != len(keys) or len(keys) > _MAX_LIFTED:
        raise ValueError(f"need at most {_MAX_LIFTED} different keys")
    table = LiftedKeys(
        np.zeros(256, np.uint64),
        np.zeros(256, np.uint64),
        np.zeros(256, np.int64),
        np.zeros(256, np.int64),
        np.zeros((256, _MAX_KEY_BYTES + PADDING), np.uint8),
    )
    for column, key in enumerate(encoded):
        if not 1 <= len(key) <= _MAX_KEY_BYTES:
            raise ValueError(f"a lifted key has 1 to {_MAX_KEY_BYTES} bytes: {key!r}")
        first, last = word(key[:8]), word(key[-8:])
        mixed = int(first) ^ (int(last) * 0x9E3779B97F4A7C15) ^ len(key)
        place = (mixed * 0xFF51AFD7ED558CCD & (1 << 64) - 1) >> 56
        while table.length[place]:
            place = (place + 1) & 255
        table.first[place], table.last[place] = first, last
        table.length[place], table.column[place] = len(key), column
        table.text[place, : len(key)] = np.frombuffer(key, np.uint8)
    return table


@inlined
def _lifted_column(key: int, length: int, keys: LiftedKeys) -> int:
    """Give the column of a key of args, -1 if it is not lifted."""
    if length > _MAX_KEY_BYTES or length == 0:
        return -1
    first = load64(key)
    if length < 8:
        first &= bits_below(8 * length)
        last = first
    else:
        last = load64(key + length - 8)
    place = _key_hash(first, last, length)
    while keys.length[place] != 0:
        if keys.first[place] == first and keys.last[place] == last and keys.length[place] == length:
            text = keys.text.ctypes.data + place * (_MAX_KEY_BYTES + PADDING)
            if length <= _ENDS_BYTES or same_bytes(text, key, length):
                column: int = keys.column[place]
                return column
        place = (place + 1) & 255
    return -1


@inlined
def _follow(address: int, known: int, table: Table, out: Columns, row: int) -> int:
    """Read args along a known template; the address after them, 0 if they differ.

    Equal bytes go 32 at a time; a hole takes an integer. What passes would have given this
    very template: literal parts are the same, so keys are, and integers are canonical.
    """
    arena = table.arena.ctypes.data
    place: int = arena + table.offsets[known]
    stop: int = arena + table.offsets[known + 1]
    filled = 0
    while True:
        same = first_bit(differ32(address, place))
        left = stop - place
        if left <= 32 and left <= same:
            break
        if same >= 32:
            address += 32
            place += 32
            continue
        if same >= left or load8(place + same) != HOLE:
            return 0
        column = load8(place + same + 1) - _LETTER_A
        value, address, plain = integer(address + same)
        if not plain or column < 0 or column >= out.lifted.shape[0]:
            return 0
        out.lifted[column, row] = value
        filled |= 1 << column
        place += same + 2
    if filled != table.notes[known]:
        return 0
    out.holes[row] = filled
    return address + left


@inlined
def _lift(
    address: int, stop: int, keys: LiftedKeys, template: int, out: Columns, row: int
) -> tuple[int, int, bool]:
    """Copy flat args to `template` with lifted integers left out.

    Returns:
        Bytes of the template; its holes; whether the args are plain.
    """
    copied = address
    used = 0
    seen = 0
    holes = 0
    place = skip_space(address + 1)
    if load8(place) == CLOSE:
        copy_bytes(template, address, stop - address)
        return stop - address, 0, place + 1 == stop
    while True:
        if load8(place) != QUOTE:
            return 0, 0, False
        key = place + 1
        quote = string_end(key, stop)
        if quote == 0:
            return 0, 0, False
        place = skip_space(quote + 1)
        if load8(place) != COLON:
            return 0, 0, False
        place = skip_space(place + 1)
        column = _lifted_column(key, quote - key, keys)
        after = 0
        if column >= 0:
            if seen >> column & 1:
                return 0, 0, False
            seen |= 1 << column
            value, after, plain = integer(place)
            following = load8(skip_space(after))
            if plain and (following == COMMA or following == CLOSE):
                copy_bytes(template + used, copied, place - copied)
                used += place - copied
                store8(template + used, HOLE)
                store8(template + used + 1, _LETTER_A + column)
                used += 2
                copied = after
                out.lifted[column, row] = value
                holes |= 1 << column
            else:
                after = 0
        if after == 0:
            after = value_end(place, stop)
            if after == 0:
                return 0, 0, False
        place = skip_space(after)
        byte = load8(place)
        if byte == CLOSE:
            copy_bytes(template + used, copied, stop - copied)
            return used + stop - copied, holes, place + 1 == stop
        if byte != COMMA:
            return 0, 0, False
        place = skip_space(place + 1)


@inlined
def _remember(
    number: int, by_both: int, by_name: int, memory: Memory, out: Columns, row: int
) -> None:
    """Give the event its template, and guess the same after the same next time."""
    memory.guesses[by_both] = number + 1
    memory.guesses[by_name] = number + 1
    memory.previous[0] = number
    out.ids[ARGS_ID, row] = number


@inlined
def args(
    address: int,
    end: int,
    name: int,
    keys: LiftedKeys,
    table: Table,
    memory: Memory,
    out: Columns,
    row: int,
) -> tuple[int, int]:
    """Read the args object at `address`; the address after it, and what became of it."""
    guesses = memory.guesses
    mixed = np.uint64(name + 1) * np.uint64(0x9E3779B97F4A7C15)
    by_name = _GUESSES + signed(mixed >> np.uint64(48))
    mixed ^= np.uint64(memory.previous[0] + 1) * np.uint64(0x9FB21C651E98DF25)
    by_both = signed((mixed * np.uint64(0xFF51AFD7ED558CCD)) >> np.uint64(48))
    number: int = guesses[by_both] - 1
    after = _follow(address, number, table, out, row) if number >= 0 else 0
    if after == 0 and guesses[by_name] != guesses[by_both]:
        number = guesses[by_name] - 1
        after = _follow(address, number, table, out, row) if number >= 0 else 0
    if after != 0:
        _remember(number, by_both, by_name, memory, out, row)
        return after, PLAIN
    stop, braces = container_end(address, end, OPEN, CLOSE)
    if stop == 0:
        return 0, ODD
    source = address
    size = stop - address
    holes = 0
    if braces == 1:
        source = memory.template.ctypes.data
        size, holes, plain = _lift(address, stop, keys, source, out, row)
        if not plain:
            return 0, ODD
    number = intern(source, size, table)
    if number == FULL:
        return 0, FULL_ARGS
    table.notes[number] = holes
    out.holes[row] = holes
    _remember(number, by_both, by_name, memory, out, row)
    return stop, PLAIN
