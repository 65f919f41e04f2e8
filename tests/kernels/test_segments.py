"""Sorting within segments against sorted()."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceql.kernels import segments

rows = st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(0, 2))
lists = st.lists(st.lists(rows, max_size=12), max_size=5)


def flat(groups):
    offsets = np.concatenate(([0], np.cumsum([len(g) for g in groups]))).astype(np.int64)
    columns = np.array([r for g in groups for r in g], np.int64).reshape(-1, 3).T
    return offsets, columns


@given(lists)
def test_each_segment_is_sorted_stably(groups):
    offsets, columns = flat(groups)
    order = segments.order(offsets, *columns)
    expected = [
        first + i
        for first, g in zip(offsets[:-1], groups, strict=True)
        for i in sorted(range(len(g)), key=lambda i: g[i])
    ]

    assert (list(range(offsets[-1])) if order is None else order.tolist()) == expected


@given(st.lists(st.lists(st.integers(-9, 9), max_size=40).map(sorted), min_size=1, max_size=5))
def test_runs_behind_each_other_are_merged(runs):
    values = np.array([v for run in runs for v in run], np.int64)
    order = segments.order([0, len(values)], values)

    assert (values if order is None else values[order]).tolist() == sorted(values.tolist())


def test_open_and_endless_have_no_end():
    ends = segments.ends_of([1, 5, 7], [4, -1, 2**63 - 2])

    assert ends.tolist() == [5, segments.NEVER, segments.NEVER]
    assert segments.lengths_of([1, 5, 7], ends).tolist() == [4, -1, -1]


@pytest.mark.parametrize("offsets", [[], [1, 2], [0, 1], [0, 2, 1, 2]])
def test_offsets_that_do_not_cover_are_refused(offsets):
    with pytest.raises(ValueError):
        segments.checked_offsets(offsets, 2)


@given(st.lists(st.lists(st.tuples(st.integers(-5, 5), st.integers(-6, 6)), max_size=6)))
def test_places_are_looked_up_within_the_segment(given_rows):
    rows = [list(dict(sorted(segment)).items()) for segment in given_rows]
    offsets = np.cumsum([0, *map(len, rows)])
    flat = [row for segment in rows for row in segment]

    found = segments.places(offsets, [k for k, _ in flat], [w for _, w in flat]).tolist()

    expected = []
    for first, segment in zip(offsets.tolist(), rows, strict=False):
        keys = [key for key, _ in segment]
        expected += [first + keys.index(w) if w in keys else -1 for _, w in segment]
    assert found == expected
