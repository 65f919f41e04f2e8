"""Law 1: nothing heavy is loaded before it is needed."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {
    "numba",
    "numpy",
    "duckdb",
    "pyarrow",
    "polars",
    "scipy",
    "sklearn",
    "pandas",
    "statsmodels",
}


def loaded_after(code: str) -> set[str]:
    report = "; import sys; print(' '.join({m.partition('.')[0] for m in sys.modules}))"
    done = subprocess.run(
        [sys.executable, "-c", code + report], capture_output=True, text=True, check=True
    )
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    "code",
    [
        "import traceql",
        "import traceql; dir(traceql); traceql.__version__",
        (
            "from click.testing import CliRunner; from traceql.cli.main import cli; "
            "assert CliRunner().invoke(cli, ['--help']).exit_code == 0"
        ),
        (
            "from traceql.engine import plugins; plugins.names('importers'); "
            "plugins.names('analyses'); plugins.names('reports')"
        ),
        "import traceql.errors, traceql.model.tables as t; t.canonical(); t.staging()",
    ],
)
def test_nothing_heavy_is_loaded(code: str) -> None:
    assert not loaded_after(code) & HEAVY


def test_every_command_has_help_without_anything_heavy() -> None:
    code = (
        "from click.testing import CliRunner; from traceql.cli.main import cli, _Commands\n"
        "import click\n"
        "names = cli.list_commands(click.Context(cli))\n"
        "assert {'ingest', 'query', 'analyze', 'report', 'list', 'store', 'doctor'} <= set(names)\n"
        "for n in names:\n"
        "    r = CliRunner().invoke(cli, [n, '--help']); assert r.exit_code == 0, (n, r.output)\n"
        "pass"
    )
    assert not loaded_after(code) & HEAVY
