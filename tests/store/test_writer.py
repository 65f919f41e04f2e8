"""The writer: right files, one rename, nothing left behind, the same bytes every time."""

from __future__ import annotations

import errno
import math
import os
import random
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import trace_maker as make

from traceql.errors import StoreError, StoreFull
from traceql.model import tables
from traceql.model.protocols import Chunk
from traceql.store import durable, parquet
from traceql.store.catalog import Store
from traceql.store.writer import TraceWriter


def cut(batch: pa.RecordBatch, seed: int) -> list[pa.RecordBatch]:
    """The same rows in batches of random sizes, texts sometimes dictionary-encoded."""
    random.seed(seed)
    parts, start = [], 0
    while start < batch.num_rows:
        size = random.randint(1, 40_000)
        part = batch.slice(start, size)
        start += size
        if random.random() < 0.5:
            columns = [
                c.dictionary_encode() if pa.types.is_string(c.type) else c for c in part.columns
            ]
            part = pa.RecordBatch.from_arrays(columns, names=part.schema.names)
        parts.append(part)
    return parts


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "s", create=True)
    done = make.write(store, count=20)

    assert done.status == "new"
    assert done.trace.path == tmp_path / "s" / "traces" / make.content_id(1)
    found = pq.read_table(done.trace.path / "slice.parquet")
    assert found.to_pylist() == make.batch("slice", make.slices(20)).to_pylist()
    assert found.schema.equals(tables.table("slice").stored_schema)
    assert sorted(p.name for p in done.trace.path.iterdir()) == [
        "counter.parquet", "dim_args.parquet", "dim_name.parquet", "manifest.json",
        "process.parquet", "slice.parquet", "track.parquet",
    ]  # fmt: skip


def test_manifest_counts_rows_bytes_and_bounds(tmp_path: Path) -> None:
    _, (trace,) = make.store_with(tmp_path / "s", 1)

    file = trace.manifest.tables["slice"]
    assert (file.rows, file.min_ts, file.max_end) == (10, 1000, 1095)
    assert file.bytes == (trace.path / "slice.parquet").stat().st_size
    assert file.xxh3 == parquet.digest(trace.path / "slice.parquet")
    counter = trace.manifest.tables["counter"]
    assert (counter.min_ts, counter.max_end) == (2000, 2003)
    assert trace.manifest.tables["dim_name"].min_ts is None
    assert trace.manifest.bytes == sum(p.stat().st_size for p in trace.path.glob("*.parquet"))


def test_an_unclosed_slice_ends_where_it_starts(tmp_path: Path) -> None:
    rows = make.slices(2)
    rows[1]["dur"] = -1
    writer = parquet.TableWriter(tables.table("slice"), tmp_path / "slice.parquet")
    writer.add(make.batch("slice", rows))

    assert writer.close().max_end == 1010


@pytest.mark.parametrize("count", [4, parquet.ROW_GROUP])
def test_a_filter_does_not_give_what_is_no_number(tmp_path: Path, count: int) -> None:
    table = tables.table("counter")
    values = {"value": pa.array([0.5, math.nan, *[1.0] * (count - 2)])}
    columns = [
        values.get(field.name, pa.nulls(count, field.type)
                   if field.nullable else pa.array([0] * count, field.type))
        for field in table.stored_schema
    ]  # fmt: skip
    path = tmp_path / "counter.parquet"
    writer = parquet.TableWriter(table, path)
    writer.add(pa.RecordBatch.from_arrays(columns, schema=table.stored_schema))
    writer.close()
    with duckdb.connect() as base:
        found = base.execute(f"SELECT count(*) FROM '{path}' WHERE value <= 1").fetchall()
    assert found == [(count - 1,)]


