"""pattern.sequences: what recurs is found once, whole, with its support, cost and idle time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_traces import device, evidence, host, results_of, store_with

from traceql.analyses.pattern import _recurring

NAME = "pattern.sequences"


def found_in(symbols, least: int = 3, most: int = 5):
    data = np.array(symbols, np.int64)
    return _recurring.sequences(data, np.ones(len(data), np.int64), least, most)


def places_of(symbols, wanted) -> list[int]:
    size = len(wanted)
    return [i for i in range(len(symbols) - size + 1) if tuple(symbols[i : i + size]) == wanted]


@given(st.lists(st.integers(-1, 3), max_size=60), st.integers(2, 4))
def test_support_is_counted_and_enough(symbols, least):
    for sequence in found_in(symbols, least):
        assert places_of(symbols, sequence.symbols) == sequence.places.tolist()
        assert len(sequence.places) >= least
        assert len(sequence.symbols) >= 2
        assert min(sequence.symbols) >= 0


def test_what_is_planted_is_found_whole() -> None:
    chance = np.random.default_rng(71)
    layer = tuple(range(10, 33))
    symbols: list[int] = []
    for _ in range(12):
        symbols += [*layer, *chance.integers(100, 10_000, int(chance.integers(1, 9))).tolist()]
    (found,) = found_in(symbols, 8)
    assert found.symbols == layer
    assert len(found.places) == 12


def test_a_sequence_stands_for_its_parts_and_repeats() -> None:
    chance = np.random.default_rng(72)
    symbols: list[int] = []
    for i in range(40):
        symbols += [1, 2, 3, 1000 + i] if i % 2 else [1, 2, 3, 4, 5, 1000 + i]
        symbols += chance.integers(10_000, 10_000_000, 2).tolist()
    assert [s.symbols for s in found_in(symbols, 8)] == [(1, 2, 3), (4, 5)]
    # Only repetitions of one operation: nothing that follows something else.
    assert found_in([7] * 50) == []


def test_a_loop_is_found_once_with_its_body() -> None:
    chance = np.random.default_rng(74)
    symbols: list[int] = []
    for _ in range(15):
        symbols += [1, 2, 3, 4, 5, 6, 7] * 18 + chance.integers(100, 10**6, 9).tolist()
    (found,) = found_in(symbols, 8)
    assert sorted(found.symbols) == [1, 2, 3, 4, 5, 6, 7]
    assert len(found.places) >= 15 * 17


@pytest.mark.parametrize("symbols", [[], [1], [-1] * 20])
def test_nothing_recurs_in_nothing(symbols) -> None:
    assert found_in(symbols) == []


def test_traces_tell_cost_and_idle_time(tmp_path) -> None:
    chance = np.random.default_rng(73)
    events, at = [], 0.0
    for i in range(20):
        for name, dur in (("load", 10), ("mul", 20), ("store", 5)):
            events.append(device(name, at, dur))
            at += dur + 4
        events.append(device(f"other {i}", at, 3))
        at += 3 + float(chance.uniform(5, 50))
    store = store_with(tmp_path, [*events, host("f", 0, 5)])
    result = results_of(store, NAME)[NAME]
    (found,) = result.findings
    assert found.subject.startswith("load > mul > store (track ")
    assert found.n_events == 20
    assert found.value == 20 * 35_000
    # Two gaps of 4 µs in each of twenty.
    assert found.impact_ratio == pytest.approx(20 * 8_000 / found.dur)
    (rows,) = evidence(store, result)
    assert len(rows) == 20
    assert {row[4] for row in rows} == {"load"}


def test_short_tracks_abstain(tmp_path) -> None:
    result = results_of(store_with(tmp_path, [host("f", 0, 10)]), NAME)[NAME]
    assert result.status == "abstained"
