"""Results on disk, beside the traces they are about.

    <store>/results/<analysis>/<scope>/
        result.json       everything but rows; `trace_ids`, `traces` (names) say what it is about
        finding.parquet   the findings: exactly the columns of the table `finding`
        <table>.parquet   each table of the result

`<scope>` is a hash of the trace ids, the parameters and the window; a result is replaced whole by
a rename, and the same result gives the same bytes. A derived table (`iteration`) has its canonical
columns and goes by its canonical name only when it was made with default parameters over the whole
trace, so that the view of that name shows the standard one; otherwise its file is
`<table>.custom.parquet`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import hashlib
import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from traceql.errors import StoreFull
from traceql.model import tables
from traceql.model.result import Exhibit, Finding, Result, Severity
from traceql.store.sweep import owner

if TYPE_CHECKING:
    import pyarrow as pa

    from traceql.store.catalog import Store

FORMAT = 1
_ABOUT = "result.json"
_FINDINGS = "finding"


def scope_hash(result: Result, trace_ids: Sequence[str]) -> str:
    """Name the scope of a result: 16 hex digits over trace ids and parameters."""
    key = json.dumps([list(trace_ids), dict(result.parameters)], sort_keys=True, default=str)
    return hashlib.blake2b(key.encode(), digest_size=8).hexdigest()


def save(store: Store, result: Result, trace_ids: Sequence[str], *, standard: bool = True) -> Path:
    """Keep a result, replacing the last one of the same analysis and scope.

    Args:
        store: where to.
        result: with its parameters filled in.
        trace_ids: ids of `result.traces`, in that order.
        standard: made with default parameters over the whole trace.

    Returns:
        The folder of the result.

    Raises:
        StoreFull: the disk is full.
        OSError: the store cannot be written (read-only, say): nothing was changed.
    """
    target: Path = store.path / "results" / result.analysis / scope_hash(result, trace_ids)
    target.parent.mkdir(parents=True, exist_ok=True)
    (store.path / "tmp").mkdir(exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f"{owner()}-", dir=store.path / "tmp"))
    try:
        _write(work, result, trace_ids, standard=standard)
        _replace(work, target)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise StoreFull(store.path, None, None) from error
        raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return target


def load(store: Store, analysis: str | None = None) -> list[Result]:
    """Read kept results, ordered by analysis and scope.

    Args:
        store: where from.
        analysis: only results of this one.
    """
    found = sorted((store.path / "results").glob(f"{analysis or '*'}/*/{_ABOUT}"))
    return [read(path.parent) for path in found]


def read(folder: Path) -> Result:
    """Read the result that lies in a folder."""
    import pyarrow.parquet as pq

    about = json.loads((folder / _ABOUT).read_text(encoding="utf-8"))
    rows = pq.read_table(folder / f"{_FINDINGS}.parquet").to_pylist()
    return Result(
        analysis=about["analysis"],
        traces=tuple(about["traces"]),
        status=about["status"],
        findings=tuple(_finding(row) for row in rows),
        tables={name: pq.read_table(folder / file) for name, file in about["tables"].items()},
        exhibits=tuple(Exhibit(**exhibit) for exhibit in about["exhibits"]),
        parameters=about["parameters"],
        reason=about["reason"],
        remedy=about["remedy"],
        headline=about["headline"],
        sql=about["sql"],
    )


def findings_table(findings: Sequence[Finding]) -> pa.Table:
    """Give findings as rows of the table `finding`, in order."""
    import pyarrow as pa

    schema = tables.table(_FINDINGS).stored_schema
    return pa.Table.from_pylist([finding.row() for finding in findings], schema)


def _finding(row: dict[str, Any]) -> Finding:
    values = {key: value for key, value in row.items() if key != "finding_id"}
    values["traces"] = tuple(json.loads(values["traces"]))
    values["severity"] = Severity[values["severity"]]
    return Finding(**values)


def _write(folder: Path, result: Result, trace_ids: Sequence[str], *, standard: bool) -> None:
    files = {}
    for name, rows in result.tables.items():
        known = tables.canonical().get(name)
        plain = standard or known is None or known.derived_by is None
        files[name] = f"{name}.parquet" if plain else f"{name}.custom.parquet"
        _parquet(rows, folder / files[name])
    _parquet(findings_table(result.findings), folder / f"{_FINDINGS}.parquet")
    about = {
        "format": FORMAT,
        "analysis": result.analysis,
        "trace_ids": list(trace_ids),
        "traces": list(result.traces),
        "status": result.status,
        "parameters": dict(result.parameters),
        "reason": result.reason,
        "remedy": result.remedy,
        "headline": result.headline,
        "exhibits": [dataclasses.asdict(exhibit) for exhibit in result.exhibits],
        "sql": dict(result.sql),
        "tables": files,
    }
    text = json.dumps(about, indent=1, ensure_ascii=False, default=dict)
    (folder / _ABOUT).write_text(text + "\n", encoding="utf-8")


def _parquet(rows: pa.Table, path: Path) -> None:
    import pyarrow.parquet as pq

    pq.write_table(rows, path, compression="zstd", compression_level=1)


def _replace(work: Path, target: Path) -> None:
    """Put `work` in the place of `target`; readers see the old one or the new one."""
    old = work.with_name(f"{work.name}_old")
    with contextlib.suppress(FileNotFoundError):
        target.rename(old)
    work.rename(target)
    shutil.rmtree(old, ignore_errors=True)
