"""Build traces of a store by hand: logical rows in, Parquet of stored shape and Trace out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from traceql.model import tables


@dataclass(frozen=True)
class BuiltTrace:
    """What a session reads of a catalog's Trace."""

    id: str
    name: str
    path: Path
    manifest: Any


@dataclass(frozen=True)
class BuiltStore:
    """What a session reads of a Store."""

    path: Path


class Texts:
    """A dictionary: ids in order of first appearance."""

    def __init__(self) -> None:
        self.ids: dict[Any, int] = {}

    def id_of(self, text: Any) -> int | None:
        return None if text is None else self.ids.setdefault(text, len(self.ids))


def build(
    root: Path,
    name: str,
    rows: Mapping[str, Sequence[Mapping[str, Any]]],
    number: int,
    *,
    row_group_size: int = 131_072,
) -> BuiltTrace:
    """Write one trace under root/traces.

    Args:
        root: the store.
        name: of the trace.
        rows: table to rows, each a mapping of logical columns; `slice` rows may have `_lifted`,
            a mapping from the place of a lifted arg to its value, for args that have holes.
        number: makes the content id.
    """
    content = f"{number:032x}"
    folder = root / "traces" / content
    folder.mkdir(parents=True)
    texts = {"name": Texts(), "category": Texts(), "args": Texts()}
    files: dict[str, Any] = {}
    for table, given in rows.items():
        if given:
            files[table] = _write(
                folder, table, [_stored(table, row, texts) for row in given], row_group_size
            )
    for dimension, known in texts.items():
        if known.ids:
            listed = [
                {"id": i, "text": text[0], "holes": text[1]}
                if dimension == "args"
                else {"id": i, "text": text}
                for text, i in known.ids.items()
            ]
            files[f"dim_{dimension}"] = _write(folder, f"dim_{dimension}", listed)
    return BuiltTrace(
        content,
        name,
        folder,
        SimpleNamespace(tables=files, schema_version=tables.SCHEMA_VERSION, importer="chrome"),
    )


def keep_result(
    root: Path, analysis: str, scope: str, table: str, rows: Any, traces: Sequence[BuiltTrace]
) -> None:
    """Write a result's table as `store/results.py` does."""
    folder = root / "results" / analysis / scope
    folder.mkdir(parents=True)
    about = {"trace_ids": [t.id for t in traces], "traces": [t.name for t in traces]}
    (folder / "result.json").write_text(json.dumps(about))
    schema = tables.table(table).stored_schema
    pq.write_table(pa.Table.from_pylist(rows, schema), folder / f"{table}.parquet")


def _stored(table: str, row: Mapping[str, Any], texts: Mapping[str, Texts]) -> dict[str, Any]:
    spec = tables.table(table)
    lifted = row.get("_lifted", {})
    out: dict[str, Any] = {tables.lifted_column(i): value for i, value in lifted.items()}
    for key, value in row.items():
        if key == "_lifted":
            continue
        dimension = spec[key].dimension
        if dimension == "args" and value is not None:
            holes = sum(1 << i for i in lifted) if key == "args" else 0
            out[f"{key}_id"] = texts["args"].id_of((value, holes))
        elif dimension:
            out[f"{key}_id"] = texts[dimension].id_of(value)
        else:
            out[key] = value
    return out


def _write(
    folder: Path, table: str, rows: list[dict[str, Any]], row_group_size: int = 131_072
) -> Any:
    data = pa.Table.from_pylist(rows, tables.table(table).stored_schema)
    pq.write_table(
        data, folder / f"{table}.parquet", compression="zstd", row_group_size=row_group_size
    )
    ts = [r["ts"] for r in rows if "ts" in r]
    ends = [r["ts"] + max(r.get("dur", 0), 0) for r in rows if "ts" in r]
    return SimpleNamespace(
        rows=len(rows), min_ts=min(ts, default=None), max_end=max(ends, default=None)
    )
