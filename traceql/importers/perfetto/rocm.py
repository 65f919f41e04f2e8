"""Work of AMD devices as rocprofv3 and rocprofiler-systems write it: categories and args.

Sources: rocprofiler-sdk source/lib/output/generatePerfetto.cpp; rocprofiler-systems' categories.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from traceql.importers.perfetto.context import Device
from traceql.importers.perfetto.tracks import int32

if TYPE_CHECKING:
    from traceql.importers.perfetto.context import Context
    from traceql.importers.perfetto.tracks import Track

HOST = frozenset({
    "hip_api", "hsa_api", "marker_api", "rccl_api", "rocm_hip_api", "rocm_hsa_api",
    "rocm_marker_api", "rocm_rccl_api", "hip_runtime_api", "hip_compiler_api",
})  # fmt: skip
KERNELS = frozenset({"kernel_dispatch", "rocm_kernel_dispatch"})
COPIES = frozenset({"memory_copy", "rocm_memory_copy"})
LAUNCHES = frozenset({"hip_api", "hsa_api", "rocm_hip_api", "rocm_hsa_api", "hip_runtime_api"})
WORK = KERNELS | COPIES
SCOPE = "rocm"
STREAMS = ("stream_ID", "stream_id", "stream", "queue", "queue_id")
SIZES = ("copy_bytes", "bytes", "size")
SAID = frozenset({
    *STREAMS, "agent", "node_id", "grid_size", "workgroup_size", "VGPR_Count", "LDS_Block_Size",
    "group_segment_size", "src_agent", "src_device", "src_node", "dst_agent", "dst_device",
    "dst_node",
})  # fmt: skip
"""Args that say how work was launched, beside its correlation and how many bytes it copied."""
CORRELATIONS = ("corr_id", "correlation_id", "stack_id")
_COPY_KINDS = {
    "HOST_TO_DEVICE": "htod", "DEVICE_TO_HOST": "dtoh", "DEVICE_TO_DEVICE": "dtod",
    "HOST_TO_HOST": "htoh",
}  # fmt: skip
_UNITS = {"watts": "W", "deg C": "°C", "megabytes": "MB"}
_COUNTER = re.compile(r"(?:GPU|COPY BYTES to|ALLOCATE BYTES on|SCRATCH)\b[^\[]*\[(\d+)\]")
_OF_DEVICE = re.compile(r"(?:GPU |ROCm GPU|COMPUTE|COPY to)[^\[\d]*?(?:\[|Device )(\d+)")
_DIMENSIONS = re.compile(r"\((\d+), ?(\d+), ?(\d+)\)")
_MEMORY = {"h": None, "d": "device"}
_THREAD = re.compile(r"THREAD \d+ \((\d+)\)")
_LAST_NUMBER = re.compile(r"(\d+)\D*$")


class Rocm:
    """Writes `gpu_span` and `link` rows beside the slices.

    A launch and its work share `corr_id` within the process that wrote the trace. Sizes of grid
    and group are columns where all three are told (rocprofiler-systems); products of three
    (rocprofv3) stay in the args.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._known = HOST | KERNELS | COPIES

    def knows(self, category: str | None) -> bool:
        """Tell whether a category is one of AMD's tools."""
        return category in self._known

    def work(
        self, ordinal: int, category: str | None, name: str | None, args: str, track: Track
    ) -> int | None:
        """Read the args of a slice; gives its correlation."""
        values: Any = json.loads(args)
        if not isinstance(values, dict):
            return None
        if category in HOST:
            self._name_thread(track)
        correlation = _integer(values, *CORRELATIONS)
        kernel = category in KERNELS
        if correlation is not None and (kernel or category in COPIES or category in LAUNCHES):
            role = "device" if kernel or category in COPIES else "host"
            self._context.rows["link"].append((ordinal, SCOPE, correlation, role))
        if kernel:
            device, stream, *launch = self.kernel(values, track)
            row = (ordinal, "kernel", device, stream, correlation, None, None, None, None, *launch)
            self._context.rows["gpu_span"].append(row)
        elif category in COPIES:
            device, stream, kind, *ends = self.copy(name or "", values, track)
            size = _integer(values, *SIZES)
            size = size if size is not None and size >= 0 else None
            row = (ordinal, "memcpy", device, stream, correlation, size, kind, *ends, *(None,) * 8)
            self._context.rows["gpu_span"].append(row)
        return correlation

    def would_name(self, track: Track) -> bool:
        """Tell whether a call on a track says that it is one of a thread."""
        return track.type == "async" and bool(_THREAD.fullmatch(track.name or ""))

    def _name_thread(self, track: Track) -> None:
        """Tracks of threads other than the first are only named after them."""
        found = _THREAD.fullmatch(track.name or "") if track.type == "async" else None
        process = track.parent.process if track.parent else None
        if found and process is not None:
            track.type = "thread"
            track.thread = self._context.actors.thread(int(found[1]), process.pid)

    def kernel(self, values: Mapping[str, Any], track: Track) -> tuple[Any, ...]:
        """Give device, stream, grid, block, registers and shared memory of a kernel."""
        device = _number_of(values.get("agent", values.get("node_id")))
        if device is None:
            device = _device_of(track)
        stream = _integer(values, *STREAMS)
        items = _dimensions(values.get("grid_size"))
        block = _dimensions(values.get("workgroup_size"))
        grid = [int32(-(-i // b)) if i is not None and b else None
                for i, b in zip(items, block, strict=True)]  # fmt: skip
        self._mark(track, device, stream)
        return (device, stream, *grid, *map(int32, block),
                int32(_integer(values, "VGPR_Count")),
                _integer(values, "LDS_Block_Size", "group_segment_size"))  # fmt: skip

    def copy(self, name: str, values: Mapping[str, Any], track: Track) -> tuple[Any, ...]:
        """Give device, stream, kind, and what memory a copy is from and to."""
        # Some versions leave out an underscore.
        spelled = name.upper().replace("_TOHOST", "_TO_HOST")
        kind = next((short for long, short in _COPY_KINDS.items() if long in spelled), None)
        # The device is the one that is not the host.
        side = "src" if kind == "dtoh" else "dst"
        device = None
        if kind != "htoh":
            ends = (values.get(f"{side}_{what}") for what in ("agent", "device", "node"))
            device = next((n for n in map(_number_of, ends) if n is not None), _device_of(track))
        stream = _integer(values, "stream_ID", "stream_id", "stream")
        self._mark(track, device, stream)
        source, target = (_MEMORY[kind[0]], _MEMORY[kind[-1]]) if kind else (None, None)
        return device, stream, kind, source, target

    def _mark(self, track: Track, device: int | None, stream: int | None) -> None:
        """A track that device work lies on is one of a stream."""
        if device is not None:
            self._context.devices.setdefault(device, Device()).vendor = "amd"
        if track.type == "async":
            track.type = "gpu_stream"
            track.device_id, track.stream_id = device, stream


def describe_counter(track: Track) -> None:
    """Give a counter of AMD's tools its device, and its unit as everyone writes it."""
    track.unit = _UNITS.get(track.unit or "", track.unit)
    found = _COUNTER.match(track.name or "")
    if found:
        track.device_id = int32(int(found[1]))


def _device_of(track: Track) -> int | None:
    """Give the device that the name of a track tells."""
    found = _OF_DEVICE.match(track.name or "")
    return int32(int(found[1])) if found else None


def _dimensions(value: object) -> list[int | None]:
    """Read `(x,y,z)`; a product of three tells none of them."""
    found = _DIMENSIONS.fullmatch(value) if isinstance(value, str) else None
    return [int(n) for n in found.groups()] if found else [None] * 3


def _integer(values: Mapping[str, Any], *names: str) -> int | None:
    for name in names:
        value = values.get(name)
        if isinstance(value, str) and value.lstrip("-").isdigit():
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 63:
            return value
    return None


def _number_of(value: object) -> int | None:
    """Give the number in the label of an agent, such as `GPU-1`."""
    if isinstance(value, int):
        return int32(value)
    found = _LAST_NUMBER.search(value) if isinstance(value, str) else None
    return int32(int(found[1])) if found else None
