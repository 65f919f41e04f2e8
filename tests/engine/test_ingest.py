"""Ingest: statuses, names, refusals, and stores that outlive kill -9 and crowds."""

from __future__ import annotations

import gzip
import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import active_children
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pytest

from traceql.engine import ingest as ingest_module
from traceql.engine import memory, plugins
from traceql.engine.ingest import ingest
from traceql.engine.ingest_many import File, find_files, ingest_many
from traceql.errors import InputError, StoreFull, TraceQLError, UnknownFormat
from traceql.model.protocols import Chunk, Head, Match, Source
from traceql.model.tables import conform
from traceql.store.catalog import Store
from traceql.store.verify import verify


def events(count: int = 5, name: str = "f") -> list[dict[str, object]]:
    return [
        {"ph": "X", "name": f"{name}{i % 3}", "ts": 10 * i, "dur": 4, "pid": 1, "tid": i % 2,
         "args": {"i": i}}
        for i in range(count)
    ]  # fmt: skip


def trace_file(path: Path, count: int = 5, name: str = "f") -> Path:
    text = json.dumps({"traceEvents": events(count, name)}).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "store", create=True)


def work_left(store: Store) -> list[Path]:
    return list((store.path / "tmp").glob("*"))


def test_a_file_becomes_a_trace(tmp_path: Path, store: Store) -> None:
    path = trace_file(tmp_path / "run.pt.trace.json.gz", 7)
    done = ingest(path, store=store)

    assert (done.status, done.importer, done.trace.name) == ("new", "chrome", "run")
    assert store.traces() == (done.trace,)
    assert done.trace.source == str(path)
    manifest = done.trace.manifest
    assert manifest.tables["slice"].rows == 7
    assert manifest.source_bytes == path.stat().st_size
    assert (manifest.source_name, manifest.options) == ("run.pt.trace.json.gz", {})
    assert list(verify(store.traces())) == []
    assert done.diagnostics.schema.names[:3] == ["severity", "code", "count"]
    assert work_left(store) == []


def test_the_id_is_the_hash_of_the_bytes_as_they_lie(tmp_path: Path, store: Store) -> None:
    import xxhash

    for path in (trace_file(tmp_path / "a.json"), trace_file(tmp_path / "a.json.gz")):
        done = ingest(path, store=store)
        assert done.trace.id == xxhash.xxh3_128_hexdigest(path.read_bytes())
    assert [t.name for t in store.traces()] == ["a", "a-2"]


def test_the_same_file_is_left_alone(tmp_path: Path, store: Store) -> None:
    path = trace_file(tmp_path / "run.json")
    first = ingest(path, store=store)
    copy = shutil.copy(path, tmp_path / "copy.json")
    stamps = {p: p.stat().st_mtime_ns for p in first.trace.path.iterdir()}
    again = ingest(copy, store=store)

    assert (again.status, again.trace) == ("unchanged", first.trace)
    assert again.diagnostics.equals(first.diagnostics)
    assert {p: p.stat().st_mtime_ns for p in first.trace.path.iterdir()} == stamps


def test_a_new_name_and_group_are_noted_for_a_known_file(tmp_path: Path, store: Store) -> None:
    path = trace_file(tmp_path / "run.json")
    ingest(path, store=store)
    again = ingest(path, store=store, name="base", group="night")

    assert again.status == "unchanged"
    assert [(t.name, t.groups) for t in store.traces()] == [("base", ("night",))]


def test_standard_input_is_a_file_too(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = trace_file(tmp_path / "x.json.gz").read_bytes()
    statuses = []
    for _ in range(2):
        monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(data)))
        statuses.append(ingest("-", store=store).status)

    assert statuses == ["new", "unchanged"]
    assert [(t.name, t.source) for t in store.traces()] == [("stdin", "-")]
    assert store.last().manifest.source_bytes == len(data)
    assert ingest(tmp_path / "x.json.gz", store=store).status == "unchanged"


