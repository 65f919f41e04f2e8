"""Exact times: decimal text against Python's decimal module."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceql.importers.chrome.times import LIMIT, integer, ns, scaled

WIDE = Context(prec=2000, Emax=10**6, Emin=-(10**6))


def reference(text: str) -> int | None:
    value = (WIDE.create_decimal(text) * 1000).quantize(Decimal(1), ROUND_HALF_UP, WIDE)
    return int(value) if abs(value) < LIMIT else None


NUMBERS = st.builds(
    lambda sign, whole, part, exponent: f"{sign}{whole}{part}{exponent}",
    st.sampled_from(["", "-"]),
    st.integers(0, 10**21).map(str),
    st.just("") | st.text("0123456789", min_size=1, max_size=30).map(lambda s: f".{s}"),
    st.just("") | st.integers(-40, 20).map(lambda e: f"e{e}") | st.just("E+2"),
)


@given(number=NUMBERS)
def test_equals_decimal_arithmetic(number: str) -> None:
    expected = reference(number)
    assert ns(number.encode()) == expected
    assert ns(f'"{number}"'.encode()) == expected


@given(us=st.integers(0, 10**15), part=st.integers(0, 999))
def test_three_decimals_are_exact(us: int, part: int) -> None:
    assert ns(f"{us}.{part:03}".encode()) == us * 1000 + part


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        (b"1712195495519703.772", 1712195495519703772),
        (b"0.0005", 1), (b"-0.0005", -1), (b"0.00049999999999999999999", 0),
        (b"1.7e15", 1_700_000_000_000_000_000), (b"2.0E3", 2_000_000), (b'" 7.5 "', 7500),
        (b"4611686018427387.903", LIMIT - 1), (b"4611686018427387.904", None),
        (b"0e999999", 0), (b"1e999999", None), (b"1e-999999", 0), (b"9" * 5000, None),
        (b"0." + b"0" * 5000 + b"1", 0), (b".5", 500), (b"5.", 5000), (b"+1", 1000),
        (b"", None), (b'""', None), (b"true", None), (b"null", None), (b"NaN", None),
        (b"1.2.3", None), (b"{}", None), (b'"x"', None), (b".", None), (b"-", None),
        (b"1e", None), (None, None),
    ],
)  # fmt: skip
def test_spellings(token: bytes | None, expected: int | None) -> None:
    assert ns(token) == expected


@given(value=st.integers(-(2**63), 2**63 - 1))
def test_integers(value: int) -> None:
    assert integer(str(value).encode()) == value


@given(value=st.integers(-LIMIT + 1, LIMIT - 1))
def test_scaling_by_nothing(value: int) -> None:
    assert scaled(str(value).encode(), 0) == value


@pytest.mark.parametrize(
    "token", [b'"1"', b"1.5", b"1e-2", b"1.0001", b"x", b"1e3", str(2**63).encode(), None]
)
def test_what_is_no_integer(token: bytes | None) -> None:
    assert integer(token) is None


@pytest.mark.parametrize(("token", "value"), [(b"2.0", 2), (b"-0", 0)])
def test_whole_floats_are_integers(token: bytes, value: int) -> None:
    assert integer(token) == value
