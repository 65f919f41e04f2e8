"""A query that names its traces or its time opens only the files it needs, and answers the same."""

from __future__ import annotations

import json

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from traceql.query.pruning import Need, first_rows, needs
from traceql.query.session import Session


def needed(text: str, parameters=None):
    row = duckdb.sql("SELECT json_serialize_sql($1::VARCHAR)", params=[text]).fetchall()[0]
    return needs(json.loads(row[0])["statements"], parameters)


def wanted(text: str, parameters=None):
    found = needed(text, parameters)
    return None if found is None else frozenset.union(*(need.traces for need in found))


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
        ("trace = 'a' AND id IN (SELECT id FROM slice WHERE trace = 'b')", {"a", "b"}),
        ("trace = 'a' AND ts > trace_start()", {"a"}),
        ("trace = 'a' AND extract_arg(arg_set_id, 'x') = '1'", {"a"}),
        ("trace = 'a' AND extract_arg(8, 'x') = '1'", None),
    ],
)
def test_only_what_is_certain_counts(where: str, expected) -> None:
    found = wanted(f"SELECT * FROM slice s WHERE {where}")

    assert found == (None if expected is None else frozenset(expected))


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM slice s JOIN thread t ON true WHERE s.trace = 'a'",
        "SELECT * FROM slice s JOIN thread t USING (utid) WHERE s.trace = 'a'",
        "SELECT * FROM slice s LEFT JOIN thread t ON t.trace = 'a'",
        "SELECT * FROM slice s FULL JOIN thread t USING (trace) WHERE trace = 'a'",
        (
            "SELECT * FROM slice s ASOF JOIN counter c ON s.ts >= c.ts AND s.trace = c.trace "
            "WHERE s.trace = 'a'"
        ),
        "SELECT * FROM slice s ANTI JOIN thread t USING (trace) WHERE s.trace = 'a'",
        "SELECT * FROM slice s (trace, x) WHERE trace = 'a'",
        "SELECT * FROM slice TABLESAMPLE 10% WHERE trace = 'a'",
        "WITH x AS (SELECT * FROM slice) SELECT * FROM x WHERE trace = 'a'",
        "WITH slice AS (SELECT 'a' AS trace) SELECT * FROM slice WHERE trace = 'a'",
        "SELECT * FROM slice WHERE trace = 'a' UNION ALL SELECT * FROM slice",
        "SELECT * FROM (SELECT * FROM slice) WHERE trace = 'a'",
        "SELECT *, (SELECT count(*) FROM slice) FROM slice WHERE trace = 'a'",
        "SELECT * FROM slice, interval_union(slice, ts, dur) WHERE trace = 'a'",
        "DESCRIBE slice",
        "SELECT 1",
    ],
)
def test_other_shapes_are_left_alone(text: str) -> None:
    assert needed(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT * FROM slice JOIN thread USING (utid, trace) WHERE trace = 'a'", {"a"}),
        ("SELECT * FROM slice s JOIN thread t USING (trace) WHERE t.trace = 'a'", {"a"}),
        (("SELECT * FROM slice s LEFT JOIN track t ON s.track_id = t.id AND s.trace = t.trace "
         "WHERE s.trace = 'a'"), {"a"}),
        (("SELECT * FROM slice s, track t, thread u WHERE s.trace = t.trace AND t.trace = u.trace "
         "AND u.trace IN ('a', 'b')"), {"a", "b"}),
        (("SELECT * FROM slice s JOIN track t ON s.track_id = t.id "
         "WHERE s.trace = 'a' AND t.trace = 'b'"), {"a", "b"}),
        ("SELECT * FROM slice WHERE trace = 'a' UNION ALL SELECT * FROM slice WHERE trace = 'b'",
         {"a", "b"}),
        ("WITH x AS (SELECT * FROM slice WHERE trace = 'a') SELECT x.* FROM x, range(3)", {"a"}),
        (("SELECT * FROM slice s JOIN (SELECT id FROM slice WHERE trace = 'b') t USING (id) "
         "WHERE s.trace = 'a'"), {"a", "b"}),
    ],
)  # fmt: skip
def test_traces_pass_through_joins_and_subqueries(text: str, expected: set[str]) -> None:
    assert wanted(text) == expected


