"""Launches against the slow oracle."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import reference
from traceql.kernels.launch import Works

links = st.lists(
    st.tuples(st.integers(0, 1), st.integers(-1, 2), st.sampled_from(["host", "device"])),
    max_size=30,
)


@given(links, st.sets(st.integers(0, 199)), st.randoms(use_true_random=False))
def test_work_belongs_to_the_last_call_before_it_else_to_the_first(found, others, random):
    numbers = random.sample(range(200), len(found))
    rows = [(number, *link) for number, link in zip(numbers, found, strict=True)]
    ordered = sorted((s, c, 2 * n + (role == "device")) for n, s, c, role in rows)
    columns = np.array(ordered, np.int64).reshape(-1, 3).T
    known = {n for n, *_, role in rows if role == "device"} - others
    works = Works(200)
    for number in sorted(known, key=str):
        works.add([number])

    duplicates = works.match(columns[:2], columns[2])

    expected = reference.launches([(n, str(s), c, role) for n, s, c, role in rows])
    calls = works.calls(range(200)).tolist()
    assert calls == [expected.get(n, -1) if n in known else -1 for n in range(200)]
    of_host = [(s, c) for s, c, role in found if role == "host"]
    assert duplicates == len({key for key in of_host if of_host.count(key) > 1})


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="one length"):
        Works(1).match([[1, 2]], [0])
    with pytest.raises(IndexError, match="beyond"):
        Works(1).match([[1]], [2])
    with pytest.raises(IndexError, match="beyond"):
        Works(1).add([-1])
    with pytest.raises(IndexError, match="beyond"):
        Works(64).calls([64])
