"""The session of the dialect: what lasts, where errors point, modules, answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from traceql.errors import QueryError, SqlError, UnknownName
from traceql.query.perfetto.session import PerfettoSession
from traceql.query.perfetto.tokens import split, tokenize, written

if TYPE_CHECKING:
    from pathlib import Path

    from store_builder import BuiltStore, BuiltTrace


@pytest.fixture
def perfetto(store: BuiltStore, traces: list[BuiltTrace]) -> Iterator[PerfettoSession]:
    with PerfettoSession(traces[:1], store=store) as session:
        yield session


def test_what_a_text_makes_lasts(perfetto) -> None:
    perfetto.sql("CREATE PERFETTO TABLE t AS SELECT 1 AS x")
    perfetto.sql("CREATE PERFETTO MACRO two() RETURNS Expr AS 2")
    assert perfetto.sql("SELECT x + two!() AS y FROM t").fetchall() == [(3,)]


def test_an_answer_outlives_the_next_text(perfetto) -> None:
    perfetto.sql("CREATE TABLE t(x INT); INSERT INTO t VALUES (1)")
    first = perfetto.sql("SELECT x FROM t")
    second = perfetto.sql("INSERT INTO t VALUES (2); SELECT x FROM t")
    assert first.fetchall() == [(1,)]
    assert second.fetchall() == [(1,), (2,)]


def test_a_reader_may_stop_early(perfetto) -> None:
    rows = perfetto.sql("SELECT id FROM slice").rows(2)
    assert next(rows) == [(0,), (1,)]
    assert perfetto.sql("SELECT 1 AS x").fetchall() == [(1,)]


def test_columns_without_a_name_have_their_text(perfetto) -> None:
    answer = perfetto.sql("SELECT COUNT(*), max(dur) , dur/2 AS h, name FROM slice")
    assert answer.columns == ("COUNT(*)", "max(dur)", "h", "name")


def test_a_text_without_rows_answers_nothing(perfetto) -> None:
    assert perfetto.sql("CREATE TABLE t AS SELECT 1 AS x").fetchall() == []


def test_parameters(perfetto) -> None:
    answer = perfetto.sql("SELECT id FROM slice WHERE dur > $least", {"least": 199})
    assert answer.fetchall() == [(0,), (1,)]


@pytest.mark.parametrize(
    ("text", "kind", "line", "column", "says"),
    [
        ("SELECT 1;\nSELECT nam FROM slice", UnknownName, 2, 8, "name"),
        ("SELECT 1;\nSELECT *\n  FROM slicee", UnknownName, 3, 8, "slice"),
        ("SELECT\n foo!(1)", UnknownName, 2, 2, "no macro named 'foo!'"),
        ("SELECT foo(1)", UnknownName, 1, 8, "no function named 'foo'"),
        ("SELECT 'open", SqlError, 1, 8, "not closed"),
        ("SELECT 1;\nSELECT a b c FROM slice", SqlError, 2, 12, "Unexpected"),
        ("INCLUDE PERFETTO MODULE android.startup.startups", UnknownName, 1, 25, "no module"),
        ("CREATE PERFETTO MACRO m(a E) RETURNS E AS $a;\nSELECT m!()", SqlError, 2, 8, "takes 1"),
        ("CREATE PERFETTO MACRO m() RETURNS Expr AS m!();\nSELECT m!()", SqlError, 1, 43, "end"),
        ("CREATE VIRTUAL TABLE w USING window", SqlError, 1, 30, "window"),
        ("CREATE TABLE t AS SELECT 1 AS x;\nCREATE TABLE t AS SELECT 2", SqlError, 2, 1, "already"),
        ("CREATE PERFETTO FUNCTION f() RETURNS INT AS\nSELECT x FROM flow", UnknownName, 2, 8, "x"),
        ("HELLO", SqlError, 1, 1, "HELLO"),
    ],
)  # fmt: skip
def test_errors_point_into_the_text(perfetto, text, kind, line, column, says) -> None:
    with pytest.raises(kind) as caught:
        perfetto.sql(text)
    assert says in str(caught.value)
    assert (caught.value.line, caught.value.column) == (line, column)


def test_an_error_leaves_the_session_whole(perfetto) -> None:
    with pytest.raises(QueryError):
        perfetto.sql("CREATE TABLE t AS SELECT 1 AS x; SELECT nothere FROM t")
    assert perfetto.sql("SELECT x FROM t").fetchall() == [(1,)]


def test_modules_of_the_user(store, traces, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "one.sql").write_text(
        "INCLUDE PERFETTO MODULE mine.two;\nCREATE PERFETTO TABLE one AS SELECT two!() AS x;"
    )
    (folder / "two.sql").write_text("CREATE PERFETTO MACRO two() RETURNS Expr AS 2;")
    for packages, name in (([folder], "mine.deep.one"), ([tmp_path], "mine.deep.*")):
        with PerfettoSession(traces[:1], store=store, packages=packages) as session:
            text = (
                f"INCLUDE PERFETTO MODULE {name}; INCLUDE PERFETTO MODULE {name}; SELECT x FROM one"
            )
            assert session.sql(text).fetchall() == [(2,)]


def test_an_error_in_a_module_points_at_its_include(store, traces, tmp_path: Path) -> None:
    (tmp_path / "bad.sql").write_text("SELECT 1;\n\n\nSELECT nothere FROM slice")
    with PerfettoSession(traces[:1], store=store, packages=[tmp_path]) as session:
        with pytest.raises(UnknownName) as caught:
            session.sql("SELECT 1;\nINCLUDE PERFETTO MODULE bad;")
        assert caught.value.line == 2


def test_native_views_keep_their_division(perfetto) -> None:
    """The dialect's division is for its own text: the library's stays as it was written."""
    import statistics

    rows = perfetto.sql("SELECT time_to_us(1999) AS x, 1999 / 1000 AS y").fetchall()
    assert rows == [(1, 1)]
    assert statistics.mean([1, 2]) == 1.5


def test_several_traces(store, traces) -> None:
    with PerfettoSession(traces, store=store) as session:
        rows = session.sql("SELECT trace, COUNT(*) AS n FROM slice GROUP BY trace").fetchall()
    assert rows == [("a", 6), ("b", 6), ("c", 6)]


@given(st.text(alphabet="ab1 '\"`;(),.-+*/|<>=!$\n", max_size=40))
def test_tokens_are_found_again(text: str) -> None:
    try:
        tokens = tokenize(text)
    except SqlError:
        return
    for token in tokens:
        assert text[token.place : token.place + len(token.text)] == token.text
    again = [t.text for t in tokenize(written(tokens))]
    assert again == [t.text for t in tokens]
    assert not any(t.text == ";" for part in split(tokens) for t in part)


SPANS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 6), st.integers(0, 5)), max_size=7)


def _apart(spans: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Make spans of (part, gap, dur) that do not overlap in a part: (part, ts, dur)."""
    ends: dict[int, int] = {}
    out = []
    for part, gap, dur in spans:
        ts = ends.get(part, 0) + gap
        out.append((part, ts, dur))
        ends[part] = ts + max(dur, 1)
    return out


