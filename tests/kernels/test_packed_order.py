"""The order of packed rows against Python's stable sort."""

from __future__ import annotations

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from traceql.kernels import packed
from traceql.kernels.packed_order import sorted_starts

few = st.integers(-1, 1)
keys = few | st.integers(-(2**63), 2**63 - 1) | st.integers(0, 2**33)


@st.composite
def rows_of_keys(draw):
    depth = draw(st.integers(1, 4))
    kinds = draw(st.lists(st.sampled_from([few, keys]), min_size=depth, max_size=depth))
    return draw(st.lists(st.tuples(*kinds), max_size=40))


@given(rows_of_keys())
@example([(2**63 - 1, 1), (-(2**63), 0), (2**63 - 1, 0)])
@example([(3, 2**63 - 1), (3, -(2**63)), (3, 0)])
@example([(1, i * i % 7, -i << 40, i) for i in range(200)])
@example([(i % 2, 5 << 40, 2**62, -i << 33) for i in range(300)])
def test_rows_are_sorted_by_their_keys_and_equal_ones_keep_their_order(rows):
    depth = len(rows[0]) if rows else 1
    columns = packed.Columns(
        np.zeros(1, np.int64),
        [np.arange(len(rows))],
        [None],
        np.empty(0, np.uint8),
        np.empty(0, np.int64),
    )
    stacked = np.array(rows, np.int64).reshape(len(rows), depth).T.copy()
    words = np.empty(packed.most_words(depth, len(rows), columns), np.int32)
    packed.pack(list(stacked), len(rows), columns, words, 0)
    starts = np.empty(len(rows), np.int64)
    packed.find_starts(words, 0, starts)

    values = np.empty((1, len(rows)), np.int64)
    place, bits = np.zeros(packed.MOST_COLUMNS, np.int64), np.zeros((1, 1), np.uint8)
    packed.unpack(words, sorted_starts(words, starts, depth), depth, place, 1, values, bits)

    assert values[0].tolist() == sorted(range(len(rows)), key=lambda row: rows[row])
