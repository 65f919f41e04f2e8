"""TraceQL: any profiler's trace in columns, asked in SQL, answered with findings.

    db = traceql.open("traceql-store")
    db.sql("SELECT name, sum(dur) FROM slice GROUP BY name").pl()

Importing this package loads nothing heavy: names are looked up when they are used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from traceql.engine.database import Database, ingest, open  # noqa: A004
    from traceql.errors import TraceQLError

__version__ = "0.1.0"
__all__ = ["Database", "TraceQLError", "__version__", "ingest", "open"]

_HOMES = {
    "Database": "traceql.engine.database",
    "TraceQLError": "traceql.errors",
    "ingest": "traceql.engine.database",
    "open": "traceql.engine.database",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'traceql' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
