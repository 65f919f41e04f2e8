"""Final numbers of texts, one by one."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from traceql.kernels.renumber import renumber

BITS = 4
columns = st.lists(
    st.tuples(st.lists(st.integers(0, 99), max_size=6), st.integers(0, 200)), min_size=1, max_size=5
)


@given(columns, st.data())
def test_numbers_are_looked_up_or_counted_on(made, data):
    """A column is the final numbers of what it remembered, and where its others start."""
    given_out = {
        (column << (BITS + 1)) | index: final
        for column, (listed, _) in enumerate(made)
        for index, final in enumerate(listed)
    } | {
        (column << (BITS + 1)) | (1 << BITS) | index: start + index
        for column, (_, start) in enumerate(made)
        for index in range(1 << BITS)
    }
    numbers = data.draw(st.lists(st.sampled_from(sorted(given_out))))
    sizes = [len(listed) for listed, _ in made]
    starts = np.cumsum([0, *sizes[:-1]])
    final = np.array([n for listed, _ in made for n in listed], np.int32)

    found = renumber(np.array(numbers, np.int64), BITS, starts, [start for _, start in made], final)

    assert found.tolist() == [given_out[n] for n in numbers]


def test_what_was_never_given_out_breaks_nothing():
    odd = np.array([-1, 2**62, 3, 0], np.int64)
    assert renumber(odd, BITS, [0], [0], np.array([7], np.int32)).tolist()[3] == 7
