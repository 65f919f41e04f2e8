from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import reference_scan
from hypothesis import example, given, settings
from hypothesis import strategies as st

from traceql.kernels.split import Splitter, check_range

HOSTILE = np.frombuffer(b'"}{\\,[]', np.uint8)
"""What stands in the padding must not matter."""


def split_in_blocks(data: bytes, cuts: list[int], capacity: int = 1000):
    """Feed a stream block by block as a reader does: the tail moves to the front."""
    splitter = Splitter(capacity)
    kept, offset, events, irregular = b"", 0, [], 0
    bounds = [0, *sorted(cuts), len(data)]
    for a, b in pairwise(bounds):
        block = kept + data[a:b]
        buffer = np.resize(HOSTILE, len(block) + 64)
        buffer[: len(block)] = np.frombuffer(block, np.uint8)
        start, end = len(kept), len(block)
        while True:
            found = splitter.split(buffer, start, end)
            pairs = zip(found.starts.tolist(), found.ends.tolist(), strict=True)
            events += [(offset + s, offset + e) for s, e in pairs]
            irregular += found.irregular
            start = found.next
            if found.closed:
                return events, offset + found.next, irregular == 0
            if start >= end:
                break
            assert found.starts.size == capacity
        kept = block[found.tail :]
        offset += found.tail
    return events, -1, irregular == 0


SAMPLES = [
    b"",
    b"{}",
    b'{"a":1},{"b":{"c":"}"}}] trailing {}',
    b'{"a":"\\\\"},\n  {"a":"\\\\\\"{"}\n]',
    b'{"a":"' + b"\\" * 70 + b'"},{"q":"\\"' + b"x{" * 40 + b'"}]',
    b'[{"x":[1]}],{}]',
    b"{},,{}",
    b"{}{}",
    b",{}",
    b'"junk { " {}]',
    b"}{}]",
    b"{},]",
    b'{"a":' + b"{" * 100 + b"}" * 100 + b"},{}]",
]


@pytest.mark.parametrize("data", SAMPLES)
def test_every_cut_gives_the_same_events(data: bytes) -> None:
    expected = reference_scan.split(data)
    for cut in range(len(data) + 1):
        assert split_in_blocks(data, [cut]) == expected


@pytest.mark.parametrize("data", SAMPLES[:5])
def test_one_byte_at_a_time(data: bytes) -> None:
    assert split_in_blocks(data, list(range(len(data)))) == reference_scan.split(data)


PIECES = ["{", "}", "[", "]", '"', "\\", ",", " ", "\n", "a", "x" * 61, "\\" * 63, '{"k":"v"}', ","]


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.sampled_from(PIECES), max_size=60),
    st.lists(st.integers(0, 2000), max_size=4),
    st.integers(1, 5),
)
@example(['"', "\\" * 63, "a", '"', "{", "}"], [1], 1)
def test_any_bytes_any_cuts_any_capacity(pieces, cuts, capacity) -> None:
    data = "".join(pieces).encode()
    cuts = [min(cut, len(data)) for cut in cuts]
    assert split_in_blocks(data, cuts, capacity) == reference_scan.split(data)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_random_bytes(data: bytes) -> None:
    assert split_in_blocks(data, []) == reference_scan.split(data)


def test_tail_is_the_unfinished_event() -> None:
    data = b'{"a":1}, {"b":'
    buffer = np.zeros(len(data) + 64, np.uint8)
    buffer[: len(data)] = np.frombuffer(data, np.uint8)
    found = Splitter().split(buffer, 0, len(data))
    assert (found.tail, found.next, found.closed) == (9, len(data), False)


def test_refuses_missing_padding() -> None:
    with pytest.raises(ValueError, match="64"):
        Splitter().split(np.zeros(70, np.uint8), 0, 7)
    with pytest.raises(ValueError, match="contiguous"):
        Splitter().split(np.zeros(200, np.uint8)[::2], 0, 7)
    with pytest.raises(ValueError, match="capacity"):
        Splitter(0)


@given(st.integers(-2, 200), st.integers(-2, 200), st.integers(0, 200))
def test_ranges_stay_within_the_padding(start: int, end: int, size: int) -> None:
    buffer = np.zeros(size, np.uint8)
    if 0 <= start <= end <= size - 64:
        check_range(buffer, start, end)
        return
    with pytest.raises(ValueError, match="need 0"):
        check_range(buffer, start, end)
