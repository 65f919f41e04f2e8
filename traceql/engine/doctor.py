"""Examine an installation: versions, resources, kernels, store."""

from __future__ import annotations

import importlib
import platform
import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal, NamedTuple

import traceql
from traceql.errors import StoreNotFound, TraceQLError
from traceql.model import resources, tables

State = Literal["ok", "missing", "broken"]
_NEEDED = (
    "pyarrow", "duckdb", "polars", "numba", "numpy", "scikit-learn", "statsmodels", "scipy",
    "ruptures", "click", "orjson", "isal", "zstandard", "xxhash", "rich", "jinja2", "sqlglot",
)  # fmt: skip
_OPTIONAL = {"pandas": "pandas"}


class Check(NamedTuple):
    """One thing looked at: `missing` is a loss of comfort, `broken` of function."""

    name: str
    state: State
    detail: str


def examine(store_path: str | Path) -> Iterator[Check]:
    """Look at everything, one check at a time.

    Args:
        store_path: a store to open; that there is none yet is not an error.
    """
    yield Check("traceql", "ok", f"{traceql.__version__} on Python {platform.python_version()}")
    yield from _packages()
    yield _resources()
    yield from _kernels()
    yield _store(Path(store_path))


def _packages() -> Iterator[Check]:
    for name in _NEEDED:
        try:
            yield Check(name, "ok", version(name))
        except PackageNotFoundError:
            yield Check(name, "broken", f"not installed: pip install {name}")
    for name, extra in _OPTIONAL.items():
        try:
            yield Check(name, "ok", version(name))
        except PackageNotFoundError:
            yield Check(name, "missing", f"optional: pip install 'traceql[{extra}]'")


def _resources() -> Check:
    try:
        count = len(tables.canonical())
        modules = len(list(resources.queries().rglob("*.sql")))
    except TraceQLError as error:
        return Check("resources", "broken", str(error))
    return Check("resources", "ok", f"{count} tables, {modules} SQL modules")


def _kernels() -> Iterator[Check]:
    """Run every kernel module once, so that the compiler's cache is warm."""
    start = time.perf_counter()
    try:
        warm = importlib.import_module("traceql.kernels.warm").warm
        count = warm()
    except ImportError as error:
        yield Check("kernels", "broken", f"cannot be loaded: {error}")
        return
    seconds = time.perf_counter() - start
    yield Check("kernels", "ok", f"{count} compiled or loaded in {seconds:.1f} s")


def _store(path: Path) -> Check:
    from traceql.store.catalog import Store

    try:
        store = Store.open(path)
        return Check("store", "ok", f"{path}: {len(store.traces())} traces")
    except StoreNotFound:
        return Check("store", "missing", f"{path}: none yet; `traceql ingest FILE` makes one")
    except TraceQLError as error:
        return Check("store", "broken", str(error))
