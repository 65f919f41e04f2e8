"""The JSON reader: blocks of any size, damage, depth, length, and what it costs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from traceql.importers import _json_grammar as grammar
from traceql.importers._json_stream import JsonStream, members_of

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=12,
)
SEPARATORS = st.sampled_from([(",", ":"), (", ", ": "), (" ,\n ", "\t:  ")])


def blocks(data: bytes, step: int) -> Iterator[bytes]:
    return (data[i : i + step] for i in range(0, len(data), step))


def elements(data: bytes, step: int = 1 << 20) -> tuple[list[Any], list[tuple[str, int]]]:
    reports: list[tuple[str, int]] = []
    stream = JsonStream(blocks(data, step), lambda code, at: reports.append((code, at)))
    assert stream.peek() == b"["
    found = []
    for offset, members in stream.elements():
        text = stream.element_text()
        assert data[offset : offset + len(text)] == text
        found.append(text if members is None else members)
    return found, reports


def loaded(members: dict[bytes, bytes]) -> dict[str, Any]:
    return {json.loads(b'"' + k + b'"'): json.loads(v) for k, v in members.items()}


@settings(max_examples=50, deadline=None)
@given(
    items=st.lists(st.dictionaries(st.text(max_size=6), VALUES, max_size=5), max_size=6),
    step=st.integers(1, 300),
    separators=SEPARATORS,
    ascii_only=st.booleans(),
)
def test_elements_are_those_of_json_loads(
    items: list[Any], step: int, separators: tuple[str, str], ascii_only: bool
) -> None:
    data = json.dumps(items, separators=separators, ensure_ascii=ascii_only).encode()
    found, reports = elements(data, step)
    assert [loaded(members) for members in found] == items
    assert not reports


@settings(max_examples=40, deadline=None)
@given(document=st.dictionaries(st.text(max_size=6), VALUES, max_size=6), step=st.integers(1, 99))
def test_members_and_values_are_those_of_json_loads(document: Any, step: int) -> None:
    data = json.dumps(document).encode()
    stream = JsonStream(blocks(data, step), pytest.fail)
    assert stream.peek() == b"{"
    found = {json.loads(b'"' + k + b'"'): stream.value() for k in stream.enter_object()}
    assert {k: json.loads(v or b"") for k, v in found.items()} == document
    assert stream.peek() == b""
    assert stream.offset == len(data)
    assert loaded(dict(members_of(data))) == document


@settings(max_examples=40, deadline=None)
@given(
    items=st.lists(st.dictionaries(st.text(max_size=4), VALUES, min_size=1, max_size=3), min_size=1,
                   max_size=4),
    cut=st.floats(0, 1),
    step=st.integers(1, 50),
)  # fmt: skip
def test_a_cut_text_gives_its_whole_elements(items: list[Any], cut: float, step: int) -> None:
    data = json.dumps(items).encode()
    end = 1 + int(cut * (len(data) - 2))
    found, reports = elements(data[:end], step)
    got = [loaded(members) for members in found if isinstance(members, dict)]
    assert got == items[: len(got)]
    assert len(got) == sum(
        len(json.dumps(items[: n + 1]).encode()) - 1 <= end for n in range(len(items))
    )
    assert [code for code, _ in reports] == ["json_incomplete"]


@pytest.mark.parametrize(
    ("text", "expected", "codes"),
    [
        (b"[]", [], []),
        (b"[{},]", [{}], []),
        (b'[{"a":1,},{"b":2} {"c":3}]', [{"a": 1}, {"b": 2}, {"c": 3}], []),
        (b'[{"a":"x\ny\x01"}]', [{b"a": b'"x\ny\x01"'}], []),
        (b'[{"a":NaN},{"b":-Infinity}]', [{b"a": b"NaN"}, {b"b": b"-Infinity"}], []),
        (b'[{"a":1},{"b":xfoo"},{"c":3}]', [{"a": 1}, {"c": 3}], ["json_tokenizer_failure"]),
        (b'[{"a":{"b":1,{"c":3},{"d":4}]', [{"d": 4}], ["json_tokenizer_failure"]),
        (b'[x"a":1},{"c":3}]', [{"c": 3}], ["json_tokenizer_failure"]),
        (b'[{"a":[1,2}},{"c":3}]', [{"c": 3}], ["json_tokenizer_failure"]),
        (b'[{"a" 1},{"c":3}]', [{"c": 3}], ["json_tokenizer_failure"]),
        (b'[{"a":"C:\\"},{"b":"x"}]', [{"b": "x"}], ["json_tokenizer_failure"]),
        (b'[{"a":tru},{"c":3}]', [{"c": 3}], ["json_tokenizer_failure"]),
    ],
)
@pytest.mark.parametrize("step", [1, 7, 1000])
def test_damage_is_local(text: bytes, expected: list[Any], codes: list[str], step: int) -> None:
    found, reports = elements(text, step)
    assert [members if members in expected else loaded(members) for members in found] == expected
    assert [code for code, _ in reports] == codes


def test_elements_that_are_no_objects_are_given_as_text() -> None:
    found, _ = elements(b'[1, "two", [3], null, {"a": 4}]', 3)
    assert found == [b"1", b'"two"', b"[3]", b"null", {b"a": b"4"}]


def test_the_last_of_equal_keys_wins_and_the_text_keeps_all() -> None:
    found, _ = elements(b'[{"a":1,"a":{"x":1,"x":2}}]')
    assert found == [{b"a": b'{"x":1,"x":2}'}]


@pytest.mark.parametrize("opener", [b"[", b'{"k":'])
@pytest.mark.parametrize("step", [1009, 1 << 20])
def test_depth_is_no_limit(opener: bytes, step: int) -> None:
    depth = 50_000
    deep = opener * depth + (b"1" if opener == b'{"k":' else b"")
    deep += (b"]" if opener == b"[" else b"}") * depth
    found, reports = elements(b'[{"args":' + deep + b'},{"b":1}]', step)
    assert found == [{b"args": deep}, {b"b": b"1"}]
    assert not reports


def _seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def test_a_long_string_costs_its_length() -> None:
    """Doubling the length doubles the time: far from the fourfold of rescanning from the start."""

    def work(megabytes: int) -> Callable[[], object]:
        data = b'[{"a":"' + b"x\\\\yz" * (megabytes << 18) + b'"}]'
        return lambda: elements(data, 4096)

    work(1)()
    one, eight = _seconds(work(1)), _seconds(work(8))
    assert eight < 24 * max(one, 0.01)


def test_a_value_that_is_too_long_is_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("traceql.importers._json_stream.LARGEST_VALUE", 1000)
    data = b'[{"a":"' + b"x" * 5000 + b'"},{"b":1}]'
    found, reports = elements(data, 100)
    assert found == [{b"b": b"1"}]
    assert [code for code, _ in reports] == ["json_tokenizer_failure"]


@given(text=st.text())
def test_texts_of_tokens_are_those_of_json_loads(text: str) -> None:
    damaged: list[None] = []
    for ascii_only in (True, False):
        token = json.dumps(text, ensure_ascii=ascii_only).encode(errors="surrogatepass")
        if not any(0xD800 <= ord(c) < 0xE000 for c in text):
            assert grammar.text(token, lambda: damaged.append(None)) == text
    assert not damaged


@pytest.mark.parametrize(
    ("token", "text", "damage"),
    [
        (rb'"a\ud83d\ude00b"', "a\N{GRINNING FACE}b", 0),
        (rb'"a\ud83db"', "a\ufffdb", 1),
        (rb'"C:\Users\new"', "C:\\Users\new", 0),
        (b'"\xff\xe9"', "\ufffd\ufffd", 1),
        (b'"a\nb\x00"', "a\nb\x00", 0),
        (b"12.50", "12.50", 0),
    ],
)
def test_texts_that_json_loads_refuses(token: bytes, text: str, damage: int) -> None:
    damaged: list[None] = []
    assert grammar.text(token, lambda: damaged.append(None)) == text
    assert len(damaged) == damage
    text.encode()
