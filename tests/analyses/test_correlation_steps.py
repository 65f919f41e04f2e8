"""correlation.steps: coefficients as scipy's, false ones controlled, planted pairs found."""

from __future__ import annotations

import numpy as np
import pytest
from made_traces import evidence, host, results_of, store_with
from scipy import stats
from test_prediction_trend import remembering

from traceql.analyses.correlation import _coefficients


def test_coefficients_equal_scipy() -> None:
    chance = np.random.default_rng(1)
    rows = chance.normal(size=(4, 60))
    rows[3] = np.round(rows[0])  # ties
    found = _coefficients.coefficients(rows)
    for i in range(4):
        for j in range(i):
            assert found.r[i, j] == pytest.approx(stats.pearsonr(rows[i], rows[j])[0], abs=1e-12)
            assert found.rho[i, j] == pytest.approx(stats.spearmanr(rows[i], rows[j])[0], abs=1e-12)


@pytest.mark.parametrize("phi", [0.0, 0.8, 0.95])
def test_memory_feigns_no_correlation(phi: float) -> None:
    chance = np.random.default_rng(2)
    p_values = [
        _coefficients.coefficients(
            np.stack([remembering(chance, 200, phi), remembering(chance, 200, phi)])
        ).p_value[0, 1]
        for _ in range(200)
    ]
    assert np.mean(np.array(p_values) < 0.05) <= 0.10
    assert np.mean(stats.false_discovery_control(p_values) < 0.05) <= 0.05


def test_planted_pairs_are_found() -> None:
    chance = np.random.default_rng(3)
    p_values = []
    for _ in range(60):
        first = chance.normal(size=200)
        second = 0.6 * first + 0.8 * chance.normal(size=200)
        p_values.append(_coefficients.coefficients(np.stack([first, second])).p_value[0, 1])
    assert np.mean(np.array(p_values) < 0.01) >= 0.95


def test_between_phases_is_not_within() -> None:
    chance = np.random.default_rng(4)
    strata = np.repeat([0, 1], 50)
    rows = chance.normal(size=(2, 100)) + 5 * strata
    assert _coefficients.pearson(rows)[0, 1] > 0.8
    assert abs(_coefficients.within(rows, strata)[0, 1]) < 0.3


def test_the_lag_is_found() -> None:
    noise = np.random.default_rng(5).normal(size=203)
    rows = np.stack((noise[3:], noise[:-3]))
    found = _coefficients.lagged(rows, 8)
    assert found.lag.tolist() == [[0, 3], [-3, 0]]
    assert found.r.round() == pytest.approx(1)
    assert (found.p_value < 1e-6).all()


def test_no_other_lag_correlates_better() -> None:
    rows = np.random.default_rng(6).normal(size=(3, 40)).cumsum(axis=1)
    found = _coefficients.lagged(rows, 4)
    center = rows - rows.mean(axis=1, keepdims=True)
    for i, j in [(0, 1), (1, 0), (0, 2), (2, 1)]:
        a, b = (c[1:] - (c[1:] @ c[:-1]) / (c @ c) * c[:-1] for c in (center[i], center[j]))
        every = {
            lag: np.corrcoef(a[max(-lag, 0) : 39 - max(lag, 0)],
                             b[max(lag, 0) : 39 - max(-lag, 0)])[0, 1]
            for lag in range(-4, 5)
        }  # fmt: skip
        best = max(every, key=lambda lag: abs(every[lag]))
        assert (found.lag[i, j], found.r[i, j]) == (best, pytest.approx(every[best]))


@pytest.mark.parametrize(
    ("low", "high", "name"),
    [(-0.1, 0.9, "negligible"), (0.05, 0.9, "negligible"), (0.2, 0.6, "weak"),
     (-0.9, -0.35, "moderate"), (0.55, 0.8, "strong"), (0.75, 0.9, "very strong")],
)  # fmt: skip
def test_strength_is_that_of_the_nearer_end(low: float, high: float, name: str) -> None:
    assert _coefficients.strength(low, high) == name


def steps(*, together: bool, count: int = 60) -> list[dict[str, object]]:
    """Steps of three operations; a and b share their load where `together`; times in µs."""
    chance = np.random.default_rng(6)
    events, at = [], 0.0
    for step in range(count):
        load = chance.normal()
        a = 100 * float(np.exp(0.2 * load + 0.02 * chance.normal()))
        shared = load if together else chance.normal()
        b = 150 * float(np.exp(0.2 * shared + 0.02 * chance.normal()))
        c = 80 * float(np.exp(0.2 * chance.normal()))
        events.append(host(f"ProfilerStep#{step}", at, 1000))
        for name, start, dur in (("a", 1, a), ("b", 400, b), ("c", 800, c)):
            events.append(host(name, at + start, dur))
        at += 1001
    return events


def test_operations_that_share_a_load_are_a_pair(tmp_path) -> None:
    store = store_with(tmp_path, steps(together=True))
    result = results_of(store, "correlation.steps")["correlation.steps"]
    pairs = {frozenset(f.subject.split(" ~ ")): f for f in result.findings}
    found = pairs[frozenset({"a (host)", "b (host)"})]
    assert found.kind == "op_op"
    assert found.effect_low is not None
    assert found.effect_low > 0.9
    assert not [subject for subject in pairs if "c (host)" in subject and "step" not in subject
                and not any("ProfilerStep" in name for name in subject)]  # fmt: skip
    assert [len(rows) for rows in evidence(store, result)] == [f.n_events for f in result.findings]


def test_independent_operations_are_none(tmp_path) -> None:
    result = results_of(store_with(tmp_path, steps(together=False)), "correlation.steps")
    named = [f.subject for f in result["correlation.steps"].findings]
    assert not [s for s in named if set(s.split(" ~ ")) <= {"a (host)", "b (host)", "c (host)"}]
