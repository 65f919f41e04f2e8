"""hotspots: against sums over slices, paths and recursion."""

from __future__ import annotations

import math

import pytest
from made_traces import US, device, host, results_of, store_with

from traceql.analyses import _calls
from traceql.query.session import Session


def trace():
    return [
        host("main", 0, 100),
        host("solve", 10, 60),
        host("solve", 20, 40),  # recursion
        host("leaf", 25, 10),
        host("leaf", 80, 5),
        host("main", 0, 30, tid=2),
        device("k", 5, 50),
        device("k", 60, 30),
    ]


def test_self_and_total_times_by_name(tmp_path):
    result = results_of(store_with(tmp_path, trace()), "hotspots")["hotspots"]
    rows = {(r["side"], r["name"]): r for r in result.tables["op"].to_pylist()}

    assert rows["host", "main"]["self_dur"] == (35 + 30) * US
    assert rows["host", "main"]["total_dur"] == 130 * US
    assert rows["host", "solve"]["self_dur"] == (20 + 30) * US
    assert rows["host", "solve"]["total_dur"] == 60 * US  # the inner one is within the outer
    assert rows["host", "solve"]["calls"] == 2
    assert rows["host", "leaf"]["self_ratio"] == pytest.approx(15 / 130)
    assert (rows["host", "leaf"]["p50_dur"], rows["host", "leaf"]["p99_dur"]) == (5 * US, 10 * US)
    assert rows["device", "k"]["self_ratio"] == 1.0
    assert rows["device", "k"]["category"] == "kernel"
    assert [r["self_dur"] for r in result.tables["op"].to_pylist()] == sorted(
        (r["self_dur"] for r in rows.values()), reverse=True
    )


def test_the_tree_keeps_paths_and_adds_up(tmp_path):
    result = results_of(store_with(tmp_path, trace()), "hotspots")["hotspots"]
    tree = result.tables["call"].to_pylist()
    by_id = {r["id"]: r for r in tree}

    def path(row):
        above = by_id.get(row["parent_id"])
        return (*(path(above) if above else ()), row["name"])

    assert sum(r["self_dur"] for r in tree) == (130 + 80) * US
    for row in tree:
        below = sum(r["total_dur"] for r in tree if r["parent_id"] == row["id"])
        assert row["total_dur"] == row["self_dur"] + below
    inner = [r for r in tree if path(r)[1:] == ("main", "solve", "solve")]
    assert [(r["total_dur"], r["calls"]) for r in inner] == [(40 * US, 1)]


@pytest.mark.parametrize("nodes", [2, 6, 30])
def test_a_cut_tree_keeps_the_sum(tmp_path, nodes):
    events = [host("root", 0, 1000)]
    events += [host(f"op{i}", 1 + 10 * i, 1 + i % 7) for i in range(90)]
    store = store_with(tmp_path, events)
    result = results_of(store, "hotspots", parameters={"nodes": nodes})["hotspots"]
    tree = result.tables["call"].to_pylist()

    assert len(tree) <= nodes
    assert sum(r["self_dur"] for r in tree) == 1000 * US
    assert any(r["name"] == _calls.OTHER for r in tree)


def test_histograms_count_every_call(tmp_path):
    store = store_with(tmp_path, [host("a", 10 * i, 1 + i % 8) for i in range(80)])
    result = results_of(store, "hotspots")["hotspots"]
    rows = result.tables["histogram"].to_pylist()

    assert sum(r["count"] for r in rows) == 80
    for dur in range(1, 9):
        (bin_,) = [r for r in rows if r["low_dur"] <= dur * US < r["high_dur"]]
        assert bin_["count"] == 10
        assert math.isclose(bin_["high_dur"] / bin_["low_dur"], 2 ** (1 / 8))


def test_a_window_counts_what_starts_in_it(tmp_path):
    store = store_with(tmp_path, trace())
    result = results_of(store, "hotspots", window="22us..70us")["hotspots"]
    rows = {(r["side"], r["name"]): r["self_dur"] for r in result.tables["op"].to_pylist()}
    assert rows == {("host", "leaf"): 10 * US, ("device", "k"): 30 * US}


def test_the_sql_of_the_table_gives_its_rows(tmp_path):
    store = store_with(tmp_path, trace())
    result = results_of(store, "hotspots")["hotspots"]
    with Session(store.traces(), store=store) as session:
        rows = session.sql(result.sql["op"]).arrow().to_pylist()
    found = {(r["name"], r["category"]): r["self_dur"] for r in rows}
    for row in result.tables["op"].to_pylist():
        assert found[row["name"], row["category"]] == row["self_dur"]


def test_no_slices_is_empty(tmp_path):
    events = [{"ph": "C", "name": "c", "pid": 1, "tid": 1, "ts": 1, "args": {"v": 1}}]
    assert results_of(store_with(tmp_path, events), "hotspots")["hotspots"].status == "empty"
