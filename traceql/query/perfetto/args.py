"""The type of an arg, read off the interned texts of the args of a session's traces."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from traceql.query.perfetto.engine import DialectEngine

_FIRST = re.compile(r"[\w ./-]+")


class ArgTypes:
    """Knows for a flat key whether its values are integers, numbers, flags or texts.

    Perfetto's extract_arg() gives a value of the arg's own type; here a call has one type. Texts of
    args are interned, so that looking at each once is cheap.
    """

    def __init__(self, engine: DialectEngine) -> None:
        self._engine = engine
        self._known: dict[str, str] = {}

    def type_of(self, key: str) -> str:
        """Give int, real, bool or text for a flat key such as `args.grid[0]`."""
        leaf = re.sub(r"\[\d+\]", "", key).rpartition(".")[2]
        if leaf not in self._known:
            self._known[leaf] = self._looked_up(leaf)
        return self._known[leaf]

    def _looked_up(self, leaf: str) -> str:
        if not _FIRST.fullmatch(leaf):
            return "text"
        pattern = f'"{re.escape(leaf)}"' + r"\s*:\s*(\x01|-?\d+(?:\.\d|[eE])?|\[[^\]]*|.)"
        quoted = pattern.replace("'", "''")
        sources = [("dim_args", "text"), *((t, "args") for t in ("track", "process", "thread",
                                                                 "device"))]  # fmt: skip
        parts = [
            f"SELECT regexp_extract({column}, '{quoted}', 1) AS v FROM stored.{table} "  # noqa: S608
            f"WHERE contains({column}, '\"{leaf}\"')"
            for table, column in sources
        ]
        rows = self._engine.ask(f"SELECT DISTINCT v FROM ({' UNION ALL '.join(parts)})")  # noqa: S608
        return _common({kind for row in rows if row[0] for kind in _kinds(str(row[0]))})


def _kinds(start: str) -> set[str]:
    """Give the kinds of a value, or of the members of an array, by how each begins."""
    if not start.startswith("["):
        return {_kind(start)}
    return {_kind(part.strip()) for part in start[1:].split(",") if part.strip()}


def _kind(start: str) -> str:
    if start.startswith("\x01") or re.fullmatch(r"-?\d+", start):
        return "int"
    if re.match(r"-?\d", start):
        return "real"
    return {"t": "bool", "f": "bool", "n": "null"}.get(start[:1], "text")


def _common(kinds: set[str]) -> str:
    kinds = kinds - {"null"}
    if kinds == {"int"}:
        return "int"
    if kinds and kinds <= {"int", "real"}:
        return "real"
    return "bool" if kinds and kinds <= {"bool", "int"} else "text"