def test_parameters_count_by_their_values() -> None:
    text = "SELECT * FROM slice WHERE trace IN ($a, $b)"
    assert wanted(text, {"a": "x", "b": "y"}) == {"x", "y"}
    assert wanted(text, {"a": "x"}) is None
    assert wanted(text, {"a": "x", "b": 3}) is None
    assert wanted("SELECT * FROM slice WHERE dur > ? AND trace = ?", [1, "x"]) == {"x"}
    assert wanted("SELECT * FROM slice WHERE trace = ?", []) is None


@pytest.mark.parametrize(
    ("where", "window"),
    [
        ("ts BETWEEN 5 AND 9", (5, 9)),
        ("ts >= -5 AND s.ts < 9 AND ts < $t", (-5, 7)),
        ("3 <= ts AND ts < 9", (3, 9)),
        ("ts = 4", (4, 4)),
        ("ts > 4.5 AND ts < 9", (-(1 << 63), 9)),
        ("ts > 4 OR ts < 3", None),
        ("ts + dur > 4", None),
        ("thread_ts > 4", None),
        ("ts > dur", None),
    ],
)
def test_windows(where: str, window) -> None:
    expected = None if window is None else (Need(None, window),)

    assert needed(f"SELECT * FROM slice s WHERE {where}", {"t": 7}) == expected
    assert needed(f"SELECT * FROM iteration s WHERE {where}", {"t": 7}) is None


@pytest.mark.parametrize(
    ("window", "taken"),
    [((0, 9), False), ((0, 10), True), ((20, 30), True), ((21, 30), False), ((12, 13), True)],
)
def test_a_window_takes_the_traces_it_touches(window, taken) -> None:
    assert Need(None, window).takes("a", lambda: (10, 20)) is taken
    assert not Need(None, window).takes("a", lambda: None)
    assert not Need(frozenset("b"), window).takes("a", lambda: (10, 20))


COLUMNS = ("s.trace", "t.trace")
CONDITIONS = st.one_of(
    st.builds("{} = '{}'".format, st.sampled_from(COLUMNS), st.sampled_from("abx")),
    st.builds("{} IN ('{}', 'b')".format, st.sampled_from(COLUMNS), st.sampled_from("abc")),
    st.builds("s.ts {} {}".format, st.sampled_from(["<", ">=", "="]), st.integers(900, 3500)),
    st.builds("s.ts BETWEEN {0} AND {0} + 600".format, st.integers(900, 3500)),
    st.just("s.trace = t.trace"),
    st.just("s.name <> 'op'"),
)
JOINS = ("JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "SEMI JOIN")
ON = ("s.track_id = t.id", "s.trace = t.trace", "s.depth = t.id", "t.trace = 'a'")


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50
)
@given(
    where=st.lists(CONDITIONS, min_size=1, max_size=3).map(" AND ".join),
    join=st.sampled_from(JOINS),
    on=st.lists(st.sampled_from(ON), min_size=1, max_size=2).map(" AND ".join),
)
def test_any_join_answers_the_same(three, where: str, join: str, on: str) -> None:
    if join == "SEMI JOIN" and "t." in where:
        return
    text = f"FROM slice s {join} track t ON {on} WHERE {where}"
    columns = "s.*" if join == "SEMI JOIN" else "s.*, t.*"

    pruned = three.sql(f"SELECT {columns} {text}").fetchall()
    whole = three.sql(
        f"SELECT {columns} {text.replace('slice s', '(FROM slice) s')} "
        "AND (SELECT count(*) FROM thread) > 0"
    ).fetchall()
    assert sorted(map(repr, pruned)) == sorted(map(repr, whole))


