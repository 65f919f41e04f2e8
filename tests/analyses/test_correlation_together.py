"""correlation.together: operations that share steps are found, stretches and chance are not."""

from __future__ import annotations

import numpy as np
from made_traces import evidence, host, results_of, store_with

NAME = "correlation.together"


def steps(seed, *, tied=True, stretch=False, count=80):
    """Steps with optional operations: a and b share theirs, c comes where a does not."""
    chance = np.random.default_rng(seed)
    with_a = chance.random(count) < 0.3
    if stretch:
        with_a = np.arange(count) < count // 4
    events, at = [], 0
    for step in range(count):
        events.append(host(f"ProfilerStep#{step}", at, 900))
        names = ["always"]
        if with_a[step]:
            names.append("a")
        if with_a[step] if tied or stretch else chance.random() < 0.3:
            names.append("b")
        if tied and not with_a[step]:
            names.append("c")
        if chance.random() < 0.5:
            names.append("d")
        events += [host(name, at + 10 + 100 * i, 50) for i, name in enumerate(names)]
        at += 901
    return events


def test_what_shares_steps_is_found(tmp_path):
    store = store_with(tmp_path, steps(1))
    result = results_of(store, NAME)[NAME]
    found = {frozenset(f.subject.replace(" (host)", "").split(" ~ ")): f for f in result.findings}
    assert found[frozenset("ab")].kind == "together"
    assert found[frozenset("ac")].kind == "apart"
    assert not [pair for pair in found if "d" in pair]
    assert [len(rows) for rows in evidence(store, result)] == [f.n_events for f in result.findings]


def test_chance_is_not(tmp_path):
    result = results_of(store_with(tmp_path, steps(2, tied=False)), NAME)[NAME]
    assert result.status == "empty"


def test_one_stretch_is_no_pair(tmp_path):
    result = results_of(store_with(tmp_path, steps(3, stretch=True)), NAME)[NAME]
    assert not [f for f in result.findings if f.subject.startswith("a (host) ~ b")]


def test_without_steps_it_abstains(tmp_path):
    result = results_of(store_with(tmp_path, [host("a", 0, 5)]), NAME)[NAME]
    assert result.status == "abstained"
