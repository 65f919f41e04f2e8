"""One command from a trace to a page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from traceql.cli.main import cli
from traceql.errors import TraceQLError, UnknownAnalysis

TRACE = "sample_traces/synthetic/kineto_nvidia_planted.json.gz"
ONLY = ("--only", "gpu.breakdown")


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(cli, ["report", *map(str, words)])


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Path:
    folder = tmp_path_factory.mktemp("report")
    done = run(root / TRACE, "-o", folder / "first.html", "--store", folder / "store", *ONLY)
    assert done.exit_code == 0, done.output
    assert done.stdout == f"{folder / 'first.html'}\n"
    assert "ingested as kineto_nvidia_planted" in done.stderr
    assert "finding" in done.stderr
    return folder / "store"


def test_a_path_is_ingested_analyzed_and_reported(store: Path) -> None:
    page = (store.parent / "first.html").read_text()
    assert page.startswith("<!doctype html>")
    assert "kineto_nvidia_planted" in page
    assert 'id="a-gpu-breakdown"' in page


def test_the_same_store_gives_the_same_bytes(store: Path, tmp_path: Path) -> None:
    done = run("-o", tmp_path / "again.html", "--store", store, *ONLY)
    assert done.exit_code == 0, done.output
    assert (tmp_path / "again.html").read_bytes() == (store.parent / "first.html").read_bytes()


def test_kept_results_give_the_same_report(store: Path, tmp_path: Path) -> None:
    done = run("kineto_nvidia_planted", "-o", tmp_path / "kept.md", "--store", store, "--kept")
    fresh = run("--last", "-o", tmp_path / "fresh.md", "--store", store, *ONLY)
    assert (done.exit_code, fresh.exit_code) == (0, 0)
    assert (tmp_path / "kept.md").read_text() == (tmp_path / "fresh.md").read_text()


def test_stdout_and_format(store: Path) -> None:
    done = run("-o", "-", "--format", "json", "--store", store, *ONLY)
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert [r["analysis"] for r in document["results"]] == ["gpu.breakdown"]
    assert document["results"][0]["status"] == "ok"


def test_what_cannot_work_is_said_before_the_work(store: Path, tmp_path: Path) -> None:
    for words, said in (
        (("-o", tmp_path / "x.pdf"), r"known: html (.html)"),
        (("-o", tmp_path / "no" / "x.html"), "there is no folder"),
    ):
        done = run("--store", tmp_path / "missing", *words)
        assert isinstance(done.exception, TraceQLError)
        assert done.exception.exit_code == 2
        assert said in str(done.exception)
    done = run("-o", tmp_path / "x.html", "--store", store, "--only", "gpu.breakdwn")
    assert isinstance(done.exception, UnknownAnalysis)
    assert "gpu.breakdown" in str(done.exception)
    done = run("-o", tmp_path / "x.html", "--store", store, "--format", "pdf")
    assert done.exit_code == 2
    assert "terminal" in done.output
    assert not list(tmp_path.iterdir())


def test_a_trace_that_is_not_there_is_not_found(store: Path, tmp_path: Path) -> None:
    done = run("kineto_nvidia_plantd", "-o", tmp_path / "x.html", "--store", store)
    assert isinstance(done.exception, TraceQLError)
    assert done.exception.exit_code == 3
    assert "kineto_nvidia_planted" in str(done.exception)
