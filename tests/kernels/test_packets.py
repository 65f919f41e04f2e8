"""Packets as columns against a reading of the same bytes field by field."""

from __future__ import annotations

import struct
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceql.kernels import packets as at

sys.path.append(str(Path(__file__).resolve().parents[1] / "importers"))
from perfetto_encoder import Fixed, field, message, trace

SMALL, IIDS = st.integers(0, 2**40), st.integers(1, 2**31)
INT64 = st.integers(-(2**63), 2**63 - 1)


class Made(NamedTuple):
    """An annotation: its bytes, the integer or else the other value in it, and what is its form."""

    raw: bytes
    integers: list[int]
    others: list[bytes | int]
    form: tuple[Any, ...]


@st.composite
def annotations(draw: st.DrawFn) -> Made:
    kind = draw(st.sampled_from([2, 3, 4, 17, 6, 5, 7, 11]))
    value = draw({2: st.booleans(), 3: st.integers(0, 2**64 - 1), 4: INT64, 17: IIDS,
                  6: st.text(), 5: st.floats(), 7: SMALL, 11: st.binary()}[kind])  # fmt: skip
    name: tuple[int, Any] = draw(st.one_of(st.tuples(st.just(1), IIDS),
                                           st.tuples(st.just(10), st.text())))  # fmt: skip
    raw = message(name, (kind, value))
    whole = Made(raw, [], [raw], (None,))
    if not name[1] or kind == 11 or (kind in {3, 4} and not -(2**63) < value < 2**63):
        return whole
    if kind in {3, 4}:
        return Made(raw, [value], [], (name, kind))
    if kind == 2:
        return Made(raw, [], [], (name, kind, value))
    bits = struct.unpack("<q", struct.pack("<d", value))[0] if kind == 5 else value
    if bits == -(2**63):
        return whole
    return Made(raw, [], [value.encode() if kind == 6 else bits], (name, kind))


@st.composite
def events(draw: st.DrawFn) -> tuple[bytes, dict[int, int] | None, dict[int, str]]:
    """A packet, its columns (None: an odd one), and the name and category that stand in it."""
    told = {at.TS: draw(SMALL), at.SEQUENCE: draw(SMALL), at.FLAGS: draw(st.sampled_from([0, 2])),
            at.CLOCK: draw(st.sampled_from([0, 3, 64])), at.TYPE: draw(st.integers(1, 4)),
            at.HAS_UUID: draw(st.integers(0, 1)), at.HAS_FLOW: draw(st.integers(0, 1)),
            at.HAS_END: draw(st.integers(0, 1))}  # fmt: skip
    inner = [(9, told[at.TYPE])]
    texts: dict[int, str] = {}
    for column, numbered, spelled in ((at.NAME, 10, 23), (at.CATEGORY, 3, 22)):
        named = draw(st.one_of(st.just(0), IIDS, st.text(min_size=1)))
        if isinstance(named, str):
            texts[column] = named
            inner.append((spelled, named))
        else:
            told[column] = named
            packed = numbered == 3 and draw(st.booleans())
            inner += [(numbered, [named] if packed else named)] if named else []
    if told[at.HAS_UUID]:
        uuid = draw(st.integers(0, 2**64 - 1))
        told[at.UUID] = uuid - 2**64 if uuid >> 63 else uuid
        inner.append((11, uuid))
    if told[at.HAS_FLOW]:
        flow = draw(INT64)
        told[at.FLOW] = flow
        inner.append((47, Fixed(flow % 2**64)))
    if told[at.HAS_END]:
        told[at.FLOW_END] = draw(INT64)
        inner.append((48, Fixed(told[at.FLOW_END] % 2**64)))
    if told[at.TYPE] == 4:
        if draw(st.booleans()):
            told |= {at.VALUE_KIND: at.OF_INT, at.VALUE: draw(INT64)}
            inner.append((30, told[at.VALUE]))
        else:
            value = draw(st.floats(allow_nan=False))
            bits = struct.unpack("<q", struct.pack("<d", value))[0]
            told |= {at.VALUE_KIND: at.OF_DOUBLE, at.VALUE: bits}
            inner.append((44, value))
    told[at.EXTRA] = 0
    if draw(st.booleans()):
        told.pop(at.EXTRA)
        inner.append(draw(st.sampled_from([(33, b"x"), (34, 7), (900, 0.5), (53, "id")])))
    made = draw(st.lists(annotations(), max_size=4))
    inner += [(4, each.raw) for each in made]
    fields = [
        (8, told[at.TS]),
        (10, told[at.SEQUENCE]),
        (11, message(*draw(st.permutations(inner)))),
    ]
    fields += [(13, told[at.FLAGS])] if told[at.FLAGS] else []
    fields += [(58, told[at.CLOCK])] if told[at.CLOCK] else []
    plain = True
    if draw(st.integers(0, 9)) == 0:
        fields.append(draw(st.sampled_from([(12, b""), (60, b""), (41, 1), (13, 1), (900, 7)])))
        plain = False
    return message(*fields), told if plain else None, texts


