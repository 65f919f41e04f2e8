"""Numbers as SQLite stores them, against an encoder written from the format."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from traceql.kernels.sqlite_bytes import big16, big32, big_signed, copy_exactly, varint


def encoded(value: int) -> bytes:
    """Write a 64-bit number as a varint."""
    value &= (1 << 64) - 1
    if value >= 1 << 56:
        high = [value >> shift & 127 | 128 for shift in range(57, 7, -7)]
        return bytes([*high, value & 255])
    parts = [value & 127]
    while value := value >> 7:
        parts.append(value & 127 | 128)
    return bytes(reversed(parts))


near_powers = st.builds(lambda bits, off: 2**bits + off, st.integers(0, 62), st.integers(-1, 1))
numbers = st.integers(-(2**63), 2**63 - 1) | near_powers


@given(numbers, st.integers(0, 9))
def test_varints_are_read_and_never_beyond_their_end(value, room):
    raw = encoded(value)
    held = np.frombuffer(raw + b"\xff" * 9, np.uint8)
    base = held.ctypes.data
    assert varint(base, base + len(raw)) == (value, base + len(raw))
    if room < len(raw):
        assert varint(base, base + room)[1] == 0


@given(st.binary(min_size=8, max_size=8), st.integers(1, 8))
def test_big_endian_numbers(raw, count):
    held = np.frombuffer(b"\x00" * 8 + raw, np.uint8)
    base = held.ctypes.data + 8
    assert big16(base) == int.from_bytes(raw[:2], "big")
    assert big32(base) == int.from_bytes(raw[:4], "big")
    assert big_signed(base, count) == int.from_bytes(raw[:count], "big", signed=True)


@given(st.binary(max_size=100))
def test_copies_touch_nothing_else(raw):
    source = np.frombuffer(raw or b"\x00", np.uint8)
    target = np.full(len(raw) + 2, 7, np.uint8)
    copy_exactly(target.ctypes.data + 1, source.ctypes.data, len(raw))
    assert target.tobytes() == b"\x07" + raw + b"\x07"
