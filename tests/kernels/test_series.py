"""Pairs of values against plain loops."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from traceql.kernels import series

numbers = st.floats(-1e6, 1e6).map(lambda v: round(v, 3))


@settings(max_examples=50)
@given(st.lists(numbers, min_size=2, max_size=12))
def test_slopes_of_all_pairs(values):
    found = series.slopes(values, range(1, len(values)))
    pairs = itertools.combinations(enumerate(values), 2)
    assert sorted(found) == sorted((b - a) / (j - i) for (i, a), (j, b) in pairs)


def test_a_lag_lies_within_the_series():
    with pytest.raises(ValueError):
        series.slopes([1.0, 2.0], [2])


@settings(max_examples=100)
@given(st.lists(st.integers(-5, 5) | numbers, max_size=40))
def test_pairs_that_rise_less_those_that_fall(values):
    pairs = itertools.combinations(values, 2)
    assert series.rises(values) == sum((a < b) - (a > b) for a, b in pairs)