def test_bytes_do_not_depend_on_how_rows_arrive(tmp_path: Path) -> None:
    count = parquet.ROW_GROUP + 5_000
    rows = make.batch("slice", make.slices(count, tracks=1))
    names = make.batch("dim_name", [{"id": i, "text": f"n{i}"} for i in range(count)])
    files = []
    for seed in range(3):
        for table, batch in (("slice", rows), ("dim_name", names)):
            path = tmp_path / str(seed) / f"{table}.parquet"
            path.parent.mkdir(exist_ok=True)
            writer = parquet.TableWriter(tables.table(table), path)
            for part in cut(batch, seed) if seed else [batch]:
                writer.add(part)
            files.append((table, writer.close()))
    assert len(set(map(repr, files))) == 2
    about = pq.ParquetFile(tmp_path / "1" / "slice.parquet").metadata
    assert [about.row_group(g).num_rows for g in range(about.num_row_groups)] == [
        parquet.ROW_GROUP, 5_000,
    ]  # fmt: skip
    assert pq.read_table(tmp_path / "2" / "slice.parquet").equals(pa.Table.from_batches([rows]))


def test_files_have_the_encodings_measured_best_and_say_their_order(tmp_path: Path) -> None:
    _, (trace,) = make.store_with(tmp_path / "s", 1)

    about = pq.ParquetFile(trace.path / "slice.parquet").metadata
    group = about.row_group(0)
    columns = {group.column(i).path_in_schema: group.column(i) for i in range(group.num_columns)}
    for name in ("id", "ts", "dur", "parent_id", "self_dur", "arg_0", "args_id"):
        assert "DELTA_BINARY_PACKED" in columns[name].encodings, name
    for name in ("name_id", "track_id", "depth"):
        assert columns[name].has_dictionary_page, name
    assert {c.compression for c in columns.values()} == {"ZSTD"}
    assert columns["ts"].statistics.min == 1000
    assert about.metadata == {
        b"traceql.table": b"slice",
        b"traceql.schema_version": tables.SCHEMA_VERSION.encode(),
        b"traceql.sorted_by": b"track_id, ts, dur desc, id",
    }
    assert [c.column_index for c in group.sorting_columns] == [
        tables.table("slice").stored_schema.get_field_index(n) for n in ("track_id", "ts")
    ]


@pytest.mark.parametrize("name", tables.stored())
def test_every_table_can_be_written(name: str, tmp_path: Path) -> None:
    schema = tables.table(name).stored_schema
    values = {"int32": 1, "int64": 2, "double": 0.5, "bool": True, "string": "x", "binary": b"x"}
    row = {field.name: values[str(field.type)] for field in schema}
    writer = parquet.TableWriter(tables.table(name), tmp_path / f"{name}.parquet")
    writer.add(make.batch(name, [row, row]))

    assert writer.close().rows == 2
    assert pq.read_table(tmp_path / f"{name}.parquet").to_pylist() == [row, row]


def test_the_same_rows_give_the_same_files(tmp_path: Path) -> None:
    _, (one,) = make.store_with(tmp_path / "a", 1)
    _, (other,) = make.store_with(tmp_path / "b", 1)

    for path in one.path.iterdir():
        assert path.read_bytes() == (other.path / path.name).read_bytes(), path.name


def test_tables_without_rows_have_no_file(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "s", create=True)
    with TraceWriter(store) as writer:
        writer.add(Chunk("flow", make.batch("flow", [])))
        trace = writer.finish(make.manifest(), source="x").trace

    assert trace.manifest.tables == {}
    assert [p.name for p in trace.path.iterdir()] == ["manifest.json"]


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt, SystemExit])
def test_whatever_fails_leaves_nothing(tmp_path: Path, failure: type[BaseException]) -> None:
    store, (trace,) = make.store_with(tmp_path / "s", 1)
    with pytest.raises(failure), TraceWriter(store) as writer:  # noqa: PT012
        (writer.scratch / "run").write_text("spilled")
        for chunk in make.chunks():
            writer.add(chunk)
        raise failure

    assert store.traces() == (trace,)
    assert not list((store.path / "tmp").iterdir())


