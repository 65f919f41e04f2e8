"""Sessions: answers in every shape, limits, errors that help."""

from __future__ import annotations

import gc
import threading
import time
import warnings

import pyarrow.parquet as pq
import pytest
from small_traces import rows_of
from store_builder import BuiltStore, build

from traceql.errors import LimitReached, SqlError, StatementRefused, UnknownName
from traceql.model import tables
from traceql.query import library, translate
from traceql.query.session import Session


def test_answer_in_every_shape(one) -> None:
    answer = one.sql("SELECT id, name FROM slice WHERE id < $n ORDER BY id", {"n": 2})

    assert answer.columns == ("id", "name")
    assert answer.types == ("INTEGER", "VARCHAR")
    assert answer.fetchall() == [(0, "step"), (1, "op")]
    assert answer.arrow().to_pylist() == [{"id": 0, "name": "step"}, {"id": 1, "name": "op"}]
    assert answer.pl().rows() == [(0, "step"), (1, "op")]
    assert answer.df()["name"].tolist() == ["step", "op"]
    assert sum(b.num_rows for b in answer.batches()) == 2
    assert len(answer) == 2
    assert repr(answer).splitlines() == ["id  name", "--  ----", "0   step", "1   op"]
    assert one.sql("SELECT ? + ? AS x", [1, 2]).fetchall() == [(3,)]


def test_notebook_repr_is_escaped_and_short(one) -> None:
    html = one.sql("SELECT '<b>' AS \"<i>\", i FROM range(50) t(i)")._repr_html_()

    assert "&lt;b&gt;" in html
    assert "<th>&lt;i&gt;</th>" in html
    assert html.count("<tr>") == 21
    assert "first 20 rows" in html


def test_no_rows_have_a_schema(one) -> None:
    answer = one.sql("SELECT id, sum(dur) AS s FROM slice WHERE false GROUP BY id")

    assert answer.arrow().schema.names == ["id", "s"]
    assert str(answer.arrow().schema.field("s").type) == "int64"
    assert list(answer.rows()) == []


def test_sums_are_64_bit_or_an_error(one) -> None:
    answer = one.sql("SELECT sum(dur) AS s, count(*) AS n FROM slice")
    assert answer.types == ("HUGEINT", "BIGINT")
    assert answer.arrow().schema.types == answer.pl().to_arrow().schema.types
    assert answer.fetchall()[0][0] == answer.arrow().to_pylist()[0]["s"]

    exact = one.sql("SELECT sum(x) AS s FROM (VALUES (9007199254740993), (0)) t(x)")
    assert exact.arrow().to_pylist() == [{"s": 9007199254740993}]

    wide = one.sql("SELECT sum(9223372036854775807) AS total FROM range(2)")
    with pytest.raises(SqlError, match="column 'total' does not fit in 64 bits"):
        wide.fetchall()
    with pytest.raises(SqlError, match="column 'total' does not fit in 64 bits"):
        wide.arrow()


def test_answers_outlive_other_queries(one) -> None:
    first = one.sql("SELECT i FROM range(300000) t(i)")
    stream = first.batches(1000)
    head = next(stream)
    assert one.sql("SELECT count(*) FROM slice").fetchall() == [(6,)]
    rest = sum(b.num_rows for b in stream)

    assert head.num_rows + rest == 300_000


def test_names_that_exist_elsewhere_and_functions_that_are_refused_are_no_advice(one) -> None:
    for sql in ("SELECT unit FROM slice", "SELECT * FROM parquet_scam('x')"):
        with pytest.raises(UnknownName) as caught:
            one.sql(sql)
        assert not {"unit", "parquet_scan"} & set(caught.value.close_matches)


def test_a_parameter_without_a_value_is_named(one) -> None:
    with pytest.raises(SqlError, match=r"no value for \$top: give one with --set top=VALUE"):
        one.sql("SELECT $top")


@pytest.mark.parametrize("text", ["", "  ", "-- nothing", ";"])
def test_an_empty_text_is_refused(one, text: str) -> None:
    with pytest.raises(StatementRefused, match="an empty text is not a query"):
        one.sql(text)


@pytest.mark.parametrize("shape", ["fetchall", "arrow"])
def test_time_limit(store, traces, shape: str) -> None:
    with Session(traces[:1], store=store, timeout_s=0.3) as session:
        slow = session.sql("SELECT count(*) FROM range(1000000) a, range(10000000) b")
        start = time.monotonic()
        with pytest.raises(LimitReached, match=r"time limit \(0\.3 s\)\. Raise it with --timeout"):
            getattr(slow, shape)()
        assert time.monotonic() - start < 10
        assert session.sql("SELECT 1").fetchall() == [(1,)]


