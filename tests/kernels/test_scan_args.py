"""The table of keys whose integers are lifted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceql.kernels.scan_args import lifted_keys, word

KEY = st.text(st.characters(codec="ascii", exclude_characters='"\\\0'), min_size=1, max_size=64)


@given(st.binary(max_size=8))
def test_a_word_is_little_endian(key: bytes) -> None:
    assert int(word(key)).to_bytes(8, "little") == key.ljust(8, b"\0")


@given(st.lists(KEY, unique=True, max_size=16))
def test_every_key_stands_in_the_table_once(keys: list[str]) -> None:
    table = lifted_keys(tuple(keys))
    used = table.length.nonzero()[0]
    found = {}
    for place in used.tolist():
        size = int(table.length[place])
        first = int(table.first[place]).to_bytes(8, "little")[:size]
        last = int(table.last[place]).to_bytes(8, "little")[: min(size, 8)]
        text = table.text[place].tobytes().rstrip(b"\0")
        found[int(table.column[place])] = (first, last, text)
    expected = [(k.encode()[:8], k.encode()[-8:], k.encode()) for k in keys]
    assert [found[column] for column in range(len(keys))] == expected
    assert len(used) == len(keys)


@pytest.mark.parametrize("keys", [("a", "a"), ("",), ("x" * 65,), tuple("abcdefghijklmnopq")])
def test_wrong_keys_are_refused(keys: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="key"):
        lifted_keys(keys)
