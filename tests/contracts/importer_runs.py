"""Run an importer on bytes in memory, and damage the bytes on purpose."""

from __future__ import annotations

import gzip
import json
import random
import re
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa

from traceql.assembly.assemble import assemble
from traceql.model import tables
from traceql.model.protocols import BLOCK_BYTES, HEAD_BYTES, Chunk, Head, Importer

ROOT = Path(__file__).resolve().parents[2] / "sample_traces"
SMALL = 80_000
SQLITE = b"SQLite format 3\0"
_FILES = tempfile.TemporaryDirectory()


def owners() -> dict[Path, str]:
    """Which importer SOURCES.md names for each sample."""
    text = (ROOT / "SOURCES.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([^`]+)` \| `([^`]+)`", text, re.MULTILINE)
    return {ROOT / name: importer for name, importer in rows}


@dataclass(frozen=True)
class MemorySource:
    """A Source over bytes that gives blocks of its own size, whatever the reader asks for."""

    content: bytes
    step: int = BLOCK_BYTES
    path: Path = Path("memory.json")
    damage: Sequence[tuple[str, int, str]] = ()

    def blocks(self, size: int = BLOCK_BYTES) -> Iterator[bytes]:
        step = min(size, self.step)
        for start in range(0, len(self.content), step):
            yield self.content[start : start + step]

    def local(self) -> Path:
        path = Path(_FILES.name) / sha256(self.content).hexdigest()
        if not path.exists():
            path.write_bytes(self.content)
        return path

    def members(self) -> Sequence[MemorySource]:
        return ()


def content(path: Path) -> bytes:
    raw = path.read_bytes()
    return gzip.decompress(raw) if path.suffix == ".gz" else raw


def head(data: bytes, name: str) -> Head:
    return Head(Path(name), data[:HEAD_BYTES], table_names(data))


def table_names(data: bytes) -> tuple[str, ...]:
    """Names of the tables of an SQLite file, as the engine reads them."""
    if not data.startswith(SQLITE):
        return ()
    try:
        with closing(sqlite3.connect(MemorySource(data).local())) as base:
            rows = base.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    except sqlite3.Error:
        return ()
    return tuple(str(name) for (name,) in rows)


def shortened(path: Path) -> bytes:
    """The content, with whole events left out of the end of the list until it is small."""
    data = content(path)
    if len(data) > SMALL and not data.startswith(SQLITE):
        cut = re.compile(rb"\}\s*,(?=\s*\{)").search(data, SMALL - 20_000)
        assert cut is not None
        data = data[: cut.start() + 1] + data[data.rindex(b"]") :]
        json.loads(data)
    return data


def read(importer: Importer, data: bytes, step: int = BLOCK_BYTES) -> dict[str, pa.Table]:
    """Read all chunks and check them against their schemas; texts come back plain."""
    found: dict[str, list[pa.RecordBatch]] = {}
    for chunk in importer.read(MemorySource(data, step)):
        tables.validate(chunk.table, chunk.rows)
        found.setdefault(chunk.table, []).append(chunk.rows)
    return {name: plain(name, batches) for name, batches in found.items()}


def plain(name: str, batches: list[pa.RecordBatch]) -> pa.Table:
    """Join batches without the args that were lifted out of a large file's rows."""
    schema = tables.table(name).arrow_schema
    return pa.concat_tables(
        [pa.Table.from_batches([batch]).select(schema.names).cast(schema) for batch in batches]
    ).combine_chunks()


def shape_of(schema: pa.Schema) -> pa.Schema:
    """Give a schema with the types that dictionary-encoded texts stand for."""
    kinds = [f.type.value_type if pa.types.is_dictionary(f.type) else f.type for f in schema]
    return pa.schema([f.with_type(kind) for f, kind in zip(schema, kinds, strict=True)])


def through(importer: Importer, data: bytes, scratch: Path) -> int:
    """Import and assemble; returns how many slices came out."""

    def checked() -> Iterator[Chunk]:
        for chunk in importer.read(MemorySource(data)):
            tables.validate(chunk.table, chunk.rows)
            yield chunk

    slices = 0
    for chunk in assemble(checked(), scratch=scratch, memory_limit_bytes=1 << 28):
        assert shape_of(chunk.rows.schema) == tables.table(chunk.table).stored_schema
        slices += chunk.rows.num_rows if chunk.table == "slice" else 0
    return slices


def truncations(data: bytes, count: int, seed: str) -> list[bytes]:
    """Prefixes, the shortest ones always among them."""
    chance = random.Random(f"cut {seed}")
    ends = [0, 1, 2] + [chance.randrange(3, len(data)) for _ in range(count - 3)]
    return [data[:end] for end in ends]


def flips(data: bytes, count: int, seed: str) -> Iterator[bytes]:
    """Copies with one to three bytes changed."""
    chance = random.Random(f"flip {seed}")
    for _ in range(count):
        damaged = bytearray(data)
        for _ in range(chance.randint(1, 3)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        yield bytes(damaged)


def recount(data: bytes) -> dict[str, Any]:
    """Totals of a trace-event file by json and Decimal: the independent count."""
    from decimal import ROUND_HALF_UP, Decimal

    document = json.loads(data, parse_float=Decimal, parse_int=Decimal)
    events = document["traceEvents"] if isinstance(document, dict) else document

    def ns(value: Any) -> int:
        return int((Decimal(value) * 1000).quantize(Decimal(1), rounding=ROUND_HALF_UP))

    def numeric(value: Any) -> bool:
        try:
            Decimal(value)
        except (ArithmeticError, TypeError, ValueError):
            return False
        return not isinstance(value, bool)

    timed = [e for e in events if numeric(e.get("ts"))]
    slices = [ns(e["dur"]) for e in timed if e.get("ph", "")[:1] == "X" and numeric(e.get("dur"))]
    slices = [dur for dur in slices if dur >= 0]
    return {
        "positive": sum(dur > 0 for dur in slices),
        "sum_dur": sum(slices),
        "edges": sum(e.get("ph") in set("BEbeSF") for e in timed),
        "counters": sum(
            numeric(v) for e in timed if e.get("ph") == "C" for v in e.get("args", {}).values()
        ),
        "flow_points": sum(e.get("ph") in set("stf") for e in timed),
        "bound_flows": sum("bind_id" in e for e in timed),
    }
