"""Verify finds every damage that is planted, and none in a whole store."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trace_maker as make

from traceql.model.protocols import Chunk
from traceql.store import parquet
from traceql.store.catalog import Store, Trace
from traceql.store.verify import verify
from traceql.store.writer import TraceWriter


def faults(trace: Trace) -> list[str]:
    return [f"{fault.table}: {fault.message}" for fault in verify([trace])]


def stored(tmp_path: Path, **replaced: list[dict[str, Any]]) -> Trace:
    """A trace in which some tables hold other rows, rightly written."""
    store = Store.open(tmp_path / "s", create=True)
    with TraceWriter(store) as writer:
        for chunk in make.chunks():
            if chunk.table not in replaced:
                writer.add(chunk)
        for table, rows in replaced.items():
            writer.add(Chunk(table, make.batch(table, rows)))
        return writer.finish(make.manifest(), source="x").trace


def changed(place: int, **values: Any) -> list[dict[str, Any]]:
    rows = make.slices(10)
    rows[place].update(values)
    return rows


def test_a_whole_store_has_no_faults(tmp_path: Path) -> None:
    store, _ = make.store_with(tmp_path / "s", 1, 2)
    told: list[str] = []

    assert list(verify(store.traces(), told.append)) == []
    assert told == ["run1", "run2"]


def flip(trace: Trace) -> None:
    path = trace.path / "slice.parquet"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def shorten(trace: Trace) -> None:
    path = trace.path / "counter.parquet"
    path.write_bytes(path.read_bytes()[:-1])


def lose(trace: Trace) -> None:
    (trace.path / "track.parquet").unlink()


def add(trace: Trace) -> None:
    (trace.path / "notes.txt").touch()


def swap(trace: Trace) -> None:
    path = trace.path / "manifest.json"
    path.write_text(path.read_text().replace(make.content_id(1), make.content_id(2)))


def spoil(trace: Trace) -> None:
    (trace.path / "manifest.json").write_text("")


def miscount(trace: Trace) -> None:
    path = trace.path / "manifest.json"
    about = json.loads(path.read_text())
    about["tables"]["process"]["rows"] = 3
    path.write_text(json.dumps(about))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (flip, "slice: checksum differs"),
        (shorten, "counter: checksum differs"),
        (lose, "track: cannot be read"),
        (add, ": notes.txt lies in its folder"),
        (swap, ": its manifest is that of 0202"),
        (spoil, "manifest.json: missing or damaged"),
        (miscount, "process: has 1 rows, the manifest says 3"),
    ],
)
def test_damage_is_found(tmp_path: Path, damage: Callable[[Trace], None], said: str) -> None:
    trace = stored(tmp_path)
    damage(trace)

    found = faults(trace)
    assert any(said in fault for fault in found), found


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ({"slice": changed(3, ts=0)}, "slice: row 3 is out of order"),
        ({"slice": changed(4, track_id=1)}, "slice: row 5 is out of order"),
        ({"slice": changed(9, track_id=7)}, "slice: track_id 7 is not in track"),
        ({"slice": changed(0, parent_id=10)}, "slice: parent_id 10 is not in slice"),
        ({"slice": changed(0, parent_id=-1)}, "slice: parent_id -1 is not in slice"),
        ({"slice": changed(0, name_id=3)}, "slice: name_id 3 is not in dim_name"),
        ({"slice": changed(0, category_id=0)}, "slice: category_id 0 is not in dim_category"),
        ({"slice": changed(9, id=8)}, "slice: id 8 is there twice"),
        ({"slice": changed(9, id=99)}, "slice: id is not numbered from 0: 9 is missing"),
        ({"process": [{"upid": 1}, {"upid": 0}]}, "process: row 1 is out of order"),
        (
            {
                "diagnostic": [
                    {"severity": "info", "code": c, "count": 1, "message": ""} for c in ("b", "a")
                ]
            },
            "diagnostic: row 1 is out of order (code)",
        ),
    ],
)
def test_rows_that_break_the_schema_are_found(
    tmp_path: Path, rows: dict[str, list[dict[str, Any]]], said: str
) -> None:
    found = faults(stored(tmp_path, **rows))

    assert said in " | ".join(found), found


def test_open_slices_are_the_longest(tmp_path: Path) -> None:
    rows = make.slices(10)
    for row, dur in zip(rows[:3], (-1, 9, 9), strict=True):
        row.update(ts=1000, dur=dur)
    assert faults(stored(tmp_path, slice=rows)) == []
    rows[2]["dur"] = -1
    assert "row 2 is out of order" in " ".join(faults(stored(tmp_path / "2", slice=rows)))


def test_order_is_checked_across_row_groups(tmp_path: Path) -> None:
    count = parquet.ROW_GROUP + 2
    rows = make.slices(count, tracks=1)
    assert faults(stored(tmp_path, slice=rows)) == []
    rows[parquet.ROW_GROUP]["ts"] = 0
    found = faults(stored(tmp_path / "2", slice=rows))
    assert found == [f"slice: row {parquet.ROW_GROUP} is out of order (track_id, ts, dur desc, id)"]
