"""The fast path gives the rows of the slow one: on real traces, hostile events and damage."""

from __future__ import annotations

import random
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

import hostile
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[1] / "contracts"))
from importer_runs import ROOT, MemorySource, content, flips, owners, truncations

from traceql.assembly.assemble import assemble
from traceql.engine.ingest import ingest
from traceql.errors import InputError
from traceql.importers.chrome import Chrome, reading
from traceql.kernels import machine_code
from traceql.store.catalog import Store

SHARED = Path(__file__).resolve().parents[3] / "shared" / "traces"
SAMPLES = sorted(path for path, owner in owners().items() if owner == "chrome")
TRACES = sorted(
    path
    for tool in ("chrome", "kineto")
    for path in (SHARED / tool).rglob("*")
    if path.name.endswith((".json", ".json.gz"))
)
LARGE = 2_000_000
WAYS: list[dict[str, Any]] = [
    {"threads": 1, "block_bytes": 1 << 16},
    {"threads": 2, "block_bytes": 1 << 20},
    {"threads": 4, "block_bytes": 1 << 24},
]


def read(data: bytes, **options: Any) -> dict[str, pa.Table] | str:
    """The finished trace, or why there is none."""
    found: dict[str, list[pa.RecordBatch]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        try:
            chunks = Chrome(**options).read(MemorySource(data))
            for chunk in assemble(chunks, scratch=Path(scratch), memory_limit_bytes=1 << 28):
                found.setdefault(chunk.table, []).append(chunk.rows)
        except InputError as error:
            return str(error)
    return {name: pa.Table.from_batches(rows).combine_chunks() for name, rows in found.items()}


def difference(slow: dict[str, pa.Table] | str, fast: dict[str, pa.Table] | str) -> str | None:
    """The first row that differs."""
    if isinstance(slow, str) or isinstance(fast, str):
        return None if slow == fast else f"{slow} / {fast}"
    if slow.keys() != fast.keys():
        return f"tables {slow.keys() ^ fast.keys()}"
    for name, rows in slow.items():
        if rows.equals(fast[name]):
            continue
        for number, (one, two) in enumerate(
            zip(rows.to_pylist(), fast[name].to_pylist(), strict=False)
        ):
            if one != two and repr(one) != repr(two):
                keys = [key for key in one if repr(one[key]) != repr(two[key])]
                return f"{name} {number}: " + ", ".join(f"{k} {one[k]!r}/{two[k]!r}" for k in keys)
        if rows.num_rows != fast[name].num_rows:
            return f"{name}: {rows.num_rows} / {fast[name].num_rows} rows"
    return None


def agree(data: bytes, ways: list[dict[str, Any]]) -> None:
    slow = read(data, path="slow")
    for way in ways:
        assert difference(slow, read(data, path="fast", **way)) is None, way


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_samples(path: Path) -> None:
    agree(content(path), WAYS)


def is_small(path: Path) -> bool:
    return path.stat().st_size < (LARGE // 10 if path.suffix == ".gz" else LARGE)


@pytest.mark.parametrize("path", list(filter(is_small, TRACES)), ids=lambda path: path.name)
def test_real_traces(path: Path) -> None:
    agree(content(path), WAYS[:1])


@pytest.mark.fuzz
@pytest.mark.parametrize("path", TRACES, ids=lambda path: path.name)
def test_all_real_traces_all_ways(path: Path) -> None:
    agree(content(path), WAYS)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 1 << 32),
    damage=st.sampled_from([0.0, 0.0, 0.02]),
    way=st.sampled_from(WAYS),
    block=st.sampled_from([700, 5000, 1 << 20]),
)
def test_hostile_events(seed: int, damage: float, way: dict[str, Any], block: int) -> None:
    data = hostile.document(seed, 60, damage=damage)
    agree(data, [way | {"block_bytes": block}])


@pytest.mark.fuzz
@pytest.mark.parametrize("damage", [0.0, 0.001])
@pytest.mark.parametrize("seed", range(5))
def test_many_hostile_events(seed: int, damage: float) -> None:
    agree(hostile.document(seed, 20_000, damage=damage), WAYS)


def test_plain_events_are_not_left_to_the_slow_path(monkeypatch: pytest.MonkeyPatch) -> None:
    count = 0
    event = reading.Reading._event

    def counting(self: Any, *arguments: Any) -> None:
        nonlocal count
        count += 1
        event(self, *arguments)

    monkeypatch.setattr(reading.Reading, "_event", counting)
    path = next(path for path in SAMPLES if "pytorch" in str(path))
    data = content(path)
    slow = read(data, path="slow")
    total, count = count, 0
    assert difference(slow, read(data, path="fast", threads=1)) is None
    assert count < total / 20


