"""Samples of call stacks: perf and streaming profiles, and stacks of track events."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from traceql.importers.perfetto.rows import BATCH_ROWS, chunk
from traceql.importers.perfetto.tracks import int32
from traceql.importers.perfetto.wire import Fields, decode, schema

if TYPE_CHECKING:
    from traceql.importers.perfetto.actors import Thread
    from traceql.importers.perfetto.context import Context
    from traceql.importers.perfetto.sequences import Sequence
    from traceql.model.protocols import Chunk

_SAMPLE = schema("""
    1:cpu:u 2:pid:u 3:tid:u 4:callstack_iid:u 5:cpu_mode:u 6:timebase_count:u
    16:unwind_error:u 17:kernel_records_lost:u 18:sample_skipped_reason:u""")
_STREAMING = schema("1:callstack_iid:u* 2:timestamp_delta_us:i* 3:process_priority:i")
_DEFAULTS = schema("1:timebase:b")
_TIMEBASE = schema("4:counter:u 10:name:s")
_MODES = {1: "kernel", 2: "user", 3: "hypervisor", 4: "guest kernel", 5: "guest user"}
_COUNTERS = {
    1: "cpu-clock", 2: "page-faults", 3: "task-clock", 4: "context-switches", 5: "cpu-migrations",
    6: "minor-faults", 7: "major-faults", 8: "alignment-faults", 9: "emulation-faults",
    10: "cpu-cycles", 11: "instructions", 12: "cache-references", 13: "cache-misses",
    14: "branch-instructions", 15: "branch-misses", 16: "bus-cycles",
    17: "stalled-cycles-frontend", 18: "stalled-cycles-backend", 19: "ref-cycles",
}  # fmt: skip
_DEEPEST = 4096


class Frame(NamedTuple):
    """What is said of a function."""

    name: str | None
    module: str | None
    file: str | None
    line: int | None
    address: int | None


class Samples:
    """Writes `sample_event` rows; equal stacks share frames."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._known: dict[tuple[int | None, Frame], int] = {}
        self._parents: list[int | None] = []
        self._frames: list[Frame] = []
        self._depths: list[int] = []

    def perf(self, packet: Fields, sequence: Sequence, ts: int) -> None:
        """Read a sample of perf; its weight is 1 in samples, else the count of its event.

        Raises:
            WireError: it is damaged.
        """
        fields = decode(_SAMPLE, packet["perf_sample"])
        count = self._context.diagnostics.count
        if "kernel_records_lost" in fields:
            count("perf_samples_lost", n=fields["kernel_records_lost"])
            return
        if "sample_skipped_reason" in fields:
            count("sample_skipped")
            return
        pid, tid = fields.get("pid", 0), fields.get("tid", 0)
        thread = self._context.actors.thread(tid, pid) if pid or tid else None
        self.add(ts, thread, fields.get("cpu"), fields.get("callstack_iid"), sequence,
                 unit=_unit(sequence), state=_MODES.get(fields.get("cpu_mode", 0)))  # fmt: skip

    def streaming(self, packet: Fields, sequence: Sequence, ts: int) -> None:
        """Read samples of the thread of a sequence; times are differences, µs.

        Raises:
            WireError: it is damaged.
        """
        fields = decode(_STREAMING, packet["streaming_profile_packet"])
        thread = None
        if sequence.tid is not None and sequence.pid is not None:
            thread = self._context.actors.thread(sequence.tid, sequence.pid)
        deltas = fields.get("timestamp_delta_us", ())
        for number, iid in enumerate(fields.get("callstack_iid", ())):
            ts += (deltas[number] if number < len(deltas) else 0) * 1000
            if abs(ts) >= 1 << 62:
                self._context.diagnostics.count("timestamp_out_of_range")
                return
            self.add(ts, thread, None, iid, sequence)

    def add(
        self, ts: int, thread: Thread | None, cpu: int | None, iid: int | None,
        sequence: Sequence, *, weight: float = 1.0, unit: str = "count", state: str | None = None,
    ) -> None:  # fmt: skip
        """Add a sample."""
        leaf = self.leaf(iid, sequence) if iid else None
        if leaf is None:
            self._context.diagnostics.count("sample_without_stack")
        self._context.rows["sample_event"].append((
            self._context.ordinal(), ts, thread.utid if thread else None, int32(cpu), leaf, weight,
            unit, state,
        ))  # fmt: skip

    def leaf(self, iid: int, sequence: Sequence) -> int | None:
        """Give the leaf frame of an interned stack; stacks are written outermost first."""
        if iid in sequence.stacks:
            return sequence.stacks[iid]
        stack = sequence.entry("callstacks", iid)
        leaf: int | None = None
        for frame_iid in (stack or {}).get("frame_ids", ())[:_DEEPEST]:
            leaf = self._frame(leaf, self._described(frame_iid, sequence))
        sequence.stacks[iid] = leaf
        return leaf

    def _described(self, iid: int, sequence: Sequence) -> Frame:
        fields = sequence.entry("frames", iid)
        if fields is None:
            self._context.diagnostics.count("interned_data_missing")
            return Frame(None, None, None, None, None)
        mapping = sequence.entry("mappings", fields.get("mapping_id", 0)) or {}
        path = [sequence.text("mapping_paths", each) or ""
                for each in mapping.get("path_string_ids", ())]  # fmt: skip
        address = fields.get("rel_pc")
        return Frame(
            sequence.text("function_names", fields.get("function_name_id", 0)) or None,
            "/" + "/".join(path).lstrip("/") if path else None,
            sequence.text("source_paths", fields.get("source_path_iid", 0)),
            int32(fields.get("line_number")),
            address if address is not None and address < 1 << 63 else None,
        )

    def _frame(self, parent: int | None, frame: Frame) -> int:
        found = self._known.get((parent, frame))
        if found is None:
            found = self._known[parent, frame] = len(self._frames)
            self._parents.append(parent)
            self._frames.append(frame)
            self._depths.append(0 if parent is None else self._depths[parent] + 1)
        return found

    def chunks(self) -> Iterator[Chunk]:
        """Give the rows of `frame`."""
        columns = ("id", "parent_id", "depth", "name", "module", "file", "line", "address")
        for start in range(0, len(self._frames), BATCH_ROWS):
            ids = range(start, min(start + BATCH_ROWS, len(self._frames)))
            yield chunk("frame", columns, [
                (i, self._parents[i], self._depths[i], *self._frames[i]) for i in ids
            ])  # fmt: skip


def _unit(sequence: Sequence) -> str:
    """Name what a sample counts: samples of the event that took them."""
    base = decode(_TIMEBASE, decode(_DEFAULTS, sequence.perf_defaults).get("timebase", b""))
    name: str | None = base.get("name") or _COUNTERS.get(base.get("counter", 0))
    return f"{name} samples" if name else "count"
