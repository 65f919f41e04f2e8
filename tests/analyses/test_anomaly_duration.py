"""anomaly.duration: planted truths in seven shapes, quiet populations, evidence that runs."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from made_traces import US, device, evidence, host, results_of, store_with

from traceql.analyses.anomaly import _modes, duration
from traceql.analyses.anomaly.duration import Duration
from traceql.model import tables

N = 5000
SHARE = 0.005
SHAPES = {
    "normal": lambda r, n: r.normal(100, 5, n),
    "lognormal 0.5": lambda r, n: 100 * np.exp(r.normal(0, 0.5, n)),
    "lognormal 1": lambda r, n: 100 * np.exp(r.normal(0, 1, n)),
    "bimodal": lambda r, n: np.where(r.random(n) < 0.7, r.normal(100, 4, n), r.normal(180, 6, n)),
    "gamma": lambda r, n: r.gamma(2, 50, n),
    "quantised": lambda r, n: np.maximum(np.round(np.exp(r.normal(np.log(3), 0.15, n))), 1),
    "floor and tail": lambda r, n: 100 + r.exponential(10, n),
}
GOALS = {  # false positives %, recall, precision
    "floor and tail": (0.3, 0.95, 0.80),
    "lognormal 1": (0.1, 0.80, 0.95),
    "quantised": (0.1, 0.95, 0.60),
}


def stratum(dur, name="op"):
    """The input of `measure` for one host stratum."""
    n = len(dur)
    event = pa.table(
        {
            "id": np.arange(n),
            "name_id": np.zeros(n, np.int64),
            "stratum": np.zeros(n, np.int64),
            "ts": np.arange(n) * 1000,
            "value": np.asarray(dur, np.int64),
            "issued_ts": np.arange(n) * 1000,
        }
    )
    quantum = next(q for q in (1000, 100, 10, 1) if not (np.asarray(dur) % q).any())
    row = dict.fromkeys(duration.STRATUM) | {
        "stratum": 0, "name_id": 0, "side": "host", "quantum": quantum,
        "side_total": int(np.sum(dur)),
    }  # fmt: skip
    return {
        "event": event,
        "stratum": pa.Table.from_pylist([row]),
        "name": pa.table({"id": pa.array([0], pa.int32()), "text": [name]}),
        "category": pa.table({"id": pa.array([], pa.int32()), "text": pa.array([], pa.string())}),
        "iteration": tables.table("iteration").arrow_schema.empty_table(),
    }


def judge(dur, **parameters):
    analysis = Duration(**parameters)
    measured = analysis.measure(stratum(dur))
    return analysis.conclude(measured.append_column("trace", pa.array(["t"] * measured.num_rows)))


def planted(shape, seed, plant=True):
    random = np.random.default_rng(seed)
    make = SHAPES[shape]
    values = make(random, N)
    reference = np.quantile(make(random, 200_000), 0.999)
    label = np.zeros(N, bool)
    if plant:
        label[random.choice(np.arange(1, N), int(SHARE * N), replace=False)] = True
        values[label] = reference * random.uniform(1.5, 5, label.sum())
    if shape == "quantised":
        values = np.round(values)
    return np.maximum(values * 1000, 1).astype(np.int64), label


def hits(dur, result):
    if not result.findings:
        return np.zeros(len(dur), bool)
    (finding,) = result.findings
    least = int(finding.evidence_sql.split("self_dur >= ")[1].split()[0])
    found = dur >= least
    found[0] = False  # the first event is warm-up
    assert found.sum() == finding.n_events
    return found


@pytest.mark.parametrize("shape", SHAPES)
def test_planted_events_are_found_and_others_are_not(shape):
    false, recall, precision = [], [], []
    for seed in (11, 12, 13, 14):
        dur, label = planted(shape, seed)
        found = hits(dur, judge(dur))
        false.append(100 * found[~label].mean())
        recall.append(found[label].mean())
        precision.append(label[found].mean() if found.any() else 0)
    most_false, least_recall, least_precision = GOALS.get(shape, (0.1, 0.95, 0.95))
    assert np.mean(false) <= most_false
    assert np.mean(recall) >= least_recall
    assert np.mean(precision) >= least_precision


@pytest.mark.parametrize("shape", SHAPES)
def test_quiet_populations_give_nothing_that_matters(shape):
    flagged = [
        hits(dur, judge(dur)).mean()
        for dur, _ in (planted(shape, seed, plant=False) for seed in (21, 22, 23))
    ]
    assert 100 * np.mean(flagged) <= GOALS.get(shape, (0.1,))[0]


def test_z3_flags_what_three_sigma_flags():
    dur, _ = planted("lognormal 0.5", 31)
    result = judge(dur, method="z3", least_ratio=0.0001)
    rest = dur[1:]
    expected = int((rest > rest.mean() + 3 * rest.std()).sum())
    (finding,) = result.findings
    assert finding.n_events == expected
    assert finding.confidence_basis == "heuristic"
    assert judge(dur).tables["stratum"]["z3_count"].to_pylist() == [expected]


@pytest.mark.parametrize("n", [9, 20, 49])
def test_few_events_are_tested_one_by_one(n):
    random = np.random.default_rng(n)
    dur = (random.normal(100, 2, n) * 1000).astype(np.int64)
    assert not judge(dur).findings
    dur[n // 2] = 400_000
    (finding,) = judge(dur).findings
    assert finding.n_events == 1
    assert finding.effect == pytest.approx(4, rel=0.1)


def test_small_test_equals_rosner():
    """Rosner's own 54 values: three outliers, and the published statistics."""
    rosner = [-0.25, 0.68, 0.94, 1.15, 1.20, 1.26, 1.26, 1.34, 1.38, 1.43, 1.49, 1.49, 1.55, 1.56,
              1.58, 1.65, 1.69, 1.70, 1.76, 1.77, 1.81, 1.91, 1.94, 1.96, 1.99, 2.06, 2.09, 2.10,
              2.14, 2.15, 2.23, 2.24, 2.26, 2.35, 2.37, 2.40, 2.47, 2.54, 2.62, 2.64, 2.90, 2.92,
              2.92, 2.93, 3.21, 3.26, 3.30, 3.59, 3.68, 4.30, 4.64, 5.34, 5.42, 6.01]  # fmt: skip
    from scipy.stats import t as student

    judged = _modes._few(np.array(rosner[5:]), 1)  # 49 values: the test for few
    rest = np.array(rosner[5:])
    reach = (rest.max() - rest.mean()) / rest.std(ddof=1)
    n = len(rest)
    critical = student.ppf(1 - 0.05 / n, n - 2)
    limit = (n - 1) * critical / np.sqrt((n - 2 + critical**2) * n)
    assert (judged.p[-1] <= 0.05 / n) == (reach >= limit)
    assert (np.diff(judged.p) <= 0).all()