@pytest.mark.parametrize("shape", ["fetchall", "arrow"])
def test_memory_limit(store, traces, shape: str) -> None:
    with Session(traces[:1], store=store, memory_limit_bytes=60_000_000) as session:
        large = session.sql("SELECT list(i) FROM range(100000000) t(i)")
        with pytest.raises(LimitReached, match=r"memory limit .* --memory-limit"):
            getattr(large, shape)()


def test_large_sorts_spill(store, traces) -> None:
    with Session(traces[:1], store=store, memory_limit_bytes=60_000_000) as session:
        sql = (
            "SELECT max(n) FROM (SELECT row_number() OVER (ORDER BY hash(i)) n FROM range({}) t(i))"
        )
        assert session.sql(sql.format(3_000_000)).fetchall() == [(3_000_000,)]


@pytest.mark.parametrize(
    ("sql", "line", "column", "name", "close"),
    [
        ("SELECT nam FROM slice", 1, 8, "nam", "name"),
        ("SELECT s.nme FROM slice s", 1, 8, "s.nme", "name"),
        ("SELECT name\nFROM slic", 2, 6, "slic", "slice"),
        ("SELECT 1\n -- ä\n + fooo(2)", 3, 4, "fooo", ""),
        ("SELECT extract_ar(0, 'x')", 1, 8, "extract_ar", "extract_arg"),
        ("SELECT * FROM ancestor_slise(1)", 1, 15, "ancestor_slise", "ancestor_slice"),
        ("SELECT 1,\n(SELECT max(id) FROM\n nosuch (1))", 3, 2, "nosuch", ""),
        ("SELECT * FROM parquet_scam('x')", 1, 15, "parquet_scam", ""),
        ("SELECT 1 WHERE (SELECT max(durr) FROM slice) > 1", 1, 28, "durr", "dur"),
        (f"SELECT {'1, ' * 80} nam FROM slice", 1, 249, "nam", "name"),
    ],
)
def test_unknown_names(one, sql: str, line: int, column: int, name: str, close: str) -> None:
    with pytest.raises(UnknownName) as caught:
        one.sql(sql)

    error = caught.value
    assert error.name in (name, name.rpartition(".")[2])
    assert close in error.close_matches or not close
    assert (error.line, error.column) == (line, column)
    if line:
        shown, caret = error.near.split("\n")
        at = caret.index("^")
        assert shown[at:].startswith(name)


@pytest.mark.parametrize(
    ("sql", "line", "column", "words"),
    [
        ("SELEC 1", 1, 1, "syntax error"),
        ("SELECT 1,\n  FROM FROM slice", 2, 8, "syntax error"),
        ("SELECT sum(name) FROM slice", 1, 8, "No function matches"),
        ("SELECT name FROM slice GROUP BY id", 1, 8, "must appear in the GROUP BY"),
        ("SELECT 'a'::INT", 1, 11, "Could not convert"),
        ("SELECT $x", 0, 0, "x"),
        ("SELECT id FROM slice JOIN thread USING (nope)", 0, 0, "nope"),
    ],
)
def test_wrong_sql(one, sql: str, line: int, column: int, words: str) -> None:
    with pytest.raises((SqlError, UnknownName)) as caught:
        one.sql(sql).fetchall()

    assert words in str(caught.value)
    assert "Error:" not in str(caught.value)
    assert "LINE" not in str(caught.value)
    assert (caught.value.line, caught.value.column) == (line, column) or line == 0


def test_errors_at_run_time_are_ours(one) -> None:
    with pytest.raises(SqlError, match="boom"):
        one.sql("SELECT error('boom') FROM slice").fetchall()
    with pytest.raises(SqlError, match="boom"):
        one.sql("SELECT error('boom') FROM slice").arrow()


def test_queries_from_several_threads(three) -> None:
    failures: list[BaseException] = []

    def ask(view: str) -> None:
        try:
            for _ in range(3):
                assert three.sql(f"SELECT count(*) FROM {view}").fetchall()[0][0] >= 0
        except BaseException as error:
            failures.append(error)

    names = ["slice", "thread", "args", "gpu_kernel", "counter", "thread_slice"]
    workers = [threading.Thread(target=ask, args=(name,)) for name in names]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert not failures


def test_a_table_given_to_a_macro_is_made(one) -> None:
    assert len(one.sql("FROM counter_leading_intervals(counter)").fetchall()) == 3


def test_results_made_after_the_first_query_are_seen(tmp_path) -> None:
    from small_traces import rows_of
    from store_builder import BuiltStore, build, keep_result

    trace = build(tmp_path, "t", rows_of(0), 0)
    with Session([trace], store=BuiltStore(tmp_path)) as session:
        assert session.sql("SELECT count(*) FROM iteration").fetchall() == [(0,)]
        row = {"track_id": 0, "iteration_index": 0, "ts": 1, "dur": 2, "source": "m",
               "confidence": 1.0}  # fmt: skip
        keep_result(tmp_path, "iteration", "x", "iteration", [row], [trace])
        assert session.sql("SELECT count(*) FROM iteration").fetchall() == [(1,)]


