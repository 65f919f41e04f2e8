"""`traceql query`, end to end over a small store: formats, scope, names, errors, exit codes."""

from __future__ import annotations

import io
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

import traceql
from traceql.cli.main import cli
from traceql.errors import QueryError, StoreNotFound, TraceNotFound


def events(name: str) -> dict:
    return {
        "traceEvents": [
            {"name": name, "ph": "X", "ts": 1, "dur": 5, "pid": 1, "tid": 1, "args": {"x": "a|b"}},
            {"name": "inner", "ph": "X", "ts": 2, "dur": 2, "pid": 1, "tid": 1},
        ]
    }


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli")
    for name in ("one", "two"):
        (folder / f"{name}.json").write_text(json.dumps(events(name), separators=(",", ":")))
        traceql.ingest(folder / f"{name}.json", store=folder / "store")
    return folder / "store"


def run(store: Path, *words: str, stdin: str | None = None):
    return CliRunner().invoke(cli, ["query", *words, "--store", str(store)], input=stdin)


def out(store: Path, *words: str, stdin: str | None = None) -> str:
    done = run(store, *words, stdin=stdin)
    assert done.exit_code == 0, (done.output, done.exception)
    return done.stdout


def test_tables_are_for_people(store) -> None:
    text = out(store, "SELECT name, ts, dur, self_dur FROM slice ORDER BY ts", "-t", "one")

    assert [line.split() for line in text.splitlines()] == [
        ["name", "ts", "dur", "self_dur"],
        ["one", "1.00", "µs", "5.00", "µs", "3.00", "µs"],
        ["inner", "2.00", "µs", "2.00", "µs", "2.00", "µs"],
    ]


QUERY = "SELECT id, name, dur, args, sum(dur) OVER () AS total FROM slice ORDER BY id"


def test_every_other_format_has_raw_nanoseconds(store) -> None:
    words = [QUERY, "-t", "one", "--format"]

    assert out(store, *words, "csv") == (
        'id,name,dur,args,total\n0,one,5000,"{""x"":""a|b""}",7000\n1,inner,2000,,7000\n'
    )
    rows = json.loads(out(store, *words, "json"))
    assert rows[0] == {"id": 0, "name": "one", "dur": 5000, "args": '{"x":"a|b"}', "total": 7000}
    assert out(store, *words, "md").splitlines() == [
        "| id | name | dur | args | total |",
        "| ---: | --- | ---: | --- | ---: |",
        '| 0 | one | 5000 | {"x":"a\\|b"} | 7000 |',
        "| 1 | inner | 2000 |  | 7000 |",
    ]
    arrow = run(store, *words, "arrow").stdout_bytes
    parquet = run(store, *words, "parquet").stdout_bytes
    table = pa.ipc.open_stream(arrow).read_all()
    assert table.to_pylist() == rows or table.to_pylist()[1]["args"] is None
    assert pq.read_table(io.BytesIO(parquet)) == table
    assert str(table.schema.field("total").type) == "int64"


def test_no_rows_in_every_format(store) -> None:
    for name in ("csv", "json", "md", "table"):
        assert out(store, "SELECT id FROM slice WHERE false", "--last", "--format", name)
    assert json.loads(out(store, "SELECT 1 WHERE false", "--format", "json")) == []


def test_odd_values(store) -> None:
    sql = "SELECT 'NaN'::DOUBLE AS n, true AS b, [1, NULL] AS l, {'k': 1} AS s, "
    sql += "'\\x41'::BLOB AS x, 1 AS n"

    assert json.loads(out(store, sql, "--format", "json", "--last")) == [
        {"n": None, "b": True, "l": [1, None], "s": {"k": 1}, "x": "41", "n_2": 1}
    ]
    assert out(store, sql, "--format", "csv", "--last").splitlines()[1] == (
        'nan,true,"[1, null]","{""k"": 1}",41,1'
    )


