"""The doctor walks the whole way and says what is missing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from traceql.engine import doctor


def test_this_installation_works(tmp_path: Path) -> None:
    checks = {check.name: check for check in doctor.examine(tmp_path / "none")}

    assert not [c for c in checks.values() if c.state == "broken"]
    assert "analyses" in checks["whole way"].detail
    assert checks["store"].state == "missing"
    assert "traceql ingest" in checks["store"].detail


def test_a_folder_that_is_no_store_is_broken(tmp_path: Path) -> None:
    (tmp_path / "traceql-store.json").write_text("{")

    assert doctor._store(tmp_path).state == "broken"


_UNCALLED = """
import ast, sys
import subprocess
import sys
from pathlib import Path
import traceql
from traceql.engine import doctor
from traceql.kernels.decorator import _Kernel

doctor._run_sql_kernels()
doctor.run_kernels_of_analyses()
for room in ("analyses", "query"):
    wanted = set()
    for path in (Path(traceql.__file__).parent / room).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "traceql.kernels":
                wanted |= {f"traceql.kernels.{item.name}" for item in node.names}
    for name in sorted(wanted):
        own = {n: k for n, k in vars(sys.modules[name]).items()
               if isinstance(k, _Kernel) and k.__module__ == name}
        parts = {part for k in own.values() for part in k.__wrapped__.__code__.co_names}
        print(*(f"{name}.{n}" for n, k in own.items() if not k._code and n not in parts))
"""


def test_no_kernel_of_an_analysis_is_left_to_be_compiled_later() -> None:
    found = subprocess.run(
        [sys.executable, "-c", _UNCALLED], check=True, capture_output=True, text=True
    )
    assert not found.stdout.split()
