"""Kernels through SQL: groups, threads, names, limits, errors."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from traceql.errors import LimitReached, QueryError, SqlError, StatementRefused
from traceql.query import library, relations
from traceql.query.session import Session


@pytest.fixture
def nowhere(store):
    with Session([], store=store) as session:
        yield session


def rows_in(values, columns):
    listed = ", ".join(
        "(" + ", ".join("NULL" if v is None else str(v) for v in row) + ")" for row in values
    )
    return f"WITH t({columns}) AS (VALUES {listed}) "


def test_every_kernel_of_the_library_is_declared() -> None:
    called = {n for o in library.objects() for n in library.needs(o) if n.startswith("__k_")}

    assert called == set(relations.kernels())


@pytest.mark.parametrize(
    "call",
    [
        "interval_union(t, k)",
        "interval_merge_overlapping(t, 0)",
        "interval_merge_overlapping_partitioned(t, k)",
        "interval_gaps(t, k)",
        "interval_flatten(t, k)",
        "interval_depth(t, k)",
        "interval_self_intersect(t)",
        "interval_intersect(t, t, k)",
        "intervals_overlap_count(t, ts, dur)",
        "intervals_overlap_count_by_group(t, ts, dur, k)",
        "span_join(t, k, t, k)",
        "span_outer_join(t, k, t, k)",
    ],
)
@pytest.mark.parametrize("where", ["false", "ts IS NULL"])
def test_no_rows_give_no_rows(nowhere, call: str, where: str) -> None:
    given = rows_in([(1, 2, 3, 4), (1, None, 3, 4)], "id, ts, dur, k")
    text = f"{given}, u AS (SELECT * FROM t WHERE {where}) SELECT * FROM {call}"

    assert nowhere.sql(text.replace("(t", "(u").replace(" t,", " u,")).fetchall() == []


@pytest.mark.parametrize("name", ["intervals", "key", "__tq_k", "ts", "t", "slice"])
def test_tables_of_any_name_are_taken(nowhere, name: str) -> None:
    text = (
        f'WITH "{name}" AS (SELECT 1 AS ts, 2 AS dur, 3 AS key) '
        f'SELECT * FROM interval_union("{name}", key)'
    )

    assert nowhere.sql(text).fetchall() == [(3, 1, 2)]


def test_calls_nest_and_read_views(one) -> None:
    text = (
        "WITH u AS (SELECT ts, dur, key FROM interval_union(slice_closed, track_id)), "
        "g AS (SELECT ts, dur, key FROM interval_gaps(u, key)) "
        "SELECT key, sum(dur) FROM interval_union(g, key) GROUP BY key"
    )

    assert one.sql(text).fetchall() == [(1, 210)]


def test_text_is_refused_with_the_engines_words(nowhere) -> None:
    with pytest.raises(SqlError, match="Could not convert string"):
        nowhere.sql(
            "WITH t AS (SELECT 'x' AS ts, 1 AS dur) SELECT * FROM interval_union(t, 0)"
        ).fetchall()


def test_a_kernels_complaint_is_an_sql_error(nowhere) -> None:
    text = rows_in([(1, 2, 0), (2, 1, 0)], "id, parent_id, value") + "SELECT * FROM tree_totals(t)"

    with pytest.raises(SqlError, match=r"^parents go round in a circle$"):
        nowhere.sql(text).fetchall()


def test_an_option_is_checked(nowhere) -> None:
    text = rows_in([(1, 2)], "ts, dur") + "SELECT * FROM interval_merge_overlapping(t, -5)"

    with pytest.raises(QueryError, match="epsilon -5 is negative"):
        nowhere.sql(text).fetchall()


ONE_KEY = (
    "WITH t AS (SELECT i AS id, i * 10 AS ts, 5 + i % 7 AS dur FROM range({rows}) r(i)) "
    "SELECT count(*) FROM {call}"
)


@pytest.mark.parametrize(
    "call",
    [
        "interval_union(t, 0)",
        "interval_depth(t, 0)",
        "intervals_overlap_count(t, ts, dur)",
        "interval_intersect(t, t, 0)",
        "span_join(t, 0, t, 0)",
    ],
)
def test_the_memory_limit_is_named(store, call: str) -> None:
    with (
        Session([], store=store, memory_limit_bytes=100_000_000) as session,
        pytest.raises(LimitReached, match="--memory-limit"),
    ):
        session.sql(ONE_KEY.format(rows=3_000_000, call=call)).fetchall()


@pytest.mark.fuzz
def test_one_large_key_works_or_says_so(store) -> None:
    """20 M rows; 100 M took 28 s and 10 GB."""
    text = ONE_KEY.format(rows=20_000_000, call="interval_union(t, 0)")
    with Session([], store=store, memory_limit_bytes=4_000_000_000) as session:
        # Of seven lengths only 10 and 11 reach the next interval.
        assert session.sql(text).fetchall() == [(20_000_000 - 2 * (20_000_000 // 7),)]
    with (
        Session([], store=store, memory_limit_bytes=400_000_000) as session,
        pytest.raises(LimitReached, match="--memory-limit"),
    ):
        session.sql(text).fetchall()


@pytest.mark.parametrize(
    "text",
    [
        "SELECT __k_interval_union([{'ts': 1, 'dur': 1}])",
        "SELECT __K_interval_union([{'ts': 1, 'dur': 1}])",
        "SELECT * FROM interval_union(__k_tree_totals, 1)",
        "SELECT * FROM __k_interval_union(slice)",
        "WITH t AS (SELECT 1 AS ts, 1 AS dur) SELECT * FROM interval_union(t, __k_x(1))",
        "SELECT * FROM interval_union('/etc/passwd', 1)",
        "SELECT * FROM span_join('x.parquet', 1, slice, 1)",
    ],
)
def test_the_functions_are_for_macros_only(one, text: str) -> None:
    one.sql("WITH t AS (SELECT 1 AS ts, 1 AS dur) SELECT * FROM interval_union(t, 1)").fetchall()

    with pytest.raises((StatementRefused, QueryError)):
        one.sql(text).fetchall()


def test_a_query_without_kernels_imports_no_numba(store) -> None:
    import subprocess

    code = (
        "import sys; from types import SimpleNamespace as S; from pathlib import Path\n"
        "from traceql.query.session import Session\n"
        f"with Session([], store=S(path=Path({str(store.path)!r}))) as s:\n"
        "    s.sql('SELECT count(*) FROM slice').fetchall()\n"
        "assert 'numba' not in sys.modules"
    )
    root = Path(library.__file__).resolve().parents[2]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root)


def test_plain_duckdb_gets_a_script_without_kernels(one) -> None:
    script = one.script()

    assert "__k_" not in script
    assert "gpu_busy" not in script
    assert "CREATE VIEW slice " in script
