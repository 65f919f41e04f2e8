"""Place operations under the roof of a device."""

from __future__ import annotations

from typing import Any, NamedTuple

import pyarrow as pa

from traceql.analyses import _evidence
from traceql.model.result import Exhibit, Finding, Result, abstain, severity
from traceql.model.units import format_ratio

_REMEDY = (
    "Record FLOPs with the operations: JAX's or XLA's profiler writes them; or ask a profiler of "
    "kernels (ncu, rocprof-compute)."
)
_COLUMNS = {
    "name": pa.string(), "where": pa.string(), "op_count": pa.int64(), "total_dur": pa.int64(),
    "flops": pa.float64(), "bytes": pa.float64(), "flops_per_byte": pa.float64(),
    "flops_per_s": pa.float64(), "bytes_per_s": pa.float64(), "bound": pa.string(),
    "roof_ratio": pa.float64(),
}  # fmt: skip


class Rule(NamedTuple):
    """Peaks of the device (0: not known), and what makes a finding."""

    peak_flops_per_s: float
    peak_bytes_per_s: float
    least_roof: float
    least_ratio: float
    flops_pattern: str


def conclude(name: str, measured: pa.Table, rule: Rule) -> Result:
    """Make the Result of `workload.intensity`.

    Args:
        name: of the analysis.
        measured: name, device_id, op_count, total_dur, flops, bytes (null: not all say them),
            start_ts, end_ts, trace.
        rule: parameters.
    """
    rows = [_placed(row, rule) for row in measured.to_pylist()]  # names: at most 2000
    if not rows:
        return abstain(name, "no operation of the trace says its FLOPs", _REMEDY)
    whole = sum(row["total_dur"] for row in rows)
    findings = [f for row in rows if (f := _finding(name, row, whole, rule)) is not None]
    findings.sort(key=lambda f: (-int(f.severity), -(f.impact_ratio or 0.0), f.subject))
    flops = sum(row["flops"] for row in rows)
    both = [row for row in rows if row["bytes"]]
    moved = sum(row["bytes"] for row in both)
    text = f"{len(rows)} operations compute {flops / whole:,.3g} FLOP/ns"
    if moved:
        text += f", {sum(row['flops'] for row in both) / moved:,.3g} FLOPs per byte"
    return Result(
        name,
        status="ok",
        findings=tuple(findings),
        tables={"intensity": pa.Table.from_pylist(
            [{c: row[c] for c in _COLUMNS} for row in rows], pa.schema(list(_COLUMNS.items()))
        )},
        exhibits=(
            Exhibit("intensity", "table", "Arithmetic intensity",
                    note="bound and roof_ratio need the peaks of the device as parameters."),
        ),
        headline=f"{text}.",
    )  # fmt: skip


def _placed(row: dict[str, Any], rule: Rule) -> dict[str, Any]:
    """Add rates, intensity and the place under the roof."""
    seconds = row["total_dur"] / 1e9
    flops, moved = row["flops"], row["bytes"]
    device = row["device_id"]
    placed = row | {
        "where": "host" if device is None else f"device {device}",
        "flops_per_byte": flops / moved if moved else None,
        "flops_per_s": flops / seconds, "bytes_per_s": moved / seconds if moved else None,
        "bound": None, "roof_ratio": None,
    }  # fmt: skip
    if not moved or not rule.peak_flops_per_s or not rule.peak_bytes_per_s:
        return placed
    computing, moving = flops / rule.peak_flops_per_s, moved / rule.peak_bytes_per_s
    placed["roof_ratio"] = max(computing, moving) / seconds
    beyond = placed["roof_ratio"] > 1
    bound = "compute" if computing > moving else "memory"
    placed["bound"] = "beyond the roof" if beyond else bound
    return placed


def _finding(name: str, row: dict[str, Any], whole: int, rule: Rule) -> Finding | None:
    """Tell of an operation far below its roof, if that costs enough."""
    roof = row["roof_ratio"]
    if roof is None or roof >= rule.least_roof:
        return None
    impact = (1 - roof) * row["total_dur"] / whole
    if impact < rule.least_ratio:
        return None
    known = row["name"] or "(no name)"
    short = known if len(known) <= 60 else f"{known[:59]}…"
    here = _evidence.equals("device_id", row["device_id"])
    on = f"track_id IN (SELECT id FROM track WHERE {here})"  # noqa: S608
    said = f"regexp_matches(args, {_evidence.literal(rule.flops_pattern)}, 'i')"
    number = f"regexp_extract(args, {_evidence.literal(rule.flops_pattern)}, 1, 'i')"
    return Finding(
        traces=(row["trace"],),
        analysis=name,
        kind="below_roof",
        severity=severity(impact),
        subject_type="op",
        subject=f"{known} · {row['where']}",
        message=f"{short} reaches {format_ratio(roof)} of the roof of {row['where']}, bound by "
        f"{row['bound']} ({row['flops_per_byte']:,.3g} FLOPs per byte); below it "
        f"{format_ratio(impact)} of the time is lost.",
        confidence_basis="heuristic",
        evidence_sql=_evidence.select(
            "slice", {"trace": row["trace"], "name": row["name"]}, "dur > 0",
            f"ts >= {row['start_ts']}", f"ts < {row['end_ts']}", on, said,
            f"try_cast({number} AS DOUBLE) > 0",
        ),
        n_events=row["op_count"],
        ts=row["start_ts"],
        dur=row["end_ts"] - row["start_ts"],
        value=roof,
        unit="ratio",
        baseline=1.0,
        n=row["op_count"],
        effect=1 / roof if roof else None,
        impact_ratio=impact,
        recommendation="Larger tiles or batches, lower precision, fusion with what produces or "
        "consumes it; see occupancy and the shapes.",
    )  # fmt: skip
