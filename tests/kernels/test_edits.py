"""Edit scripts against the longest common subsequence."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceql.kernels import edits

symbols = st.lists(st.integers(0, 3), max_size=14)


def common(first, second):
    """Length of the longest common subsequence."""

    @cache
    def of(i, j):
        if not i or not j:
            return 0
        if first[i - 1] == second[j - 1]:
            return of(i - 1, j - 1) + 1
        return max(of(i - 1, j), of(i, j - 1))

    return of(len(first), len(second))


@given(symbols, symbols, st.integers(0, 30))
def test_the_script_is_shortest_and_leads_there(first, second, most):
    needed = len(first) + len(second) - 2 * common(first, second)
    found = edits.shortest(np.array(first, np.int64), np.array(second, np.int64), most)
    if needed > most:
        assert found is None
        return
    assert len(found.removed) + len(found.inserted) == needed
    kept = [v for i, v in enumerate(first) if i not in set(found.removed.tolist())]
    left = [v for i, v in enumerate(second) if i not in set(found.inserted.tolist())]
    assert kept == left
    for places in found:
        assert (np.diff(places) > 0).all()


def test_a_negative_number_of_edits_is_refused():
    with pytest.raises(ValueError):
        edits.shortest([1], [2], -1)
