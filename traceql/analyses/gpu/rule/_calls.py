"""Calls by which the host waits, and the idle times of devices that began in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from traceql.analyses import _evidence
from traceql.analyses.gpu.rule import _finding
from traceql.model.units import format_ns

if TYPE_CHECKING:
    from traceql.model.result import Finding, Result

SHOWN = pa.schema(
    [
        ("name", pa.string()),
        ("count", pa.int64()),
        ("sum_dur", pa.int64()),
        ("max_dur", pa.int64()),
        ("device_id", pa.int64()),
        ("gap_count", pa.int64()),
        ("gap_dur", pa.int64()),
    ]
)
"""A row per call; the device is the one whose idle times that began in it are the longest."""
SCHEMA = pa.schema(
    [
        ("row", pa.string()),  # call, or trace where there is device work
        *SHOWN,
        ("span_dur", pa.int64()),
        ("ts", pa.int64()),
        ("last_ts", pa.int64()),
    ]
)


def measure(calls: pa.Table, gaps: pa.Table, spans: pa.Table) -> pa.Table:
    """Join the inputs of the analysis, which have a row per name, device or both."""
    if not spans.num_rows:
        return SCHEMA.empty_table()
    span_of = {row["device_id"]: row["span_dur"] for row in spans.to_pylist()}
    most: dict[int, dict[str, Any]] = {}
    for gap in gaps.to_pylist():
        known = most.get(gap["name_id"])
        if known is None or gap["gap_dur"] > known["gap_dur"]:
            most[gap["name_id"]] = gap
    rows: list[dict[str, Any]] = [{"row": "trace"}]
    for call in calls.to_pylist():
        gap = most.get(call["name_id"], {"gap_dur": 0, "gap_count": 0, "device_id": None})
        rows.append(call | gap | {"row": "call", "span_dur": span_of.get(gap["device_id"])})
    kept = [{name: row.get(name) for name in SCHEMA.names} for row in rows]
    return pa.Table.from_pylist(kept, SCHEMA)


def conclude(name: str, measured: pa.Table, least_ratio: float) -> Result:
    """Make the Result.

    Args:
        name: of the analysis.
        measured: SCHEMA, then trace.
        least_ratio: as the analysis.
    """
    if not measured.num_rows:
        return _finding.nothing_to_see(name)
    calls = measured.filter(pc.field("row") == "call").sort_by([("sum_dur", "descending"),
                                                                ("name", "ascending")])  # fmt: skip

    def make(row: Mapping[str, Any]) -> Finding | None:
        if not row["gap_dur"] or row["gap_dur"] < least_ratio * row["span_dur"]:
            return None
        saved = min(row["gap_dur"], row["span_dur"])
        return _finding.finding(
            name,
            {"trace": row["trace"], "ts": row["ts"], "dur": row["last_ts"] - row["ts"],
             "count": row["count"]},
            saved,
            row["span_dur"],
            kind="sync_call",
            subject_type="call",
            subject=row["name"],
            message=f"{row['name']} was called {row['count']} times, {format_ns(row['sum_dur'])} "
            f"in all; {_finding.label(row['device_id'])} ran dry in {row['gap_count']} of them: "
            f"{_finding.saving(saved, row['span_dur'])}.",
            evidence_sql=_evidence.select(
                "gpu_sync_call", {"trace": row["trace"], "name": row["name"]},
                f"ts BETWEEN {row['ts']} AND {row['last_ts']}",
            ),
            recommendation="Wait for events of single streams instead, wait less often, or read "
            "results back asynchronously, so that work can be launched ahead.",
        )  # fmt: skip

    return _finding.result(
        name, "call", calls.to_pylist(), SHOWN, "Calls that wait for a device", make,
        "No wait of the host let a device run dry.",
    )  # fmt: skip
