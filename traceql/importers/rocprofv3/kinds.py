"""Which table a CSV of rocprofv3 is, and of which run: by its header and its name."""

from __future__ import annotations

import re
from typing import NamedTuple

from traceql.importers._csv import header_of
from traceql.importers._rocm.statistics import NEEDED

CALLS, KERNELS, COPIES, ALLOCATIONS, SCRATCH, COUNTERS, AGENTS, STATISTICS, PC_SAMPLES = (
    "calls", "kernels", "copies", "allocations", "scratch", "counters", "agents", "statistics",
    "pc_samples",
)  # fmt: skip
JSON = "json"
_JSON_KEY = b'"rocprofiler-sdk-tool"'
ORDER = (
    JSON,
    AGENTS,
    CALLS,
    KERNELS,
    COPIES,
    ALLOCATIONS,
    SCRATCH,
    COUNTERS,
    PC_SAMPLES,
    STATISTICS,
)
"""Order of reading: who is numbered first, and what says the process of others, comes first."""

_TIMES = frozenset({"start_timestamp", "end_timestamp"})
_NEEDED: tuple[tuple[str, frozenset[str]], ...] = (
    (AGENTS, frozenset({"node_id", "logical_node_id", "agent_type"})),
    (CALLS, frozenset({"domain", "function", "process_id", "thread_id"}) | _TIMES),
    (KERNELS, frozenset({"kind", "agent_id", "queue_id", "kernel_name"}) | _TIMES),
    (COPIES, frozenset({"kind", "direction"}) | _TIMES),
    (SCRATCH, frozenset({"kind", "operation", "alloc_flags"}) | _TIMES),
    (ALLOCATIONS, frozenset({"kind", "operation", "allocation_size"}) | _TIMES),
    (
        COUNTERS,
        frozenset({"dispatch_id", "agent_id", "kernel_name", "counter_name", "counter_value"}),
    ),
    (PC_SAMPLES, frozenset({"sample_timestamp", "exec_mask", "instruction"})),
    (STATISTICS, NEEDED | {"minns", "maxns"}),
)
_KIND = re.compile(
    r"(?:^|_)((?:hip|hsa|marker|rccl|rocdecode|rocjpeg|kernel|memory|scratch|counter|agent|domain"
    r"|pc_sampling|ompt|kfd)(?:_[a-z]+)*_(?:trace|stats|collection|info|trap|stochastic)|results)$"
)
_PID = re.compile(r"(?:^|_)(\d{1,10})$")


class Named(NamedTuple):
    """What the name of a file tells."""

    run: str
    """What the files of one process share: the name without its kind."""
    pid: int | None
    report: str


def kind_of(prefix: bytes) -> str | None:
    """Give the kind of a CSV by the beginning of its text; None: it is none of rocprofv3."""
    header = {name.lower() for name in header_of(prefix)}
    return next((kind for kind, needed in _NEEDED if needed <= header), None)


def is_json(prefix: bytes) -> bool:
    """Tell whether a text is the JSON form, by its first key."""
    start = prefix.removeprefix(b"\xef\xbb\xbf").lstrip()
    return start.startswith(b"{") and start[1:].lstrip().startswith(_JSON_KEY)


def named(stem: str) -> Named:
    """Take the name of a file apart: `12345_kernel_trace` is of process 12345."""
    found = _KIND.search(stem)
    run = stem[: found.start()] if found else ""
    pid = _PID.search(run)
    return Named(run, int(pid[1]) if pid else None, found[1] if found else stem)
