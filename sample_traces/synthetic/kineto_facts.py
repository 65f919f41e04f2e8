"""Exact totals of a synthetic trace, kept while it is written."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

KINDS = {
    "kernel": "kernel",
    "mtia_ccp_events": "kernel",
    "gpu_memcpy": "memcpy",
    "gpu_memset": "memset",
}


@dataclass
class Facts:
    """Exact totals, kept while writing. Times are integer ns on the file's own clock."""

    phases: Counter[str] = field(default_factory=Counter)
    slices: int = 0
    positive: int = 0
    sum_ns: int = 0
    first: int | None = None
    last: int = 0
    by_category: dict[str, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    kinds: dict[str, dict[str, int]] = field(default_factory=dict)
    names: dict[str, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    memory: Counter[str] = field(default_factory=Counter)
    arrows: int = 0
    ops: list[tuple[int, int, str]] = field(default_factory=list)
    unions: Counter[str] = field(default_factory=Counter)
    planted: list[dict[str, Any]] = field(default_factory=list)

    def slice(self, cat: str, name: str, ts: int, dur: int) -> None:
        self.slices += 1
        self.positive += dur > 0
        self.sum_ns += dur
        self.first = ts if self.first is None else min(self.first, ts)
        self.last = max(self.last, ts + dur)
        for row in (self.by_category[cat], self.names[name]):
            row[0] += 1
            row[1] += dur

    def gpu(self, kind: str, name: str, ts: int, dur: int, bytes_: int) -> None:
        found = self.kinds.setdefault(
            kind, {"rows": 0, "sum_dur_ns": 0, "linked_to_launch": 0, "bytes": 0}
        )
        found["rows"] += 1
        found["sum_dur_ns"] += dur
        found["linked_to_launch"] += 1
        found["bytes"] += bytes_
        self.ops.append((ts, ts + dur, "comm" if "nccl" in name.lower() else kind))

    def close_step(self) -> None:
        """Add the step's unions: the device is idle between steps, so unions of steps add up."""
        for what, kinds in (
            ("kernel_busy_ns", {"kernel", "comm"}),
            ("comm_ns", {"comm"}),
            ("compute_ns", {"kernel"}),
            ("memcpy_ns", {"memcpy"}),
            ("busy_ns", {"kernel", "comm", "memcpy", "memset"}),
        ):
            covered, reach = 0, 0
            for start, end, kind in sorted(self.ops):
                if kind in kinds and end > reach:
                    covered += end - max(start, reach)
                    reach = end
            self.unions[what] += covered
        self.ops.clear()

    def report(self, device_id: int) -> dict[str, Any]:
        unions = dict(self.unions)
        unions["overlap_ns"] = unions["comm_ns"] + unions["compute_ns"] - unions["kernel_busy_ns"]
        kinds = {k: v | {"sum_bytes": str(v.pop("bytes"))} for k, v in self.kinds.items()}
        return {
            "events": sum(self.phases.values()),
            "phases": dict(self.phases),
            "slice_count": self.slices,
            "slice_count_positive": self.positive,
            "slice_sum_dur_ns": self.sum_ns,
            "bounds_positive": {"min_ts_ns": self.first, "max_end_ns": self.last},
            "category_x_dur": [
                {"cat": cat, "count": n, "sum_dur_ns": total}
                for cat, (n, total) in sorted(self.by_category.items())
            ],
            "names": {name: {"count": n, "total_ns": t} for name, (n, t) in self.names.items()},
            "gpu": {"kinds": kinds, "by_device": {str(device_id): unions}},
            "memory_events": {
                "count": self.memory["count"],
                "sum_bytes": str(self.memory["alloc"] - self.memory["free"]),
                "allocs": self.memory["allocs"],
                "frees": self.memory["frees"],
            },
            "flows": {"s": self.phases["s"], "f": self.phases["f"], "arrows": self.arrows},
            "planted": self.planted,
        }
