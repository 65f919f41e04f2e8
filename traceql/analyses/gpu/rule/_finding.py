"""What the findings of all rules have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from traceql.model.result import Exhibit, Finding, Result, abstain, severity
from traceql.model.units import format_ns, format_ratio

if TYPE_CHECKING:
    from collections.abc import Callable

NO_WORK = "the trace has no device operations"
REMEDY = (
    "Record device activity: with torch.profiler use activities=[CPU, CUDA] (on ROCm too), "
    "with nsys --trace=cuda, with rocprofv3 --kernel-trace --memory-copy-trace --hip-trace."
)


def label(device_id: int | None) -> str:
    """Name a device."""
    return "device" if device_id is None else f"device {device_id}"


def finding(
    analysis: str, row: Mapping[str, Any], saved_dur: int, span_dur: int, **more: Any
) -> Finding:
    """Make a finding whose value is the time that it could save at most, counted exactly.

    Args:
        analysis: its name.
        row: has trace, ts, dur and count.
        saved_dur: at most span_dur.
        span_dur: time that the saving is a share of.
        more: kind, subject_type, subject, subject_id, message, evidence_sql, recommendation.
    """
    ratio = saved_dur / span_dur if span_dur else 0.0
    return Finding(
        traces=(row["trace"],),
        analysis=analysis,
        severity=severity(ratio),
        confidence_basis="exact",
        confidence=1.0,
        ts=row["ts"],
        dur=row["dur"],
        n=row["count"],
        n_events=row["count"],
        value=float(saved_dur),
        unit="ns",
        effect=ratio,
        impact_ratio=ratio,
        **more,
    )


def saving(saved_dur: int, span_dur: int) -> str:
    """Say how much time a finding could save."""
    share = format_ratio(saved_dur / span_dur if span_dur else 0.0)
    return f"at most {format_ns(saved_dur)} to save, {share} of the device's span"


def result(
    name: str,
    table: str,
    rows: Sequence[Mapping[str, Any]],
    schema: pa.Schema,
    title: str,
    make: Callable[[Mapping[str, Any]], Finding | None],
    nothing: str,
) -> Result:
    """Make the Result of a rule: a table of all strata, and a finding for some.

    Args:
        name: of the analysis.
        table: name of its table.
        rows: of the table; more columns than the schema has are left out.
        schema: of the table.
        title: of its exhibit.
        make: gives the finding of a row, or None.
        nothing: the headline where there is no finding.
    """
    found = [finding for finding in map(make, rows) if finding is not None]
    found.sort(key=lambda f: (-int(f.severity), -(f.value or 0.0), f.subject, f.kind))
    names = schema.names
    kept = pa.Table.from_pylist([{n: row.get(n) for n in names} for row in rows], schema)
    return Result(
        name,
        status="ok" if rows else "empty",
        findings=tuple(found),
        tables={table: kept},
        exhibits=(Exhibit(table, "table", title),),
        headline=found[0].message if found else nothing,
    )


def nothing_to_see(name: str) -> Result:
    """Abstain, as there is no device work."""
    return abstain(name, NO_WORK, REMEDY)


def shown(
    found: Result, table: str, rows: Sequence[Mapping[str, Any]], schema: pa.Schema, title: str
) -> Result:
    """Show other rows than those that the findings were made of."""
    kept = pa.Table.from_pylist([{n: row.get(n) for n in schema.names} for row in rows], schema)
    return replace(found, tables={table: kept}, exhibits=(Exhibit(table, "table", title),))
