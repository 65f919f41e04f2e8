"""What PyTorch's Kineto, rocprof and their kin say in categories and args: work on devices.

Keys of args are looked up in any case, and values may be texts: versions and vendors differ.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from traceql.importers.chrome.times import integer
from traceql.importers.chrome.tracks import Lane, Thread, int32

if TYPE_CHECKING:
    from traceql.importers._json_stream import Members
    from traceql.importers.chrome.context import Context

_DEVICE = {
    "kernel": "kernel", "gpu_memcpy": "memcpy", "memcpy": "memcpy",
    "gpu_memset": "memset", "memset": "memset", "mtia_ccp_events": "mtia", "gpu_op": "unitrace",
}  # fmt: skip
_LAUNCH = frozenset((
    "cuda_runtime", "cuda_driver", "hip_runtime", "hip_driver", "xpu_runtime", "xpu_driver",
    "mtia_runtime", "privateuse1_runtime", "privateuse1_driver", "runtime", "driver",
))  # fmt: skip
_COPY = re.compile(r"\b([HDPA])to([HDPA])\b")
_COPY_LONG = re.compile(r"(Host|Device|Peer|Array)_?To_?(Host|Device|Peer|Array)", re.IGNORECASE)
_MEMORIES = re.compile(r"\(([A-Za-z ]+?) *-> *([A-Za-z ]+?)\)")
_MEMORY = re.compile(r"\(([A-Za-z ]+)\)")
_CPU_DEVICE_TYPE = 0
_INT64 = 1 << 63


class Kineto:
    """Writes `gpu_span`, `link` and `allocation_event` rows, and marks the tracks of streams.

    Correlation ids are unique within a file, so all links share one scope.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._gpu = context.rows["gpu_span"]
        self._links = context.rows["link"]
        self._allocations = context.rows["allocation_event"]
        self._roles: dict[bytes, str] = {}
        self.device_categories: set[bytes] = set()
        """Category tokens of device work seen so far."""
        self.devices: set[int] = set()
        """Devices that anything was said of."""

    def role(self, cat: bytes) -> str:
        """Tell what events of a category token are: launch, a kind of device work, or neither."""
        found = self._roles.get(cat)
        if found is None:
            name = self._context.texts(cat).lower()
            found = "launch" if name in _LAUNCH else _DEVICE.get(name, "")
            self._roles[cat] = found
            if found and found != "launch":
                self.device_categories.add(cat)
        return found

    def complete(self, e: Members, ordinal: int, lane: Lane) -> int | None:
        """Read the args of an X event that has a correlation or is device work.

        Returns:
            The correlation, where it is positive.
        """
        args = folded(e.get(b"args"))
        correlation = positive(args.get("correlation"))
        cat = e.get(b"cat")
        role = self.role(cat) if cat is not None else ""
        if role == "launch" and correlation is not None:
            self._links.append((ordinal, "", correlation, "host"))
        elif role and role != "launch":
            self._work(role, e, args, ordinal, lane, correlation)
        return correlation

    def learn(self, cat: bytes, e: Members, ordinal: int, lane: Lane) -> int | None:
        """Note a category; device work without args, or the first of its category, is read.

        Returns:
            As `complete`.
        """
        if cat not in self._roles or cat in self.device_categories:
            role = self.role(cat)
            if role and role != "launch":
                return self.complete(e, ordinal, lane)
        return None

    def correlation(self, args: bytes) -> int | None:
        """Give the correlation of the args of a begin."""
        if b"orrelation" not in args:
            return None
        return positive(folded(args).get("correlation"))

    def _work(
        self, role: str, e: Members, args: dict[str, Any], ordinal: int, lane: Lane,
        correlation: int | None,
    ) -> None:  # fmt: skip
        name = self._context.texts.optional(e.get(b"name")) or ""
        work = work_of(role, name, args)
        if work is None:
            return
        device = int32(integer(e.get(b"pid"))) if work.device is None else work.device
        stream = integer(e.get(b"tid")) if work.stream is None else work.stream
        if device is not None:
            self.devices.add(device)
        mark_stream(lane, device, stream)
        if correlation is not None:
            self._links.append((ordinal, "", correlation, "device"))
        size = None if work.size is None else min(abs(work.size), _INT64 - 1)
        self._gpu.append((
            ordinal, work.kind, device, work.context, stream, correlation, size, *work.rest,
            None if work.occupancy is None else work.occupancy / 100,
        ))  # fmt: skip

    def memory(self, e: Members, ordinal: int, ts: int, thread: Thread, offset: int) -> None:
        """Read a [memory] instant: negative Bytes are a free; no device for host memory."""
        said = memory_of(folded(e.get(b"args")))
        size, device = said.size, said.device
        if size is None:
            self._context.diagnostics.count("memory_without_bytes", offset=offset)
            return
        if device is not None:
            self.devices.add(device)
        self._allocations.append((
            ordinal, ts, thread.upid, thread.utid, device, "free" if size < 0 else "alloc",
            said.address, min(abs(size), _INT64 - 1), said.total, said.reserved,
        ))  # fmt: skip


