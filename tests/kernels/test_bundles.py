"""Kernel events as columns against a reading of the same bytes field by field."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceql.kernels import bundles as at

sys.path.append(str(Path(__file__).resolve().parents[1] / "importers"))
from perfetto_encoder import message

TS, TID, TEXT = st.integers(0, 2**62 - 1), st.integers(0, 2**31), st.text(max_size=9)
INT64 = st.integers(-(2**63), 2**63 - 1)


@st.composite
def events(draw: st.DrawFn) -> tuple[bytes, dict[int, Any]]:
    """An event, and its columns; a text stands for where it lies."""
    ts, tid, flags = draw(TS), draw(TID), draw(st.integers(0, 255))
    said = {at.TS: ts, at.TID: tid, at.IN_INTERRUPT: int(flags & 0x18 != 0)}
    head = [(1, ts), (2, tid), (5, flags)]
    kind = draw(st.sampled_from(["switch", "wake", "print", "cpu", "unread", "odd"]))
    if kind == "switch":
        said |= {at.KIND: at.SWITCH, at.PID: draw(INT64), at.STATE: draw(INT64),
                 at.NEXT: draw(INT64), at.COMM_AT: draw(TEXT), at.NEXT_AT: draw(TEXT),
                 at.PRIORITY: draw(TID)}  # fmt: skip
        content = message((1, said[at.COMM_AT]), (2, said[at.PID]), (4, said[at.STATE]),
                          (5, said[at.NEXT_AT]), (6, said[at.NEXT]),
                          (7, said[at.PRIORITY]))  # fmt: skip
        body: tuple[int, bytes] = (4, content)
    elif kind == "wake":
        number = draw(st.sampled_from([20, 17, 114]))
        said |= {at.KIND: at.WAKEUP if number == 17 else at.WAKING, at.PID: draw(INT64),
                 at.COMM_AT: draw(TEXT)}  # fmt: skip
        body = (number, message((2, said[at.PID]), (1, said[at.COMM_AT])))
    elif kind == "print":
        said |= {at.KIND: at.PRINT, at.COMM_AT: draw(TEXT)}
        body = (3, message((1, 9), (2, said[at.COMM_AT])))
    elif kind == "cpu":
        number = draw(st.sampled_from([11, 13]))
        said |= {at.KIND: at.FREQUENCY if number == 11 else at.IDLE, at.PID: draw(TID),
                 at.STATE: draw(TS)}  # fmt: skip
        body = (number, message((1, said[at.STATE]), (2, said[at.PID])))
    elif kind == "unread":
        number = draw(st.sampled_from([500, 21, 341]))
        said |= {at.KIND: at.UNREAD, at.PID: number}
        body = (number, draw(st.binary(max_size=5)))
    else:
        said = {at.KIND: at.ODD}
        body = draw(st.sampled_from([(235, b""), (4, b"\x08"), (36, b"\x10\x01")]))
    return message(*head, body), said


def scanned(*bundles: bytes, capacity: int = 1000) -> tuple[bytes, list[dict[int, Any]], int]:
    data = b"".join(bundles)
    ends = np.cumsum([len(bundle) for bundle in bundles])
    starts = ends - [len(bundle) for bundle in bundles]
    found = at.BundleScanner(capacity).scan(np.frombuffer(data, np.uint8), starts, ends, 0)
    rows = []
    for column in found.columns.T.tolist():
        row = dict(enumerate(column))
        for place, size in ((at.COMM_AT, at.COMM_SIZE), (at.NEXT_AT, at.NEXT_SIZE)):
            row[place] = data[row[place] : row[place] + row[size]].decode()
        rows.append(row)
    return data, rows, found.done


@given(st.lists(events(), max_size=8), st.integers(0, 2**31 - 1))
def test_columns_are_what_was_written(made: list[tuple[bytes, dict[int, Any]]], cpu: int) -> None:
    bundle = message(*((2, raw) for raw, _ in made), (1, cpu))
    data, rows, done = scanned(bundle, bundle)
    assert done == 2
    assert len(rows) == 2 * len(made)
    for number, row in enumerate(rows):
        raw, said = made[number % len(made)]
        assert row[at.PACKET] == number // len(made)
        assert data[row[at.START] : row[at.END]] == raw
        assert row[at.CPU] == cpu
        assert said.items() <= row.items()


@given(st.lists(st.tuples(st.integers(0, 2**40), INT64, INT64, st.integers(0, 3)), max_size=9))
def test_compact_events_are_those_written(rows: list[tuple[int, int, int, int]]) -> None:
    times, states, tids, names = ([row[i] for row in rows] for i in range(4))
    comms = ["a", "", "ccc"]
    compact = message((1, times), (2, states), (3, tids), *((5, comm) for comm in comms),
                      (6, names), (4, tids[:3]), (7, times), (8, tids), (11, names),
                      (12, [8]))  # fmt: skip
    _, found, _ = scanned(message((1, 3), (4, compact)))
    kinds = [at.COMPACT_SWITCH] * len(rows) + [at.COMPACT_WAKING] * len(rows)
    assert [row[at.KIND] for row in found] == kinds
    for is_waking, part in ((False, found[: len(rows)]), (True, found[len(rows) :])):
        assert [row[at.TS] for row in part] == np.cumsum(times).tolist()
        assert [row[at.PID if is_waking else at.NEXT] for row in part] == tids
        called = [comms[name] if name < 3 else "" for name in names]
        assert [row[at.COMM_AT if is_waking else at.NEXT_AT] for row in part] == called
        if is_waking:
            assert [row[at.IN_INTERRUPT] for row in part] == [n == 0 for n in range(len(part))]
        else:
            priorities = tids[:3] + [0] * len(tids[3:])
            assert [row[at.PRIORITY] for row in part] == priorities
            assert [row[at.STATE] for row in part] == states
    short = message((1, [5, 6]), (2, [1, 1]), (3, [7]), (6, [0, 0]))
    assert [row[at.KIND] for row in scanned(message((4, short)))[1]] == [at.ODD_BUNDLE]


@given(st.lists(st.binary(max_size=80), min_size=1, max_size=6), st.integers(1, 40))
def test_any_bytes_are_scanned_within_their_bounds(bundles: list[bytes], capacity: int) -> None:
    data = b"".join(bundles)
    ends = np.cumsum([len(bundle) for bundle in bundles])
    starts, first = ends - [len(bundle) for bundle in bundles], 0
    while first < len(bundles):
        found = at.BundleScanner(capacity).scan(np.frombuffer(data, np.uint8), starts, ends, first)
        assert first < found.done <= len(bundles)
        assert found.columns.shape[1] <= capacity
        for row in found.columns.T.tolist():
            within = first <= row[at.PACKET] < found.done
            assert within
            assert starts[row[at.PACKET]] <= row[at.START] <= row[at.END] <= ends[row[at.PACKET]]
            for place, size in ((at.COMM_AT, at.COMM_SIZE), (at.NEXT_AT, at.NEXT_SIZE)):
                assert 0 <= row[place] <= row[place] + row[size] <= len(data)
        first = found.done


@pytest.mark.parametrize("odd", [(3, 1), (5, 3), (8, b""), (1, 1 << 31), (4, b"\xff"), (2, b"")])
def test_what_only_its_bytes_tell(odd: tuple[int, Any]) -> None:
    kind = at.ODD if odd == (2, b"") else at.ODD_BUNDLE
    assert [row[at.KIND] for row in scanned(message(odd))[1]] == [kind]


def test_bundles_must_lie_in_the_data() -> None:
    data, one = np.zeros(3, np.uint8), np.array([1])
    scanner = at.BundleScanner(4)
    with pytest.raises(ValueError, match="bundle 1 of 1"):
        scanner.scan(data, one, one, 1)
    with pytest.raises(ValueError, match="outside"):
        scanner.scan(data, one, np.array([4]), 0)
