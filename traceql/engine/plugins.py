"""Find plug-ins by walking the folders, without importing them, and load them by name.

A plug-in is a module under `traceql/importers`, `analyses`, `reports` … with an attribute
`PLUGIN`: a frozen dataclass class. The file's place is its name: `analyses/gpu/breakdown.py` is
`gpu.breakdown`; a folder with a `PLUGIN` in its `__init__.py` (`importers/chrome/`) is one plug-in.
Names with a leading underscore are shared parts, not plug-ins. A stranger's package joins by an
entry point of the group `traceql.importers`, `traceql.analyses`, ….
"""

from __future__ import annotations

import importlib
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Literal

Kind = Literal["importers", "analyses", "reports", "exporters"]

_PACKAGE = Path(__file__).resolve().parent.parent


@cache
def names(kind: Kind) -> tuple[str, ...]:
    """Give the names of the plug-ins of a kind, sorted."""
    own = _walk(_PACKAGE / kind, "")
    return tuple(sorted(own.union(_strangers(kind))))


@cache
def load(kind: Kind, name: str) -> Any:
    """Give the class of a plug-in.

    Raises:
        KeyError: there is no such plug-in.
    """
    if name not in names(kind):
        raise KeyError(name)
    if entry := _strangers(kind).get(name):
        return entry.load()
    return importlib.import_module(f"traceql.{kind}.{name}").PLUGIN


@cache
def _strangers(kind: Kind) -> dict[str, EntryPoint]:
    """Name the plug-ins of other packages; looking into every installed package costs 15 ms."""
    return {entry.name: entry for entry in _entry_points().select(group=f"traceql.{kind}")}


_entry_points = cache(entry_points)


def _walk(folder: Path, prefix: str) -> set[str]:
    found: set[str] = set()
    if not folder.is_dir():
        return found
    for path in folder.iterdir():
        if path.name.startswith(("_", ".")) or path.name in {"templates", "assets"}:
            continue
        if path.suffix == ".py":
            found.add(prefix + path.stem)
        elif path.is_dir() and (path / "__init__.py").is_file():
            found |= _folder(path, f"{prefix}{path.name}")
    return found


def _folder(path: Path, name: str) -> set[str]:
    if "PLUGIN" in (path / "__init__.py").read_text(encoding="utf-8"):
        return {name}
    return _walk(path, f"{name}.")
