"""What every importer must do, with every sample: detect, refuse, survive, repeat, conserve."""

from __future__ import annotations

import gzip
from itertools import islice
from pathlib import Path

import importer_runs as runs
import pyarrow as pa
import pytest

from traceql.engine import plugins
from traceql.engine.ingest import ingest
from traceql.errors import InputError
from traceql.model.protocols import Importer, Match
from traceql.store.catalog import Store

OWNERS = runs.owners()
PAIRS = [(name, path) for name in plugins.names("importers") for path in OWNERS]
OWN = [(owner, path) for path, owner in OWNERS.items() if owner in plugins.names("importers")]
EVENTS = [(owner, path) for owner, path in OWN if owner == "chrome"]
"""Samples that are read as a stream of events, and counted by `recount`."""
FOREIGN_TRACES = ("nsys", "perf-script", "power", "ftrace", "instruments", "intel")

TOOLS = {"nsys": "nsight"}
"""Folder of shared traces to the importer that reads them."""


def label(value: object) -> str:
    return value.name if isinstance(value, Path) else str(value)


def importer_of(name: str) -> Importer:
    made: Importer = plugins.load("importers", name)()
    return made


def test_there_is_an_importer_and_every_sample_has_one() -> None:
    assert plugins.names("importers")
    assert set(OWNERS.values()) <= set(plugins.names("importers"))


@pytest.mark.parametrize(("name", "path"), PAIRS, ids=label)
def test_judges_the_content_and_not_the_name(name: str, path: Path) -> None:
    data = runs.content(path)
    found = {
        importer_of(name).sniff(runs.head(data, f"elsewhere/{wrong}"))
        for wrong in ("report.sqlite", "noextension", "x.csv", path.name)
    }
    assert found == ({Match.SURE} if OWNERS[path] == name else {Match.NO})


@pytest.mark.parametrize("name", plugins.names("importers"))
def test_is_not_sure_of_other_tools_files(name: str, shared: Path) -> None:
    for folder in FOREIGN_TRACES:
        if name == TOOLS.get(folder):
            continue
        files = (p for p in sorted((shared / "traces" / folder).rglob("*")) if p.is_file())
        for path in islice(files, 25):
            data = path.read_bytes()[:65536]
            if path.suffix != ".gz":
                assert importer_of(name).sniff(runs.head(data, "a.json")) is not Match.SURE, path


@pytest.mark.parametrize("name", plugins.names("importers"))
@pytest.mark.parametrize("data", [b"", b"\0" * 70_000, b"{", b"hello", b"\xff\xfe[", b"null", b"7"])
def test_is_not_sure_of_nothing(name: str, data: bytes) -> None:
    assert importer_of(name).sniff(runs.head(data, "trace.json")) is not Match.SURE


@pytest.mark.parametrize(("name", "path"), EVENTS, ids=label)
def test_gives_the_same_rows_at_any_block_size(name: str, path: Path) -> None:
    data = runs.shortened(path)
    whole = runs.read(importer_of(name), data)
    assert {table for table, rows in whole.items() if rows.num_rows}
    for step in (len(data) // 3 + 1, 65_536, 4099, 61):
        again = runs.read(importer_of(name), data, step)
        assert again.keys() == whole.keys()
        assert all(again[table].equals(whole[table]) for table in whole), step


@pytest.mark.parametrize(("name", "path"), EVENTS, ids=label)
def test_loses_nothing(name: str, path: Path) -> None:
    data = runs.content(path)
    expected, found = runs.recount(data), runs.read(importer_of(name), data)

    def rows(table: str) -> pa.Table:
        return found.get(table, pa.table({"dur": pa.array([], pa.int64())}))

    durations = rows("span")["dur"].to_pylist()
    points = rows("flow_point").num_rows
    assert sum(dur > 0 for dur in durations) == expected["positive"]
    assert sum(durations) == expected["sum_dur"]
    assert rows("edge").num_rows == expected["edges"]
    assert rows("counter_sample").num_rows == expected["counters"]
    assert points == expected["flow_points"] + expected["bound_flows"]


@pytest.mark.parametrize("count", [30, pytest.param(200, marks=pytest.mark.fuzz)])
@pytest.mark.parametrize(("name", "path"), EVENTS, ids=label)
def test_reads_a_truncated_file_as_far_as_it_goes(
    name: str, path: Path, count: int, tmp_path: Path
) -> None:
    data = runs.shortened(path)
    whole = runs.read(importer_of(name), data)["span"]
    for cut in runs.truncations(data, count, path.name):
        try:
            found = runs.read(importer_of(name), cut)
            runs.through(importer_of(name), cut, tmp_path)
        except InputError:
            continue
        spans = found["span"] if "span" in found else whole.slice(0, 0)
        assert spans.equals(whole.slice(0, spans.num_rows)), len(cut)
        assert found["diagnostic"].num_rows, len(cut)


@pytest.mark.parametrize("count", [12, pytest.param(500, marks=pytest.mark.fuzz)])
@pytest.mark.parametrize(("name", "path"), OWN, ids=label)
def test_survives_changed_bytes(name: str, path: Path, count: int, tmp_path: Path) -> None:
    refused = 0
    for damaged in runs.flips(runs.shortened(path), count, path.name):
        try:
            runs.through(importer_of(name), damaged, tmp_path)
        except InputError:
            refused += 1
    assert refused <= count // 3


@pytest.mark.parametrize("kind", ["empty", "one byte", "no events", "damaged gzip", "text"])
def test_a_refused_file_leaves_nothing(kind: str, tmp_path: Path) -> None:
    packed = gzip.compress(b'{"traceEvents":[]}', mtime=0)
    data = {
        "empty": b"",
        "one byte": b"{",
        "no events": b'{"nodes": [], "schema": "1"}',
        "damaged gzip": packed[:12],
        "text": b"just a text\n" * 9,
    }[kind]
    source = tmp_path / "trace.json"
    source.write_bytes(data)
    store = Store.open(tmp_path / "store", create=True)
    with pytest.raises(InputError) as refusal:
        ingest(source, store=store)
    assert refusal.value.exit_code == 2
    assert str(source) in str(refusal.value)
    assert "byte " in str(refusal.value)
    assert not store.traces()
    assert not list((tmp_path / "store" / "traces").glob("*"))
    assert not list((tmp_path / "store" / "tmp").glob("*"))


@pytest.mark.parametrize("count", [3, pytest.param(100, marks=pytest.mark.fuzz)])
@pytest.mark.parametrize(("name", "path"), OWN, ids=label)
def test_damaged_files_are_ingested_or_refused(
    name: str, path: Path, count: int, tmp_path: Path
) -> None:
    """The whole way with the file as it lies, so .gz is damaged too."""
    store = Store.open(tmp_path / "store", create=True)
    data = path.read_bytes()
    for number, damaged in enumerate(
        [*runs.truncations(data, count, path.name)[-2:], *runs.flips(data, count, path.name)]
    ):
        source = tmp_path / f"{number}-{path.name}"
        source.write_bytes(damaged)
        before = len(store.traces())
        try:
            done = ingest(source, store=store)
        except InputError:
            assert len(store.traces()) == before
            continue
        assert len(store.traces()) == before + (done.status == "new")
