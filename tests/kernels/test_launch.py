"""Launches against the slow oracle."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import reference
from traceql.kernels import launch

links = st.lists(
    st.tuples(st.integers(0, 1), st.integers(-1, 2), st.sampled_from(["host", "device"])),
    max_size=30,
)


@given(links, st.randoms(use_true_random=False))
def test_work_belongs_to_the_last_call_before_it_else_to_the_first(found, random):
    numbers = random.sample(range(40), len(found))
    rows = [(number, *link) for number, link in zip(numbers, found, strict=True)]
    ordered = sorted((s, c, 2 * n + (role == "device")) for n, s, c, role in rows)
    columns = np.array(ordered, np.int64).reshape(-1, 3).T
    launched = np.zeros(40, np.int32)

    duplicates = launch.match(columns[:2], columns[2], launched)

    expected = reference.launches([(n, str(s), c, role) for n, s, c, role in rows])
    assert {n: int(launched[n]) - 1 for n in range(40) if launched[n]} == expected
    calls = [(s, c) for s, c, role in found if role == "host"]
    assert duplicates == len({key for key in calls if calls.count(key) > 1})


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="one length"):
        launch.match([[1, 2]], [0], np.zeros(1, np.int32))
    with pytest.raises(IndexError, match="beyond"):
        launch.match([[1]], [2], np.zeros(1, np.int32))