@pytest.mark.parametrize("names", [["b"], ["c"], ["a", "c"], ["nothing"]])
def test_the_answer_is_the_same(three, names) -> None:
    listed = ", ".join(f"'{name}'" for name in names)
    for view in ("slice", "thread_slice", "counter", "trace_bounds", "finding", "iteration"):
        pruned = three.sql(f"SELECT * FROM {view} WHERE trace IN ({listed})").fetchall()
        whole = three.sql(
            f"SELECT * FROM (SELECT * FROM {view}) WHERE trace IN ({listed})"
        ).fetchall()
        assert sorted(map(repr, pruned)) == sorted(map(repr, whole))


@pytest.mark.parametrize("view", ["slice", "counter", "thread_state", "gpu_slice", "sched"])
def test_a_window_answers_the_same(three, view: str) -> None:
    for first in range(500, 4000, 250):
        pruned = three.sql(f"SELECT * FROM {view} WHERE ts BETWEEN {first} AND {first + 400}")
        whole = three.sql(f"SELECT * FROM {view} WHERE ts + 0 BETWEEN {first} AND {first + 400}")
        assert sorted(map(repr, pruned.fetchall())) == sorted(map(repr, whole.fetchall()))


def test_other_files_are_not_opened(three, traces) -> None:
    answer = three.sql("EXPLAIN SELECT sum(dur) FROM slice WHERE trace = 'b'")
    assert "READ_PARQUET" in answer.fetchall()[0][1]

    moved = traces[2].path.with_name("away")
    traces[2].path.rename(moved)
    try:
        assert three.sql("SELECT count(*) FROM slice WHERE trace = 'b'").fetchall() == [(6,)]
        for where in ("trace = $1", "ts BETWEEN 2000 AND 2500 AND trace < $1"):
            query = f"SELECT count(*) FROM slice WHERE {where}"
            assert three.sql(query, ["b" if "$1" in where[:12] else "z"]).fetchall() == [(6,)]
    finally:
        moved.rename(traces[2].path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT * FROM slice LIMIT 10", ("slice", 10)),
        ("SELECT name, 1 FROM main.slices s LIMIT 5 OFFSET 2", ("slice", 7)),
        ("SELECT * FROM thread LIMIT 0", ("thread", 0)),
        ("SELECT * FROM slice", None),
        ("SELECT * FROM slice ORDER BY ts LIMIT 10", None),
        ("SELECT DISTINCT name FROM slice LIMIT 10", None),
        ("SELECT * FROM slice WHERE dur > 3 LIMIT 10", None),
        ("SELECT count(*) FROM slice LIMIT 10", None),
        ("SELECT unnest([1, 2]), id FROM slice LIMIT 10", None),
        ("SELECT * FROM slice, thread LIMIT 10", None),
        ("SELECT * FROM gpu_kernel LIMIT 10", None),
        ("SELECT * FROM slice LIMIT 10 PERCENT", None),
        ("SELECT * FROM slice LIMIT (SELECT 3)", None),
        ("WITH slice AS (SELECT 1) SELECT * FROM slice LIMIT 10", None),
        ("SELECT * FROM slice LIMIT 10; SELECT 1", None),
        ("SELECT * FROM slice GROUP BY ALL LIMIT 10", None),
        ("SELECT * REPLACE ((SELECT max(dur) FROM slice) AS dur) FROM slice LIMIT 10", None),
        ("SELECT COLUMNS(c -> c LIKE 'd%') FROM slice LIMIT 10", None),
    ],
)
def test_first_rows_are_told_from_other_queries(text: str, expected) -> None:
    row = duckdb.sql("SELECT json_serialize_sql($1::VARCHAR)", params=[text]).fetchall()[0]

    assert first_rows(json.loads(row[0])["statements"]) == expected


@pytest.mark.parametrize("size", [0, 1, 3, 10_000])
def test_first_rows_open_few_files(store, traces, size: int) -> None:
    with Session(traces, store=store) as session:
        found = session.sql(f"SELECT id, name, trace FROM slice LIMIT {size}").fetchall()
        whole = session.sql("SELECT id, name, trace FROM slice WHERE id >= 0").fetchall()

        assert len(found) == min(size, len(whole))
        assert set(found) <= set(whole)
        assert (session._pruned is not None) == (size < len(whole))
