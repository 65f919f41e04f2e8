"""Bandwidth of copies by kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from traceql.analyses import _evidence
from traceql.model.result import Exhibit, Finding, Result, abstain, severity
from traceql.model.units import format_bytes, format_ns, format_ratio

_KIND = ("device_id", "copy_kind", "src_memory", "dst_memory")
SHOWN = pa.schema(
    [
        ("device_id", pa.int64()),
        ("copy_kind", pa.string()),
        ("src_memory", pa.string()),
        ("dst_memory", pa.string()),
        ("count", pa.int64()),
        ("sum_bytes", pa.int64()),
        ("sum_dur", pa.int64()),
        ("mean_bytes_per_s", pa.float64()),
        ("reached_bytes_per_s", pa.float64()),
        ("slow_count", pa.int64()),
        ("lost_dur", pa.float64()),
    ]
)
"""`reached_bytes_per_s`: the 95th percentile of large copies."""
SCHEMA = pa.schema(
    [
        *SHOWN,
        ("limit_bytes_per_s", pa.float64()),
        ("large_count", pa.int64()),
        ("ts", pa.int64()),
        ("last_ts", pa.int64()),
        ("span_dur", pa.int64()),
    ]
)


def measure(kinds: pa.Table, spans: pa.Table) -> pa.Table:
    """Join the inputs of the analysis; kinds of copies are few."""
    span_of = {row["device_id"]: row["span_dur"] for row in spans.to_pylist()}
    rows = [row | {"span_dur": span_of[row["device_id"]]} for row in kinds.to_pylist()]
    return pa.Table.from_pylist([{n: row[n] for n in SCHEMA.names} for row in rows], SCHEMA)


def conclude(
    name: str, measured: pa.Table, least_bytes: int, least_count: int, least_ratio: float
) -> Result:
    """Make the Result.

    Args:
        name: of the analysis.
        measured: SCHEMA, then trace.
        least_bytes: as the analysis.
        least_count: as the analysis.
        least_ratio: as the analysis.
    """
    rows = sorted(measured.to_pylist(), key=lambda r: (-r["sum_dur"], *(str(r[k]) for k in _KIND)))
    if not rows:
        return abstain(
            name,
            "the trace has no copies between memories",
            "Record copies: nsys --trace=cuda, rocprofv3 --memory-copy-trace, torch.profiler with "
            "activities=[CPU, CUDA].",
        )
    if all(row["mean_bytes_per_s"] is None for row in rows):
        return abstain(
            name,
            "the trace does not say how large its copies are",
            "Record with rocprofv3 in JSON or rocpd format, nsys, or torch.profiler on CUDA.",
        )
    findings = [
        _of(name, row, least_bytes)
        for row in rows
        if row["slow_count"] and row["large_count"] >= least_count
        and row["lost_dur"] >= max(least_ratio * row["span_dur"], 1)
    ]  # fmt: skip
    findings.sort(key=lambda f: (-int(f.severity), -(f.value or 0.0), f.subject))
    known = [row for row in rows if row["mean_bytes_per_s"] is not None]
    said = "; ".join(
        f"{_words(row)} {format_bytes(row['mean_bytes_per_s'])}/s" for row in known[:3]
    )
    table = pa.Table.from_pylist([{n: row[n] for n in SHOWN.names} for row in rows], SHOWN)
    return Result(
        name,
        findings=tuple(findings),
        tables={"kind": table},
        exhibits=(Exhibit("kind", "table", "Bandwidth of copies by kind"),),
        headline=f"On average copies ran at: {said}.",
    )


def _words(row: Mapping[str, Any]) -> str:
    ends = f" ({row['src_memory']} to {row['dst_memory']})" if row["src_memory"] else ""
    device = "" if row["device_id"] is None else f" on device {row['device_id']}"
    return f"{row['copy_kind'] or 'copies'}{ends}{device}"


def _of(name: str, row: Mapping[str, Any], least_bytes: int) -> Finding:
    ratio = min(row["lost_dur"] / row["span_dur"], 1.0) if row["span_dur"] else 0.0
    where = {"trace": row["trace"], **{key: row[key] for key in _KIND}}
    limit, reached = (format_bytes(row[f"{n}_bytes_per_s"]) for n in ("limit", "reached"))
    return Finding(
        traces=(row["trace"],),
        analysis=name,
        kind="slow_copies",
        severity=severity(ratio),
        subject_type="copy",
        subject=_words(row),
        subject_id=row["device_id"],
        message=f"{row['slow_count']} of {row['large_count']} large copies, {_words(row)}, ran "
        f"below {limit}/s where {reached}/s are reached; they lost "
        f"{format_ns(row['lost_dur'])}, {format_ratio(ratio)} of the device's span.",
        confidence_basis="exact",
        confidence=1.0,
        evidence_sql=_evidence.select(
            "gpu_memcpy_rate",
            where,
            f"bytes >= {least_bytes}",
            f"bandwidth_bytes_per_s < {row['limit_bytes_per_s']!r}::DOUBLE",
            f"ts BETWEEN {row['ts']} AND {row['last_ts']}",
        ),
        n_events=row["slow_count"],
        n=row["large_count"],
        ts=row["ts"],
        dur=row["last_ts"] - row["ts"],
        value=row["lost_dur"],
        unit="ns",
        baseline=row["reached_bytes_per_s"],
        effect=ratio,
        impact_ratio=ratio,
        recommendation="Look at what else used the link or the memory then, and whether the slow "
        "copies read from unaligned, remote or swapped host memory.",
    )
