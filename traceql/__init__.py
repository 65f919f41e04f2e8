"""TraceQL: any profiler's trace in columns, asked in SQL, answered with findings."""

from __future__ import annotations

__version__ = "0.1.0"