def _values(spans: list[tuple[int, int, int]]) -> str:
    rows = ", ".join(f"({p}, {ts}, {dur}, {i})" for i, (p, ts, dur) in enumerate(spans))
    return f"SELECT column1 AS p, column2 AS ts, column3 AS dur, column4 AS n FROM (VALUES {rows})"


@settings(max_examples=40)
@given(SPANS, SPANS)
def test_span_outer_join_covers_each_instant(store, traces, a, b) -> None:
    """Instant by instant: which span of a, which of b, as the definition says."""
    left, right = _apart(a), _apart(b)
    if not left or not right:
        return
    expected: dict[tuple[int, int], tuple[int | None, int | None]] = {}
    for place, spans in enumerate((left, right)):
        for n, (part, ts, dur) in enumerate(spans):
            for t in range(ts, ts + dur):
                pair = list(expected.get((part, t), (None, None)))
                pair[place] = n
                expected[part, t] = (pair[0], pair[1])
    with PerfettoSession(traces[:1], store=store) as session:
        rows = session.sql(
            f"CREATE TABLE a AS {_values(left)}; CREATE TABLE b AS SELECT p, ts, dur, n AS m "
            f"FROM ({_values(right)}); CREATE VIRTUAL TABLE sp USING "
            "SPAN_OUTER_JOIN(a PARTITIONED p, b PARTITIONED p); SELECT p, ts, dur, n, m FROM sp"
        ).fetchall()
    found: dict[tuple[int, int], tuple[int | None, int | None]] = {}
    for part, ts, dur, n, m in rows:
        for t in range(ts, ts + dur):
            assert (part, t) not in found
            found[part, t] = (n, m)
    assert found == expected
    assert [row[:2] for row in rows] == sorted(row[:2] for row in rows)
    instants = {(p, ts) for p, ts, dur in left if dur == 0}
    assert instants <= {(p, ts) for p, ts, dur, *_ in rows}
