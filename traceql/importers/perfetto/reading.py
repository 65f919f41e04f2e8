"""Read one file: its packets one by one, and what is left at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from traceql.errors import CorruptTrace
from traceql.importers.perfetto.actors import as_json
from traceql.importers.perfetto.android import Android
from traceql.importers.perfetto.clocks import BOOTTIME, clock_of
from traceql.importers.perfetto.context import Context
from traceql.importers.perfetto.described import Described
from traceql.importers.perfetto.facts import Facts
from traceql.importers.perfetto.ftrace import Ftrace
from traceql.importers.perfetto.ftrace_messages import GPU_MEMORY
from traceql.importers.perfetto.gpu_counters import GpuCounters
from traceql.importers.perfetto.gpu_stages import GpuStages
from traceql.importers.perfetto.heap_profile import HeapProfile
from traceql.importers.perfetto.messages import (
    PACKET,
    PACKET_DEFAULTS,
    PROCESS_DESCRIPTOR,
    THREAD_DESCRIPTOR,
)
from traceql.importers.perfetto.packets import Splitter, inflated, unzstd
from traceql.importers.perfetto.processes import Processes
from traceql.importers.perfetto.rows import chunk
from traceql.importers.perfetto.samples import Samples
from traceql.importers.perfetto.sequences import CLEARED, NEEDED, Sequence
from traceql.importers.perfetto.system import System
from traceql.importers.perfetto.track_events import TrackEvents
from traceql.importers.perfetto.wire import UNKNOWN, Fields, WireError, decode

if TYPE_CHECKING:
    from traceql.importers.perfetto.bundles import Bundles
    from traceql.importers.perfetto.fast import Fast
    from traceql.importers.perfetto.packets import Batch
    from traceql.kernels.packets import Scanner
    from traceql.model.protocols import Chunk, Source

READ_BYTES = 1 << 20
_ROUND = 4096
"""Packets after which full batches are given."""
LARGE_BYTES = 2 << 20
"""Smaller traces are read before the kernels of the fast path would be loaded."""
_DEEPEST = 2
"""Compressed packets may hold compressed packets, but not for ever."""
_HELD_BYTES = 16 << 20
"""Packets that wait for the first clock snapshot."""

Timed = Callable[[Fields, Sequence, int], None]


class Reading:
    """The reading of one source, from its first byte to the last chunk."""

    def __init__(self, source: Source, path: str) -> None:
        self._source, self._path = source, path
        self._ready: list[Chunk] = []
        self._fast: Fast | None = None
        self._bundles: Bundles
        self._scanners: list[Scanner] = []
        self._context = context = Context()
        self._sequences: dict[int, Sequence] = {}
        self._described = Described(context)
        self._samples = Samples(context)
        self._events = TrackEvents(context, self._described, self._samples)
        self._facts = Facts(context)
        self._ftrace, processes = Ftrace(context), Processes(context)
        system, gpu = System(context), GpuStages(context, self._events.flows)
        self._told = {"process_tree": processes.tree, "gpu_info": gpu.info, **self._facts.readers}
        self._android = Android(context)
        self._heap = HeapProfile(context, self._samples)
        self._timed: dict[str, Timed] = {
            "frame_timeline_event": self._android.frame,
            "profile_packet": self._heap.profile,
            "perf_sample": self._samples.perf,
            "streaming_profile_packet": self._samples.streaming,
            "sys_stats": system.stats,
            "battery": system.battery,
            "power_rails": system.rails,
            "gpu_counter_event": GpuCounters(context).counters,
            "gpu_render_stage_event": gpu.stage,
            "process_stats": lambda packet, _, ts: processes.stats(packet["process_stats"], ts),
            "gpu_mem_total_event": lambda packet, _, ts: self._ftrace.gpu_memory(
                decode(GPU_MEMORY, packet["gpu_mem_total_event"]), ts
            ),
        }
        self._held: list[tuple[int, Fields]] | None = []
        self._held_bytes = 0
        self._packets = self._good = 0
        file = source.path
        self._is_large_file = file.is_file() and file.stat().st_size >= LARGE_BYTES

    def chunks(self) -> Iterator[Chunk]:
        """Give all chunks.

        Raises:
            CorruptTrace: the file is empty, or holds no packet.
        """
        count = self._context.diagnostics.count_at
        for _ in self._consume(Splitter(iter(self._source.blocks(READ_BYTES)), count), None, 0):
            yield from self._ready
            self._ready.clear()
            yield from self._context.rows.full()
        self._release()
        if not self._good:
            cause = "no Perfetto packet can be read" if self._packets else "there are no packets"
            raise CorruptTrace(self._source.path, 0, cause)
        yield from self._finish()

    def _finish(self) -> Iterator[Chunk]:
        context = self._context
        context.diagnostics.offset = None
        self._described.finish()
        try:
            self._facts.finish()
        except WireError:
            context.diagnostics.count("message_damaged")
        for name, value in context.clocks.first.items():
            context.say(f"clock.{name}", value)
        for name, n in sorted(context.unread.items()):
            context.say(name, n)
        yield from self._ready
        yield from context.rows.rest()
        yield from self._events.flows.chunks()
        yield from self._ftrace.sched.chunks(self._ftrace.idle)
        yield from context.actors.chunks()
        yield from context.tracks.chunks()
        yield from self._samples.chunks()
        yield from self._heap.chunks()
        if context.devices:
            columns = ("device_id", "kind", "vendor", "name", "uuid", "args")
            yield chunk("device", columns, [
                (number, "gpu", d.vendor, d.name, d.uuid, as_json(d.args))
                for number, d in sorted(context.devices.items())
            ])  # fmt: skip
        yield from context.diagnostics.chunk(self._source.damage)

    def _consume(self, splitter: Splitter, within: int | None, depth: int) -> Iterator[None]:
        """Read packets, now and then giving way; `within` is the packet that they are packed in."""
        packets = iter(splitter)
        while True:
            if self._is_large(splitter) and self._batches(splitter, within, depth):
                yield
                continue
            found = next(packets, None)
            if found is None:
                return
            self._packet(found[1], found[0] if within is None else within, depth)
            if self._ready or not self._packets % _ROUND:
                yield

    def _is_large(self, splitter: Splitter) -> bool:
        """Tell whether it pays to load the kernels."""
        if self._held or self._path == "slow":
            return False
        known = self._path == "fast" or self._is_large_file or self._fast is not None
        return known or splitter.passed >= LARGE_BYTES

    def _batches(self, splitter: Splitter, within: int | None, depth: int) -> bool:
        """Read the packets in the buffer; False where there is none whole."""
        if self._fast is None:
            from traceql.importers.perfetto.bundles import Bundles
            from traceql.importers.perfetto.fast import Fast

            self._fast = Fast(self._context, self._described, self._events, self._sequences)
            self._bundles = Bundles(self._context, self._ftrace, self._sequences)
        from traceql.importers.perfetto.fast import runs
        from traceql.kernels.packets import BUNDLE, FLAGS, Scanner

        if depth >= len(self._scanners):
            self._scanners.append(Scanner())
        batch = splitter.batch(self._scanners[depth])
        if batch is None:
            return False
        for start, end, odd in runs(batch.packets.columns):
            if odd == 0 and not self._held:
                chunks = self._fast.run(batch.buffer, batch.packets.part(start, end))
                if chunks is not None:
                    self._packets += end - start
                    self._good += end - start
                    self._ready += [*self._context.rows.rest(), *chunks]
                    continue
            place = partial(_place, batch, start, within)
            is_known = not batch.packets.columns[FLAGS, start:end].any()
            if odd == BUNDLE and is_known and not self._held:
                self._packets += end - start
                self._good += end - start
                part = batch.packets.columns[:, start:end]
                self._ready += self._bundles.run(batch.buffer, part, place)
                continue
            for number, (head, last) in enumerate(batch.packets.columns[:2, start:end].T.tolist()):
                self._packet(batch.buffer[head:last], place(number), depth)
        return True

    def _packet(self, raw: bytes, offset: int, depth: int) -> None:
        """Read one packet, and those packed in it; damage is counted."""
        self._packets += 1
        self._context.diagnostics.offset = offset
        try:
            packet = decode(PACKET, raw)
            if "compressed_packets" in packet or "zstd_compressed_packets" in packet:
                self._packed(packet, offset, depth)
                return
            self._wait(packet, offset, len(raw))
        except (WireError, UnicodeError):
            self._context.diagnostics.count("message_damaged", offset=offset)

    def _packed(self, packet: Fields, offset: int, depth: int) -> None:
        if depth >= _DEEPEST:
            raise WireError("compressed packets within compressed packets")
        unpack, name = inflated, "compressed_packets"
        if name not in packet:
            unpack, name = unzstd, "zstd_compressed_packets"
        count = self._context.diagnostics.count_at
        # Places within are told by the packet that holds them.
        inner = Splitter(unpack(packet[name]), lambda code, _: count(code, offset))
        for _ in self._consume(inner, offset, depth + 1):
            pass

    def _wait(self, packet: Fields, offset: int, size: int) -> None:
        """Hold packets from the first time on another clock on to the first clock snapshot."""
        if self._held is None or not (self._held or _on_another_clock(packet)):
            self._read(packet)
            return
        if "clock_snapshot" in packet:
            self._snapshot(packet)
            self._release()
            self._read(packet)
            return
        self._held.append((offset, packet))
        self._held_bytes += size
        if self._held_bytes > _HELD_BYTES:
            self._release()

    def _snapshot(self, packet: Fields) -> None:
        number = packet.get("trusted_packet_sequence_id", 0)
        self._context.clocks.snapshot(packet["clock_snapshot"], number)

    def _release(self) -> None:
        held, self._held = self._held or [], None
        diagnostics = self._context.diagnostics
        for offset, packet in held:
            diagnostics.offset = offset
            try:
                self._read(packet)
            except WireError:
                diagnostics.count("message_damaged", offset=offset)

    def _read(self, packet: Fields) -> None:
        """Read a packet: first what it says of its sequence, then its content."""
        if packet.get("machine_id"):
            self._good += 1
            self._context.diagnostics.count("machine_unread")
            return
        number = packet.get("trusted_packet_sequence_id", 0)
        sequence = self._sequences.get(number)
        if sequence is None:
            sequence = self._sequences[number] = Sequence(number)
        flags = packet.get("sequence_flags", 0)
        if flags & CLEARED or packet.get("incremental_state_cleared"):
            sequence.clear()
        elif packet.get("previous_packet_dropped"):
            sequence.valid = False
            if not packet.get("first_packet_on_sequence"):
                self._context.diagnostics.count("previous_packet_dropped")
        self._good += 1
        if "clock_snapshot" in packet:
            self._snapshot(packet)
        if "trace_packet_defaults" in packet:
            sequence.learn_defaults(packet["trace_packet_defaults"])
        if "interned_data" in packet:
            sequence.learn(packet["interned_data"])
        if "process_descriptor" in packet or "thread_descriptor" in packet:
            self._old_descriptors(packet, sequence)
        if flags & NEEDED and not sequence.valid:
            self._context.diagnostics.count("tokenizer_skipped_packets")
            return
        self._content(packet, sequence)

    def _content(self, packet: Fields, sequence: Sequence) -> None:
        if "track_event" in packet:
            self._events.event(packet, sequence)
            return
        if "track_descriptor" in packet:
            self._described.descriptor(packet["track_descriptor"])
        timed = [read for name, read in self._timed.items() if name in packet]
        if timed or self._is_step(packet, sequence):
            ts = self._context.ts(
                packet.get("timestamp"), packet.get("timestamp_clock_id"), sequence
            )
            if ts is not None:
                for read in timed:
                    read(packet, sequence, ts)
        if "ftrace_events" in packet:
            self._ftrace.bundle(packet["ftrace_events"], sequence)
        if "android_log" in packet:
            self._android.log(packet["android_log"], sequence)
        for name, take in self._told.items():
            if name in packet:
                take(packet[name])
        if UNKNOWN in packet:
            self._unread(packet)

    def _is_step(self, packet: Fields, sequence: Sequence) -> bool:
        """Tell whether the time of a packet, whatever is in it, is one that the next adds to."""
        number = packet.get("timestamp_clock_id") or sequence.clock_id
        if not number or "timestamp" not in packet or "clock_snapshot" in packet:
            return False
        return self._context.clocks.is_running(clock_of(number, sequence.number))

    def _old_descriptors(self, packet: Fields, sequence: Sequence) -> None:
        """Read the descriptors of a sequence itself, from before there were tracks."""
        if "process_descriptor" in packet:
            fields = decode(PROCESS_DESCRIPTOR, packet["process_descriptor"])
            sequence.pid = self._described.process(fields).pid
        if "thread_descriptor" in packet:
            fields = decode(THREAD_DESCRIPTOR, packet["thread_descriptor"])
            thread = self._described.thread(fields)
            sequence.pid, sequence.tid = fields.get("pid", 0), thread.tid
            sequence.clock_times["ts"] = fields.get("reference_timestamp_us", 0) * 1000
            sequence.clock_times["thread"] = fields.get("reference_thread_time_us", 0) * 1000

    def _unread(self, packet: Fields) -> None:
        for number, _ in packet[UNKNOWN]:
            self._context.unread[f"packet.unread.{number}"] += 1
        self._context.diagnostics.count("packet_unread")


def _place(batch: Batch, start: int, within: int | None, number: int) -> int:
    """Give where a packet of a run lies: that of the packet that it is packed in, if it is."""
    if within is not None:
        return within
    head, last = batch.packets.columns[:2, start + number].tolist()
    return int(batch.offset + head - 1 - max((last - head).bit_length() + 6, 7) // 7)


def _on_another_clock(packet: Fields) -> bool:
    """Tell whether a packet is, or names, what only a clock snapshot relates to the trace's."""
    if "clock_snapshot" in packet or "thread_descriptor" in packet:
        return True
    if packet.get("timestamp_clock_id", BOOTTIME) != BOOTTIME:
        return True
    defaults = packet.get("trace_packet_defaults")
    return defaults is not None and "clock_id" in decode(PACKET_DEFAULTS, defaults)
