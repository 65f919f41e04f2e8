"""Perfetto: any message comes back as it was written, and any damage is passed over."""

from __future__ import annotations

import random
import struct
import sys
from pathlib import Path
from typing import Any

import perfetto_encoder as wire
import perfetto_traces as made
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceql.errors import InputError
from traceql.importers.perfetto import Perfetto
from traceql.importers.perfetto.packets import Splitter
from traceql.importers.perfetto.wire import UNKNOWN, WireError, decode, schema

sys.path.append(str(Path(__file__).resolve().parents[1] / "contracts"))
import importer_runs as runs

KNOWN = schema("1:u:u 2:i:i 3:s:s 4:b:b 5:d:d 6:us:u* 7:ss:s* 8:x:x 9:t:t 100:far:u")
UINT64, INT64 = st.integers(0, 2**64 - 1), st.integers(-(2**63), 2**63 - 1)
VALUES: dict[int, st.SearchStrategy[Any]] = {
    1: UINT64, 2: INT64, 3: st.text(), 4: st.binary(), 5: st.floats(allow_nan=False),
    8: UINT64.map(wire.Fixed), 9: st.booleans(), 100: UINT64, 77: UINT64, 5000: st.binary(),
}  # fmt: skip
NAMES = {1: "u", 2: "i", 3: "s", 4: "b", 5: "d", 8: "x", 9: "t", 100: "far"}


@given(
    st.lists(st.sampled_from(sorted(VALUES)).flatmap(lambda n: st.tuples(st.just(n), VALUES[n]))),
    st.lists(UINT64), st.lists(st.text()),
)  # fmt: skip
def test_a_message_comes_back(
    fields: list[tuple[int, Any]], numbers: list[int], texts: list[str]
) -> None:
    data = wire.message(*fields, *((7, text) for text in texts))
    middle = len(numbers) // 2  # repeated numbers may be packed or not
    data += wire.message((6, numbers[:middle]), *((6, n) for n in numbers[middle:]))
    expected: dict[str, Any] = {}
    for number, value in fields:
        plain = value.value if isinstance(value, wire.Fixed) else value
        if number in NAMES:
            expected[NAMES[number]] = plain
        else:
            expected.setdefault(UNKNOWN, []).append((number, plain))
    expected["us"] = numbers
    if texts:
        expected["ss"] = texts
    assert decode(KNOWN, data) == expected


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_a_wire_error(data: bytes) -> None:
    try:
        found = decode(KNOWN, data)
    except WireError:
        return
    for name, value in found.items():
        assert name == UNKNOWN or value is not None


@pytest.mark.parametrize(
    "data",
    [b"\x08", b"\x08" + b"\xff" * 10 + b"\x01", b"\x1a\x05ab", b"\x29\x00", b"\x0b", b"\x00\x01"],
)
def test_damaged_messages(data: bytes) -> None:
    with pytest.raises(WireError):
        decode(KNOWN, data)


def test_a_float_and_the_last_of_several() -> None:
    known = schema("1:f:f 2:n:u")
    data = b"\x0d" + struct.pack("<f", 1.5) + b"\x10\x01\x10\x02"
    assert decode(known, data) == {"f": 1.5, "n": 2}


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=20), st.integers(1, 700))
def test_packets_come_back_at_any_block_size(packets: list[bytes], step: int) -> None:
    data = wire.trace(*packets)
    blocks = (data[at : at + step] for at in range(0, len(data), step))
    seen: list[str] = []
    found = list(Splitter(blocks, lambda code, _: seen.append(code)))
    assert [raw for _, raw in found] == packets
    assert [data[at] for at, _ in found] == [0x0A] * len(packets)
    assert not seen


@pytest.mark.parametrize("name", sorted(made.SAMPLES))
def test_the_same_rows_at_any_block_size(name: str) -> None:
    data = made.SAMPLES[name]()
    whole = runs.read(Perfetto(), data)
    for step in (4099, 61):
        again = runs.read(Perfetto(), data, step)
        assert again.keys() == whole.keys()
        assert all(again[table].equals(whole[table]) for table in whole), step


@pytest.mark.parametrize("count", [12, pytest.param(150, marks=pytest.mark.fuzz)])
def test_a_truncated_trace_is_read_as_far_as_it_goes(count: int, tmp_path: Path) -> None:
    data = made.track_events()
    whole = runs.read(Perfetto(), data)
    for cut in runs.truncations(data, count, "perfetto"):
        try:
            found = runs.read(Perfetto(), cut)
            runs.through(Perfetto(), cut, tmp_path)
        except InputError:
            assert len(cut) < 40
            continue
        for table in ("edge", "span", "counter_sample"):
            rows = found.get(table, whole[table].slice(0, 0))
            assert rows.equals(whole[table].slice(0, rows.num_rows))
        codes = found.get("diagnostic", pa.table({"code": pa.array([], pa.string())}))
        assert "packet_damaged" not in codes["code"].to_pylist()


@pytest.mark.parametrize("count", [15, pytest.param(400, marks=pytest.mark.fuzz)])
@pytest.mark.parametrize("name", sorted(made.SAMPLES))
def test_one_changed_byte_costs_little(name: str, count: int) -> None:
    """Rows of slices far away from the damage stay."""
    data = made.SAMPLES[name]()
    whole = runs.read(Perfetto(), data)["edge"].num_rows
    chance = random.Random(name)
    lost = []
    for _ in range(count):
        damaged = bytearray(data)
        damaged[chance.randrange(len(data) // 2, len(data))] ^= 1 << chance.randrange(8)
        found = runs.read(Perfetto(), bytes(damaged))
        lost.append(whole - found["edge"].num_rows if "edge" in found else whole)
    if name != "rocprofv3.pftrace":  # packed into one packet
        assert sorted(lost)[len(lost) // 2] <= whole // 50


def test_a_real_trace_of_rocprofv3(shared: Path) -> None:
    """Each slice says in its args when it began and how long it took."""
    import json

    path = next((shared / "traces" / "rocprof").rglob("3635359_results.pftrace"))
    found = runs.read(Perfetto(), path.read_bytes())
    edges = found["edge"].to_pylist()
    assert sum(not e["is_end"] for e in edges) == sum(e["is_end"] for e in edges) == 1132
    open_: dict[int, list[dict[str, Any]]] = {}
    for edge in sorted(edges, key=lambda e: (e["ts"], e["ordinal"])):
        stack = open_.setdefault(edge["track_id"], [])
        if not edge["is_end"]:
            stack.append(edge)
            continue
        begin = stack.pop()
        said = json.loads(begin["args"])
        assert begin["ts"] == said["begin_ns"]
        assert edge["ts"] == said["end_ns"] == said["begin_ns"] + said["delta_ns"]
        assert begin["correlation_id"] == said["corr_id"]
    assert not any(open_.values())
    assert {e["category"] for e in edges if not e["is_end"]} == {"hip_api"}
    assert "diagnostic" not in found
