"""iteration: markers, hidden periods, and sequences without any."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_traces import US, device, host, results_of, store_with

from traceql.analyses import _period, _steps, _warmup
from traceql.engine.ingest import ingest
from traceql.model import tables
from traceql.query.session import Session
from traceql.store.catalog import Store

TRUE_OPS_PER_STEP = {
    "ns_resolution": 1219,
    "nccl_parser_config": 1251,
    "resnet50_num_workers_0": 1516,
    "resnet50_num_workers_4": 1543,
    "h100__Qwen": 49,
    "mi300__Qwen": 43,
}
"""Operations on the main stream that each marked step launched; layers where only one is marked."""


def brute_force(symbols):
    """The same similarity, pair by pair."""
    n = len(symbols)
    count = {s: symbols.count(s) for s in symbols}
    similarity = [
        sum(1 / count[symbols[i]] for i in range(n - lag) if symbols[i] == symbols[i + lag])
        / (n - lag)
        for lag in range(1, n // 2 + 1)
    ]
    best = max(similarity, default=0)
    return next((i + 1 for i, s in enumerate(similarity) if best > 0 and s >= 0.99 * best), 0)


@settings(max_examples=60)
@given(st.lists(st.integers(0, 5), max_size=40))
def test_period_equals_brute_force(symbols):
    assert _period.of_symbols(np.array(symbols, np.int64))[0] == brute_force(symbols)


@settings(max_examples=20)
@given(st.integers(2, 60), st.integers(4, 12), st.integers(0, 10**6))
def test_frequent_symbols_by_fft_give_the_same(period, repeats, seed):
    random = np.random.default_rng(seed)
    step = random.integers(0, 3, period)
    step[0] = 99
    found, match = _period.of_symbols(np.tile(np.repeat(step, 3), repeats * 8))
    assert (period * 3) % found == 0
    assert match == 1.0


def steps_trace(markers: bool):
    events, correlation = [], 0
    for step in range(6):
        at = step * 1000
        if markers:
            events.append(host(f"ProfilerStep#{step + 3}", at, 900, "user_annotation"))
        for k, name in enumerate(("a", "b", "b", "c")):
            correlation += 1
            events.append(host("cudaLaunchKernel", at + 10 * k + 1, 2, "cuda_runtime",
                               correlation=correlation))  # fmt: skip
            events.append(device(name, at + 50 * k + 20, 40, correlation=correlation))
    return events


def test_markers_win(tmp_path):
    store = store_with(tmp_path, steps_trace(markers=True))
    result = results_of(store, "iteration")["iteration"]

    rows = result.tables["iteration"].to_pylist()
    assert [r["name"] for r in rows] == [f"ProfilerStep#{k}" for k in range(3, 9)]
    assert [r["iteration_index"] for r in rows] == list(range(6))
    assert {(r["source"], r["confidence"], r["dur"]) for r in rows} == {("marker", 1.0, 900 * US)}
    assert result.tables["step"]["median_op_count"].to_pylist() == [4]
    tables.validate("iteration", result.tables["iteration"])


def test_without_markers_the_period_is_found_and_kept_for_sql(tmp_path):
    store = store_with(tmp_path, steps_trace(markers=False))
    result = results_of(store, "iteration")["iteration"]

    rows = result.tables["iteration"].to_pylist()
    assert [r["ts"] for r in rows] == [step * 1000 * US + 20 * US for step in range(6)]
    assert {r["source"] for r in rows} == {"autocorrelation"}
    assert result.tables["step"]["median_op_count"].to_pylist() == [4]
    with Session(store.traces(), store=store) as session:
        kept = session.sql("SELECT ts, dur FROM iteration ORDER BY ts").fetchall()
    assert kept == [(r["ts"], r["dur"]) for r in rows]


def test_hidden_markers_do_not_replace_the_standard_table(tmp_path):
    store = store_with(tmp_path, steps_trace(markers=True))
    results_of(store, "iteration")
    hidden = results_of(store, "iteration", parameters={"markers": "false"})["iteration"]

    assert set(hidden.tables["iteration"]["source"].to_pylist()) == {"autocorrelation"}
    with Session(store.traces(), store=store) as session:
        kept = session.sql("SELECT DISTINCT source FROM iteration").fetchall()
    assert kept == [("marker",)]


def test_the_top_level_of_the_busiest_thread_stands_in_for_a_device(tmp_path):
    events = [
        host(name, 100 * step + 20 * k, 15, tid=2)
        for step in range(5)
        for k, name in enumerate(("load", "forward", "backward", "update"))
    ]
    result = results_of(store_with(tmp_path, events), "iteration")["iteration"]
    assert result.tables["step"]["step_count"].to_pylist() == [5]


def test_steps_that_are_not_all_alike_keep_their_boundaries(tmp_path):
    step = [f"k{i}" for i in range(40)]
    names, true = [], []
    for number in range(30):
        true.append(len(names))
        names += step[:20] + ["extra"] * (number in {3, 11, 12, 20, 26}) + step[20:]
    waits = np.cumsum([50 if name == "k0" else 10 for name in names])
    events = [device(name, float(at), 5) for name, at in zip(names, waits, strict=True)]
    result = results_of(store_with(tmp_path, events), "iteration")["iteration"]
    begun = [row["ts"] // US for row in result.tables["iteration"].to_pylist()]
    assert begun == waits[true].tolist()


@given(st.integers(2, 200), st.integers(5, 20), st.integers(0, 10**6))
@settings(max_examples=40)
def test_steps_never_reach_beyond_the_sequence(period, steps, seed):
    random = np.random.default_rng(seed)
    step = random.integers(0, 50, period)
    names = np.concatenate([step if random.random() < 0.8 else step[1:] for _ in range(steps)])
    begins = _steps._begins(names, 0, period, 0.9)
    assert begins[-1] + period <= len(names)
    assert (np.diff(begins) > 0).all()


def test_a_short_step_is_not_sought_where_the_last_was_found():
    names = np.array([*[0, 1] * 5, 2, 2, *[0, 1] * 5])
    begins = _steps._begins(names, 0, 2, 0.9)
    assert (np.diff(begins) > 0).all()
    assert begins[-1] + 2 <= len(names)


def test_a_sequence_of_whole_steps_begins_with_one(tmp_path):
    step = [f"k{i}" for i in range(40)]
    waits = np.cumsum([50 if name == "k2" else 10 for name in step * 5])
    events = [device(name, float(at), 5) for name, at in zip(step * 5, waits, strict=True)]
    result = results_of(store_with(tmp_path, events), "iteration")["iteration"]
    assert result.tables["step"]["step_count"].to_pylist() == [5]


def test_what_does_not_repeat_has_no_steps(tmp_path):
    store = store_with(tmp_path, [device(f"k{i}", 10 * i, 5) for i in range(20)])
    result = results_of(store, "iteration")["iteration"]
    assert result.status == "empty"
    assert result.tables["iteration"].num_rows == 0


def test_one_operation_over_and_over_is_no_step(tmp_path):
    store = store_with(tmp_path, [device("k", 10 * i, 5) for i in range(20)])
    assert results_of(store, "iteration")["iteration"].status == "empty"


@pytest.mark.parametrize("part", TRUE_OPS_PER_STEP)
def test_hidden_markers_are_found_again_in_shared_traces(shared, tmp_path, part):
    (oracle,) = (shared / "oracles").glob(f"kineto*{part}*.json")
    store = Store.open(tmp_path / "store", create=True)
    ingest(shared / "traces" / json.loads(oracle.read_text())["file"], store=store)
    result = results_of(store, "iteration", parameters={"markers": False})["iteration"]
    assert result.tables["step"]["median_op_count"].to_pylist() == [TRUE_OPS_PER_STEP[part]]


def iterations(durations):
    ts = np.cumsum([0, *durations[:-1]]).tolist()
    rows = [
        {"track_id": 1, "iteration_index": i, "ts": t, "dur": d, "source": "marker",
         "confidence": 1.0}
        for i, (t, d) in enumerate(zip(ts, durations, strict=True))
    ]  # fmt: skip
    import pyarrow as pa

    return pa.Table.from_pylist(rows, tables.table("iteration").arrow_schema)


def test_warm_up_is_left_out():
    assert _warmup.steady(iterations([300, 150, 100, 101, 99, 100])) == (450, 850, 4)
    assert _warmup.steady(iterations([100, 100, 100])) == (0, 300, 3)
    assert _warmup.steady(iterations([100, 100])) is None
    # At most half is warm-up: after that it is the program's nature.
    assert _warmup.steady(iterations([10, 20, 40, 80, 160, 320])).start == 70
