"""Conclude about habits: findings with the most that they can gain."""

from __future__ import annotations

from typing import Any, NamedTuple

import pyarrow as pa

from traceql.analyses import _evidence
from traceql.analyses.pattern import _habits
from traceql.model.result import Exhibit, Finding, Result, abstain, severity
from traceql.model.units import format_bytes, format_ns, format_ratio

_REMEDY = (
    "Record operations of a device beside its launches: with torch.profiler use activities=[CPU, "
    "CUDA], with nsys --trace=cuda,nvtx, with rocprofv3 --runtime-trace; for vectorisation and "
    "memory access of host code record counters with VTune or perf."
)
_ADVICE = {
    "launch_bound": "Launch less: capture a CUDA graph, fuse small kernels, compile the model, or "
    "give each launch more work (a larger batch).",
    "fusion": "Fuse elementwise operations: a compiler (torch.compile, XLA), fused optimizers.",
    "small_copies": "Pack small copies into one buffer and copy that.",
    "pooling": "Allocate once and reuse: a caching or pooling allocator (cudaMallocAsync), no "
    "release in the loop.",
    "superlinear": "Look at the algorithm: its time should grow as its elements do; see whether it "
    "loops over what is launched, or runs out of cache.",
}
_SAID = {
    "launch_bound": "kernels shorter than the usual launch call ({limit}) wait for their launch",
    "fusion": "elementwise kernels follow each other with idle time between",
    "small_copies": "copies below {bytes} are not hidden by kernels",
    "pooling": "calls of steady steps allocate or free memory while the device idles",
    "superlinear": "runs of {name} take longer by a power of {slope:.2f} of their grid",
}
_ALSO = dict.fromkeys(_ADVICE, "gpu.rule.gpu_gaps or cuda_api_sync") | {
    "small_copies": "gpu.rule.cuda_memcpy_async or cuda_memcpy_sync"
}
"""Analyses that tell of a part of what a rule claims."""


class Patterns(NamedTuple):
    """Regular expressions of `pattern.opportunities`."""

    elementwise: str
    allocation: str


def conclude(name: str, measured: pa.Table, least_ratio: float, patterns: Patterns) -> Result:
    """Make the Result.

    Args:
        name: of the analysis.
        measured: SCHEMA of `_habits`, then trace.
        least_ratio: a habit that costs a smaller share makes no finding.
        patterns: that evidence restates.
    """
    rows = measured.to_pylist()  # rules times devices
    cases = [row for row in rows if row["rule"] != "device"]
    devices = len(rows) - len(cases)
    if not devices:
        return abstain(name, "no operations of a device", _REMEDY)
    findings = [
        finding
        for row in cases
        if (finding := _finding(name, row, least_ratio, patterns)) is not None
    ]
    findings.sort(key=lambda f: (-int(f.severity), -(f.impact_ratio or 0), f.kind, f.subject))
    best = findings[0] if findings and findings[0].impact_ratio else None
    said = f"; the most by {best.kind} ({format_ratio(best.impact_ratio)})" if best else ""
    return Result(
        name,
        status="ok" if findings else "empty",
        findings=tuple(findings),
        tables={"opportunity": _table(cases)},
        exhibits=(
            Exhibit(
                "opportunity", "table", "Opportunities",
                note="gain_dur is the most that can be gained: idle or exposed time because of the "
                "habit. shared_dur of it is told by rules of gaps, waits or copies, too.",
            ),
        ),
        headline=f"{len(findings)} habits on {devices} devices cost time{said}.",
    )  # fmt: skip


