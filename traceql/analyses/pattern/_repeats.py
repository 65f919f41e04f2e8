"""Conclude about sequences that recur: what they take, and what lies between their operations."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from traceql.analyses import _evidence
from traceql.model.result import Exhibit, Finding, Result, abstain, severity
from traceql.model.units import format_ns, format_ratio

_REMEDY = "Record slices with their lengths: no stream or thread of this trace has enough."
_SHOWN = 4


def conclude(name: str, measured: pa.Table, least_ratio: float) -> Result:
    """Make the Result.

    Args:
        name: of the analysis.
        measured: SCHEMA of `_recurring`, then trace.
        least_ratio: a sequence that takes a smaller share of its track makes no finding.
    """
    rows = measured.to_pylist()  # tracks times sequences: some tens
    if not rows:
        return abstain(name, "no stream or thread has enough operations", _REMEDY)
    found = [row for row in rows if row["names"]]
    told = [row for row in found if _share(row) >= least_ratio]
    findings = [_finding(name, row) for row in told]
    findings.sort(
        key=lambda f: (-int(f.severity), -(f.impact_ratio or 0), -(f.value or 0), f.subject)
    )
    tracks = len(rows) - len(found)
    return Result(
        name,
        status="ok" if findings else "empty",
        findings=tuple(findings),
        tables={"sequence": _table(found)},
        exhibits=(
            Exhibit(
                "sequence", "table", "Recurring sequences",
                note="support counts occurrences; cost is their own time, idle what lies between "
                "their operations on a device.",
            ),
        ),
        headline=f"{len(findings)} sequences recur on {tracks} streams and threads and take "
        f"{format_ratio(least_ratio)} of their time or more.",
    )  # fmt: skip


def _share(row: dict[str, Any]) -> float:
    return row["cost_dur"] / row["track_cost_dur"] if row["track_cost_dur"] else 0.0


def _finding(name: str, row: dict[str, Any]) -> Finding:
    span = max(row["end_ts"] - row["start_ts"], 1)
    idle = row["idle_dur"] / span
    between = (
        f"; between them the device idles {format_ns(row['idle_dur'])}, {format_ratio(idle)} of "
        "the span" if row["idle_dur"] else ""
    )  # fmt: skip
    where = "stream" if row["is_device"] else "thread"
    return Finding(
        traces=(row["trace"],),
        analysis=name,
        kind="recurring_sequence",
        severity=severity(idle),
        subject_type="sequence",
        subject=f"{' > '.join(row['names'])} (track {row['track_id']})",
        message=f"{len(row['names'])} operations recur {row['support']:,} times on a {where}: "
        f"{_listed(row['names'])}; they take {format_ns(row['cost_dur'])}, "
        f"{format_ratio(_share(row))} of its time{between}.",
        confidence_basis="exact",
        evidence_sql=_sql(row),
        n_events=row["support"],
        ts=row["start_ts"],
        dur=span,
        value=float(row["cost_dur"]),
        unit="ns",
        n=row["track_ops"],
        effect=1 / (1 - idle) if 0 < idle < 1 else None,
        impact_ratio=idle,
        recommendation="Capture the sequence as a CUDA graph, or fuse its operations: at most the "
        "idle time between them is gained."
        if row["idle_dur"]
        else None,
    )


def _listed(names: list[str]) -> str:
    cut = [name if len(name) <= 40 else f"{name[:39]}…" for name in names]
    if len(cut) <= 2 * _SHOWN:
        return ", ".join(cut)
    return ", ".join([*cut[:_SHOWN], "…", *cut[-_SHOWN:]])


def _sql(row: dict[str, Any]) -> str:
    """Write the query for the first operation of each occurrence."""
    names = ", ".join(_evidence.literal(name) for name in row["names"])
    frame = f"ROWS BETWEEN CURRENT ROW AND {len(row['names']) - 1} FOLLOWING"
    device = ["id IN (SELECT slice_id FROM gpu_op)"] if row["is_device"] else []
    mine = _evidence.where(
        {"trace": row["trace"]}, f"track_id % 4294967296 = {row['track_id']}", "dur >= 0",
        f"id % 4294967296 BETWEEN {row['first_id']} AND {row['last_id']}", *device,
    )  # fmt: skip
    following = f"list(name) OVER (ORDER BY ts, id {frame}) AS following"
    inner = f"(SELECT {_evidence.COLUMNS}, {following} FROM slice WHERE {mine})"  # noqa: S608
    return _evidence.select(inner, {}, f"following = [{names}]")


def _table(rows: list[dict[str, Any]]) -> pa.Table:
    columns = {
        "sequence": pa.string(), "length": pa.int64(), "track_id": pa.int64(),
        "support": pa.int64(), "cost_dur": pa.int64(), "cost_ratio": pa.float64(),
        "idle_dur": pa.int64(),
    }  # fmt: skip
    made = [
        {
            "sequence": " > ".join(row["names"]), "length": len(row["names"]),
            "cost_ratio": _share(row),
            **{key: row[key] for key in ("track_id", "support", "cost_dur", "idle_dur")},
        }
        for row in rows
    ]  # fmt: skip
    made.sort(key=lambda row: (-row["cost_dur"], row["track_id"], row["sequence"]))
    return pa.Table.from_pylist(made, pa.schema(list(columns.items())))
