"""Tell a Perfetto trace by its first packets."""

from __future__ import annotations

from traceql.importers.perfetto.messages import PACKET
from traceql.importers.perfetto.wire import UNKNOWN, WireError, decode, varint
from traceql.model.protocols import Match

_PACKET = 0x0A
_PACKETS = 8
_KNOWN = frozenset(name for name, _ in PACKET.values()) - {"trusted_uid", "trigger"}
_HIGHEST_FIELD = 1000
_LONG_BYTES = 4096


def looks_like_packets(prefix: bytes) -> Match:
    """Judge by the first packets: all must be messages whose fields a TracePacket may have.

    A packet cut off by the end of the prefix counts by the fields that it shows.
    """
    at = packets = known = 0
    while at < len(prefix) and packets < _PACKETS:
        if prefix[at] != _PACKET:
            return Match.NO
        try:
            size, at = varint(prefix, at + 1)
            content = prefix[at : at + size]
            if len(content) < size:
                return _of(packets, known) if packets else _cut(content)
            fields = decode(PACKET, content)
        except WireError:
            return Match.NO
        if any(not 0 < number <= _HIGHEST_FIELD for number, _ in fields.get(UNKNOWN, ())):
            return Match.NO
        at += size
        packets += 1
        known += any(name in _KNOWN for name in fields)
    return _of(packets, known)


def _of(packets: int, known: int) -> Match:
    """Judge by how many packets show a field we know; a stray few bytes are not enough."""
    if not packets or not known:
        return Match.NO
    return Match.SURE if known * 2 > packets else Match.MAYBE


def _cut(content: bytes) -> Match:
    """Judge by a first packet longer than what was read of the file."""
    if len(content) < _LONG_BYTES:
        return Match.NO  # a text may begin with two empty lines
    try:
        key, _ = varint(content, 0)
    except WireError:
        return Match.NO
    return Match.MAYBE if key in PACKET else Match.NO
