"""DuckDB without the Python layer over it, which takes longer to load than most queries run."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any


def engine() -> ModuleType:
    """Give a module with DuckDB's `connect` and `Error`.

    It is `duckdb` where somebody has loaded that, or where its extension is not where it was;
    else the extension alone. Connections made by it get the methods that the Python layer adds,
    such as `sql`, when `duckdb` is imported.
    """
    if "duckdb" not in sys.modules:
        try:
            extension = importlib.import_module("_duckdb")
        except ImportError:
            return importlib.import_module("duckdb")
        if hasattr(extension, "connect") and hasattr(extension, "Error"):
            return extension
    return importlib.import_module("duckdb")


def shape(cursor: Any, text: str, parameters: Any) -> tuple[list[str], list[str]] | None:
    """Give names and types of a query's columns without running it.

    None: the Python layer, which tells them of every statement, is loaded, or it is no SELECT.
    """
    if "duckdb" in sys.modules:
        return None
    try:
        found = cursor.execute(f"DESCRIBE {text}", parameters).fetchall()
    except engine().Error:
        return None
    return [row[0] for row in found], [row[1] for row in found]
