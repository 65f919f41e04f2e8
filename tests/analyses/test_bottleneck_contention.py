"""bottleneck.contention: planted locks, sleeps and syncs."""

from __future__ import annotations

import pytest
from made_traces import US, evidence, host, results_of, store_with

NAME = "bottleneck.contention"


def test_locks_are_found_and_sleeps_listed(tmp_path):
    events = [
        host("work", 0, 100, tid=1),
        host("pthread_mutex_lock", 10, 20, "osrt", tid=1),
        host("pthread_mutex_lock", 12, 10, "osrt", tid=1),  # nested: counts once
        host("work", 0, 100, tid=2),
        host("pthread_mutex_lock", 20, 50, "osrt", tid=2),
        host("poll", 0, 90, "osrt", tid=3),
        host("work", 95, 5, tid=3),
        host("cudaDeviceSynchronize", 40, 30, "cuda_runtime", tid=1),
    ]
    store = store_with(tmp_path, events)
    result = results_of(store, NAME)[NAME]
    rows = {row["name"]: row for row in result.tables["wait"].to_pylist()}

    assert rows["pthread_mutex_lock"]["total_dur"] == 70 * US
    assert rows["pthread_mutex_lock"]["together_dur"] == 10 * US
    assert rows["pthread_mutex_lock"]["calls"] == 3
    assert rows["poll"]["kind"] == "sleep"
    assert rows["cudaDeviceSynchronize"]["kind"] == "device sync"
    assert [f.kind for f in result.findings] == ["lock_wait", "lock_wait"]
    assert [f.impact_ratio for f in result.findings] == pytest.approx([0.5, 0.2])
    for found, finding in zip(evidence(store, result), result.findings, strict=True):
        assert len(found) == finding.n_events


def test_work_that_waits_for_nothing(tmp_path):
    result = results_of(store_with(tmp_path, [host("work", 0, 10)]), NAME)[NAME]
    assert (result.status, list(result.findings)) == ("empty", [])
