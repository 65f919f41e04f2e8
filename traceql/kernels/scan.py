"""Turn the events of a Chrome trace into columns: one pass over their bytes, nothing boxed.

What is not plain (`ODD`) is only marked; a slower reader gets its byte range. Plain means:
an object whose keys are unescaped and, where known, not repeated; times are decimals without
exponent; pid, tid and id are canonical integers or strings; name and cat are strings; ph, bp
and s are strings of one ASCII character; args is an object; there are at most 16 members.

The texts that were interned are delimited, not validated. An event is right only if its
texts are: `Dictionary` texts are few, so the caller validates each once (as JSON and UTF-8)
and treats events that refer to a bad one as odd.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceql.kernels.decorator import bare_kernel, inlined
from traceql.kernels.intern import FULL, intern
from traceql.kernels.json_tokens import (
    BACKSLASH,
    CLOSE,
    COLON,
    COMMA,
    OPEN,
    QUOTE,
    integer,
    nanoseconds,
    skip_space,
    string_end,
    value_end,
)
from traceql.kernels.scan_args import args, word
from traceql.kernels.scan_columns import (
    ARGS,
    ARGS_ID,
    BINDING,
    BINDING_BYTE,
    CATEGORY,
    CATEGORY_ID,
    DUR,
    EXTRA,
    EXTRA_ID,
    FULL_CATEGORIES,
    FULL_EXTRAS,
    FULL_NAMES,
    FULL_TEXTS,
    ID,
    INSTANT,
    INSTANT_BYTE,
    NAME,
    NAME_ID,
    ODD,
    PHASE,
    PHASE_BYTE,
    PID,
    PID_IS_TEXT,
    PLAIN,
    TDUR,
    TID,
    TS,
    TTS,
    Columns,
    LiftedKeys,
    Memory,
    Tables,
)
from traceql.kernels.vector import ZERO, bits_below, copy_bytes, first_bit, load8, load64, store8

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MOST_MEMBERS = 16
_K_TS, _K_DUR, _K_TTS, _K_TDUR = word(b"ts"), word(b"dur"), word(b"tts"), word(b"tdur")
_K_PID, _K_TID, _K_ID, _K_NAME = word(b"pid"), word(b"tid"), word(b"id"), word(b"name")
_K_CAT, _K_PH, _K_BP, _K_S, _K_ARGS = (word(k) for k in (b"cat", b"ph", b"bp", b"s", b"args"))


@inlined
def _field(key: int) -> tuple[int, int]:
    """Recognise a top-level key by its first bytes; the field, and the key's length.

    The length is 8 for longer keys.
    """
    word = load64(key)
    quotes = word ^ np.uint64(0x2222222222222222)
    quotes = (quotes - np.uint64(0x0101010101010101)) & ~quotes & np.uint64(0x8080808080808080)
    length = first_bit(quotes) >> 3
    word &= bits_below(8 * length)
    field = EXTRA
    if word == _K_TS:
        field = TS
    elif word == _K_DUR:
        field = DUR
    elif word == _K_PID:
        field = PID
    elif word == _K_TID:
        field = TID
    elif word == _K_NAME:
        field = NAME
    elif word == _K_CAT:
        field = CATEGORY
    elif word == _K_PH:
        field = PHASE
    elif word == _K_ARGS:
        field = ARGS
    elif word == _K_ID:
        field = ID
    elif word == _K_TTS:
        field = TTS
    elif word == _K_TDUR:
        field = TDUR
    elif word == _K_BP:
        field = BINDING
    elif word == _K_S:
        field = INSTANT
    if field != EXTRA and word >> np.uint64(8 * length - 8) == ZERO:
        field = EXTRA  # a raw zero byte ends the key: it only looks like the other one
    return field, length


@inlined
def _text(
    address: int, end: int, field: int, tables: Tables, out: Columns, row: int
) -> tuple[int, int]:
    """Read a string and intern it: a name, a category, or a textual identifier."""
    quote = string_end(address + 1, end)
    if quote == 0:
        return 0, ODD
    size = quote - address - 1
    if field == NAME:
        number = intern(address + 1, size, tables.names)
        out.ids[NAME_ID, row] = number
        status = FULL_NAMES
    elif field == CATEGORY:
        number = intern(address + 1, size, tables.categories)
        out.ids[CATEGORY_ID, row] = number
        status = FULL_CATEGORIES
    else:
        number = intern(address + 1, size, tables.texts)
        out.numbers[field, row] = number
        status = FULL_TEXTS
    return quote + 1, status if number == FULL else PLAIN


@inlined
def _extra(key: int, end: int, memory: Memory, gathered: int) -> tuple[int, int]:
    """Append a member that has no column to the extra object; address after it, bytes so far."""
    quote = string_end(key, end)
    if quote == 0:
        return 0, 0
    place = skip_space(quote + 1)
    if load8(place) != COLON:
        return 0, 0
    place = skip_space(place + 1)
    after = value_end(place, end)
    if after == 0:
        return 0, 0
    for byte in range(key, quote):
        if load8(byte) == BACKSLASH:
            return 0, 0
    target = memory.extra.ctypes.data
    store8(target + gathered, COMMA if gathered > 0 else OPEN)
    gathered += 1
    copy_bytes(target + gathered, key - 1, quote + 2 - key)
    gathered += quote + 2 - key
    store8(target + gathered, COLON)
    gathered += 1
    copy_bytes(target + gathered, place, after - place)
    return after, gathered + after - place


@inlined
def _event(
    address: int,
    end: int,
    row: int,
    keys: LiftedKeys,
    tables: Tables,
    memory: Memory,
    out: Columns,
) -> int:
    """Read the event at `address` into `row`; tell what became of it."""
    present = 0
    members = 0
    order = ZERO
    gathered = 0
    out.ids[NAME_ID, row] = -1
    out.ids[CATEGORY_ID, row] = -1
    out.ids[ARGS_ID, row] = -1
    out.ids[EXTRA_ID, row] = -1
    out.marks[BINDING_BYTE, row] = 0
    out.marks[INSTANT_BYTE, row] = 0
    out.marks[PHASE_BYTE, row] = 0
    out.holes[row] = 0
    place = skip_space(address + 1)
    if load8(place) == CLOSE:
        place += 1
        out.present[row] = 0
        out.order[row] = ZERO
        return PLAIN if place == end else ODD
    while True:
        if load8(place) != QUOTE:
            return ODD
        field, length = _field(place + 1)
        if field == EXTRA:
            place, gathered = _extra(place + 1, end, memory, gathered)
            if place == 0:
                return ODD
        else:
            if present >> field & 1:
                return ODD
            place = skip_space(place + length + 2)
            if load8(place) != COLON:
                return ODD
            place = skip_space(place + 1)
            byte = load8(place)
            if field <= TDUR:
                value, place, plain = nanoseconds(place)
                out.numbers[field, row] = value
                if not plain:
                    return ODD
            elif field <= ID and byte != QUOTE:
                value, place, plain = integer(place)
                out.numbers[field, row] = value
                if not plain:
                    return ODD
            elif field == ARGS:
                if byte != OPEN:
                    return ODD
                name: int = out.ids[NAME_ID, row]
                place, status = args(place, end, name, keys, tables.args, memory, out, row)
                if status != PLAIN:
                    return status
            elif byte != QUOTE:
                return ODD
            elif field <= CATEGORY:
                if field <= ID:
                    present |= 1 << (PID_IS_TEXT + field - PID)
                place, status = _text(place, end, field, tables, out, row)
                if status != PLAIN:
                    return status
            else:
                mark = load8(place + 1)
                if load8(place + 2) != QUOTE or mark < 32 or mark > 126 or mark in (34, 92):
                    return ODD
                out.marks[field - PHASE, row] = mark
                place += 3
        if place >= end or members == _MOST_MEMBERS:
            return ODD
        present |= 1 << field
        order |= np.uint64(field + 1) << np.uint64(4 * members)
        members += 1
        place = skip_space(place)
        byte = load8(place)
        if byte == CLOSE:
            break
        if byte != COMMA:
            return ODD
        place = skip_space(place + 1)
    if place + 1 != end:
        return ODD
    if gathered > 0:
        store8(memory.extra.ctypes.data + gathered, CLOSE)
        number = intern(memory.extra.ctypes.data, gathered + 1, tables.extras)
        if number == FULL:
            return FULL_EXTRAS
        out.ids[EXTRA_ID, row] = number
    out.present[row] = present
    out.order[row] = order
    return PLAIN


@bare_kernel
def scan_events(
    base: int,
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    first: int,
    keys: LiftedKeys,
    tables: Tables,
    memory: Memory,
    out: Columns,
) -> tuple[int, int]:
    """Read events from number `first` on.

    Args:
        base: Address of a buffer with 64 bytes of padding.
        starts: int64 [n], offset of each opening brace.
        ends: int64 [n], offset after each closing brace, as `split` gives them. No other
            ranges are wrong to give, but the braces are what keeps the reader within bounds.
        first: Event to begin with.
        keys: What to lift from args.
        tables: Dictionaries.
        memory: Working memory.
        out: Columns of at least n events.

    Returns:
        The event it came to, n when all are read; and which table is full, else PLAIN.
    """
    for row in range(first, starts.shape[0]):
        status = _event(base + starts[row], base + ends[row], row, keys, tables, memory, out)
        if status > ODD:
            return row, status
        out.odd[row] = status
    return len(starts), PLAIN
