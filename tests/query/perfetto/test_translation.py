"""The translation for large traces gives the rows of SQLite: random queries, asked of both."""

from __future__ import annotations

import math
import re
import sqlite3
import warnings
from typing import TYPE_CHECKING, Any

import sqlglot
from hypothesis import given, settings
from hypothesis import strategies as st

from traceql.query.perfetto import meaning, ranges
from traceql.query.perfetto.session import PerfettoSession

if TYPE_CHECKING:
    from store_builder import BuiltStore, BuiltTrace

INTEGERS = st.none() | st.integers(-9, 9)
REALS = st.none() | st.sampled_from([-2.5, -1.0, 0.0, 0.5, 3.25, 7.0])
TEXTS = st.none() | st.sampled_from(["", "a", "A", "ab", "abc", "b%", "Zz", "a_b"])
ROWS = st.lists(st.tuples(INTEGERS, INTEGERS, REALS, TEXTS), min_size=1, max_size=7)

NUMBER_LEAVES = st.sampled_from(["a", "b", "a", "b", "1", "2", "-3", "0", "7"])
TEXT_LEAVES = st.sampled_from(["c", "c", "c", "'a'", "'AB'", "''"])
PATTERNS = st.sampled_from(["'a%'", "'A_'", "'%b%'", "''", "'_'"])
GLOBS = st.sampled_from(["'a*'", "'A?'", "'*b*'", "'[a-b]*'", "''"])


def _numbers(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    two = st.tuples(inner, inner)
    return st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "%"]), inner).map(
            lambda p: f"({p[0]} {p[1]} {p[2]})"
        ),
        two.map(lambda p: f"coalesce({p[0]}, {p[1]})"),
        two.map(lambda p: f"ifnull({p[0]}, {p[1]})"),
        two.map(lambda p: f"nullif({p[0]}, {p[1]})"),
        two.map(lambda p: f"max({p[0]}, {p[1]})"),
        two.map(lambda p: f"min({p[0]}, {p[1]})"),
        two.map(lambda p: f"iif({p[0]} > {p[1]}, {p[0]}, {p[1]})"),
        two.map(lambda p: f"({p[0]} < {p[1]})"),
        two.map(lambda p: f"({p[0]} IS NOT {p[1]})"),
        inner.map(lambda p: f"abs({p})"),
        inner.map(lambda p: f"CAST({p} + 0.75 AS INT)"),
        inner.map(lambda p: f"({p} IS NULL)"),
        inner.map(lambda p: f"({p} BETWEEN -2 AND 3)"),
        inner.map(lambda p: f"CASE WHEN {p} THEN 1 ELSE 0 END"),
        st.tuples(TEXT_LEAVES, PATTERNS).map(lambda p: f"({p[0]} LIKE {p[1]})"),
        st.tuples(TEXT_LEAVES, GLOBS).map(lambda p: f"({p[0]} GLOB {p[1]})"),
        TEXT_LEAVES.map(lambda t: f"length({t})"),
        TEXT_LEAVES.map(lambda t: f"instr({t}, 'b')"),
        st.tuples(TEXT_LEAVES, TEXT_LEAVES).map(lambda p: f"({p[0]} <= {p[1]})"),
    )


def _texts(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(inner, inner).map(lambda p: f"({p[0]} || {p[1]})"),
        inner.map(lambda p: f"upper({p})"),
        inner.map(lambda p: f"lower({p})"),
        inner.map(lambda p: f"trim({p})"),
        inner.map(lambda p: f"replace({p}, 'a', 'xy')"),
        st.tuples(inner, st.integers(1, 3), st.integers(0, 3)).map(
            lambda p: f"substr({p[0]}, {p[1]}, {p[2]})"
        ),
        st.tuples(inner, inner).map(lambda p: f"coalesce({p[0]}, {p[1]})"),
        st.tuples(inner, inner).map(lambda p: f"iif(a > b, {p[0]}, {p[1]})"),
    )


NUMBER = st.recursive(NUMBER_LEAVES, _numbers, max_leaves=5)
TEXT = st.recursive(TEXT_LEAVES, _texts, max_leaves=3)
AGGREGATE = st.one_of(
    NUMBER.map(lambda e: f"SUM({e})"),
    NUMBER.map(lambda e: f"TOTAL({e})"),
    NUMBER.map(lambda e: f"MIN({e})"),
    NUMBER.map(lambda e: f"MAX({e})"),
    NUMBER.map(lambda e: f"COUNT({e})"),
    NUMBER.map(lambda e: f"COUNT(DISTINCT {e})"),
    NUMBER.map(lambda e: f"AVG({e})"),
    NUMBER.map(lambda e: f"SUM(a) FILTER (WHERE {e} > 0)"),
    st.just("COUNT(*)"),
)
WINDOW = st.sampled_from([
    "ROW_NUMBER() OVER (ORDER BY a, k)",
    "RANK() OVER (PARTITION BY b ORDER BY a)",
    "LAG(a) OVER (ORDER BY k)",
    "LEAD(c, 1, 'none') OVER (PARTITION BY b ORDER BY k)",
    "SUM(a) OVER (ORDER BY k ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)",
    "COUNT(*) OVER (ORDER BY a)",
    "MAX(d) OVER (PARTITION BY b)",
    "FIRST_VALUE(c) OVER (PARTITION BY b ORDER BY a, k)",
])  # fmt: skip
ORDER = st.sampled_from(
    [
        "",
        " ORDER BY a, k",
        " ORDER BY c DESC, k",
        " ORDER BY d, b DESC, k",
        " ORDER BY k LIMIT 3",
        " ORDER BY a DESC, k LIMIT 2 OFFSET 1",
    ]
)

