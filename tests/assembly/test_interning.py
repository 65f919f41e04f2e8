"""Dictionaries: order of ids, the cap, escapes."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceql.assembly import intern
from traceql.assembly.intern import Dictionary
from traceql.assembly.lift import escape, lift, unescape

rows = st.lists(
    st.tuples(st.integers(0, 1), st.sampled_from([None, "a", "bb", "ccc", "d", "ee"])), max_size=40
)


def encoded(dictionary, events, step):
    """Provisional ids by event; events are (column, text), their place is the ordinal."""
    columns = [dictionary.column(), dictionary.column()]
    found = {}
    for number, column in enumerate(columns):
        mine = [(i, text) for i, (c, text) in enumerate(events) if c == number]
        for at in range(0, len(mine), step):
            part = mine[at : at + step]
            texts = pa.array([t for _, t in part], pa.string())
            texts = texts.dictionary_encode() if at % 2 else texts
            ids = column.encode(texts, np.array([i for i, _ in part], np.int64))
            found |= dict(zip([i for i, _ in part], ids, strict=True))
    dictionary.finish()
    return [found[i].as_py() for i in range(len(events))]


def stored(dictionary):
    listed = [row for batch in dictionary.batches() for row in batch.to_pylist()]
    assert [row["id"] for row in listed] == list(range(len(listed)))
    assert len(listed) == dictionary.rows
    return [row["text"] for row in listed]


@given(rows, st.integers(1, 9))
def test_ids_follow_the_first_appearance_in_the_file(tmp_path_factory, events, step):
    dictionary = Dictionary("d", tmp_path_factory.mktemp("d"))
    ids = dictionary.final(pa.array(encoded(dictionary, events, step), pa.int32()))
    texts = list(dict.fromkeys(text for _, text in events if text is not None))

    assert stored(dictionary) == texts
    assert ids.to_pylist() == [None if t is None else texts.index(t) for _, t in events]


@given(rows, st.integers(1, 3))
def test_many_texts_wait_on_disk(tmp_path_factory, events, at_once):
    dictionary = Dictionary("d", tmp_path_factory.mktemp("d"))
    with patch.object(intern, "_TEXTS_AT_ONCE", at_once):
        encoded(dictionary, events, 5)

    assert stored(dictionary) == list(dict.fromkeys(t for _, t in events if t is not None))


@given(rows, st.integers(1, 9), st.integers(1, 9), st.integers(0, 3), st.integers(0, 6))
def test_beyond_the_cap_texts_stay_and_do_not_depend_on_batches(
    tmp_path_factory, events, step, other, most_texts, most_chars
):
    found = []
    for size in (step, other):
        folder = tmp_path_factory.mktemp("d")
        dictionary = Dictionary("d", folder, most_texts=most_texts, most_chars=most_chars)
        ids = dictionary.final(pa.array(encoded(dictionary, events, size), pa.int32())).to_pylist()
        texts = stored(dictionary)
        assert [None if i is None else texts[i] for i in ids] == [t for _, t in events]
        found.append((ids, texts))

    assert found[0] == found[1]


@given(st.lists(st.integers(0, 31).map(lambda high: (high - 16) << 27), min_size=1, max_size=3))
def test_what_lies_where_a_text_is_null_may_be_any_number(tmp_path_factory, numbers):
    dictionary = Dictionary("d", tmp_path_factory.mktemp("d"))
    dictionary.column().encode(pa.array(["a", "b"]), np.arange(2))
    dictionary.finish()

    for number in numbers:
        assert len(dictionary.final_numbers(np.array([number], np.int32))) == 1
    given_out = np.array([0, 1], np.int32)
    assert dictionary.final_numbers(given_out).tolist() == [0, 1]
    mixed = np.array([*numbers, 1], np.int32)
    assert dictionary.final_numbers(mixed)[-1] == 1


def test_bytes_that_are_no_text_and_that_no_row_has_are_passed_over(tmp_path):
    dictionary = Dictionary("d", tmp_path)
    column = dictionary.column()
    texts = pa.array([b"one", b"\xb8", b"two", b"\xed\xb2\xb8"], pa.binary()).view(pa.string())
    for ordinal in (0, 2):
        rows_ = pa.DictionaryArray.from_arrays(pa.array([2, 0], pa.int32()), texts)
        column.encode(rows_, np.arange(ordinal, ordinal + 2))
        texts = pa.concat_arrays([texts])
    dictionary.finish()

    assert stored(dictionary) == ["two", "one"]


@given(
    st.lists(
        st.none()
        | st.sampled_from(["", "\x01A", "\x02", "\x02\x02x", '{"k":1}', '{"k":"\x01A"}', "plain"]),
        max_size=8,
    )
)
def test_texts_that_look_as_if_they_had_holes_come_back(texts):
    column = pa.array(texts, pa.string())
    for encoded_ in (column, column.dictionary_encode()):
        templates, (values,) = lift(encoded_, ["k"])
        templates = templates.cast(pa.string())
        present = [i for i, t in enumerate(texts) if t is not None]
        back, holes = unescape(templates.take(pa.array(present, pa.int64())), 1)
        for place, text, has_hole in zip(present, back.to_pylist(), holes.to_pylist(), strict=True):
            value = values[place].as_py()
            assert (value is not None) == bool(has_hole)
            rebuilt = text.replace("\x01A", str(value)) if has_hole else text
            assert rebuilt == texts[place]
    plain = column.drop_null()
    assert unescape(escape(plain), 1)[0].to_pylist() == plain.to_pylist()


def test_a_slice_of_a_column_is_lifted_alone():
    column = pa.array(["x", '{"k":5}', None, '{"k":6}', "y"]).slice(1, 3)
    templates, (values,) = lift(column, ["k"])

    assert templates.to_pylist() == ['{"k":\x01A}', None, '{"k":\x01A}']
    assert values.to_pylist() == [5, None, 6]


def test_a_dictionary_with_nulls_and_repeats_is_understood(tmp_path):
    texts = pa.DictionaryArray.from_arrays(
        pa.array([2, 1, 0, None], pa.int32()), pa.array(["a", None, "a"])
    )
    dictionary = Dictionary("d", tmp_path)
    provisional = dictionary.column().encode(texts, np.arange(4))
    dictionary.finish()

    assert dictionary.final(provisional).to_pylist() == [0, None, 0, None]
    assert stored(dictionary) == ["a"]


def test_a_column_of_nulls_needs_nothing(tmp_path):
    dictionary = Dictionary("d", tmp_path)
    provisional = dictionary.column().encode(pa.nulls(3, pa.string()), np.arange(3))
    dictionary.finish()

    assert dictionary.final(provisional).to_pylist() == [None] * 3
    assert stored(dictionary) == []
    with pytest.raises(StopIteration):
        next(dictionary.batches())
