"""Small traces in stored shape, and stores that hold them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from traceql.model import tables
from traceql.model.protocols import Chunk
from traceql.store.catalog import Store, Trace
from traceql.store.manifest import Manifest
from traceql.store.writer import Finished, TraceWriter


def content_id(number: int) -> str:
    return f"{number:02x}" * 16


def manifest(number: int = 1, **changed: Any) -> Manifest:
    facts = {
        "trace_id": content_id(number),
        "schema_version": tables.SCHEMA_VERSION,
        "traceql_version": "0",
        "importer": "chrome",
        "importer_version": "1",
        "options": {},
        "source_name": f"run{number}.pt.trace.json.gz",
        "source_bytes": 100 + number,
    }
    return Manifest(**{**facts, **changed})


def batch(table: str, rows: Sequence[dict[str, Any]]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(list(rows), tables.table(table).stored_schema)


def slices(count: int, tracks: int = 2) -> list[dict[str, Any]]:
    """Slices in stored order: every id once, `ts` ascending on each track."""
    rows = []
    for track in range(tracks):
        for place, number in enumerate(range(track, count, tracks)):
            rows.append(
                {
                    "id": number, "ts": 1000 + 10 * number, "dur": 5, "name_id": number % 3,
                    "track_id": track, "depth": 0, "parent_id": place and number - tracks,
                    "self_dur": 5, "args_id": 0, "arg_0": number,
                }
            )  # fmt: skip
            rows[-1]["parent_id"] = None if place == 0 else number - tracks
    return rows


def chunks(count: int = 10) -> Iterator[Chunk]:
    """A whole small trace: every reference leads somewhere."""
    yield Chunk("process", batch("process", [{"upid": 0, "pid": 7, "name": "p"}]))
    yield Chunk("track", batch("track", [{"id": i, "type": "thread", "upid": 0} for i in (0, 1)]))
    yield Chunk("slice", batch("slice", slices(count)))
    names = [{"id": i, "text": f"name {i}"} for i in range(3)]
    yield Chunk("dim_name", batch("dim_name", names))
    yield Chunk("dim_args", batch("dim_args", [{"id": 0, "text": "\x01A", "holes": 1}]))
    values = [{"id": i, "ts": 2000 + i, "track_id": 1, "value": i / 3} for i in range(4)]
    yield Chunk("counter", batch("counter", values))


def write(store: Store, number: int = 1, count: int = 10, **options: Any) -> Finished:
    changed = options.pop("changed", {})
    with TraceWriter(store) as writer:
        for chunk in chunks(count):
            writer.add(chunk)
        return writer.finish(manifest(number, **changed), source=f"/data/run{number}", **options)


def store_with(path: Path, *numbers: int) -> tuple[Store, list[Trace]]:
    store = Store.open(path, create=True)
    return store, [write(store, number).trace for number in numbers]
