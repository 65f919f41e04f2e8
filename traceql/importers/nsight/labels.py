"""Enumerations: the file's own ENUM_ tables, and what they said before there were any (3.0)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from traceql.importers.nsight.inputs import Export

COPY_KINDS = {
    0: "unknown", 1: "htod", 2: "dtoh", 3: "htoa", 4: "atoh", 5: "atoa", 6: "atod", 7: "dtoa",
    8: "dtod", 9: "htoh", 10: "ptop", 11: "uvm_htod", 12: "uvm_dtoh", 13: "uvm_dtod",
}  # fmt: skip
UVM_KINDS = frozenset({11, 12, 13})
MEMORY_KINDS = {
    0: "pageable", 1: "pinned", 2: "device", 3: "array", 4: "managed", 5: "device_static",
    6: "managed_static", 7: "unknown",
}  # fmt: skip
COPY_NAMES = {
    "unknown": "Memcpy", "htod": "Memcpy HtoD", "dtoh": "Memcpy DtoH", "htoa": "Memcpy HtoA",
    "atoh": "Memcpy AtoH", "atoa": "Memcpy AtoA", "atod": "Memcpy AtoD", "dtoa": "Memcpy DtoA",
    "dtod": "Memcpy DtoD", "htoh": "Memcpy HtoH", "ptop": "Memcpy PtoP",
    "uvm_htod": "Unified Memory Memcpy HtoD", "uvm_dtoh": "Unified Memory Memcpy DtoH",
    "uvm_dtod": "Unified Memory Memcpy DtoD",
}  # fmt: skip
SYNC_NAMES = {
    0: "Synchronize", 1: "Event Synchronize", 2: "Stream Wait Event", 3: "Stream Synchronize",
    4: "Context Synchronize",
}  # fmt: skip
THREAD_STATES = {
    0: "unknown", 1: "Running", 2: "S", 3: "D", 4: "T", 5: "X", 6: "R", 7: "S", 8: "os_runtime",
    9: "initialized", 10: "transition",
}  # fmt: skip
"""Linux letters where they say the same; 6 is out of the CPU but runnable."""

_ENUMS: dict[str, tuple[tuple[str, ...], dict[int, str]]] = {
    "launchType": (
        ("ENUM_CUDA_KERNEL_LAUNCH_TYPE", "ENUM_CUDA_KRENEL_LAUNCH_TYPE"),
        {0: "Unknown", 1: "Regular", 2: "Coop Single Device", 3: "Coop Multi Device"},
    ),
    "cacheConfig": (
        ("ENUM_CUDA_FUNC_CACHE_CONFIG",),
        {0: "None", 1: "Shared", 2: "L1", 3: "Equal"},
    ),
    "sharedMemoryLimitConfig": (
        ("ENUM_CUDA_SHARED_MEM_LIMIT_CONFIG",),
        {0: "Default", 1: "Opt in"},
    ),
    "migrationCause": (
        ("ENUM_CUDA_UNIF_MEM_MIGRATION",),
        {
            0: "Unknown", 1: "User prefetch", 2: "Page fault", 3: "Speculative prefetch",
            4: "Eviction", 5: "Access counters",
        },
    ),
    "faultAccessType": (
        ("ENUM_CUDA_UNIF_MEM_ACCESS_TYPE",),
        {0: "Unknown", 1: "Read", 2: "Write", 3: "Atomic", 4: "Prefetch"},
    ),
    "overheadType": (
        ("ENUM_CUPTI_OVERHEAD_TYPE",),
        {
            0: "Undefined", 1: "Unknown", 2: "Driver JIT compiler (CUDA)",
            3: "Buffer flush (Profiler)", 4: "Instrumentation (Profiler)",
            5: "Resource creation/destruction (Profiler)", 6: "Runtime module loading (CUDA)",
            7: "Lazy function loading (CUDA)", 8: "Command buffer full (CUDA)",
        },
    ),
    "memKind": (("ENUM_CUDA_MEM_KIND",), {}),
    "operationType": (
        ("ENUM_CUDA_MEMPOOL_OPER",),
        {0: "Invalid", 1: "Created", 2: "Destroyed", 3: "Trimmed"},
    ),
    "poolType": (("ENUM_CUDA_MEMPOOL_TYPE",), {0: "Invalid", 1: "Local", 2: "Imported"}),
    "threadState": (("ENUM_SAMPLING_THREAD_STATE",), {}),
    "threadBlock": (("ENUM_SCHEDULING_THREAD_BLOCK",), {0: "Not blocked"}),
    "tag": (
        ("ENUM_GPU_CTX_SWITCH",),
        {
            1: "Request by host", 2: "FE ack", 3: "FE ack WFI", 4: "FE ack GFXP",
            5: "FE ack CTAP", 6: "FE ack CILP", 7: "Save end", 8: "Restore start",
            9: "Context start", 10: "Invalid timestamp", 11: "Engine reset",
        },
    ),
    "eventKind": (("ENUM_OPENACC_EVENT_KIND", "ENUM_OPENMP_EVENT_KIND"), {}),
}  # fmt: skip
_FILE_EVENTS = {1: "Open", 2: "Close", 3: "Read", 4: "Write", 5: "Multi", 6: "Metadata"}
_BY_TABLE: dict[tuple[str, str], tuple[str, ...]] = {
    ("OPENMP", "eventKind"): ("ENUM_OPENMP_EVENT_KIND",),
    ("CUPTI_ACTIVITY_KIND_OPENACC", "eventKind"): ("ENUM_OPENACC_EVENT_KIND",),
}


class Labels:
    """Texts of enumerated values, read from the file where it has them."""

    def __init__(self, export: Export) -> None:
        self._export = export
        self._known: dict[tuple[str, ...], dict[int, str]] = {}

    def of(self, table: str, column: str) -> dict[int, str] | None:
        """Give what the values of a column mean; None: it is no enumeration."""
        if (table, column) == ("OSRT_FILE_ACCESS_EVENTS", "eventType"):
            return _FILE_EVENTS
        names, fallback = _ENUMS.get(column, ((), {}))
        for (prefix, name), enums in _BY_TABLE.items():
            if name == column and table.startswith(prefix):
                names = enums
        if not names:
            return None
        if names not in self._known:
            self._known[names] = fallback | self._read(names)
        return self._known[names] or None

    def _read(self, names: tuple[str, ...]) -> dict[int, str]:
        import pyarrow as pa

        found: dict[int, str] = {}
        wanted = {"id": pa.int64(), "name": pa.string(), "label": pa.string()}
        for name in names:
            for batch in self._export.rows(name, wanted):
                for row in batch.to_pylist():  # a few dozen rows
                    text = row["label"] or row["name"]
                    if row["id"] is not None and text:
                        found.setdefault(row["id"], text)
        return found
