"""Sums and extremes per group."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceql.kernels.totals import Totals

rows = st.lists(
    st.tuples(st.integers(0, 40), st.integers(-1, 2**50), st.integers(0, 2**50)), max_size=60
)


@given(rows, st.integers(1, 9))
def test_totals_are_sums_over_all_batches(values, step):
    totals = Totals()
    for at in range(0, len(values), step):
        totals.add(*([row[k] for row in values[at : at + step]] for k in range(3)))
    found = list(zip(*(column.tolist() for column in totals.result()), strict=True))

    expected = []
    for group in sorted({g for g, value, _ in values if value >= 0}):
        mine = [(v, own) for g, v, own in values if g == group and v >= 0]
        durations = [v for v, _ in mine]
        sums = (len(mine), sum(durations), sum(own for _, own in mine))
        expected.append((group, *sums, min(durations), max(durations)))
    assert found == expected


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="length"):
        Totals().add([1], [1], [])
