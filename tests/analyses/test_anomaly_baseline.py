"""anomaly.baseline: what is planted in a second run is told of, a like run is not."""

from __future__ import annotations

import numpy as np
import pytest
from click.testing import CliRunner
from made_traces import device, host, results_of, store_with

from traceql.analyses.anomaly import _profile
from traceql.cli.main import cli
from traceql.engine import baseline
from traceql.engine.analyze import analyze
from traceql.errors import BadParameter, InputError, TraceNotFound
from traceql.query.session import Session

NAME = "anomaly.baseline"
STEPS = 40


def run(seed, *, slow=1.0, spikes=0, power=200.0, more=0, new=False):
    """Forty steps: two host operations, a kernel, a counter and an allocation that is freed."""
    chance = np.random.default_rng(seed)
    events, at = [], 0.0
    for step in range(STEPS):
        events.append(host(f"ProfilerStep#{step}", at, 900))
        for place in range(4):
            begin = at + 10 + 200 * place
            usual, else_ = (t * float(np.exp(0.1 * chance.normal())) for t in (60, 50))
            long = 2.5 if spikes and (step * 4 + place) % 16 == 3 else 1.0
            events.append(host("work", begin, round(usual * slow, 3)))
            events.append(host("other", begin + 100, round(else_, 3)))
            events.append(device("gemm", begin, round(usual * long, 3), grid=[8, 1, 1]))
        if new:
            events.append(host("surprise", at + 880, 15))
        events.append({"ph": "C", "name": "power", "pid": 10, "tid": 1, "ts": at + 1,
                       "args": {"W": power + chance.normal()}})  # fmt: skip
        size = 1_000_000 + int(chance.integers(0, 5_000)) + more
        for sign, when in ((1, at + 20), (-1, at + 800)):
            events.append({"ph": "i", "s": "t", "name": "[memory]", "cat": "cpu_instant_event",
                           "pid": 10, "tid": 1, "ts": when,
                           "args": {"Device Type": 1, "Device Id": 0, "Addr": 4096,
                                    "Bytes": sign * size, "Total Allocated": size * (sign > 0),
                                    "Total Reserved": 2 * size}})  # fmt: skip
        at += 901
    return events


def told(folder, **planted):
    store_with(folder, run(1), "usual")
    store = store_with(folder, run(2, **planted), "later")
    (result,) = (
        r
        for r in analyze(store, store.traces(), only=[NAME], baseline="usual")
        if r.traces == ("later",)
    )
    with Session(store.traces(), store=store) as session:
        for finding in result.findings:
            rows = session.sql(finding.evidence_sql).fetchall()
            assert len(rows) == finding.n_events > 0
            assert {row[0] for row in rows} == {"later"}
    return {f.kind: f for f in result.findings}


def test_a_like_run_has_nothing(tmp_path):
    assert told(tmp_path) == {}


def test_what_is_planted_is_told_of(tmp_path):
    found = told(tmp_path, slow=1.4, spikes=10, power=300.0, more=200_000, new=True)
    assert set(found) == {"slower", "outliers", "off_level", "more_memory", "new_op"}
    assert found["slower"].subject.startswith("work")
    assert found["slower"].effect == pytest.approx(1.4, abs=0.1)
    assert found["outliers"].subject.startswith("gemm")
    assert found["outliers"].n_events == 10
    assert found["off_level"].n_events == STEPS
    assert found["more_memory"].effect == pytest.approx(1.2, abs=0.01)
    assert found["new_op"].n_events == STEPS


def test_a_saved_baseline_says_the_same(tmp_path):
    store_with(tmp_path, run(1), "usual")
    store = store_with(tmp_path, run(2, slow=1.4), "later")
    path = tmp_path / "main.baseline"
    runner = CliRunner()
    where = ["--store", str(tmp_path / "store")]
    made = runner.invoke(cli, ["baseline", "usual", "-o", str(path), *where])
    assert made.exit_code == 0, made.output
    first = results_of(store, NAME, baseline="usual")[NAME]
    second = results_of(store, NAME, baseline=str(path))[NAME]
    assert [f.message for f in first.findings] == [f.message for f in second.findings]
    shown = runner.invoke(
        cli, ["analyze", "later", "--only", NAME, "--baseline", str(path), *where]
    )
    assert "work" in shown.output


def test_without_a_baseline_it_abstains(tmp_path):
    store = store_with(tmp_path, run(1)[:9])
    assert results_of(store, NAME)[NAME].status == "abstained"
    with pytest.raises(TraceNotFound):
        results_of(store, NAME, baseline="nowhere")
    with pytest.raises(BadParameter):
        results_of(store, "iteration", baseline="made")


def test_other_files_are_refused(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "other.parquet"
    pq.write_table(pa.table({"a": [1]}), path)
    with pytest.raises(InputError, match="not a saved baseline"):
        baseline.load(path)
    path.write_bytes(b"PAR1 and nothing more")
    with pytest.raises(InputError, match="Parquet"):
        baseline.load(path)


def test_counts_above_a_bound_cut_no_cell():
    values = np.sort(np.random.default_rng(3).lognormal(8, 1, 2_000))
    cell = np.floor(64 * np.log(values))
    cells = [values[cell == c] for c in np.unique(cell)]
    made = _profile.Histogram(
        np.array([len(c) for c in cells]),
        *(np.array([f(c) for c in cells]) for f in (np.min, np.max, np.sum)),
    )
    for wanted in (values[0] / 2, *np.quantile(values, [0.3, 0.9, 0.999]), values[-1] * 2):
        bound, count, total = made.above(float(wanted))
        assert wanted <= bound <= max(wanted * 1.02, wanted)
        assert count == (values > bound).sum()
        assert total == pytest.approx(values[values > bound].sum())
    assert made.quantile(0.5) == pytest.approx(np.median(values), rel=0.02)