PLAIN = st.tuples(st.lists(NUMBER | TEXT | WINDOW, min_size=1, max_size=3), NUMBER, ORDER).map(
    lambda p: f"SELECT k, {', '.join(p[0])} FROM t WHERE {p[1]} OR k < 3{p[2]}"
)
GROUPED = st.tuples(
    st.sampled_from(["b", "c", "a % 2", "b, c"]), st.lists(AGGREGATE, min_size=1, max_size=3)
).map(lambda p: f"SELECT {p[0]}, {', '.join(p[1])} FROM t GROUP BY {p[0]} ORDER BY {p[0]}")
TOTALS = st.lists(AGGREGATE, min_size=1, max_size=3).map(lambda p: f"SELECT {', '.join(p)} FROM t")
COMBINED = st.tuples(NUMBER, st.sampled_from(["UNION", "EXCEPT", "INTERSECT"]), NUMBER).map(
    lambda p: f"SELECT {p[0]} FROM t {p[1]} SELECT {p[2]} FROM t"
)
JOINED = st.sampled_from(["JOIN", "LEFT JOIN"]).map(
    lambda j: f"SELECT x.k, y.k, y.c FROM t x {j} t y ON x.a = y.b ORDER BY x.k, y.k"
)


def _literal(value: Any) -> str:
    return "NULL" if value is None else f"'{value}'" if isinstance(value, str) else repr(value)


def _values(rows: list[Any]) -> str:
    # The first rows fix the type of each column, which SQLite does not need.
    listed = ", ".join(
        f"({k}, {', '.join(map(_literal, row))})" for k, row in enumerate([(1, 2, 0.5, "q"), *rows])
    )
    return f"WITH t(k, a, b, d, c) AS (VALUES {listed}) "


def _same(one: list[Any], two: list[Any]) -> bool:
    return len(one) == len(two) and all(
        (isinstance(x, str) or x is None) == (isinstance(y, str) or y is None)
        and (x == y or (isinstance(x, float) and math.isclose(x, y, abs_tol=1e-9)))
        for left, right in zip(one, two, strict=True)
        for x, y in zip(left, right, strict=True)
    )


@settings(max_examples=60, deadline=None)
@given(ROWS, st.one_of(PLAIN, PLAIN, GROUPED, TOTALS, COMBINED, JOINED))
def test_random_queries(store: BuiltStore, traces: list[BuiltTrace], rows, query: str) -> None:
    sql = _values(rows) + query
    expected = sqlite3.connect(":memory:").execute(sql).fetchall()

    with PerfettoSession(traces[:1], store=store) as session:
        engine = session._started()
        engine.exact.is_wanted = False
        engine.asked = lambda *_: None  # type: ignore[method-assign]
        engine.otherwise = _raise  # type: ignore[method-assign]
        found = session.sql(sql).fetchall()

    assert _same(found, expected), (found, expected)


CLASSES = st.text("ab[]^-!*?0", min_size=1, max_size=6).map(lambda text: f"[{text}")


@settings(max_examples=200, deadline=None)
@given(CLASSES, st.text("ab[^-!0", max_size=3))
def test_classes_of_glob(pattern: str, text: str) -> None:
    """As SQLite has them, but for ranges that go backwards, which the engine refuses."""
    expected = sqlite3.connect(":memory:").execute("SELECT ? GLOB ?", (text, pattern)).fetchone()
    regular = meaning.regular(pattern).replace(r"[^\x00-\x{10FFFF}]", "(?!)")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        try:
            found = re.fullmatch(regular, text, re.DOTALL) is not None
        except re.error:
            return
    assert (int(found),) == expected


def test_the_two_ends_of_an_overlap_are_what_joins() -> None:
    """The engine may choose only between conditions that bound each other."""
    overlap = "a.ts < b.ts + b.dur AND b.ts < a.ts + a.dur"
    for text in (f"{overlap} AND a.id < b.id", f"a.id < b.id AND {overlap}"):
        tree = sqlglot.parse_one(f"SELECT 1 FROM s AS a JOIN s AS b ON {text}")
        ranges.apply(tree)
        sql = tree.sql()
        assert "CASE WHEN a.id < b.id THEN TRUE ELSE FALSE END" in sql
        assert sql.count("CASE") == 1

    for text in (overlap, f"a.k = b.k AND {overlap} AND a.id < b.id"):
        tree = sqlglot.parse_one(f"SELECT 1 FROM s AS a JOIN s AS b ON {text}")
        ranges.apply(tree)
        assert "CASE" not in tree.sql()


def _raise(*given: Any) -> Any:
    raise given[-1]
