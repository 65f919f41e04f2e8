"""Meetings of intervals, and what nothing meets, against every choice tried."""

from __future__ import annotations

import numpy as np
import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st

from traceql.kernels import segments, span_join

interval = st.tuples(st.integers(-5, 30), st.integers(0, 9) | st.just(-1))


def offsets_of(lists):
    return np.concatenate(([0], np.cumsum([len(g) for g in lists]))).astype(np.int64)


def split(counts, *columns):
    found, at = [], 0
    for count in counts:
        found.append([tuple(int(c[i]) for c in columns) for i in range(at, at + count)])
        at += count
    assert all(len(c) == at for c in columns)
    return found


@given(st.lists(st.lists(st.tuples(interval, st.integers(0, 2)), max_size=9), min_size=1,
                max_size=3), st.integers(1, 3))  # fmt: skip
def test_intersect_is_every_choice_that_has_a_time_in_common(lists, tables):
    lists = [[(i, t % tables) for i, t in g] for g in lists]
    rows = [sorted(g, key=lambda r: (r[0][0], r[1])) for g in lists]
    everything = [r for g in rows for r in g]
    offsets = offsets_of(rows)
    ts = np.array([r[0][0] for r in everything], np.int64)
    end = segments.ends_of(ts, np.array([r[0][1] for r in everything], np.int64))
    found = span_join.intersect(offsets, ts, end, [r[1] for r in everything], tables)

    got = split(found.counts, found.ts, found.end, *found.rows.T)
    for first, mine, out in zip(offsets[:-1], rows, got, strict=True):
        expected = reference.choices([(i, t) for i, t in mine], tables)
        assert sorted(out) == sorted(
            (a, segments.NEVER if b is None else b, *(first + p for p in places))
            for a, b, places in expected
        )


@given(st.lists(interval, max_size=6), st.lists(interval, max_size=6))
def test_uncovered_is_what_is_left_of_each(a, b):
    sides = []
    for rows in (sorted(a), sorted(b)):
        ts = np.array([r[0] for r in rows], np.int64)
        dur = np.array([max(r[1], 0) for r in rows], np.int64)
        sides += [[0, len(rows)], ts, segments.ends_of(ts, dur)]
    found = span_join.uncovered(*sides)

    closed = [[(ts, max(dur, 0)) for ts, dur in sorted(rows)] for rows in (a, b)]
    expected = [
        (i, ts, ts + dur)
        for ts, dur, i, j in reference.span_join(*closed, left=True, right=False)
        if j < 0
    ]
    assert sorted(zip(found.row, found.ts, found.end, strict=True)) == sorted(expected)


def test_wrong_tables_are_refused():
    with pytest.raises(ValueError):
        span_join.intersect([0, 1], [1], [3], [2], 2)
