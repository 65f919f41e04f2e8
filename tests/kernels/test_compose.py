"""Texts around numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceql.kernels.compose import Texts, compose

INT64 = st.integers(-(1 << 63), (1 << 63) - 1)
WORDS = st.binary(max_size=5)


def packed(texts: list[bytes]) -> Texts:
    data = np.array(bytearray(b"".join(texts)), np.uint8)
    return Texts(data, np.cumsum([0, *map(len, texts)]).astype(np.int32))


@given(
    st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=4),
    st.lists(st.tuples(st.integers(-1, 3), INT64, st.booleans()), max_size=20),
)
def test_equals_the_oracle(around: list[tuple[bytes, bytes]], rows: list[tuple[int, int, bool]]):
    before, after = ([pair[side] for pair in around] for side in (0, 1))
    rows = [(min(code, len(around) - 1), *rest) for code, *rest in rows]
    codes, numbers, shown = (list(c) for c in zip(*rows, strict=True)) if rows else ([], [], [])
    found = compose(
        packed(before),
        packed(after),
        np.array(codes, np.int32),
        np.array(numbers, np.int64),
        np.array(shown, np.bool_),
    )
    texts = [found.data[a:b].tobytes() for a, b in zip(found.ends, found.ends[1:], strict=False)]
    assert texts == [
        b"" if c < 0 else before[c] + (b"%d" % n if s else b"") + after[c] for c, n, s in rows
    ]


def test_wrong_columns_are_refused() -> None:
    one = packed([b"a"])
    flags = np.ones(1, np.bool_)
    with pytest.raises(ValueError, match="code 1"):
        compose(one, one, np.ones(1, np.int32), np.zeros(1, np.int64), flags)
    with pytest.raises(ValueError, match="one length"):
        compose(one, one, np.zeros(2, np.int32), np.zeros(1, np.int64), flags)
