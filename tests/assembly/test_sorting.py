"""Sorting within a memory limit, and rows on disk."""

from __future__ import annotations

import errno

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from traceql.assembly import order, scratch
from traceql.assembly.number import NO_ROW, Numbering
from traceql.assembly.order import Memory, Sorter, by
from traceql.errors import StoreFull

SCHEMA = pa.schema([("a", pa.int32()), ("place", pa.int64()), ("text", pa.string())])

batches = st.lists(
    st.lists(
        st.tuples(st.none() | st.integers(-2, 2), st.sampled_from([None, "x", "yy"])), max_size=8
    ),
    max_size=8,
)


def filled(sorter, parts):
    place = 0
    for part in parts:
        rows = [{"a": a, "place": place + i, "text": text} for i, (a, text) in enumerate(part)]
        place += len(part)
        sorter.add(pa.RecordBatch.from_pylist(rows, schema=SCHEMA))
    return sorter


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(order, "BATCH_ROWS", 5)
    monkeypatch.setattr(scratch.RunWriter, "block_rows", 2)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("limit", [0, 150, 1 << 30])
def test_rows_come_sorted_whole_and_as_often_as_asked(tmp_path, limit):
    @given(batches)
    @settings(max_examples=40)
    def check(parts):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        sorter = filled(Sorter("s", SCHEMA, by("a", "place"), Memory(limit), folder), parts)
        rows = [(a, i, t) for i, (a, t) in enumerate(row for part in parts for row in part)]
        expected = sorted(rows, key=lambda row: (row[0] is None, row[0] or 0, row[1]))
        for columns in (None, ["a", "place"]):
            found = list(sorter.sorted(columns))
            assert [b.num_rows for b in found[:-1]] == [5] * (len(found) - 1)
            width = len(columns or SCHEMA.names)
            shown = [tuple(r.values()) for b in found for r in b.to_pylist()]
            assert shown == [row[:width] for row in expected]
        sorter.clear()
        assert list(folder.iterdir()) == []

    check()


def test_without_keys_rows_keep_their_order(tmp_path):
    parts = [[(3, "x")], [(1, "y"), (2, None)]]
    for limit in (0, 1 << 30):
        sorter = filled(Sorter(f"s{limit}", SCHEMA, lambda _: (), Memory(limit), tmp_path), parts)
        assert [r["a"] for b in sorter.sorted() for r in b.to_pylist()] == [3, 1, 2]


def test_the_sorter_that_holds_most_spills_and_one_being_read_does_not(tmp_path):
    memory = Memory(1000)
    first = Sorter("first", SCHEMA, by("place"), memory, tmp_path)
    second = Sorter("second", SCHEMA, by("place"), memory, tmp_path)
    filled(first, [[(1, "x" * 800)]])
    reading = first.sorted()
    filled(second, [[(1, "y" * 900)]])

    assert first.held_bytes > 0
    assert second.held_bytes == 0
    assert [b.num_rows for b in reading] == [1]
    assert [b.num_rows for b in second.sorted()] == [1]


def test_a_full_disk_is_a_clear_error(tmp_path, monkeypatch):
    class Full:
        def write_batch(self, rows):
            raise OSError(errno.ENOSPC, "No space left on device")

        def close(self):
            pass

    monkeypatch.setattr(pa.ipc, "new_file", lambda *_, **__: Full())
    sorter = Sorter("s", SCHEMA, by("place"), Memory(0), tmp_path)

    with pytest.raises(StoreFull, match="not enough disk space"):
        filled(sorter, [[(1, "x")]])


@given(st.lists(st.tuples(st.integers(-9, 9), st.integers(0, 10**6)), unique_by=lambda r: r[1]))
def test_numbers_follow_time_then_place(tmp_path_factory, rows):
    numbering = Numbering("n", Memory(1 << 20), tmp_path_factory.mktemp("n"))
    numbering.add(
        np.array([t for t, _ in rows], np.int64), np.array([p for _, p in rows], np.int64)
    )
    numbering.finish()
    places = [p for _, p in sorted(rows)]

    assert numbering.of(np.array(places, np.int64)).tolist() == list(range(len(rows)))
    assert numbering.of(np.array([-1, 10**6 + 1])).tolist() == [NO_ROW, NO_ROW]
