"""Pairing of begins and ends against the rule, tried on every open begin."""

from __future__ import annotations

import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st

from traceql.kernels.pair import Pairing

edges = st.lists(
    st.builds(
        reference.Edge,
        track=st.integers(0, 2),
        is_end=st.booleans(),
        name=st.integers(-1, 2),
        category=st.integers(-1, 1),
    ),
    max_size=40,
).map(lambda rows: sorted(rows, key=lambda e: e.track))


@given(edges, st.integers(1, 40))
def test_pairs_are_those_of_the_rule_at_any_batch_size(rows, step):
    pairing = Pairing()
    found = []
    for at in range(0, len(rows), step):
        part = rows[at : at + step]
        pairs = pairing.feed(
            [e.track for e in part],
            [e.name for e in part],
            [e.category for e in part],
            [e.is_end for e in part],
        )
        found += zip(pairs.begin.tolist(), pairs.end.tolist(), strict=True)

    assert found == reference.pair(rows)


def test_deep_nesting_and_bad_input():
    deep = 100_000
    pairs = Pairing().feed(
        [0] * 2 * deep, [0] * 2 * deep, [-1] * 2 * deep, [False] * deep + [True] * deep
    )

    assert pairs.begin.tolist() == list(range(deep))[::-1]
    with pytest.raises(ValueError, match="length"):
        Pairing().feed([0], [0], [0], [])
