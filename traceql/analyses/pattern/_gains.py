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
    "pageable_copy": "Copy from pinned memory (pin_memory=True, cudaHostAlloc), asynchronously.",
    "blocking_copy": "Copy asynchronously on a stream of its own, from pinned memory.",
    "blocking_fill": "Fill asynchronously, or write the values in the kernel that comes next.",
    "small_copies": "Pack small copies into one buffer and copy that.",
    "sync": "Synchronise less: keep results on the device and read them back once a step.",
    "pooling": "Allocate once and reuse: a caching or pooling allocator (cudaMallocAsync), no "
    "release in the loop.",
    "long_gap": "See bottleneck.attribution for what held the device up.",
    "superlinear": "Look at the algorithm: its time should grow as its elements do; see whether it "
    "loops over what is launched, or runs out of cache.",
}
_SAID = {
    "launch_bound": "kernels shorter than the usual launch call ({limit}) wait for their launch",
    "fusion": "elementwise kernels follow each other with idle time between",
    "pageable_copy": "copies from or to pageable memory are not hidden by kernels",
    "blocking_copy": "copies that block the host are not hidden by kernels",
    "blocking_fill": "fills that block the host are not hidden by kernels",
    "small_copies": "copies below {bytes} are not hidden by kernels",
    "sync": "calls wait for the device, and what came next was launched only after that",
    "pooling": "calls of steady steps allocate or free memory while the device idles",
    "long_gap": "operations begin after a gap of {limit} or more",
    "superlinear": "runs of {name} take longer by a power of {slope:.2f} of their grid",
}


class Patterns(NamedTuple):
    """Regular expressions of `pattern.opportunities`."""

    elementwise: str
    blocking: str
    sync: str
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
                "habit. Gains overlap.",
            ),
        ),
        headline=f"{len(findings)} habits on {devices} devices cost time{said}.",
    )  # fmt: skip


def _finding(
    name: str, row: dict[str, Any], least_ratio: float, patterns: Patterns
) -> Finding | None:
    span = max(row["end_ts"] - row["ts"], 1)
    rule, gain = row["rule"], row["gain_dur"]
    share = gain / span
    bounded = rule != "superlinear"
    if not row["n_events"] or (share if bounded else row["threshold"] / span) < least_ratio:
        return None
    said = _SAID[rule].format(
        limit=format_ns(row["threshold"]), bytes=format_bytes(_habits.SMALL_BYTES),
        name=_short(row["name"]), slope=row["slope"] or 0.0,
    )  # fmt: skip
    costs = f": {format_ns(gain)}, {format_ratio(share)} of the span" if bounded else ""
    where = "" if row["device_id"] is None else f"device {row['device_id']}"
    return Finding(
        traces=(row["trace"],),
        analysis=name,
        kind=rule,
        severity=severity(share),
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
        impact_ratio=share if bounded else None,
        recommendation=_ADVICE[rule],
    )


def _short(text: str | None) -> str:
    known = text or "(no name)"
    return known if len(known) <= 60 else f"{known[:59]}…"


def _sql(row: dict[str, Any], patterns: Patterns) -> str:
    """Restate a rule as a query."""
    rule = row["rule"]
    window = (f"ts >= {row['from_ts']}", f"ts <= {row['last_ts']}", "dur >= 0")
    if rule in {"sync", "pooling"}:
        pattern = patterns.sync if rule == "sync" else patterns.allocation
        upids = ", ".join(str(upid) for upid in row["upids"])
        threads = f"SELECT utid FROM thread WHERE upid % 4294967296 IN ({upids})"  # noqa: S608
        tracks = f"track_id IN (SELECT id FROM track WHERE utid IN ({threads}))"  # noqa: S608
        called = f"regexp_matches(name, {_evidence.literal(pattern)})"
        return _evidence.select("slice", {"trace": row["trace"]}, *window, called, tracks)
    kinds = {
        "pageable_copy": "kind = 'memcpy'", "blocking_copy": "kind = 'memcpy'",
        "small_copies": "kind = 'memcpy'", "blocking_fill": "kind = 'memset'",
        "long_gap": "slice_id IS NOT NULL",
    }  # fmt: skip
    conditions = [kinds.get(rule, "kind NOT IN ('memcpy', 'memset')")]
    more = list(window)
    if rule == "launch_bound":
        more.append(f"dur < {row['threshold']}")
    elif rule == "fusion":
        more.append(f"regexp_matches(name, {_evidence.literal(patterns.elementwise)}, 'i')")
    elif rule == "pageable_copy":
        conditions.append(
            "contains(coalesce(src_memory, '') || coalesce(dst_memory, ''), 'pageable')"
        )
    elif rule in {"blocking_copy", "blocking_fill"}:
        called = f"regexp_matches(name, {_evidence.literal(patterns.blocking)})"
        calls = _evidence.where({}, "dur >= 0", "NOT contains(name, 'Async')", called)
        conditions.append(f"launch_slice_id IN (SELECT id FROM slice WHERE {calls})")  # noqa: S608
    elif rule == "small_copies":
        conditions.append(f"bytes < {_habits.SMALL_BYTES}")
    elif rule == "superlinear":
        conditions.append("grid_x::BIGINT * grid_y * grid_z > 0")
        more += ["dur > 0", _evidence.equals("name", row["name"])]
    where = _evidence.where({"device_id": row["device_id"]}, *conditions)
    mine = f"id IN (SELECT slice_id FROM gpu_op WHERE {where})"  # noqa: S608
    if rule != "long_gap":
        return _evidence.select("slice", {"trace": row["trace"]}, *more, mine)
    before = "max(ts + dur) OVER (ORDER BY ts, id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"
    inner = _evidence.where({"trace": row["trace"]}, *more, mine)
    relation = f"(SELECT {_evidence.COLUMNS}, ts - {before} AS gap FROM slice WHERE {inner})"  # noqa: S608
    return _evidence.select(relation, {}, f"gap >= {row['threshold']}")


def _table(cases: list[dict[str, Any]]) -> pa.Table:
    columns = {
        "device_id": pa.int64(), "rule": pa.string(), "name": pa.string(), "n_events": pa.int64(),
        "gain_dur": pa.int64(), "gain_ratio": pa.float64(), "idle_dur": pa.int64(),
        "exposed_dur": pa.int64(), "slope": pa.float64(),
    }  # fmt: skip
    rows = [
        {**row, "gain_ratio": row["gain_dur"] / max(row["end_ts"] - row["ts"], 1)} for row in cases
    ]
    rows.sort(key=lambda row: (-row["gain_dur"], row["rule"], row["device_id"] or 0))
    return pa.Table.from_pylist(
        [{key: row[key] for key in columns} for row in rows], pa.schema(list(columns.items()))
    )
