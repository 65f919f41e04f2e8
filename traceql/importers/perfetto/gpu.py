"""GPU counters, and stages of rendering and kernels on the queues of a GPU."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from traceql.importers.perfetto.actors import as_json
from traceql.importers.perfetto.context import MOST_NS, Device
from traceql.importers.perfetto.tracks import int32
from traceql.importers.perfetto.wire import Fields, decode, schema

if TYPE_CHECKING:
    from traceql.importers.perfetto.context import Context
    from traceql.importers.perfetto.flows import Flows
    from traceql.importers.perfetto.sequences import Sequence
    from traceql.importers.perfetto.tracks import Track

_COUNTERS = schema("1:counter_descriptor:b 2:counters:b* 3:gpu_id:i 4:counter_descriptor_iid:u")
_COUNTER = schema("1:counter_id:u 2:int_value:i 3:double_value:d")
_DESCRIPTOR = schema("1:specs:b*")
_SPEC = schema("""
    1:counter_id:u 2:name:s 3:description:s 7:numerator_units:u* 8:denominator_units:u*
    11:value_direction:u""")
_UNITS = (
    "", "bit", "kbit", "Mbit", "Gbit", "Tbit", "Pbit", "B", "kB", "MB", "GB", "TB", "PB", "Hz",
    "kHz", "MHz", "GHz", "THz", "PHz", "ns", "us", "ms", "s", "min", "h", "Vertex", "Pixel",
    "Triangle", "mW", "W", "kW", "J", "V", "A", "°C", "°F", "K", "%", "Primitive", "Fragment",
    "Instruction",
)  # fmt: skip
_STAGE = schema("""
    1:event_id:u 2:duration:u 3:hw_queue_id:i 4:stage_id:i 5:context:u 6:extra_data:b*
    7:specifications:b 8:render_target_handle:u 9:render_pass_handle:u 10:submission_id:u
    11:gpu_id:i 12:command_buffer_handle:u 13:hw_queue_iid:u 14:stage_iid:u
    15:render_subpass_index_mask:u* 16:render_pass_instance_id:u 17:name:s 18:event_wait_ids:u*
    19:kernel_iid:u 20:name_iid:u 21:launch:b""")
_EXTRA = schema("1:name:s 2:value:s")
_SPECIFICATIONS = schema("2:hw_queue:b* 3:stage:b*")
_DESCRIPTION = schema("1:name:s 2:description:s")
_LAUNCH = schema("1:grid_size:b 2:workgroup_size:b 3:args:b*")
_LAUNCH_ARG = schema("""
    1:name_iid:u 2:name:s 3:int:i 4:uint:u 5:double:d 6:string:s 7:string_iid:u""")
_INFO = schema("1:gpus:b*")
_GPU = schema("""
    1:name:s 2:vendor:s 3:model:s 4:architecture:s 5:uuid:b 6:extra_info:b* 7:pci_bdf:s""")
_KEY_VALUE = schema("1:key:s 2:value:s")
_FORWARDS = 2
_MOST_WAITED = 1 << 20
"""Events that later ones may say they waited for."""
_DIM3 = schema("1:x:u 2:y:u 3:z:u")
_COMPUTE = 2
_KEPT = ("context", "render_target_handle", "render_pass_handle", "submission_id",
         "command_buffer_handle", "render_subpass_index_mask", "render_pass_instance_id",
         "event_wait_ids", "event_id")  # fmt: skip


@dataclass
class _Counter:
    """A counter, and the time of its last sample."""

    track: Track
    is_forwards: bool = False
    """Whether a value is that of the time after it."""
    ts: int | None = None


class Gpu:
    """Reads `gpu_counter_event` and `gpu_render_stage_event`."""

    def __init__(self, context: Context, flows: Flows) -> None:
        self._context, self._flows = context, flows
        self._waited: dict[tuple[int, int], tuple[int, int, int]] = {}
        """By sequence and event: ordinal, time and track of what may be waited for."""
        self._arrows = 0
        self._counters: dict[tuple[int, int], _Counter] = {}
        """By id, of descriptors in events: they hold for the whole file."""
        self._interned: dict[tuple[int, int, int], _Counter] = {}
        """By sequence, descriptor and id."""
        self._known: dict[int, int] = {}
        self._queues: dict[int, list[str]] = {}
        self._stages: dict[int, list[str]] = {}

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

    def stage(self, packet: Fields, sequence: Sequence, ts: int) -> None:
        """Read a stage: a slice on the track of its queue; a kernel is work of the device too.

        Raises:
            WireError: it is damaged.
        """
        e = decode(_STAGE, packet["gpu_render_stage_event"])
        if "specifications" in e:
            given = decode(_SPECIFICATIONS, e["specifications"])
            gpu = e.get("gpu_id", 0)
            self._queues[gpu] = _names(given.get("hw_queue", []))
            self._stages[gpu] = _names(given.get("stage", []))
        if "event_id" not in e and "duration" not in e:
            return  # only specifications
        dur = e.get("duration", 0)
        if dur >= MOST_NS:
            self._context.diagnostics.count("timestamp_out_of_range")
            return
        name, is_kernel = self._name(e, sequence)
        track = self._queue(e, sequence)
        args: dict[str, Any] = {key: e[key] for key in _KEPT if key in e}
        for raw in e.get("extra_data", ()):
            extra = decode(_EXTRA, raw)
            args[extra.get("name", "")] = extra.get("value", "")
        context = sequence.entry("graphics_contexts", e.get("context", 0))
        if context is not None and "pid" in context:
            args["pid"] = context["pid"]
        launch = decode(_LAUNCH, e.get("launch", b""))
        args |= self._launch_args(launch, sequence)
        ordinal = self._context.ordinal()
        self._context.rows["span"].append((
            ordinal, ts, dur, track.track_id, name, "gpu_render_stage", None, None, None,
            as_json(args), None,
        ))  # fmt: skip
        if is_kernel:
            self._kernel(launch, args, ordinal, track)
        self._follow(e, (ordinal, ts, track.track_id), sequence)

    def _follow(self, e: Fields, place: tuple[int, int, int], sequence: Sequence) -> None:
        """Draw arrows from the events that an event waited for."""
        for waited in e.get("event_wait_ids", ()):
            before = self._waited.get((sequence.number, waited))
            if before is None:
                continue
            self._arrows += 1
            # A key of its own for each arrow, from the end where writers' own are rare.
            key = (1 << 64) - self._arrows
            for terminates, point in ((False, before), (True, place)):
                self._flows.point(key, *point, terminates=terminates, enclosing=False)
        if "event_id" in e:
            if len(self._waited) >= _MOST_WAITED:
                self._waited.clear()
            self._waited[sequence.number, e["event_id"]] = place

    @staticmethod
    def _launch_args(launch: Fields, sequence: Sequence) -> dict[str, Any]:
        args: dict[str, Any] = {}
        for raw in launch.get("args", ()):
            arg = decode(_LAUNCH_ARG, raw)
            name = arg.get("name") or f"arg_{arg.get('name_iid', 0)}"
            if "string_iid" in arg:
                text = sequence.text("debug_annotation_string_values", arg["string_iid"])
                args[name] = text
            for kind in ("int", "uint", "double", "string"):
                if kind in arg:
                    args[name] = arg[kind]
        return args

    def info(self, data: bytes) -> None:
        """Read what the devices are; they are numbered as they are listed.

        Raises:
            WireError: it is damaged.
        """
        for number, raw in enumerate(decode(_INFO, data).get("gpus", ())):
            gpu = decode(_GPU, raw)
            extra = [decode(_KEY_VALUE, each) for each in gpu.get("extra_info", ())]
            args: dict[str, Any] = {
                name: gpu[name] for name in ("model", "architecture", "pci_bdf") if name in gpu
            }
            args |= {each.get("key", ""): each.get("value", "") for each in extra}
            self._context.devices[number] = Device(
                vendor=gpu.get("vendor", "").lower() or None,
                name=gpu.get("name"),
                uuid=gpu["uuid"].hex() if gpu.get("uuid") else None,
                args=args,
            )

    def _name(self, e: Fields, sequence: Sequence) -> tuple[str | None, bool]:
        """Give the name of a stage, and whether it computes."""
        stage = sequence.entry("gpu_specifications", e.get("stage_iid", 0)) or {}
        name = e.get("name") or sequence.text("event_names", e.get("name_iid", 0))
        if not name and "stage_iid" in e:
            name = stage.get("name")
        if not name:
            known, number = self._stages.get(e.get("gpu_id", 0), []), e.get("stage_id", 0)
            name = known[number] if 0 <= number < len(known) else f"render stage({number})"
        return name, stage.get("category") == _COMPUTE or "launch" in e or "kernel_iid" in e

    def _queue(self, e: Fields, sequence: Sequence) -> Track:
        gpu, number, tracks = e.get("gpu_id", 0), e.get("hw_queue_id", 0), self._context.tracks
        if "hw_queue_iid" in e:
            entry = sequence.entry("gpu_specifications", e["hw_queue_iid"]) or {}
            name = entry.get("name") or f"queue {e['hw_queue_iid']}"
            key: object = (gpu, name)
            number = e["hw_queue_iid"]
        else:
            known = self._queues.get(gpu, [])
            name = known[number] if 0 <= number < len(known) else f"queue {number}"
            key = (gpu, number)
        track, is_new = tracks.get("gpu_stream", key, name)
        if is_new:
            track.device_id = int32(gpu)
            if track.device_id is not None:
                self._context.devices.setdefault(track.device_id, Device())
            track.stream_id = number if 0 <= number < 1 << 63 else None
        return track

    def _kernel(self, launch: Fields, args: dict[str, Any], ordinal: int, track: Track) -> None:
        sizes: list[int | None] = []
        for part in ("grid_size", "workgroup_size"):
            dims = decode(_DIM3, launch[part]) if part in launch else {}
            sizes += [int32(dims.get(axis, 1)) if dims else None for axis in "xyz"]
        self._context.rows["gpu_span"].append((
            ordinal, "kernel", track.device_id, track.stream_id, *(None,) * 5, *sizes,
            _small(args.get("registers_per_thread")), None,
        ))  # fmt: skip


def _unit(units: list[int]) -> str:
    return ":".join(_UNITS[u] if 0 <= u < len(_UNITS) else str(u) for u in units if u)


def _small(value: object) -> int | None:
    return int32(value) if isinstance(value, int) else None


def _names(raws: list[bytes]) -> list[str]:
    return [decode(_DESCRIPTION, raw).get("name", "") for raw in raws]
