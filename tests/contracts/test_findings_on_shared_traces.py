"""Every finding on every shared trace has its evidence; steady runs are left in peace."""

from __future__ import annotations

from pathlib import Path

import pytest

from traceql.engine.analyze import analyze, choose
from traceql.engine.ingest import ingest
from traceql.errors import TraceQLError
from traceql.query.session import Session
from traceql.store.catalog import Store

TRACES = Path(__file__).resolve().parents[3] / "shared" / "traces"
FORMATS = ("kineto", "chrome", "nsys", "rocprof", "jax", "perf-script", "ftrace", "instruments",
           "intel", "power")  # fmt: skip
FILES = sorted(p for f in FORMATS for p in (TRACES / f).rglob("*") if p.is_file())
STEADY = (
    "ns_resolution_trace",
    "nccl_data",
    "resnet50_num_workers_0",
    "resnet50_num_workers_4",
    "linear_kineto",
)
"""Parts of the paths of clean, steady runs."""


def traces_of(path, folder):
    """Ingest one file into a store of its own; nothing where it is no trace."""
    store = Store.open(folder / "store", create=True)
    try:
        ingest(path, store=store)
    except TraceQLError:
        pytest.skip("not a trace that can be read here")
    return store, store.traces()


@pytest.mark.fuzz
@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(TRACES)))
def test_evidence_returns_what_each_finding_speaks_of(path, tmp_path):
    store, traces = traces_of(path, tmp_path)
    findings = [f for result in analyze(store, traces, keep=False) for f in result.findings]
    assert len({f.finding_id for f in findings}) == len(findings)
    with Session(traces, store=store) as session:
        for finding in findings:
            answer = session.sql(finding.evidence_sql)
            assert answer.columns[:5] == ("trace", "id", "ts", "dur", "name")
            rows = answer.fetchall()
            assert len(rows) == finding.n_events > 0, finding.evidence_sql
            assert {row[0] for row in rows} <= set(finding.traces)
            assert not finding.confidence or 0 <= finding.confidence <= 1


@pytest.mark.parametrize("part", STEADY)
def test_steady_runs_are_left_in_peace(shared, part, tmp_path):
    """At most one flagged event in 10,000 kernels."""
    (path,) = {p for p in (shared / "traces" / "kineto").rglob("*.json*") if part in str(p)}
    store, traces = traces_of(path, tmp_path)
    anomalies = choose(families=["anomalies"])
    results = analyze(store, traces, only=anomalies, keep=False)
    told = [(f.n_events, f.message) for r in results for f in r.findings]
    with Session(traces, store=store) as session:
        ((kernels,),) = session.sql(
            "SELECT count(*) FROM gpu_op WHERE kind = 'kernel'"
        ).fetchall()  # fmt: skip
    assert sum(events for events, _ in told) <= kernels / 10_000, told
