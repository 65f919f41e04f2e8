"""Peaks of memory over the steps, and when each device is full."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from traceql.analyses import _discoveries, _series, _trend
from traceql.analyses.prediction import _limit
from traceql.model.result import Exhibit, Finding, Result, abstain, severity
from traceql.model.units import format_bytes, format_ns, format_ratio

if TYPE_CHECKING:
    from collections.abc import Mapping

    from traceql.model.protocols import Tables

REMEDY = (
    "Record allocations (torch.profiler with profile_memory=True, nsys with "
    "--cuda-memory-usage=true) over at least twelve steps after warm-up, with step markers."
)
_NO_CAPACITY = "Say how much may be allocated: --set prediction.memory_limit.limit_bytes=BYTES."
_LIMITED = _series.SCHEMA.append(pa.field("limit_bytes", pa.int64()))
_COLUMNS = {
    "device": pa.string(), "limit_bytes": pa.int64(), "last_bytes": pa.float64(),
    "growth_bytes_per_step": pa.float64(), "growth_low": pa.float64(),
    "growth_high": pa.float64(), "grows": pa.bool_(), "steps": pa.int64(),
    "warm_up_steps": pa.int64(), "steps_to_limit": pa.float64(), "steps_low": pa.float64(),
    "steps_high": pa.float64(), "time_to_limit_ns": pa.float64(), "risk": pa.float64(),
}  # fmt: skip


def measure(tables: Tables, limit_bytes: int) -> pa.Table:
    """Reduce one device: SCHEMA of `_series`, then its limit; null where nobody says it.

    Args:
        tables: capacity, event, iteration.
        limit_bytes: 0: the memory of the device.
    """
    series = _series.measure(tables)
    if not series.num_rows:
        return _LIMITED.empty_table()
    known = tables["capacity"].to_pylist()  # devices: few
    memory = {row["device_id"]: row["memory_bytes"] for row in known}
    limit = limit_bytes or memory.get(series["key"][0].as_py())
    return series.append_column(_LIMITED.field("limit_bytes"), pa.array([limit], pa.int64()))


def conclude(name: str, measured: pa.Table, horizon: int, level: float) -> Result:
    """Make the Result.

    Args:
        name: of the analysis.
        measured: of `measure`, then trace.
        horizon: steps ahead that matter.
        level: share of the interval.
    """
    series: list[dict[str, Any]] = measured.to_pylist()  # one for each device
    limited = [row for row in series if row["limit_bytes"]]
    judged = [row for s in limited if (row := _judge(s, horizon, level)) is not None]
    if not judged:
        if series and not limited:
            return abstain(name, "the trace does not say how much memory there is", _NO_CAPACITY)
        return abstain(name, "allocations of fewer than twelve steps after warm-up", REMEDY)
    found = _discoveries.q_values([row["p_value"] for row in judged])
    for row, q in zip(judged, found, strict=True):
        row["q_value"] = q
    findings = [_finding(name, row, horizon) for row in judged if _warns(row, horizon)]
    findings.sort(key=lambda f: (-int(f.severity), f.subject))
    table = pa.Table.from_pylist(
        [{c: row[c] for c in _COLUMNS} for row in judged], pa.schema(list(_COLUMNS.items()))
    )
    return Result(
        name,
        status="ok" if findings else "empty",
        findings=tuple(findings),
        tables={"memory_limit": table},
        exhibits=(
            Exhibit(
                "memory_limit",
                "table",
                "Time to the memory limit",
                note="risk is the probability that the limit is met within the horizon.",
            ),
        ),
        headline=_headline(judged, findings, horizon),
    )


def _judge(series: dict[str, Any], horizon: int, level: float) -> dict[str, Any] | None:
    values = np.array(series["values"], np.float64)
    if not np.isfinite(values).all():
        return None
    found = _limit.until(values, float(series["limit_bytes"]), horizon, level=level)
    if found is None:
        return None
    kept = values[found.warm_up :]
    trend = _trend.prewhitened(kept)
    return {
        "source": series, "device": series["name"].removeprefix("memory of "),
        "limit_bytes": series["limit_bytes"], "last_bytes": float(kept[-1]),
        "growth_bytes_per_step": found.fit.slope, "growth_low": found.fit.low,
        "growth_high": found.fit.high, "grows": found.grows, "steps": len(kept),
        "warm_up_steps": found.warm_up, "steps_to_limit": _finite(found.steps),
        "steps_low": _finite(found.low), "steps_high": _finite(found.high),
        "time_to_limit_ns": _finite(found.steps * float(np.median(series["steps"]))),
        "risk": found.risk, "statistic": trend.z, "p_value": trend.p,
    }  # fmt: skip


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _warns(row: Mapping[str, Any], horizon: int) -> bool:
    return bool(row["grows"] and row["steps_high"] is not None and row["steps_high"] <= horizon)


def _finding(name: str, row: dict[str, Any], horizon: int) -> Finding:
    source = row["source"]
    return Finding(
        traces=(source["trace"],),
        analysis=name,
        kind="memory_limit",
        severity=severity(row["risk"], row["q_value"]),
        subject_type="device",
        subject=row["device"],
        message=f"{source['name'].capitalize()} grows by "
        f"{format_bytes(row['growth_bytes_per_step'])} a step and meets "
        f"{format_bytes(row['limit_bytes'])} after {row['steps_to_limit']:,.0f} more steps "
        f"({row['steps_low']:,.0f} to {row['steps_high']:,.0f}), about "
        f"{format_ns(row['time_to_limit_ns'])}.",
        confidence_basis="test",
        confidence=1 - row["q_value"],
        evidence_sql=_series.evidence(source),
        n_events=source["n_events"],
        ts=source["start_ts"],
        dur=source["end_ts"] - source["start_ts"],
        value=row["steps_to_limit"],
        unit="steps",
        baseline=row["last_bytes"],
        n=row["steps"],
        statistic=row["statistic"],
        p_value=row["p_value"],
        q_value=row["q_value"],
        effect=row["growth_bytes_per_step"],
        effect_low=row["growth_low"],
        effect_high=row["growth_high"],
        impact_ratio=float(np.clip(row["risk"], 0, 1)),
        recommendation="Find what is kept from step to step (tensors in lists, caches without a "
        f"bound, graphs held by losses) before {horizon:,} steps are planned.",
    )


def _headline(judged: list[dict[str, Any]], findings: list[Finding], horizon: int) -> str:
    if findings:
        soonest = min(judged, key=lambda row: row["steps_to_limit"] or np.inf)
        return (
            f"Memory of {soonest['device']} is full after {soonest['steps_to_limit']:,.0f} more "
            f"steps ({format_ratio(soonest['risk'])} risk within {horizon:,})."
        )
    return f"No device is expected to meet its limit within {horizon:,} steps."
