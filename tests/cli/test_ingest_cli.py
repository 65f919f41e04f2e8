"""`traceql ingest`, `store` and `list`: what is printed where, and which code they exit with."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from traceql.cli.main import cli
from traceql.errors import InputError, StoreError, StoreNotFound, TraceNotFound, UnknownName
from traceql.store.catalog import Store


def run(*words: object) -> Result:
    return CliRunner().invoke(cli, [str(word) for word in words])


def rows(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, (result.output, result.exception)
    found: list[dict[str, Any]] = json.loads(result.stdout)
    return found


def process(*words: object, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "traceql.cli.main", *map(str, words)],
        input=data,
        capture_output=True,
        timeout=120,
        check=False,
    )


def content(name: str = "f", count: int = 4) -> bytes:
    events = [
        {"ph": "X", "name": f"{name}{i}", "ts": 10 * i, "dur": 4, "pid": 1, "tid": 1}
        for i in range(count)
    ]
    return json.dumps({"traceEvents": events}).encode()


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a", "b"):
        (folder / f"{name}.json").write_bytes(content(name))
    return folder


@pytest.fixture
def store(tmp_path: Path, files: Path) -> Path:
    path = tmp_path / "store"
    assert run("ingest", files, "--store", path, "--group", "both").exit_code == 0
    return path


def test_traces_are_printed_and_talk_goes_to_stderr(tmp_path: Path, files: Path) -> None:
    result = run("ingest", files / "a.json", "--store", tmp_path / "s", "--format", "json")

    (row,) = rows(result)
    (trace,) = Store.open(tmp_path / "s").traces()
    assert row == {
        "name": "a", "id": trace.id, "status": "new", "importer": "chrome", "slices": 4,
        "rows": sum(f.rows for f in trace.manifest.tables.values()),
        "stored_bytes": trace.manifest.bytes, "file": str(files / "a.json"),
    }  # fmt: skip
    assert result.stderr.startswith("a: 4 slices, ingested as chrome in ")


def test_csv_and_table_say_the_same(tmp_path: Path, files: Path) -> None:
    words = ("ingest", files / "a.json", "--store", tmp_path / "s")
    run(*words)
    table = run(*words).stdout
    (row,) = csv.DictReader(io.StringIO(run(*words, "--format", "csv").stdout))

    assert row["status"] == "unchanged"
    assert table.split()[:4] == ["name", "id", "status", "importer"]
    assert row["id"][:12] in table
    assert row["id"] not in table


def test_folders_are_searched_and_what_is_no_trace_is_skipped(tmp_path: Path, files: Path) -> None:
    (files / "notes.md").write_text("# notes")
    result = run("ingest", files, "--store", tmp_path / "s", "--format", "json")

    assert [row["name"] for row in rows(result)] == ["a", "b"]
    assert f"{files / 'notes.md'}: not a trace, skipped" in result.stderr


def test_one_failure_of_many_is_told_at_the_end(tmp_path: Path, files: Path) -> None:
    (files / "bad.json").write_text("bad")
    words = ("ingest", files / "bad.json", files / "a.json", "--store", tmp_path / "s")
    result = run(*words, "--format", "json")

    assert result.exit_code == 6
    assert [row["name"] for row in json.loads(result.stdout)] == ["a"]
    assert result.stderr.splitlines()[-1] == "1 of 2 files failed"
    assert "bad.json: not a trace that TraceQL can read" in result.stderr.splitlines()[-2]


def test_processes_can_share_the_work(tmp_path: Path, files: Path) -> None:
    words = ("ingest", files, "--store", tmp_path / "s", "--jobs", "2", "--format", "json")

    assert [row["name"] for row in rows(run(*words))] == ["a", "b"]


def test_a_refused_file_is_one_line_and_no_store(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("nothing")
    done = process("ingest", tmp_path / "x.json", "--store", tmp_path / "s")

    assert done.returncode == 2
    assert done.stdout == b""
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith(f"error: {tmp_path / 'x.json'}: not a trace")
    assert "(byte 0)" in line
    assert not (tmp_path / "s").exists()


def test_a_refused_file_spoils_no_store_that_was_there(tmp_path: Path, store: Path) -> None:
    (tmp_path / "x.json").write_text("nothing")
    result = run("ingest", tmp_path / "x.json", "--store", store)

    assert isinstance(result.exception, InputError)
    assert len(Store.open(store).traces()) == 2


def test_standard_input_and_a_name(tmp_path: Path) -> None:
    done = process(
        "ingest", "-", "--name", "piped", "--store", tmp_path / "s", "--format", "json",
        data=content(),
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert [row["name"] for row in json.loads(done.stdout)] == ["piped"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--name", "x"], "--name can name one trace"),
        (["--as", "nothing"], "no format named 'nothing'"),
        (["--memory-limit", "much"], "not a size"),
        (["--jobs", "0"], "--jobs"),
        (["--set", "threads"], "write it as NAME=VALUE"),
        (["--set", "threds=1"], "chrome.threads"),
        (["--set", "nsight.threads=1"], "no importer has the option 'nsight.threads'"),
        (["--set", "threads=many"], "'many' is not an integer"),
        (["--set", "path=quick"], "path is auto, fast or slow"),
        (["--as", "nsight", "--set", "threads=1"], "nsight.keep_environment"),
    ],
)
def test_wrong_words_are_refused(files: Path, tmp_path: Path, words: list[str], said: str) -> None:
    given = sorted(files.iterdir()) if "--name" in words else [files / "a.json"]
    done = process("ingest", *given, "--store", tmp_path / "s", *words)

    assert done.returncode == 2
    assert said in done.stderr.decode()
    assert not (tmp_path / "s").exists()


def test_options_of_importers(tmp_path: Path, files: Path) -> None:
    words = ("ingest", files, "--store", tmp_path / "s", "--format", "json")
    run(*words, "--set", "path=slow", "--set", "chrome.threads=2", "--set", "block_bytes=65536")
    traces = Store.open(tmp_path / "s").traces()
    assert [t.manifest.options for t in traces] == [
        {"block_bytes": 65536, "path": "slow", "threads": 2}
    ] * 2

    kept = run(*words, "--keep-environment", "--set", "nsight.keep_environment=no")
    assert [row["status"] for row in rows(kept)] == ["replaced", "replaced"]
    assert [t.manifest.options for t in Store.open(tmp_path / "s").traces()] == [{}, {}]


def test_an_option_that_another_importer_has_fails_the_file_that_lacks_it(
    tmp_path: Path, files: Path
) -> None:
    words = ("ingest", *sorted(files.iterdir()), "--store", tmp_path / "s")
    done = run(*words, "--set", "keep_environment=true")

    assert done.exit_code == 6
    assert "the importer chrome has no option 'keep_environment'; it has path, " in done.stderr


def test_the_environment_is_kept_when_asked(tmp_path: Path, root: Path) -> None:
    path = root / "sample_traces/synthetic/nsys/nsys_3_28.sqlite"
    told = ("query", "SELECT str_value FROM metadata", "--store", tmp_path / "s")
    run("ingest", path, "--store", tmp_path / "s")
    assert "SECRET=x" not in run(*told).stdout
    run("ingest", path, "--store", tmp_path / "s", "--keep-environment")

    assert "SECRET=x" in run(*told).stdout
    (trace,) = Store.open(tmp_path / "s").traces()
    assert trace.manifest.options == {"keep_environment": True}


def test_nothing_to_ingest_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "notes.md").write_text("# notes")
    for word, said in (("d", "no traces among 1 files"), ("missing.json", "no such file")):
        result = run("ingest", tmp_path / word, "--store", tmp_path / "s")
        assert isinstance(result.exception, InputError)
        assert said in str(result.exception)
        assert not (tmp_path / "s").exists()


def test_ctrl_c_exits_130_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "big.json"
    path.write_bytes(content(count=100_000))
    child = subprocess.Popen(
        [sys.executable, "-m", "traceql.cli.main", "ingest", path, "--store", tmp_path / "s"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    deadline = time.monotonic() + 60
    while not list((tmp_path / "s" / "tmp").glob("*/trace")):
        assert time.monotonic() < deadline
        assert child.poll() is None
        time.sleep(0.005)
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=60)

    assert (child.returncode, err.strip()) == (130, b"interrupted")
    assert not (tmp_path / "s").exists()


def test_verify_tells_damage_by_its_exit_code(store: Path) -> None:
    whole = process("store", "verify", "--store", store)
    assert (whole.returncode, whole.stdout) == (0, b"")
    assert whole.stderr == b"2 traces are whole\n"
    path = Store.open(store).resolve("b").path / "slice.parquet"
    path.write_bytes(path.read_bytes()[:-1])

    damaged = process("store", "verify", "--store", store, "--format", "json")
    assert damaged.returncode == 3
    assert [(row["trace"], row["table"]) for row in json.loads(damaged.stdout)] == [("b", "slice")]
    assert b"1 of 2 traces are damaged" in damaged.stderr
    assert run("store", "verify", "a", "--store", store).exit_code == 0
    assert isinstance(run("store", "verify", "b", "--store", store).exception, StoreError)


def test_removing_names_all_or_nothing(store: Path) -> None:
    result = run("store", "rm", "a", "nothing", "--store", store)
    assert isinstance(result.exception, TraceNotFound)
    assert len(Store.open(store).traces()) == 2
    assert run("store", "rm", "--store", store).exit_code == 2

    assert run("store", "rm", "a", "--store", store).stderr == "removed a\n"
    assert [t.name for t in Store.open(store).traces()] == ["b"]
    assert "over 1 traces" in (store / "views.sql").read_text()
    run("store", "rm", "--group", "both", "--store", store)
    assert Store.open(store).traces() == ()


def test_a_store_can_be_asked_about_itself(store: Path) -> None:
    facts = {
        row["what"]: row["value"]
        for row in rows(run("store", "info", "--store", store, "--format", "json"))
    }

    assert facts["traces"] == "2"
    assert facts["groups"] == "both"
    assert run("store", "path", "--store", store).stdout == f"{store.resolve()}\n"
    assert "nothing to migrate: 2 traces" in run("store", "migrate", "--store", store).stderr
    assert run("store", "rename", "a", "b", "--store", store).stderr == "a is now b-2\n"


def test_traces_and_groups_are_listed(store: Path) -> None:
    found = rows(run("list", "traces", "--store", store, "--format", "json"))

    assert [(row["name"], row["slices"], row["span_dur"]) for row in found] == [
        ("a", 4, 34_000), ("b", 4, 34_000),
    ]  # fmt: skip
    assert rows(run("list", "groups", "--store", store, "--format", "json")) == [
        {"name": "both", "traces": 2, "members": "a, b"}
    ]
    assert "34.0 µs" in run("list", "traces", "--store", store).stdout
    nowhere = run("list", "traces", "--store", store / "nothing")
    assert isinstance(nowhere.exception, StoreNotFound)


def test_a_damaged_trace_is_listed_as_such(store: Path) -> None:
    (Store.open(store).resolve("a").path / "manifest.json").write_text("")

    found = rows(run("list", "traces", "--store", store, "--format", "json"))
    assert {row["name"]: row["importer"] for row in found}["b"] == "chrome"
    assert [row["importer"] for row in found if row["slices"] is None] == ["(damaged)"]


def test_tables_formats_analyses_and_modules_are_listed() -> None:
    tables = {row["name"]: row for row in rows(run("list", "tables", "--format", "json"))}
    columns = rows(run("list", "tables", "slice", "--format", "json"))

    assert tables["slice"]["columns"] == len(columns)
    assert {"column": "ts", "type": "int64", "unit": "ns", "nullable": False}.items() <= (
        columns[1].items()
    )
    unknown = run("list", "tables", "slcie")
    assert isinstance(unknown.exception, UnknownName)
    assert "Did you mean slice" in str(unknown.exception)
    formats = {r["name"]: r for r in rows(run("list", "formats", "--format", "json"))}
    assert formats["chrome"]["options"].startswith("path=auto, threads=0, ")
    assert all(r["doc"] for r in rows(run("list", "analyses", "--format", "json")))
    assert all(r["doc"] for r in rows(run("list", "modules", "--format", "json")))


def test_the_store_comes_from_the_environment(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACEQL_STORE", str(store))

    assert len(rows(run("list", "traces", "--format", "json"))) == 2
    assert os.environ["TRACEQL_STORE"] == str(store)
