"""Write structs in Thrift's compact protocol, which Parquet's headers and footers are in.

The source is https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md;
what Parquet has no use for (maps, sets, floating point) is not here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, cast

_TRUE, _FALSE, _I16, _I32, _I64, _BINARY, _LIST, _STRUCT = 1, 2, 4, 5, 6, 8, 9, 12
_SHORT = 15
"""Steps between fields, and lists, that are shorter have their length beside their type."""


@dataclass(frozen=True, slots=True)
class Struct:
    """A struct as it is written."""

    written: bytes


@dataclass(frozen=True, slots=True)
class I16:
    """A number that the format declares as i16."""

    number: int


@dataclass(frozen=True, slots=True)
class I32:
    """A number that the format declares as i32, as it does all enumerations."""

    number: int


Value: TypeAlias = bool | int | I16 | I32 | str | bytes | Struct | Sequence["Value"]
"""An int is an i64."""

_KINDS: dict[type, int] = {
    bool: _FALSE, int: _I64, I32: _I32, I16: _I16, str: _BINARY, bytes: _BINARY, Struct: _STRUCT,
}  # fmt: skip
_OF_ONE_BYTE = [bytes([number]) for number in range(128)]


def struct(fields: Mapping[int, Value | None]) -> Struct:
    """Write a struct.

    Args:
        fields: numbers of fields, ascending, to their values; None: the field is not there.
    """
    out = bytearray()
    last = 0
    for number, value in fields.items():
        if value is None:
            continue
        kind = _kind(value) if value is not True else _TRUE
        step = number - last
        if step <= _SHORT:
            out.append(step << 4 | kind)
        else:
            out.append(kind)
            out += varint(_zigzag(number))
        if kind > _FALSE:
            _put(out, value)
        last = number
    out.append(0)
    return Struct(bytes(out))


def varint(number: int) -> bytes:
    """Write a number that is not negative in groups of seven bits, the lowest first."""
    if number < len(_OF_ONE_BYTE):
        return _OF_ONE_BYTE[number]
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def _zigzag(number: int) -> int:
    return number << 1 if number >= 0 else (-number << 1) - 1


def _kind(value: Value) -> int:
    return _KINDS.get(type(value), _LIST)


def _put(out: bytearray, value: Value) -> None:
    # By the exact type: a footer has tens of thousands of values.
    kind = type(value)
    if kind is int:
        out += varint(_zigzag(cast("int", value)))
    elif kind is I32 or kind is I16:
        out += varint(_zigzag(cast("I32 | I16", value).number))
    elif kind is Struct:
        out += cast("Struct", value).written
    elif kind is bytes or kind is str:
        text = value.encode() if isinstance(value, str) else cast("bytes", value)
        out += varint(len(text))
        out += text
    else:
        _put_list(out, cast("Sequence[Value]", value))


def _put_list(out: bytearray, values: Sequence[Value]) -> None:
    kind = _kind(values[0]) if values else _STRUCT
    if len(values) < _SHORT:
        out.append(len(values) << 4 | kind)
    else:
        out.append(_SHORT << 4 | kind)
        out += varint(len(values))
    for value in values:
        _put(out, value)
