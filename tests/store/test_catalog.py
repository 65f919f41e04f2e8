"""The catalog: names, groups, order, and what it survives."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import trace_maker as make
from hypothesis import given
from hypothesis import strategies as st

from traceql.errors import (
    InputError,
    SchemaMismatch,
    StoreError,
    StoreNotFound,
    TraceNotFound,
)
from traceql.model.tables import SCHEMA_VERSION
from traceql.store import naming
from traceql.store.catalog import MARKER, Store
from traceql.store.manifest import Manifest


def test_a_store_is_made_only_when_asked(tmp_path: Path) -> None:
    with pytest.raises(StoreNotFound, match="traceql ingest"):
        Store.open(tmp_path / "s")
    Store.open(tmp_path / "s", create=True)

    assert Store.open(tmp_path / "s").traces() == ()
    assert json.loads((tmp_path / "s" / MARKER).read_text()) == {"format": 1}


def test_a_folder_with_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()

    with pytest.raises(StoreError, match="not empty"):
        Store.open(tmp_path, create=True)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize(
    ("text", "said"), [("", "damaged"), ("[]", "damaged"), ('{"format": 9}', "layout 9")]
)
def test_a_strange_marker_is_said(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / MARKER).write_text(text)

    with pytest.raises(StoreError, match=said):
        Store.open(tmp_path)


def test_traces_come_in_order_of_ingestion(tmp_path: Path) -> None:
    store, traces = make.store_with(tmp_path / "s", 3, 1, 2)

    assert [t.name for t in store.traces()] == ["run3", "run1", "run2"]
    assert store.traces() == tuple(traces)
    assert store.last() == traces[-1]
    assert traces[0].source == "/data/run3"
    assert all(t.ingested_at.utcoffset() is not None for t in traces)


def test_order_holds_when_the_clock_steps_back(tmp_path: Path) -> None:
    store, (trace,) = make.store_with(tmp_path / "s", 1)
    entry = store.path / "catalog" / f"{trace.id}.json"
    entry.write_text(entry.read_text().replace(str(trace.ingested_at.year), "2200"))
    make.write(store, 2)

    assert [t.name for t in store.traces()] == ["run1", "run2"]


def test_names_of_two_contents_never_collide(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "s", create=True)
    names = [make.write(store, n, changed={"source_name": "a.json"}).trace.name for n in (1, 2, 3)]

    assert names == ["a", "a-2", "a-3"]
    assert store.resolve("a-2").id == make.content_id(2)
    assert make.write(store, 4, name="a").trace.name == "a-4"


def test_traces_are_found_by_name_and_by_id(tmp_path: Path) -> None:
    store, (one, two) = make.store_with(tmp_path / "s", 1, 2)

    assert store.resolve("run2") == two
    assert store.resolve(one.id) == one
    assert store.resolve(one.id[:6]) == one
    with pytest.raises(TraceNotFound):
        store.resolve(one.id[:5])
    with pytest.raises(TraceNotFound, match="Did you mean run"):
        store.resolve("rum1")


def test_a_prefix_of_two_ids_names_both(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "s", create=True)
    for n, tail in ((1, "0"), (2, "1")):
        make.write(store, n, changed={"trace_id": "abcdef" + "0" * 25 + tail})

    with pytest.raises(TraceNotFound, match="run1, run2"):
        store.resolve("abcdef")


def test_groups_are_lists_of_traces(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "s", create=True)
    for number in (1, 2):
        make.write(store, number, group="night")
    store.join(store.resolve("run1"), "best")

    assert [t.name for t in store.group("night")] == ["run1", "run2"]
    assert {name: len(members) for name, members in store.groups().items()} == {
        "best": 1, "night": 2,
    }  # fmt: skip
    with pytest.raises(TraceNotFound, match="night"):
        store.group("nigth")


def test_renaming_keeps_the_rest(tmp_path: Path) -> None:
    store, (one, _) = make.store_with(tmp_path / "s", 1, 2)

    assert store.rename(one, "run2").name == "run2-2"
    assert store.rename(one, "baseline").name == "baseline"
    assert store.resolve("baseline").ingested_at == one.ingested_at
    for wrong in ("", "  ", "a/b", "a\nb"):
        with pytest.raises(InputError):
            store.rename(one, wrong)


def test_removing_takes_the_results_too(tmp_path: Path) -> None:
    store, (one, two) = make.store_with(tmp_path / "s", 1, 2)
    folder = store.path / "results" / "summary" / "x"
    folder.mkdir(parents=True)
    (folder / "result.json").write_text(json.dumps({"trace_ids": [two.id, one.id]}))
    store.remove(one)

    assert store.traces() == (two,)
    assert not one.path.exists()
    assert not (store.path / "catalog" / f"{one.id}.json").exists()
    assert not folder.exists()
    assert not list((store.path / "tmp").iterdir())


@pytest.mark.parametrize("damage", ["missing", "empty", "not json", "{}", '{"name": "x"}'])
def test_a_lost_entry_is_rebuilt(tmp_path: Path, damage: str) -> None:
    store, (one, _) = make.store_with(tmp_path / "s", 1, 2)
    entry = store.path / "catalog" / f"{one.id}.json"
    entry.unlink() if damage == "missing" else entry.write_text(damage)

    assert {t.name for t in store.traces()} == {"run1", "run2"}
    assert store.resolve("run1").manifest == one.manifest
    store.join(store.resolve("run1"), "g")
    assert json.loads(entry.read_text())["groups"] == ["g"]


def test_an_entry_without_a_trace_is_nothing(tmp_path: Path) -> None:
    store, (one, _) = make.store_with(tmp_path / "s", 1, 2)
    (store.path / "catalog" / f"{make.content_id(9)}.json").write_text(
        (store.path / "catalog" / f"{one.id}.json").read_text()
    )

    assert len(store.traces()) == 2
    assert store.resolve("run1") == one


def test_a_damaged_manifest_spoils_one_trace_only(tmp_path: Path) -> None:
    store, (one, two) = make.store_with(tmp_path / "s", 1, 2)
    (one.path / "manifest.json").write_text("{")

    assert len(store.traces()) == 2
    assert store.resolve("run2").manifest == two.manifest
    with pytest.raises(StoreError, match="damaged"):
        _ = store.resolve("run1").manifest


def test_another_major_version_asks_for_migration(tmp_path: Path) -> None:
    store, (one,) = make.store_with(tmp_path / "s", 1)
    text = (one.path / "manifest.json").read_text()
    (one.path / "manifest.json").write_text(text.replace(f'"{SCHEMA_VERSION}"', '"2.0"'))

    with pytest.raises(SchemaMismatch, match="store migrate"):
        _ = store.resolve("run1").manifest


def test_manifest_is_deterministic_and_fits_its_schema(tmp_path: Path, root: Path) -> None:
    import jsonschema

    _, (trace,) = make.store_with(tmp_path / "s", 1)
    text = (trace.path / "manifest.json").read_text()
    schema = json.loads((root / "schemas" / "manifest.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)

    jsonschema.validate(json.loads(text), schema)
    assert Manifest.read(trace.path).text() == text
    assert str(trace.ingested_at.year) not in text


def test_an_empty_store_is_discarded_a_used_one_is_not(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "s", create=True)
    store.discard_if_empty()
    assert not (tmp_path / "s").exists()

    store = Store.open(tmp_path / "s", create=True)
    Store.open(tmp_path / "s", create=True).discard_if_empty()
    assert Store.open(tmp_path / "s").traces() == ()

    store, _ = make.store_with(tmp_path / "t", 1)
    store.discard_if_empty()
    assert len(Store.open(tmp_path / "t").traces()) == 1

    store = Store.open(tmp_path / "u", create=True)
    (tmp_path / "u" / "note.txt").touch()
    store.discard_if_empty()
    assert Store.open(tmp_path / "u").traces() == ()


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("run.pt.trace.json.gz", "run"),
        ("/a/b/host_7.1700000000.pt.trace.json", "host_7.1700000000"),
        ("x.JSON.ZST", "x"),
        ("report.nsys-rep", "report"),
        ("v1.2-final.json", "v1.2-final"),
        ("trace", "trace"),
        (".json", ".json"),
        ("trace.json", "trace"),
        ("-", "stdin"),
        ("a\nb.json", "a_b"),
    ],
)
def test_names_of_files(file: str, name: str) -> None:
    assert naming.name_of(file) == name


@given(st.text(st.characters(exclude_characters="/\x00", exclude_categories=("Cs",)), min_size=1))
def test_every_file_gets_a_name_that_a_person_may_type(file: str) -> None:
    name = naming.name_of(f"dir/{file}")

    assert naming.checked(name) == name
    assert "/" not in name
