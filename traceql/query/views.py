"""The relations of the schema `stored`: Parquet files of the traces in scope, ids scoped by trace.

They hold what lies on disk (text as dictionary ids), with `trace_no` and `trace` last. The views
of `queries/prelude` are written over them. One trace: columns pass through untouched, so filters
prune row groups. Several: one scan over a list of files, whose virtual column `file_index` says
which trace a row is of; every id column becomes `trace_no * 2^32 + id`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from traceql.model import tables
from traceql.query.library import STORED

_DUCKDB_TYPES = {
    "int64": "BIGINT",
    "int32": "INTEGER",
    "double": "DOUBLE",
    "bool": "BOOLEAN",
    "string": "VARCHAR",
    "json": "VARCHAR",
    "binary": "BLOB",
}
SCALE = 1 << 32
"""Distance between the ids of two traces of one session."""


@dataclass(frozen=True)
class File:
    """One Parquet file of a table: of one trace, or (`trace_no` None) of several at once."""

    path: Path
    trace_no: int | None
    lacks: frozenset[str] = frozenset()
    """Columns that it was written without, by an older version: they read as null."""


@dataclass(frozen=True)
class _Field:
    name: str
    type: str
    is_id: bool


def quoted(text: str) -> str:
    """Write a text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def create(name: str, files: Sequence[File], traces: Sequence[str]) -> str:
    """Give the CREATE statement of `stored.<name>`.

    Args:
        name: a canonical table.
        files: where its rows lie, at most one file a trace, ascending by trace_no.
        traces: the names of the traces in scope; the place in the list is the trace_no.
    """
    return f"CREATE VIEW {STORED}.{name} AS {_select(tables.table(name), files, traces)}"


def columns(name: str) -> frozenset[str]:
    """Give the names of the stored columns of a table."""
    return frozenset(field.name for field in _fields(tables.table(name)))


def create_trace(
    traces: Sequence[str],
    ids: Sequence[str],
    importers: Sequence[str],
    bounds: Sequence[tuple[int, int] | None],
) -> str:
    """Give the CREATE statement of `stored.trace`: one row a trace in scope.

    Args:
        traces: names of the traces.
        ids: their content ids.
        importers: what read them.
        bounds: first and last instant of each, or None where it has no events.
    """
    columns = "trace_no, trace, trace_id, importer, start_ts, end_ts"
    rows = [
        f"({number}, {quoted(name)}, {quoted(content)}, {quoted(importer)}, "
        + ("NULL, NULL)" if bound is None else f"{bound[0]}, {bound[1]})")
        for number, (name, content, importer, bound) in enumerate(
            zip(traces, ids, importers, bounds, strict=True)
        )
    ]
    source = f"(VALUES {', '.join(rows)})" if rows else "(SELECT 0, '', '', '', 0, 0 WHERE false)"
    types = (
        "trace_no::BIGINT, trace::VARCHAR, trace_id::VARCHAR, importer::VARCHAR, "
        "start_ts::BIGINT, end_ts::BIGINT"
    )
    return (
        f"CREATE TABLE {STORED}.trace AS SELECT {_renamed(types, columns)} "  # noqa: S608
        f"FROM {source} AS given({columns})"
    )


def _renamed(types: str, columns: str) -> str:
    pairs = zip(types.split(", "), columns.split(", "), strict=True)
    return ", ".join(f"{cast} AS {name}" for cast, name in pairs)


def _fields(table: tables.Table) -> list[_Field]:
    fields = [
        _Field(
            c.stored_name,
            "INTEGER" if c.dimension else _DUCKDB_TYPES[c.type],
            c.is_id or c.dimension is not None,
        )
        for c in table.columns
    ]
    lifted = range(len(table.lifted_args))
    return fields + [_Field(tables.lifted_column(i), "BIGINT", is_id=False) for i in lifted]


def _select(table: tables.Table, files: Sequence[File], traces: Sequence[str]) -> str:
    fields = _fields(table)
    if not files:
        return _empty(fields, several=len(traces) > 1)
    unknown = frozenset.intersection(*(file.lacks for file in files))
    if len(traces) == 1:
        columns = ", ".join(_value(f, unknown) for f in fields)
        source = f"read_parquet({quoted(str(files[0].path))})"
        return (
            f"SELECT {columns}, 0::BIGINT AS trace_no, {quoted(traces[0])} AS trace FROM {source} r"  # noqa: S608
        )
    numbered = ", ".join(
        f'{_number(files)} * {SCALE} + r."{f.name}" AS "{f.name}"'
        if f.is_id and f.name not in unknown
        else _value(f, unknown, several=True)
        for f in fields
    )
    paths = "[" + ", ".join(quoted(str(f.path)) for f in files) + "]"
    if any(file.lacks for file in files):
        paths += ", union_by_name = true"
    # any_value over GROUP BY tells the optimizer that the join adds no row, so that it drops
    # the join where a query does not ask for the name.
    return (
        f"SELECT {numbered}, {_number(files)} AS trace_no, t.trace AS trace "  # noqa: S608
        f"FROM read_parquet({paths}) r LEFT JOIN (SELECT trace_no, any_value(trace) AS trace "
        f"FROM {STORED}.trace GROUP BY trace_no) t ON t.trace_no = {_number(files)}"
    )


def _number(files: Sequence[File]) -> str:
    index = "r.file_index::BIGINT"
    if all(f.trace_no == i for i, f in enumerate(files)):
        return index
    numbers = ", ".join(str(f.trace_no) for f in files)
    return f"([{numbers}]::BIGINT[])[{index} + 1]"


def _value(field: _Field, unknown: frozenset[str], *, several: bool = False) -> str:
    """Give a column as it is stored, or null where it is not."""
    if field.name not in unknown:
        return f'r."{field.name}"'
    return f'NULL::{"BIGINT" if several and field.is_id else field.type} AS "{field.name}"'


def _empty(fields: Sequence[_Field], *, several: bool) -> str:
    every = frozenset(field.name for field in fields)
    columns = ", ".join(_value(field, every, several=several) for field in fields)
    return f"SELECT {columns}, NULL::BIGINT AS trace_no, NULL::VARCHAR AS trace WHERE false"
