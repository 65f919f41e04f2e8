"""anomaly.memory: a step that holds more is found; growth, levels and warm-up are none."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from made_traces import host, results_of, store_with

from traceql.analyses.anomaly import _curves
from traceql.query.session import Session

MB = 1 << 20


def memory(ts, size, total):
    return {"ph": "i", "s": "t", "name": "[memory]", "cat": "cpu_instant_event", "pid": 10,
            "tid": 1, "ts": ts, "args": {"Device Type": 1, "Device Id": 0, "Addr": 7,
            "Bytes": size, "Total Allocated": total, "Total Reserved": 2 * total}}  # fmt: skip


def trace(extra):
    """Steps that allocate 100 MB above 200 MB and free it, and `extra` MB more."""
    events = []
    for step, more in enumerate(extra):
        at = step * 1000
        size = int((100 + more) * MB)
        events.append(host(f"ProfilerStep#{step}", at, 900, "user_annotation"))
        events.append(memory(at + 100, size, 200 * MB + size))
        events.append(memory(at + 600, -size, 200 * MB))
    return events


def found_in(folder, extra):
    store = store_with(folder, trace(extra))
    return store, results_of(store, "anomaly.memory")["anomaly.memory"]


def test_a_bump_is_found_and_shown_by_its_allocation(tmp_path):
    extra = [0.0] * 30
    extra[17] = 40
    store, result = found_in(tmp_path, extra)
    (finding,) = result.findings
    with Session(store.traces(), store=store) as session:
        rows = session.sql(finding.evidence_sql).fetchall()
    assert finding.n_events == len(rows) == 1
    assert rows[0][2] == (17 * 1000 + 100) * 1000
    assert rows[0][4] == "alloc"
    assert finding.value == 340 * MB
    assert finding.baseline == 300 * MB


def test_growth_is_no_bump(tmp_path):
    _, result = found_in(tmp_path, [3 * step for step in range(30)])
    assert result.status == "empty"


def test_a_new_level_is_no_bump(tmp_path):
    _, result = found_in(tmp_path, [0] * 20 + [50] * 20)
    assert result.status == "empty"


def test_warm_up_is_no_bump(tmp_path):
    _, result = found_in(tmp_path, [90, 60, 60, *[0] * 30])
    assert result.status == "empty"


def test_it_abstains_without_memory_and_without_steps(tmp_path):
    quiet = store_with(tmp_path, [host("a", 10 * i, 5) for i in range(20)])
    result = results_of(quiet, "anomaly.memory")["anomaly.memory"]
    assert (result.status, "allocation" in result.reason) == ("abstained", True)
    few = tmp_path / "few"
    few.mkdir()
    _, result = found_in(few, [0, 0, 0])
    assert (result.status, "steps" in result.reason) == ("abstained", True)


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 50)), min_size=1, max_size=40),
       st.lists(st.integers(1, 30), min_size=1, max_size=8))  # fmt: skip
def test_peak_and_mean_equal_brute_force(changes, durs):
    ts = np.cumsum([gap for gap, _ in changes]) - changes[0][0]
    level = np.array([float(value) for _, value in changes])
    start = np.cumsum([0, *durs[:-1]])
    dur = np.array(durs)
    peak, mean = _curves.curve(ts, level, start, dur)
    for i, (a, d) in enumerate(zip(start, dur, strict=True)):
        held = [level[np.flatnonzero(ts <= t)[-1]] for t in range(a, a + d)]
        assert peak[i] == max(held)
        assert np.isclose(mean[i], np.mean(held))
