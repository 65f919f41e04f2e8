"""anomaly.sequence: changed places are found, order without a past and habits are left alone."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from made_traces import device, evidence, host, results_of, store_with

from traceql.analyses.anomaly import _surprise

STEP = ("load", "copy", "gemm", "relu", "gemm", "norm", "loss", "backward", "update")


def brute_force(symbols):
    """The formula, place by place."""
    rows = list(zip(symbols, symbols[1:], symbols[2:], strict=False))
    own = Counter(x for _, _, x in rows)
    pair, before = Counter((a, x) for _, a, x in rows), Counter(a for _, a, _ in rows)
    triple, context = Counter(rows), Counter((b, a) for b, a, _ in rows)
    size = len(set(symbols))
    bits = []
    for b, a, x in rows:
        p = (own[x] - 1 + 1 / size) / len(rows)
        p = (pair[a, x] - 1 + p) / before[a]
        p = (triple[b, a, x] - 1 + p) / context[b, a]
        bits.append(-math.log2(p))
    return bits


@given(st.lists(st.integers(0, 5), min_size=3, max_size=60))
def test_surprise_equals_the_formula(symbols):
    found = _surprise.surprise(np.array(symbols, np.int64))
    np.testing.assert_allclose(found.bits, brute_force(symbols), rtol=1e-12)


def trace(names, make=host, gap=10):
    return [make(name, gap * i, 5) for i, name in enumerate(names)]


def found_in(folder, events):
    store = store_with(folder, events)
    result = results_of(store, "anomaly.sequence", parameters={"markers": False})[
        "anomaly.sequence"
    ]
    return store, result


def test_planted_places_are_found_and_shown(tmp_path):
    names = list(STEP * 120)
    names[300], names[301] = names[301], names[300]
    names.insert(500, "alloc")
    del names[800]
    store, result = found_in(tmp_path, trace(names))
    (finding,) = result.findings
    (rows,) = evidence(store, result)
    assert finding.n_events == len(rows) == 3
    ordinals = sorted(row[1] for row in rows)
    assert all(abs(a - b) <= 2 for a, b in zip(ordinals, (300, 500, 800), strict=True))
    assert finding.value >= 5 > 1 > finding.baseline


def test_streams_of_devices_are_sequences_too(tmp_path):
    names = list(STEP * 120)
    names[400] = "memset"
    store, result = found_in(tmp_path, trace(names, device))
    (rows,) = evidence(store, result)
    assert [row[4] for row in rows] == ["memset"]


def test_numbers_in_names_make_no_new_operation(tmp_path):
    names = [f"{name} #{i} at 0x7f{i:x}" for i, name in enumerate(STEP * 60)]
    _, result = found_in(tmp_path, trace(names))
    assert result.status == "empty"
    assert result.tables["sequence"]["symbol_count"].to_pylist() == [len(set(STEP))]


def test_one_more_of_the_same_is_no_event(tmp_path):
    names = list(STEP * 120)
    names[400:400] = [names[399]] * 3
    _, result = found_in(tmp_path, trace(names))
    assert result.status == "empty"


def test_what_comes_in_many_steps_is_habit(tmp_path):
    names = []
    for step in range(200):
        names += [*STEP[:5], *(("log",) if step % 8 == 0 else ()), *STEP[5:]]
    _, result = found_in(tmp_path, trace(names))
    assert result.status == "empty"


def test_chance_has_no_order_to_depart_from(tmp_path):
    random = np.random.default_rng(5)
    _, result = found_in(tmp_path, trace(random.choice(list("abcdefgh"), 1500).tolist()))
    assert result.status == "empty"
    assert result.tables["sequence"]["is_orderly"].to_pylist() == [False]


def test_too_little_is_not_judged(tmp_path):
    _, result = found_in(tmp_path, trace(STEP * 3))
    assert result.status == "abstained"
    assert "sequence" in result.reason


def test_a_step_that_differs_is_shown_as_a_diff(tmp_path):
    body = [f"{a}{b}" for a in "abcdef" for b in "uvwxyz"]
    events, at = [], 0
    for step in range(20):
        names = list(body)
        if step == 12:  # an evaluation in between, and two operations left out
            names[10:10] = ["eval", "metric", "save", "log", "flush", "sync"]
            del names[30:32]
        events.append(host(f"ProfilerStep#{step}", at, 10 * len(names) + 8))
        events += [host(name, at + 5 + 10 * i, 5) for i, name in enumerate(names)]
        at += 10 * len(names) + 10
    store = store_with(tmp_path, events)
    result = results_of(store, "anomaly.sequence")["anomaly.sequence"]
    diff = result.tables["step_diff"].to_pylist()
    assert [(d["step"], d["change"], d["count"]) for d in diff] == [
        (12, "inserted", 6),
        (12, "removed", 2),
    ]
    assert diff[0]["ops"] == "eval, metric, save, log, …"
    assert diff[1]["ops"] == "eu, ev"
    steps = result.tables["step"].to_pylist()
    assert [s["step"] for s in steps if s["removed"] or s["inserted"]] == [12]
    (finding,) = [f for f in result.findings if f.kind == "unusual_step"]
    rows = dict(zip(result.findings, evidence(store, result), strict=True))[finding]
    assert len(rows) == finding.n_events == 2
    assert {row[4] for row in rows} == {"eval", "ew"}
