"""`traceql analyze`."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from traceql.cli.main import cli
from traceql.engine import examine
from traceql.errors import StoreError, TraceQLError
from traceql.store.catalog import Store

SAMPLE = "sample_traces/synthetic/kineto_nvidia_planted.json.gz"


@pytest.fixture(scope="module")
def store(root, tmp_path_factory) -> Path:
    """A store with one trace, made by analyzing a path."""
    path = tmp_path_factory.mktemp("cli") / "store"
    done = run(root / SAMPLE, "--only", "summary", store=path)
    assert done.exit_code == 0, done.output
    return path


def run(*words: object, store: Path) -> Result:
    return CliRunner().invoke(cli, ["analyze", *map(str, words), "--store", str(store)])


def test_findings_are_printed_for_people(store):
    done = run("--anomalies", "--gpu", store=store)
    assert done.exit_code == 0
    assert "ampere_sgemm" in done.stdout
    assert "gpu.breakdown" in done.stdout


def test_csv_has_the_columns_of_the_table(store):
    rows = list(csv.DictReader(io.StringIO(run("--gpu", "--format", "csv", store=store).stdout)))
    assert {row["analysis"].partition(".")[0] for row in rows} == {"gpu"}
    assert "gpu.breakdown" in {row["analysis"] for row in rows}
    assert rows[0]["severity"] == "critical"
    assert all(row["evidence_sql"].startswith("SELECT trace, id, ts, dur, name") for row in rows)


def test_json_and_markdown(store):
    assert json.loads(run("--only", "hotspots", "--format", "json", store=store).stdout)
    assert "#" in run("--only", "hotspots", "--format", "md", store=store).stdout


def test_the_gate(store):
    assert run("--gpu", "--fail-on", "high", store=store).exit_code == 1
    assert run("--only", "summary", "--fail-on", "info", store=store).exit_code == 0


def test_what_could_not_be_looked_at_is_said(root, tmp_path):
    sample = root / "sample_traces/clang/14.0.6/compile.json"
    done = run(sample, "--gpu", "--format", "csv", store=tmp_path / "store")
    assert "could not look: gpu.breakdown" in done.stderr
    assert run("--gpu", store=tmp_path / "store").stdout.count("Could not look")


@pytest.mark.parametrize(("given", "limit"), [(None, 800_000_000), ("1GB", 1_000_000_000)])
def test_queries_are_limited_by_the_size_of_the_trace(store, monkeypatch, given, limit):
    limits = set()
    monkeypatch.setenv("TRACEQL_MEMORY_LIMIT", given or "")
    of = examine.Limits.of

    def noted(self: examine.Limits, trace: object) -> examine.Limits:
        limits.add(of(self, trace).memory_limit_bytes)
        return of(self, trace)

    monkeypatch.setattr(examine.Limits, "of", noted)
    assert run("--only", "summary", store=store).exit_code == 0
    assert limits == {limit}


def test_parameters_and_window(store):
    done = run("--only", "anomaly.duration", "--set", "method=z3", "--format", "csv", store=store)
    assert "heuristic" in done.stdout
    done = run("--gpu", "--window", "0ns..1us", "--format", "csv", store=store)
    assert done.exit_code == 0


@pytest.mark.parametrize(
    ("words", "said", "code"),
    [
        (["--only", "hotspot"], "hotspots", 5),
        (["--gpu", "--set", "nothing=1"], "no such parameter", 5),
        (["--gpu", "--window", "1..0"], "ends before", 5),
        (["no-such-trace"], "no trace named", 3),
    ],
)
def test_mistakes_are_explained(store, words, said, code):
    done = run(*words, store=store)
    assert isinstance(done.exception, TraceQLError)
    assert said in str(done.exception)
    assert done.exception.exit_code == code


def test_only_families_with_members_have_a_flag(store):
    shown = CliRunner().invoke(cli, ["analyze", "--help"]).output
    assert "--anomalies" in shown
    assert "--memory-limit" in shown
    assert "--clusters" in shown
    assert "--network" not in shown
    assert run("--network", store=store).exit_code == 2


@pytest.mark.parametrize("jobs", [1, 2])
def test_traces_that_fail_are_listed_at_the_end(root, store, tmp_path, jobs):
    both = tmp_path / "store"
    shutil.copytree(store, both)
    run(root / "sample_traces/clang/14.0.6/compile.json", "--only", "summary", store=both)
    (bad,) = [t for t in Store.open(both).traces() if t.name == "compile"]
    (bad.path / "slice.parquet").write_bytes(b"PAR1 no more")
    done = run("--only", "summary", "--jobs", jobs, "--format", "csv", store=both)
    assert done.exit_code == 6
    assert done.stdout.startswith("finding_id,")
    assert done.stderr.splitlines()[-2].startswith("error: compile: ")
    assert done.stderr.splitlines()[-1] == "1 of 2 traces failed"
    assert isinstance(run("compile", "--only", "summary", store=both).exception, StoreError)
    report = CliRunner().invoke(cli, ["report", "-o", str(tmp_path / "r.md"), "--only", "summary",
                                      "--store", str(both)])  # fmt: skip
    assert (report.exit_code, report.stderr.splitlines()[-1]) == (6, "1 of 2 traces failed")
    assert "840 slices" in (tmp_path / "r.md").read_text()
