"""Combinations of columns, against Python's tuples."""

from __future__ import annotations

from unittest import mock

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from traceql.importers import _columns

tables = st.integers(0, 4).flatmap(
    lambda width: st.lists(st.tuples(*[st.none() | st.integers(0, 3)] * width), max_size=25)
)


@given(tables, st.sampled_from([3, 20, 1 << 62]))
@settings(max_examples=150)
def test_combinations_come_by_first_appearance(rows, most):
    """Codes are made smaller in between where they would grow beyond what a word holds."""
    width = len(rows[0]) if rows else 0
    columns = [pa.array([row[k] for row in rows], pa.int64()) for k in range(width)]

    with mock.patch.object(_columns, "_MOST_CODES", most):
        found = _columns.distinct(columns, len(rows))

    assert found.keys == list(dict.fromkeys(rows))
    assert [found.keys[code] for code in found.codes] == rows