def test_scope(store) -> None:
    count = ["SELECT count(*) AS n FROM slice", "--format", "csv"]

    both = run(store, *count)
    assert both.stdout == "n\n4\n"
    assert "2 traces" in both.stderr
    last = run(store, *count, "--last")
    assert (last.stdout, last.stderr) == ("n\n2\n", "")
    assert out(store, *count, "-t", "one", "-t", "two") == "n\n4\n"
    assert out(store, *count, "--each") == "n,trace\n2,one\n2,two\n"
    names = out(store, "SELECT DISTINCT trace FROM slice ORDER BY 1", "--each", "--format", "csv")
    assert names == "trace\none\ntwo\n"
    table = pa.ipc.open_stream(run(store, *count[:1], "--each", "--format", "arrow").stdout_bytes)
    assert table.read_all().to_pylist() == [{"n": 2, "trace": "one"}, {"n": 2, "trace": "two"}]


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_traces_that_fail_are_listed_at_the_end(store, jobs) -> None:
    query = "SELECT sum(if(name = 'two', error(name), 1)) AS n FROM slice"
    done = run(store, query, "--each", "--jobs", jobs, "--format", "csv")

    assert (done.exit_code, done.stdout) == (6, "n,trace\n2,one\n")
    assert done.stderr.splitlines()[-2].startswith("error: two: ")
    assert done.stderr.splitlines()[-1] == "1 of 2 traces failed"
    alone = run(store, query, "--each", "-t", "two", "--format", "csv")
    assert isinstance(alone.exception, QueryError)


def test_a_path_is_ingested_first(tmp_path) -> None:
    (tmp_path / "new.json").write_text(json.dumps(events("new")))
    path = str(tmp_path / "new.json")

    done = run(tmp_path / "store", "SELECT name FROM slice", "-t", path, "--format", "csv")

    assert done.stdout == "name\nnew\ninner\n"
    assert "ingested as new" in done.stderr
    again = run(tmp_path / "store", "SELECT name FROM slice", "-t", path, "--format", "csv")
    assert (again.stdout, again.stderr) == (done.stdout, "")


def test_sources_of_the_text(store, tmp_path) -> None:
    (tmp_path / "q.sql").write_text("SELECT 3 AS x")
    rest = ["--format", "csv", "--last"]

    assert out(store, "-f", str(tmp_path / "q.sql"), *rest) == "x\n3\n"
    assert out(store, "-", *rest, stdin="SELECT 4 AS x\n") == "x\n4\n"
    assert out(store, "slices.self_dur", *rest) == "id,self_dur,trace\n0,3000,two\n1,2000,two\n"
    assert out(store, "SELECT id FROM slice WHERE dur > $d", "--set", "d=3000", *rest) == "id\n0\n"
    assert out(store, "ancestor_slice", "--set", "of_slice=1", *rest).count("\n") == 2
    assert out(store, "time_to_us", "--set", "nanos=5000", *rest).endswith("\n5\n")
    assert run(store, "counter_leading_intervals", "--set", "samples=counter", *rest).exit_code == 0


def test_max_rows(store) -> None:
    sql = "SELECT i FROM range(10) t(i)"

    assert out(store, sql, "--limit", "2", "--format", "csv", "--last") == "i\n0\n1\n"
    assert len(json.loads(out(store, sql, "--max-rows", "3", "--format", "json", "--last"))) == 3
    capped = run(store, sql, "--max-rows", "2", "--last")
    assert len(capped.stdout.splitlines()) == 3
    assert "2 of 10 rows" in capped.stderr


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["SELECT nam FROM slice"], QueryError),
        (["COPY (SELECT 1) TO 'x.csv'"], QueryError),
        (["SELECT 1", "-t", "nope"], TraceNotFound),
        (["no_such_object"], QueryError),
        (["ancestor_slice", "--set", "x=1"], None),
        (["ancestor_slice"], None),
        (["SELECT 1", "--set", "x"], None),
        ([], None),
        (["SELECT 1", "-f", "-"], None),
    ],
)
def test_errors(store, words, error) -> None:
    done = run(store, *words)

    assert done.exit_code != 0
    if error is None:
        assert done.exit_code == 2
    else:
        assert isinstance(done.exception, error)


def test_no_store(tmp_path) -> None:
    assert isinstance(run(tmp_path / "none", "SELECT 1").exception, StoreNotFound)


