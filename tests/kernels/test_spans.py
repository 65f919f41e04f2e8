"""Sweeps over segments against sets of single nanoseconds and plain loops."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st

from traceql.kernels import segments, spans

NEVER = segments.NEVER
HORIZON = 60
interval = st.tuples(st.integers(-5, 30), st.integers(0, 9) | st.just(-1))
groups = st.lists(st.lists(interval, max_size=8), min_size=1, max_size=4)
closed = st.lists(
    st.lists(st.tuples(st.integers(-5, 30), st.integers(0, 9)), max_size=8), min_size=1, max_size=4
)


def offsets_of(lists):
    return np.concatenate(([0], np.cumsum([len(g) for g in lists]))).astype(np.int64)


def sorted_columns(lists, key=None):
    given = [row for g in lists for row in sorted(g, key=key)]
    ts = np.array([r[0] for r in given], np.int64)
    return offsets_of(lists), ts, segments.ends_of(ts, np.array([r[1] for r in given], np.int64))


def split(counts, *columns):
    found, at = [], 0
    for count in counts:
        found.append([tuple(int(c[i]) for c in columns) for i in range(at, at + count)])
        at += count
    assert all(len(c) == at for c in columns)
    return found


def plain(rows):
    """Intervals with an end, an open one reaching beyond all others."""
    return [(ts, HORIZON if dur < 0 else ts + dur) for ts, dur in rows]


@given(groups)
def test_union_is_the_runs_of_covered_time(lists):
    found = spans.merge(*sorted_columns(lists), instants=False)

    expected = [reference.runs(reference.covered(plain(g))) for g in lists]
    shown = [
        [(a, HORIZON if b == NEVER else b) for a, b in g]
        for g in split(found.counts, found.ts, found.end)
    ]
    assert shown == expected


@given(groups, st.integers(0, 3))
def test_merge_takes_what_is_near(lists, epsilon):
    found = spans.merge(*sorted_columns(lists), epsilon)

    assert [
        [(a, HORIZON if b == NEVER else b) for a, b in g]
        for g in split(found.counts, found.ts, found.end)
    ] == [reference.merged(plain(g), epsilon) for g in lists]


@given(groups)
def test_disjoint_keeps_what_only_touches(lists):
    found = spans.disjoint(*sorted_columns(lists))

    for rows, mine in zip(lists, split(found.counts, found.ts, found.end), strict=True):
        shown = [(a, HORIZON if b == NEVER else b) for a, b in mine]
        # A time is in as many pieces as intervals cover it, at most one; instants stand too.
        assert reference.covered(shown) == reference.covered(plain(rows))
        assert all(b <= c for (_, b), (c, _) in itertools.pairwise(shown))
        assert {a for a, b in plain(rows) if a == b} <= {
            t for a, b in shown for t in (range(a, b) if a < b else [a])
        }


@given(groups, st.integers(-8, 10) | st.none(), st.integers(12, 40) | st.none())
def test_gaps_are_what_is_not_covered(lists, start, stop):
    found = spans.gaps(*sorted_columns(lists), start, stop)

    for rows, gaps in zip(lists, split(found.counts, found.ts, found.end), strict=True):
        covered = reference.covered(plain(rows))
        first = start if start is not None else min(covered, default=0)
        last = stop if stop is not None else max(covered, default=first - 1) + 1
        if start is None and not covered:
            assert gaps == []
        else:
            assert gaps == reference.runs(set(range(first, last)) - covered)


@given(groups, st.sampled_from([1, 3, 256]))
def test_overlap_count_counts_at_every_change(lists, most_open):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spans, "_MOST_OPEN", most_open)
        found = spans.overlap_count(*sorted_columns(lists))

    for rows, steps in zip(lists, split(found.counts, found.ts, found.value), strict=True):
        times = {ts for ts, _ in rows} | {ts + dur for ts, dur in rows if dur >= 0}
        assert steps == [(t, sum(a <= t < b for a, b in plain(rows))) for t in sorted(times)]


def by_nesting(row):
    return (row[0], -(HORIZON if row[1] < 0 else row[0] + row[1]))


@given(groups)
def test_flatten_gives_each_moment_to_the_last_started(lists):
    offsets, ts, end = sorted_columns(lists, by_nesting)
    found = spans.flatten(offsets, ts, end)

    pieces = split(found.counts, found.row, found.ts, found.end)
    for first, rows, mine in zip(offsets[:-1], lists, pieces, strict=True):
        expected = {}
        for place, (a, b) in enumerate(plain(sorted(rows, key=by_nesting))):
            expected |= dict.fromkeys(range(a, b), first + place)
        shown = {t: row for row, a, b in mine for t in range(a, HORIZON if b == NEVER else b)}
        assert shown == expected
        assert all(a < b for _, a, b in mine)
        assert all(x[2] <= y[1] for x, y in itertools.pairwise(mine))


@given(closed)
def test_atoms_hold_every_open_interval_and_every_end(lists):
    offsets, ts, end = sorted_columns(lists)
    found = spans.atoms(offsets, ts, end)

    got = split(found.counts, found.ts, found.end, found.group, found.row, found.is_end)
    for first, rows, mine in zip(offsets[:-1], lists, got, strict=True):
        cuts = sorted({t for ts, dur in rows for t in (ts, ts + dur)})
        expected = []
        for number, at in enumerate(cuts):
            until = cuts[number + 1] if number + 1 < len(cuts) else at
            for place, (ts, dur) in enumerate(sorted(rows)):
                if ts <= at < ts + dur or ts + dur == at:
                    expected.append((at, until, number + 1, first + place, int(ts + dur == at)))
        assert mine == expected


def test_wrong_shapes_are_refused():
    with pytest.raises(ValueError):
        spans.merge([0, 2], [1, 2], [3])
    with pytest.raises(ValueError):
        spans.merge([0, 1], [1], [3], -1)