def test_no_finding_below_eight():
    assert judge([100_000] * 6 + [900_000]).status == "abstained"


def test_one_event_alone_must_cost_a_hundredth():
    random = np.random.default_rng(5)
    dur = (random.normal(100, 2, 4000) * 1000).astype(np.int64)
    dur[7] = 2_000_000  # 0.5 % of the time: may be the scheduler
    assert not judge(dur).findings
    dur[7] = 9_000_000
    assert judge(dur).findings[0].n_events == 1


def test_what_is_slow_at_one_place_of_every_step_is_usual():
    step = np.array([10, 10, 10, 50, 10, 10, 10, 10, 10, 10]) * 1000
    dur = np.tile(step, 6)
    assert _modes.habit(dur, 6) == 50_000
    dur[13] = 10_000  # one step of six without it
    assert _modes.habit(dur, 6) == 50_000
    assert _modes.habit(dur, 7) == 0.0  # not in equal parts
    random = np.random.default_rng(1).permutation(600)
    once = np.where(random < 6, 50_000, 10_000)  # as often, at no place in particular
    assert _modes.habit(once, 6) == 10_000


def trace_events(slow):
    events = []
    random = np.random.default_rng(9)
    for i in range(200):
        dur = round(float(random.normal(20, 0.5)), 3)
        events.append(device("it's a kernel", 100 * i, 90 if i in slow else dur, grid=[4, 1, 1],
                             block=[128, 1, 1]))  # fmt: skip
        events.append(device("it's a kernel", 100 * i + 95, 2 + dur / 100, grid=[1, 1, 1],
                             block=[32, 1, 1]))  # fmt: skip
        events.append(host("outer", 100 * i, 60, "cpu_op"))
        events.append(host("inner", 100 * i + 1, 30 + dur / 50, "cpu_op"))
    return events


def test_a_trace_gives_one_finding_per_stratum_with_evidence(tmp_path):
    store = store_with(tmp_path, trace_events({20, 90, 150}), "quoted 'name'")
    result = results_of(store, "anomaly.duration")["anomaly.duration"]

    (finding,) = result.findings
    assert "grid 4,1,1" in finding.subject
    assert finding.baseline == pytest.approx(20 * US, rel=0.02)
    assert finding.value == 90 * US
    assert finding.q_value is not None
    assert finding.q_value < 1e-3
    (rows,) = evidence(store, result)
    assert [row[2] // (100 * US) for row in sorted(rows, key=lambda r: r[2])] == [20, 90, 150]
    assert {row[0] for row in rows} == {store.traces()[0].name}
    assert {row[3] for row in rows} == {90 * US}


def test_a_quiet_trace_gives_none(tmp_path):
    result = results_of(store_with(tmp_path, trace_events(set())), "anomaly.duration")
    assert result["anomaly.duration"].status == "empty"
    assert "Nothing" in result["anomaly.duration"].headline
