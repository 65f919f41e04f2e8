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
_ODD_EVENTS = [
    {"name": "b", "cat": "c", "ph": "B", "ts": 1, "pid": 1, "tid": "two", "args": {"stream": 7}},
    {"name": "b", "ph": "E", "ts": 9.5, "pid": 1, "tid": "two", "args": {"result": "done"}},
    {"name": "k", "cat": "kernel", "ph": "X", "ts": 5, "dur": 2, "pid": 0, "tid": 7,
     "args": {"device": 0, "stream": 7, "correlation": 3, "grid": [1, 2, 3], "note": '"é"'}},
    {"name": "launch", "cat": "cuda_runtime", "ph": "X", "ts": 3, "dur": 1, "pid": 1, "tid": 1,
     "args": {"correlation": 3}},
    {"name": "ac2g", "cat": "ac2g", "ph": "s", "id": 3, "ts": 3, "pid": 1, "tid": 1},
    {"name": "ac2g", "cat": "ac2g", "ph": "f", "bp": "e", "id": 3, "ts": 5, "pid": 0, "tid": 7},
    {"name": "m", "ph": "C", "ts": 2, "pid": 1, "args": {"bytes": 5, "peak": 7.5}},
    {"name": "a", "cat": "io", "ph": "b", "id": "0x1", "ts": 1, "pid": 1, "tid": 1},
    {"name": "a", "cat": "io", "ph": "e", "id": "0x1", "ts": 8, "pid": 1, "tid": 1},
    {"name": "i", "ph": "i", "s": "t", "ts": 4, "pid": 1, "tid": 1},
    {"name": "thread_name", "ph": "M", "pid": 1, "tid": 1, "args": {"name": "main"}},
]  # fmt: skip
_MANY = 20_000
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
    yield _kernels()
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


def _kernels() -> Check:
    """Run every kernel that ingest and SQL need, so that the cache has them from now on."""
    from traceql.kernels import machine_code
    from traceql.model.lean_arrow import spare_pandas

    start = time.perf_counter()
    spare_pandas()
    with tempfile.TemporaryDirectory(prefix="traceql-doctor-") as folder:
        try:
            _scan(Path(folder))
            _encode(Path(folder))
            count = _run_sql_kernels()
            run_kernels_of_analyses()
        except TraceQLError as error:
            return Check("kernels", "broken", str(error))
    home = machine_code.home()
    where = "kept by numba" if home is None else f"kept in {home}"
    return Check("kernels", "ok", f"{count} in SQL; {where}; {time.perf_counter() - start:.1f} s")


def _scan(folder: Path) -> None:
    """Ingest events of every kind by the compiled path, which small files do not take."""
    from traceql.engine import database

    trace = folder / "scanned.json"
    many = [
        {"name": f"op{i % 700}", "cat": "kernel" if i % 3 else "cpu_op", "ph": "X", "ts": i // 3,
         "dur": i * i % 99_991, "pid": 1, "tid": i % 300,
         "args": {"device": i % 2, "stream": 7} if i % 3 else {"Bytes": i}}
        for i in range(_MANY)
    ]  # fmt: skip
    trace.write_text(json.dumps({"traceEvents": _ODD_EVENTS + many}))
    db = database.open(folder / "store", create=True)
    # So little memory that rows have to be sorted in parts and merged.
    db.ingest(trace, options={"path": "fast", "threads": 1}, memory_limit_bytes=1 << 20)


def _encode(folder: Path) -> None:
    """Encode columns of a table, which only large ones need."""
    import pyarrow as pa

    from traceql.store.row_groups import RowGroups

    columns = {"few": pa.array([1, 1, 2]), "many": pa.array([1, None, 3]), "text": ["a", "b", "c"]}
    rows = pa.RecordBatch.from_pydict(columns)
    file = RowGroups(
        folder / "rows.parquet", rows.schema, repeating=["few"], sorted_by=[], most_rows=len(rows)
    )
    file.write(rows)
    file.close({})


def _run_sql_kernels() -> int:
    """Call each kernel that SQL knows with a list without rows."""
    import duckdb

    from traceql.query.relations import kernels

    connection = duckdb.connect(":memory:")
    for kernel in kernels().values():
        empty = ", ".join(f"{_made_up(t)}::{t} AS c{i}" for i, t in enumerate(kernel.takes))
        given = connection.sql(f"SELECT {empty}").to_arrow_table()
        kernel.run(*(column.combine_chunks() for column in given.columns))
    return len(kernels())


def run_kernels_of_analyses() -> None:
    """Call the kernels that analyses call, each as it is called there."""
    from traceql.kernels import (
        calltree,
        edits,
        energy,
        intervals,
        mixture,
        neighbours,
        partition,
        segments,
        series,
        spans,
        states,
    )  # fmt: skip

    ts, end, values = [0, 2, 3], [1, 5, 4], [0.0, 1.0, 0.0, 2.0, 1.0, 3.0]
    walk = calltree.build([0] * _MANY, range(_MANY), [1] * _MANY)
    calltree.outermost([0, 1], walk.name[:2], [5, 3])
    edits.shortest([1, 2, 3], [1, 3], 4)
    energy.best_split(values)
    energy.at_end(values)
    energy.permuted([0, 6], values, [0.5] * 5)
    mixture.fit(sorted(values), 2, least_sd=0.1)
    neighbours.split_scores(neighbours.nearest(values, 2, 1, 1), 1)
    partition.best_cuts(values, 1, 2)
    segments.order([0, 3], [3, 1, 2])
    segments.places([0, 3], ts, ts)
    series.slopes(values, [1])
    series.rises(values)
    states.two_states(values, values, 1.0)
    covered = intervals.union(ts, end)
    intervals.intersect(covered, covered)
    intervals.intersect_length(covered, covered)
    intervals.gaps(ts, end)
    intervals.coverage_by_bin(ts, end, 0, 2, 3)
    for offsets in ([0, 3], [0, 1, 3]):
        spans.merge(offsets, ts, end)
        spans.flatten(offsets, ts, end)
        spans.overlap_count(offsets, ts, end)
    spans.overlap_count([0, _MANY], range(_MANY), [_MANY] * _MANY)


def _made_up(kind: str) -> str:
    """Write a value that every kernel takes: texts name what is done with numbers."""
    if kind.endswith("[]"):
        return "[]"
    return "'sum'" if kind == "VARCHAR" else "1"


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
