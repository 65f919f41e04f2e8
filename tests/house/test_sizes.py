"""Law 5: files and functions stay small enough to be read."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "traceql").rglob("*.py"))
FILE_LINES = 500
FUNCTION_LINES = 50
KERNEL_LINES = 60
SCANNER_LINES = 120


def limit_of(path: Path) -> int:
    if path.parent.name != "kernels":
        return FUNCTION_LINES
    return SCANNER_LINES if path.stem in {"scan", "split"} else KERNEL_LINES


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_file_and_its_functions_are_short(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= FILE_LINES
    too_long = {}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body
            first = body[0]
            docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
            start = (first.end_lineno or 0) + 1 if docstring else first.lineno
            lines = (node.end_lineno or 0) - start + 1
            if lines > limit_of(path):
                too_long[node.name] = lines
    assert not too_long