def test_rows_of_another_shape_are_refused(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "s", create=True)
    rows = make.batch("process", [{"upid": 0}])
    with TraceWriter(store) as writer:
        with pytest.raises(ValueError, match="columns are"):
            writer.add(Chunk("process", rows.select(["pid", "upid"])))
        columns = [pa.array(["x"]) if n == "pid" else rows.column(n) for n in rows.schema.names]
        wrong = pa.RecordBatch.from_arrays(columns, names=rows.schema.names)
        with pytest.raises(ValueError, match=r"process\.pid: type is string, not int64"):
            writer.add(Chunk("process", wrong))
        with pytest.raises(KeyError):
            writer.add(Chunk("span", rows))


def test_an_equal_recipe_changes_nothing(tmp_path: Path) -> None:
    store, (trace,) = make.store_with(tmp_path / "s", 1)
    again = make.write(store, 1)

    assert again.status == "unchanged"
    assert again.trace == trace


@pytest.mark.parametrize(
    "changed",
    [
        {"importer": "other"},
        {"importer_version": "2"},
        {"options": {"strict": True}},
        {"schema_version": "1.9"},
    ],
)
def test_another_recipe_replaces_and_keeps_the_name(
    tmp_path: Path, changed: dict[str, object]
) -> None:
    store, (trace,) = make.store_with(tmp_path / "s", 1)
    store.join(store.rename(trace, "mine"), "g")
    before = store.traces()[0].ingested_at
    done = make.write(store, 1, count=30, changed=changed)

    assert done.status == "replaced"
    (now,) = store.traces()
    assert now == done.trace
    assert (now.name, now.groups) == ("mine", ("g",))
    assert now.ingested_at > before
    assert now.manifest.tables["slice"].rows == 30
    assert not list((store.path / "tmp").iterdir())


def test_replacing_works_where_folders_cannot_be_swapped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(durable, "exchange", lambda _one, _other: False)
    store, _ = make.store_with(tmp_path / "s", 1)
    done = make.write(store, 1, count=30, changed={"importer_version": "2"})

    assert done.status == "replaced"
    assert store.traces()[0].manifest.tables["slice"].rows == 30
    assert not list((store.path / "tmp").iterdir())


def test_folders_are_swapped_in_one_step(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    if not durable.exchange(tmp_path / "a", tmp_path / "b"):
        pytest.skip("this file system cannot swap folders")

    assert (tmp_path / "a" / "b").exists()
    assert (tmp_path / "b" / "a").exists()
    assert not durable.exchange(tmp_path / "a", tmp_path / "missing")


def test_replacing_drops_results_about_the_trace(tmp_path: Path) -> None:
    store, _ = make.store_with(tmp_path / "s", 1, 2)
    for name, about in (("one", [1]), ("both", [1, 2]), ("other", [2])):
        folder = store.path / "results" / "summary" / name
        folder.mkdir(parents=True)
        ids = ", ".join(f'"{make.content_id(n)}"' for n in about)
        (folder / "result.json").write_text(f'{{"trace_ids": [{ids}]}}')
    make.write(store, 1, changed={"importer_version": "2"})

    assert [p.name for p in (store.path / "results" / "summary").iterdir()] == ["other"]


def test_a_shortened_file_is_written_again(tmp_path: Path) -> None:
    store, (trace,) = make.store_with(tmp_path / "s", 1)
    path = trace.path / "slice.parquet"
    path.write_bytes(path.read_bytes()[:-10])

    assert make.write(store, 1).status == "replaced"


def test_a_full_disk_is_said_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store.open(tmp_path / "s", create=True)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(parquet.TableWriter, "add", full)
    with pytest.raises(StoreFull, match="not enough disk space"):
        make.write(store, 1)
    assert store.traces() == ()
    assert not list((store.path / "tmp").iterdir())


def test_a_store_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "s", create=True)
    (tmp_path / "s" / "tmp").write_text("a file where a folder should be")

    with pytest.raises(StoreError, match=r"exists|directory"):
        make.write(store, 1)
