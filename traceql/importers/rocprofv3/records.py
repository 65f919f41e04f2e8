"""Records of the JSON form: arrays of objects, read a batch at a time into Arrow columns."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from traceql.importers._json_stream import JsonStream
    from traceql.importers._rocm.trace import Trace

BATCH_ROWS = 1 << 13


def _handle(name: str) -> pa.Field:
    return pa.field(name, pa.struct([("handle", pa.uint64())]))


def _sizes(name: str) -> pa.Field:
    return pa.field(name, pa.struct([(x, pa.int64()) for x in ("x", "y", "z")]))


_CORRELATION = pa.field(
    "correlation_id", pa.struct([("internal", pa.uint64()), ("external", pa.uint64())])
)
_TIMES = [pa.field("start_timestamp", pa.int64()), pa.field("end_timestamp", pa.int64())]
_COMMON = [
    pa.field("kind", pa.int64()), pa.field("operation", pa.int64()),
    pa.field("thread_id", pa.int64()), _CORRELATION, *_TIMES,
]  # fmt: skip
_DISPATCH = pa.field("dispatch_info", pa.struct([
    _handle("agent_id"), _handle("queue_id"), ("kernel_id", pa.int64()),
    ("dispatch_id", pa.int64()), ("private_segment_size", pa.int64()),
    ("group_segment_size", pa.int64()), _sizes("workgroup_size"), _sizes("grid_size"),
]))  # fmt: skip
CALLS = pa.schema(_COMMON)
KERNELS = pa.schema([*_COMMON, _DISPATCH, _handle("stream_id")])
COPIES = pa.schema([
    *_COMMON, _handle("src_agent_id"), _handle("dst_agent_id"), _handle("stream_id"),
    ("bytes", pa.int64()),
])  # fmt: skip
MEMORY = pa.schema([
    *_COMMON, _handle("agent_id"), _handle("queue_id"), ("allocation_size", pa.int64()),
    ("flags", pa.int64()),
])  # fmt: skip
COUNTERS = pa.schema([
    pa.field("dispatch_data", pa.struct([_CORRELATION, *_TIMES, _DISPATCH])),
    pa.field("records", pa.list_(pa.struct([_handle("counter_id"), ("value", pa.float64())]))),
    ("thread_id", pa.int64()), ("arch_vgpr_count", pa.int64()), ("sgpr_count", pa.int64()),
    ("lds_block_size_v", pa.int64()),
])  # fmt: skip
PC_SAMPLES = pa.schema([
    pa.field("record", pa.struct([
        ("timestamp", pa.int64()), ("dispatch_id", pa.int64()),
    ])),
    ("inst_index", pa.int64()),
])  # fmt: skip
SCHEMAS = {
    "kernel_dispatch": KERNELS, "memory_copy": COPIES, "memory_allocation": MEMORY,
    "scratch_memory": MEMORY, "counter_collection": COUNTERS,
    "pc_sample_host_trap": PC_SAMPLES, "pc_sample_stochastic": PC_SAMPLES,
}  # fmt: skip
"""Array to its columns; every other one is of calls."""
_KNOWN = frozenset({b"size"})


class Batch(NamedTuple):
    """Some records."""

    rows: pa.RecordBatch
    """The columns of the schema; a value that a record lacks is null."""
    rest: dict[str, pa.Array]
    """Members of no column, as JSON."""


def batches(stream: JsonStream, name: str, trace: Trace) -> Iterator[Batch]:
    """Read the array at the cursor; records that are not of the form known are counted."""
    schema = SCHEMAS.get(name, CALLS)
    known = {column.encode() for column in schema.names} | _KNOWN
    texts: list[bytes] = []
    rests: list[dict[bytes, bytes]] = []
    for element in stream.elements():
        if element.members is None:
            trace.diagnostics.count("record_unread")
            continue
        texts.append(stream.element_text())
        rests.append({k: v for k, v in element.members.items() if k not in known})
        if len(texts) == BATCH_ROWS:
            yield from _parsed(schema, texts, rests, trace)
            texts, rests = [], []
    yield from _parsed(schema, texts, rests, trace)


def _parsed(
    schema: pa.Schema, texts: list[bytes], rests: list[dict[bytes, bytes]], trace: Trace
) -> Iterator[Batch]:
    """Parse records; where that fails, halves of them, until the bad ones are found."""
    if not texts:
        return
    table = _table(schema, texts)
    if table is not None:
        yield Batch(table, _columns(rests))
    elif len(texts) == 1:
        trace.diagnostics.count("record_unread")
    else:
        half = len(texts) // 2
        yield from _parsed(schema, texts[:half], rests[:half], trace)
        yield from _parsed(schema, texts[half:], rests[half:], trace)


def _table(schema: pa.Schema, texts: list[bytes]) -> pa.RecordBatch | None:
    from pyarrow import json as arrow_json

    parse = arrow_json.ParseOptions(
        explicit_schema=schema, newlines_in_values=True, unexpected_field_behavior="ignore"
    )
    text = b"\n".join(texts)
    read = arrow_json.ReadOptions(use_threads=False, block_size=len(text) + 1)
    try:
        found = arrow_json.read_json(io.BytesIO(text), read, parse).combine_chunks()
    except pa.ArrowException:
        return None
    if found.num_rows != len(texts):
        return None
    batch: pa.RecordBatch = found.to_batches()[0]
    return batch


def _columns(rests: list[dict[bytes, bytes]]) -> dict[str, pa.Array]:
    names = dict.fromkeys(name for rest in rests for name in rest)
    return {
        name.decode("utf-8", "replace"): pa.array(
            [_text(rest.get(name)) for rest in rests], pa.string()
        )
        for name in names
    }


def _text(raw: bytes | None) -> str | None:
    return None if raw is None else raw.decode("utf-8", "replace")


def member(batch: pa.RecordBatch, *path: str) -> pa.Array:
    """Give a member of nested records as int64 (of 64 bits without sign, the same bits)."""
    column = batch.column(path[0])
    for name in path[1:]:
        column = pc.struct_field(column, name)
    return signed(column)


def signed(column: pa.Array) -> pa.Array:
    """Give integers without sign as int64 with the same bits."""
    if column.type != pa.uint64():
        return column
    plain = column.fill_null(0).to_numpy(zero_copy_only=False).view("int64")
    return pa.array(plain, pa.int64(), mask=column.is_null().to_numpy(zero_copy_only=False))
