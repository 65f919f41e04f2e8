"""Which table a file is, by its header or its first lines."""

from __future__ import annotations

import re

from traceql.importers._csv import header_of
from traceql.importers._rocm.legacy_json import is_rocprof

DISPATCHES, CALLS, MARKERS, COPIES, OPERATIONS, STATISTICS, SYSTEM, ROOFLINE, TEXT, BASE, JSON = (
    "dispatches", "calls", "markers", "copies", "operations", "statistics", "system", "roofline",
    "text", "base", "json",
)  # fmt: skip
ORDER = (
    BASE,
    JSON,
    SYSTEM,
    CALLS,
    MARKERS,
    DISPATCHES,
    OPERATIONS,
    COPIES,
    TEXT,
    STATISTICS,
    ROOFLINE,
)
"""Order of reading: calls before what they launched."""
_SQLITE = b"SQLite format 3\0"
_NEEDED: tuple[tuple[str, frozenset[str]], ...] = (
    (DISPATCHES, frozenset({"index", "kernelname", "gpu_id"})),
    (DISPATCHES, frozenset({"dispatch_id", "kernel_name", "gpu_id"})),
    (CALLS, frozenset({"domain", "function", "start_timestamp", "end_timestamp"})),
    (MARKERS, frozenset({"domain", "roctx_id", "message", "timestamp"})),
    (OPERATIONS, frozenset({"domain", "operation", "kernel_name", "stop_timestamp"})),
    (COPIES, frozenset({"domain", "operation", "start_timestamp", "stop_timestamp"})),
    (STATISTICS, frozenset({"name", "calls", "totaldurationns", "averagens", "percentage"})),
    (SYSTEM, frozenset({"workload_name", "ip_blocks", "gpu_arch"})),
    (ROOFLINE, frozenset({"device", "hbmbw", "fp32flops"})),
)
_OF_ROCPROFV3 = frozenset({"minns", "process_id", "kind"})
_LINE = re.compile(
    rb"^(?:ROCTracer \(pid=\d+\)|\d{6,20}:\d{6,20} \d+:\d+ \w|\d{6,20} \d+:\d+ \d:\d+:\")",
    re.MULTILINE,
)
_TEXT_BYTES = 4096


def plain(name: str) -> str:
    """Give a column's name in one spelling: `gpu-id` and `GPU_ID` are the same."""
    return name.strip().lower().replace("-", "_")


def kind_of(prefix: bytes) -> str | None:
    """Give the kind of a file by its beginning; None: it is none of these tools."""
    if prefix.startswith(_SQLITE):
        return None
    if is_rocprof(prefix.removeprefix(b"\xef\xbb\xbf")):
        return JSON
    header = {plain(name) for name in header_of(prefix)}
    found = next((kind for kind, needed in _NEEDED if needed <= header), None)
    if found is not None:
        return None if header & _OF_ROCPROFV3 else found
    start = prefix[:_TEXT_BYTES]
    if start[:1].isdigit() or start.startswith(b"ROCTracer"):
        return TEXT if _LINE.search(start) else None
    return None
