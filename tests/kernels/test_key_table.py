"""Numbers of keys, against a dict."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceql.kernels.key_table import KeyTable

PART = st.sampled_from([0, 1, -1, 2, (1 << 63) - 1, -(1 << 63)])
KEYS = st.lists(st.tuples(PART, PART, PART), max_size=60)


@given(st.lists(KEYS, max_size=4))
def test_numbers_follow_first_appearance(batches: list[list[tuple[int, int, int]]]) -> None:
    table, known = KeyTable(2), dict[tuple[int, int, int], int]()
    for batch in batches:
        before = len(known)
        expected = [known.setdefault(key, len(known)) for key in batch]
        columns = np.array(batch, np.int64).reshape(-1, 3).T
        ids, fresh = table.number(*columns)
        assert ids.tolist() == expected
        assert fresh.tolist() == [expected.index(n) for n in range(before, len(known))]
        assert len(table) == len(known)


def test_many_keys() -> None:
    random = np.random.default_rng(1)
    columns = random.integers(-50, 50, (3, 200_000))
    table = KeyTable()
    ids, fresh = table.number(*columns)
    _, first, inverse = np.unique(columns, axis=1, return_index=True, return_inverse=True)
    assert np.array_equal(np.sort(first), fresh)
    assert np.array_equal(fresh[ids], first[inverse])
    assert np.array_equal(table.keys[:, ids], columns)


def test_columns_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="one length"):
        KeyTable().number(np.zeros(2, np.int64), np.zeros(1, np.int64), np.zeros(2, np.int64))
