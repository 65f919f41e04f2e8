"""Encodings of Parquet, against decoders written from its specification, step by step."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import example, given
from hypothesis import strategies as st

from traceql.kernels import encodings

int32 = st.integers(-(2**31), 2**31 - 1)
int64 = st.integers(-(2**63), 2**63 - 1)
close = st.integers(-3, 60)
some = st.lists(close | int64, min_size=1, max_size=400)
few = st.lists(st.integers(0, 5), max_size=30).flatmap(
    lambda start: st.builds(lambda n, v: start + [v] * n, st.integers(0, 300), st.integers(0, 5))
)


def encoded(encode, room):
    """Encode to a place that begins and ends where it should: 3 bytes are before."""
    out = np.full(3 + room, 7, np.uint8)
    end = encode(out, 3)
    assert out[:3].tolist() == [7] * 3
    assert end <= 3 + room - encodings.SPARE
    return out[3:end].tobytes()


def varint(data, at):
    value, shift = 0, 0
    while True:
        value |= (data[at] & 127) << shift
        shift, at = shift + 7, at + 1
        if data[at - 1] < 128:
            return value, at


def zigzag(data, at):
    value, at = varint(data, at)
    return value >> 1 ^ -(value & 1), at


def unpacked(data, count, width):
    bits = int.from_bytes(data, "little")
    return [bits >> (i * width) & ((1 << width) - 1) for i in range(count)]


def deltas_decoded(data, bits):
    block, at = varint(data, 0)
    parts, at = varint(data, at)
    count, at = varint(data, at)
    value, at = zigzag(data, at)
    values = [value]
    while len(values) < count:
        least, at = zigzag(data, at)
        assert -(1 << (bits - 1)) <= least < 1 << (bits - 1)
        widths, at = data[at : at + parts], at + parts
        for width in widths:
            if len(values) >= count:
                break
            assert width <= bits
            size = block // parts * width // 8
            for step in unpacked(data[at : at + size], block // parts, width):
                value = (value + least + step + (1 << (bits - 1))) % (1 << bits) - (1 << (bits - 1))
                values.append(value)
            at += size
    assert at == len(data)
    assert len(values) - count < block // parts
    return values[:count]


def runs_decoded(data, count, width):
    at, values = 0, []
    while at < len(data):
        header, at = varint(data, at)
        if header & 1:
            size = (header >> 1) * width
            values += unpacked(data[at : at + size], (header >> 1) * 8, width)
        else:
            size = (width + 7) // 8
            values += [int.from_bytes(data[at : at + size], "little")] * (header >> 1)
        at += size
    assert len(values) - count < 8
    assert not any(values[count:])  # polars looks at what fills the last group, too
    return values[:count]


@given(some)
@example([-(2**63), 2**63 - 1, -(2**63)])
@example([0] * 129)
def test_deltas_of_64_bits(values):
    room, array = np.empty(encodings.BLOCK, np.int64), np.array(values, np.int64)
    data = encoded(
        lambda out, at: encodings.delta(array, len(values), 64, room, out, at),
        encodings.delta_room(len(values)),
    )

    assert deltas_decoded(data, 64) == values


@given(st.lists(close | int32, min_size=1, max_size=400))
@example([-(2**31), 2**31 - 1, -(2**31)])
def test_deltas_of_32_bits(values):
    room, array = np.empty(encodings.BLOCK, np.int64), np.array(values, np.int64)
    data = encoded(
        lambda out, at: encodings.delta(array, len(values), 32, room, out, at),
        encodings.delta_room(len(values)),
    )

    assert deltas_decoded(data, 32) == values


@given(few | st.lists(st.integers(0, 2**32 - 1), max_size=600), st.integers(0, 3))
def test_runs(numbers, wider):
    width = min(32, max(1, max(numbers, default=0).bit_length()) + wider)
    array = np.array([*numbers, *[9] * 8], np.int64)
    data = encoded(
        lambda out, at: encodings.runs(array, len(numbers), width, out, at),
        encodings.run_room(len(numbers), width),
    )

    assert runs_decoded(data, len(numbers), width) == numbers


@given(some, st.integers(1, 40))
def test_distinct_values_by_first_appearance(values, most):
    slots, numbers = np.zeros(128, np.int64), np.empty(len(values), np.int64)
    found = np.empty(most, np.int64)
    known = encodings.distinct(np.array(values, np.int64), len(values), slots, numbers, found)

    expected = list(dict.fromkeys(values))
    if len(expected) > most:
        assert known == encodings.TOO_MANY
        return
    assert found[:known].tolist() == expected
    assert [expected[number] for number in numbers] == values


@given(st.lists(st.none() | int32 | close, max_size=80), st.integers(0, 20), st.booleans())
def test_values_that_are_there(values, first, long):
    array = pa.array(values, pa.int64() if long else pa.int32())[first:]
    left, size = [v for v in values[first:] if v is not None], 8 if long else 4
    found, bounds = np.empty(len(array) + 1, np.int64), np.zeros(2, np.int64)
    valid, data = array.buffers()
    count = encodings.present(
        data.address + size * array.offset, size, valid.address if valid else 0,
        array.offset, len(array), found, bounds,
    )  # fmt: skip

    assert found[:count].tolist() == left
    assert not left or bounds.tolist() == [min(left), max(left)]


@given(st.lists(st.none() | st.text(max_size=90), max_size=20), st.integers(0, 9))
def test_texts_behind_their_lengths(values, first):
    array = pa.array(["first", *values], pa.string())[1:][first:]
    left = [v.encode() for v in values[first:] if v is not None]
    valid, ends, data = array.buffers()
    size = sum(map(len, left)) + 4 * len(array)
    written = encoded(
        lambda out, at: encodings.texts(
            ends.address + 4 * array.offset, data.address, valid.address if valid else 0,
            array.offset, len(array), out, at,
        ),
        size + encodings.SPARE,
    )  # fmt: skip

    assert written == b"".join(len(v).to_bytes(4, "little") + v for v in left)
