"""The importer against a simple reader made of json.loads and Decimal, on hostile events.

Also: the same rows at any block size, a prefix of them for any prefix of the text, and no failure
but ours for changed bytes.
"""

from __future__ import annotations

import json
import random
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from chrome_text import ALL, KINETO, Row, Tables, read
from hypothesis import given, settings
from hypothesis import strategies as st

from traceql.errors import InputError

TEXTS = st.text(max_size=6) | st.sampled_from(
    ['"', "\\", "}", "]", "},{", '},{"ph":"X"', "\u2028", "\x00", "\x7f", "é", "\N{GRINNING FACE}"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
TIMES = st.decimals(0, 10**15, places=3) | st.integers(0, 10**15).map(Decimal)
SPACE = st.sampled_from(["", " ", "\n", "\t ", "\r\n"])
IDS = st.integers(0, 3) | st.sampled_from(["a", "", "stream 7"])


@st.composite
def hostile_events(draw: st.DrawFn) -> tuple[str, str]:
    """An event as text, and the text of its args."""
    space = draw(SPACE)
    ph = draw(st.sampled_from("XXXBEiCsZ"))
    args = json.dumps(draw(st.dictionaries(TEXTS, JSON, max_size=3)), ensure_ascii=draw(
        st.booleans()))  # fmt: skip
    fields = {"ph": json.dumps(ph), "ts": str(draw(TIMES)), "args": args}
    if draw(st.booleans()):
        fields["name"] = json.dumps(draw(TEXTS))
    if draw(st.booleans()):
        fields["cat"] = json.dumps(draw(TEXTS), ensure_ascii=False)
    if draw(st.booleans()):
        fields["dur"] = str(draw(TIMES))
    if draw(st.booleans()):
        fields["id"] = json.dumps(draw(st.integers(0, 9)))
    fields |= {"pid": json.dumps(draw(IDS)), "tid": json.dumps(draw(IDS))}
    keys = draw(st.permutations(list(fields)))
    members = [f'{space}"{key}"{space}:{space}{fields[key]}{space}' for key in keys]
    return "{" + ",".join(members) + "}", args


def ns(number: str) -> int:
    return int((Decimal(number) * 1000).quantize(Decimal(1), ROUND_HALF_UP))


def expected(items: list[tuple[str, str]]) -> dict[str, list[tuple[Any, ...]]]:
    """What json.loads makes of the events: ordinals, times, texts and args."""
    found: dict[str, list[tuple[Any, ...]]] = {"span": [], "edge": [], "counter_sample": []}
    for ordinal, (text, args) in enumerate(items):
        e = json.loads(text, parse_float=str, parse_int=str)
        start = (ordinal, ns(e["ts"]))
        texts = (e.get("name"), e.get("cat"), args)
        if e["ph"] in "BE":
            end = e["ph"] == "E"  # an empty name or category of an end fits any begin
            fits = [text or None if end else text for text in texts[:2]]
            found["edge"].append((*start, end, *fits, args))
        elif e["ph"] == "C":
            plain = json.loads(args)
            found["counter_sample"] += [
                (*start, float(v)) for v in plain.values()
                if isinstance(v, int) and not isinstance(v, bool)
            ]  # fmt: skip
        elif e["ph"] != "s":
            dur = ns(e["dur"]) if e["ph"] == "X" and "dur" in e else 0
            found["span"].append((*start, dur, *texts))
    return found


def rows(found: Tables, table: str, *columns: str) -> list[tuple[Any, ...]]:
    return [tuple(row[c] for c in columns) for row in found[table]]


@settings(max_examples=60, deadline=None)
@given(
    items=st.lists(hostile_events(), min_size=1, max_size=8),
    step=st.sampled_from([1, 2, 3, 5, 17, 64, 255, 4096]),
    in_object=st.booleans(),
)
def test_equals_json_loads(items: list[tuple[str, str]], step: int, in_object: bool) -> None:
    text = "[" + ",\n".join(text for text, _ in items) + "]"
    found = read('{"a":1,"traceEvents":' + text + "}" if in_object else text, step)
    want = expected(items)
    texts = ("name", "category", "args")
    assert rows(found, "span", "ordinal", "ts", "dur", *texts) == want["span"]
    assert rows(found, "edge", "ordinal", "ts", "is_end", *texts) == want["edge"]
    counters = rows(found, "counter_sample", "ordinal", "ts", "value")
    numeric_texts = [c for c in counters if c not in want["counter_sample"]]
    assert [c for c in counters if c not in numeric_texts] == want["counter_sample"]
    errors = {row["code"] for row in found["diagnostic"] if row["severity"] == "error"}
    assert not errors


@pytest.mark.parametrize("dialect", ALL)
@pytest.mark.parametrize("step", [1, 2, 13, 61, 1000, 4096])
def test_block_sizes_do_not_matter(dialect: str, step: int) -> None:
    assert read(ALL[dialect], step) == read(ALL[dialect])


def outcome(data: bytes) -> Tables | None:
    try:
        return read(data)
    except InputError:
        return None


@pytest.mark.parametrize("count", [30, pytest.param(200, marks=pytest.mark.fuzz)])
@pytest.mark.parametrize("dialect", ALL)
def test_a_truncated_text_gives_a_prefix(dialect: str, count: int) -> None:
    data, chance = ALL[dialect].encode(), random.Random(f"{dialect} {count}")
    whole = read(data)
    streamed = ("span", "edge", "flow_point", "link", "gpu_span", "counter_sample", "sample_event",
                "allocation_event")  # fmt: skip
    for end in [0, 1, 2, 3, *(chance.randrange(4, len(data.rstrip()) - 1) for _ in range(count))]:
        found = outcome(data[:end])
        if found is None:
            continue
        for table in streamed:
            assert found[table] == whole[table][: len(found[table])], (table, end)
        assert found["diagnostic"], end


@pytest.mark.parametrize("count", [50, pytest.param(500, marks=pytest.mark.fuzz)])
@pytest.mark.parametrize("dialect", ALL)
def test_changed_bytes_are_survived(dialect: str, count: int) -> None:
    data, chance = ALL[dialect].encode(), random.Random(f"{dialect} {count}")
    refused = 0
    for _ in range(count):
        damaged = bytearray(data)
        for _ in range(chance.randint(1, 3)):
            damaged[chance.randrange(len(data))] = chance.randrange(256)
        refused += outcome(bytes(damaged)) is None
    assert refused <= count // 10


def test_one_changed_byte_costs_few_events() -> None:
    """A byte changed within the events loses no more than the events that it touches."""
    data = KINETO.encode()
    start, end = data.index(b'"traceEvents"'), data.index(b'"traceName"') - 10
    whole = {row["ordinal"] for row in read(data)["span"]}
    chance = random.Random(5)
    lost: list[Row] = []
    for _ in range(200):
        damaged = bytearray(data)
        damaged[chance.randrange(start + 20, end)] = chance.randrange(256)
        lost.append({"lost": len(whole) - len(read(bytes(damaged))["span"])})
    assert max(row["lost"] for row in lost) <= 4
    assert sum(row["lost"] for row in lost) < 100
