"""Batches of one size hold the rows that came, however they were cut."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceql.assembly import order
from traceql.assembly.batches import Batches
from traceql.assembly.columns import where

SCHEMA = pa.schema([("a", pa.int64()), ("b", pa.int32()), ("c", pa.int16())])
value = st.none() | st.integers(-99, 99)
part = st.integers(1, 9).flatmap(
    lambda rows: st.fixed_dictionaries(
        {"a": st.lists(st.integers(-99, 99), min_size=rows, max_size=rows)},
        optional={name: st.lists(value, min_size=rows, max_size=rows) for name in "bc"},
    )
)


@given(st.lists(part, max_size=8), st.integers(1, 7))
def test_rows_stay_and_batches_are_full(parts, size):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(order, "BATCH_ROWS", size)
        batches, found = Batches(SCHEMA), []
        for columns in parts:
            values = {
                name: where(np.array([v or 0 for v in c]), np.array([v is not None for v in c]))
                for name, c in columns.items()
            }
            found += batches.add(values, len(columns["a"]))
        found += batches.rest()
    assert [len(batch) for batch in found[:-1]] == [size] * (len(found) - 1)
    shown = [row for batch in found for row in batch.to_pylist()]
    assert shown == [
        {name: columns[name][i] if name in columns else None for name in "abc"}
        for columns in parts
        for i in range(len(columns["a"]))
    ]
