"""Rolling statistics against the standard library's."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceql.kernels import rolling

values = st.floats(-1e6, 1e6).map(lambda v: round(v, 3)) | st.just(math.nan)


@given(st.lists(st.lists(values, max_size=12), min_size=1, max_size=3), st.integers(1, 5))
def test_each_window_is_described(groups, window):
    offsets = np.concatenate(([0], np.cumsum([len(g) for g in groups])))
    found = rolling.statistics(offsets, [v for g in groups for v in g], window)

    at = 0
    for group in groups:
        for i in range(len(group)):
            held = [v for v in group[max(0, i - window + 1) : i + 1] if not math.isnan(v)]
            assert found.size[at] == len(held)
            if held:
                assert (found.min[at], found.max[at]) == (min(held), max(held))
                assert found.median[at] == statistics.median(held)
                assert found.mean[at] == pytest.approx(statistics.fmean(held), abs=1e-6)
            else:
                assert math.isnan(found.mean[at])
            if len(held) > 1:
                assert found.stddev[at] == pytest.approx(statistics.stdev(held), abs=1e-4)
            at += 1


def test_a_window_holds_at_least_one_value():
    with pytest.raises(ValueError):
        rolling.statistics([0, 1], [1.0], 0)
