"""Find `schemas/` and `queries/`: inside the wheel, or beside the package in a checkout."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from traceql.errors import TraceQLError

_PACKAGE = Path(__file__).resolve().parent.parent


@cache
def _find(name: str) -> Path:
    for candidate in (_PACKAGE / "_resources" / name, _PACKAGE.parent / name):
        if candidate.is_dir():
            return candidate
    raise TraceQLError(f"the folder {name}/ is missing from this installation; reinstall traceql")


def schemas() -> Path:
    """Give the folder of the table schemas."""
    return _find("schemas")


def queries() -> Path:
    """Give the folder of the SQL standard library."""
    return _find("queries")
