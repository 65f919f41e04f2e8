"""Exports too large for the sqlite3 module: the chunks are the same, and damage ends no import."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

import pytest

from benchmarks import nsys
from traceql.engine.source import FileSource
from traceql.errors import CorruptTrace
from traceql.importers._sqlite import database
from traceql.importers.nsight import Nsight

if TYPE_CHECKING:
    import pyarrow as pa

KERNELS = 4 * nsys.GROUP


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("nsys") / "export.sqlite"
    nsys.write_export(path, KERNELS, seed=20261125)
    return path


def chunks(path: Path, small_bytes: int) -> list[tuple[str, pa.RecordBatch]]:
    with mock.patch.object(database, "SMALL_BYTES", small_bytes), FileSource(path) as source:
        return [(chunk.table, chunk.rows) for chunk in Nsight().read(source)]


def told(found: list[tuple[str, pa.RecordBatch]]) -> list[str]:
    return [
        code for table, rows in found if table == "diagnostic" for code in rows["code"].to_pylist()
    ]


def test_chunks_are_the_same_whichever_way_was_taken(export: Path) -> None:
    fast, slow = chunks(export, 0), chunks(export, 1 << 40)
    assert [table for table, _ in fast] == [table for table, _ in slow]
    for (table, left), (_, right) in zip(fast, slow, strict=True):
        assert left.to_pydict() == right.to_pydict(), table


def test_the_rows_are_those_that_were_generated(export: Path) -> None:
    found = chunks(export, 0)
    rows = {name: sum(r.num_rows for table, r in found if table == name)
            for name in ("gpu_span", "span", "link")}  # fmt: skip
    copies = KERNELS // 8
    ranges = KERNELS * (2 + 24 + 48 + 48 + 6 + 2) // 240
    assert rows["gpu_span"] == KERNELS + copies
    assert rows["span"] == KERNELS * 10 // 3 + KERNELS + copies + ranges
    # Every work has its one call, and no other call has a link.
    assert rows["link"] == 2 * rows["gpu_span"]
    assert told(found) == []


@pytest.mark.parametrize("seed", [1, 2, 3, 4, pytest.param(range(5, 60), marks=pytest.mark.fuzz)])
def test_damage_costs_rows_or_is_refused_in_a_sentence(
    export: Path, tmp_path: Path, seed: int | range
) -> None:
    whole = export.read_bytes()
    rows = sum(r.num_rows for table, r in chunks(export, 0) if table == "span")
    for number in [seed] if isinstance(seed, int) else seed:
        chosen = random.Random(number)
        hurt = bytearray(whole)
        for _ in range(chosen.choice([1, 3, 40])):
            hurt[chosen.randrange(100, len(hurt))] = chosen.randrange(256)
        if number % 3 == 0:
            del hurt[chosen.randrange(4096, len(hurt)) :]
        path = tmp_path / f"{number}.sqlite"
        path.write_bytes(hurt)
        for small_bytes in (0, 1 << 40):
            try:
                found = chunks(path, small_bytes)
            except CorruptTrace:
                continue
            left = sum(r.num_rows for table, r in found if table in ("span", "edge"))
            assert left <= rows
            assert left == rows or told(found)
