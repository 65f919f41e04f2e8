"""Numbers for people."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceql.model import units


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0 ns"),
        (999, "999 ns"),
        (1_230_000, "1.23 ms"),
        (12_340, "12.3 µs"),
        (-2_000_000_000, "-2.00 s"),
        (123_000_000_000, "2 min 3.0 s"),
        (None, ""),
    ],
)
def test_times(value: int | None, text: str) -> None:
    assert units.format_ns(value) == text


@pytest.mark.parametrize(
    ("text", "size"),
    [("512MB", 512_000_000), ("2GiB", 2 << 30), ("1500000", 1_500_000), (" 1.5 k ", 1500)],
)
def test_sizes(text: str, size: int) -> None:
    assert units.parse_bytes(text) == size


@pytest.mark.parametrize("text", ["", "abc", "12QB", "-5MB", "0", "k", "1..5M", "inf", "nan"])
def test_bad_sizes_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="size"):
        units.parse_bytes(text)


@given(st.integers(1, 1 << 60))
def test_bytes_round_trip_to_three_digits(size: int) -> None:
    shown = units.format_bytes(size)

    assert abs(units.parse_bytes(shown) - size) <= 0.006 * size + 1


def test_shares_and_counts() -> None:
    assert units.format_ratio(0.1234) == "12.3 %"
    assert units.format_ratio(None) == ""
    assert units.format_count(12345) == "12,345"
