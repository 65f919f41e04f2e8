"""Partitions against a search of all of them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceql.kernels import partition


def cost(values, cuts) -> float:
    bounds = [0, *cuts, len(values)]
    parts = [np.array(values[a:b]) for a, b in itertools.pairwise(bounds)]
    return sum(float(((part - part.mean()) ** 2).sum()) for part in parts)


def fits(cuts, count, least) -> bool:
    return all(b - a >= least for a, b in itertools.pairwise([0, *cuts, count]))


@given(
    st.lists(st.integers(-50, 50).map(float), min_size=1, max_size=9),
    st.integers(0, 4),
    st.integers(1, 3),
)
def test_no_partition_is_better(values, most, least):
    found = partition.best_cuts(values, most, least)
    count = len(values)
    assert len(found) == (0 if count < least else min(most, count // least - 1) + 1)
    for cuts, places in enumerate(found):
        assert fits(places, count, least)
        best = min(
            cost(values, choice)
            for choice in itertools.combinations(range(1, count), cuts)
            if fits(choice, count, least)
        )
        assert cost(values, places) == pytest.approx(best, abs=1e-6)


def test_what_cannot_be_cut_is_refused():
    with pytest.raises(ValueError, match="finite"):
        partition.best_cuts([1.0, np.nan], 1, 1)
    with pytest.raises(ValueError, match="segments of at least 0"):
        partition.best_cuts([1.0], 1, 0)
