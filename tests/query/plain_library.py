"""The macros that need no trace, on a bare connection with a given number of threads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import duckdb
import pyarrow as pa

from traceql.query import library, relations

START, STOP = 0, 40
"""Bounds of the one trace that there is."""


def connect(threads: int) -> duckdb.DuckDBPyConnection:
    """Open a connection that knows every table macro which reads only what it is given."""
    connection = duckdb.connect(config={"threads": threads})
    connection.execute("CREATE SCHEMA stored")
    connection.execute(
        f"CREATE TABLE stored.trace AS SELECT {START} AS start_ts, {STOP} AS end_ts, "
        "'a' AS trace, 0 AS trace_no"
    )
    wanted = [item.name for item in library.objects().values() if item.kind == "table macro"]
    for name in library.in_order([name for name in wanted if _stands_alone(name)]):
        if name.startswith(library.KERNEL):
            relations.register(connection, name, None)
        elif name in library.objects():
            connection.execute(library.objects()[name].sql)
    return connection


def _stands_alone(name: str) -> bool:
    reads = {n for n in library.in_order([name]) if n.startswith(f"{library.STORED}.")}
    return reads <= {f"{library.STORED}.trace"}


def both() -> Iterator[list[duckdb.DuckDBPyConnection]]:
    """Give a connection with one thread and one with two; close them afterwards."""
    opened = [connect(1), connect(2)]
    yield opened
    for connection in opened:
        connection.close()


def answers(
    connections: Sequence[duckdb.DuckDBPyConnection], sql: str, **given: tuple[str, Sequence[Any]]
) -> list[tuple[Any, ...]]:
    """Run a query on each connection and give its rows; those of all must be equal.

    Args:
        connections: as `both` gives them.
        sql: the query.
        given: table to its columns, all BIGINT unless named `name:type`, and its rows.
    """
    found = []
    for connection in connections:
        for table, (columns, rows) in given.items():
            connection.register(table, _arrow(columns, rows))
        found.append(sorted(connection.sql(sql).fetchall(), key=repr))
        for table in given:
            connection.unregister(table)
    assert all(rows == found[0] for rows in found[1:])
    return found[0]


def _arrow(columns: str, rows: Sequence[Any]) -> pa.Table:
    arrays, names = [], []
    for place, column in enumerate(columns.split()):
        name, _, kind = column.partition(":")
        names.append(name)
        values = [row[place] for row in rows]
        arrays.append(pa.array(values, {"": pa.int64(), "double": pa.float64()}[kind]))
    return pa.Table.from_arrays(arrays, names)