class Work(NamedTuple):
    """What name and args say of one piece of work on a device."""

    kind: str
    device: int | None
    context: int | None
    stream: int | None
    size: int | None
    rest: tuple[int | str | None, ...]
    """Columns of `gpu_span` from copy_kind to graph_node_id."""
    occupancy: float | None
    """In percent."""


class Allocation(NamedTuple):
    """What the args of a [memory] event say; a negative size is a free, no device is the host."""

    size: int | None
    device: int | None
    address: int | None
    total: int | None
    reserved: int | None


def work_of(role: str, name: str, args: Mapping[str, Any]) -> Work | None:
    """Read work on a device.

    Args:
        role: what the category says.
        name: of the event.
        args: its args, keys folded.

    Returns:
        None where the event is no work.
    """
    kind = _KINDS[role](name) if role in _KINDS else role
    if kind is None:
        return None
    copy = copy_of(name, args) if kind != "kernel" else (None, None, None)
    return Work(
        kind,
        int32(_int(args.get("device"))),
        _int(args.get("context")),
        _int(args.get("stream")),
        _int(args.get("bytes", args.get("size"))) if kind != "kernel" else None,
        (
            *copy, *_three(args.get("grid")), *_three(args.get("block")),
            int32(_int(args.get("registers per thread"))), _int(args.get("shared memory")),
            _int(args.get("graph id")), _int(args.get("graph node id")),
        ),
        _float(args.get("est. achieved occupancy %")),
    )  # fmt: skip


def memory_of(args: Mapping[str, Any]) -> Allocation:
    """Read the args, keys folded, of a [memory] event."""
    device = int32(_int(args.get("device id")))
    if _int(args.get("device type")) == _CPU_DEVICE_TYPE or (device or 0) < 0:
        device = None
    return Allocation(
        _int(args.get("bytes")), device, _int(args.get("addr")),
        _int(args.get("total allocated")), _int(args.get("total reserved")),
    )  # fmt: skip


def mark_stream(lane: Lane, device: int | None, stream: int | None) -> None:
    """Make the track of a thread that of a stream, by the first work on it."""
    if lane.type == "thread":
        lane.type, lane.device_id, lane.stream_id = "gpu_stream", device, stream


def parse(raw: bytes | None) -> Any:
    """Parse a JSON text as leniently as Python can; None where it cannot."""
    import orjson

    if raw is None:
        return None
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(raw.decode(errors="replace"), strict=False)
    except (ValueError, RecursionError):
        return None


def folded(raw: bytes | None) -> dict[str, Any]:
    """Parse args; keys in lower case, since versions and vendors differ."""
    value = parse(raw)
    return {k.lower(): v for k, v in value.items()} if isinstance(value, dict) else {}


def _int(value: Any) -> int | None:
    """Give a whole number of any spelling (also decimal or 0x text) that fits int64."""
    if type(value) is int:
        return value if -_INT64 <= value < _INT64 else None
    if isinstance(value, str):
        try:
            value = int(value, 16 if value[:2].lower() == "0x" else 10)
        except ValueError:
            return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if -_INT64 <= value < _INT64 else None


def positive(value: Any) -> int | None:
    """Give a whole number of any spelling above zero."""
    number = _int(value)
    return number if number is not None and number > 0 else None


def _float(value: Any) -> float | None:
    try:
        return None if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return None


def _three(value: Any) -> tuple[int | None, int | None, int | None]:
    """Read [x, y, z], also as a text."""
    if isinstance(value, str):
        value = parse(value.encode())
    if not isinstance(value, list) or len(value) != 3:
        return None, None, None
    x, y, z = (int32(_int(item)) for item in value)
    return x, y, z


def copy_of(name: str, args: Mapping[str, Any]) -> tuple[str | None, str | None, str | None]:
    """Give copy_kind, src_memory and dst_memory from names such as Memcpy HtoD (Pinned -> Device).

    Forms: CUPTI's `HtoD`, HIP's `CopyHostToDevice`, MTIA's `direction: DEVICE_TO_HOST`.
    """
    said = f"{name} {args.get('kind', '')} {args.get('direction', '')}"
    match = _COPY.search(said) or _COPY_LONG.search(said)
    kind = f"{match[1][0]}to{match[2][0]}".lower() if match else None
    pair = _MEMORIES.search(name)
    if pair:
        return kind, pair[1].lower(), pair[2].lower()
    one = _MEMORY.search(name)
    return kind, None, one[1].lower() if one else None


def _mtia_kind(name: str) -> str | None:
    """Tell work from waiting among MTIA's events of the device."""
    if name == "event_wait":
        return None
    return "memcpy" if name.startswith("dma_") else "kernel"


def _level_zero_kind(name: str) -> str | None:
    """Tell kernels from commands of Level Zero, as unitrace names them; barriers are no work."""
    if not name.startswith("zeCommandListAppend"):
        return "kernel"
    command = name.removeprefix("zeCommandListAppend")
    if command.startswith("MemoryFill"):
        return "memset"
    return "memcpy" if command.startswith(("MemoryCopy", "ImageCopy")) else None


_KINDS = {"mtia": _mtia_kind, "unitrace": _level_zero_kind}
