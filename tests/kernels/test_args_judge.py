"""What the judge of templates is sure of holds for Python's JSON, and plain args are sure."""

from __future__ import annotations

import json
import re

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from traceql.kernels.args_judge import AVERAGE, CORRELATION, SURE, judge_templates
from traceql.kernels.intern import Dictionary

BIT = 2
"""Of hole B, which the tests take for the correlation."""

TEXT = st.sampled_from(
    ["a", "correlation", "Correlation id", "avg ms", "é", '"avg ms"', "\\u0063orrelation", "c", ""]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=12,
)  # fmt: skip
PIECES = st.lists(
    st.sampled_from(
        [b"{", b"}", b"[", b"]", b'"', b":", b",", b"1", b"-0", b"01", b"1.5e3", b"1.", b"true",
         b"tru", b'"a"', b'"a":', b"\x01A", b"\x01B", b"\x01Q", b" ", b"\n", b"\\", b"\xff",
         b"\xc3\xa9", b"\xed\xa0\x80", b"\x02", b'"correlation":', b'"avg ms"', b"NaN"]
    ),
    max_size=12,
).map(b"".join)  # fmt: skip


def verdict(text: bytes, holes: int) -> int:
    dictionary = Dictionary()
    data = np.frombuffer(text + bytes(64), np.uint8)
    dictionary.add(data, np.zeros(1, np.int64), np.full(1, len(text)))
    table = dictionary.table
    table.notes[0] = holes
    found = np.empty(1, np.uint8)
    judge_templates(table.arena, table.offsets, table.notes, 0, BIT, found)
    return int(found[0])


def depth(value: object) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return isinstance(value, dict | list) + max(map(depth, inner), default=0)


@settings(max_examples=400)
@given(PIECES | PIECES.map(lambda inner: b"{" + inner + b"}"), st.integers(0, 3))
def test_sure_means_valid(text: bytes, holes: int) -> None:
    found = verdict(text, holes)
    if not found:
        return
    filled, count = re.subn(rb"\x01[A-P]", b"0", text)
    letters = {65 + k for k in range(2) if holes >> k & 1}
    assert count == len(letters)
    assert {text[m.start() + 1] for m in re.finditer(rb"\x01[A-P]", text)} == letters
    assert isinstance(json.loads(filled.decode(), parse_constant=lambda _: 1 / 0), dict)
    assert bool(found & AVERAGE) == (b'"avg ms"' in text)
    mentions = text.lower().count(b"correlation")
    assert mentions <= 1
    assert bool(found & CORRELATION) == mentions
    if mentions:
        assert holes & BIT
        assert b"\\" not in text


@given(st.dictionaries(TEXT, JSON, max_size=4), st.booleans(), st.sampled_from([None, 1]))
def test_json_is_sure(value: dict[str, object], ascii_only: bool, indent: int | None) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()
    expected = depth(value) <= 4 and b"correlation" not in text.lower()
    average = b'"avg ms"' in text
    assert verdict(text, 0) == ((SURE | AVERAGE if average else SURE) if expected else 0)


def test_the_hole_of_the_correlation() -> None:
    assert verdict(b'{"x": 1, "correlation": \x01B}', BIT) == SURE | CORRELATION
    assert verdict(b'{"x": 1, "correlation": 7}', 0) == 0
    assert verdict(b'{"Correlation": 1, "correlation": \x01B}', BIT) == 0
    assert verdict(b'{"x": "\x01B"}', BIT) == 0
    assert verdict(b'{"x": \x01B}', 3) == 0
    assert verdict(b'{"x": \x01B, "y": \x01B}', BIT) == 0


@given(st.binary(min_size=1, max_size=6))
def test_utf8(raw: bytes) -> None:
    text = b'{"x":"' + raw.replace(b'"', b"").replace(b"\\", b"") + b'"}'
    try:
        valid = all(ord(c) >= 32 for c in text.decode())
    except UnicodeDecodeError:
        valid = False
    assert verdict(text, 0) == (SURE if valid else 0)
