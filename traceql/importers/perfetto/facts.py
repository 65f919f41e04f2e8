"""What a trace says of itself: system, configuration, losses that the writers counted."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from traceql.importers.perfetto.actors import as_json
from traceql.importers.perfetto.messages import (
    BUFFER_CONFIG,
    BUFFER_STATS,
    CPU,
    CPU_INFO,
    DATA_SOURCE,
    DATA_SOURCE_CONFIG,
    FTRACE_CPU_STATS,
    FTRACE_STATS,
    SYSTEM_INFO,
    TRACE_CONFIG,
    TRACE_STATS,
    TRACE_UUID,
    TRIGGER,
    UTSNAME,
)
from traceql.importers.perfetto.wire import UNKNOWN, Fields, decode

if TYPE_CHECKING:
    from traceql.importers.perfetto.context import Context

_FILL_POLICIES = {1: "RING_BUFFER", 2: "DISCARD"}
_UTSNAME = {"sysname": "system_name", "version": "system_version", "release": "system_release",
            "machine": "system_machine"}  # fmt: skip
_SYSTEM = {
    "android_build_fingerprint": "android_build_fingerprint",
    "tracing_service_version": "tracing_service_version",
    "android_sdk_version": "android_sdk_version", "page_size": "system_page_size",
    "timezone_off_mins": "timezone_off_mins", "num_cpus": "system_num_cpus",
    "android_soc_model": "android_soc_model", "hz": "system_hz",
    "android_device_manufacturer": "android_device_manufacturer",
    "system_ram_bytes": "system_ram_bytes", "machine_name": "system_machine_name",
}  # fmt: skip
_LOSSES = {
    "chunks_overwritten": "Parts of a buffer were overwritten before they were read.",
    "chunks_discarded": "Parts were discarded because a buffer was full.",
    "trace_writer_packet_loss": "Packets were lost by the writers of a buffer.",
    "patches_failed": "Packets could not be completed in a buffer.",
    "abi_violations": "A writer broke the rules of a buffer.",
}
_END_OF_TRACE = 2


class Facts:
    """Writes metadata, and diagnostics of what the trace itself counts as lost."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._stats: Fields = {}
        self._ftrace: dict[int, Fields] = {}
        self.readers = {
            "system_info": self._system,
            "trace_uuid": self._uuid,
            "trace_config": self._config,
            "trace_stats": self._keep_stats,
            "ftrace_stats": self._keep_ftrace,
            "trigger": self._trigger,
            "cpu_info": self._cpus,
        }
        """Readers of the contents of packets, by their name."""

    def _system(self, data: bytes) -> None:
        fields = decode(SYSTEM_INFO, data)
        name = decode(UTSNAME, fields.pop("utsname", b""))
        self._context.release = name.get("release", self._context.release)
        for key, called in _UTSNAME.items():
            self._context.say(called, name.get(key))
        for key, called in _SYSTEM.items():
            self._context.say(called, fields.get(key))

    def _uuid(self, data: bytes) -> None:
        fields = decode(TRACE_UUID, data)
        digits = f"{fields.get('msb', 0):016x}{fields.get('lsb', 0):016x}"
        parts = (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])
        self._context.say("trace_uuid", "-".join(parts))

    def _config(self, data: bytes) -> None:
        fields = decode(TRACE_CONFIG, data)
        fields.pop(UNKNOWN, None)
        buffers = []
        for raw in fields.pop("buffers", ()):
            buffer: dict[str, Any] = decode(BUFFER_CONFIG, raw)
            buffer.pop(UNKNOWN, None)
            if "fill_policy" in buffer:
                policy = buffer["fill_policy"]
                buffer["fill_policy"] = _FILL_POLICIES.get(policy, policy)
            buffers.append(buffer)
        sources = [
            decode(DATA_SOURCE_CONFIG, decode(DATA_SOURCE, raw).get("config", b"")).get("name")
            for raw in fields.pop("data_sources", ())
        ]
        if buffers:
            fields["buffers"] = buffers
        if sources:
            fields["data_sources"] = sources
        self._context.say("trace_config", as_json(fields))

    def _trigger(self, data: bytes) -> None:
        self._context.say("trigger", decode(TRIGGER, data).get("trigger_name"))

    def _cpus(self, data: bytes) -> None:
        for number, raw in enumerate(decode(CPU_INFO, data).get("cpus", ())):
            fields = decode(CPU, raw)
            self._context.say(f"cpu.{number}.processor", fields.get("processor"))
            frequencies = fields.get("frequencies")
            if frequencies:
                self._context.say(f"cpu.{number}.max_frequency_khz", max(frequencies))

    def _keep_stats(self, data: bytes) -> None:
        self._stats = decode(TRACE_STATS, data)  # the last ones count

    def _keep_ftrace(self, data: bytes) -> None:
        fields = decode(FTRACE_STATS, data)
        self._ftrace[fields.get("phase", 0)] = fields
        if fields.get("atrace_errors"):
            self._context.say("ftrace.atrace_errors", fields["atrace_errors"])

    def finish(self) -> None:
        """Write the losses that the last statistics count.

        Raises:
            WireError: they are damaged.
        """
        say = partial(self._context.diagnostics.say, "data_loss")
        buffers = [decode(BUFFER_STATS, raw) for raw in self._stats.get("buffer_stats", ())]
        for name, message in _LOSSES.items():
            say(f"traced_buf_{name}", sum(b.get(name, 0) for b in buffers), message)
        say("traced_invalid_packets", self._stats.get("invalid_packets", 0),
            "Packets that the service could not read.")  # fmt: skip
        say("traced_flushes_failed", self._stats.get("flushes_failed", 0),
            "Writers that did not answer in time; their last events may be lost.")  # fmt: skip
        before = {}
        for raw in self._ftrace.get(1, {}).get("cpu_stats", ()):
            cpu = decode(FTRACE_CPU_STATS, raw)
            before[cpu.get("cpu", 0)] = cpu
        lost = 0
        for raw in self._ftrace.get(_END_OF_TRACE, {}).get("cpu_stats", ()):
            cpu = decode(FTRACE_CPU_STATS, raw)
            then = before.get(cpu.get("cpu", 0), {})
            lost += sum(max(cpu.get(name, 0) - then.get(name, 0), 0)
                        for name in ("overrun", "commit_overrun", "dropped_events"))  # fmt: skip
        say("ftrace_cpu_overrun", lost, "Kernel events were lost while the trace was taken.")
