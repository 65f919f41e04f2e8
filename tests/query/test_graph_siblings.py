"""The next sibling and the flattening of roots and children, against slow references."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from traceql.query.session import Session

NODES = st.lists(
    st.tuples(st.none() | st.integers(0, 3), st.integers(-3, 3)), min_size=0, max_size=12
)
CHILDREN = st.lists(st.tuples(st.integers(0, 9), st.integers(1, 6)), min_size=0, max_size=8)


@pytest.fixture(scope="module")
def asked(store, traces):
    """A session for all inputs: its queries bring their own rows."""
    with Session(traces[:1], store=store) as session:
        yield session


def _table(rows: list[tuple[int | None, ...]], names: str) -> str:
    width = len(names.split(","))
    empty = f"SELECT {', '.join(['NULL::BIGINT'] * width)} WHERE false"
    listed = [
        f"SELECT {', '.join('NULL::BIGINT' if v is None else f'{v}::BIGINT' for v in row)}"
        for row in rows
    ]
    return f"WITH t({names}) AS ({' UNION ALL '.join([empty, *listed])}) "


@settings(max_examples=50, deadline=None)
@given(NODES)
def test_next_sibling(asked, nodes) -> None:
    rows = [(number, parent, key) for number, (parent, key) in enumerate(nodes)]
    expected = set()
    for number, parent, key in rows:
        later = [(k, n) for n, p, k in rows if p == parent and (k, n) > (key, number)]
        expected.add((number, min(later)[1] if later else None))

    sql = _table(rows, "node_id, node_parent_id, sort_key") + (
        "SELECT node_id, next_node_id FROM graph_next_sibling(t)"
    )
    assert set(asked.sql(sql).fetchall()) == expected


@settings(max_examples=50, deadline=None)
@given(CHILDREN)
def test_flatten_of_roots(asked, children) -> None:
    """Root 0 lasts from 0 to 20; children do not overlap, and each lies within its parent."""
    rows: list[tuple[int | None, ...]] = []
    owner = [0] * 20
    number, at = 1, 0
    for gap, dur in children:
        ts = at + gap
        if ts + dur > 20:
            break
        rows.append((0, 0, 20, number, 0, ts, dur))
        owner[ts : ts + dur] = [number] * dur
        if dur >= 3:
            rows.append((0, 0, 20, number + 1, number, ts + 1, dur - 2))
            owner[ts + 1 : ts + dur - 1] = [number + 1] * (dur - 2)
        number, at = number + 2, ts + dur
    if not rows:
        rows.append((0, 0, 20, None, None, None, None))

    sql = _table(rows, "root_id, root_ts, root_dur, id, parent_id, ts, dur") + (
        "SELECT id, ts, dur FROM intervals_flatten(t) ORDER BY ts"
    )
    found = asked.sql(sql).fetchall()

    covered = [None] * 20
    for node, ts, dur in found:
        assert dur > 0
        for instant in range(ts, ts + dur):
            assert covered[instant] is None
            covered[instant] = node
    assert covered == owner
