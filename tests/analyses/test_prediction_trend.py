"""prediction.trend: calibrated tests of trends, forecasts that cover, and what is found."""

from __future__ import annotations

import numpy as np
import pytest
from made_traces import evidence, host, results_of, store_with
from scipy import stats
from scipy.signal import lfilter

from traceql.analyses import _trend
from traceql.analyses.prediction import _forecast


def remembering(chance: np.random.Generator, count: int, phi: float) -> np.ndarray:
    """First-order noise of standard deviation 1."""
    noise = chance.normal(size=count + 200)
    return np.asarray(lfilter([1.0], [1.0, -phi], noise))[200:] * np.sqrt(1 - phi**2)


def test_mann_kendall_equals_its_closed_form() -> None:
    values = np.array([3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0, 5.0, 3.0])
    n = len(values)
    s = sum(int(np.sign(values[j] - values[i])) for i in range(n) for j in range(i + 1, n))
    variance = (n * (n - 1) * (2 * n + 5) - 3 * 2 * 1 * 9) / 18  # three ties of two
    found = _trend.mann_kendall(values)
    assert found.s == s
    assert found.z == pytest.approx((s - np.sign(s)) / np.sqrt(variance))
    assert found.p == pytest.approx(2 * stats.norm.sf(abs(found.z)))


def test_slope_equals_scipy() -> None:
    values = np.random.default_rng(4).normal(size=60).cumsum()
    assert _trend.theil_sen(values) == pytest.approx(stats.theilslopes(values).slope)


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.8])
def test_memory_feigns_no_trend_and_trends_are_found(phi: float) -> None:
    chance = np.random.default_rng(90 + int(10 * phi))
    false = [_trend.prewhitened(remembering(chance, 200, phi)).p < 0.01 for _ in range(300)]
    assert np.mean(false) <= 0.03
    rise = 0.02 * np.arange(200)
    true = [_trend.prewhitened(remembering(chance, 200, phi) + rise).p < 0.01 for _ in range(60)]
    assert np.mean(true) >= (0.95 if phi <= 0.5 else 0.7)


@pytest.mark.parametrize("phi", [0.0, 0.8])
def test_interval_of_the_slope_covers(phi: float) -> None:
    chance = np.random.default_rng(7)
    fits = [_trend.line(remembering(chance, 100, phi) + 0.05 * np.arange(100)) for _ in range(150)]
    assert 0.82 <= np.mean([fit.low < 0.05 < fit.high for fit in fits]) <= 0.99


def test_warm_up_ends_where_it_was_planted() -> None:
    chance = np.random.default_rng(8)
    cuts = []
    for _ in range(30):
        values = 100 + 0.5 * np.arange(150) + remembering(chance, 150, 0.3)
        values[:20] -= 30
        cuts.append(_trend.warm_up(values))
    assert 20 <= np.median(cuts) <= 30
    assert _trend.warm_up(np.arange(10.0)) == 0


@pytest.mark.parametrize("slope", [0.0, 0.05])
def test_forecasts_cover(slope: float) -> None:
    chance = np.random.default_rng(12)
    inside = []
    for _ in range(40):
        values = 50 + remembering(chance, 120, 0.5) + slope * np.arange(120)
        made = _forecast.forecast(values[:100], 20)
        assert made is not None
        inside.append(np.mean((values[100:] >= made.low) & (values[100:] <= made.high)))
    assert 0.85 <= np.mean(inside) <= 0.99


def test_few_values_are_not_enough() -> None:
    assert _forecast.forecast(np.arange(15.0), 4) is None


def test_a_cycle_is_continued() -> None:
    values = np.tile([1.0, 5.0, 2.0, 8.0], 12)
    made = _forecast.forecast(values, 8, period=4)
    assert made is not None
    assert made.method == "last cycle"
    assert made.mean.tolist() == [1.0, 5.0, 2.0, 8.0] * 2


def growing(rise: float, steps: int = 40) -> list[dict[str, object]]:
    """Steps whose operation `grow` takes longer and longer; times in µs."""
    chance = np.random.default_rng(3)
    events, at = [], 0.0
    for step in range(steps):
        grow = 100 * (1 + rise * step / steps) * float(np.exp(0.01 * chance.normal()))
        flat = 100 * float(np.exp(0.01 * chance.normal()))
        events += [
            host(f"ProfilerStep#{step}", at, grow + flat + 20),
            host("flat", at + 5, flat), host("grow", at + 5 + flat, grow),
        ]  # fmt: skip
        at += grow + flat + 30
    return events


def test_what_grows_is_found_with_its_share(tmp_path) -> None:
    store = store_with(tmp_path, growing(0.5))
    result = results_of(store, "prediction.trend")["prediction.trend"]
    by = {f.subject: f for f in result.findings}
    assert set(by) == {"grow (host op)", "step (step)"}
    assert by["grow (host op)"].effect == pytest.approx(1.49, abs=0.04)
    # The sum of 50·i/40 over 40 steps, of 40 steps of 220 plus that.
    assert by["grow (host op)"].impact_ratio == pytest.approx(975 / (40 * 220 + 975), rel=0.1)
    assert [len(rows) for rows in evidence(store, result)] == [f.n_events for f in result.findings]
    table = {row["series"]: row for row in result.tables["trend"].to_pylist()}
    assert table["flat"]["direction"] in {"stable", "unclear"}
    assert table["grow"]["forecast_low"] < 100_000 * 1.6 < table["grow"]["forecast_high"] * 1.1


def test_what_is_steady_makes_no_finding(tmp_path) -> None:
    result = results_of(store_with(tmp_path, growing(0.0)), "prediction.trend")
    assert result["prediction.trend"].status == "empty"


def test_few_steps_abstain(tmp_path) -> None:
    result = results_of(store_with(tmp_path, growing(0.5, steps=5)), "prediction.trend")
    assert result["prediction.trend"].status == "abstained"
    assert "step" in result["prediction.trend"].remedy
