"""Binding of points against a search through all slices."""

from __future__ import annotations

import reference
from hypothesis import given
from hypothesis import strategies as st

from traceql.kernels.bind import Binding

slices = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 15), st.integers(0, 9)), max_size=25
).map(
    lambda rows: [
        (track, ts, ts + dur, number)
        for number, (track, ts, dur) in enumerate(sorted(rows, key=lambda r: (r[0], r[1], -r[2])))
    ]
)
points = st.lists(
    st.tuples(st.integers(0, 3), st.integers(-1, 26), st.booleans()), max_size=15
).map(lambda rows: sorted(rows, key=lambda p: (p[0], p[1], not p[2])))


def parts(rows, step):
    return [rows[at : at + step] for at in range(0, len(rows), step)]


def bind(slices_, points_, step, point_step):
    binding = Binding()
    left = parts(slices_, step)
    found = []
    for part in parts(points_, point_step):
        binding.points(*([p[k] for p in part] for k in range(3)))
        while (bound := binding.bound()) is None:
            if left:
                binding.slices(*([s[k] for s in left[0]] for k in range(4)))
                left.pop(0)
            else:
                binding.no_more_slices()
        found += bound.tolist()
    return found


@given(slices, points, st.integers(1, 9), st.integers(1, 9))
def test_points_bind_as_a_search_says_at_any_batch_size(slices_, points_, step, point_step):
    found = bind(slices_, points_, step, point_step)

    assert found == reference.bind(slices_, points_)


def test_what_ended_leaves_the_stack():
    staircase = [(0, t, t + 2, t) for t in range(5000)]
    binding = Binding()
    binding.points([0], [4999], [False])
    for part in parts(staircase, 10):
        binding.slices(*([s[k] for s in part] for k in range(4)))
        binding.bound()
    binding.no_more_slices()

    assert binding.bound().tolist() == [4999]
    assert binding._open.shape[1] < 100
