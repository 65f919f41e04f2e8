"""Mixtures of normal distributions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from traceql.kernels import mixture

numbers = st.floats(-50, 50, allow_nan=False).map(lambda v: round(v, 6))


def log_likelihood(data, weight, mean, sd) -> float:
    return math.fsum(
        math.log(
            math.fsum(
                w / (s * math.sqrt(2 * math.pi)) * math.exp(-0.5 * ((x - m) / s) ** 2)
                for w, m, s in zip(weight, mean, sd, strict=True)
            )
        )
        for x in data
    )


@settings(max_examples=60)
@given(st.lists(numbers, min_size=2, max_size=40))
def test_one_component_is_mean_and_deviation(values):
    data = np.sort(values)
    found = mixture.fit(data, 1, least_sd=0.01)

    assert found.weight.tolist() == [1.0]
    assert found.mean[0] == pytest.approx(math.fsum(values) / len(values), abs=1e-9)
    expected = math.sqrt(math.fsum((v - found.mean[0]) ** 2 for v in values) / len(values))
    assert found.sd[0] == pytest.approx(max(expected, 0.01), rel=1e-6, abs=1e-7)


@settings(max_examples=40)
@given(st.integers(0, 1000), st.floats(0.2, 0.8), st.floats(4, 9))
def test_two_apart_are_found_and_fit_better(seed, share, apart):
    random = np.random.default_rng(seed)
    first = random.random(600) < share
    data = np.sort(np.where(first, random.normal(0, 1, 600), random.normal(apart * 2, 1, 600)))
    one = mixture.fit(data, 1, least_sd=0.01)
    two = mixture.fit(data, 2, least_sd=0.01)

    assert two.log_likelihood > one.log_likelihood + 100
    assert two.weight[0] == pytest.approx(first.mean(), abs=0.02)
    assert two.mean == pytest.approx([0, apart * 2], abs=0.3)
    assert two.log_likelihood == pytest.approx(
        log_likelihood(data, two.weight, two.mean, two.sd), rel=1e-3
    )


@pytest.mark.parametrize("seed", range(3))
def test_it_agrees_with_sklearn(seed):
    from sklearn.mixture import GaussianMixture

    random = np.random.default_rng(seed)
    data = np.sort(np.append(random.normal(1, 0.3, 700), random.normal(3, 0.5, 300)))
    ours = mixture.fit(data, 2, least_sd=1e-3, tolerance=1e-9, steps=1000)
    theirs = GaussianMixture(2, tol=1e-9, max_iter=1000, random_state=0).fit(data[:, None])

    order = np.argsort(theirs.means_[:, 0])
    assert ours.mean == pytest.approx(theirs.means_[order, 0], abs=1e-3)
    assert ours.weight == pytest.approx(theirs.weights_[order], abs=1e-3)
    assert ours.sd == pytest.approx(np.sqrt(theirs.covariances_[order, 0, 0]), abs=1e-3)


def test_no_deviation_is_below_the_least():
    found = mixture.fit([2.0] * 50 + [3.0] * 50, 2, least_sd=0.25)
    assert found.sd.tolist() == [0.25, 0.25]
    assert found.mean == pytest.approx([2, 3], abs=0.1)


@pytest.mark.parametrize(
    ("data", "components", "least"),
    [([1.0], 2, 0.1), ([2.0, 1.0], 1, 0.1), ([1.0], 0, 0.1), ([1.0, 2.0], 1, 0.0)],
)
def test_bad_input_is_refused(data, components, least):
    with pytest.raises(ValueError, match=r"components|descend|least_sd"):
        mixture.fit(data, components, least_sd=least)
