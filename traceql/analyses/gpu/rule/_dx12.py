"""Warnings about memory of Direct3D 12."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from traceql.analyses import _evidence
from traceql.analyses.gpu.rule import _finding
from traceql.model.result import Result, abstain
from traceql.model.units import format_ns

if TYPE_CHECKING:
    from traceql.model.result import Finding

SHOWN = pa.schema(
    [
        ("warning", pa.string()),
        ("name", pa.string()),
        ("count", pa.int64()),
        ("sum_dur", pa.int64()),
        ("max_dur", pa.int64()),
    ]
)
SCHEMA = pa.schema([*SHOWN, ("ts", pa.int64()), ("last_ts", pa.int64()), ("span_dur", pa.int64())])
"""Besides the warnings a row with no warning: that there are such operations."""


def measure(warnings: pa.Table, every: pa.Table) -> pa.Table:
    """Join the inputs of the analysis; operations by name are few."""
    (about,) = every.to_pylist()
    if not about["count"]:
        return SCHEMA.empty_table()
    rows: list[dict[str, Any]] = [{"count": about["count"]}, *warnings.to_pylist()]
    kept = [{n: (row | {"span_dur": about["span_dur"]}).get(n) for n in SCHEMA.names}
            for row in rows]  # fmt: skip
    return pa.Table.from_pylist(kept, SCHEMA)


def conclude(name: str, measured: pa.Table, least_count: int) -> Result:
    """Make the Result.

    Args:
        name: of the analysis.
        measured: SCHEMA, then trace.
        least_count: as the analysis.
    """
    if not measured.num_rows:
        return abstain(
            name, "the trace has no operations on memory of Direct3D 12",
            "Record with nsys --trace=dx12 on Windows.",
        )  # fmt: skip

    def make(row: Mapping[str, Any]) -> Finding | None:
        if row["count"] < least_count:
            return None
        saved = min(row["sum_dur"], row["span_dur"])
        where = {"trace": row["trace"], "name": row["name"], "warning": row["warning"]}
        return _finding.finding(
            name,
            {"trace": row["trace"], "ts": row["ts"], "dur": row["last_ts"] - row["ts"],
             "count": row["count"]},
            saved,
            row["span_dur"],
            kind=row["warning"].replace(" ", "_").replace("-", "_"),
            subject_type="operation",
            subject=row["name"],
            message=f"{row['name']}: {row['count']} times {row['warning']}, "
            f"{format_ns(row['sum_dur'])} in all.",
            evidence_sql=_evidence.select(
                "gpu_dx12_memory_warning", where,
                f"ts BETWEEN {row['ts']} AND {row['last_ts']}",
            ),
            recommendation="Create with D3D12_HEAP_FLAG_CREATE_NOT_ZEROED where the memory is "
            "overwritten; write through upload heaps and read through readback heaps.",
        )  # fmt: skip

    rows = [row for row in measured.to_pylist() if row["warning"] is not None]
    return _finding.result(
        name, "warning", rows, SHOWN, "Warnings", make, "No operation on memory is costly."
    )
