"""Judge what steps leave allocated."""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from traceql.analyses import _evidence, _trend
from traceql.analyses.memory._events import EVENTS, REMEDY, SITELESS
from traceql.analyses.memory._leaks import LEAST_STEPS
from traceql.model.result import Exhibit, Finding, Result, abstain, severity
from traceql.model.units import format_bytes, format_ratio

_EXPLAINED = 0.5
_KEPT = 0.5
_QUARTERS = 4
_LEAST_RISE = 0.25
"""Of what the slope says for a quarter of the run, the least that its lowest floor must rise."""

_STEPS_REMEDY = "Record at least eight steps after warm-up, and mark them (prof.step(), NVTX)."


class Rule(NamedTuple):
    """When a floor grows; and what names an allocator."""

    alpha: float
    least_ratio: float
    allocator_pattern: str


class Growth(NamedTuple):
    """How the floor of a device grows: bytes per step, z and p of the test, q, and if it leaks."""

    slope: float
    z: float
    p: float
    q: float
    leaks: bool


def growth(floors: Any, peak: int, rule: Rule, devices: int = 1) -> Growth:
    """Judge the lowest levels of successive steps, float64 [n >= 8], of one of `devices`."""
    slope = _trend.theil_sen(floors)
    test = _trend.prewhitened(floors, slope)
    lowest = [float(part.min()) for part in np.array_split(floors, _QUARTERS)]
    least = _LEAST_RISE * slope * len(floors) / _QUARTERS
    # What is kept for a while lifts floors, and their median; what leaks lifts even the lowest.
    rises = all(b - a > least for a, b in itertools.pairwise(lowest))
    enough = slope * (len(floors) - 1) > rule.least_ratio * peak
    q = min(test.p * devices, 1.0)
    leaks = rises and enough and slope > 0 and q < rule.alpha
    return Growth(slope, test.z, test.p, q, leaks)


def conclude(name: str, measured: pa.Table, rule: Rule) -> Result:
    """Make the Result of `memory.leak`.

    Args:
        name: of the analysis.
        measured: SCHEMA of `_leaks`, then trace.
        rule: as the analysis.
    """
    devices = measured.filter(pc.field("row") == "device").to_pylist()  # devices: few
    if not devices:
        return abstain(name, "the trace has no allocations with a size", REMEDY)
    judged = [device for device in devices if device["step_count"] >= LEAST_STEPS]
    if not judged:
        most = max(device["step_count"] for device in devices)
        return abstain(name, f"{most} steady steps allocate, eight are needed", _STEPS_REMEDY)
    floors = measured.filter(pc.field("row") == "floor")
    sites = measured.filter(pc.field("row") == "site").to_pylist()
    findings: list[Finding] = []
    rows = []
    for device in judged:
        lows = floors.filter(_same(device["device_id"]))["bytes"].to_numpy().astype(float)
        found = growth(lows, device["peak_bytes"], rule, len(judged))
        mine = [s for s in sites if s["device_id"] == device["device_id"]]
        rows += [_row(site) for site in mine]
        findings += [f for s in mine if (f := _by_site(name, device, s, rule)) is not None]
        explained = sum(site["bytes"] / site["step_count"] for site in mine)
        # What is freed before the recording ends did not leak: layers, for instance, look alike.
        grown, kept = found.slope * (len(lows) - 1), device["end_bytes"] - float(lows[0])
        if found.leaks and explained < _EXPLAINED * found.slope and kept >= _KEPT * grown:
            findings.append(_by_floor(name, device, found))
    findings.sort(key=lambda f: (-int(f.severity), -(f.impact_ratio or 0.0), f.subject))
    steps = max(device["step_count"] for device in judged)
    return Result(
        name,
        status="ok" if findings else "empty",
        findings=tuple(findings),
        tables={
            "left": pa.Table.from_pylist(rows, _LEFT),
            "floor": floors.select(["device_id", "step", "ts", "bytes"]).rename_columns(
                ["device_id", "step", "ts", "floor_bytes"]
            ),
        },
        exhibits=(
            Exhibit("floor", "line", "Lowest level of each step",
                    {"x": "step", "y": "floor_bytes", "series": "device_id"}),
            Exhibit("left", "table", "Blocks that steps left allocated"),
        ),
        headline=_headline(findings, steps),
    )  # fmt: skip


_LEFT = pa.schema(
    [
        ("where", pa.string()), ("site", pa.string()), ("size_bytes", pa.int64()),
        ("bytes_per_step", pa.float64()),
        ("left_bytes", pa.int64()), ("block_count", pa.int64()), ("hit_count", pa.int64()),
        ("step_count", pa.int64()), ("age_p50_dur", pa.int64()),
    ]
)  # fmt: skip


def _row(site: dict[str, Any]) -> dict[str, Any]:
    return {
        **site,
        "where": _where(site["device_id"]),
        "bytes_per_step": site["bytes"] / site["step_count"],
        "left_bytes": site["bytes"],
        "block_count": site["count"],
    }


def _same(device: int | None) -> pc.Expression:
    field = pc.field("device_id")
    return field.is_null() if device is None else field == device


