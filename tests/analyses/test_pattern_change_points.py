"""pattern.change_points: levels told from noise and drift, and what is found in traces."""

from __future__ import annotations

import json

import numpy as np
import pytest
from made_traces import evidence, host, results_of, store_with
from scipy.signal import lfilter

from traceql.analyses import _changes, _divisive


def remembering(chance: np.random.Generator, count: int, phi: float) -> np.ndarray:
    """First-order noise of standard deviation 1."""
    noise = np.asarray(lfilter([1.0], [1.0, -phi], chance.normal(size=count + 200)))
    return noise[200:] * np.sqrt(1 - phi**2)


def places(values) -> list[int]:
    return [change.at for change in _changes.find(np.asarray(values, float)).changes]


@pytest.mark.parametrize(
    ("noise", "most"), [("white", 0.02), ("ar", 0.1), ("walk", 0.05), ("tail", 0.1), ("line", 0.02)]
)
@pytest.mark.parametrize("count", [60, 150, 500])
def test_noise_that_has_no_steps_gets_none(noise: str, most: float, count: int) -> None:
    chance = np.random.default_rng(count)
    make = {
        "white": lambda: chance.normal(size=count),
        "ar": lambda: remembering(chance, count, 0.8),
        "walk": lambda: chance.normal(size=count).cumsum(),
        "tail": lambda: chance.standard_t(3, count),
        "line": lambda: chance.normal(size=count) + np.arange(count) * 8 / count,
    }[noise]
    false = [bool(places(make())) for _ in range(60)]
    assert np.mean(false) <= most + 2 * np.sqrt(most / 60)


def test_steps_are_found_where_they_are_with_their_size() -> None:
    chance = np.random.default_rng(5)
    inside, extra = [], 0
    for _ in range(60):
        truth = np.sort(chance.choice(np.arange(1, 10), 2, replace=False)) * 30
        values = 50 + remembering(chance, 300, 0.3)
        values[truth[0] : truth[1]] += 4
        found = _changes.find(values).changes
        near = [[c for c in found if abs(c.at - place) <= 4] for place in truth]
        assert all(near)
        extra += len(found) - 2
        assert near[0][0].p < 1e-6
        inside.append(abs(near[0][0].after - near[0][0].before - 4) < 1.96 * near[0][0].error)
    assert np.mean(inside) > 0.85
    assert extra <= 4


def test_outliers_are_no_levels() -> None:
    chance = np.random.default_rng(6)
    values = 10 + chance.normal(size=200)
    values[[20, 21, 90, 150]] += 100
    assert places(values) == []
    values[120:] += 5
    assert places(values) == [120]


@pytest.mark.parametrize("values", [[], [1.0] * 30, [1.0, 2.0], list(range(40))])
def test_what_has_no_levels_gives_none(values) -> None:
    assert places(values) == []


def test_long_series_are_cut_in_blocks_and_refined() -> None:
    values = np.random.default_rng(7).normal(size=9_000)
    values[4_321:] += 3
    assert places(values) == pytest.approx([4_321], abs=3)


def test_windows_find_what_otava_finds(root) -> None:
    kept = json.loads((root / "benchmarks" / "quality" / "otava_changes.json").read_text())
    for case in kept:
        found = _divisive.windowed(np.array(case["values"]), **case["settings"])
        assert [split.at for split in found] == case["changes"]


def test_permutations_find_the_counts_that_mongodb_expects(shared) -> None:
    for name in ("short", "small", "medium"):
        told = json.loads((shared / "data" / "series_mongodb" / f"{name}.json").read_text())
        chance = np.random.default_rng(1)
        found = _divisive.permuted(np.array(told["series"], float), chance.random)
        assert len(found) == pytest.approx(told["expected"], abs=2)


def stepping(factor: float, steps: int = 40) -> list[dict[str, object]]:
    """Steps whose operation `slow` takes longer from step 25 on; times in µs."""
    chance = np.random.default_rng(3)
    events, at = [], 0.0
    for step in range(steps):
        slow = 100 * (factor if step >= 25 else 1) * float(np.exp(0.02 * chance.normal()))
        flat = 100 * float(np.exp(0.02 * chance.normal()))
        events += [
            host(f"ProfilerStep#{step}", at, slow + flat + 20),
            host("flat", at + 5, flat), host("slow", at + 5 + flat, slow),
        ]  # fmt: skip
        at += slow + flat + 30
    return events


@pytest.mark.parametrize("method", ["levels", "divisive"])
def test_a_level_is_found_with_its_cost(tmp_path, method) -> None:
    store = store_with(tmp_path, stepping(1.5))
    parameters = {"pattern.change_points.method": method}
    result = results_of(store, "pattern.change_points", parameters=parameters)
    result = result["pattern.change_points"]
    by = {f.subject: f for f in result.findings}
    assert set(by) == {"slow (host op)", "step (step)"}
    found = by["slow (host op)"]
    assert found.kind == "level_up"
    assert found.effect == pytest.approx(1.5, abs=0.03)
    assert found.effect_low < 1.5 < found.effect_high
    # Fifteen steps of fifty more, of forty of 220 and that.
    assert found.impact_ratio == pytest.approx(750 / (40 * 220 + 750), rel=0.1)
    assert "at step 25 of 40" in found.message
    assert [len(rows) for rows in evidence(store, result)] == [f.n_events for f in result.findings]
    assert {row["index"] for row in result.tables["change"].to_pylist()} == {25}


def test_steady_steps_make_no_finding(tmp_path) -> None:
    result = results_of(store_with(tmp_path, stepping(1.0)), "pattern.change_points")
    assert result["pattern.change_points"].status == "empty"


def test_few_steps_abstain(tmp_path) -> None:
    result = results_of(store_with(tmp_path, stepping(1.5, steps=6)), "pattern.change_points")
    assert result["pattern.change_points"].status == "abstained"
