"""How much of a device kernels fill."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from traceql.analyses import _evidence
from traceql.model.result import Exhibit, Finding, Result, Severity, abstain, severity
from traceql.model.units import format_ns, format_ratio

SHOWN = pa.schema(
    [
        ("name", pa.string()),
        ("device_id", pa.int64()),
        ("limiter", pa.string()),
        ("count", pa.int64()),
        ("sum_dur", pa.int64()),
        ("min_ratio", pa.float64()),
        ("max_ratio", pa.float64()),
        ("mean_ratio", pa.float64()),
    ]
)
"""Occupancy by kernel; the mean is over time."""
SCHEMA = pa.schema(
    [
        ("row", pa.string()),  # kernels (all of a device) or stratum
        ("is_low", pa.bool_()),
        ("is_small", pa.bool_()),
        *SHOWN,
        ("filled_dur", pa.float64()),
        ("empty_dur", pa.float64()),
        ("min_block_count", pa.int64()),
        ("multiprocessor_count", pa.int64()),
        ("ts", pa.int64()),
        ("last_ts", pa.int64()),
    ]
)
_SHOWN_ROWS = 50
_REMEDY = {
    "registers": "Use fewer registers (launch bounds, smaller tiles), or smaller blocks.",
    "shared memory": "Use less shared memory for each block: smaller tiles or fewer stages.",
    "blocks": "Use larger blocks: the multiprocessor holds no more blocks of this size.",
    "warps": "Choose a block size that divides what a multiprocessor holds.",
}


def measure(strata: pa.Table, kernels: pa.Table) -> pa.Table:
    """Join the inputs of the analysis: a row per stratum, and one per device."""
    rows = [row | {"row": "kernels"} for row in kernels.to_pylist()]
    rows += [row | {"row": "stratum"} for row in strata.to_pylist()]
    kept = [{name: row.get(name) for name in SCHEMA.names} for row in rows]
    return pa.Table.from_pylist(kept, SCHEMA)


def conclude(name: str, measured: pa.Table, low_ratio: float, least_ratio: float) -> Result:
    """Make the Result.

    Args:
        name: of the analysis.
        measured: SCHEMA, then trace.
        low_ratio: as the analysis.
        least_ratio: as the analysis.
    """
    rows = measured.to_pylist()  # kernels by name: few
    total = {row["device_id"]: row["sum_dur"] for row in rows if row["row"] == "kernels"}
    strata = [row for row in rows if row["row"] == "stratum"]
    if not strata:
        reason = (
            "block, registers and shared memory of kernels, or the device's limits, are missing"
        )
        return abstain(
            name,
            reason if total else "the trace has no kernels",
            "Record kernels with their launch: nsys --trace=cuda, rocprofv3 --kernel-trace (with "
            "agent_info), torch.profiler with activities=[CPU, CUDA].",
        )
    findings = [
        make(name, group, total[group["device_id"]], low_ratio)
        for keys, make in ((("limiter", "is_low"), _low), (("is_small",), _small))
        for group in _groups(strata, keys)
        if group[keys[-1]] and group["sum_dur"] >= least_ratio * total[group["device_id"]]
    ]
    findings.sort(key=lambda f: (-int(f.severity), -(f.value or 0.0), f.subject, f.kind))
    shown = sorted(_groups(strata, ("limiter",)), key=lambda g: (-g["sum_dur"], g["name"] or ""))
    for group in shown:
        group["mean_ratio"] = group["filled_dur"] / group["sum_dur"] if group["sum_dur"] else None
    table = [{n: group[n] for n in SHOWN.names} for group in shown[:_SHOWN_ROWS]]
    whole, filled = sum(g["sum_dur"] for g in shown), sum(g["filled_dur"] for g in shown)
    known = f"of {format_ratio(whole / all_dur)} of the kernel time " if (
        all_dur := sum(total.values())) else ""  # fmt: skip
    return Result(
        name,
        findings=tuple(findings),
        tables={"kernel": pa.Table.from_pylist(table, SHOWN)},
        exhibits=(Exhibit("kernel", "table", "Theoretical occupancy of the longest kernels"),),
        headline=f"The theoretical occupancy {known}is {format_ratio(filled / whole)} on average."
        if whole
        else "No kernel has a length.",
    )


def _groups(rows: list[dict[str, Any]], keys: tuple[str, ...]) -> list[dict[str, Any]]:
    """Sum strata of one device and kernel that agree in `keys`."""
    found: dict[Any, dict[str, Any]] = {}
    for row in rows:
        key = (row["device_id"], row["name"], *(row[k] for k in keys))
        if key not in found:
            found[key] = dict(row)
            continue
        known = found[key]
        for column in ("count", "sum_dur", "filled_dur", "empty_dur"):
            known[column] = (known[column] or 0) + (row[column] or 0)
        for column in ("min_ratio", "ts", "min_block_count"):
            known[column] = min(known[column], row[column])
        for column in ("max_ratio", "last_ts"):
            known[column] = max(known[column], row[column])
    return list(found.values())


def _low(name: str, row: Mapping[str, Any], total_dur: int, low_ratio: float) -> Finding:
    share = row["sum_dur"] / total_dur if total_dur else 0.0
    mean = row["filled_dur"] / row["sum_dur"] if row["sum_dur"] else row["min_ratio"]
    return Finding(
        kind="low_occupancy",
        # What a higher one would save is not known.
        severity=Severity.low,
        message=f"{row['name']} is limited by {row['limiter']} to an occupancy of "
        f"{format_ratio(mean)}; it takes {format_ratio(share)} of the kernel time.",
        value=mean,
        unit="ratio",
        baseline=low_ratio,
        recommendation=_REMEDY[row["limiter"]],
        evidence_sql=_where(row, f"limiter = {_evidence.literal(row['limiter'])}",
                            f"occupancy_ratio < {low_ratio!r}"),
        **_about(name, row),
    )  # fmt: skip


def _small(name: str, row: Mapping[str, Any], total_dur: int, low_ratio: float) -> Finding:  # noqa: ARG001
    saved = row["empty_dur"]
    ratio = saved / total_dur if total_dur else 0.0
    return Finding(
        kind="few_blocks",
        severity=severity(ratio),
        message=f"{row['name']} ran {row['count']} times with fewer blocks than the "
        f"{row['multiprocessor_count']} multiprocessors (as few as {row['min_block_count']}); at "
        f"most {format_ns(saved)} to save, {format_ratio(ratio)} of the kernel time.",
        value=saved,
        unit="ns",
        effect=ratio,
        impact_ratio=ratio,
        recommendation="Split the work into more blocks, batch several launches into one, or run "
        "such kernels beside each other on streams.",
        evidence_sql=_where(row, "block_count < multiprocessor_count"),
        **_about(name, row),
    )


def _where(row: Mapping[str, Any], *more: str) -> str:
    conditions = {key: row[key] for key in ("trace", "device_id", "name")}
    within = f"ts BETWEEN {row['ts']} AND {row['last_ts']}"
    return _evidence.select("gpu_kernel_occupancy", conditions, *more, within)


def _about(name: str, row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "traces": (row["trace"],),
        "analysis": name,
        "subject_type": "kernel",
        "subject": f"{row['name']} on device {row['device_id']}"
        + (f", {row['limiter']}" if row["is_low"] else ""),
        "subject_id": row["device_id"],
        "ts": row["ts"],
        "dur": row["last_ts"] - row["ts"],
        "n": row["count"],
        "n_events": row["count"],
        "confidence_basis": "exact",
        "confidence": 1.0,
    }
