"""The span join against every pair tried."""

from __future__ import annotations

import numpy as np
import reference
from hypothesis import given
from hypothesis import strategies as st

from traceql.kernels import joining

interval = st.tuples(st.integers(-5, 30), st.integers(0, 9) | st.just(-1))


def offsets_of(lists):
    return np.concatenate(([0], np.cumsum([len(g) for g in lists]))).astype(np.int64)


def split(counts, *columns):
    found, at = [], 0
    for count in counts:
        found.append([tuple(int(c[i]) for c in columns) for i in range(at, at + count)])
        at += count
    assert all(len(c) == at for c in columns)
    return found


@given(st.lists(st.tuples(st.lists(interval, max_size=6), st.lists(interval, max_size=6)),
                min_size=1, max_size=3), st.booleans(), st.booleans())  # fmt: skip
def test_span_join_is_every_pair_and_what_is_left(pairs, left, right):
    sides = []
    for which in (0, 1):
        mine = [pair[which] for pair in pairs]
        flat = np.array([r for g in mine for r in g], np.int64).reshape(-1, 2)
        sides.append(joining.Side(offsets_of(mine), flat[:, 0].copy(), flat[:, 1].copy()))

    found = joining.span_join(*sides, left=left, right=right)

    got = split(found.counts, found.ts, found.dur, found.left, found.right)
    for (a, b), out in zip(pairs, got, strict=True):
        assert sorted(out) == sorted(reference.span_join(a, b, left=left, right=right))
        assert [row[0] for row in out] == sorted(row[0] for row in out)
