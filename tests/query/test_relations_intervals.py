"""Operators on intervals, through SQL, against their slow references, at one thread and at two."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterable
from typing import Any

import plain_library
import pytest
import reference
from hypothesis import given, settings
from hypothesis import strategies as st

OPEN = 10**6
"""Where the references let intervals end that never do; no other time is as large."""
COLUMNS = "id k ts dur"
Row = tuple[int, int | None, int, int]
Rows = list[Row]

lengths = st.sampled_from([-1, 0, 0, 1, 2, 3, 5, 9])
keys = st.sampled_from([None, 0, 1])


def tables(most: int) -> st.SearchStrategy[Rows]:
    row = st.tuples(keys, st.integers(0, 15), lengths)
    return st.lists(row, max_size=most).map(
        lambda rows: [(number, *row) for number, row in enumerate(rows)]
    )


@pytest.fixture(scope="module")
def connections():
    yield from plain_library.both()


def by_key(rows: Rows) -> dict[int | None, Rows]:
    found: dict[int | None, Rows] = {}
    for row in rows:
        found.setdefault(row[1], []).append(row)
    return found


def end_of(ts: int, dur: int) -> int:
    return OPEN if dur < 0 else ts + dur


def length_of(ts: int, end: int) -> int:
    return -1 if end == OPEN else end - ts


def spans(rows: Rows) -> list[tuple[int, int]]:
    return [(ts, end_of(ts, dur)) for _, _, ts, dur in rows]


def edges_of(rows: Rows) -> list[int]:
    return sorted({t for pair in spans(rows) for t in pair} - {OPEN})


def union(rows: Rows) -> Iterable[tuple[Any, ...]]:
    """By pieces between edges: each is covered or not."""
    edges = [*edges_of(rows), OPEN]
    covered: list[list[int]] = []
    for a, b in itertools.pairwise(edges):
        if any(s <= a and b <= e for s, e in spans(rows)):
            if covered and covered[-1][1] == a:
                covered[-1][1] = b
            else:
                covered.append([a, b])
    return [(a, length_of(a, b)) for a, b in covered]


def merged(rows: Rows, epsilon: int = 0) -> Iterable[tuple[Any, ...]]:
    return [(a, length_of(a, b)) for a, b in reference.merged(spans(rows), epsilon)]


def gaps(rows: Rows) -> Iterable[tuple[Any, ...]]:
    covered = union(rows)
    ends = [ts + dur for ts, dur in covered]
    return [(end, ts - end) for end, (ts, _) in zip(ends, list(covered)[1:], strict=False)]


def overlap(rows: Rows) -> Iterable[tuple[Any, ...]]:
    return [(t, sum(s <= t < e for s, e in spans(rows))) for t in edges_of(rows)]


def flatten(rows: Rows) -> Iterable[tuple[Any, ...]]:
    """At each piece the open interval that started last; then the shortest; then the last id."""
    found: list[list[int]] = []
    edges = [*edges_of(rows), OPEN]
    for a, b in itertools.pairwise(edges):
        here = [
            (ts, -end_of(ts, dur), id_)
            for id_, _, ts, dur in rows
            if ts <= a and b <= end_of(ts, dur)
        ]
        if here:
            owner = max(here)[2]
            if found and found[-1][0] == owner and found[-1][2] == a:
                found[-1][2] = b
            else:
                found.append([owner, a, b])
    return [(owner, a, length_of(a, b)) for owner, a, b in found]


def depth(rows: Rows) -> Iterable[tuple[Any, ...]]:
    facts = reference.nest([reference.Slice(0, ts, dur, id_) for id_, _, ts, dur in rows])
    return [
        (
            id_, f["depth"], None if f["parent"] < 0 else f["parent"],
            None if f["self_dur"] < 0 else f["self_dur"], f["lane"],
        )
        for id_, f in facts.items()
    ]  # fmt: skip


def keyed(one: Callable[[Rows], Iterable[tuple[Any, ...]]]) -> Callable[[Rows], Any]:
    return lambda rows: [(k, *found) for k, mine in by_key(rows).items() for found in one(mine)]


def grouped_overlap(rows: Rows) -> list[tuple[Any, ...]]:
    return [(*found, k) for k, mine in by_key(rows).items() for found in overlap(mine)]


def filled(rows: Rows) -> list[tuple[Any, ...]]:
    """Over intervals that do not overlap: those of each key that `merged` gives."""
    found = []
    for k, mine in by_key(rows).items():
        at = plain_library.START
        for ts, dur in union(mine):
            found.append((ts, dur, k, 1))
            if ts > at:
                found.append((at, ts - at, k, None))
            at = OPEN if dur < 0 else ts + dur
        if at < plain_library.STOP:
            found.append((at, plain_library.STOP - at, k, None))
    return found


ALONE: dict[str, tuple[str, Callable[[Rows], Any]]] = {
    "interval_union": ("FROM interval_union(t, k)", keyed(union)),
    "interval_merge_overlapping": (
        "FROM interval_merge_overlapping(t, 2)", lambda rows: merged(rows, 2)),
    "interval_merge_overlapping_partitioned": (
        "FROM interval_merge_overlapping_partitioned(t, k)", keyed(merged)),
    "interval_gaps": ("FROM interval_gaps(t, k)", keyed(gaps)),
    "intervals_overlap_count": ("FROM intervals_overlap_count(t, ts, dur)", overlap),
    "intervals_overlap_count_by_group": (
        "FROM intervals_overlap_count_by_group(t, ts, dur, k)", grouped_overlap),
    "interval_flatten": ("FROM interval_flatten(t, k)", keyed(flatten)),
    "interval_depth": ("FROM interval_depth(t, k)", keyed(depth)),
    "intervals_fill_gaps": (
        (
            "WITH u AS (SELECT ts, dur, key, 1 AS d FROM interval_union(t, k) "
            "UNION ALL SELECT NULL, NULL, k, NULL FROM t) "
            "FROM intervals_fill_gaps(key, d, u)"
        ),
        filled,
    ),
}  # fmt: skip
"""Of one table: the query over t(id, k, ts, dur), and its reference."""


JOINS_BY_KEY = {
    "interval_intersect": "FROM interval_intersect(t, t, k)",
    "span_join": "FROM span_join(t, k, t, k)",
    "span_left_join": "FROM span_left_join(t, k, t, k)",
    "span_outer_join": "FROM span_outer_join(t, k, t, k)",
}


def self_intersections(rows: Rows) -> list[tuple[Any, ...]]:
    edges = edges_of(rows)
    found = []
    for number, a in enumerate(edges):
        after = edges[number + 1] if number + 1 < len(edges) else None
        for id_, _, ts, dur in rows:
            end = end_of(ts, dur)
            if ts <= a <= end and (ts < a or end >= a):
                is_open = after is None and any(e == OPEN for _, e in spans(rows))
                found.append((a, -1 if is_open else (after or a) - a, number + 1, id_, end == a))
    return found


@pytest.mark.parametrize("name", ALONE)
@settings(max_examples=50, deadline=None)
@given(rows=tables(12))
def test_operators_on_one_table(connections, name: str, rows: Rows) -> None:
    sql, expected = ALONE[name]

    assert plain_library.answers(connections, sql, t=(COLUMNS, rows)) == sorted(
        expected(rows), key=repr
    )


FARTHEST = (2**63 - 2 - 24, -(2**63) + 1)
"""How far rows may be moved, so that no time leaves int64 nor is the last one, which is `never`."""


@pytest.mark.parametrize("by", FARTHEST)
@pytest.mark.parametrize("name", [n for n in [*ALONE, *JOINS_BY_KEY] if n != "intervals_fill_gaps"])
def test_times_at_the_ends_of_int64(connections, name: str, by: int) -> None:
    """What stands at the first or the last instant there is gives the same as at 0, moved."""
    chance = random.Random(name)
    rows = [
        (n, chance.choice([None, 0, 1]), chance.randrange(16), chance.choice([0, 1, 2, 5, 9]))
        for n in range(40)
    ]
    source = JOINS_BY_KEY.get(name) or ALONE[name][0]

    def asked(by: int) -> list[tuple[Any, ...]]:
        moved = [(n, k, ts + by, dur) for n, k, ts, dur in rows]
        ts = "" if name == "interval_depth" else f"ts::HUGEINT - ({by})::HUGEINT AS ts, "
        rest = "*" if name == "interval_depth" else "* EXCLUDE (ts)"
        if name.startswith("span"):  # the rows that l and r hold have moved
            rest = "dur, key, l.id, r.id"
        return plain_library.answers(connections, f"SELECT {ts}{rest} {source}", t=(COLUMNS, moved))

    assert asked(by) == asked(0)


@settings(max_examples=80, deadline=None)
@given(rows=tables(8))
def test_self_intersections(connections, rows: Rows) -> None:
    found = plain_library.answers(connections, "FROM interval_self_intersect(t)", t=(COLUMNS, rows))

    assert found == sorted(self_intersections(rows), key=repr)


def intersections(several: list[Rows]) -> list[tuple[Any, ...]]:
    found = []
    every = {k for rows in several for k in by_key(rows)}
    for k in every:
        numbered = [
            ((row[2], row[3]), number, row[0])
            for number, rows in enumerate(several)
            for row in rows
            if row[1] == k
        ]
        chosen = reference.choices([(span, n) for span, n, _ in numbered], len(several))
        for ts, end, places in chosen:
            ids = [numbered[p][2] for p in places]
            found.append((ts, -1 if end is None else end - ts, *ids, k))
    return found


@pytest.mark.parametrize("number", [2, 3, 4, 5])
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_intersections_of_tables(connections, number: int, data: st.DataObject) -> None:
    several = [data.draw(tables({2: 8, 3: 6}.get(number, 4))) for _ in range(number)]
    suffix = str(number) if number > 2 else ""
    names = [f"t{n}" for n in range(number)]
    sql = f"FROM interval_intersect{suffix}({', '.join(names)}, k)"
    all_rows = " UNION ALL ".join(f"SELECT *, {n} AS n FROM t{n}" for n in range(number))
    ids = ", ".join(f"ids[{n + 1}] AS id_{n}" for n in range(number))
    many = (
        f"WITH u AS ({all_rows}) SELECT ts, dur, {ids}, key "
        f"FROM interval_intersect_many(u, n, {number}, k)"
    )
    given_rows = {name: (COLUMNS, rows) for name, rows in zip(names, several, strict=True)}

    expected = sorted(intersections(several), key=repr)

    assert plain_library.answers(connections, sql, **given_rows) == expected
    assert plain_library.answers(connections, many, **given_rows) == expected


@settings(max_examples=50, deadline=None)
@given(rows=tables(8), ts=st.integers(0, 15), dur=st.integers(1, 9))
def test_the_part_in_one_interval(connections, rows: Rows, ts: int, dur: int) -> None:
    found = plain_library.answers(
        connections, f"FROM interval_intersect_single({ts}, {dur}, t)", t=(COLUMNS, rows)
    )

    expected = []
    for id_, _, a, length in rows:
        b = end_of(a, length)
        met = sorted({t for t in range(ts, ts + dur) if a <= t < b})
        if met:
            expected.append((id_, met[0], len(met)))
        elif length == 0 and ts <= a < ts + dur:
            expected.append((id_, a, 0))
    assert found == sorted(expected, key=repr)


JOINS = {"span_join": (False, False), "span_left_join": (True, False),
         "span_outer_join": (True, True)}  # fmt: skip


def joined(a: Rows, b: Rows, *, left: bool, right: bool) -> list[tuple[Any, ...]]:
    mine, theirs = by_key(a), by_key(b)
    found = []
    for k in {*mine, *theirs}:
        ours, others = mine.get(k, []), theirs.get(k, [])
        pieces = reference.span_join(
            [r[2:] for r in ours], [r[2:] for r in others], left=left, right=right
        )
        found += [
            (ts, dur, k, None if i < 0 else ours[i][0], None if j < 0 else others[j][0])
            for ts, dur, i, j in pieces
        ]
    return found


@pytest.mark.parametrize("name", JOINS)
@settings(max_examples=50, deadline=None)
@given(a=tables(8), b=tables(8))
def test_span_joins(connections, name: str, a: Rows, b: Rows) -> None:
    left, right = JOINS[name]
    sql = f"SELECT ts, dur, key, l.id, r.id FROM {name}(t, k, u, k)"

    found = plain_library.answers(connections, sql, t=(COLUMNS, a), u=(COLUMNS, b))

    assert found == sorted(joined(a, b, left=left, right=right), key=repr)


@settings(max_examples=50, deadline=None)
@given(starts=st.lists(st.integers(0, 12), max_size=8), ends=st.lists(st.integers(0, 12)))
def test_intervals_made_of_instants(connections, starts: list[int], ends: list[int]) -> None:
    given_rows = {"s": ("ts", [(t,) for t in starts]), "e": ("ts", [(t,) for t in ends])}

    found = plain_library.answers(connections, "FROM interval_create(s, e)", **given_rows)

    pairs = [(s, min((e for e in ends if e > s), default=None)) for s in starts]
    assert found == sorted(((s, e - s) for s, e in pairs if e is not None), key=repr)


@settings(max_examples=60, deadline=None)
@given(rows=tables(8), points=st.lists(st.tuples(keys, st.integers(0, 18)), max_size=5))
def test_what_holds_an_instant(connections, rows: Rows, points: list[tuple[int, int]]) -> None:
    asked = [(number, k, ts) for number, (k, ts) in enumerate(points)]

    found = plain_library.answers(
        connections, "FROM interval_containing(p, t, k)", t=(COLUMNS, rows), p=("id k ts", asked)
    )

    expected = []
    for number, k, at in asked:
        here = [
            (ts, -end_of(ts, dur), id_)
            for id_, key, ts, dur in rows
            if key == k and ts <= at < end_of(ts, dur)
        ]
        expected.append((number, at, max(here)[2] if here else None, k))
    assert found == sorted(expected, key=repr)


@pytest.fixture(scope="module")
def thousands() -> Rows:
    """3,000 keys and NULL: more than one vector of the engine."""
    picked = random.Random(4)
    rows = [
        (k, picked.randrange(12), picked.choice([-1, 0, 1, 5, 9]))
        for k in [None, *range(3000)]
        for _ in range(picked.randrange(1, 4))
    ]
    picked.shuffle(rows)
    return [(number, *row) for number, row in enumerate(rows)]


KEYED = [name for name, (sql, _) in ALONE.items() if "k)" in sql]


@pytest.mark.parametrize("name", KEYED)
def test_thousands_of_keys(connections, thousands: Rows, name: str) -> None:
    sql, expected = ALONE[name]

    found = plain_library.answers(connections, sql, t=(COLUMNS, thousands))

    assert found == sorted(expected(thousands), key=repr)


@pytest.mark.parametrize("name", JOINS)
def test_thousands_of_keys_in_span_joins(connections, thousands: Rows, name: str) -> None:
    left, right = JOINS[name]
    a, b = thousands[::2], thousands[1::2]
    sql = f"SELECT ts, dur, key, l.id, r.id FROM {name}(t, k, u, k)"

    found = plain_library.answers(connections, sql, t=(COLUMNS, a), u=(COLUMNS, b))

    assert found == sorted(joined(a, b, left=left, right=right), key=repr)


def test_thousands_of_keys_in_intersections(connections, thousands: Rows) -> None:
    a, b = thousands[::2], thousands[1::2]

    found = plain_library.answers(
        connections, "FROM interval_intersect(t, u, k)", t=(COLUMNS, a), u=(COLUMNS, b)
    )

    assert found == sorted(intersections([a, b]), key=repr)


BIG = (
    "WITH t AS (SELECT i AS id, i * 7919 % 100003 AS ts, i * 31 % 50 - 1 AS dur, i % 7 AS k "
    "FROM range({rows}) r(i)) SELECT sum(hash(u)) FROM (SELECT * {call}) u"
)


@pytest.mark.parametrize("name", [n for n in [*ALONE, *JOINS] if n != "intervals_fill_gaps"])
def test_large_answers_do_not_depend_on_threads(connections, name: str) -> None:
    """Many rows per key, so that lists come together from several threads."""
    call = f"FROM {name}(t, k, t, k)" if name in JOINS else ALONE[name][0]
    rows = 9000 if name in JOINS else 200_000

    assert len(plain_library.answers(connections, BIG.format(rows=rows, call=call))) == 1
