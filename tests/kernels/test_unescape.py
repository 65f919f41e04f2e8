"""Escaped texts and holes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceql.kernels.unescape import unescape

TEXT = st.lists(st.sampled_from([b"\x01", b"\x02", b"A", b"B", b"C", b"x"]), max_size=8)


def oracle(text: bytes, keys: int) -> tuple[bytes, int]:
    if text.startswith(b"\x02"):
        return text[1:], 0
    letters = range(keys)
    return text, sum(1 << k for k in letters if b"\x01" + bytes([65 + k]) in text)


@given(st.lists(TEXT.map(b"".join), max_size=6), st.integers(0, 3), st.integers(0, 5))
def test_equals_the_oracle(texts: list[bytes], keys: int, shift: int) -> None:
    data = np.frombuffer(b"y" * shift + b"".join(texts) + b"z", np.uint8)
    offsets = np.cumsum([shift, *map(len, texts)])
    found, holes = unescape(data, offsets, keys)
    parts = [found.data[a:b].tobytes() for a, b in zip(found.ends, found.ends[1:], strict=False)]
    assert list(zip(parts, holes.tolist(), strict=True)) == [oracle(t, keys) for t in texts]


def test_too_many_keys_are_refused() -> None:
    with pytest.raises(ValueError, match="32 keys"):
        unescape(np.zeros(1, np.uint8), np.zeros(2, np.int64), 32)