def test_another_version_of_the_importer_replaces(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = trace_file(tmp_path / "run.json")
    first = ingest(path, store=store, name="mine", group="g")
    monkeypatch.setattr(ingest_module, "_version", lambda _: "next")
    again = ingest(path, store=store)

    assert again.status == "replaced"
    assert (again.trace.id, again.trace.name, again.trace.groups) == (
        first.trace.id, "mine", ("g",),
    )  # fmt: skip
    assert again.trace.manifest.importer_version == "next"
    assert ingest(path, store=store).status == "unchanged"
    assert len(store.traces()) == 1


def test_the_same_file_gives_the_same_bytes(tmp_path: Path, store: Store) -> None:
    path = trace_file(tmp_path / "run.json", 3000)
    other = Store.open(tmp_path / "other", create=True)
    one = ingest(path, store=store).trace
    two = ingest(path, store=other, memory_limit_bytes=1_000_000, name="x").trace

    names = sorted(p.name for p in one.path.iterdir())
    assert names == sorted(p.name for p in two.path.iterdir())
    for name in names:
        assert (one.path / name).read_bytes() == (two.path / name).read_bytes(), name


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", UnknownFormat),
        (b"\x7fELF", UnknownFormat),
        (b"{}", UnknownFormat),
        (b"PK", InputError),
    ],
)
def test_what_is_refused_leaves_nothing(
    tmp_path: Path, store: Store, content: bytes, error: type[TraceQLError]
) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(error, match=r"x\.json.*byte 0") as caught:
        ingest(path, store=store)

    assert caught.value.exit_code == 2
    assert store.traces() == ()
    assert work_left(store) == []


def test_files_that_are_not_there_and_folders_are_refused(tmp_path: Path, store: Store) -> None:
    with pytest.raises(InputError, match="No such file"):
        ingest(tmp_path / "missing.json", store=store)
    with pytest.raises(InputError, match="folder"):
        ingest(tmp_path, store=store)


@pytest.mark.parametrize("wrong", [{"name": "a/b"}, {"name": ""}, {"group": "\n"}])
def test_names_are_checked_before_the_work(
    tmp_path: Path, store: Store, wrong: dict[str, str]
) -> None:
    with pytest.raises(InputError, match="cannot name"):
        ingest(trace_file(tmp_path / "a.json"), store=store, **wrong)  # type: ignore[arg-type]
    assert store.traces() == ()


@dataclass(frozen=True)
class Fragile:
    """An importer that fails in the middle, as told."""

    failure: str = "none"
    VERSION = "9"

    def sniff(self, head: Head) -> Match:
        return Match.SURE if head.prefix.startswith(b"fragile") else Match.NO

    def read(self, source: Source) -> Iterator[Chunk]:
        for _ in source.blocks():
            yield Chunk("process", conform("process", {"upid": [0], "pid": [1]}))
        if self.failure == "full":
            raise OSError(28, os.strerror(28))
        if self.failure == "disk":
            raise OSError(5, os.strerror(5))
        if self.failure == "interrupt":
            raise KeyboardInterrupt
        if self.failure == "bug":
            raise ZeroDivisionError


@pytest.fixture
def fragile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(plugins, "names", lambda _kind: ("fragile",))
    monkeypatch.setattr(plugins, "load", lambda _kind, _name: Fragile)
    path = tmp_path / "f.bin"
    path.write_bytes(b"fragile")
    return path


def test_options_reach_the_importer_and_the_manifest(fragile: Path, store: Store) -> None:
    assert ingest(fragile, store=store).status == "new"
    again = ingest(fragile, store=store, options={"failure": "not"})
    assert again.status == "replaced"
    assert again.trace.manifest.options == {"failure": "not"}
    assert again.trace.manifest.importer_version == "9"
    with pytest.raises(InputError, match="no option 'strict'; it has failure"):
        ingest(fragile, store=store, options={"strict": True})
    with pytest.raises(InputError, match="no format named 'chrom'"):
        ingest(fragile, store=store, importer="chrom")


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        ("full", StoreFull),
        ("disk", InputError),
        ("interrupt", KeyboardInterrupt),
        ("bug", ZeroDivisionError),
    ],
)
def test_a_failure_in_the_middle_leaves_the_old_trace(
    fragile: Path, store: Store, failure: str, error: type[BaseException]
) -> None:
    first = ingest(fragile, store=store)
    with pytest.raises(error):
        ingest(fragile, store=store, options={"failure": failure})

    assert store.traces() == (first.trace,)
    assert list(verify(store.traces())) == []
    assert work_left(store) == []


