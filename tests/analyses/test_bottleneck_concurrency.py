"""bottleneck.concurrency: the sweep against counting instants, and hand-made profiles."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_traces import US, device, evidence, host, results_of, store_with

from traceql.analyses.bottleneck import _sweep

NAME = "bottleneck.concurrency"
INTERVALS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 20)), min_size=1, max_size=30)


@given(rows=INTERVALS)
def test_the_sweep_counts_every_instant(rows):
    rows = sorted(rows)
    ts = np.array([t for t, _ in rows])
    end = ts + [d for _, d in rows]
    found = _sweep.profile(ts, end)
    times = range(int(ts.min()), int(end.max()))
    counted: dict[int, int] = {}
    for t in times:
        level = sum(a <= t < b for a, b in zip(ts, end, strict=True))
        counted[level] = counted.get(level, 0) + 1

    assert dict(zip(found.level.tolist(), found.dur.tolist(), strict=True)) == counted
    if times:
        assert _sweep.mean(found) == pytest.approx((end - ts).sum() / len(times))


def test_imbalance_is_nought_when_even_and_one_when_one_does_all():
    assert _sweep.imbalance([5, 5, 5]) == 0
    assert _sweep.imbalance([9, 0, 0]) == pytest.approx(1)
    assert _sweep.imbalance([7]) == 0


def test_streams_and_threads(tmp_path):
    store = store_with(
        tmp_path,
        [
            device("a", 0, 10),
            device("b", 5, 10, stream=8),
            host("step 1", 0, 100),
            host("outer", 0, 50),
            host("inner", 10, 10),
            host("work", 25, 50, tid=2),
        ],
    )
    result = results_of(store, NAME)[NAME]
    rows = {row["where"]: row for row in result.tables["group"].to_pylist()}

    assert rows["device 0"]["mean_concurrency"] == pytest.approx(20 / 15)
    assert rows["device 0"]["serial_ratio"] == pytest.approx(10 / 15)
    (process,) = (row for where, row in rows.items() if where.startswith("process"))
    assert process["span_dur"] == 75 * US
    assert process["mean_concurrency"] == pytest.approx(100 / 75)
    assert process["balance_ratio"] == 1
    assert not result.findings


def test_uneven_devices_are_found(tmp_path):
    def on(number: int, ts: float, dur: float):
        event = device("k", ts, dur)
        event["args"]["device"] = event["pid"] = number
        return event

    events = [on(0, 10 * i, 9) for i in range(20)] + [on(1, 10 * i, 3) for i in range(20)]
    store = store_with(tmp_path, events)
    result = results_of(store, NAME)[NAME]
    (finding,) = result.findings

    assert finding.subject == "device 0"
    assert finding.impact_ratio == pytest.approx((180 - 120) / 199)
    assert len(evidence(store, result)[0]) == finding.n_events == 20