def _finding(
    name: str, row: dict[str, Any], least_ratio: float, patterns: Patterns
) -> Finding | None:
    span = max(row["end_ts"] - row["ts"], 1)
    rule, gain = row["rule"], row["gain_dur"]
    share, own = gain / span, (gain - row["shared_dur"]) / span
    bounded = rule != "superlinear"
    if not row["n_events"] or (share if bounded else row["threshold"] / span) < least_ratio:
        return None
    said = _SAID[rule].format(
        limit=format_ns(row["threshold"]), bytes=format_bytes(_habits.SMALL_BYTES),
        name=_short(row["name"]), slope=row["slope"] or 0.0,
    )  # fmt: skip
    costs = f": {format_ns(gain)}, {format_ratio(share)} of the span" if bounded else ""
    if row["shared_dur"]:
        costs += f" ({format_ns(row['shared_dur'])} of it in what {_ALSO[rule]} tells of)"
    where = "" if row["device_id"] is None else f"device {row['device_id']}"
    return Finding(
        traces=(row["trace"],),
        analysis=name,
        kind=rule,
        severity=severity(own),
        subject_type="device" if bounded else "op",
        subject=where if bounded else f"{row['name'] or '(no name)'} · {where}",
        message=f"{row['n_events']:,} {said}{costs}.",
        confidence_basis="heuristic",
        evidence_sql=_sql(row, patterns),
        n_events=row["n_events"],
        subject_id=row["device_id"] if bounded else None,
        ts=row["from_ts"],
        dur=row["end_ts"] - row["from_ts"],
        value=float(gain) if bounded else row["slope"],
        unit="ns" if bounded else None,
        n=row["op_count"],
        effect=1 / (1 - share) if bounded and share < 1 else row["slope"],
        effect_low=None if bounded else row["slope_low"],
        effect_high=None if bounded else row["slope_high"],
        impact_ratio=own if bounded else None,
        recommendation=_ADVICE[rule],
    )


def _short(text: str | None) -> str:
    known = text or "(no name)"
    return known if len(known) <= 60 else f"{known[:59]}…"


def _sql(row: dict[str, Any], patterns: Patterns) -> str:
    """Restate a rule as a query."""
    rule = row["rule"]
    window = (f"ts >= {row['from_ts']}", f"ts <= {row['last_ts']}", "dur >= 0")
    if rule == "pooling":
        upids = ", ".join(str(upid) for upid in row["upids"])
        threads = f"SELECT utid FROM thread WHERE upid % 4294967296 IN ({upids})"  # noqa: S608
        tracks = f"track_id IN (SELECT id FROM track WHERE utid IN ({threads}))"  # noqa: S608
        called = f"regexp_matches(name, {_evidence.literal(patterns.allocation)})"
        return _evidence.select("slice", {"trace": row["trace"]}, *window, called, tracks)
    conditions, more = ["kind NOT IN ('memcpy', 'memset')"], list(window)
    if rule == "launch_bound":
        more.append(f"dur < {row['threshold']}")
    elif rule == "fusion":
        more.append(f"regexp_matches(name, {_evidence.literal(patterns.elementwise)}, 'i')")
    elif rule == "small_copies":
        conditions = ["kind = 'memcpy'", f"bytes < {_habits.SMALL_BYTES}"]
    elif rule == "superlinear":
        conditions.append("grid_x::BIGINT * grid_y * grid_z > 0")
        more += ["dur > 0", _evidence.equals("name", row["name"])]
    where = _evidence.where({"device_id": row["device_id"]}, *conditions)
    mine = f"id IN (SELECT slice_id FROM gpu_op WHERE {where})"  # noqa: S608
    return _evidence.select("slice", {"trace": row["trace"]}, *more, mine)


def _table(cases: list[dict[str, Any]]) -> pa.Table:
    columns = {
        "device_id": pa.int64(), "rule": pa.string(), "name": pa.string(), "n_events": pa.int64(),
        "gain_dur": pa.int64(), "gain_ratio": pa.float64(), "shared_dur": pa.int64(),
        "idle_dur": pa.int64(), "exposed_dur": pa.int64(), "slope": pa.float64(),
    }  # fmt: skip
    rows = [
        {**row, "gain_ratio": row["gain_dur"] / max(row["end_ts"] - row["ts"], 1)} for row in cases
    ]
    rows.sort(key=lambda row: (-row["gain_dur"], row["rule"], row["device_id"] or 0))
    return pa.Table.from_pylist(
        [{key: row[key] for key in columns} for row in rows], pa.schema(list(columns.items()))
    )
