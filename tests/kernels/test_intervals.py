"""Interval sweeps against sets of single nanoseconds."""

from __future__ import annotations

import numpy as np
import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st

from traceql.kernels import intervals

spans = st.lists(
    st.tuples(st.integers(-20, 40), st.integers(0, 12)).map(lambda p: (p[0], p[0] + p[1])),
    max_size=12,
).map(sorted)


def columns(pairs):
    return [a for a, _ in pairs], [b for _, b in pairs]


def listed(found):
    return list(zip(found.ts.tolist(), found.end.tolist(), strict=True))


@given(spans)
def test_union_is_the_runs_of_covered_time(pairs):
    found = intervals.union(*columns(pairs))

    assert listed(found) == reference.runs(reference.covered(pairs))
    assert intervals.busy(*columns(pairs)) == len(reference.covered(pairs))


@given(spans, spans)
def test_intersection_is_what_both_cover(a, b):
    both = intervals.intersect(intervals.union(*columns(a)), intervals.union(*columns(b)))
    expected = reference.covered(a) & reference.covered(b)

    assert reference.covered(listed(both)) == expected
    assert intervals.intersect_length(
        intervals.union(*columns(a)), intervals.union(*columns(b))
    ) == len(expected)


@given(spans)
def test_gaps_lie_between_the_pieces_of_the_union(pairs):
    times = reference.covered(pairs)
    everything = set(range(min(times), max(times))) if times else set()

    assert listed(intervals.gaps(*columns(pairs))) == reference.runs(everything - times)


@given(spans, st.integers(-30, 50), st.integers(-30, 50))
def test_gaps_within_a_window(pairs, start, stop):
    free = set(range(start, stop)) - reference.covered(pairs)

    assert listed(intervals.gaps(*columns(pairs), start, stop)) == reference.runs(free)


@given(spans, st.integers(-30, 50), st.integers(1, 9), st.integers(0, 9))
def test_coverage_counts_covered_time_per_bin(pairs, start, width, bins):
    times = reference.covered(pairs)
    expected = [
        len(times & set(range(start + k * width, start + (k + 1) * width))) for k in range(bins)
    ]

    assert intervals.coverage_by_bin(*columns(pairs), start, width, bins).tolist() == expected


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="descend"):
        intervals.union([2, 1], [3, 3])
    with pytest.raises(ValueError, match="before it starts"):
        intervals.union([2], [1])
    with pytest.raises(ValueError, match="1 starts and 2 ends"):
        intervals.busy([2], [3, 4])
    with pytest.raises(ValueError, match="dimensions"):
        intervals.union(np.zeros((2, 2)), np.zeros((2, 2)))
    with pytest.raises(ValueError, match="bins"):
        intervals.coverage_by_bin([], [], 0, 0, 3)
