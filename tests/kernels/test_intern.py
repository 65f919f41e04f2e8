from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from traceql.kernels.intern import Dictionary

TEXTS = st.binary(max_size=4) | st.binary(min_size=5, max_size=90)


def add(dictionary: Dictionary, texts: list[bytes]) -> list[int]:
    data = b"".join(texts)
    buffer = np.full(len(data) + 64, 255, np.uint8)
    buffer[: len(data)] = np.frombuffer(data, np.uint8)
    bounds = np.cumsum([0, *map(len, texts)])
    return dictionary.add(buffer, bounds[:-1], bounds[1:]).tolist()


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(TEXTS, max_size=30), max_size=4))
def test_ids_follow_first_appearance(batches: list[list[bytes]]) -> None:
    dictionary, known = Dictionary(1, 1), {}
    for texts in batches:
        expected = [known.setdefault(text, len(known)) for text in texts]
        assert add(dictionary, texts) == expected
    assert dictionary.texts() == list(known)
    assert len(dictionary) == len(known)
    assert dictionary.used_bytes == sum(map(len, known))


def test_grows_far_beyond_its_first_size() -> None:
    dictionary = Dictionary(16, 16)
    texts = [str(i).encode() * (i % 5) for i in range(50_000)]
    known: dict[bytes, int] = {}
    assert add(dictionary, texts) == [known.setdefault(text, len(known)) for text in texts]
    assert dictionary.texts(len(known) - 1) == [list(known)[-1]]


def test_a_text_is_its_bytes_and_no_more() -> None:
    """Equal beginnings, equal padding and embedded zeros must not be confused."""
    texts = [b"", b"\0", b"\0\0", b"a", b"a\0", b"a" * 31, b"a" * 32, b"a" * 33, b"a" * 64]
    assert add(Dictionary(), texts + texts[::-1]) == [*range(9), *range(8, -1, -1)]


def test_refuses_ranges_outside_the_buffer() -> None:
    buffer = np.zeros(100, np.uint8)
    with pytest.raises(ValueError, match="padding"):
        Dictionary().add(buffer, np.array([0]), np.array([37]))
    with pytest.raises(ValueError, match="starts"):
        Dictionary().add(buffer, np.array([3]), np.array([2]))
