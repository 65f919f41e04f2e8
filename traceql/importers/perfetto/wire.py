"""The wire format of protobuf: fields of a message by a schema; what the schema lacks is kept.

Source: protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

import struct
from typing import Any

UINT, INT, BOOL, TEXT, BYTES, DOUBLE, FLOAT = range(7)
_AS_IS = (UINT, BYTES)
_MANY = 8
_PACKED = 16
_KINDS = {"u": UINT, "i": INT, "t": BOOL, "s": TEXT, "b": BYTES, "d": DOUBLE, "f": FLOAT}
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_LONGEST_VARINT = 10
_MASK = (1 << 64) - 1
_WIDE = 56
"""Shift of the last but one byte of a number that may have more than 64 bits."""

UNKNOWN = "?"
"""Under this key stand the fields that a schema lacks, as (number, value); value int or bytes."""

Fields = dict[str, Any]
Schema = dict[int, tuple[str, int]]


class WireError(ValueError):
    """The bytes are no message."""


def schema(text: str) -> Schema:
    """Read a schema: `number:name:kind` of each field.

    Kinds are u, i, t (bool), s (text), b (bytes or message), d (double), f (float), x (fixed64)
    and y (sfixed64); with a `*` behind it a field is repeated.
    """
    made: Schema = {}
    for entry in text.split():
        number, name, kind = entry.split(":")
        many = _MANY if kind.endswith("*") else 0
        kind = kind.rstrip("*")
        wire = {"s": _BYTES, "b": _BYTES, "d": _FIXED64, "x": _FIXED64, "y": _FIXED64,
                "f": _FIXED32}.get(kind, _VARINT)  # fmt: skip
        code = {"x": UINT, "y": INT}.get(kind) if kind in "xy" else _KINDS[kind]
        assert code is not None
        made[int(number) << 3 | wire] = (name, code | many)
        if many and wire != _BYTES:
            made[int(number) << 3 | _BYTES] = (name, code | many | _PACKED | wire << 8)
    return made


def varint(data: bytes, at: int) -> tuple[int, int]:
    """Give the number at a place and the place behind it.

    Raises:
        WireError: it does not end.
    """
    value = shift = 0
    for at_byte in range(at, min(at + _LONGEST_VARINT, len(data))):
        byte = data[at_byte]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & _MASK, at_byte + 1
        shift += 7
    raise WireError("a number that does not end")


def signed(value: int) -> int:
    """Give the int64 of a number on the wire."""
    return value - (1 << 64) if value >> 63 else value


def decode(known: Schema, data: bytes) -> Fields:
    """Give the fields of a message; the last of several counts where they are not repeated.

    Args:
        known: what to call fields and how to read them. A field of another wire type is unknown.
        data: the message.

    Raises:
        WireError: the bytes are no message.
    """
    try:
        return _decoded(known, data)
    except IndexError as error:
        raise WireError("a field without a value") from error


def _decoded(  # noqa: C901, PLR0912  (the hot loop)
    known: Schema, data: bytes
) -> Fields:
    """As `decode`; numbers are read here and not by `varint`, which would cost twice the time."""
    found: Fields = {}
    at, end = 0, len(data)
    while at < end:
        key = data[at]
        at += 1
        if key >= 0x80:
            key, at = varint(data, at - 1)
        wire = key & 7
        value: Any
        if wire != _FIXED64 and wire != _FIXED32:  # noqa: PLR1714  (measured)
            value = data[at]
            at += 1
            if value >= 0x80:
                value, shift = value & 0x7F, 7
                while (byte := data[at]) >= 0x80:
                    value |= (byte & 0x7F) << shift
                    shift += 7
                    at += 1
                value |= byte << shift
                at += 1
                if shift > _WIDE:
                    value = _narrow(value, shift)
            if wire == _BYTES:
                last = at + value
                value, at = data[at:last], last
                if last > end:
                    raise WireError("a field longer than its message")
            elif wire != _VARINT:
                raise WireError(f"a field of wire type {wire}")
        else:
            value, at = _fixed(data, at, wire)
        entry = known.get(key)
        if entry is None:
            if key < 8:
                raise WireError("a field of number 0")
            found.setdefault(UNKNOWN, []).append((key >> 3, value))
            continue
        name, kind = entry
        if kind in _AS_IS:
            found[name] = value
        else:
            _keep(found, name, kind, value)
    return found


def _keep(found: Fields, name: str, kind: int, value: Any) -> None:
    """Put a value of any kind into its place."""
    if kind >= _PACKED:
        found.setdefault(name, []).extend(_packed(value, kind))
    elif kind >= _MANY:
        found.setdefault(name, []).append(_read(value, kind - _MANY))
    else:
        found[name] = _read(value, kind)


def _narrow(value: int, shift: int) -> int:
    """Take the 64 bits of a number of ten bytes."""
    if shift > _WIDE + 7:
        raise WireError("a number that does not end")
    return value & _MASK


def _fixed(data: bytes, at: int, wire: int) -> tuple[int, int]:
    """Give the number of 8 or 4 bytes at a place and the place behind it."""
    last = at + (8 if wire == _FIXED64 else 4)
    if last > len(data):
        raise WireError("a field longer than its message")
    return int.from_bytes(data[at:last], "little"), last


def _read(value: Any, kind: int) -> Any:
    if kind == TEXT:
        return value.decode("utf-8", "replace")
    if kind == INT:
        return value - (1 << 64) if value >> 63 else value
    if kind == BOOL:
        return value != 0
    if kind == DOUBLE:
        return struct.unpack("<d", value.to_bytes(8, "little"))[0]
    if kind == FLOAT:
        return struct.unpack("<f", value.to_bytes(4, "little"))[0]
    return value


def _packed(data: bytes, kind: int) -> list[Any]:
    """Read repeated numbers that stand in one field."""
    wire, kind = kind >> 8, kind & 7
    values: list[Any] = []
    at = 0
    while at < len(data):
        if wire == _VARINT:
            value, at = varint(data, at)
        else:
            value, at = _fixed(data, at, wire)
        values.append(_read(value, kind))
    return values
