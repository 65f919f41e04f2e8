from __future__ import annotations

import math

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceql.reports._cells import columns, label, quantity, show, show_unit
from traceql.reports._text import names, plain, shorten, visible


@pytest.mark.parametrize(
    ("name", "type_", "expected"),
    [
        ("self_dur", pa.int64(), "ns"),
        ("dur", pa.float64(), "ns"),
        ("start_ts", pa.int64(), "ts"),
        ("busy_ratio", pa.float64(), "ratio"),
        ("static_shared_bytes", pa.int64(), "bytes"),
        ("slice_id", pa.int64(), "id"),
        ("device_id", pa.int64(), "id"),
        ("calls", pa.int64(), "count"),
        ("score", pa.float64(), "number"),
        ("power_w", pa.float64(), "w"),
        ("dur", pa.string(), "text"),
        ("flag", pa.bool_(), "text"),
    ],
)
def test_the_name_says_the_quantity(name: str, type_: pa.DataType, expected: str) -> None:
    assert quantity(name, type_) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("self_dur", "self"),
        ("dur", "duration"),
        ("busy_ratio", "busy share"),
        ("gpu_op_count", "gpu op count"),
        ("copied_bytes", "copied"),
        ("name", "name"),
    ],
)
def test_labels(name: str, expected: str) -> None:
    assert label(name) == expected


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        (1_234_567, "ns", "1.23 ms"),
        (-1, "ns", "open"),
        (0, "ns", "0"),
        (0.123, "ratio", "12.3 %"),
        (3 << 30, "bytes", "3.00 GiB"),
        (1_700_000_000_123_456_789, "ts", "1700000000123456789"),
        (12345, "count", "12,345"),
        (12345, "id", "12345"),
        (2.5e9, "hz", "2.5 GHz"),
        (300.25, "w", "300.2 W"),
        (math.nan, "ns", ""),
        (math.inf, "number", "∞"),
        (None, "ns", ""),
        (True, "text", "yes"),
        ([1, "a"], "text", '[1, "a"]'),
    ],
)
def test_cells(value: object, kind, expected: str) -> None:
    assert show(value, kind) == expected


def test_units_of_findings() -> None:
    assert show_unit(183_204.0, "ns") == "183 µs"
    assert show_unit(0.43, "ratio") == "43.0 %"
    assert show_unit(2.5, "steps") == "2.5 steps"
    assert show_unit(7, None) == "7"
    assert show_unit(None, "ns") == ""


def test_columns_of_a_table() -> None:
    shown = columns(pa.table({"name": ["a"], "total_dur": [1]}))
    assert [(c.label, c.numeric) for c in shown] == [("name", False), ("total", True)]


@given(st.text(st.characters(exclude_categories=())))
def test_visible_text_obeys_nobody_and_is_utf8(text: str) -> None:
    shown = visible(text)
    shown.encode("utf-8")
    assert all(ord(c) >= 0x20 and not 0x7F <= ord(c) < 0xA0 for c in shown)
    assert not set(shown) & set("\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u2028\u2029")


@given(st.text(), st.integers(4, 50))
def test_short_texts_stay_and_long_ones_say_what_is_missing(text: str, most: int) -> None:
    short = shorten(text, most)
    if len(text) <= most:
        assert short == text
    else:
        assert short.startswith(text[: most - most // 4])
        assert f"[{len(text) - most:,} more]" in short
        assert len(short) < most + 30


def test_lists_of_names_end() -> None:
    assert names(["a", "b"]) == "a, b"
    assert names(["x" * 999] * 9, 2).endswith("and 7 more")
    assert plain("a\nb\x1b") == "a↵b\\x1b"