def test_a_disk_that_is_too_full_is_seen_before_the_work(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = SimpleNamespace(free=10_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    assert ingest(trace_file(tmp_path / "small.json"), store=store).status == "new"
    monkeypatch.setattr(ingest_module, "_LARGE_BYTES", 0)
    with pytest.raises(StoreFull, match="64 MB needed, 10 MB free"):
        ingest(trace_file(tmp_path / "large.json", name="g"), store=store)
    assert work_left(store) == []


def test_progress_is_told(tmp_path: Path, store: Store) -> None:
    path = trace_file(tmp_path / "a.json")
    told: list[tuple[int, int | None, int]] = []
    ingest(path, store=store, progress=lambda *facts: told.append(facts))

    assert told[-1][:2] == (path.stat().st_size, path.stat().st_size)


def test_the_memory_limit_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(memory.VARIABLE, "512MB")
    assert memory.limit_bytes() == 512_000_000
    assert memory.limit_bytes(7) == memory.wanted_bytes(7) == 7
    monkeypatch.setenv(memory.VARIABLE, "much")
    with pytest.raises(InputError, match="TRACEQL_MEMORY_LIMIT"):
        memory.limit_bytes()
    monkeypatch.delenv(memory.VARIABLE)
    assert memory.limit_bytes() > 100_000_000
    assert memory.wanted_bytes() is None


def test_plain_duckdb_sees_the_same_tables(tmp_path: Path, store: Store) -> None:
    for name in ("a", "b"):
        ingest(trace_file(tmp_path / f"{name}.json", name=name), store=store)
    script = store.path / "views.sql"
    with duckdb.connect() as connection:
        connection.execute(script.read_text())
        rows = connection.execute(
            "SELECT trace, name, args, count(*) FROM slice WHERE args LIKE '%3%' GROUP BY ALL "
            "ORDER BY ALL"
        ).fetchall()
    assert rows == [("a", "a0", '{"i": 3}', 1), ("b", "b0", '{"i": 3}', 1)]

    before = script.stat().st_mtime_ns
    ingest(tmp_path / "a.json", store=store)
    assert script.stat().st_mtime_ns == before


def test_files_are_found_in_folders_and_by_patterns(tmp_path: Path) -> None:
    for name in ("a.json", "d/b.json", "d/.hidden.json", "d/.git/c.json", "d/e/c.json"):
        trace_file(tmp_path / name)
    Store.open(tmp_path / "d" / "store", create=True)

    def found(*words: str) -> list[str]:
        return [str(Path(f.path).relative_to(tmp_path)) for f in find_files(words)]

    assert found(str(tmp_path / "d")) == ["d/b.json", "d/e/c.json"]
    assert found(str(tmp_path / "**" / "[abc].json"), str(tmp_path / "a.json")) == [
        "a.json", "d/b.json", "d/e/c.json",
    ]  # fmt: skip
    assert find_files(["-"]) == [File("-", named=True)]
    (tmp_path / "empty").mkdir()
    words = [str(tmp_path / word) for word in ("nothing.json", "*.nothing", "empty", "a.json")]
    missing = [file.missing for file in find_files(words)]
    assert [str(m).rpartition(": ")[2] for m in missing] == [
        "no such file.", "no such file.", "no files in this folder.", "None",
    ]  # fmt: skip


@pytest.mark.parametrize("jobs", [1, 2])
def test_many_files_go_on_past_a_failure(tmp_path: Path, store: Store, jobs: int) -> None:
    folder = tmp_path / "in"
    for name in ("a.json", "b.json", "c.json"):
        trace_file(folder / name, name=name)
    (folder / "notes.txt").write_text("no trace")
    (tmp_path / "bad.json").write_text("bad")
    told = []
    outcomes = ingest_many(
        find_files([str(folder), str(tmp_path / "bad.json")]),
        store=store,
        jobs=jobs,
        done=told.append,
        options={"group": "all"},
    )

    assert [Path(o.file.path).name for o in outcomes] == [
        "a.json", "b.json", "c.json", "notes.txt", "bad.json",
    ]  # fmt: skip
    assert [o.ingested is not None for o in outcomes] == [True, True, True, False, False]
    assert [o.error is not None for o in outcomes] == [False, False, False, False, True]
    assert isinstance(outcomes[-1].error, UnknownFormat)
    assert sorted(t.name for t in store.group("all")) == ["a", "b", "c"]
    assert len(told) == 5
    assert (store.path / "views.sql").read_text().count("over 3 traces") == 1


CHILD = """
import sys
from traceql.engine.ingest import ingest
from traceql.store.catalog import Store
store = Store.open(sys.argv[1], create=True)
print("ready", flush=True)
for path in sys.argv[2:]:
    print(ingest(path, store=store).status, flush=True)
"""


def child(store: Path, *paths: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, str(store), *map(str, paths)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(process: subprocess.Popen[str]) -> list[str]:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out.split()[1:]


def test_concurrent_ingests_of_one_file_and_of_many_are_safe(tmp_path: Path) -> None:
    same = trace_file(tmp_path / "same.json", 500)
    own = [trace_file(tmp_path / str(n) / "same.json", 5, f"n{n}-") for n in range(2)]
    crowd = [child(tmp_path / "store", same, path) for path in own]
    statuses = [finished(process) for process in crowd]

    assert sorted(s[0] for s in statuses) == ["new", "unchanged"]
    assert [s[1] for s in statuses] == ["new"] * 2
    store = Store.open(tmp_path / "store")
    assert sorted(t.name for t in store.traces()) == ["same", "same-2", "same-3"]
    assert list(verify(store.traces())) == []
    assert work_left(store) == []


def forked(store: Store, path: Path) -> int:
    """Ingest in a process that has everything loaded; gives its id."""
    pid = os.fork()
    if pid == 0:
        try:
            ingest(path, store=store, views=False)
        finally:
            os._exit(0)
    return pid


@pytest.mark.parametrize(
    ("times", "count"),
    [
        pytest.param(10, 20_000, id="small"),
        pytest.param(150, 20_000, id="small-often", marks=pytest.mark.fuzz),
        pytest.param(50, 450_000, id="by-the-fast-path", marks=pytest.mark.fuzz),
    ],
)
def test_kill_9_at_any_moment_spoils_nothing(
    tmp_path: Path, store: Store, times: int, count: int
) -> None:
    random.seed(7)
    first = ingest(trace_file(tmp_path / "first.json"), store=store).trace
    path = trace_file(tmp_path / "big.json", count)
    whole = 0.0
    for name in ("compile", "measure"):
        start = time.monotonic()
        os.waitpid(forked(Store.open(tmp_path / name, create=True), path), 0)
        whole = time.monotonic() - start
    killed = 0
    for _ in range(times):
        pid = forked(store, path)
        time.sleep(random.uniform(0, 0.9 * whole))
        os.kill(pid, signal.SIGKILL)
        killed += os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
        assert first in Store.open(store.path).traces()
        assert list(verify(store.traces())) == []
        for trace in store.traces()[1:]:
            store.remove(trace)
    assert killed >= times // 3
    assert ingest(path, store=store).status == "new"
    assert work_left(store) == []
    assert list(verify(store.traces())) == []


def test_ctrl_c_leaves_nothing(tmp_path: Path) -> None:
    path = trace_file(tmp_path / "big.json", 150_000)  # a busy machine strikes late
    process = child(tmp_path / "store", path)
    assert process.stdout is not None
    process.stdout.readline()
    deadline = time.monotonic() + 60
    while not list((tmp_path / "store" / "tmp").glob("*/trace")):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)

    assert "KeyboardInterrupt" in err
    store = Store.open(tmp_path / "store")
    assert store.traces() == ()
    assert work_left(store) == []


def test_a_process_that_dies_costs_no_file(tmp_path: Path, store: Store) -> None:
    for name in "abcd":
        trace_file(tmp_path / "in" / f"{name}.json", 3000, name)
    killed = []

    def kill(_: object) -> None:
        for process in active_children():
            if not killed:
                killed.append(process.pid)
                process.kill()

    outcomes = ingest_many(find_files([str(tmp_path / "in")]), store=store, jobs=2, done=kill)

    assert killed
    assert [outcome.error for outcome in outcomes] == [None] * 4
    assert sorted(t.name for t in store.traces()) == ["a", "b", "c", "d"]
    assert work_left(store) == []


def test_an_interrupt_ends_the_processes(tmp_path: Path, store: Store) -> None:
    for name in "abcd":
        trace_file(tmp_path / "in" / f"{name}.json", 3000, name)

    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ingest_many(find_files([str(tmp_path / "in")]), store=store, jobs=2, done=interrupt)
    assert active_children() == []
    assert work_left(store) == []
    assert list(verify(store.traces())) == []


def test_the_script_follows_the_results(tmp_path: Path, store: Store) -> None:
    from traceql.engine.analyze import analyze

    ingest(trace_file(tmp_path / "a.json"), store=store)
    analyze(store, store.traces(), only=["summary"])

    assert list((store.path / "results").glob("summary/*/finding.parquet"))
    with duckdb.connect() as connection:
        connection.execute((store.path / "views.sql").read_text())
        assert connection.execute("SELECT count(*) FROM finding").fetchall() == [(0,)]
    assert "finding.parquet" in (store.path / "views.sql").read_text()
