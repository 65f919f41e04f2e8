"""Projection of ranges against every range looked at for every call."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceql.kernels import project

spans = st.lists(st.tuples(st.integers(-4, 12), st.integers(0, 8)), max_size=8)
calls = st.lists(
    st.tuples(
        st.integers(-4, 12),
        st.integers(0, 4),
        st.lists(st.tuples(st.integers(0, 30), st.integers(0, 6)), min_size=1, max_size=3),
    ),
    max_size=8,
)


def offsets_of(parts):
    return np.concatenate(([0], np.cumsum([len(part) for part in parts]))).astype(np.int64)


def swept(segments):
    """Sorted columns of segments of (ranges, calls with their works), and what is found."""
    ranges = [sorted(((ts, ts + dur) for ts, dur in r), key=lambda r: (r[0], -r[1]))
              for r, _ in segments]  # fmt: skip
    called = [sorted(((ts, ts + dur, works) for ts, dur, works in c), key=lambda c: c[0])
              for _, c in segments]  # fmt: skip
    flat = [row for part in ranges for row in part]
    calls_flat = [row for part in called for row in part]
    tree = project.tree(
        offsets_of(ranges), [r[0] for r in flat], [r[1] for r in flat],
        offsets_of(called), [c[0] for c in calls_flat], [c[1] for c in calls_flat],
    )  # fmt: skip
    owner = [s for s, part in enumerate(ranges) for _ in part]
    call_owner = [s for s, part in enumerate(called) for _ in part]
    works = [(j, ts, ts + dur) for j, c in enumerate(calls_flat) for ts, dur in c[2]]
    return tree, list(zip(owner, flat, strict=True)), list(
        zip(call_owner, calls_flat, strict=True)
    ), works  # fmt: skip


def around(ranges, segment, start, end):
    """Rows of the ranges of the segment that contain the time, the tightest last."""
    found = [
        row
        for row, (owner, (ts, stop)) in enumerate(ranges)
        if owner == segment and ts <= start and end <= stop
    ]
    return sorted(found, key=lambda row: (ranges[row][1][0] - ranges[row][1][1], row))


def union(spans_):
    return len({t for ts, end in spans_ for t in range(ts, end)})


@given(st.lists(st.tuples(spans, calls), max_size=3))
def test_sums_are_those_of_all_ranges_looked_at_for_every_call(segments):
    tree, ranges, called, works = swept(segments)
    order = sorted(range(len(works)), key=lambda i: works[i][1])
    sums = project.totals(tree, *zip(*works, strict=True), order) if works else None

    innermost = [(around(ranges, s, c[0], c[1]) or [-1])[-1] for s, c in called]
    assert tree.innermost.tolist() == innermost
    for row in range(len(ranges)):
        mine = [w for w in works if row in around(ranges, called[w[0]][0], *called[w[0]][1][:2])]
        own = [w for w in works if innermost[w[0]] == row]
        if not works:
            continue
        assert sums.work_count[row] == len(mine)
        assert sums.call_count[row] == len({w[0] for w in mine})
        assert sums.sum_dur[row] == sum(end - ts for _, ts, end in mine)
        assert sums.busy_dur[row] == union([w[1:] for w in mine])
        assert sums.own_work_count[row] == len(own)
        assert sums.own_sum_dur[row] == sum(end - ts for _, ts, end in own)
        assert sums.own_busy_dur[row] == union([w[1:] for w in own])
        if mine:
            assert sums.ts[row] == min(w[1] for w in mine)
            assert sums.end[row] == max(w[2] for w in mine)


@given(st.lists(st.tuples(spans, calls), max_size=3))
def test_pairs_are_all_ranges_around_each_call(segments):
    tree, ranges, called, works = swept(segments)
    work, row = project.pairs(tree, [w[0] for w in works])

    expected = [
        (i, r) for i, w in enumerate(works)
        for r in around(ranges, called[w[0]][0], *called[w[0]][1][:2])
    ]  # fmt: skip
    assert sorted(zip(work.tolist(), row.tolist(), strict=True)) == sorted(expected)
    assert work.tolist() == sorted(work.tolist())


@given(st.lists(st.tuples(spans, calls), max_size=3))
def test_the_parent_is_the_tightest_range_around(segments):
    tree, ranges, _, _ = swept(segments)

    level: dict[int, int] = {-1: -1}
    for row, (segment, (ts, end)) in enumerate(ranges):
        earlier = [r for r in around(ranges, segment, ts, end) if r < row]
        parent = earlier[-1] if earlier else -1
        level[row] = level[parent] + 1
        assert (tree.parent[row], tree.level[row]) == (parent, level[row])


def test_a_call_that_two_overlapping_ranges_contain_counts_for_both():
    tree = project.tree([0, 2], [0, 4], [10, 14], [0, 1], [5], [6])
    sums = project.totals(tree, [0], [20], [25], [0])

    assert sums.sum_dur.tolist() == [5, 5]
    assert sums.own_sum_dur.tolist() == [0, 5]
    assert tree.parent.tolist() == [-1, -1]


def test_columns_must_fit():
    with pytest.raises(ValueError, match="length"):
        project.tree([0, 1], [0], [1, 2], [0, 0], [], [])
    with pytest.raises(ValueError, match="length"):
        project.totals(project.tree([0], [], [], [0], [], []), [0], [0], [], [0])
