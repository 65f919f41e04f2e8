"""pattern.opportunities: each rule fires on its habit, and claims no more than there is."""

from __future__ import annotations

import numpy as np
import pytest
from made_traces import evidence, host, results_of, store_with

from benchmarks.quality._programs import HABITS, OWNERS, Program, fusion, pooling, superlinear

NAME = "pattern.opportunities"


@pytest.mark.parametrize("rule", HABITS)
def test_a_habit_is_found_and_bounded(tmp_path, rule) -> None:
    run = Program()
    HABITS[rule](run)
    store = store_with(tmp_path, run.events)
    name, kind = OWNERS.get(rule, (NAME, rule))
    results = results_of(store, NAME, *(owner for owner, _ in OWNERS.values()))
    assert kind in {finding.kind for finding in results[name].findings}, results[name]
    rows = results[NAME].tables["opportunity"].to_pylist()
    idle = [row for row in rows if row["rule"] != "small_copies"]
    assert sum(row["gain_dur"] for row in idle) <= max((row["idle_dur"] for row in idle), default=0)
    for row in rows:
        assert row["shared_dur"] <= row["gain_dur"] <= max(row["idle_dur"], row["exposed_dur"]), row
    found = results[NAME].findings
    assert [len(rows) for rows in evidence(store, results[NAME])] == [f.n_events for f in found]


def test_what_waits_and_long_gaps_claim_is_not_ranked_again(tmp_path) -> None:
    run = Program()
    pooling(run)
    (found,) = results_of(store_with(tmp_path, run.events), NAME)[NAME].findings
    # The second half is steady: of each round 50 in calls, all after a wait.
    assert found.kind == "pooling"
    assert found.value == pytest.approx(20 * 50_000, abs=60_000)
    assert found.impact_ratio == pytest.approx(0, abs=0.02)
    assert found.effect > 1.2
    assert "cuda_api_sync" in found.message


def test_a_gap_is_claimed_once(tmp_path) -> None:
    run = Program()
    fusion(run)
    for _ in range(40):
        run.launch("vectorized_elementwise_kernel<4>", 2)
        run.now += 2
    result = results_of(store_with(tmp_path, run.events), NAME)[NAME]
    gains = {row["rule"]: row for row in result.tables["opportunity"].to_pylist()}
    assert gains["fusion"]["gain_dur"] == gains["fusion"]["idle_dur"]
    assert "launch_bound" not in gains or gains["launch_bound"]["gain_dur"] == 0


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
