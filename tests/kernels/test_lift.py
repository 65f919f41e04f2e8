"""Lifting against a tokenizer, and the way back."""

from __future__ import annotations

import json

import numpy as np
import pytest
import reference
from hypothesis import example, given
from hypothesis import strategies as st

from traceql.kernels.lift import lift

KEYS = ["stream", "device", "Ev Idx", "bytes"]

words = st.sampled_from([*KEYS, "other", 'q"uote', "back\\", ""])
scalars = st.integers(-(2**65), 2**65) | st.integers(-9, 9) | st.floats() | st.booleans() | words
values = scalars | st.lists(scalars, max_size=3) | st.dictionaries(words, scalars, max_size=1)
objects = st.lists(st.tuples(words, values), max_size=6)
spaces = st.sampled_from(["", " ", "\n  ", "\t"])
pieces = st.lists(
    st.sampled_from(
        [*'{}[],:"\\ \n\x01A', '"stream"', "-0", "0", "00", "17", "-5", "9223372036854775807",
         "9223372036854775808", "-9223372036854775808", "-9223372036854775809", "1.5", "1e3", "é"]
    ),
    max_size=14,
).map("".join)  # fmt: skip


@st.composite
def texts(draw):
    members = draw(objects)
    gap = draw(spaces)
    inside = f",{gap}".join(f"{json.dumps(k)}{gap}:{gap}{json.dumps(v)}" for k, v in members)
    return "{" + gap + inside + gap + "}"


def lifted(rows):
    encoded = [row.encode() for row in rows]
    offsets = np.cumsum([0, *map(len, encoded)])
    found = lift(np.frombuffer(b"".join(encoded), np.uint8), offsets, [k.encode() for k in KEYS])
    data = bytes(found.data)
    for i in range(len(rows)):
        template = data[found.offsets[i] : found.offsets[i + 1]].decode()
        holes = int(found.holes[i])
        yield (
            template,
            holes,
            {k: int(found.values[k, i]) for k in range(len(KEYS)) if holes >> k & 1},
        )


@given(st.lists(texts() | pieces | pieces.map(lambda t: '{"stream":' + t), max_size=5))
@example(['{"stream":1,"stream":2,"device":3}'])
@example(['{"a":[1,"stream":2],"device" : -0,"bytes":-10 }'])
def test_template_and_values_are_those_of_the_tokenizer(rows):
    for row, (template, holes, values_) in zip(rows, lifted(rows), strict=True):
        assert reference.rebuild(template, holes, values_) == row
        assert (template, holes, values_) == reference.lift(row, KEYS)


def test_many_occurrences_leave_the_text_as_it_is():
    row = "{" + ",".join(['"stream":1'] * 100) + "}"

    assert list(lifted([row, '{"stream":1}'])) == [(row, 0, {}), ('{"stream":\x01A}', 1, {0: 1})]
    with pytest.raises(ValueError, match="keys"):
        lift(b"", [0], [b"x"] * 27)
