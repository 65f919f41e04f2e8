"""Sorting orders against Python's sort."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from traceql.kernels import order

numbers = st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 3) | st.integers(0, 2**45)


@given(st.integers(1, 3).flatmap(lambda k: st.lists(st.tuples(*[numbers] * k), max_size=60)))
def test_order_is_the_stable_order_of_the_keys(rows):
    keys = [
        np.array([row[k] for row in rows], np.int64) for k in range(len(rows[0]) if rows else 1)
    ]

    found = order.argsort(*keys).tolist()

    assert found == sorted(range(len(rows)), key=lambda i: rows[i])
    assert order.is_sorted(*keys) == (rows == sorted(rows))


def test_many_rows_with_many_ties():
    rng = np.random.default_rng(7)
    keys = [
        rng.integers(0, 4, 5000),
        rng.integers(-(2**62), 2**62, 5000) >> 58,
        rng.permutation(5000),
    ]

    assert np.array_equal(order.argsort(*keys), np.lexsort(keys[::-1]))


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="one length"):
        order.argsort([1], [1, 2])
    with pytest.raises(ValueError, match="given"):
        order.argsort()


@given(st.integers(0, 64).flatmap(
    lambda bits: st.tuples(st.just(bits), st.lists(st.integers(0, (1 << bits) - 1), max_size=40))
))  # fmt: skip
def test_words_are_sorted_by_radix_with_their_rows(words):
    bits, values = words
    room = np.empty((2, len(values)), np.uint64)
    room[0] = np.array(values, np.uint64)
    rows = np.empty((2, len(values)), np.int32)
    now = order.radix_order(bits, room, rows, np.zeros((6, 2048), np.int64))

    assert rows[now].tolist() == sorted(range(len(values)), key=values.__getitem__)
    assert room[now].tolist() == sorted(values)


@given(
    st.integers(1, 2).flatmap(
        lambda k: st.lists(
            st.lists(st.lists(st.tuples(*[numbers] * k), max_size=6), max_size=3), max_size=4
        )
    ),
    st.integers(1, 5),
)
def test_merged_rows_are_all_rows_in_order(sources, room):
    depth = next((len(row) for parts in sources for part in parts for row in part), 1)
    blocks = []
    for parts in sources:
        rows = sorted(row for part in parts for row in part)
        cuts = np.cumsum([0, *map(len, parts)])
        blocks.append(iter([rows[a:b] for a, b in pairwise(cuts) if b > a]))
    keys = np.zeros((len(sources), depth, 6), np.int64)
    place, stop = np.zeros(len(sources), np.int64), np.zeros(len(sources), np.int64)
    more, out = np.ones(len(sources), np.bool_), np.zeros((depth, room), np.int64)
    found, rows = [], 0
    while True:
        which, rows = order.merge(keys, place, stop, more, out, rows)
        if which >= 0:
            block = next(blocks[which], [])
            more[which] = bool(block)
            place[which], stop[which] = 0, len(block)
            for at, row in enumerate(block):
                keys[which, :, at] = row
            continue
        found += list(zip(*out[:, :rows].tolist(), strict=True))
        rows = 0
        if which == order.ALL_TAKEN:
            break

    assert found == sorted(row for parts in sources for part in parts for row in part)


@given(st.integers(1, 4).flatmap(lambda k: st.lists(st.tuples(*[numbers] * k), max_size=40)))
@example([(5, 2**63 - 1), (5, -(2**63)), (5, 0)])
@example([(2**63 - 1, 5), (-(2**63), 5), (0, 5)])
def test_rows_of_keys_only_are_sorted(rows):
    keys = np.array(rows, np.int64).reshape(len(rows), len(rows[0]) if rows else 1).T.copy()

    assert [tuple(row) for row in order.sorted_rows(keys).T.tolist()] == sorted(rows)
    for some in (order.widths_of(keys.min(axis=1), keys.max(axis=1)),) if rows else ():
        assert some.sum() <= 64
