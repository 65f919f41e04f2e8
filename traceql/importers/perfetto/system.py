"""Counters of the whole system: memory, CPU times, frequencies, temperatures, battery, rails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from traceql.importers.perfetto.clocks import BOOTTIME
from traceql.importers.perfetto.messages import (
    BATTERY,
    CPU_TIMES,
    DEVFREQ,
    DISK_STAT,
    ENERGY,
    KEY_VALUE,
    POWER_RAILS,
    PSI,
    RAIL,
    SYS_STATS,
    THERMAL_ZONE,
)
from traceql.importers.perfetto.system_names import MEMINFO, VMSTAT
from traceql.importers.perfetto.tracks import INT32
from traceql.importers.perfetto.wire import Fields, decode

if TYPE_CHECKING:
    from traceql.importers.perfetto.context import Context
    from traceql.importers.perfetto.sequences import Sequence

_PSI = {1: "cpu.some", 2: "cpu.full", 3: "io.some", 4: "io.full", 5: "mem.some", 6: "mem.full"}
_CPU_TIMES = ("user_ns", "user_nice_ns", "system_mode_ns", "idle_ns", "io_wait_ns", "irq_ns",
              "softirq_ns", "steal_ns")  # fmt: skip
_TOTALS = ("num_forks", "num_irq_total", "num_softirq_total")
_BATTERY = {
    "charge_counter_uah": ("batt.charge_uah", "µAh"),
    "capacity_percent": ("batt.capacity_pct", "%"),
    "current_ua": ("batt.current_ua", "µA"),
    "current_avg_ua": ("batt.current.avg_ua", "µA"),
    "voltage_uv": ("batt.voltage_uv", "µV"),
    "energy_counter_uwh": ("batt.energy_uwh", "µWh"),
}
_UWS_PER_J = 1_000_000
_SECTOR_BYTES = 512


class System:
    """Reads `sys_stats`, `battery` and `power_rails`."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._rails: dict[int, str] = {}

    def _count(self, name: str, ts: int, value: float, unit: str | None = None) -> None:
        track = self._context.tracks.counter(name, unit=unit)
        self._context.count_value(track, ts, float(value))

    def stats(self, packet: Fields, _: Sequence, ts: int) -> None:
        """Read what /proc and /sys say of the system.

        Raises:
            WireError: it is damaged.
        """
        stats = decode(SYS_STATS, packet["sys_stats"])
        for raw in stats.get("meminfo", ()):
            e = decode(KEY_VALUE, raw)
            name = _named(MEMINFO, e.get("key", 0), "meminfo")
            self._count(name, ts, e.get("value", 0) * 1024, "bytes")
        for raw in stats.get("vmstat", ()):
            e = decode(KEY_VALUE, raw)
            self._count(_named(VMSTAT, e.get("key", 0), "vmstat"), ts, e.get("value", 0))
        for raw in stats.get("cpu_stat", ()):
            self._cpu_times(decode(CPU_TIMES, raw), ts)
        for name in _TOTALS:
            if name in stats:
                self._count(name, ts, stats[name], "count")
        for raw in stats.get("devfreq", ()):
            e = decode(DEVFREQ, raw)
            self._count(f"{e.get('key', '')} Frequency", ts, e.get("value", 0))
        for cpu, value in enumerate(stats.get("cpufreq_khz", ())):
            track = self._context.tracks.counter("cpufreq", cpu=cpu, unit="kHz")
            self._context.count_value(track, ts, float(value))
        for gpu, value in enumerate(stats.get("gpufreq_mhz", ())):
            track = self._context.tracks.counter("gpufreq", device_id=gpu, unit="MHz", key="sys")
            self._context.count_value(track, ts, float(value))
        self._more(stats, ts)

    def _cpu_times(self, e: Fields, ts: int) -> None:
        cpu = e.get("cpu_id", 0)
        for name in _CPU_TIMES:
            if name in e and cpu < INT32:
                track = self._context.tracks.counter(f"cpu.times.{name}", cpu=cpu, unit="ns")
                self._context.count_value(track, ts, float(e[name]))

    def _more(self, stats: Fields, ts: int) -> None:
        for raw in stats.get("psi", ()):
            e = decode(PSI, raw)
            name = _PSI.get(e.get("resource", 0), str(e.get("resource", 0)))
            self._count(f"psi.{name}", ts, e.get("total_ns", 0), "ns")
        for raw in stats.get("thermal_zone", ()):
            e = decode(THERMAL_ZONE, raw)
            self._count(e.get("type") or e.get("name", ""), ts, e.get("temp", 0), "°C")
        for raw in stats.get("disk_stat", ()):
            e = decode(DISK_STAT, raw)
            for way in ("read", "write", "discard"):
                if f"{way}_sectors" in e:
                    name = f"diskstat.[{e.get('device_name', '')}].{way}_bytes"
                    self._count(name, ts, e[f"{way}_sectors"] * _SECTOR_BYTES, "bytes")

    def battery(self, packet: Fields, _: Sequence, ts: int) -> None:
        """Read the battery; a battery with a name has it in those of its counters.

        Raises:
            WireError: it is damaged.
        """
        e = decode(BATTERY, packet["battery"])
        for field, (name, unit) in _BATTERY.items():
            if field in e:
                called = f"batt.{e['name']}.{name[5:]}" if e.get("name") else name
                self._count(called, ts, e[field], unit)

    def rails(self, packet: Fields, sequence: Sequence, ts: int) -> None:
        """Read energy counters of power rails: joules since they started to count.

        Raises:
            WireError: it is damaged.
        """
        fields = decode(POWER_RAILS, packet["power_rails"])
        for raw in fields.get("rail_descriptor", ()):
            e = decode(RAIL, raw)
            self._rails[e.get("index", 0)] = e.get("rail_name", "")
        for raw in fields.get("energy_data", ()):
            e = decode(ENERGY, raw)
            index = e.get("index", 0)
            at: int | None = ts
            if "timestamp_ms" in e:
                at = self._context.ts(e["timestamp_ms"] * 1_000_000, BOOTTIME, sequence)
            if at is None:
                continue
            if index not in self._rails:
                self._context.diagnostics.count("counter_value_missing")
            name = f"power.rails.{self._rails.get(index) or index}"
            self._count(name, at, e.get("energy", 0) / _UWS_PER_J, "J")


def _named(names: tuple[str, ...], number: int, otherwise: str) -> str:
    return names[number] if 0 < number < len(names) else f"{otherwise}.{number}"
