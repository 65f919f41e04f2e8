"""Attempts to get out through the dialect: each is refused, or has no effect outside."""

from __future__ import annotations

from pathlib import Path

import pytest
from store_builder import BuiltStore
from test_guard import READ, WRITE, places, snapshot  # noqa: F401  (places is a fixture)

from traceql.errors import QueryError
from traceql.query.perfetto.session import PerfettoSession

# What is refused elsewhere and means a temp object or several statements here.
MEANT_HERE = {
    "CREATE TABLE t AS SELECT 1",
    "CREATE OR REPLACE VIEW slice AS SELECT 1",
    "SELECT 1; SELECT 2",
}
MADE = [
    "CREATE PERFETTO TABLE t AS SELECT * FROM read_csv('{secret}')",
    "CREATE PERFETTO VIEW t AS SELECT * FROM read_text('{secret}')",
    "CREATE TABLE t AS SELECT * FROM '{parquet}'",
    "CREATE TEMP VIEW t AS SELECT * FROM '{secret}'",
    'CREATE VIEW t AS SELECT * FROM "{secret}"',
    "CREATE TABLE t AS SELECT * FROM `{link}`",
    "CREATE TABLE t AS SELECT getenv('HOME')",
    "CREATE PERFETTO FUNCTION f() RETURNS STRING AS SELECT getenv('HOME')",
    "CREATE PERFETTO FUNCTION f() RETURNS STRING AS SELECT content FROM read_text('{secret}')",
    "CREATE PERFETTO FUNCTION f(x STRING) RETURNS STRING AS SELECT content FROM read_text($x)",
    "CREATE PERFETTO FUNCTION f() RETURNS TABLE(x STRING) AS SELECT * FROM read_csv('{secret}')",
    "CREATE PERFETTO FUNCTION f(x STRING) RETURNS TABLE(c STRING) AS SELECT * FROM query_table($x)",
    (
        "CREATE PERFETTO FUNCTION read_text(x STRING) RETURNS STRING AS SELECT $x; "
        "SELECT * FROM read_text('{secret}')"
    ),
    (
        "CREATE PERFETTO FUNCTION \"f() AS 1; COPY (SELECT 1) TO '{folder}/made.csv'; --\"(x INT) "
        "RETURNS INT AS SELECT 1"
    ),
    (
        "CREATE PERFETTO MACRO m(t Expr) RETURNS TableOrSubquery AS (SELECT * FROM read_text($t)); "
        "SELECT * FROM m!('{secret}')"
    ),
    "CREATE PERFETTO MACRO m(f Expr) RETURNS TableOrSubquery AS $f; SELECT * FROM m!(glob('*'))",
    "CREATE PERFETTO MACRO m() RETURNS Statement AS COPY (SELECT 1) TO '{folder}/made.csv'; m!()",
    "CREATE PERFETTO MACRO m() RETURNS Expr AS 1 FROM read_text('{secret}'); SELECT m!()",
    "CREATE TABLE t(x TEXT); INSERT INTO t SELECT content FROM read_text('{secret}')",
    "CREATE TABLE t(x TEXT); INSERT INTO t SELECT * FROM '{secret}'",
    "CREATE TABLE t(x TEXT); INSERT INTO t VALUES ((SELECT content FROM read_text('{secret}')))",
    "CREATE TABLE t(x TEXT); INSERT INTO t VALUES (getenv('HOME'))",
    "CREATE TABLE t(x TEXT); INSERT INTO t VALUES (1) RETURNING x",
    "CREATE TABLE t(x TEXT); COPY t TO '{folder}/made.csv'",
    "DELETE FROM slice",
    "DELETE FROM stored.slice WHERE id = 0",
    "DELETE FROM main.slice",
    "UPDATE slice SET dur = 0",
    "UPDATE stored.trace SET name = 'x'",
    "UPDATE OR REPLACE slice SET dur = 0",
    "DELETE FROM sqlite_master",
    "UPDATE sqlite_master SET sql = 'x'",
    "UPDATE sqlite_schema SET sql = 'x'",
    "INSERT INTO sqlite_master VALUES (1, 2, 3, 4, 5)",
    "REPLACE INTO sqlite_sequence VALUES ('t', 9)",
    "CREATE TABLE sqlite_x AS SELECT 1 AS a",
    "CREATE TABLE t(x TEXT); UPDATE t SET x = (SELECT content FROM read_text('{secret}'))",
    "CREATE TABLE t(x TEXT); DELETE FROM t WHERE x IN (SELECT content FROM read_text('{secret}'))",
    "CREATE TABLE t(x TEXT); DELETE FROM t RETURNING x",
    "CREATE TABLE t(x TEXT DEFAULT (load_extension('x'))); INSERT INTO t DEFAULT VALUES",
    "CREATE TABLE t(x TEXT CHECK (readfile('{secret}') = x)); INSERT INTO t VALUES ('a')",
    "CREATE TABLE t(x); UPDATE t SET x = 1; ATTACH '{folder}/made.db' AS m",
    "VACUUM INTO '{folder}/made.db'",
    "CREATE TABLE t(x); INSERT INTO t VALUES (load_extension('{secret}'))",
    "CREATE TABLE t(x); INSERT INTO t SELECT readfile('{secret}')",
    "CREATE TABLE t(x); INSERT INTO t SELECT sql FROM sqlite_schema",
    "SELECT sql FROM sqlite_temp_master",
    "SELECT * FROM pragma_database_list",
    "SELECT * FROM pragma_table_list",
    "SELECT * FROM dbstat",
    "SELECT fts3_tokenizer('x')",
    "SELECT load_extension('{secret}') FROM slice",
    "SELECT edit('x')",
    "CREATE PERFETTO FUNCTION f() RETURNS INT AS SELECT load_extension('x'); SELECT f()",
    "CREATE VIEW v AS SELECT load_extension('x') AS a; SELECT * FROM v",
    "CREATE VIEW v AS SELECT * FROM pragma_database_list; SELECT * FROM v",
    "CREATE TABLE x(a); CREATE TRIGGER t AFTER INSERT ON x BEGIN SELECT 1; END",
    "CREATE TABLE t(x TEXT); ALTER TABLE t ADD COLUMN y INT",
    "CREATE VIEW v AS SELECT 1 AS x; INSERT INTO v VALUES (1)",
    "INSERT INTO slice VALUES (1)",
    "INSERT INTO stored.slice SELECT * FROM stored.slice",
    "INSERT INTO stored.trace VALUES (9, 'x', 'y', 0, 0)",
    "INSERT INTO main.slice SELECT * FROM slice",
    "INSERT INTO duckdb_views SELECT 1",
    "INSERT INTO '{inside}' SELECT 1",
    "DROP TABLE slice",
    "DROP VIEW slice",
    "DROP TABLE stored.trace",
    "DROP VIEW stored.slice",
    "DROP PERFETTO FUNCTION trace_start",
    "DROP SCHEMA stored CASCADE",
    "CREATE SCHEMA x",
    "CREATE TRIGGER x AFTER INSERT ON y BEGIN SELECT 1; END",
    "CREATE VIRTUAL TABLE x USING dbstat",
    "CREATE VIRTUAL TABLE x USING csv(filename='{secret}')",
    "CREATE VIRTUAL TABLE x USING window",
    'CREATE VIRTUAL TABLE x USING SPAN_JOIN("{parquet}", slice)',
    "CREATE VIRTUAL TABLE x USING SPAN_JOIN(slice, read_text)",
    "CREATE VIRTUAL TABLE x USING SPAN_JOIN(slice, duckdb_settings)",
    "CREATE PERFETTO TABLE __tq_new AS SELECT 1",
    "CREATE UNKNOWN x",
    "INCLUDE PERFETTO MODULE ../../outside/secret",
    "INCLUDE PERFETTO MODULE '/etc/passwd'",
    "INCLUDE PERFETTO MODULE a.b.c",
    "REPLACE INTO slice VALUES (1)",
    "SELECT * FROM __tq_pairs('{parquet}', '{parquet}')",
    "SELECT * FROM __tq_create('{secret}', '{link}')",
    "SELECT * FROM _interval_intersect!(('{parquet}', slice), ())",
    "SELECT * FROM _interval_intersect!((read_text('{secret}'), slice), ())",
    "SELECT * FROM counter_leading_intervals!('{parquet}')",
    "SELECT RUN_METRIC('x.sql')",
    "SELECT load_extension('x')",
    "SELECT readfile('{secret}')",
    "SELECT writefile('{folder}/made.csv', 'x')",
    "SELECT IMPORT('x')",
    "SELECT IMPORT('a; COPY (SELECT 1) TO ''{folder}/made.csv''')",
    "SELECT CREATE_FUNCTION('f()', 'INT', 'SELECT 1; ATTACH ''{folder}/made.db'' AS m')",
    "SELECT CREATE_FUNCTION('f()', 'STRING', 'SELECT content FROM read_text(''{secret}'')')",
    "SELECT CREATE_FUNCTION('f() RETURNS INT AS COPY x TO y', 'INT', 'SELECT 1')",
    "SELECT CREATE_VIEW_FUNCTION('f()', 'x STRING', 'SELECT * FROM ''{secret}''')",
    "SELECT s.id FROM slice s JOIN read_text('{secret}') t",
    "SELECT * FROM slice, pragma_database_list",
    "SELECT id FROM slice WHERE name = (SELECT sql FROM sqlite_schema)",
    "SELECT id, load_extension(name) FROM slice",
    (
        "SELECT x FROM (WITH __tq_x AS (SELECT content AS x FROM read_text('{secret}')) "
        "SELECT x FROM __tq_x)"
    ),
    (
        "SELECT * FROM _graph_scan!((SELECT 0 AS source_node_id, 0 AS dest_node_id), "
        "(SELECT 0 AS id), (id), (SELECT content AS id FROM read_text('{secret}')))"
    ),
    "EXPLAIN COPY (SELECT 1) TO '{folder}/made.csv'",
    "EXPLAIN QUERY PLAN INSERT INTO stored.trace VALUES (9, 'x', 'y', 0, 0)",
    "WITH x AS (SELECT * FROM read_text('{secret}')) SELECT * FROM x",
    "SELECT extract_arg(0, 'a'') FROM read_text(''{secret}') FROM read_text('{secret}')",
]
ATTEMPTS = [a for a in (*READ, *WRITE) if a not in MEANT_HERE] + MADE


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_attempt_is_refused_without_effect(places, attempt: str) -> None:  # noqa: F811
    store = BuiltStore(places["store"])
    text = attempt.format(**places)
    before = snapshot(places["store"].parent)
    there = set(Path.cwd().iterdir())

    with PerfettoSession([places["trace"]], store=store) as session:
        with pytest.raises(QueryError):
            session.sql(text).fetchall()
        assert session.sql("SELECT count(*) FROM stored.slice").fetchall() == [(1,)]

    assert snapshot(places["store"].parent) == before
    assert set(Path.cwd().iterdir()) == there


def test_odd_names_stay_names(places) -> None:  # noqa: F811
    before = snapshot(places["store"].parent)
    name = f"x\"\" AS SELECT 1; COPY (SELECT 1) TO '{places['folder']}/made.csv'; --"
    with PerfettoSession([places["trace"]], store=BuiltStore(places["store"])) as session:
        made = f'CREATE TABLE "{name}" AS SELECT 7 AS "a""b"; SELECT * FROM "{name}"'
        assert session.sql(made).fetchall() == [(7,)]
    assert snapshot(places["store"].parent) == before


def test_there_are_enough_attempts() -> None:
    assert len(set(MADE)) >= 50
