"""bottleneck.attribution: planted waits, identities on real traces, any length of stretch."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_traces import US, device, evidence, host, results_of, store_with

from traceql.engine.ingest import ingest
from traceql.store.catalog import Store

NAME = "bottleneck.attribution"


def found(store: Store, **parameters):
    return results_of(store, NAME, parameters=parameters, keep=False)[NAME]


def times(result) -> dict[str, int]:
    return {row["cause"]: row["dur"] for row in result.tables["share"].to_pylist()}


def launch(ts: float, number: int, tid: int = 1):
    return host("cudaLaunchKernel", ts, 2, "cuda_runtime", tid, correlation=number)


def loader_run(steps: int, load_us: float, kernel_us: float):
    """Each step loads, then launches one kernel, whose end the host awaits."""
    events, ts = [], 0.0
    for i in range(steps):
        length = load_us + kernel_us + 6
        events += [
            host(f"ProfilerStep#{i}", ts, length, "user_annotation"),
            host("enumerate(DataLoader)#Loader.__next__", ts + 1, load_us),
            host("aten::stack", ts + 1.5, load_us / 2),
            host("aten::mm", ts + load_us + 1, 4),
            launch(ts + load_us + 2, i + 1),
            device("gemm", ts + load_us + 5, kernel_us, correlation=i + 1),
            host("cudaDeviceSynchronize", ts + load_us + 5.5, kernel_us - 0.5, "cuda_runtime"),
        ]
        ts += length
    return events


def test_the_loader_is_named(tmp_path):
    store = store_with(tmp_path, loader_run(10, 100, 50))
    result = found(store)
    first = result.findings[0]

    assert times(result)["data_loading"] == 10 * 100 * US
    assert times(result)["compute"] == 10 * 50 * US
    assert first.kind == "data_loading"
    assert first.impact_ratio == pytest.approx(1000 / 1560)
    assert first.effect == pytest.approx(1560 / 560)
    assert "DataLoader" in result.headline
    assert len(evidence(store, result)[0]) == first.n_events == 10
    assert sum(times(result).values()) == 1560 * US


def test_a_busy_device_waits_for_nothing(tmp_path):
    events = [launch(i, i + 1) for i in range(20)]
    events += [device("gemm", 30 + 100 * i, 100, correlation=i + 1) for i in range(20)]
    result = found(store_with(tmp_path, events))

    assert not result.findings
    assert result.tables["bound"]["bound"].to_pylist() == ["compute"]


def test_gaps_are_split_at_the_launch(tmp_path):
    store = store_with(
        tmp_path,
        [
            launch(0, 1),
            device("k", 4, 6, correlation=1),
            host("cudaStreamSynchronize", 5, 25, "cuda_runtime"),  # 10 to 30 in the gap
            host("aten::mm", 40, 32),  # 40 to 68 before the launch, then 2 in it
            launch(68, 2),
            device("k", 100, 10, correlation=2),  # 30 in the queue
        ],
    )
    assert times(found(store)) == {
        "compute": 16 * US, "sync": 20 * US, "untraced_host": 10 * US, "host_op": 28 * US,
        "launch": 2 * US, "queue": 30 * US,
    }  # fmt: skip


def test_another_thread_is_asked_where_the_launching_one_is_silent(tmp_path):
    events = [
        launch(0, 1),
        device("k", 4, 6, correlation=1),
        host("aten::backward_work", 10, 50, tid=2),
        host("poll", 60, 30, "osrt", tid=2),  # sleeps: holds nobody
        launch(90, 2),
        device("k", 92, 8, correlation=2),
    ]
    assert times(found(store_with(tmp_path, events))) == {
        "compute": 14 * US, "host_op": 50 * US, "untraced_host": 30 * US, "launch": 2 * US,
    }  # fmt: skip


def test_without_launches_the_cause_is_unknown(tmp_path):
    result = found(store_with(tmp_path, [device("k", 0, 5), device("k", 50, 5)]))
    assert times(result) == {"compute": 10 * US, "unknown": 45 * US}
    assert not result.findings


def test_a_host_alone_has_its_steps_split(tmp_path):
    events = []
    for i in range(4):
        events += [host(f"step {i}", 100 * i, 100), host("next_batch", 100 * i, 60),
                   host("matmul", 100 * i + 60, 30)]  # fmt: skip
    result = found(store_with(tmp_path, events))
    assert times(result) == {
        "data_loading": 240 * US, "host_op": 120 * US, "untraced_host": 40 * US,
    }  # fmt: skip
    assert [f.kind for f in result.findings] == ["data_loading"]


@settings(max_examples=6)
@given(data=st.data())
def test_any_stretch_gives_the_same(data, tmp_path_factory):
    gap = st.floats(1, 40).map(lambda x: round(x, 1))
    events, ts = [], 0.0
    for i in range(data.draw(st.integers(2, 12))):
        held = data.draw(gap)
        name = data.draw(st.sampled_from(["aten::mm", "DataLoader", "cudaMalloc"]))
        late = data.draw(gap)
        events += [host(name, ts, held), launch(ts + held, i + 1),
                   device("k", ts + held + late, data.draw(gap), correlation=i + 1)]  # fmt: skip
        ts += held + 5
    store = store_with(tmp_path_factory.mktemp("cut"), events)
    whole = found(store)
    cut = found(store, stretch=data.draw(st.integers(1, 5)))
    assert times(cut) == times(whole)
    assert cut.tables["holder"] == whole.tables["holder"]
    assert list(cut.findings) == list(whole.findings)


@pytest.mark.parametrize(("workers", "file"), [(0, "1623143089861"), (4, "1623212756351")])
def test_real_loaders(shared, tmp_path, workers, file):
    folder = f"kineto/pytorch__kineto/tb_plugin/samples/resnet50_num_workers_{workers}"
    store = Store.open(tmp_path / "store", create=True)
    ingest(shared / "traces" / folder / f"worker0.{file}.pt.trace.json.gz", store=store)
    result = found(store)
    kinds = [finding.kind for finding in result.findings]

    (bound,) = result.tables["bound"].to_pylist()
    assert sum(times(result).values()) == bound["wall_dur"]
    if workers:
        assert "data_loading" not in kinds
    else:
        assert kinds[0] == "data_loading"
        assert "DataLoader" in result.headline
        assert "num_workers" in result.findings[0].recommendation


def test_parts_agree_with_the_breakdown(shared, tmp_path):
    trace = next((shared / "traces/kineto").rglob("sampled_rank-0.json.gz"))
    store = Store.open(tmp_path / "store", create=True)
    ingest(trace, store=store)
    results = results_of(store, NAME, "gpu.breakdown", keep=False)
    rows = results["gpu.breakdown"].tables["by_device"].to_pylist()
    shares = results[NAME].tables["share"].to_pylist()
    for row in rows:
        mine = {s["cause"]: s["dur"] for s in shares if s["device_id"] == row["device_id"]}
        assert mine["compute"] == row["compute_dur"]
        for part in ("exposed_comm", "exposed_memcpy", "exposed_memset"):
            assert mine.get(part, 0) == row[f"{part}_dur"]
