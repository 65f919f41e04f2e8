"""Packed rows against rows as Python tuples."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from traceql.kernels import packed

MOST = packed.MOST_COLUMNS - 3
"""With three keys."""
numbers = st.integers(-(2**63), 2**63 - 1) | st.integers(-2, 2) | st.sampled_from(
    [-(2**31) - 1, -(2**31), 2**31 - 1, 2**31]
)  # fmt: skip


@st.composite
def tables(draw):
    """Keys, columns by number, and texts or none."""
    count, depth = draw(st.integers(0, 12)), draw(st.integers(0, 3))
    keys = draw(st.lists(st.tuples(*[numbers] * depth), min_size=count, max_size=count))
    chosen = draw(st.lists(st.integers(0, MOST - 1), max_size=4, unique=True))
    values = st.lists(st.none() | numbers, min_size=count, max_size=count)
    columns = {number: draw(values) for number in sorted(chosen)}
    texts = draw(st.none() | st.lists(st.binary(max_size=20), min_size=count, max_size=count))
    return keys, columns, texts


def pack(keys, columns, texts, at=0):
    depth = len(keys[0]) if keys else 0
    has = [[v is not None for v in c] for c in columns.values()]
    bits = [None if all(h) else np.packbits(np.array(h, np.bool_), bitorder="little") for h in has]
    values = [np.array([v or 0 for v in c], np.int64) for c in columns.values()]
    ends = np.zeros(0, np.int64) if texts is None else np.cumsum([0, *map(len, texts)])
    found = packed.Columns(
        np.array(list(columns), np.int64),
        values,
        bits,
        np.frombuffer(b"".join(texts or []), np.uint8),
        ends.astype(np.int64),
    )
    words = np.full(at + packed.most_words(depth, len(keys), found), -1, np.int32)
    stacked = np.array(keys, np.int64).reshape(len(keys), depth).T.copy()
    end = packed.pack(list(stacked), len(keys), found, words, at)
    starts = np.empty(len(keys), np.int64)
    assert packed.find_starts(words, at, starts) == end
    assert end + packed.SPARE <= len(words)
    return words[: end + packed.SPARE], starts, depth


def unpack(words, starts, depth):
    rows = len(starts)
    keys = np.empty((depth, rows), np.int64)
    packed.read_keys(words, starts, keys)
    values = np.zeros((packed.MOST_COLUMNS, rows), np.int64)
    bits = np.zeros((packed.MOST_COLUMNS, (rows + 7) // 8), np.uint8)
    place = np.arange(packed.MOST_COLUMNS)
    some, common = packed.columns_of(words, starts, depth)
    packed.unpack(words, starts, depth, place, common, values, bits)
    has = np.unpackbits(bits, axis=1, count=rows, bitorder="little").astype(np.bool_)
    for n in range(packed.MOST_COLUMNS - depth):
        if common >> n & 1:
            assert not has[n].any()
            has[n] = True
        elif some >> n & 1:
            assert has[n].any()
            assert not has[n].all()
    columns = {
        n: [v if h else None for v, h in zip(values[n].tolist(), has[n], strict=True)]
        for n in range(packed.MOST_COLUMNS)
        if some >> n & 1
    }
    return [tuple(key) for key in keys.T.tolist()], columns


def read_texts(words, starts):
    ends = np.empty(len(starts) + 1, np.int32)
    packed.read_texts(words, starts, np.empty(0, np.uint8), ends)
    text = np.empty(int(ends[-1]) + 32, np.uint8)
    packed.read_texts(words, starts, text, ends)
    return [text[a:b].tobytes() for a, b in pairwise(ends)]


@given(tables(), st.integers(0, 3), st.randoms(use_true_random=False))
def test_rows_come_back_in_any_order(table, at, random):
    keys, columns, texts = table
    words, starts, depth = pack(keys, columns, texts, at)
    order = list(range(len(keys)))
    random.shuffle(order)
    starts = starts[order]
    size = packed.count_words(words, starts)
    moved = np.empty(size + packed.SPARE, np.int32)
    assert packed.copy_rows(words, starts, 0, moved) == (len(starts), size)
    if size:
        fewer = np.zeros(len(moved) - 1, np.int32)
        row, end = packed.copy_rows(words, starts, 0, fewer)
        assert row == len(starts) - 1
        assert fewer[:end].tolist() == moved[:end].tolist()
        assert packed.copy_rows(words, starts, row, moved.copy()) == (len(starts), size - end)
    fresh = np.empty(len(keys), np.int64)
    packed.find_starts(moved, 0, fresh)

    other = [(i, -(i << 40)) for i in range(len(keys))]
    rekeyed = np.empty(len(moved) + 4 * len(keys), np.int32)
    new = np.array(other, np.int64).reshape(len(keys), 2).T.copy()
    end = packed.repack(words, starts, depth, new, rekeyed, 0)
    second = np.empty(len(keys), np.int64)
    assert packed.find_starts(rekeyed, 0, second) == end

    before = [tuple(keys[i]) for i in order]
    for *found, keys_each, wanted_keys in (
        (words, starts, depth, before),
        (moved, fresh, depth, before),
        (rekeyed, second, 2, other),
    ):
        shown_keys, shown = unpack(*found, keys_each)
        assert shown_keys == wanted_keys
        wanted = {n: [c[i] for i in order] for n, c in columns.items()}
        assert shown == {n: c for n, c in wanted.items() if any(v is not None for v in c)}
        if texts is not None and keys:
            assert read_texts(*found) == [texts[i] for i in order]


@given(
    st.lists(
        st.lists(
            st.lists(st.tuples(st.integers(-2, 2), st.integers(0, 1)), max_size=4), max_size=4
        ),
        min_size=1,
        max_size=4,
    ),
    st.integers(1, 5),
)
def test_sources_merge_in_order_of_keys_then_of_sources(sources, batch):
    """Rows carry (source, place) as columns; blocks of a source follow each other in order."""
    everything, blocks = [], []
    for number, parts in enumerate(sources):
        rows = sorted(key for part in parts for key in part)
        cuts = np.cumsum([0, *map(len, parts)])
        everything += [(key, number, i) for i, key in enumerate(rows)]
        blocks.append(
            iter(
                [
                    pack(rows[a:b], {0: [number] * (b - a), 1: list(range(a, b))}, None)[0]
                    for a, b in pairwise(cuts)
                    if b > a
                ]
            )
        )
    room = 64
    words = np.zeros((len(sources), room), np.int32)
    place = np.arange(len(sources)) * room
    stop, more = place.copy(), np.ones(len(sources), np.bool_)
    out, starts = np.empty(batch * 8 + packed.SPARE, np.int32), np.zeros(batch + 2, np.int64)
    found = []
    while True:
        which, rows, end = packed.merge(
            words.reshape(-1), place, stop, more, np.arange(len(place)), 2, out, starts
        )
        starts[-2:] = rows, end
        if which != packed.OUT_IS_FULL:
            block = next(blocks[which], np.empty(packed.SPARE, np.int32))
            words[which, : len(block)] = block
            size = len(block) - packed.SPARE
            place[which] = which * room
            stop[which], more[which] = place[which] + size, size > 0
            continue
        if rows == 0:
            break
        keys, columns = unpack(out, starts[:rows], 2)
        found += list(zip(keys, columns[0], columns[1], strict=True))
        starts[-2:] = 0

    assert found == sorted(everything)


@given(st.lists(st.binary(max_size=40), max_size=30))
def test_hashes_tell_texts_apart_and_depend_on_nothing_else(texts):
    """The oracle is equality; 128 bits make a chance collision impossible to meet."""
    padding = b"\xff" * 3

    def hashed(parts, before):
        ends = np.cumsum([len(before), *map(len, parts)]).astype(np.int32)
        data = np.frombuffer(before + b"".join(parts), np.uint8)
        high, low = np.empty(len(parts), np.int64), np.empty(len(parts), np.int64)
        packed.hash_texts(data, ends, high, low)
        return list(zip(high.tolist(), low.tolist(), strict=True))

    found = hashed(texts, b"")
    assert found == hashed(texts, padding)
    for one, first in zip(texts, found, strict=True):
        for other, second in zip(texts, found, strict=True):
            assert (one == other) == (first == second)
    assert len({h for h, _ in found}) == len(set(texts))
