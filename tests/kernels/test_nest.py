"""Nesting against lanes that remember every slice."""

from __future__ import annotations

import numpy as np
import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st

from traceql.kernels.nest import PENDING, Nesting

slices = st.lists(
    st.tuples(st.integers(0, 1), st.integers(-8, 12), st.integers(-1, 12)), max_size=25
).map(
    lambda rows: sorted(
        (reference.Slice(*row, id=100 + i) for i, row in enumerate(rows)), key=reference.nesting_key
    )
)


def nest(rows, step):
    nesting = Nesting()
    found = []
    for at in range(0, len(rows), step):
        part = rows[at : at + step]
        result = nesting.feed(*([s[k] for s in part] for k in range(4)))
        names = ("depth", "parent", "lane", "end", "self_dur")
        found += [
            dict(zip(names, values, strict=True))
            for values in zip(*(getattr(result, n).tolist() for n in names), strict=True)
        ]
        patch(found, result.late_row, result.late_self_dur)
    patch(found, *nesting.finish())
    return {s.id: facts for s, facts in zip(rows, found, strict=True)}


def patch(found, rows, values):
    for row, value in zip(rows.tolist(), values.tolist(), strict=True):
        assert found[row]["self_dur"] == PENDING
        found[row]["self_dur"] = value


@given(slices, st.integers(1, 25))
def test_facts_are_those_of_the_lanes_at_any_batch_size(rows, step):
    assert nest(rows, step) == reference.nest(rows)


def test_a_slice_of_length_0_lies_inside_what_is_open_and_pushes_nothing_out():
    rows = [reference.Slice(0, 0, 10, 1), reference.Slice(0, 5, 0, 2), reference.Slice(0, 5, 5, 3)]
    rows = sorted([*rows, reference.Slice(0, 10, 0, 4)], key=reference.nesting_key)
    facts = nest(rows, 9)

    assert {k: (f["depth"], f["parent"], f["lane"]) for k, f in facts.items()} == {
        1: (0, -1, 0),
        3: (1, 1, 0),
        2: (2, 3, 0),
        4: (0, -1, 0),
    }
    assert facts[1]["self_dur"] == 5


def test_three_lanes():
    rows = [reference.Slice(0, t, 10, t) for t in range(3)] + [reference.Slice(0, 10, 1, 3)]
    facts = nest(rows, 2)

    assert [facts[i]["lane"] for i in range(4)] == [0, 1, 2, 0]


def test_many_lanes_and_deep_nesting():
    count = 3000
    lanes = Nesting().feed([0] * count, range(count), [count] * count, range(count))
    assert lanes.lane.tolist() == list(range(count))

    deep = 100_000
    nesting = Nesting()
    found = nesting.feed(
        np.zeros(deep), np.arange(deep), 2 * (deep - np.arange(deep)), np.arange(deep)
    )
    assert found.depth.tolist() == list(range(deep))
    assert (found.self_dur == PENDING).all()
    assert sorted(nesting.finish()[1].tolist()) == [2] * deep


def test_times_at_the_edge_of_int64():
    top = 2**63 - 1
    facts = nest([reference.Slice(0, top - 5, top, 0), reference.Slice(0, top - 4, 2, 1)], 5)

    assert facts[0]["end"] == top
    assert facts[1]["depth"] == 1
    with pytest.raises(ValueError, match="length"):
        Nesting().feed([0], [0], [0], [])
