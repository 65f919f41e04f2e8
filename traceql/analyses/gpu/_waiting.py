"""Conclude from the measured devices: tables, exhibits and findings about waiting."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from traceql.analyses import _evidence
from traceql.analyses.gpu._busy import COUNTS, TIMES
from traceql.model.result import Exhibit, Finding, Result, abstain, severity
from traceql.model.units import format_ns, format_ratio

_REMEDY = (
    "Record device activity: with torch.profiler use activities=[CPU, CUDA] (on ROCm too), "
    "with nsys --trace=cuda, with rocprofv3 --kernel-trace --memory-copy-trace."
)
_PARTS = {
    "compute": "compute_dur",
    "exposed communication": "exposed_comm_dur",
    "exposed copies": "exposed_memcpy_dur",
    "exposed fills": "exposed_memset_dur",
    "idle": "idle_dur",
}
_IDLE_REMEDY = {
    "host": "The host launches too late: capture a CUDA graph, fuse small kernels, or move host "
    "work (data loading, synchronisation, Python) off the launching thread.",
    "kernel": "The gaps are between kernels launched in time: fuse them or use a CUDA graph.",
    "other": "Launched in time, yet late: look for waits on other streams, events or copies.",
}


def conclude(name: str, measured: pa.Table, comm_pattern: str, least_ratio: float) -> Result:
    """Make the Result of `gpu.breakdown`.

    Args:
        name: of the analysis.
        measured: SCHEMA of `_busy`, then trace.
        comm_pattern: as the analysis.
        least_ratio: as the analysis.
    """
    rows = measured.filter(pc.field("row") != "gap").to_pylist()  # devices and streams: few
    devices = [row for row in rows if row["row"] == "device"]
    if not devices:
        return abstain(name, "the trace has no device operations", _REMEDY)
    gaps = measured.filter(pc.field("row") == "gap")
    findings = []
    for device in devices:
        mine = gaps.filter(pc.equal(gaps["device_id"], device["device_id"]))
        if device["device_id"] is None:
            mine = gaps.filter(pc.is_null(gaps["device_id"]))
        findings += _findings(name, device, mine, comm_pattern, least_ratio)
    findings.sort(key=lambda f: (-int(f.severity), -(f.impact_ratio or 0.0), f.subject, f.kind))
    return Result(
        name,
        findings=tuple(findings),
        tables={
            "by_device": _table(measured, "device"),
            "by_stream": _table(measured, "stream"),
            "share": _shares(devices),
            "gap": gaps.select(["device_id", "ts", "span_dur"]).rename_columns(
                ["device_id", "ts", "dur"]
            ),
        },
        exhibits=_EXHIBITS,
        headline=_headline(devices),
    )


_EXHIBITS = (
    Exhibit(
        "share", "bars", "Where the time of each device went", {"label": "part", "value": "dur"}
    ),
    Exhibit("by_device", "table", "Devices"),
    Exhibit("by_stream", "table", "Streams", note="Waits are by cause of the gap before each op."),
    Exhibit("gap", "table", "Longest times when a device did nothing"),
)


def _table(measured: pa.Table, row: str) -> pa.Table:
    kept = ["device_id", *(["stream_id"] if row == "stream" else []), "ts", *TIMES, *COUNTS]
    table = measured.filter(pc.field("row") == row).select(kept)
    busy = pc.divide(
        pc.cast(table["busy_dur"], pa.float64()), pc.cast(table["span_dur"], pa.float64())
    )
    safe = pc.if_else(pc.greater(table["span_dur"], 0), busy, pa.scalar(None, pa.float64()))
    return table.add_column(len(kept), "busy_ratio", safe)


def _shares(devices: list[dict[str, Any]]) -> pa.Table:
    rows = [
        {
            "part": f"{_label(device)}: {part}",
            "device_id": device["device_id"],
            "dur": device[column],
            "span_ratio": device[column] / device["span_dur"] if device["span_dur"] else None,
        }
        for device in devices
        for part, column in _PARTS.items()
    ]
    schema = pa.schema(
        [
            ("part", pa.string()),
            ("device_id", pa.int64()),
            ("dur", pa.int64()),
            ("span_ratio", pa.float64()),
        ]
    )
    return pa.Table.from_pylist(rows, schema)


def _label(device: dict[str, Any]) -> str:
    return "device" if device["device_id"] is None else f"device {device['device_id']}"


def _headline(devices: list[dict[str, Any]]) -> str:
    parts = [
        f"{_label(d)} was busy {format_ratio(d['busy_dur'] / d['span_dur'])} of "
        f"{format_ns(d['span_dur'])}"
        for d in devices[:4]
        if d["span_dur"]
    ]
    more = f"; {len(devices) - 4} more devices" if len(devices) > 4 else ""
    text = "; ".join(parts) or "no device operation has a length"
    return f"{text[0].upper()}{text[1:]}{more}."


def _findings(
    name: str, device: dict[str, Any], gaps: pa.Table, comm_pattern: str, least_ratio: float
) -> list[Finding]:
    span = device["span_dur"]
    if not span:
        return []
    found = []
    if device["idle_dur"] >= least_ratio * span and gaps.num_rows:
        found.append(_idle(name, device, gaps))
    exposed = (
        (
            "exposed_comm",
            "communication",
            f"regexp_matches(name, {_evidence.literal(comm_pattern)}, 'i')",
        ),
        ("exposed_memcpy", "copies", None),
    )
    for kind, what, condition in exposed:
        if device[f"{kind}_dur"] >= least_ratio * span:
            found.append(_exposed(name, device, kind, what, condition))
    return found


def _idle(name: str, device: dict[str, Any], gaps: pa.Table) -> Finding:
    """Speak of the longest gaps that together make half of the idle time."""
    lengths = gaps["span_dur"].to_pylist()
    half, total, least = device["idle_dur"] / 2, 0, lengths[0]
    for length in lengths:  # at most _busy.KEPT_GAPS
        if total >= half:
            break
        least, total = length, total + length
    shown = [length for length in lengths if length >= least]
    full = len(shown) == len(lengths) < device["gap_count"]
    if full and (longer := [length for length in lengths if length > least]):
        # Gaps as short as the last kept one may have been cut off; name only the longer ones.
        shown, least = longer, longer[-1]
    cause = max(("host", "kernel", "other"), key=lambda c: device[f"{c}_wait_dur"])
    ratio = device["idle_dur"] / device["span_dur"]
    running = (
        "max(ts + dur) OVER (ORDER BY ts, id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"
    )
    conditions = {"trace": device["trace"], "device_id": device["device_id"]}
    start, end = device["ts"], device["ts"] + device["span_dur"]
    within = _evidence.where(conditions, f"ts BETWEEN {start} AND {end}", "dur > 0")
    evidence = (
        f"SELECT {_evidence.COLUMNS}, gap_dur FROM (SELECT {_evidence.COLUMNS}, ts - {running} AS "  # noqa: S608
        f"gap_dur FROM gpu_slice WHERE {within}) WHERE gap_dur >= {least} ORDER BY gap_dur DESC, id"
    )
    return Finding(
        traces=(device["trace"],),
        analysis=name,
        kind="idle",
        severity=severity(ratio),
        subject_type="device",
        subject=_label(device),
        subject_id=device["device_id"],
        message=f"{_label(device).capitalize()} did nothing for {format_ns(device['idle_dur'])}, "
        f"{format_ratio(ratio)} of its span; {_longest(shown)}.",
        confidence_basis="exact",
        confidence=1.0,
        evidence_sql=evidence,
        n_events=len(shown),
        n=device["gap_count"],
        ts=device["ts"],
        dur=device["span_dur"],
        value=float(device["idle_dur"]),
        unit="ns",
        effect=ratio,
        impact_ratio=ratio,
        recommendation=_IDLE_REMEDY[cause],
    )


def _longest(lengths: list[int]) -> str:
    if len(lengths) == 1:
        return f"the longest gap is {format_ns(lengths[0])}"
    return (
        f"the {len(lengths)} longest gaps (≥ {format_ns(lengths[-1])}) make "
        f"{format_ns(sum(lengths))}"
    )


def _exposed(
    name: str, device: dict[str, Any], kind: str, what: str, condition: str | None
) -> Finding:
    ratio = device[f"{kind}_dur"] / device["span_dur"]
    relation = "gpu_slice"
    columns = {"trace": device["trace"], "device_id": device["device_id"]}
    if condition is None:
        more, columns["kind"] = [], "memcpy"
        count = device["memcpy_count"]
    else:
        more, count = [condition, "kind NOT IN ('memcpy', 'memset')"], device["comm_count"]
    start, end = device["ts"], device["ts"] + device["span_dur"]
    more += [f"ts BETWEEN {start} AND {end}", "dur >= 0"]
    return Finding(
        traces=(device["trace"],),
        analysis=name,
        kind=kind,
        severity=severity(ratio),
        subject_type="device",
        subject=_label(device),
        subject_id=device["device_id"],
        message=f"{_label(device).capitalize()} waited {format_ns(device[f'{kind}_dur'])}, "
        f"{format_ratio(ratio)} of its span, for {what} that no kernel hid.",
        confidence_basis="exact",
        confidence=1.0,
        evidence_sql=_evidence.select(relation, columns, *more),
        n_events=count,
        n=count,
        ts=device["ts"],
        dur=device["span_dur"],
        value=float(device[f"{kind}_dur"]),
        unit="ns",
        effect=ratio,
        impact_ratio=ratio,
        recommendation=f"Overlap {what} with kernels: other streams, pinned memory, prefetching."
        if condition is None
        else "Overlap communication with computation: bucket gradients, use more streams.",
    )