def _where(device: int | None) -> str:
    return "host" if device is None else f"device {device}"


def _headline(findings: list[Finding], steps: int) -> str:
    if not findings:
        return f"Nothing is left allocated step by step, in {steps:,} steps."
    most = max(findings, key=lambda f: f.value or 0.0)
    return f"{most.subject} leaves {format_bytes(most.value or 0.0)} a step allocated."


def _by_site(name: str, device: dict[str, Any], site: dict[str, Any], rule: Rule) -> Finding | None:
    """Speak of a site, if what it leaves matters."""
    peak = device["peak_bytes"]
    if site["bytes"] < rule.least_ratio * peak:
        return None
    rate = site["bytes"] / site["step_count"]
    share = min(site["bytes"] / peak, 1.0)
    where = _where(device["device_id"])
    size = f" · {site['size_bytes']} B" if site["size_bytes"] is not None else ""
    return Finding(
        traces=(device["trace"],),
        analysis=name,
        kind="leak",
        severity=severity(share),
        subject_type="site",
        subject=f"{site['site']}{size} · {where}",
        message=f"{site['site']} left {site['count']:,} blocks of {where} allocated in "
        f"{site['hit_count']:,} of {site['step_count']:,} steps: {format_bytes(rate)} a step, "
        f"{format_bytes(site['bytes'])} in all, {format_ratio(share)} of the peak"
        f"{_until(device, rate)}.",
        confidence_basis="exact",
        confidence=1.0,
        evidence_sql=_left(device, site, rule),
        n_events=site["count"],
        n=device["count"],
        ts=site["ts"],
        dur=site["end_ts"] - site["ts"],
        value=rate,
        unit="bytes/step",
        effect=rate * site["step_count"] / peak,
        impact_ratio=share,
        recommendation="Find what keeps these blocks: lists of losses or outputs with their graph "
        "(detach, .item()), caches keyed by shape, hooks; or free them at the end of the step.",
    )


def _until(device: dict[str, Any], rate: float) -> str:
    if not device["limit_bytes"] or device["basis"] == "relative":
        return ""
    steps = (device["limit_bytes"] - device["peak_bytes"]) / rate
    return f"; at this rate the device is full after {max(steps, 0):,.0f} more steps"


def _left(device: dict[str, Any], site: dict[str, Any], rule: Rule) -> str:
    """Give a query for the blocks of a site that nothing frees."""
    events = EVENTS.strip()
    events = events.replace("$allocator_pattern", _evidence.literal(rule.allocator_pattern))
    events = events.replace("$window_start", str(site["ts"]))
    events = events.replace("$window_end", str(site["end_ts"] + 1))
    wanted = None if site["site"] == SITELESS else site["site"]
    conditions = {"trace": device["trace"], "device_id": device["device_id"], "kind": "alloc"}
    size = "bytes > 0" if site["size_bytes"] is None else f"bytes = {site['size_bytes']}"
    number = _evidence.equals("device_id", device["device_id"])
    return (
        "SELECT trace, id, ts, 0 AS dur, kind AS name, address, bytes FROM allocation a "  # noqa: S608
        f"WHERE {_evidence.where(conditions, size)} AND id IN (SELECT id FROM ({events}) "
        f"WHERE {_evidence.equals('site', wanted)}) AND NOT EXISTS (SELECT 1 FROM allocation b "
        "WHERE b.trace = a.trace AND b.address = a.address AND b.bytes IS NOT NULL "
        f"AND b.{number} AND (b.ts > a.ts OR (b.ts = a.ts AND b.id > a.id)))"
    )


def _by_floor(name: str, device: dict[str, Any], found: Growth) -> Finding:
    grown = found.slope * (device["step_count"] - 1)
    share = min(grown / device["peak_bytes"], 1.0)
    where = _where(device["device_id"])
    conditions = {"trace": device["trace"], "device_id": device["device_id"]}
    within = (f"ts BETWEEN {device['ts']} AND {device['end_ts']}", "bytes IS NOT NULL")
    return Finding(
        traces=(device["trace"],),
        analysis=name,
        kind="floor_growth",
        severity=severity(share, found.q),
        subject_type="device",
        subject=where,
        subject_id=device["device_id"],
        message=f"The lowest level of {where} grew by {format_bytes(found.slope)} a step over "
        f"{device['step_count']:,} steps: {format_bytes(grown)}, {format_ratio(share)} of the peak"
        f"{_until(device, found.slope)}.",
        confidence_basis="test",
        confidence=1 - found.q,
        evidence_sql=f"SELECT trace, id, ts, 0 AS dur, kind AS name, bytes FROM allocation "  # noqa: S608
        f"WHERE {_evidence.where(conditions, *within)}",
        n_events=device["count"],
        n=device["step_count"],
        ts=device["ts"],
        dur=device["end_ts"] - device["ts"],
        value=found.slope,
        unit="bytes/step",
        statistic=found.z,
        p_value=found.p,
        q_value=found.q,
        effect=grown / device["peak_bytes"],
        impact_ratio=share,
        recommendation="Record addresses and stacks of allocations (profile_memory=True with "
        "record_shapes and with_stack) to see which site does not free.",
    )
