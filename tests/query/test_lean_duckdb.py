"""Queries by DuckDB's extension alone give what the whole package gives."""

from __future__ import annotations

import json
import subprocess
import sys

import duckdb
import pytest

from traceql.query import lean_duckdb

QUERIES = (
    "SELECT 1 AS a, 2 AS a",
    "WITH x AS (SELECT 1 AS a) SELECT sum(a), count(*) FROM x -- end",
    "FROM range(3)",
    "VALUES (1, 'x')",
    "SELECT {'a': 1} AS s, 'x'::ENUM('x', 'y') AS e, 1.5::DECIMAL(5, 2) AS d, [1] AS l, NULL AS n;",
    "SHOW TABLES",
    "EXPLAIN SELECT 1",
    "SELECT nothing",
)

_ALONE = """
import json, sys
from traceql.query import lean_duckdb
connection = lean_duckdb.engine().connect(":memory:")
found = [lean_duckdb.shape(connection.cursor(), text, None) for text in json.load(sys.stdin)]
print(json.dumps([found, "duckdb" in sys.modules]))
import duckdb
assert connection.cursor().sql("SELECT 1 AS a").columns == ["a"]
assert lean_duckdb.engine() is duckdb
assert lean_duckdb.shape(connection, "SELECT 1", None) is None
"""


def wanted(text: str) -> list[list[str]] | None:
    try:
        relation = duckdb.connect(":memory:").sql(text)
    except duckdb.Error:
        return None
    return [list(relation.columns), [str(kind) for kind in relation.types]]


def test_columns_are_those_of_the_relation() -> None:
    pytest.importorskip("_duckdb")
    command = [sys.executable, "-c", _ALONE]
    ran = subprocess.run(
        command, input=json.dumps(QUERIES), capture_output=True, text=True, check=True
    )
    found, loaded = json.loads(ran.stdout)

    assert not loaded
    assert found[QUERIES.index("EXPLAIN SELECT 1")] is None
    for text, shape in zip(QUERIES, found, strict=True):
        assert text.startswith("EXPLAIN") or shape == wanted(text), text


def test_where_the_package_is_loaded_it_is_used() -> None:
    assert lean_duckdb.engine() is duckdb
