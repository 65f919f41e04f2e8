"""The command line as a whole: errors, exit codes, streams."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXECUTABLE = Path(sys.executable).with_name("traceql")


def traceql(*words: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [EXECUTABLE, *words], cwd=cwd, capture_output=True, text=True, check=False,
        env={**os.environ, "NO_COLOR": "1", **environment},
    )  # fmt: skip


def test_help_and_version(tmp_path: Path) -> None:
    shown = traceql("--help", cwd=tmp_path)

    assert shown.returncode == 0
    assert "ingest" in shown.stdout
    assert traceql("--version", cwd=tmp_path).stdout.startswith("traceql, version ")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["nope"], 2),
        (["query"], 2),
        (["query", "SELECT 1", "--format", "nope"], 2),
        (["query", "SELECT 1", "--store", "none-here"], 3),
        (["ingest", "no-such-file.json"], 2),
        (["analyze", "--only", "nope", "--store", "none-here"], 3),
    ],
)
def test_errors_have_their_codes_and_one_place_prints(
    words: list[str], code: int, tmp_path: Path
) -> None:
    done = traceql(*words, cwd=tmp_path)

    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert done.stderr.strip()
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_debug_shows_where_an_error_happened(tmp_path: Path) -> None:
    done = traceql("--debug", "query", "SELECT 1", "--store", "none-here", cwd=tmp_path)

    assert "Traceback" in done.stderr


def test_a_closed_pipe_is_no_error(tmp_path: Path) -> None:
    script = f"{EXECUTABLE} --help | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0
    assert done.stderr == ""
