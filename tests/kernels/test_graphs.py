"""Graph kernels against definitions: closures, paths, what removing a node cuts off."""

from __future__ import annotations

import numpy as np
import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st

from traceql.kernels import graphs

NODES = 8
pairs = st.lists(st.tuples(st.integers(0, NODES - 1), st.integers(0, NODES - 1)), max_size=20)
starts = st.lists(st.integers(0, NODES - 1), max_size=3)


def edges_of(found):
    return graphs.edges(NODES, [a for a, _ in found], [b for _, b in found])


@given(pairs, starts)
def test_searches_reach_the_closure(found, begin):
    for search in (graphs.breadth_first, graphs.depth_first):
        reached = search(edges_of(found), begin)
        met = reached.node.tolist()
        assert sorted(met) == sorted(reference.closure(found, begin))
        for place, (node, parent) in enumerate(zip(met, reached.parent.tolist(), strict=True)):
            assert node in begin if parent < 0 else (parent, node) in found
            assert parent < 0 or parent in met[:place]


@given(pairs, starts)
def test_breadth_first_takes_the_fewest_edges(found, begin):
    reached = graphs.breadth_first(edges_of(found), begin)
    steps = {}
    for node, parent in zip(reached.node.tolist(), reached.parent.tolist(), strict=True):
        steps[node] = 0 if parent < 0 else steps[parent] + 1

    assert steps == reference.distances(found, begin)


@given(pairs, starts)
def test_depth_first_follows_edges_in_order(found, begin):
    reached = graphs.depth_first(edges_of(found), begin)

    assert list(zip(reached.node.tolist(), reached.parent.tolist(), strict=True)) == (
        reference.depth_first(found, begin)
    )


@given(pairs)
def test_components_are_closures_of_both_directions(found):
    both = found + [(b, a) for a, b in found]

    component = graphs.components(NODES, [a for a, _ in found], [b for _, b in found])

    assert component.tolist() == [min(reference.closure(both, [v])) for v in range(NODES)]


@given(pairs, st.integers(0, NODES - 1))
def test_a_dominator_cuts_off_what_it_dominates(found, root):
    dominator = graphs.dominators(edges_of(found), root).tolist()

    assert dominator == reference.dominators(found, root, NODES)


@given(st.lists(st.tuples(st.integers(-1, NODES), st.integers(-5, 5)), max_size=NODES))
def test_totals_sum_paths_and_subtrees(given_nodes):
    # A parent stands before its children, then the numbers are turned round.
    parent = [-1 if p < 0 or i == 0 else p % i for i, (p, _) in enumerate(given_nodes)]
    size = len(parent)
    turned = [-1 if p < 0 else size - 1 - p for p in reversed(parent)]
    value = [v for _, v in reversed(given_nodes)]

    found = graphs.totals(turned, value)

    for v in range(size):
        path = [v]
        while turned[path[-1]] >= 0:
            path.append(turned[path[-1]])
        below = [w for w in range(size) if v in reference.ancestors(turned, w)]
        assert found.depth[v] == len(path) - 1
        assert found.root[v] == path[-1]
        assert found.path_sum[v] == sum(value[w] for w in path)
        assert found.subtree_sum[v] == sum(value[w] for w in below)
        assert found.subtree_count[v] == len(below)


def test_wrong_graphs_are_refused():
    with pytest.raises(ValueError):
        graphs.totals([1, 0], [0, 0])
    with pytest.raises(ValueError):
        graphs.edges(2, [2], [0])
    with pytest.raises(ValueError):
        graphs.dominators(graphs.edges(2, [0], [1]), 2)


def test_a_long_path_needs_no_recursion():
    n = 200_000
    graph = graphs.edges(n, np.arange(n - 1), np.arange(1, n))

    assert graphs.depth_first(graph, [0]).node[-1] == n - 1
    assert graphs.dominators(graph, 0)[-1] == n - 2
