"""Heap profiles: what each stack of a process has allocated and freed up to a dump.

Source: protos/perfetto/trace/profiling/profile_packet.proto in github.com/google/perfetto.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from traceql.importers.perfetto.actors import as_json
from traceql.importers.perfetto.rows import BATCH_ROWS, chunk
from traceql.importers.perfetto.sequences import INTERNED_IN_PROFILE
from traceql.importers.perfetto.wire import Fields, decode, schema

if TYPE_CHECKING:
    from traceql.importers.perfetto.context import Context
    from traceql.importers.perfetto.samples import Samples
    from traceql.importers.perfetto.sequences import Sequence
    from traceql.model.protocols import Chunk

_PACKET = schema("1:strings:b* 2:frames:b* 3:callstacks:b* 4:mappings:b* 5:process_dumps:b*")
_DUMP = schema("""
    1:pid:u 2:samples:b* 4:rejected_concurrent:t 6:disconnected:t 7:buffer_overran:t
    8:buffer_corrupted:t 9:timestamp:u 10:hit_guardrail:t 11:heap_name:s
    12:sampling_interval_bytes:u""")
_SAMPLE = schema("""
    1:callstack_id:u 2:self_allocated:u 3:self_freed:u 5:alloc_count:u 6:free_count:u 8:self_max:u
    9:self_max_count:u""")
_METRICS = {
    "self_allocated": "bytes", "self_freed": "bytes", "alloc_count": "count",
    "free_count": "count", "self_max": "bytes", "self_max_count": "count",
}  # fmt: skip
_LOSSES = ("rejected_concurrent", "disconnected", "buffer_overran", "buffer_corrupted",
           "hit_guardrail")  # fmt: skip
_COLUMNS = ("id", "frame_id", "group", "metric", "unit", "value", "self")


class HeapProfile:
    """Reads `profile_packet`; a dump counts from the start of the profile on.

    Rows are numbered when all dumps are read; they are as many as the stacks of all dumps.
    """

    def __init__(self, context: Context, samples: Samples) -> None:
        self._context, self._samples = context, samples
        self._rows: list[tuple[Any, ...]] = []

    def profile(self, packet: Fields, sequence: Sequence, ts: int) -> None:
        """Read dumps of processes.

        Raises:
            WireError: it is damaged.
        """
        fields = decode(_PACKET, packet["profile_packet"])
        if any(fields.get(name) for name in INTERNED_IN_PROFILE):
            sequence.learn_of_profile(fields)
        for raw in fields.get("process_dumps", ()):
            dump = decode(_DUMP, raw)
            for name in _LOSSES:
                if dump.get(name):
                    self._context.diagnostics.count("heap_profile_incomplete")
            group = as_json({
                "pid": dump.get("pid", 0), "heap": dump.get("heap_name", "libc.malloc"), "ts": ts,
            })  # fmt: skip
            for each in dump.get("samples", ()):
                sample = decode(_SAMPLE, each)
                leaf = self._samples.leaf(sample.get("callstack_id", 0), sequence)
                if leaf is None:
                    self._context.diagnostics.count("sample_without_stack")
                self._rows += [
                    (leaf, group, name, unit, float(sample[name]), True)
                    for name, unit in _METRICS.items() if name in sample
                ]  # fmt: skip

    def chunks(self) -> Iterator[Chunk]:
        """Give the rows of `profile`."""
        for start in range(0, len(self._rows), BATCH_ROWS):
            part = self._rows[start : start + BATCH_ROWS]
            yield chunk("profile", _COLUMNS, [(start + i, *row) for i, row in enumerate(part)])
