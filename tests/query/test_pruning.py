"""A query that names its traces opens only their files, and answers the same."""

from __future__ import annotations

import json

import duckdb
import pytest

from traceql.query.pruning import wanted_traces


def wanted(text: str):
    row = duckdb.sql("SELECT json_serialize_sql($1::VARCHAR)", params=[text]).fetchall()[0]
    return wanted_traces(json.loads(row[0])["statements"])


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("trace = 'a'", {"a"}),
        ("'a' = s.trace", {"a"}),
        ("dur > 3 AND trace IN ('a', 'b') AND name = 'x'", {"a", "b"}),
        ("trace = 'a' AND trace IN ('b', 'c')", set()),
        ("trace = 'a' OR dur > 3", None),
        ("NOT trace = 'a'", None),
        ("trace <> 'a'", None),
        ("trace = name", None),
        ("trace = 5", None),
        ("trace NOT IN ('a')", None),
        ("other.trace = 'a'", None),
        ("trace = 'a' AND id IN (SELECT id FROM slice)", None),
    ],
)
def test_only_what_is_certain_counts(where: str, expected) -> None:
    found = wanted(f"SELECT * FROM slice s WHERE {where}")

    assert found == (None if expected is None else frozenset(expected))


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM slice s JOIN thread t ON true WHERE s.trace = 'a'",
        "WITH x AS (SELECT * FROM slice) SELECT * FROM x WHERE trace = 'a'",
        "SELECT * FROM slice WHERE trace = 'a' UNION ALL SELECT * FROM slice",
        "SELECT * FROM (SELECT * FROM slice) WHERE trace = 'a'",
    ],
)
def test_other_shapes_are_left_alone(text: str) -> None:
    assert wanted(text) is None


@pytest.mark.parametrize("names", [["b"], ["c"], ["a", "c"], ["nothing"]])
def test_the_answer_is_the_same(three, names) -> None:
    listed = ", ".join(f"'{name}'" for name in names)
    for view in ("slice", "thread_slice", "counter", "trace_bounds", "finding", "iteration"):
        pruned = three.sql(f"SELECT * FROM {view} WHERE trace IN ({listed})").fetchall()
        whole = three.sql(
            f"SELECT * FROM (SELECT * FROM {view}) WHERE trace IN ({listed})"
        ).fetchall()
        assert sorted(map(repr, pruned)) == sorted(map(repr, whole))


def test_other_files_are_not_opened(three, traces) -> None:
    answer = three.sql("EXPLAIN SELECT sum(dur) FROM slice WHERE trace = 'b'")
    assert "READ_PARQUET" in answer.fetchall()[0][1]

    moved = traces[2].path.with_name("away")
    traces[2].path.rename(moved)
    try:
        assert three.sql("SELECT count(*) FROM slice WHERE trace = 'b'").fetchall() == [(6,)]
    finally:
        moved.rename(traces[2].path)
