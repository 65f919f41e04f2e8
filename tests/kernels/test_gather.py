"""Facts of templates, and lifted integers, row by row."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from traceql.kernels.gather import MISSING, SAID, gather, take_lifted


@given(
    st.lists(st.tuples(st.integers(-9, 9), st.integers(-2, 2)), min_size=1, max_size=5),
    st.lists(st.integers(-1, 4), max_size=12),
)
def test_gather_equals_the_oracle(facts: list[tuple[int, int]], numbers: list[int]) -> None:
    numbers = [min(number, len(facts) - 1) for number in numbers]
    size = len(numbers)
    lifted = np.arange(100, 100 + 3 * (size + 1)).reshape(3, -1)
    values, missing = np.empty(size, np.int64), np.empty(size, np.bool_)
    none = gather(
        np.array([said for said, _ in facts]),
        np.array([source for _, source in facts], np.int8),
        np.array(numbers, np.int32),
        lifted,
        np.arange(size),
        values,
        missing,
    )
    expected: list[int | None] = []
    for row, number in enumerate(numbers):
        said, source = facts[number] if number >= 0 else (0, MISSING)
        there = said if source == SAID else int(lifted[source, row])
        expected.append(None if source == MISSING else there)
    assert missing.tolist() == [value is None for value in expected]
    assert values.tolist() == [value or 0 for value in expected]
    assert none == expected.count(None)


@given(st.lists(st.integers(0, 7), max_size=40), st.data())
def test_take_lifted_equals_the_oracle(holes: list[int], data: st.DataObject) -> None:
    size = len(holes)
    lifted = np.arange(3 * size).reshape(3, size)
    places = st.lists(st.integers(0, size - 1), unique=True, max_size=size) if size else st.just([])
    rows = np.array(sorted(data.draw(places)), np.int64)
    columns = sorted(data.draw(st.sets(st.integers(0, 2))))
    taken = np.full(32, -1, np.int64)
    taken[columns] = np.arange(len(columns))
    values = np.zeros((len(columns), rows.size), np.int64)
    bits = np.zeros((len(columns), (rows.size + 7) // 8), np.uint8)
    counts = np.zeros(len(columns), np.int64)
    take_lifted(lifted, np.array(holes, np.int32), taken, rows, values, bits, counts)
    for number, column in enumerate(columns):
        there = [holes[row] >> column & 1 for row in rows.tolist()]
        assert np.unpackbits(bits[number], count=rows.size, bitorder="little").tolist() == there
        assert counts[number] == sum(there)
        expected = [lifted[column, row] * has for row, has in zip(rows, there, strict=True)]
        assert values[number].tolist() == expected
