"""Stages of rendering and kernels on the queues of a GPU, and what the GPUs are."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from traceql.importers.perfetto.actors import as_json
from traceql.importers.perfetto.context import MOST_NS, Device
from traceql.importers.perfetto.messages import LAUNCH_ARG
from traceql.importers.perfetto.tracks import int32
from traceql.importers.perfetto.wire import Fields, decode, schema

if TYPE_CHECKING:
    from collections.abc import Iterable

    from traceql.importers.perfetto.context import Context
    from traceql.importers.perfetto.flows import Flows
    from traceql.importers.perfetto.sequences import Sequence
    from traceql.importers.perfetto.tracks import Track

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
_INFO = schema("1:gpus:b*")
_GPU = schema("""
    1:name:s 2:vendor:s 3:model:s 4:architecture:s 5:uuid:b 6:extra_info:b* 7:pci_bdf:s""")
_KEY_VALUE = schema("1:key:s 2:value:s")
_MOST_WAITED = 1 << 20
"""Events that later ones may say they waited for."""
_DIM3 = schema("1:x:u 2:y:u 3:z:u")
_COMPUTE = 2
_KEPT = ("context", "render_target_handle", "render_pass_handle", "submission_id",
         "command_buffer_handle", "render_subpass_index_mask", "render_pass_instance_id",
         "event_wait_ids", "event_id")  # fmt: skip


_APIS = {1: "OPEN_GL", 2: "VULKAN", 3: "OPEN_CL", 4: "CUDA", 5: "HIP"}
LINKS = "gpu_render_stage"
"""Scope of links between the calls and the events that they submit."""


class GpuStages:
    """Reads `gpu_render_stage_event` and `gpu_info`."""

    def __init__(self, context: Context, flows: Flows) -> None:
        self._context, self._flows = context, flows
        self._waited: dict[tuple[int, int], tuple[int, int, int]] = {}
        """By sequence and event: ordinal, time and track of what may be waited for."""
        self._arrows = 0
        self._queues: dict[int, list[str]] = {}
        self._stages: dict[int, list[str]] = {}

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
            args["api"] = _APIS.get(context.get("api", 0), "UNDEFINED")
        launch = decode(_LAUNCH, e.get("launch", b""))
        args |= _kernel_args(e, sequence) | _typed(launch.get("args", ()), sequence)
        ordinal, event = self._context.ordinal(), e.get("event_id")
        event = event if event is not None and event < 1 << 63 else None
        self._context.rows["span"].append((
            ordinal, ts, dur, track.track_id, name, "gpu_render_stage", event, None, None,
            as_json(args), None,
        ))  # fmt: skip
        if is_kernel:
            self._kernel(launch, args, (ordinal, event), track)
            if event is not None:
                self._context.rows["link"].append((ordinal, LINKS, event, "device"))
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
        kernel = sequence.entry("compute_kernels", e.get("kernel_iid", 0)) or {}
        if not name:
            name = kernel.get("demangled_name") or kernel.get("name")
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

    def _kernel(
        self, launch: Fields, args: dict[str, Any], event: tuple[int, int | None], track: Track
    ) -> None:
        sizes: list[int | None] = []
        for part in ("grid_size", "workgroup_size"):
            dims = decode(_DIM3, launch[part]) if part in launch else {}
            sizes += [int32(dims.get(axis, 1)) if dims else None for axis in "xyz"]
        fixed, grown = (_size(args.get(f"shared_mem_{kind}")) for kind in ("static", "dynamic"))
        ordinal, correlation = event
        self._context.rows["gpu_span"].append((
            ordinal, "kernel", track.device_id, track.stream_id, correlation, *(None,) * 4, *sizes,
            _small(args.get("registers_per_thread")),
            None if fixed is None and grown is None else (fixed or 0) + (grown or 0),
        ))  # fmt: skip


def _kernel_args(e: Fields, sequence: Sequence) -> dict[str, Any]:
    """Give what is said of the kernel of an event, whatever the launch."""
    kernel = sequence.entry("compute_kernels", e.get("kernel_iid", 0)) or {}
    args: dict[str, Any] = {}
    if kernel.get("name"):
        args["kernel_name"] = kernel["name"]
    if kernel.get("arch"):
        args["arch"] = kernel["arch"]
    return args | _typed(kernel.get("args", ()), sequence)


def _typed(raws: Iterable[bytes], sequence: Sequence) -> dict[str, Any]:
    args: dict[str, Any] = {}
    for raw in raws:
        arg = decode(LAUNCH_ARG, raw)
        iid = arg.get("name_iid", 0)
        name = arg.get("name") or sequence.text("compute_arg_names", iid) or f"arg_{iid}"
        if "string_iid" in arg:
            args[name] = sequence.text("debug_annotation_string_values", arg["string_iid"])
        for kind in ("int", "uint", "double", "string"):
            if kind in arg:
                value = arg[kind]
                is_number = not isinstance(value, float) or math.isfinite(value)
                args[name] = value if is_number else str(value)
    return args


def _size(value: object) -> int | None:
    return value if isinstance(value, int) and 0 <= value < 1 << 62 else None


def _small(value: object) -> int | None:
    return int32(value) if isinstance(value, int) else None


def _names(raws: list[bytes]) -> list[str]:
    return [decode(_DESCRIPTION, raw).get("name", "") for raw in raws]