def whole_process(store: Path, *words: str) -> tuple[subprocess.CompletedProcess, float]:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "traceql.cli.main", "query", *words, "--store", str(store)],
        capture_output=True, text=True, check=False, env={**os.environ, "NO_COLOR": "1"},
    )  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return done, used


def test_a_caret_shows_the_place(store) -> None:
    done, _ = whole_process(store, "SELECT nam FROM slice")

    assert done.returncode == 4
    assert done.stderr.splitlines()[-3:] == [
        "error: line 1, column 8: no column named 'nam'. Did you mean name, name_id?",
        "  SELECT nam FROM slice",
        "         ^",
    ]


def test_select_1_is_quick(store) -> None:
    runs = sorted(whole_process(store, "SELECT 1", "--last")[1] for _ in range(3))

    assert runs[0] < 0.5


def test_select_1_loads_only_the_engine(store) -> None:
    code = (
        "import sys; from click.testing import CliRunner; from traceql.cli.main import cli\n"
        f"r = CliRunner().invoke(cli, ['query', 'SELECT 1', '--last', '--store', {str(store)!r}])\n"
        "assert r.exit_code == 0, r.output\n"
        "print({'pyarrow', 'numpy', 'polars', 'pandas', 'numba'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "set()"


def test_a_reader_that_goes_away(store) -> None:
    command = f"{sys.executable} -m traceql.cli.main query 'SELECT * FROM range(1000000)' --last"
    done = subprocess.run(
        ["bash", "-c", f"{command} --format csv --store {store} | head -1"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert done.stdout == "range\n"
    assert "Traceback" not in done.stderr


def test_the_same_in_python(store) -> None:
    with traceql.open(store) as db:
        assert [t.name for t in db.traces()] == ["one", "two"]
        assert db.sql("SELECT count(*) AS n FROM slice").fetchall() == [(4,)]
        assert db.sql("SELECT count(*) AS n FROM slice", trace="one").pl()["n"].to_list() == [2]
        assert db.sql("SELECT ? AS x", traces=["two"], parameters=[3]).df()["x"].tolist() == [3]
        with pytest.raises(QueryError):
            db.sql("COPY (SELECT 1) TO 'x'")
        with pytest.raises(TypeError):
            db.sql("SELECT 1", trace="one", traces=["two"])
        assert "one  2 slices" in repr(db)
        assert "<td>two</td>" in db._repr_html_()
    with pytest.raises(StoreNotFound):
        traceql.open(store / "none")


def test_public_names() -> None:
    assert traceql.__all__ == sorted(traceql.__all__)
    assert all(hasattr(traceql, name) for name in traceql.__all__)
    with pytest.raises(AttributeError):
        _ = traceql.nope


def test_the_dialect_of_perfetto(store, tmp_path) -> None:
    (tmp_path / "mine.sql").write_text("CREATE PERFETTO MACRO two() RETURNS Expr AS 2;")
    text = "INCLUDE PERFETTO MODULE mine; SELECT 7 / two!() AS x, 1 = 1 AS y"
    words = [text, "--dialect", "perfetto", "--sql-package", str(tmp_path), "--format", "csv"]

    assert out(store, *words) == "x,y\n3,1\n"
    assert run(store, "SELECT 1", "--sql-package", str(tmp_path)).exit_code == 2
    each = out(store, "SELECT 7 / 2 AS x", "--each", "--dialect", "perfetto", "--format", "csv")
    assert each == "x,trace\n3,one\n3,two\n"


def test_the_dialect_of_perfetto_in_python(store) -> None:
    with traceql.open(store) as db:
        db.sql("CREATE PERFETTO TABLE t AS SELECT name FROM slice", trace="one", dialect="perfetto")
        answer = db.sql('SELECT name FROM t WHERE name = "inner"', trace="one", dialect="perfetto")
        assert answer.pl()["name"].to_list() == ["inner"]
        with pytest.raises(QueryError):
            db.sql("SELECT name FROM t", dialect="perfetto")
        with pytest.raises(TypeError):
            db.sql("SELECT 1", dialect="sqlite")
