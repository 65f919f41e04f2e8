"""Operators on graphs, trees and series, through SQL, against slow references."""

from __future__ import annotations

import random
import statistics
from typing import Any

import plain_library
import pytest
import reference
from hypothesis import given, settings
from hypothesis import strategies as st

node = st.one_of(st.none(), st.integers(0, 6).map(lambda n: n * n * 1_000_003 - 7))
Edge = tuple[int, int]
edge_rows = st.lists(st.tuples(node, node), max_size=14)
start_rows = st.lists(node, max_size=3)
EDGES = "source_node_id dest_node_id"


@pytest.fixture(scope="module")
def connections():
    yield from plain_library.both()


def known(rows: list[Any]) -> list[Any]:
    """Rows without a null, which the macros leave out."""
    return [row for row in rows if None not in row]


def null(parent: int) -> int | None:
    return None if parent == -1 else parent


@settings(max_examples=60, deadline=None)
@given(edges=edge_rows, starts=start_rows)
def test_searches(connections, edges: list[Edge], starts: list[int]) -> None:
    tables = {"g": (EDGES, edges), "s": ("node_id", [(n,) for n in starts])}
    begin = [n for n in starts if n is not None]

    depth_first = plain_library.answers(connections, "FROM graph_reachable_dfs(g, s)", **tables)
    breadth_first = plain_library.answers(connections, "FROM graph_reachable_bfs(g, s)", **tables)

    expected = reference.depth_first(known(edges), begin)
    assert depth_first == sorted(((v, null(p)) for v, p in expected), key=repr)
    steps = reference.distances(known(edges), begin)
    assert {v for v, _ in breadth_first} == set(steps)
    assert len(breadth_first) == len(steps)
    for v, parent in breadth_first:
        assert steps[v] == (0 if parent is None else steps[parent] + 1)
        assert parent is None or (parent, v) in edges


weighted = st.lists(st.tuples(node, node, st.integers(0, 4)), max_size=14)
root_rows = st.lists(st.tuples(node, st.integers(-1, 9)), max_size=3)


@settings(max_examples=60, deadline=None)
@given(edges=weighted, roots=root_rows, floor=st.booleans())
def test_bounded_searches(connections, edges: Any, roots: Any, floor: bool) -> None:
    found = plain_library.answers(
        connections, f"FROM graph_reachable_weight_bounded_dfs(g, r, {floor})",
        g=(f"{EDGES} edge_weight", edges), r=("root_node_id root_target_weight", roots),
    )  # fmt: skip

    begin = known(roots)
    expected = reference.bounded_depth_first(known(edges), begin, floor=floor)
    assert found == sorted(((begin[r][0], v, null(p)) for r, v, p in expected), key=repr)


@settings(max_examples=60, deadline=None)
@given(edges=edge_rows, root=st.integers(0, 6))
def test_dominators(connections, edges: list[Edge], root: int) -> None:
    root = root * root * 1_000_003 - 7

    found = plain_library.answers(
        connections, f"FROM graph_dominator_tree(g, {root})", g=(EDGES, edges)
    )

    names = sorted({n for edge in known(edges) for n in edge} | {root})
    place = {name: number for number, name in enumerate(names)}
    small = [(place[a], place[b]) for a, b in known(edges)]
    expected = reference.dominators(small, place[root], len(names)) if small else []
    assert found == sorted(
        ((names[v], None if d == -1 else names[d]) for v, d in enumerate(expected) if d > -2),
        key=repr,
    )


@settings(max_examples=60, deadline=None)
@given(edges=edge_rows)
def test_components(connections, edges: list[Edge]) -> None:
    found = plain_library.answers(connections, "FROM graph_components(g)", g=(EDGES, edges))

    both = known(edges) + [(b, a) for a, b in known(edges)]
    names = {n for edge in both for n in edge}
    assert found == sorted(((n, min(reference.closure(both, [n]))) for n in names), key=repr)


forward = edge_rows.map(lambda rows: [sorted(r) if None not in r else r for r in rows]).map(
    lambda rows: [tuple(r) for r in rows if r[0] != r[1]]
)
inits = st.dictionaries(node, st.one_of(st.none(), st.integers(-9, 9)), max_size=4)


@settings(max_examples=60, deadline=None)
@given(edges=forward, init=inits, operation=st.sampled_from(["sum", "min", "max"]))
def test_scans(connections, edges: Any, init: Any, operation: str) -> None:
    found = plain_library.answers(
        connections, f"FROM graph_scan(g, i, '{operation}')",
        g=(EDGES, edges), i=("node_id value", list(init.items())),
    )  # fmt: skip

    starts = dict(known(list(init.items())))
    expected = reference.scan(known(edges), starts, operation)
    assert found == sorted(expected.items(), key=repr)


trees = st.integers(0, 10).flatmap(
    lambda n: st.tuples(
        st.tuples(*(st.integers(-1, i - 1) for i in range(n))),
        st.lists(st.one_of(st.none(), st.integers(-5, 5)), min_size=n, max_size=n),
        st.permutations(range(n)),
    )
)


