"""Attempts to do more than read the session's tables: each must fail and do nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from store_builder import BuiltStore, build

from traceql.errors import QueryError, StatementRefused
from traceql.query import guard
from traceql.query.session import Session

READ = [
    "SELECT * FROM read_csv('{secret}')",
    "SELECT * FROM read_csv_auto('{secret}')",
    "SELECT * FROM read_text('{secret}')",
    "SELECT * FROM read_blob('{secret}')",
    "SELECT * FROM read_json('{secret}')",
    "SELECT * FROM read_json_objects('{secret}')",
    "SELECT * FROM read_ndjson('{secret}')",
    "SELECT * FROM read_parquet('{parquet}')",
    "SELECT * FROM parquet_scan('{parquet}')",
    "SELECT * FROM read_parquet(['{parquet}'])",
    "SELECT * FROM read_parquet('{inside}/../../../outside/x.parquet')",
    "SELECT * FROM read_parquet('{link}')",
    "SELECT * FROM '{link}'",
    "SELECT * FROM '{linked_folder}/x.parquet'",
    "SELECT * FROM parquet_metadata('{parquet}')",
    "SELECT * FROM parquet_schema('{parquet}')",
    "SELECT * FROM parquet_kv_metadata('{parquet}')",
    "SELECT * FROM read_duckdb('{folder}/x.db')",
    "SELECT * FROM sniff_csv('{secret}')",
    "SELECT * FROM glob('{folder}/*')",
    "SELECT * FROM '{secret}'",
    'SELECT * FROM "{secret}"',
    "SELECT * FROM '{parquet}'",
    "SELECT * FROM '{inside}'",
    "FROM '{secret}'",
    "TABLE '{secret}'",
    "DESCRIBE '{secret}'",
    "SUMMARIZE '{parquet}'",
    "SELECT * FROM query_table('{parquet}')",
    "SELECT * FROM query_table(['{parquet}'])",
    "SELECT * FROM query('SELECT * FROM read_text(''{secret}'')')",
    "WITH a AS (SELECT * FROM read_text('{secret}')) SELECT * FROM a",
    "SELECT (SELECT content FROM read_text('{secret}'))",
    "SELECT * FROM slice WHERE EXISTS (FROM '{secret}')",
    "EXPLAIN SELECT * FROM read_text('{secret}')",
    "EXPLAIN ANALYZE SELECT * FROM read_text('{secret}')",
    "SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))",
    "SELECT * FROM counter_leading_intervals('{parquet}')",
    "SELECT getenv('HOME')",
    "SELECT current_setting('home_directory')",
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM duckdb_secrets()",
    "SELECT * FROM which_secret('s3://x', 's3')",
    "SELECT * FROM pragma_storage_info('slice')",
    "SELECT * FROM 'https://example.invalid/x.parquet'",
    "SELECT * FROM read_csv('https://example.invalid/x.csv')",
    "SELECT * FROM 's3://bucket/x.parquet'",
    "SELECT * FROM frame_of_caller",
    "SELECT * FROM secret_frame",
]
WRITE = [
    "COPY (SELECT 1) TO '{folder}/made.csv'",
    "COPY (SELECT 1) TO '{inside_folder}/made.csv'",
    "COPY slice TO '{folder}/made.parquet'",
    "COPY slice FROM '{secret}'",
    "EXPLAIN ANALYZE COPY (SELECT 1) TO '{folder}/made.csv'",
    "/* x */ EXPLAIN ANALYZE COPY (SELECT 1) TO '{inside_folder}/made.csv'",
    "ATTACH '{folder}/made.db'",
    "ATTACH '{inside_folder}/made.db' AS x",
    "ATTACH ':memory:' AS other",
    "DETACH memory",
    "EXPORT DATABASE '{folder}/made'",
    "IMPORT DATABASE '{folder}'",
    "CREATE TABLE t AS SELECT 1",
    "CREATE OR REPLACE VIEW slice AS SELECT 1",
    "CREATE TEMP VIEW v AS SELECT * FROM read_text('{secret}')",
    "CREATE MACRO m() AS 1",
    "CREATE SECRET s (TYPE s3)",
    "CREATE PERSISTENT SECRET s (TYPE http)",
    "CREATE SCHEMA s",
    "CREATE TYPE mood AS ENUM ('x')",
    "INSERT INTO stored.trace VALUES (9, 'x', 'y', 0, 0)",
    "WITH x AS (INSERT INTO stored.trace VALUES (9, 'x', 'y', 0, 0) RETURNING 1) FROM x",
    "WITH x AS (DELETE FROM stored.trace RETURNING 1) FROM x",
    "WITH x AS (UPDATE stored.trace SET trace = 'x' RETURNING 1) FROM x",
    "UPDATE stored.trace SET trace = 'x'",
    "DELETE FROM stored.trace",
    "TRUNCATE stored.trace",
    "MERGE INTO stored.trace USING (SELECT 1) ON true WHEN MATCHED THEN DELETE",
    "DROP VIEW slice",
    "DROP TABLE stored.trace",
    "ALTER TABLE stored.trace RENAME TO other",
    "COMMENT ON TABLE stored.trace IS 'x'",
    "INSTALL httpfs",
    "LOAD '{folder}/made.duckdb_extension'",
    "FORCE INSTALL json",
    "SET threads = 1",
    "SET GLOBAL enable_external_access = true",
    "SET lock_configuration = false",
    "SET VARIABLE x = 1",
    "RESET threads",
    "PRAGMA enable_profiling",
    "PRAGMA database_list",
    "USE stored",
    "CALL enable_logging()",
    "CALL pragma_version()",
    "FROM enable_profiling()",
    "FROM checkpoint()",
    "FROM add_grammar_extension('x')",
    "CHECKPOINT",
    "VACUUM",
    "ANALYZE",
    "BEGIN",
    "COMMIT",
    "PREPARE p AS SELECT 1",
    "EXECUTE p",
    "DEALLOCATE p",
    "SELECT setseed(0.5)",
    "SELECT write_log('x')",
    "SELECT nextval('s')",
    "SELECT 1; COPY (SELECT 1) TO '{folder}/made.csv'",
    "COPY (SELECT 1) TO '{folder}/made.csv'; SELECT 1",
    "SELECT 1; SELECT 2",
    "",
    "-- nothing",
]

secret_frame = object()


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = tmp_path_factory.mktemp("guard")
    (folder / "outside").mkdir()
    pq.write_table(pa.table({"x": [1]}), folder / "outside" / "x.parquet")
    (folder / "outside" / "secret.csv").write_text("a,b\n1,2\n")
    row = {"id": 0, "ts": 0, "dur": 1, "track_id": 0, "depth": 0}
    trace = build(folder / "store", "t", {"slice": [row]}, 0)
    link, linked = trace.path / "link.parquet", folder / "store" / "traces" / "linked"
    link.symlink_to(folder / "outside" / "x.parquet")
    linked.symlink_to(folder / "outside")
    return {
        "trace": trace,
        "folder": folder / "outside",
        "secret": folder / "outside" / "secret.csv",
        "parquet": folder / "outside" / "x.parquet",
        "inside": trace.path / "slice.parquet",
        "inside_folder": trace.path,
        "link": link,
        "linked_folder": linked,
        "store": folder / "store",
    }


def snapshot(folder: Path) -> dict[str, int]:
    return {
        str(p.relative_to(folder)): p.lstat().st_mtime_ns for p in sorted(folder.rglob("*"))
    }  # fmt: skip


@pytest.mark.parametrize("attempt", READ + WRITE)
def test_attempt_is_refused_without_effect(places, attempt: str) -> None:
    frame_of_caller = {"x": [1]}
    store = BuiltStore(places["store"])
    text = attempt.format(**places)
    before = snapshot(places["store"].parent)
    there = set(Path.cwd().iterdir())

    with Session([places["trace"]], store=store) as session:
        with pytest.raises(QueryError):
            session.sql(text).fetchall()
        assert session.sql("SELECT count(*) FROM stored.slice").fetchall() == [(1,)]

    assert snapshot(places["store"].parent) == before
    assert set(Path.cwd().iterdir()) == there
    assert frame_of_caller


def test_there_are_enough_attempts() -> None:
    assert len({*READ, *WRITE}) >= 100


ALLOWED = [
    "SELECT 1",
    "EXPLAIN SELECT 1",
    "-- why\nEXPLAIN ANALYZE SELECT count(*) FROM slice",
    "/* a */ EXPLAIN (FORMAT json) SELECT 1",
    "DESCRIBE slice",
    "DESCRIBE SELECT 1 AS x",
    "SHOW TABLES",
    "SUMMARIZE slice",
    "VALUES (1), (2)",
    "FROM slice SELECT id",
    "TABLE track",
    "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 3) FROM r",
    "SELECT * FROM range(3), generate_series(1, 2), unnest([1, 2])",
    "SELECT * FROM main.slice",
    "SELECT * FROM memory.main.slice",
    "SELECT * FROM stored.slice",
    "SELECT table_name FROM information_schema.tables",
    "SELECT * FROM duckdb_views()",
    "SELECT key FROM json_each('{\"a\":1}')",
    "PIVOT slice ON depth IN (0, 1) USING count(*)",
    "UNPIVOT (SELECT id, dur FROM slice) ON id, dur",
    "SELECT 'COPY x TO ''/etc/hosts''' AS text",
    'SELECT count(*) FROM slice AS "/etc/hosts"',
    "SELECT 1;",
]


@pytest.fixture(scope="module")
def asked_all(store, traces) -> Iterator[Session]:
    """One session for all that is allowed: what lists tables makes every view first."""
    with Session(traces[:1], store=store) as session:
        yield session


@pytest.mark.parametrize("text", ALLOWED)
def test_queries_are_allowed(asked_all, text: str) -> None:
    asked_all.sql(text).fetchall()


def test_show_tables_lists_what_can_be_read(asked_all) -> None:
    shown = {row[0] for row in asked_all.sql("SHOW TABLES").fetchall()}

    assert {"slice", "thread_track", "args", "finding", "gpu_kernel"} <= shown


def test_a_refusal_says_what_and_why(one) -> None:
    with pytest.raises(StatementRefused, match=r"COPY is not a query\. .*store's tables"):
        one.sql("COPY (SELECT 1) TO 'x.csv'")
    with pytest.raises(StatementRefused, match=r"read_csv\(\) reads more"):
        one.sql("SELECT * FROM read_csv('x')")
    with pytest.raises(StatementRefused, match=r"PIVOT … ON column IN"):
        one.sql("PIVOT slice ON name")


@pytest.mark.parametrize("wall", ["SELECT * FROM read_csv('{secret}')", "SELECT * FROM '{link}'",
                                  "COPY (SELECT 1) TO '{folder}/made.csv'", "SET threads = 1",
                                  "INSTALL httpfs",
                                  "SELECT * FROM '{linked_folder}/x.parquet'"])  # fmt: skip
def test_the_second_wall_stands_alone(places, wall: str) -> None:
    """The engine itself refuses, should a statement get past the first wall."""
    import duckdb

    from traceql.query import guard

    connection = duckdb.connect()
    guard.lock(connection, [places["store"] / "traces"])
    with pytest.raises(duckdb.Error):
        connection.execute(wall.format(**places)).fetchall()
    connection.close()


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        (
            "SELECT count(*) AS n, sum(dur) AS kind FROM slice GROUP BY ALL ORDER BY kind",
            False,
        ),
        ("SELECT s FROM slice s", True),
        ("SELECT slice FROM slice", True),
        ("WITH w AS (SELECT ts AS w FROM slice) SELECT w FROM w", False),
        ("WITH slice AS (SELECT slice FROM slice) SELECT 1 FROM slice", True),
        ("SELECT t.* FROM track t JOIN (SELECT 1 AS id) q USING (id)", True),
        ("SELECT q.* FROM track t JOIN (SELECT 1 AS id) q ON q.id = t.id", False),
        ("SELECT range.* FROM range(3)", True),
        ("SELECT args FROM slice", True),
    ],
)
def test_args_are_asked_for_by_name_by_star_or_by_row(query, asked):
    assert guard.examine(duckdb.connect(), query).asks_args is asked