def scanned(data: bytes, capacity: int = 1000) -> tuple[at.Packets, list[int]]:
    found = at.Scanner(capacity).scan(np.frombuffer(data, np.uint8), 0)
    return found, found.columns[at.ODD].tolist()


@given(st.lists(events(), max_size=6))
def test_columns_are_what_was_written(
    made: list[tuple[bytes, dict[int, int] | None, dict[int, str]]],
) -> None:
    data = trace(*(raw for raw, _, _ in made))
    found, odd = scanned(data)
    assert found.next == len(data)
    assert odd == [int(told is None) for _, told, _ in made]
    for number, (raw, told, texts) in enumerate(made):
        column = found.columns[:, number].tolist()
        assert data[column[at.START] : column[at.END]] == raw
        for name, value in (told or {}).items():
            assert column[name] == value, name
        if told and at.EXTRA not in told:
            assert column[at.EXTRA] != 0
        for name, text in texts.items() if told else ():
            place, size = column[name + 1 : name + 3]
            assert data[place : place + size] == text.encode()
            assert column[name] != 0


@given(st.lists(annotations(), min_size=1, max_size=5), st.lists(annotations(), max_size=5))
def test_shapes_tell_annotations_apart_but_for_their_values(
    one: list[Made], other: list[Made]
) -> None:
    def packet(made: list[Made]) -> bytes:
        return message((8, 1), (11, message((9, 3), *((4, each.raw) for each in made))))

    data = trace(packet(one), packet(other), packet(one))
    found, odd = scanned(data)
    assert odd == [0, 0, 0]
    columns = found.columns
    for number, made in ((0, one), (1, other)):
        integers = [n for each in made for n in each.integers]
        assert columns[at.INTEGERS, number] == len(integers)
        assert found.holes[: len(integers), number].tolist() == integers
        others = [n for each in made for n in each.others]
        assert columns[at.TEXTS, number] == len(others)
        for hole, value in enumerate(others):
            place, size, key = found.texts[3 * hole : 3 * hole + 3, number].tolist()
            if isinstance(value, int):
                assert (size, key) == (0, value)
            else:
                assert data[place : place + abs(size)] == value
    assert columns[at.SHAPE, 0] == columns[at.SHAPE, 2] != 0
    alike = [each.form for each in one] == [each.form for each in other]
    assert (columns[at.SHAPE, 0] == columns[at.SHAPE, 1]) == alike


@given(st.lists(st.sampled_from([b"", b"a", b"ab", b"b"]), max_size=8))
def test_equal_texts_are_told(texts: list[bytes]) -> None:
    at_, size = np.cumsum([0, *map(len, texts)])[:-1], np.array([len(t) for t in texts], np.int64)
    data = np.frombuffer(b"".join(texts), np.uint8)
    first = np.array([texts.index(text) for text in texts], np.int64)
    assert at.same(data, at_, size, first)
    assert at.same(data, at_, size, first * 0) == (len(set(texts)) < 2)
    with pytest.raises(ValueError, match="outside"):
        at.same(data, np.array([len(data)]), np.array([1]), np.zeros(1, np.int64))


@given(st.binary(max_size=300), st.integers(1, 5))
def test_any_bytes_are_scanned_within_their_bounds(data: bytes, capacity: int) -> None:
    found = at.Scanner(capacity).scan(np.frombuffer(data, np.uint8), 0)
    assert 0 <= found.next <= len(data)
    assert found.columns.shape[1] <= capacity
    last = 0
    for start, end in found.columns[[at.START, at.END]].T.tolist():
        assert last < start <= end <= len(data)
        last = end
    assert found.next == last


def test_what_is_not_whole_is_left() -> None:
    data = trace(message((8, 1), (11, message((9, 3)))), message((8, 2)))
    whole, _ = scanned(data[:-1])
    assert whole.columns.shape[1] == 1
    assert whole.next == whole.columns[at.END, 0]
    assert scanned(b"\x12\x00" + data)[0].columns.shape[1] == 0


def test_more_integers_than_there_is_room_for_are_odd() -> None:
    def packet(count: int) -> bytes:
        made = [(4, message((1, 1), (4, n))) for n in range(count)]
        return message((8, 1), (11, message((9, 3), *made)))

    _, odd = scanned(trace(packet(at.HOLES), packet(at.HOLES + 1)))
    assert odd == [0, 1]
    made = [(4, message((1, 1), (6, "x")))] * (at.TEXT_HOLES + 1)
    texts = (message((8, 1), (11, message((9, 3), *part))) for part in (made[1:], made))
    assert scanned(trace(*texts))[1] == [0, 1]


def test_packets_of_kernel_events_are_told() -> None:
    bundle = message((1, 3), (2, b""))
    data = trace(message((1, bundle), (10, 7)), message((1, bundle), (8, 5)))
    found, odd = scanned(data)
    assert odd == [at.BUNDLE, 1]
    start, end = found.columns[[at.VALUE, at.UUID], 0].tolist()
    assert data[start:end] == bundle


def test_start_must_lie_in_the_data() -> None:
    with pytest.raises(ValueError, match="start 5 of 3 bytes"):
        at.Scanner(1).scan(np.zeros(3, np.uint8), 5)
    assert field(1, 1) == b"\x08\x01"
