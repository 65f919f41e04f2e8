"""The cheap quality goals hold, with a seed that no method was tuned on."""

from __future__ import annotations

import runpy

import pytest

from benchmarks import quality
from traceql.engine import plugins

SEED = 20_261_125
CHEAP = [goal for goal in quality.goals() if goal.cheap]


@pytest.mark.parametrize("goal", CHEAP, ids=lambda goal: goal.name)
def test_it_holds(goal):
    outcome = goal.run(SEED)
    if outcome.skipped:
        pytest.skip(outcome.skipped)
    assert not outcome.missed, dict(outcome.values)


def test_every_goal_says_what_it_measures():
    for goal in quality.goals():
        assert goal.title.endswith("."), goal.name


def test_every_goal_stands_on_the_page_of_an_analysis(root):
    at = root / "docs" / "analysis_pages.py"
    pages = runpy.run_path(str(at))["GOALS"]
    assert sorted(g for goals in pages.values() for g in goals) == sorted(
        goal.name for goal in quality.goals()
    )
    assert set(pages) <= set(plugins.names("analyses"))


def test_an_unknown_goal_is_told():
    with pytest.raises(KeyError, match="NONE9"):
        quality.goals(["none9"])


def test_a_missing_or_undefined_value_is_a_miss():
    held = quality.Goal(
        "X", (quality.Threshold("a", ">=", 1), quality.Threshold("b", "<=", 1)), dict, cheap=True
    )
    outcome = quality.Outcome(held, {"a": float("nan")}, "", 0.0)
    assert [t.name for t in outcome.missed] == ["a", "b"]
    assert quality.Outcome(held, {"a": 1.0, "b": 1.0}, "", 0.0).missed == []
