"""summary: counts, busy shares, and what the file lost."""

from __future__ import annotations

import pytest
from made_traces import US, device, evidence, host, results_of, store_with


def test_facts_are_counted(tmp_path):
    events = [
        host("a", 0, 100),
        host("b", 10, 20),
        host("c", 0, 10, tid=2),
        device("k", 20, 30),
        {"ph": "C", "name": "m", "pid": 10, "tid": 1, "ts": 5, "args": {"v": 3}},
        {"ph": "B", "name": "open", "pid": 10, "tid": 3, "ts": 50},
    ]
    result = results_of(store_with(tmp_path, events), "summary")["summary"]
    (fact,) = result.tables["fact"].to_pylist()

    assert fact["slice_count"] == 5
    assert fact["unclosed_count"] == 1
    assert fact["gpu_op_count"] == 1
    assert fact["counter_value_count"] == 1
    assert fact["span_dur"] == 100 * US
    assert fact["self_dur"] == 140 * US
    categories = {r["category"]: r["slice_count"] for r in result.tables["categories"].to_pylist()}
    assert categories == {"cpu_op": 3, "kernel": 1, None: 1}


@pytest.mark.parametrize("bins", [1, 7, 400])
def test_busy_shares_add_up_to_the_union(tmp_path, bins):
    events = [host("a", 0, 10), host("a", 40, 25), host("b", 45, 5), host("z", 99, 1, tid=2)]
    store = store_with(tmp_path, events)
    result = results_of(store, "summary", parameters={"bins": bins})["summary"]
    rows = result.tables["overview"].to_pylist()

    by_track = {}
    for row in rows:
        assert 0 < row["busy_ratio"] <= 1
        busy = row["busy_ratio"] * row["dur"]
        by_track[row["track"]] = by_track.get(row["track"], 0) + busy
    assert sorted(by_track.values()) == pytest.approx([1 * US, 35 * US])
    assert len(rows) <= 2 * bins


def test_loss_is_a_finding(tmp_path):
    path = tmp_path / "cut.json"
    whole = '{"traceEvents":[' + ",".join(
        f'{{"ph":"X","name":"a","pid":1,"tid":1,"ts":{10 * i},"dur":5}}' for i in range(50)
    )
    path.write_text(whole)
    from traceql.engine.ingest import ingest
    from traceql.store.catalog import Store

    store = Store.open(tmp_path / "store", create=True)
    ingest(path, store=store)
    result = results_of(store, "summary")["summary"]

    lost = [row for row in result.tables["diagnostics"].to_pylist() if row["severity"] != "info"]
    assert lost
    assert len(result.findings) == len(lost)
    assert {f.kind for f in result.findings} == {"data_loss"}
    assert [len(rows) for rows in evidence(store, result)] == [f.n_events for f in result.findings]


def test_a_trace_of_counters_alone_is_summed_up(tmp_path):
    events = [
        {"ph": "C", "name": "c", "pid": 1, "tid": 1, "ts": t, "args": {"v": 1}} for t in (1, 9)
    ]
    result = results_of(store_with(tmp_path, events), "summary")["summary"]
    assert result.status == "ok"
    assert "overview" not in result.tables
