"""Files that our kernels encode, as other readers of Parquet read them."""

from __future__ import annotations

import math
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from traceql.store.row_groups import RowGroups

INT32 = st.integers(-(2**31), 2**31 - 1)
KINDS = {
    pa.int32(): INT32 | st.integers(0, 4),
    pa.int64(): st.integers(-(2**63), 2**63 - 1) | st.integers(0, 4),
    pa.float64(): st.floats(allow_nan=False) | st.sampled_from([0.0, -0.0, 1.5]),
    pa.string(): st.text(max_size=8) | st.just("x" * 300) | st.sampled_from(["a", "b"]),
    pa.binary(): st.binary(max_size=8),
    pa.bool_(): st.booleans(),
}
MOST_ROWS = 64


@st.composite
def columns(draw: st.DrawFn) -> tuple[pa.Array, bool]:
    """A column of some rows, many of them runs, and whether it gets a dictionary."""
    kind = draw(st.sampled_from(list(KINDS)))
    value = KINDS[kind] if draw(st.booleans()) else st.none() | KINDS[kind]
    runs = draw(st.lists(st.tuples(value, st.integers(1, 40)), min_size=1, max_size=30))
    values = [v for v, count in runs for _ in range(count)][:150]
    array = pa.array(values, kind)
    if pa.types.is_string(kind) and draw(st.booleans()):
        array = array.dictionary_encode()
    return array[draw(st.integers(0, len(values) - 1)) :], draw(st.booleans())


def written(path: Path, array: pa.Array, *, repeats: bool, nullable: bool = True) -> pa.Table:
    plain = array.dictionary_decode() if pa.types.is_dictionary(array.type) else array
    schema = pa.schema([pa.field("x", plain.type, nullable=nullable)])
    names = ["x"] if repeats else []
    groups = RowGroups(path, schema, repeating=names, sorted_by=[0], most_rows=MOST_ROWS)
    for start in range(0, len(array), MOST_ROWS):
        part = array[start : start + MOST_ROWS]
        groups.write(pa.RecordBatch.from_arrays([part], ["x"]))
    groups.close({b"made by": b"a test"})
    return pa.Table.from_arrays([plain], schema=schema)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(columns())
def test_every_reader_gets_the_rows_and_the_librarys_statistics(
    tmp_path: Path, column: tuple[pa.Array, bool]
) -> None:
    array, repeats = column
    path, plain = tmp_path / "ours.parquet", tmp_path / "plain.parquet"
    table = written(path, array, repeats=repeats)
    pq.write_table(table, plain, row_group_size=MOST_ROWS)

    assert pq.read_table(path).equals(table)
    assert pl.read_parquet(path).equals(pl.read_parquet(plain))
    if not pa.types.is_binary(table.schema[0].type):
        with duckdb.connect() as base:
            rows = base.execute(f"SELECT * FROM read_parquet('{path}')").fetchall()
        assert [x for (x,) in rows] == table["x"].to_pylist()
    ours, theirs = (pq.ParquetFile(file).metadata for file in (path, plain))
    assert ours.schema.equals(theirs.schema)
    assert ours.metadata == {b"made by": b"a test"}
    for g in range(theirs.num_row_groups):
        found, expected = (m.row_group(g).column(0).statistics for m in (ours, theirs))
        assert found.null_count == expected.null_count
        if found.has_min_max or expected.null_count == len(table):
            assert (found.min, found.max) == (expected.min, expected.max)
        else:
            assert not expected.has_min_max or max(len(expected.min), len(expected.max)) > 256


@pytest.mark.parametrize("kind", [k for k in KINDS if k != pa.bool_()], ids=str)
def test_columns_that_must_have_values_have_no_levels(tmp_path: Path, kind: pa.DataType) -> None:
    array = pa.array(["1", "2", "3"] * 40).cast(kind)
    for repeats in (True, False):
        path = tmp_path / f"{repeats}.parquet"
        table = written(path, array, repeats=repeats, nullable=False)
        assert pq.read_table(path).equals(table)
        assert pq.ParquetFile(path).metadata.row_group(0).column(0).has_dictionary_page == repeats


def test_a_value_that_is_no_number_leaves_the_bounds_open(tmp_path: Path) -> None:
    written(tmp_path / "x.parquet", pa.array([1.0, math.nan, 2.0]), repeats=False)

    with duckdb.connect() as base:
        query = f"SELECT count(*) FROM read_parquet('{tmp_path / 'x.parquet'}') WHERE x > 5"
        assert base.execute(query).fetchone() == (1,)
    group = pq.ParquetFile(tmp_path / "x.parquet").metadata.row_group(0)
    assert not group.column(0).statistics.has_min_max


def test_values_that_hardly_repeat_get_no_dictionary(tmp_path: Path) -> None:
    for array in (pa.array(range(64), pa.int32()), pa.array([str(i) for i in range(64)])):
        table = written(tmp_path / "x.parquet", array, repeats=True)
        assert pq.read_table(tmp_path / "x.parquet").equals(table)
        column = pq.ParquetFile(tmp_path / "x.parquet").metadata.row_group(0).column(0)
        assert not column.has_dictionary_page


def test_labels_that_two_codes_share_become_one(tmp_path: Path) -> None:
    labels = pa.DictionaryArray.from_arrays(
        pa.array([0, 1, 2, 1, None], pa.int8()), pa.array(["a", "b", "a"])
    )
    table = written(tmp_path / "x.parquet", labels, repeats=True)

    assert pq.read_table(tmp_path / "x.parquet").equals(table)
    assert table["x"].to_pylist() == ["a", "b", "a", "b", None]
