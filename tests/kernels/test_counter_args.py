"""Series of templates: what is read plainly equals what Python reads."""

from __future__ import annotations

import json

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from traceql.kernels.counter_args import LEAST_BYTES, LEFT, Series, read_series
from traceql.kernels.gather import SAID
from traceql.kernels.intern import Dictionary

KEYS = st.sampled_from(["a", "b", "", "longer than others: 40 characters, or more", "é", 'q"'])
NUMBERS = (
    st.integers(-(1 << 64), 1 << 64)
    | st.integers(-9, 9)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.decimals(-1000, 1000, places=4).map(float)
    | st.just(-0.0)
)
OTHERS = st.none() | st.booleans() | st.text(max_size=2) | st.lists(st.integers(0, 1), max_size=1)


def read(texts: list[bytes]) -> list[list[tuple[bytes, float]] | None]:
    data = np.frombuffer(b"".join(texts) + bytes(64), np.uint8)
    ends = np.cumsum([0, *map(len, texts)])
    dictionary = Dictionary()
    numbers = dictionary.add(data, ends[:-1], ends[1:]).astype(np.int64)
    arena, offsets = dictionary.table.arena, dictionary.table.offsets
    room = sum(map(len, texts)) // LEAST_BYTES + len(texts)
    out = Series(
        np.zeros((2, room), np.int64), np.zeros((2, room), np.int64),
        np.zeros(room, np.int8), np.zeros(room),
    )  # fmt: skip
    counts = np.empty(len(texts), np.int64)
    total = read_series(arena, offsets, numbers, out, counts)
    found: list[list[tuple[bytes, float]] | None] = []
    at = 0
    for count in counts.tolist():
        if count < 0:
            found.append(None)
            continue
        series = []
        for place in range(at, at + count):
            key, number = (
                arena[spans[0, place] : spans[1, place]].tobytes()
                for spans in (out.keys, out.numbers)
            )
            if out.source[place] == SAID:
                series.append((key, float(out.values[place])))
            elif out.source[place] == LEFT:
                series.append((key, float(number)))
            else:
                series.append((key, -100.0 - out.source[place]))
        at += count
        found.append(series)
    assert at == total
    return found


@settings(max_examples=300)
@given(
    st.lists(st.dictionaries(KEYS, NUMBERS | NUMBERS | NUMBERS | OTHERS, max_size=4), max_size=6),
    st.sampled_from([None, 1]),
)
def test_series_are_those_that_python_reads(
    args: list[dict[str, object]], indent: int | None
) -> None:
    texts = [json.dumps(said, indent=indent, ensure_ascii=False).encode() for said in args]
    for said, found in zip(args, read(texts), strict=True):
        are_numbers = [type(value) in (int, float) for value in said.values()]
        if 'q"' in said or not all(are_numbers) or not said:
            assert found is None
        else:
            expected = [(key.encode(), float(str(value))) for key, value in said.items()]
            assert repr(found) == repr(expected)


def test_holes_and_what_is_not_plain() -> None:
    texts = [
        b'{"a":\x01C, "b":1.5}',
        b'{"a":1,"a":2}',
        b"{}",
        b'{"a":1e3}',
        b'{"a":0.1234567890123456}',
    ]
    assert read(texts) == [
        [(b"a", -102.0), (b"b", 1.5)],
        None,
        None,
        [(b"a", 1000.0)],
        [(b"a", 0.1234567890123456)],
    ]
    many = b"{" + b",".join(b'"%d":1' % k for k in range(100)) + b"}"
    assert read([many]) == [None]


def test_what_is_not_asked_for_is_not_read() -> None:
    dictionary = Dictionary()
    out = Series(
        np.zeros((2, 1), np.int64), np.zeros((2, 1), np.int64), np.zeros(1, np.int8), np.zeros(1)
    )
    counts = np.zeros(1, np.int64)
    table = dictionary.table
    assert read_series(table.arena, table.offsets, np.full(1, -1), out, counts) == 0
    assert counts.tolist() == [-1]