@settings(max_examples=60, deadline=None)
@given(tree=trees)
def test_totals_and_groups_of_trees(connections, tree: Any) -> None:
    parent, value, names = tree
    rows = [
        (names[v] * 10, 999 if above == -1 and v % 2 else null(above) if above == -1 else
         names[above] * 10, value[v])
        for v, above in enumerate(parent)
    ]  # fmt: skip

    totals = plain_library.answers(
        connections, "FROM tree_totals(t)", t=("id parent_id value", rows)
    )
    groups = plain_library.answers(
        connections, "FROM tree_structural_partition_by_group(t)",
        t=("id parent_id group_key", rows),
    )  # fmt: skip

    below = {v: [u for u in range(len(parent)) if v in reference.line(parent, u)]
             for v in range(len(parent))}  # fmt: skip
    expected, grouped = [], []
    for v, above in enumerate(parent):
        line = reference.line(parent, v)
        up = None if above < 0 else names[above] * 10
        expected.append(
            (names[v] * 10, up, len(line) - 1, names[line[0]] * 10,
             sum(value[u] or 0 for u in line), sum(value[u] or 0 for u in below[v]),
             len(below[v]))
        )  # fmt: skip
        alike = [u for u in line[:-1] if value[u] == value[v]]
        grouped.append((names[v] * 10, names[alike[-1]] * 10 if alike else None, value[v]))
    assert totals == sorted(expected, key=repr)
    assert groups == sorted(grouped, key=repr)


def described(values: list[float | None]) -> tuple[Any, ...]:
    got = [v for v in values if v is not None]
    if not got:
        return 0, *(None,) * 5
    spread = statistics.stdev(got) if len(got) > 1 else None
    return len(got), statistics.fmean(got), spread, min(got), statistics.median(got), max(got)


samples = st.lists(
    st.tuples(
        st.sampled_from([None, 1, 2]), st.integers(0, 9),
        st.one_of(st.none(), st.integers(-5, 5).map(float)),
    ),
    max_size=14,
).map(lambda rows: [(number, *row) for number, row in enumerate(rows)])  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(rows=samples, window=st.integers(1, 5))
def test_rolling_statistics(connections, rows: Any, window: int) -> None:
    found = plain_library.answers(
        connections, f"FROM counter_rolling(c, k, {window})", c=("id k ts value:double", rows)
    )

    expected = []
    for key in {row[1] for row in rows}:
        series = sorted((ts, id_, value) for id_, k, ts, value in rows if k == key)
        for place, (ts, id_, value) in enumerate(series):
            recent = [v for _, _, v in series[max(0, place - window + 1) : place + 1]]
            expected.append((key, id_, ts, value,
                             *described(recent)))  # fmt: skip
    assert len(found) == len(expected)
    by_id = {row[1]: row for row in found}
    for row in expected:
        assert by_id[row[1]][:3] == row[:3]
        assert by_id[row[1]][3:] == pytest.approx(row[3:], nan_ok=True)


@settings(max_examples=60, deadline=None)
@given(rows=samples)
def test_leading_intervals_of_counters(connections, rows: Any) -> None:
    rows = [(id_, k or 0, ts, value) for id_, k, ts, value in rows]

    found = plain_library.answers(
        connections, "FROM counter_leading_intervals(c)", c=("id track_id ts value:double", rows)
    )

    expected = []
    for track in {row[1] for row in rows}:
        series = sorted((ts, id_, value) for id_, k, ts, value in rows if k == track)
        # Of equal values in a row the first stands alone, the others together.
        kept = [
            s for n, s in enumerate(series)
            if n < 2 or not series[n - 2][2] == series[n - 1][2] == s[2]
        ]  # fmt: skip
        for n, (ts, id_, value) in enumerate(kept):
            until = kept[n + 1][0] if n + 1 < len(kept) else plain_library.STOP
            after = kept[n + 1][2] if n + 1 < len(kept) else None
            before = kept[n - 1][2] if n else None
            step = None if value is None or before is None else value - before
            expected.append((id_, ts, until - ts, track, value, after, step))
    assert found == sorted(expected, key=repr)


BIG = {
    "graph_reachable_bfs(g, s)": "node_id, parent_node_id",
    "graph_reachable_dfs(g, s)": "node_id, parent_node_id",
    "graph_components(g)": "node_id, component_id",
    "graph_dominator_tree(g, 0)": "node_id, dominator_node_id",
    "graph_scan(g, i, 'max')": "node_id, value",
    "graph_reachable_weight_bounded_dfs(g, r, true)": "root_node_id, node_id, parent_node_id",
    "tree_totals(t)": "id, subtree_value, depth",
    "tree_structural_partition_by_group(t)": "id, parent_id",
    "counter_rolling(c, track_id, 7)": "id, median",
}


@pytest.mark.parametrize("call", BIG)
def test_large_answers_do_not_depend_on_threads(connections, call: str) -> None:
    picked = random.Random(5)
    size = 30_000
    edges = [(max(0, n - picked.randrange(1, 40)), n, n % 3) for n in range(1, size)]
    picked.shuffle(edges)
    tree = [(d, s, d % 5, d % 11) for s, d, _ in edges] + [(0, None, 0, 0)]
    values = [(n, n * 7919 % 1009, float(n % 97), n % 13) for n in range(size)]

    found = plain_library.answers(
        connections, f"SELECT count(*), sum(hash({BIG[call]})) FROM {call}",
        g=(f"{EDGES} edge_weight", edges), s=("node_id", [(0,), (7,)]),
        i=("node_id value", [(0, 3), (9, 4)]),
        r=("root_node_id root_target_weight", [(n, 50) for n in range(100)]),
        t=("id parent_id value group_key", tree), c=("id ts value:double track_id", values),
    )  # fmt: skip

    assert found[0][0] > 0
