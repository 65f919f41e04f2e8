"""The built wheel and an editable install work outside the checkout."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EVENTS = {
    "traceEvents": [
        {"name": "a", "ph": "X", "ts": 1, "dur": 5, "pid": 1, "tid": 1},
        {"name": "b", "ph": "X", "ts": 2, "dur": 2, "pid": 1, "tid": 1},
    ]
}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT],
        check=True,
        capture_output=True,
    )
    environment = folder / "env"
    venv.create(environment, with_pip=True)
    python = environment / "bin" / "python"
    (wheel,) = folder.glob("*.whl")
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", wheel], check=True
    )
    # The dependencies come from the test environment; a path in a .pth file does not bring along
    # the editable install, which is itself a .pth file.
    site = next((environment / "lib").glob("python*")) / "site-packages"
    (site / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"])
    return environment / "bin" / "traceql"


def use(command: list[str | Path], folder: Path) -> str:
    trace = folder / "t.json"
    trace.write_text(json.dumps(EVENTS))

    def run(*words: str | Path) -> str:
        return subprocess.run(
            [*command, *words], cwd=folder, check=True, capture_output=True, text=True
        ).stdout

    run("ingest", trace)
    tables = run("list", "tables", "--format", "json")
    assert "gpu_op" in tables
    return run("query", "SELECT name, dur, self_dur FROM slice ORDER BY ts", "--format", "csv")


def test_wheel_works_outside_the_checkout(installed: Path, tmp_path: Path) -> None:
    assert use([installed], tmp_path) == "name,dur,self_dur\na,5000,3000\nb,2000,2000\n"
    where = subprocess.run(
        [installed.parent / "python", "-c", "import traceql; print(traceql.__file__)"],
        cwd=tmp_path, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    assert str(installed.parent.parent) in where


def test_editable_install_works_outside_the_checkout(tmp_path: Path) -> None:
    command: list[str | Path] = [sys.executable, "-m", "traceql.cli.main"]

    assert use(command, tmp_path) == "name,dur,self_dur\na,5000,3000\nb,2000,2000\n"