def test_cut_off_and_damaged_texts() -> None:
    data = hostile.document(1, 80)
    for text in [*truncations(data, 12, "fast"), *flips(data, 12, "fast")]:
        agree(text, [{"threads": 1, "block_bytes": 1500}])


def test_damage_between_many_events() -> None:
    event = b'{"ph":"X","name":"a","ts":%d,"dur":1,"pid":1,"tid":%d}'
    events = [event % (i, i % 3) for i in range(12_000)]
    events[3000] = b"junk"
    events[3001] = events[3001].replace(b'"a"', b'"a')
    events[9000] = b"7"
    agree(b"[" + b",".join(events) + b"]", WAYS[:2])
    agree(b"[" + b" ".join(events) + b",,", WAYS[:1])


def test_an_event_longer_than_blocks() -> None:
    long = b'{"ph":"X","name":"a","ts":1,"dur":1,"args":{"x":"%b"}}' % (b"y" * 300_000)
    agree(b"[" + b",".join([long, b'{"ph":"i","ts":2}'] * 3) + b"]", WAYS)


@pytest.mark.parametrize("tail", [b"", b"]", b',{"ph":"X"', b"] }", b",]"])
def test_ends_of_the_array(tail: bytes) -> None:
    agree(b'[{"ph":"X","ts":1,"dur":1,"pid":1}' + tail, WAYS)


@pytest.mark.parametrize("order", [1, -1])
def test_what_looks_like_a_template_is_none(order: int) -> None:
    event = b'{"ph":"X","ts":%d,"dur":1,"pid":1,"args":{"stream": %b}}'
    events = [event % (1, b"7"), event % (2, b"\x01C"), event % (3, b"8"), event % (4, b"9")]
    agree(b"[" + b",".join(events[::order]) + b"]", WAYS)


def test_two_arrays_of_events() -> None:
    event = b'[{"ph":"X","ts":1,"dur":1,"pid":1}]'
    agree(b'{"traceEvents":%b,"x":[1],"traceEvents":%b,"y":2}' % (event, event), WAYS)


@pytest.mark.parametrize(("compiled", "name"), [(False, "LARGE_BYTES"), (True, "SMALL_BYTES")])
def test_auto_takes_the_fast_path_for_texts_that_repay_its_kernels(
    monkeypatch: pytest.MonkeyPatch, *, compiled: bool, name: str
) -> None:
    made = []
    monkeypatch.setattr(machine_code, "is_kept", lambda _: compiled)
    monkeypatch.setattr(reading, "SMALL_BYTES", 1)
    make = reading.Reading._make_fast
    monkeypatch.setattr(reading.Reading, "_make_fast", lambda self: made.append(1) or make(self))
    data = hostile.document(3, 500)
    monkeypatch.setattr(reading, name, len(data))
    automatic = read(data)
    assert made
    made.clear()
    monkeypatch.setattr(reading, name, len(data) + 1)
    assert difference(read(data), automatic) is None
    assert not made


@pytest.mark.parametrize("name", reading.FAST_KERNELS)
def test_the_kernels_of_the_fast_path_are_known_by_name(name: str) -> None:
    read(hostile.document(3, 500), path="fast")
    module, _, function = name.partition(".")
    assert getattr(import_module(f"traceql.kernels.{module}"), function)._code


def test_parquet_does_not_depend_on_path_threads_and_blocks(tmp_path: Path) -> None:
    file = tmp_path / "trace.json"
    pytorch = next(path for path in SAMPLES if "pytorch" in str(path))
    chance = random.Random(5)
    for number, data in enumerate((content(pytorch), hostile.document(5, 3000))):
        file.write_bytes(data)
        sums = []
        for way in ({"path": "slow"}, *({"path": "fast"} | way for way in WAYS)):
            store = Store.open(tmp_path / f"{number}-{chance.random()}", create=True)
            sums.append(ingest(file, store=store, options=way).trace.manifest.tables)
        assert all(tables == sums[0] for tables in sums)


@pytest.mark.parametrize("options", [{"path": "x"}, {"threads": -1}, {"block_bytes": 0}])
def test_options_are_checked(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"must be|path is"):
        Chrome(**options)


def test_samples_are_there() -> None:
    assert ROOT.is_dir()
    assert len(SAMPLES) > 3
