"""Two states against all of their paths."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceql.kernels import states

costs = st.integers(0, 9).map(float)


def cost(path, low, high, rise) -> float:
    total, before = 0.0, False
    for i, is_high in enumerate(path):
        total += (high[i] if is_high else low[i]) + (rise if is_high and not before else 0)
        before = is_high
    return total


@given(st.lists(st.tuples(costs, costs), max_size=9), st.integers(0, 6))
def test_no_path_costs_less(pairs, rise):
    low, high = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    found = states.two_states(low, high, rise)
    paths = itertools.product([False, True], repeat=len(pairs))
    assert cost(found, low, high, rise) == min(cost(path, low, high, rise) for path in paths)


def test_wrong_input_is_refused():
    with pytest.raises(ValueError, match="1 and 0 costs"):
        states.two_states([1.0], [], 1)
