"""Facts about work on the GPU."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any

from oracle_check import Check, Facts, Sql, excuse, one, unknown_parts


def gpu(value: Facts, facts: Facts, sql: Sql) -> list[Check]:
    unknown_parts("gpu", value, ("launch_events_with_correlation", "duplicate_launch_correlations",
                  "ops_without_stream_arg", "kinds", "by_stream", "by_device"))  # fmt: skip
    if not value:
        if any("mtia" in category for category in facts["categories"]):
            return excuse("gpu", "MTIA's device work is not in the oracle")
        return [Check("gpu", 0, one(sql, "SELECT count(*) FROM gpu_op"))]
    rows = sql(
        "SELECT g.kind, g.device_id AS device, g.stream_id AS stream, g.correlation_id AS "
        "correlation, g.launch_slice_id AS launch, g.bytes, s.ts, s.dur, s.name FROM gpu_op g "
        "JOIN slice s ON s.id = g.slice_id"
    )
    checks: list[Check] = []
    for kind, want in value["kinds"].items():
        checks += _gpu_kind(kind, want, [row for row in rows if row["kind"] == kind])
    for device, want in value.get("by_device", {}).items():
        checks += by_device(device, want, [r for r in rows if str(r["device"]) == device])
    for key, want in value.get("by_stream", {}).items():
        device, _, stream = key.partition("/")
        of_it = [r for r in rows if (str(r["device"]), str(r["stream"])) == (device, stream)]
        checks += by_stream(key, want, of_it)
    return checks


def _gpu_kind(kind: str, want: Facts, rows: list[dict[str, Any]]) -> Iterator[Check]:
    found = {
        "rows": len(rows),
        "sum_dur_ns": sum(r["dur"] for r in rows),
        "min_start_ns": min((r["ts"] for r in rows), default=None),
        "max_end_ns": max((r["ts"] + r["dur"] for r in rows), default=None),
        "rows_zero_dur": sum(r["dur"] == 0 for r in rows),
        "rows_end_before_start": 0,
        "distinct_names": len({r["name"] for r in rows}),
        "distinct_correlations": len({r["correlation"] for r in rows if r["correlation"]}),
        "linked_to_launch": sum(r["launch"] is not None for r in rows),
        "sum_bytes": str(sum(r["bytes"] or 0 for r in rows)),
    }
    totals: dict[str, list[int]] = defaultdict(list)
    for row in rows:
        totals[row["name"]].append(row["dur"])
    found["top_names"] = [
        {"name": t["name"], "count": len(totals[t["name"]]), "total_ns": sum(totals[t["name"]]),
         "min_ns": min(totals[t["name"]], default=None),
         "max_ns": max(totals[t["name"]], default=None)}
        for t in want.get("top_names", ())
    ]  # fmt: skip
    unknown_parts(f"gpu.kinds.{kind}", want, found)
    for key, expected in want.items():
        yield Check(f"gpu.{kind}.{key}", expected, found[key])


def _union(rows: Iterable[Mapping[str, Any]]) -> list[tuple[int, int]]:
    """Disjoint pieces covered by the rows; touching ones join, empty ones cover nothing."""
    pieces: list[tuple[int, int]] = []
    for ts, end in sorted((r["ts"], r["ts"] + r["dur"]) for r in rows if r["dur"] > 0):
        if pieces and ts <= pieces[-1][1]:
            pieces[-1] = (pieces[-1][0], max(end, pieces[-1][1]))
        else:
            pieces.append((ts, end))
    return pieces


def _length(pieces: Iterable[tuple[int, int]]) -> int:
    return sum(end - ts for ts, end in pieces)


def _is_comm(row: Mapping[str, Any]) -> bool:
    return row["kind"] == "kernel" and any(x in row["name"].lower() for x in ("nccl", "rccl"))


def by_device(device: str, want: Facts, rows: list[dict[str, Any]]) -> Iterator[Check]:
    kernels = [r for r in rows if r["kind"] == "kernel"]
    kernel, comm = _length(_union(kernels)), _length(_union(filter(_is_comm, kernels)))
    compute = _length(_union(r for r in kernels if not _is_comm(r)))
    busy = _union(rows)
    first = min((r["ts"] for r in rows), default=0)
    last = max((r["ts"] + r["dur"] for r in rows), default=0)
    gaps = [(b[0] - a[1], a[1]) for a, b in pairwise(busy)]
    gaps.sort(key=lambda gap: (-gap[0], gap[1]))
    found = {
        "ops": len(rows),
        "kernel_busy_ns": kernel,
        "comm_ns": comm,
        "compute_ns": compute,
        "overlap_ns": comm + compute - kernel,
        "memcpy_ns": _length(_union(r for r in rows if r["kind"] == "memcpy")),
        "busy_ns": _length(busy),
        "first_start_ns": first,
        "last_end_ns": last,
        "span_ns": last - first,
        "idle_ns": last - first - _length(busy),
        "gap_count": len(gaps),
        "top_gaps": [{"start_ns": start, "len_ns": length} for length, start in gaps[:5]],
    }
    unknown_parts("gpu.by_device", want, found)
    for key, expected in want.items():
        yield Check(f"gpu.by_device[{device}].{key}", expected, found[key])


def by_stream(key: str, want: Facts, rows: list[dict[str, Any]]) -> Iterator[Check]:
    kernels = [r for r in rows if r["kind"] == "kernel"]
    found = {
        "ops": len(rows),
        "kernels": len(kernels),
        "total_ns": sum(r["dur"] for r in rows),
        "kernel_total_ns": sum(r["dur"] for r in kernels),
        "kernel_union_ns": _length(_union(kernels)),
    }
    unknown_parts("gpu.by_stream", want, found)
    for part, expected in want.items():
        yield Check(f"gpu.by_stream[{key}].{part}", expected, found[part])
