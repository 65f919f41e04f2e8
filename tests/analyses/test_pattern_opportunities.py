"""pattern.opportunities: each rule fires on its habit, and claims no more than there is."""

from __future__ import annotations

import numpy as np
import pytest
from made_traces import evidence, host, results_of, store_with

from benchmarks.quality._programs import HABITS, Program, superlinear, sync

NAME = "pattern.opportunities"


@pytest.mark.parametrize("rule", HABITS)
def test_a_habit_is_found_and_bounded(tmp_path, rule) -> None:
    run = Program()
    HABITS[rule](run)
    store = store_with(tmp_path, run.events)
    result = results_of(store, NAME)[NAME]
    found = {finding.kind: finding for finding in result.findings}
    assert rule in found, found
    for row in result.tables["opportunity"].to_pylist():
        assert row["gain_dur"] <= max(row["idle_dur"], row["exposed_dur"]), row
    assert [len(rows) for rows in evidence(store, result)] == [f.n_events for f in result.findings]


def test_gains_are_those_of_the_plan(tmp_path) -> None:
    run = Program()
    sync(run)
    found = {f.kind: f for f in results_of(store_with(tmp_path, run.events), NAME)[NAME].findings}
    # Of each of 39 rounds: 2 until the wait returns, 20 of the host, 5 of the launch.
    assert found["sync"].value == pytest.approx(39 * 27_000)
    assert found["sync"].effect == pytest.approx(1 / (1 - found["sync"].impact_ratio))
    assert found["sync"].n_events == 40


def test_growth_is_the_power_of_the_plan(tmp_path) -> None:
    run = Program()
    superlinear(run)
    found = {f.kind: f for f in results_of(store_with(tmp_path, run.events), NAME)[NAME].findings}
    assert found["superlinear"].value == pytest.approx(1.6, abs=0.02)


def test_busy_devices_have_no_habits(tmp_path) -> None:
    run = Program()
    chance = np.random.default_rng(1)
    for _ in range(300):
        run.launch("work", float(chance.uniform(50, 60)), grid=[64, 1, 1], block=[64, 1, 1])
    result = results_of(store_with(tmp_path, run.events), NAME)[NAME]
    assert not result.findings
    assert result.status == "empty"


def test_hosts_alone_abstain(tmp_path) -> None:
    result = results_of(store_with(tmp_path, [host("f", 0, 10)]), NAME)[NAME]
    assert result.status == "abstained"
    assert "device" in result.remedy
