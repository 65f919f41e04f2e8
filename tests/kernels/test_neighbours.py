"""Neighbours of windows, and scores of splits, against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceql.kernels import neighbours

series = st.lists(st.floats(-3, 3).map(lambda v: round(v, 3)), min_size=6, max_size=18)


def alike(one, other) -> float:
    """Pearson's correlation, flat windows with standard deviation 1."""
    spread = [float(np.std(w)) if np.std(w) >= 1e-8 else 1.0 for w in (one, other)]
    return float(np.mean((one - np.mean(one)) * (other - np.mean(other)))) / spread[0] / spread[1]


@given(series, st.integers(2, 5), st.integers(1, 3), st.integers(1, 3))
def test_neighbours_correlate_best(values, window, most, apart):
    data = np.array(values)
    count = len(data) - window + 1
    windows = [data[i : i + window] for i in range(count)]
    found = neighbours.nearest(data, window, most, apart)
    assert found.shape == (count, most)
    for i in range(count):
        others = [j for j in range(count) if abs(i - j) >= apart]
        best = sorted((alike(windows[i], windows[j]) for j in others), reverse=True)[:most]
        mine = [j for j in found[i] if j >= 0]
        assert len(mine) == len(best)
        assert all(j in others for j in mine)
        assert [alike(windows[i], windows[j]) for j in mine] == pytest.approx(best, abs=1e-5)


def f1(truth, told, side) -> float:
    hit = sum(t == side and g == side for t, g in zip(truth, told, strict=True))
    wrong = sum((t == side) != (g == side) for t, g in zip(truth, told, strict=True))
    return 2 * hit / (2 * hit + wrong) if hit + wrong else 0.0


@given(st.integers(2, 9).flatmap(
    lambda n: st.lists(st.lists(st.integers(-1, n - 1), min_size=3, max_size=3),
                       min_size=n, max_size=n)), st.integers(1, 2))  # fmt: skip
def test_splits_are_scored_by_their_neighbours(table, margin):
    found = neighbours.split_scores(np.array(table, np.int32), margin)
    count = len(table)
    for split in range(count):
        if not margin <= split <= count - margin:
            assert found[split] == -1
            continue
        truth = [i >= split for i in range(count)]
        known = [[j for j in row if j >= 0] for row in table]
        told = [2 * sum(j >= split for j in row) > len(row) for row in known]
        assert found[split] == pytest.approx((f1(truth, told, True) + f1(truth, told, False)) / 2)


def test_wrong_input_is_refused():
    with pytest.raises(ValueError, match="windows of 9"):
        neighbours.nearest([1.0, 2.0], 9, 1, 1)
    with pytest.raises(ValueError, match="no window"):
        neighbours.split_scores(np.array([[5]], np.int32), 1)
