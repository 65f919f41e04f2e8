"""Facts of kernels: what is read plainly equals what Python reads."""

from __future__ import annotations

import json

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from traceql.kernels import work_args
from traceql.kernels.gather import MISSING, SAID
from traceql.kernels.intern import Dictionary
from traceql.kernels.work_args import Facts, keys_of, read_works

KEYS = keys_of({
    "device": (0, work_args.INT32),
    "shared memory": (1, work_args.INT),
    "grid": (2, work_args.THREE),
    "est. achieved occupancy %": (5, work_args.SHARE),
    "size": (1, work_args.ABSENT),
})  # fmt: skip
NAMES = st.sampled_from(
    [
        "device",
        "Device",
        "shared memory",
        "grid",
        "est. achieved occupancy %",
        "x",
        "grip",
        "sizes",
        "",
    ]
)
NUMBERS = st.integers(-(1 << 64), 1 << 64) | st.integers(-9, 9) | st.floats(0, 1e6)
VALUES = (
    NUMBERS
    | st.none()
    | st.text(max_size=3)
    | st.lists(st.integers(-3, 1 << 33) | st.none(), max_size=4)
    | st.decimals(0, 100, places=3).map(float)
)


def read(text: bytes) -> tuple[bool, list[float | None]]:
    dictionary = Dictionary()
    data = np.frombuffer(text + bytes(64), np.uint8)
    dictionary.add(data, np.zeros(1, np.int64), np.full(1, len(text)))
    out = Facts(np.zeros((6, 1), np.int64), np.full((6, 1), MISSING, np.int8), np.zeros(1))
    plain = np.empty(1, np.bool_)
    table = dictionary.table
    read_works(table.arena, table.offsets, np.zeros(1, np.int64), KEYS, out, plain)
    found: list[float | None] = []
    for said, source in zip(out.said[:, 0].tolist(), out.source[:, 0].tolist(), strict=True):
        found.append(said if source == SAID else None if source == MISSING else -100 - source)
    if found[5] is not None:
        found[5] = float(out.shares[0])
    return bool(plain[0]), found


def narrow(value: int | None) -> int | None:
    return value if value is not None and -(1 << 31) <= value < 1 << 31 else None


@settings(max_examples=400)
@given(st.lists(st.tuples(NAMES, VALUES), max_size=5), st.sampled_from([None, 1]))
def test_plain_facts_are_those_that_python_reads(
    members: list[tuple[str, object]], indent: int | None
) -> None:
    value = dict(members)
    plain, found = read(json.dumps(value, indent=indent).encode())
    if not plain:
        return
    folded = {key.lower(): part for key, part in value.items()}
    share = folded.get("est. achieved occupancy %")
    grid = folded.get("grid") or [None] * 3
    expected = [narrow(folded.get("device")), folded.get("shared memory"), *map(narrow, grid)]
    assert found == [*expected, None if share is None else float(share) / 100]


def test_what_tools_write_is_plain() -> None:
    text = b'{"Device": \x01D, "grid": [1, 2, 3], "est. achieved occupancy %": 37.5, "x": [{}]}'
    assert read(text) == (True, [-103, None, 1, 2, 3, 0.375])
    assert read(b'{"device": 4294967296}') == (True, [None] * 6)
    assert read(b'{"device": null, "shared memory" : -7 }') == (True, [None, -7, *[None] * 4])
    assert read(b"{ }") == (True, [None] * 6)


def test_what_is_odd_is_not_plain() -> None:
    for text in (
        b'{"size": 1}', b'{"Size": null}',
        b'{"device": 1, "Device": 2}', b'{"device": "1"}', b'{"device": 1.0}', b'{"device": 1e0}',
        b'{"device": 99999999999999999999}', b'{"grid": [1, 2]}', b'{"grid": [1, 2, 3, 4]}',
        b'{"x\\u0041": 1}', b'{"\xe2\x84\xaa": 1}', b'{"est. achieved occupancy %": 1e2}',
    ):  # fmt: skip
        assert not read(text)[0], text
