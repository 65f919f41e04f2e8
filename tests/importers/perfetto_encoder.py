"""Write Perfetto traces by field numbers: the wire format of protobuf, and nothing else."""

from __future__ import annotations

import struct
from typing import NamedTuple


class Fixed(NamedTuple):
    """A number of eight bytes."""

    value: int


Value = int | str | bytes | float | Fixed | list[int]


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


def field(number: int, value: Value) -> bytes:
    """One field; a list of numbers is packed."""
    if isinstance(value, bool | int):
        return varint(number << 3) + varint(int(value))
    if isinstance(value, float):
        return varint(number << 3 | 1) + struct.pack("<d", value)
    if isinstance(value, Fixed):
        return varint(number << 3 | 1) + struct.pack("<Q", value.value)
    if isinstance(value, list):
        value = b"".join(map(varint, value))
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def message(*fields: tuple[int, Value]) -> bytes:
    return b"".join(field(number, value) for number, value in fields)


def trace(*packets: bytes) -> bytes:
    return b"".join(field(1, packet) for packet in packets)


def packet(ts: int | None, *fields: tuple[int, Value], sequence: int = 1, flags: int = 0) -> bytes:
    """A packet of a sequence; ts None: without a time."""
    head: list[tuple[int, Value]] = [] if ts is None else [(8, ts)]
    head.append((10, sequence))
    if flags:
        head.append((13, flags))
    return message(*head, *fields)


def event(ts: int, kind: int, track: int | None, *fields: tuple[int, Value], **keys: int) -> bytes:
    """A packet with a track event: 1 begin, 2 end, 3 instant, 4 counter, 5 state."""
    named: list[tuple[int, Value]] = [(9, kind)]
    if track is not None:
        named.append((11, track))
    return packet(ts, (11, message(*named, *fields)), **keys)


def described(uuid: int, *fields: tuple[int, Value], sequence: int = 1) -> bytes:
    """A packet with a track descriptor."""
    return packet(0, (60, message((1, uuid), *fields)), sequence=sequence)


def process(pid: int, name: str) -> bytes:
    return message((1, pid), (6, name))


def thread(pid: int, tid: int, name: str) -> bytes:
    return message((1, pid), (2, tid), (5, name))


def snapshot(*clocks: tuple[int, int], sequence: int = 1) -> bytes:
    """A packet that says what clocks showed at one moment."""
    shown = [(1, message((1, clock), (2, time))) for clock, time in clocks]
    return packet(None, (6, message(*shown)), sequence=sequence)
