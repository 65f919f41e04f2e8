"""Packets as columns against a reading of the same bytes field by field."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceql.kernels import packets as at

sys.path.append(str(Path(__file__).resolve().parents[1] / "importers"))
from perfetto_encoder import Fixed, field, message, trace

SMALL, IIDS = st.integers(0, 2**40), st.integers(1, 2**31)
INT64 = st.integers(-(2**63), 2**63 - 1)


@st.composite
def annotations(draw: st.DrawFn) -> tuple[bytes, list[int], bool]:
    """An annotation, the integer in it, and whether it is plain."""
    kind = draw(st.sampled_from([2, 3, 4, 17, 6, 5]))
    value = draw({2: st.booleans(), 3: st.integers(0, 2**64 - 1), 4: INT64, 17: IIDS,
                  6: st.text(), 5: st.floats()}[kind])  # fmt: skip
    plain = kind != 5 and not (kind == 3 and value >= 2**63)
    return message((1, draw(IIDS)), (kind, value)), [value] if kind in {3, 4} else [], plain


@st.composite
def events(draw: st.DrawFn) -> tuple[bytes, dict[int, int] | None, list[int]]:
    """A packet, its columns (None: an odd one), and the integers of its annotations."""
    told = {at.TS: draw(SMALL), at.SEQUENCE: draw(SMALL), at.FLAGS: draw(st.sampled_from([0, 2])),
            at.CLOCK: draw(st.sampled_from([0, 3, 64])), at.TYPE: draw(st.integers(1, 4)),
            at.HAS_UUID: draw(st.integers(0, 1)), at.NAME: draw(st.integers(0, 2**40)),
            at.CATEGORY: draw(st.one_of(st.just(0), IIDS)),
            at.HAS_FLOW: draw(st.integers(0, 1))}  # fmt: skip
    inner = [(9, told[at.TYPE])]
    inner += [(10, told[at.NAME])] if told[at.NAME] else []
    if told[at.HAS_UUID]:
        uuid = draw(st.integers(0, 2**64 - 1))
        told[at.UUID] = uuid - 2**64 if uuid >> 63 else uuid
        inner.append((11, uuid))
    if told[at.CATEGORY]:
        packed = draw(st.booleans())
        inner.append((3, [told[at.CATEGORY]] if packed else told[at.CATEGORY]))
    if told[at.HAS_FLOW]:
        flow = draw(INT64)
        told[at.FLOW] = flow
        inner.append((47, Fixed(flow % 2**64)))
    if told[at.TYPE] == 4:
        if draw(st.booleans()):
            told |= {at.VALUE_KIND: at.OF_INT, at.VALUE: draw(INT64)}
            inner.append((30, told[at.VALUE]))
        else:
            value = draw(st.floats(allow_nan=False))
            bits = struct.unpack("<q", struct.pack("<d", value))[0]
            told |= {at.VALUE_KIND: at.OF_DOUBLE, at.VALUE: bits}
            inner.append((44, value))
    made = draw(st.lists(annotations(), max_size=4))
    inner += [(4, raw) for raw, _, _ in made]
    fields = [
        (8, told[at.TS]),
        (10, told[at.SEQUENCE]),
        (11, message(*draw(st.permutations(inner)))),
    ]
    fields += [(13, told[at.FLAGS])] if told[at.FLAGS] else []
    fields += [(58, told[at.CLOCK])] if told[at.CLOCK] else []
    plain = all(each[2] for each in made)
    if draw(st.integers(0, 9)) == 0:
        fields.append(draw(st.sampled_from([(12, b""), (60, b""), (41, 1), (13, 1), (900, 7)])))
        plain = False
    # The order of annotations is drawn too, so their integers are told by the bytes themselves.
    return message(*fields), told if plain else None, []


def scanned(data: bytes, capacity: int = 1000) -> tuple[at.Packets, list[int]]:
    found = at.Scanner(capacity).scan(np.frombuffer(data, np.uint8), 0)
    return found, found.columns[at.ODD].tolist()


@given(st.lists(events(), max_size=6))
def test_columns_are_what_was_written(
    made: list[tuple[bytes, dict[int, int] | None, list[int]]],
) -> None:
    data = trace(*(raw for raw, _, _ in made))
    found, odd = scanned(data)
    assert found.next == len(data)
    assert odd == [int(told is None) for _, told, _ in made]
    for number, (raw, told, _) in enumerate(made):
        column = found.columns[:, number].tolist()
        assert data[column[at.START] : column[at.END]] == raw
        for name, value in (told or {}).items():
            assert column[name] == value, name


@given(st.lists(annotations(), min_size=1, max_size=5), st.lists(annotations(), max_size=5))
def test_shapes_tell_annotations_apart_but_for_their_integers(
    one: list[tuple[bytes, list[int], bool]], other: list[tuple[bytes, list[int], bool]]
) -> None:
    def packet(made: list[tuple[bytes, list[int], bool]]) -> bytes:
        event = message((9, 3), *((4, raw) for raw, _, _ in made))
        return message((8, 1), (11, event))

    found, odd = scanned(trace(packet(one), packet(other), packet(one)))
    columns, plain = found.columns, all(each[2] for each in one)
    assert odd[0] == odd[2] == int(not plain)
    if not plain:
        return
    numbers = [n for _, ns, _ in one for n in ns]
    assert columns[at.INTEGERS, 0] == len(numbers)
    assert found.holes[: len(numbers), 0].tolist() == numbers
    assert columns[at.SHAPE, 0] == columns[at.SHAPE, 2] != 0
    if not odd[1] and [raw for raw, _, _ in one] == [raw for raw, _, _ in other]:
        assert columns[at.SHAPE, 0] == columns[at.SHAPE, 1]
    if not other:
        assert columns[at.SHAPE, 1] == 0


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


def test_start_must_lie_in_the_data() -> None:
    with pytest.raises(ValueError, match="start 5 of 3 bytes"):
        at.Scanner(1).scan(np.zeros(3, np.uint8), 5)
    assert field(1, 1) == b"\x08\x01"
