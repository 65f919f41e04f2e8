"""Leaf pages of tables, against a walk in plain Python and against SQLite's own order."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceql.kernels.btree import INTERIOR, LEAF, Leaves, Pages, leaves


def image(rows, deleted, page_size):
    """Make a database of one table in memory: its bytes and the table's root."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as base:
        base.execute(f"PRAGMA page_size={page_size}")
        base.execute("CREATE TABLE t (a)")
        base.executemany("INSERT OR REPLACE INTO t(rowid, a) VALUES (?, ?)", rows)
        base.executemany("DELETE FROM t WHERE rowid = ?", [(n,) for n in deleted])
        root = base.execute("SELECT rootpage FROM sqlite_master").fetchone()[0]
        return base.serialize(), root


def walked(raw, size, number):
    """Give the leaves below a page, by recursion."""
    page = raw[(number - 1) * size : number * size]
    if page[0] == LEAF:
        return [number]
    assert page[0] == INTERIOR
    found = []
    for i in range(int.from_bytes(page[3:5], "big")):
        cell = int.from_bytes(page[12 + 2 * i : 14 + 2 * i], "big")
        found += walked(raw, size, int.from_bytes(page[cell : cell + 4], "big"))
    return found + walked(raw, size, int.from_bytes(page[8:12], "big"))


bases = st.builds(
    image,
    st.lists(
        st.tuples(st.integers(-(2**63), 2**63 - 1) | st.integers(0, 900), st.binary(max_size=600)),
        max_size=120,
    ),
    st.lists(st.integers(0, 900), max_size=60),
    st.just(512),
)


@given(bases)
def test_leaves_are_those_of_a_plain_walk(base):
    raw, root = base
    found = leaves(Pages(np.frombuffer(raw, np.uint8), 512, 512), root)
    assert found.page.tolist() == walked(raw, 512, root)
    assert found.damaged.tolist() == []
    assert (found.low <= found.high).all()
    assert (found.high[:-1] < found.low[1:]).all()


@given(bases, st.lists(st.tuples(st.integers(0, 2**20), st.integers(0, 255)), max_size=8))
def test_damage_ends_no_walk_and_no_page_comes_twice(base, flips):
    raw, root = base
    data = np.frombuffer(raw, np.uint8).copy()
    for at, value in flips:
        data[at % len(data)] = value
    found = leaves(Pages(data, 512, 512), root)
    assert len(set(found.page.tolist())) == len(found.page)
    assert all(1 <= page <= len(raw) // 512 for page in found.page.tolist())


def test_what_is_no_table_is_damaged():
    pages = Pages(np.zeros(2048, np.uint8), 512, 512)
    for root in (1, 4, 5, 0, -1):
        found = leaves(pages, root)
        assert isinstance(found, Leaves)
        assert found.page.tolist() == []
        assert found.damaged.tolist() == [root]


@pytest.mark.parametrize(("size", "usable"), [(256, 256), (512, 479), (512, 513), (131072, 4096)])
def test_impossible_sizes_are_refused(size, usable):
    with pytest.raises(ValueError, match="bytes"):
        leaves(Pages(np.zeros(4096, np.uint8), size, usable), 1)