def test_script_serves_plain_duckdb(store, traces, three, tmp_path) -> None:
    import duckdb

    with duckdb.connect() as plain:
        plain.execute(three.script())
        mine = plain.execute("SELECT count(*), max(id) FROM slice").fetchall()
        assert mine == three.sql("SELECT count(*), max(id) FROM slice").fetchall()
        assert plain.execute("SELECT count(*) FROM thread_slice").fetchall()


def test_nothing_is_left_open(store, traces) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        session = Session(traces, store=store)
        session.sql("SELECT * FROM slice").arrow()
        session.close()
        del session
        gc.collect()


def test_docs_are_comments_of_the_catalog(one) -> None:
    one.sql("SHOW TABLES").fetchall()
    found = dict(
        one.sql(
            "SELECT view_name, comment FROM duckdb_views() WHERE schema_name = 'main'"
        ).fetchall()
    )

    assert found["slice"].startswith("Slices: functions, ops")


OBJECTS = [o for o in library.objects().values() if not o.is_private]


@pytest.mark.parametrize("item", OBJECTS, ids=lambda o: o.name)
def test_every_object_is_documented(item: library.Object) -> None:
    assert item.doc, item.name
    assert "." in item.doc
    if item.kind == "view":
        assert "Columns:" in item.doc or "Another name" in item.doc
    if item.kind == "table macro":
        assert "Columns:" in item.doc
        for argument in item.arguments:
            assert f"{argument}:" in item.doc


def test_every_module_says_what_it_is() -> None:
    assert [m.name for m in library.modules() if not m.doc] == []
    assert {"slices.self_dur", "slices.with_context", "slices.hierarchy", "counters.intervals",
            "time.conversion"} <= {m.name for m in library.modules()}  # fmt: skip


def test_find_by_object_or_module() -> None:
    assert library.find("slice_self_dur").name == "slice_self_dur"
    assert library.find("slices.self_dur").name == "slice_self_dur"
    with pytest.raises(UnknownName, match="Did you mean ancestor_slice"):
        library.find("slices.hierarchy")
    with pytest.raises(UnknownName, match="slice_self_dur"):
        library.find("slice_self_du")
    with pytest.raises(UnknownName):
        library.find("_merged")


def test_prelude_knows_only_itself_and_generic_modules_no_vendor() -> None:
    rank = {"prelude": 0, "slices": 1, "intervals": 1, "counters": 1, "graphs": 1, "stacks": 1,
            "stats": 1, "time": 1}  # fmt: skip
    for item in library.objects().values():
        own = rank.get(item.module.split(".")[0], 2)
        for name in library.needs(item.name):
            if name in library.objects():
                other = library.objects()[name].module.split(".")[0]
                assert rank.get(other, 2) <= own, (item.name, name)


def test_refusals_are_not_confused_with_names(one) -> None:
    with pytest.raises(StatementRefused):
        one.sql("SELECT * FROM 'slice.parquet'")


def test_a_store_of_an_older_minor_version_is_read(tmp_path) -> None:
    traces = [build(tmp_path, name, rows_of(k), k) for k, name in enumerate("ab")]
    old = traces[1]
    old.manifest.schema_version = tables.SCHEMA_VERSION.partition(".")[0] + ".-1"
    for table, gone in (("slice", ["self_dur", "correlation_id", "extra_id"]), ("track", ["unit"])):
        path = old.path / f"{table}.parquet"
        pq.write_table(pq.read_table(path).drop_columns(gone), path)
    store = BuiltStore(tmp_path)
    query = "SELECT id, dur, self_dur, correlation_id, extra, trace FROM slice ORDER BY id"

    with Session([traces[0]], store=store) as one, Session([old], store=store) as alone:
        whole, lacking = one.sql(query).fetchall(), alone.sql(query).fetchall()
        assert alone.sql("SELECT count(unit), count(*) FROM track").fetchall() == [(0, 8)]
    assert [row[2:] for row in lacking] == [(None, None, None, "b")] * len(lacking)
    assert [row[0] for row in lacking] == [row[0] for row in whole]
    with Session(traces, store=store) as both:
        rows = both.sql(query).fetchall()
    assert rows == whole + [((1 << 32) + row[0], *row[1:]) for row in lacking]
    with Session([old], store=store) as session:
        for item in library.objects().values():
            if item.kind == "view" and not item.is_private:
                session.sql(f"SELECT * FROM {item.name} LIMIT 1").fetchall()


def test_an_error_of_a_stream_for_want_of_memory_is_a_limit():
    error = OSError("Out of Memory Error: failed to pin block of size 256.0 KiB")
    found = translate.translated(error, "SELECT 1", lambda _: [], memory_limit_bytes=1 << 20)
    assert isinstance(found, LimitReached)
