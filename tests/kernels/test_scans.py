"""Scans over graphs and trees against recursion, enumeration and definitions."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st

from traceql.kernels import graphs, scans

NODES = 7
node = st.integers(0, NODES - 1)
weighted = st.lists(st.tuples(node, node, st.integers(0, 4)), max_size=16)
roots = st.lists(st.tuples(node, st.integers(-1, 9)), max_size=3)


@given(weighted, roots, st.booleans())
def test_a_bounded_search_is_a_search_cut_short(found, begin, floor):
    result = scans.bounded_depth_first(
        NODES, *([e[i] for e in found] for i in range(3)), [r for r, _ in begin],
        [limit for _, limit in begin], floor=floor,
    )  # fmt: skip

    expected = reference.bounded_depth_first(found, begin, floor=floor)
    assert list(zip(*(column.tolist() for column in result), strict=True)) == expected


forward = st.lists(st.tuples(node, node), max_size=14).map(
    lambda pairs: [(min(p), max(p)) for p in pairs if p[0] != p[1]]
)
values = st.lists(st.integers(-9, 9), min_size=NODES, max_size=NODES)
flags = st.lists(st.booleans(), min_size=NODES, max_size=NODES)


@given(forward, values, flags, st.sampled_from(scans.OPERATIONS), st.permutations(range(NODES)))
def test_values_arrive_on_every_way(found, value, is_start, operation, names):
    edges = [(names[a], names[b]) for a, b in found]
    graph = graphs.edges(NODES, [a for a, _ in edges], [b for _, b in edges])

    result, reached = scans.aggregate(graph, value, is_start, operation)

    starts = {v: value[v] for v in range(NODES) if is_start[v]}
    expected = reference.scan(edges, starts, operation)
    assert {v: int(result[v]) for v in range(NODES) if reached[v]} == expected


def test_scans_refuse_what_has_no_answer():
    circle = graphs.edges(2, [0, 1], [1, 0])
    with pytest.raises(ValueError, match="round in a circle"):
        scans.aggregate(circle, [1, 1], [True, False], "sum")
    line = graphs.edges(2, [0, 0], [1, 1])
    with pytest.raises(OverflowError, match="64 bits"):
        scans.aggregate(line, [2**62, 0], [True, False], "sum")
    with pytest.raises(ValueError, match="'mean' is not one of"):
        scans.aggregate(line, [0, 0], [True, False], "mean")
    for refuse in (scans.path_hashes, scans.partition_by_group):
        with pytest.raises(ValueError, match="round in a circle"):
            refuse([1, 0], [0, 0])
    with pytest.raises(ValueError, match="out of its segment"):
        scans.back_chains([0, 1, 2], [0, 0], [0, 0], [1, 0])


forests = st.integers(0, 12).flatmap(
    lambda n: st.tuples(
        st.tuples(*(st.integers(-1, i - 1) for i in range(n))),
        st.lists(st.integers(0, 2), min_size=n, max_size=n),
        st.permutations(range(n)),
    )
)


def shuffled(parent, value, names):
    """The same forest with its nodes renamed, so that parents need not stand first."""
    new_parent, new_value = [-1] * len(parent), [0] * len(parent)
    for v, above in enumerate(parent):
        new_parent[names[v]] = names[above] if above >= 0 else -1
        new_value[names[v]] = value[v]
    return new_parent, new_value


@given(forests)
def test_hashes_are_equal_where_paths_are(forest):
    parent, value = shuffled(*forest)

    found = scans.path_hashes(np.array(parent, np.int64), np.array(value, np.int64)).tolist()

    paths = [tuple(value[u] for u in reference.line(parent, v)) for v in range(len(parent))]
    assert all(h > 0 for h in found)
    assert len(set(zip(found, paths, strict=True))) == len(set(paths)) == len(set(found))


@given(forests)
def test_groups_keep_their_ancestors(forest):
    parent, group = shuffled(*forest)
    groups = [g % len(parent) for g in group]

    found = scans.partition_by_group(np.array(parent, np.int64), np.array(groups, np.int64))

    for v, above in enumerate(found.tolist()):
        alike = [u for u in reference.line(parent, v)[:-1] if groups[u] == groups[v]]
        assert above == (alike[-1] if alike else -1)


moments = st.integers(0, 12)
chain_rows = st.lists(st.tuples(moments, moments, st.integers(-1, 5)), max_size=6)


@given(chain_rows)
def test_chains_share_the_time_they_walk_back_over(rows):
    rows = [(ts, begin, lead if lead < len(rows) else -1) for ts, begin, lead in rows]
    columns = [[row[i] for row in rows] for i in range(3)]

    found = scans.back_chains([0, len(rows)], *columns)

    pieces = list(zip(*(c.tolist() for c in found[1:]), strict=True))
    assert found.counts.tolist() == [len(pieces)]
    assert pieces == reference.back_chains(rows)


@given(chain_rows)
def test_each_time_of_a_chain_is_given_once(rows):
    rows = [(ts, begin, lead if lead < len(rows) else -1) for ts, begin, lead in rows]
    found = scans.back_chains([0, len(rows)], *([row[i] for row in rows] for i in range(3)))

    for r, (ts, begin, _) in enumerate(rows):
        mine = sorted((a, b) for root, _, a, b in zip(*found[1:], strict=True) if root == r)
        assert all(begin <= a < b <= ts for a, b in mine)
        assert all(b == c for (_, b), (c, _) in itertools.pairwise(mine))
