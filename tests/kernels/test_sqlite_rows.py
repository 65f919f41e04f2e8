"""Rows off pages, against what the sqlite3 module gives for the same bytes."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceql.kernels import sqlite_rows
from traceql.kernels.btree import Pages, leaves
from traceql.kernels.sqlite_rows import BYTES, INTEGER, NULL, ODD, REAL, ROWID, SKIPPED, THERE

SIZE = 512
whole = st.integers(-(2**63), 2**63 - 1) | st.integers(-300, 300)
real = st.floats(allow_nan=False)
cell = st.none() | whole | real | st.binary(max_size=1500) | st.text(max_size=40)
tables = st.lists(st.tuples(st.none() | whole, st.none() | real | whole, cell, cell), max_size=70)


def image(rows):
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as base:
        base.execute(f"PRAGMA page_size={SIZE}")
        base.execute("CREATE TABLE t (i, r, b BLOB, x)")
        base.executemany("INSERT INTO t VALUES (?, ?, ?, ?)", rows)
        root = base.execute("SELECT rootpage FROM sqlite_master").fetchone()[0]
        return base.serialize(), root


def read(raw, root, kinds, batch_rows=1 << 16, absent=None):
    pages = Pages(np.frombuffer(raw, np.uint8), SIZE, SIZE)
    absent = np.zeros(len(kinds), np.bool_) if absent is None else absent
    reader = sqlite_rows.RowReader(
        pages, leaves(pages, root), np.array(kinds, np.uint8), absent, batch_rows
    )
    batches = []
    while (batch := reader.read()) is not None:
        batches.append(kept(batch))
    return batches, reader.damaged.tolist()


def expected(value, kind):
    """Give a cell as it should come: its state and value."""
    if value is None:
        return NULL, None
    if kind == BYTES:
        if isinstance(value, int | float):
            return ODD, None
        return THERE, value.encode() if isinstance(value, str) else value
    if isinstance(value, int):
        return THERE, value if kind == INTEGER else float(value)
    if isinstance(value, float) and kind == REAL:
        return THERE, value
    return ODD, None


def kept(batch):
    """A batch that stays as it is when the next one is read."""
    return batch._replace(
        state=batch.state.copy(), odd_rows=batch.odd_rows.copy(), rowids=batch.rowids.copy()
    )


def cells_of(batch, kinds):
    """Give the cells of a batch, row by row."""
    columns, number, text = [], 0, 0
    for at, kind in enumerate(kinds):
        state = batch.state[at, : batch.rows].tolist()
        if kind == BYTES:
            starts, data = batch.starts[text].tolist(), batch.texts[text].tobytes()
            values = [data[starts[n] : starts[n + 1]] for n in range(batch.rows)]
            text += 1
        else:
            held = batch.values[number, : batch.rows]
            values = (held.view(np.float64) if kind == REAL else held).tolist()
            number += 1
        columns.append([(s, v if s == THERE else None) for s, v in zip(state, values, strict=True)])
    return list(zip(*columns, strict=True))


@given(tables, st.sampled_from([(INTEGER, REAL, BYTES, BYTES), (REAL, INTEGER, BYTES, INTEGER)]))
def test_rows_are_what_sqlite_gives(rows, kinds):
    raw, root = image(rows)
    batches, damaged = read(raw, root, kinds)
    found = [row for batch in batches for row in cells_of(batch, kinds)]
    assert found == [tuple(map(expected, row, kinds)) for row in rows]
    assert damaged == []
    for batch in batches:
        odd = [n for n, row in enumerate(cells_of(batch, kinds)) if any(s == ODD for s, _ in row)]
        assert batch.odd_rows.tolist() == odd


@given(tables, st.integers(0, 3))
def test_columns_that_are_skipped_change_nothing(rows, kept):
    kinds = [SKIPPED] * 4
    kinds[kept] = BYTES
    raw, root = image(rows)
    batches, _ = read(raw, root, kinds)
    found = [row for batch in batches for row in cells_of(batch, [BYTES])]
    assert found == [(expected(row[kept], BYTES),) for row in rows]


@given(tables, st.lists(st.tuples(st.integers(0, 2**20), st.integers(0, 255)), max_size=6))
def test_damage_is_bounded_to_its_pages(rows, flips):
    raw, root = image(rows)
    kinds = (INTEGER, REAL, BYTES, BYTES)
    data = bytearray(raw)
    for at, value in flips:
        data[at % len(data)] = value
    batches, damaged = read(bytes(data), root, kinds)
    assert sum(batch.rows for batch in batches) <= len(data)
    assert len(damaged) == len(set(damaged))


@given(
    st.lists(st.binary(min_size=20, max_size=120), min_size=20, max_size=60),
    st.integers(0, 2**20),
    st.lists(st.tuples(st.integers(0, SIZE - 1), st.binary(min_size=1, max_size=40)), min_size=1),
)
def test_rows_of_whole_pages_come_as_if_no_other_were_damaged(texts, which, writes):
    raw, root = image([(n, n / 2, text, None) for n, text in enumerate(texts)])
    kinds = (INTEGER, REAL, BYTES, SKIPPED)
    found = leaves(Pages(np.frombuffer(raw, np.uint8), SIZE, SIZE), root)
    victim = which % len(found.page)
    start = (int(found.page[victim]) - 1) * SIZE
    data = bytearray(raw)
    for at, written in writes:
        data[start + at : start + min(at + len(written), SIZE)] = written[: SIZE - at]
    low, high = int(found.low[victim]), int(found.high[victim])

    def others(image_bytes):
        return [
            (rowid, row)
            for batch in read(image_bytes, root, kinds)[0]
            for rowid, row in zip(batch.rowids.tolist(), cells_of(batch, kinds[:3]), strict=False)
            if not low <= rowid <= high
        ]

    assert others(bytes(data)) == others(raw)


def test_batches_grow_with_their_texts():
    raw, root = image([(n, None, b"x" * 100, b"y" * 100) for n in range(20_000)])
    batches, _ = read(raw, root, (INTEGER, REAL, BYTES, BYTES))
    assert sum(batch.rows for batch in batches) == 20_000
    assert batches[-2].rows > 5 * batches[0].rows


@given(st.lists(st.integers(-(2**63), 2**63 - 1), unique=True, max_size=90))
def test_an_alias_of_the_rowid_is_the_rowid(ids):
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as base:
        base.execute(f"PRAGMA page_size={SIZE}")
        base.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a)")
        base.executemany("INSERT INTO t VALUES (?, 'twenty bytes of text')", [(n,) for n in ids])
        root = base.execute("SELECT rootpage FROM sqlite_master").fetchone()[0]
        raw = base.serialize()
    batches, damaged = read(raw, root, (ROWID, BYTES))
    assert [n for batch in batches for n in batch.rowids[: batch.rows].tolist()] == sorted(ids)
    assert [n for b in batches for n in b.values[0, : b.rows].tolist()] == sorted(ids)
    assert damaged == []


def test_batches_end_with_whole_pages_and_hold_all_rows():
    rows = [(n, float(n), b"x" * (n % 900), None) for n in range(30_000)]
    raw, root = image(rows)
    batches, damaged = read(raw, root, (INTEGER, REAL, BYTES, BYTES), batch_rows=1)
    assert len(batches) > 2
    assert [n for b in batches for n in b.values[0, : b.rows].tolist()] == list(range(30_000))
    assert damaged == []


def test_rows_that_end_before_a_column_are_odd_only_where_it_has_a_default():
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as base:
        base.execute(f"PRAGMA page_size={SIZE}")
        base.execute("CREATE TABLE t (a)")
        base.execute("INSERT INTO t VALUES (5)")
        base.execute("ALTER TABLE t ADD COLUMN b")
        base.execute("ALTER TABLE t ADD COLUMN c DEFAULT 9")
        root = base.execute("SELECT rootpage FROM sqlite_master").fetchone()[0]
        raw = base.serialize()
    absent = np.array([False, False, True])
    (batch,), _ = read(raw, root, (INTEGER,) * 3, absent=absent)
    assert batch.state[:, 0].tolist() == [THERE, NULL, ODD]
    assert batch.odd_rows.tolist() == [0]


def test_bad_input_is_refused():
    pages = Pages(np.zeros(4096, np.uint8), SIZE, SIZE)
    found = leaves(pages, 1)
    with pytest.raises(ValueError, match="differ"):
        sqlite_rows.RowReader(pages, found, np.zeros(2, np.uint8), np.zeros(1, np.bool_), 9)
    outside = found._replace(page=np.array([99]), low=np.array([0]), high=np.array([0]))
    with pytest.raises(ValueError, match="not in the file"):
        sqlite_rows.RowReader(pages, outside, np.zeros(1, np.uint8), np.zeros(1, np.bool_), 9)
