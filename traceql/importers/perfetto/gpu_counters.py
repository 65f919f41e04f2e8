"""GPU counters, by the descriptors in their events or in interned data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from traceql.importers.perfetto.wire import Fields, decode, schema

if TYPE_CHECKING:
    from traceql.importers.perfetto.context import Context
    from traceql.importers.perfetto.sequences import Sequence
    from traceql.importers.perfetto.tracks import Track

_COUNTERS = schema("1:counter_descriptor:b 2:counters:b* 3:gpu_id:i 4:counter_descriptor_iid:u")
_COUNTER = schema("1:counter_id:u 2:int_value:i 3:double_value:d")
_DESCRIPTOR = schema("1:specs:b*")
_SPEC = schema("""
    1:counter_id:u 2:name:s 3:description:s 7:numerator_units:u* 8:denominator_units:u*
    11:value_direction:u""")
_FORWARDS = 2
_UNITS = (
    "", "bit", "kbit", "Mbit", "Gbit", "Tbit", "Pbit", "B", "kB", "MB", "GB", "TB", "PB", "Hz",
    "kHz", "MHz", "GHz", "THz", "PHz", "ns", "us", "ms", "s", "min", "h", "Vertex", "Pixel",
    "Triangle", "mW", "W", "kW", "J", "V", "A", "°C", "°F", "K", "%", "Primitive", "Fragment",
    "Instruction",
)  # fmt: skip


@dataclass
class _Counter:
    """A counter, and the time of its last sample."""

    track: Track
    is_forwards: bool = False
    """Whether a value is that of the time after it."""
    ts: int | None = None


class GpuCounters:
    """Reads `gpu_counter_event`."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._counters: dict[tuple[int, int], _Counter] = {}
        """By id, of descriptors in events: they hold for the whole file."""
        self._interned: dict[tuple[int, int, int], _Counter] = {}
        """By sequence, descriptor and id."""
        self._known: dict[int, int] = {}

    def counters(self, packet: Fields, sequence: Sequence, ts: int) -> None:
        """Read values of counters.

        Unless its descriptor says otherwise, a value is that of the time since the sample before,
        so it is put there, as in Perfetto; that of the first sample has no start and is left out.

        Raises:
            WireError: it is damaged.
        """
        e = decode(_COUNTERS, packet["gpu_counter_event"])
        gpu = e.get("gpu_id", 0)
        if "counter_descriptor" in e:
            for number, made in self._described(e["counter_descriptor"], gpu).items():
                self._counters[gpu, number] = made
                self._known[number] = gpu
        iid = e.get("counter_descriptor_iid")
        if iid:
            self._learn(iid, sequence)
        for raw in e.get("counters", ()):
            sample = decode(_COUNTER, raw)
            number = sample.get("counter_id", 0)
            value = sample.get("double_value", sample.get("int_value"))
            counter = self._counter(number, gpu, iid, sequence)
            if value is None:
                continue
            at = ts if counter.is_forwards else counter.ts
            if at is not None:
                self._context.count_value(counter.track, at, float(value))
            counter.ts = ts

    def _counter(self, number: int, gpu: int, iid: int | None, sequence: Sequence) -> _Counter:
        if iid:
            found = self._interned.get((sequence.number, iid, number))
        else:
            found = self._counters.get((gpu, number))
            if found is None and number in self._known:
                found = self._counters[self._known[number], number]
        if found is None:
            self._context.diagnostics.count("gpu_counter_unknown")
            track = self._context.tracks.counter(f"gpu_counter_{number}", device_id=gpu)
            found = self._counters[gpu, number] = _Counter(track)
            if iid:
                self._interned[sequence.number, iid, number] = found
        return found

    def _learn(self, iid: int, sequence: Sequence) -> None:
        entry = sequence.entry("gpu_counter_descriptors", iid)
        if entry is None:
            return
        gpu = entry.get("gpu_id", 0)
        for number, made in self._described(entry.get("counter_descriptor", b""), gpu).items():
            self._interned.setdefault((sequence.number, iid, number), made)

    def _described(self, data: bytes, gpu: int) -> dict[int, _Counter]:
        made = {}
        for raw in decode(_DESCRIPTOR, data).get("specs", ()):
            spec = decode(_SPEC, raw)
            number = spec.get("counter_id", 0)
            unit = _unit(spec.get("numerator_units", [])) or None
            below = _unit(spec.get("denominator_units", []))
            if below:
                unit = f"{unit or ''}/{below}"
            name = spec.get("name") or f"gpu_counter_{number}"
            track = self._context.tracks.counter(name, device_id=gpu, unit=unit, key="gpu")
            if spec.get("description"):
                track.args["description"] = spec["description"]
            made[number] = _Counter(track, spec.get("value_direction") == _FORWARDS)
        return made


def _unit(units: list[int]) -> str:
    return ":".join(_UNITS[u] if 0 <= u < len(_UNITS) else str(u) for u in units if u)
