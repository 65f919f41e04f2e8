"""Codes against a dictionary of Python."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceql.kernels.codes import codes_of


@given(st.lists(st.integers(-5, 5), max_size=20))
def test_codes_follow_first_appearance(values):
    codes, first = codes_of(np.array(values, np.int64), -5, 5)
    known = {}
    assert codes.tolist() == [known.setdefault(v, len(known)) for v in values]
    assert first.tolist() == [values.index(v) for v in known]


def test_values_outside_are_refused():
    for value in (-1, 3):
        with pytest.raises(ValueError, match="not from 0 to 2"):
            codes_of(np.array([1, value]), 0, 2)
