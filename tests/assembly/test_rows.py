"""Packed rows sorted within a memory limit, against Python's sort of whole rows."""

from __future__ import annotations

import errno

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from traceql.assembly import order, scratch
from traceql.assembly.columns import (
    Labels,
    Values,
    array_of,
    text_array,
    texts_of,
    values_of,
    where,
)
from traceql.assembly.order import Memory
from traceql.assembly.rows import RowSorter
from traceql.errors import StoreFull

COLUMNS = ("a", "b", "c")
numbers = st.integers(-(2**63), 2**63 - 1) | st.integers(-2, 2)
rows_of = st.tuples(
    st.tuples(numbers, st.integers(-2, 2)),
    st.tuples(*[st.none() | numbers] * len(COLUMNS)),
    st.text(max_size=20),
)
batches = st.lists(st.lists(rows_of, max_size=7), max_size=7)


def column(values):
    return where(
        np.array([v or 0 for v in values], np.int64), np.array([v is not None for v in values])
    )


def filled(sorter, parts):
    for part in parts:
        keys = [np.array([row[0][k] for row in part], np.int64) for k in range(2)]
        columns = {
            name: column([row[1][c] for row in part])
            for c, name in enumerate(COLUMNS)
            if any(row[1][c] is not None for row in part)
        }
        texts = texts_of(pa.array([row[2] for row in part], pa.string()))
        sorter.add(keys, columns, texts)
    return sorter


def shown(rows):
    columns, count = rows.columns(), len(rows.starts)
    listed = [
        array_of(columns.get(name), pa.int64(), count).to_pylist() for name in sorter_names(rows)
    ]
    texts = text_array(rows.texts(), np.ones(count, np.bool_)).to_pylist()
    keys = zip(*rows.keys().tolist(), strict=True)
    return list(zip(keys, zip(*listed, strict=True), texts, strict=True))


def sorter_names(rows):
    return rows.names


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(order, "BATCH_ROWS", 5)
    monkeypatch.setattr(scratch.PackedFile, "block_rows", 2)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("limit", [0, 400, 1 << 30])
def test_rows_come_sorted_whole_and_as_often_as_asked(tmp_path, limit):
    @given(batches)
    @settings(max_examples=60)
    def check(parts):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        sorter = filled(RowSorter("s", 2, COLUMNS, Memory(limit), folder), parts)
        expected = sorted((row for part in parts for row in part), key=lambda row: row[0])
        assert sorter.rows == len(expected)
        for _ in range(2):
            found = [row for rows in sorter.sorted() for row in shown(rows)]
            assert found == expected
        sorter.clear()
        assert list(folder.iterdir()) == []

    check()


def test_without_keys_rows_keep_their_order(tmp_path):
    for limit in (0, 1 << 30):
        sorter = RowSorter(f"s{limit}", 0, ("a",), Memory(limit), tmp_path)
        for part in ([3, 1], [2]):
            sorter.add((), {"a": Values(np.array(part, np.int64), None)})
        found = [rows.columns()["a"].values.tolist() for rows in sorter.sorted()]
        assert [a for part in found for a in part] == [3, 1, 2]


@pytest.mark.usefixtures("small_blocks")
def test_a_text_larger_than_a_batch_of_plain_rows_comes_through(tmp_path):
    long = "long " * 500
    sorter = RowSorter("s", 2, COLUMNS, Memory(0), tmp_path)
    filled(sorter, [[((1, 0), (None,) * 3, long)], [((0, 0), (1, 2, 3), "short")]])

    assert [row[2] for rows in sorter.sorted() for row in shown(rows)] == ["short", long]


def test_the_sorter_that_holds_most_spills_and_one_being_read_does_not(tmp_path):
    memory = Memory(1000)
    first = RowSorter("first", 2, COLUMNS, memory, tmp_path)
    second = RowSorter("second", 2, COLUMNS, memory, tmp_path)
    filled(first, [[((1, 1), (None,) * 3, "x" * 800)]])
    reading = first.sorted()
    first_rows = next(reading)
    filled(second, [[((1, 1), (None,) * 3, "y" * 900)]])

    assert first.held_bytes > 0
    assert second.held_bytes == 0
    assert shown(first_rows)[0][2] == "x" * 800
    assert [shown(rows)[0][2] for rows in second.sorted()] == ["y" * 900]


def test_a_full_disk_is_a_clear_error(tmp_path, monkeypatch):
    class Full:
        def write(self, data):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(scratch.Path, "open", lambda *_, **__: Full())
    sorter = RowSorter("s", 2, COLUMNS, Memory(0), tmp_path)

    with pytest.raises(StoreFull, match="not enough disk space"):
        filled(sorter, [[((1, 1), (None,) * 3, "")]])


@given(
    st.sampled_from([pa.int64(), pa.int32(), pa.bool_(), pa.float64()]),
    st.lists(st.none() | st.integers(0, 1), max_size=30),
    st.integers(0, 9),
)
def test_columns_go_to_numbers_and_back(kind, values, skip):
    array = pa.array(values, pa.int64()).cast(kind).slice(skip)
    found = values_of(array)

    if pa.types.is_boolean(kind):
        back = array_of(found, pa.int64(), len(array)).cast(kind)
    else:
        back = array_of(found, kind, len(array))
    assert back.to_pylist() == array.to_pylist()
    if found is not None:
        missing = [7 if v is None else v for v in array.cast(pa.int64()).to_pylist()]
        if not pa.types.is_floating(kind):
            assert found.filled(7).tolist() == missing


@given(st.lists(st.none() | st.text(max_size=3), max_size=20), st.integers(0, 5), st.booleans())
def test_texts_and_labels_come_back(values, skip, encoded):
    array = pa.array(values, pa.string())
    array = (array.dictionary_encode() if encoded else array).slice(skip)
    expected = array.to_pylist()
    texts = texts_of(array)
    labels = Labels()

    kept = text_array(texts, np.array([v is not None for v in expected], np.bool_))
    assert kept.to_pylist() == expected
    for _ in range(2):
        assert labels.decode(labels.encode(array), len(array)).to_pylist() == expected
