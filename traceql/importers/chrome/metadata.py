"""What is said of the trace, its processes, threads and devices: M events and document keys."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from traceql.importers._json_stream import Members, members_of
from traceql.importers.chrome.kineto import parse
from traceql.importers.chrome.rows import chunk
from traceql.importers.chrome.times import integer
from traceql.importers.chrome.tracks import int32

if TYPE_CHECKING:
    from traceql.importers.chrome.context import Context
    from traceql.model.protocols import Chunk

_DEEPEST = 8
_READ = frozenset((b"name", b"cat", b"ph", b"ts", b"tts", b"pid", b"tid", b"args"))
_PROPERTIES = {
    "memory_bytes": ("totalGlobalMem", "maxMemAllocSize"),
    "compute_major": ("computeMajor",),
    "compute_minor": ("computeMinor",),
    "multiprocessor_count": ("numSms", "maxComputeUnits"),
    "warp_size": ("warpSize",),
    "max_threads_per_block": ("maxThreadsPerBlock", "maxWorkGroupSize"),
    "max_threads_per_multiprocessor": ("maxThreadsPerMultiprocessor",),
    "registers_per_block": ("regsPerBlock",),
    "registers_per_multiprocessor": ("regsPerMultiprocessor",),
    "shared_bytes_per_block": ("sharedMemPerBlock", "localMemSize"),
    "shared_bytes_per_block_optin": ("sharedMemPerBlockOptin",),
    "shared_bytes_per_multiprocessor": (
        "sharedMemPerMultiprocessor", "maxSharedMemoryPerMultiProcessor",
    ),
}  # fmt: skip
_WIDE = frozenset(name for name in _PROPERTIES if "bytes" in name)
_VENDORS = {"nvidia": "nvidia", "tesla": "nvidia", "geforce": "nvidia", "amd": "amd",
            "radeon": "amd", "instinct": "amd", "gfx": "amd", "intel": "intel"}  # fmt: skip


class Metadata:
    """Collects names, ranks and devices, and writes `metadata` rows."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._rows = context.rows["metadata"]
        self._devices: dict[int, dict[str, Any]] = {}
        self.rank: int | None = None
        self.host: str | None = None

    def event(self, e: Members, _ordinal: int, _ts: int | None, _offset: int) -> None:
        """Read an M event; what it says goes to its process or thread, the last one wins."""
        texts, tracks = self._context.texts, self._context.tracks
        name = texts.optional(e.get(b"name")) or ""
        members = dict(members_of(e.get(b"args", b"")))
        if name.startswith("thread_"):
            thread = tracks.thread(e.get(b"pid"), e.get(b"tid"))
            if name == "thread_name":
                thread.name = texts.optional(members.pop(b"name", None))
            self._keep(thread.args, name.removeprefix("thread_"), e, members)
            return
        process = tracks.process(e.get(b"pid"))
        if name == "process_name":
            process.name = texts.optional(members.pop(b"name", None))
        self._keep(process.args, name.removeprefix("process_"), e, members)

    def _keep(self, args: dict[str, str], name: str, e: Members, members: Members) -> None:
        source = self._context.texts.source
        if name == "name":
            args.update({f"name.{key.decode(errors='replace')}": source(value)
                         for key, value in members.items()})  # fmt: skip
        elif len(members) == 1:
            args[name] = source(next(iter(members.values())))
        elif b"args" in e:
            args[name] = source(e[b"args"])
        for key in (key for key in e if key not in _READ):
            args[key.decode(errors="replace")] = source(e[key])

    def document(self, key: bytes, raw: bytes, offset: int) -> None:
        """Read a key of the document beside its events."""
        name = self._context.texts(b'"' + key + b'"')
        if name == "deviceProperties" and raw.startswith(b"["):
            self._properties(raw)
            return
        if name == "systemTraceEvents":
            self._context.diagnostics.count("system_trace_not_read", offset=offset)
        if name == "distributedInfo":
            self.rank = int32(_integer(dict(members_of(raw)).get(b"rank")))
        if name == "host_name":
            self.host = self._context.texts.optional(raw)
        self._flatten(name, raw, 0)

    def _flatten(self, name: str, raw: bytes, depth: int) -> None:
        members = members_of(raw) if raw.startswith(b"{") and depth < _DEEPEST else []
        texts = self._context.texts
        if members:
            for key, value in members:
                part = texts(b'"' + key + b'"')
                self._flatten(f"{name}.{part}", value, depth + 1)
        elif raw != b"null":
            text = texts(raw) if raw.startswith(b'"') else texts.source(raw)
            self._rows.append((name, text, integer(raw)))
        else:
            self._rows.append((name, None, None))

    def _properties(self, raw: bytes) -> None:
        for number, entry in enumerate(_list(parse(raw))):
            if not isinstance(entry, dict):
                continue
            device = int32(_whole(entry.get("id")))
            row: dict[str, Any] = {
                "kind": "gpu",
                "name": entry.get("name") if isinstance(entry.get("name"), str) else None,
                "args": json.dumps(entry, separators=(",", ":")),
            }
            for column, keys in _PROPERTIES.items():
                value = next((v for k in keys if (v := _whole(entry.get(k))) is not None), None)
                row[column] = value if column in _WIDE else int32(value)
            said = f"{entry.get('vendor', '')} {row['name'] or ''}".lower()
            row["vendor"] = next((v for key, v in _VENDORS.items() if key in said), None)
            self._devices[number if device is None else device] = row

    def chunks(self, devices: set[int]) -> Iterator[Chunk]:
        """Give the rows of `device`; devices that only events speak of have just their number."""
        rows = {number: {"kind": "gpu"} for number in devices} | self._devices
        if rows:
            columns = ("device_id", "kind", "vendor", "name", *_PROPERTIES, "args")
            yield chunk("device", columns, [
                (number, *(row.get(column) for column in columns[1:]))
                for number, row in sorted(rows.items())
            ])  # fmt: skip


def _integer(token: bytes | None) -> int | None:
    """Give a whole number, also one in quotes."""
    return None if token is None else integer(token.strip(b'"'))


def _whole(value: Any) -> int | None:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    whole = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 63
    return value if whole else None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
