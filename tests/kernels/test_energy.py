"""Energy statistics against their definition."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceql.kernels import energy

series = st.lists(st.integers(-30, 30).map(float), min_size=2, max_size=14)


def q(before, after) -> float:
    """The definition, pair by pair."""
    m, n = len(before), len(after)
    across = sum(abs(x - y) for x in before for y in after)
    found = 2 / (m + n) * across
    if m > 1:
        inside = sum(abs(x - y) for x, y in itertools.combinations(before, 2))
        found -= 2 * n / ((m + n) * (m - 1)) * inside
    if n > 1:
        inside = sum(abs(x - y) for x, y in itertools.combinations(after, 2))
        found -= 2 * m / ((m + n) * (n - 1)) * inside
    return found


@given(series)
def test_best_split_has_the_largest_energy(values):
    count = len(values)
    all_of_them = {
        t: max(q(values[:t], values[t:k]) for k in range(t + 1, count + 1)) for t in range(1, count)
    }
    place, found = energy.best_split(values)
    assert found == pytest.approx(max(all_of_them.values()))
    assert all_of_them[place] == pytest.approx(found)


@given(series)
def test_energies_at_the_end_are_those_of_the_definition(values):
    expected = [0.0, *(q(values[:t], values[t:]) for t in range(1, len(values)))]
    assert energy.at_end(values) == pytest.approx(expected)


@given(st.lists(series, min_size=1, max_size=3), st.integers(0, 9))
def test_segments_are_shuffled_as_the_standard_library_would(groups, seed):
    chance = random.Random(seed)
    draws, expected = [], []
    for _ in range(3):
        best = 0.0
        for group in groups:
            held = list(group)
            for i in range(len(held) - 1, 0, -1):
                draws.append(chance.random())
                j = int(draws[-1] * (i + 1))
                held[i], held[j] = held[j], held[i]
            best = max(best, *energy.at_end(held))
        expected.append(best)
    offsets = np.concatenate(([0], np.cumsum([len(group) for group in groups])))
    found = energy.permuted(offsets, np.concatenate(groups), draws)
    assert found == pytest.approx(expected)


def test_wrong_input_is_refused():
    with pytest.raises(ValueError, match="fewer than two"):
        energy.best_split([1.0])
    with pytest.raises(ValueError, match="draws"):
        energy.permuted([0, 3], [1.0, 2.0, 3.0], [0.5])
