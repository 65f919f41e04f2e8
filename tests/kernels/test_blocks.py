"""Blocks of columns against lists of Python numbers."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from traceql.kernels import blocks

RANGES = [(7, 7), (0, 255), (-300, 60_000), (-(2**31), 2**31 - 1), (-(2**63), 2**63 - 1)]


@st.composite
def tables(draw):
    """Columns of one length, of all types and widths."""
    rows = draw(st.integers(1, 9))
    columns = []
    for _ in range(draw(st.integers(1, 4))):
        kind = np.dtype(draw(st.sampled_from([np.int64, np.int32, np.uint8, np.bool_])))
        low, high = draw(st.sampled_from(RANGES))
        bounds = (0, 1) if kind == np.bool_ else (np.iinfo(kind).min, np.iinfo(kind).max)
        numbers = st.integers(*(min(max(n, bounds[0]), bounds[1]) for n in (low, high)))
        columns.append(np.array(draw(st.lists(numbers, min_size=rows, max_size=rows)), kind))
    return columns


@given(tables(), st.data())
@settings(max_examples=60)
def test_what_is_packed_comes_back(columns, data):
    rows = len(columns[0])
    start = data.draw(st.integers(0, rows - 1))
    count = data.draw(st.integers(1, rows - start))
    block, shape = blocks.pack(blocks.columns_of(columns), start, count)
    assert len(block) % 8 == 0
    first = data.draw(st.integers(0, count - 1))
    taken = count - first
    where = data.draw(st.lists(st.integers(0, 11), min_size=taken, max_size=taken, unique=True))
    places = np.array(sorted(where), np.int32)
    out = {8: np.full((4, 12), -9), 4: np.full((4, 12), -9, np.int32),
           1: np.full((4, 12), 99, np.uint8)}  # fmt: skip
    sizes = np.array([column.itemsize for column in columns])
    wanted = np.array([data.draw(st.sampled_from([-1, place])) for place in range(len(columns))])
    blocks.take(
        blocks.views(block), shape, first, places,
        blocks.Target(wanted, sizes, out[8], out[4], out[1]),
    )  # fmt: skip
    for number, column in enumerate(columns):
        found = out[column.itemsize][number].astype(column.dtype)
        expected = np.full(12, 99 if column.itemsize == 1 else -9).astype(column.dtype)
        if wanted[number] >= 0:
            expected[places] = column[start + first : start + count]
        assert found.tolist() == expected.tolist()


def test_bytes_are_saved():
    columns = [np.arange(5) + 10**15, np.full(5, -3), np.array([0, 300, 1, 2, 3], np.int32)]
    block, shape = blocks.pack(blocks.columns_of(columns), 0, 5)
    assert shape.widths.tolist() == [1, 0, 2]
    assert len(block) == 8 + 0 + 16


keys = st.tuples(st.integers(0, 3), st.integers(-2, 2))


@given(st.lists(st.lists(keys, max_size=8).map(sorted), min_size=1, max_size=4),
       st.integers(1, 5), st.integers(1, 3))  # fmt: skip
@settings(max_examples=60)
def test_lanes_are_merged_as_sorted_would(lanes, room, block_rows):
    """Of equal keys those of any lane may come first, but each lane keeps its order."""
    waiting = [[lane[i : i + block_rows] for i in range(0, len(lane), block_rows)]
               for lane in lanes]  # fmt: skip
    now = [[] for _ in lanes]
    held = np.zeros((len(lanes), 2, block_rows), np.int64)
    place, stop, counts = (np.zeros(len(lanes), np.int64) for _ in range(3))
    more = np.ones(len(lanes), np.bool_)
    where = np.zeros((len(lanes), room), np.int32)
    found, out, rows = [], [None] * room, 0
    while True:
        before = place.copy()
        lane, rows = blocks.merge(held, place, stop, more, where, counts, rows)
        for s, count in enumerate(counts.tolist()):
            assert place[s] - before[s] == count
            for i in range(count):
                assert out[where[s, i]] is None
                out[where[s, i]] = now[s][before[s] + i]
        if lane >= 0:
            more[lane] = bool(waiting[lane])
            if waiting[lane]:
                now[lane] = waiting[lane].pop(0)
                held[lane, :, : len(now[lane])] = np.array(now[lane]).T
                place[lane], stop[lane] = 0, len(now[lane])
            continue
        found += out[:rows]
        out, rows = [None] * room, 0
        if lane == blocks.ALL_TAKEN:
            break
    assert found == sorted(key for lane in lanes for key in lane)
