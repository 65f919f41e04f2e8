"""Columns sorted run by run, against Python's sort of whole rows."""

from __future__ import annotations

import errno

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from traceql.assembly import runs, scratch
from traceql.assembly.columns import array_of, where
from traceql.assembly.order import Memory
from traceql.assembly.runs import RunSorter
from traceql.errors import StoreFull

COLUMNS = {"a": np.int64, "b": np.int32, "c": np.int32}
wide = st.integers(-(2**63), 2**63 - 1) | st.integers(-2, 2)
narrow = st.integers(-(2**31), 2**31 - 1)
row = st.tuples(st.integers(0, 3), wide, st.none() | wide, st.none() | narrow, st.none() | narrow)
tables = st.lists(row, max_size=24, unique_by=lambda row: row[:2])


def filled(sorter, rows, size):
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        keys = [np.array([row[k] for row in part], np.int64) for k in range(2)]
        columns = {}
        for place, (name, kind) in enumerate(COLUMNS.items(), 2):
            values = [row[place] for row in part]
            if any(v is not None for v in values):
                has = np.array([v is not None for v in values])
                columns[name] = where(np.array([v or 0 for v in values], kind), has)
        sorter.add(keys, columns)
    return sorter


def shown(taken):
    keys, columns, count = taken.keys(), taken.columns(), len(taken.keys()[0])
    listed = [array_of(columns.get(n), pa.from_numpy_dtype(COLUMNS[n]), count) for n in COLUMNS]
    return list(zip(*(key.tolist() for key in keys), *(c.to_pylist() for c in listed), strict=True))


@given(
    tables, st.integers(1, 9), st.integers(1, 9), st.booleans(), st.sampled_from([0, 40, 1 << 20])
)
@settings(max_examples=60, deadline=None)
def test_rows_come_sorted_whatever_was_held(tmp_path_factory, rows, size, at_once, grouped, held):
    memory = Memory(1 << 30)
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "HELD_BYTES", held)
        sorter = RunSorter("s", 2, COLUMNS, memory, folder, grouped=grouped)
        filled(sorter, rows, size)
    assert sorter.rows == len(rows)
    expected = sorted(rows, key=lambda row: row[:2])
    for _ in range(2):
        found = list(sorter.sorted(at_once=at_once))
        assert all(len(part.keys()[0]) == at_once for part in found[:-1])
        assert [one for part in found for one in shown(part)] == expected
    keys = [part.copy() for part in sorter.keys(at_once)]
    assert [tuple(k) for part in keys for k in part.T.tolist()] == [row[:2] for row in expected]
    for part in sorter.sorted():
        chosen = np.array([one[0] != 1 for one in shown(part)], np.bool_)
        assert shown(part.of(chosen)) == [one for one in shown(part) if one[0] != 1]
    sorter.clear()
    assert not list(folder.iterdir())
    assert not list(sorter.sorted())


def test_what_comes_in_order_is_one_lane_and_narrow(tmp_path):
    sorter = RunSorter("s", 2, COLUMNS, Memory(1 << 30), tmp_path, grouped=True)
    rows = [(track, 10**15 + i, None, 7, i) for track in (1, 2) for i in range(100)]
    filled(sorter, rows[:50] + rows[100:150] + rows[50:100] + rows[150:], 50)
    assert len(sorter) == 4
    assert sorter.held_bytes == 4 * (56 + 56)


def test_full_disk(tmp_path, monkeypatch):
    class Full:
        def write(self, _data):
            raise OSError(errno.ENOSPC, "full")

        def close(self):
            pass

    sorter = RunSorter("s", 2, COLUMNS, Memory(1 << 30), tmp_path, grouped=False)
    filled(sorter, [(0, 1, 2, 3, 4), (0, 2, 3, 4, 5)], 2)
    made = scratch.BytesFile(tmp_path / "other")
    monkeypatch.setattr(made, "_file", Full())
    monkeypatch.setattr(runs, "BytesFile", lambda _path: made)
    with pytest.raises(StoreFull):
        sorter.spill()
