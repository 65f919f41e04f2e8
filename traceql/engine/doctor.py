"""Examine an installation: versions, resources, kernels, store."""

from __future__ import annotations

import json
import platform
import tempfile
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
_EVENTS = [
    {"name": f"op{i % 3}", "cat": "cpu_op", "ph": "X", "ts": 10 * i, "dur": 5, "pid": 1, "tid": 1}
    for i in range(300)
]
_SELF_NS = 300 * 5000


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
    yield _whole_way()
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


def _whole_way() -> Check:
    """Walk a small trace from file to findings; compiles what the cache does not have."""
    from traceql.engine import database

    start = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="traceql-doctor-") as folder:
        trace = Path(folder) / "trace.json"
        trace.write_text(json.dumps(_EVENTS))
        try:
            db = database.open(Path(folder) / "store", create=True)
            db.ingest(trace)
            (row,) = db.sql("SELECT count(*), sum(self_dur) FROM slice").fetchall()
            results = db.analyze()
        except TraceQLError as error:
            return Check("whole way", "broken", str(error))
    if row != (len(_EVENTS), _SELF_NS):
        return Check("whole way", "broken", f"wrong numbers: {row}")
    seconds = time.perf_counter() - start
    return Check("whole way", "ok", f"{len(results)} analyses in {seconds:.1f} s")


def _store(path: Path) -> Check:
    from traceql.store.catalog import Store

    try:
        store = Store.open(path)
        return Check("store", "ok", f"{path}: {len(store.traces())} traces")
    except StoreNotFound:
        return Check("store", "missing", f"{path}: none yet; `traceql ingest FILE` makes one")
    except TraceQLError as error:
        return Check("store", "broken", str(error))
