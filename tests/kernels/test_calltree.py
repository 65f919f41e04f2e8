"""Call trees, against paths of names as tuples."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceql.kernels import calltree

steps = st.lists(
    st.tuples(st.integers(-3, 1), st.integers(0, 4), st.integers(-1, 1000)), max_size=60
)


def columns(walk):
    """Depths that a sweep can give: each at most one below the last; names; self times."""
    depth, out = -1, []
    for move, name, dur in walk:
        depth = max(0, min(depth + 1, depth + move + 1))
        out.append((depth, name, dur))
    return [list(c) for c in zip(*out, strict=True)] if out else [[], [], []]


def paths(depth, name):
    open_names, found = [], []
    for d, n in zip(depth, name, strict=True):
        open_names = [*open_names[:d], n]
        found.append(tuple(open_names))
    return found


@given(steps)
def test_build_sums_per_path(walk):
    depth, name, dur = columns(walk)
    tree = calltree.build(depth, name, dur)

    own, calls = defaultdict(int), defaultdict(int)
    for path, value in zip(paths(depth, name), dur, strict=True):
        own[path] += max(value, 0)
        calls[path] += 1
    found = []
    for parent, text in zip(tree.parent.tolist(), tree.name.tolist(), strict=True):
        assert parent < len(found)
        found.append((*(found[parent] if parent >= 0 else ()), text))
    assert sorted(found) == sorted(own)
    assert [own[p] for p in found] == tree.self_dur.tolist()
    assert [calls[p] for p in found] == tree.calls.tolist()
    assert tree.total_dur.tolist() == [
        sum(v for q, v in own.items() if q[: len(p)] == p) for p in found
    ]


@given(steps)
def test_outermost_counts_recursion_once(walk):
    depth, name, dur = columns(walk)
    found = calltree.outermost(depth, name, dur)

    expected = dict.fromkeys(name, 0)
    for path, n, value in zip(paths(depth, name), name, dur, strict=True):
        if n not in path[:-1]:
            expected[n] += max(value, 0)
    assert dict(zip(found.name.tolist(), found.total_dur.tolist(), strict=True)) == expected
    assert found.name.tolist() == sorted(expected)


def test_a_window_without_the_parents_is_a_forest():
    tree = calltree.build([3, 4, 1, 2], [7, 8, 9, 8], [1, 2, 4, 8])
    assert tree.parent.tolist() == [-1, 0, -1, 2]
    assert tree.total_dur.tolist() == [3, 2, 12, 8]


@pytest.mark.parametrize("columns_", [([0], [1], []), ([-1], [1], [1])])
def test_bad_input_is_refused(columns_):
    with pytest.raises(ValueError, match=r"length|negative"):
        calltree.build(*columns_)
    with pytest.raises(ValueError, match=r"length|negative"):
        calltree.outermost(*columns_)


@given(steps, st.integers(1, 7))
def test_parts_give_what_the_whole_gives(walk, size):
    depth, name, dur = columns(walk)
    parts = calltree.Walk(groups=2)
    for at in range(0, len(depth), size):
        part = slice(at, at + size)
        group = [n % 2 for n in name[part]]
        parts.add(depth[part], name[part], dur[part], dur[part], group)

    assert all(map(np.array_equal, parts.tree(), calltree.build(depth, name, dur)))
    whole = calltree.outermost(depth, name, dur)
    both = [pair for g in (0, 1) for pair in zip(*parts.outermost(g), strict=True)]
    assert sorted(both) == list(zip(*whole, strict=True))


def test_there_may_be_as_many_nodes_as_slices():
    count = 5_000
    tree = calltree.build([0] * count, list(range(count)), [2] * count)
    assert tree.name.tolist() == list(range(count))
    assert tree.total_dur.sum() == 2 * count
