"""Long gaps of devices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from traceql.analyses import _evidence
from traceql.analyses.gpu.rule import _finding
from traceql.kernels import intervals
from traceql.model.units import format_ns

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceql.model.result import Finding, Result

    Ints = NDArray[np.int64]

_MEDIANS, _FEW, _SHARE = 5, 8, 0.01
SHOWN = pa.schema(
    [
        ("device_id", pa.int64()),
        ("ts", pa.int64()),
        ("span_dur", pa.int64()),
        ("idle_dur", pa.int64()),
        ("gap_count", pa.int64()),
        ("median_dur", pa.float64()),
        ("limit_ns", pa.int64()),
        ("count", pa.int64()),
        ("sum_dur", pa.int64()),
        ("max_dur", pa.int64()),
    ]
)
"""A row per device; `count`, `sum_dur` and `max_dur` are of the gaps above the limit."""


def measure(ops: pa.Table, iterations: pa.Table, gap_ns: int) -> pa.Table:
    """Measure one device.

    Args:
        ops: ts, end_ts, device_id, ascending by ts; may be empty.
        iterations: of the trace.
        gap_ns: as the analysis.
    """
    if not ops.num_rows:
        return SHOWN.empty_table()
    ts, end = ops["ts"].to_numpy(), ops["end_ts"].to_numpy()
    found = intervals.gaps(ts, end)
    length = found.end - found.ts
    span = int(end.max() - ts[0])
    median = float(np.median(length)) if len(length) else None
    limit = gap_ns or long_limit(length, iterations, span)
    long = length[length > limit]
    row = {
        "device_id": ops["device_id"][0].as_py(),
        "ts": int(ts[0]),
        "span_dur": span,
        "idle_dur": int(length.sum()),
        "gap_count": len(length),
        "median_dur": median,
        "limit_ns": limit,
        "count": len(long),
        "sum_dur": int(long.sum()),
        "max_dur": int(long.max(initial=0)),
    }
    return pa.Table.from_pylist([row], SHOWN)


def long_limit(gaps: Ints, iterations: pa.Table, span: int) -> int:
    """Give the length beyond which a gap is long for its trace (rule of gaps of the project).

    Args:
        gaps: int64 [n], lengths of a device's idle times.
        iterations: of the trace.
        span: of the device, for traces without iterations.
    """
    step = pc.approximate_median(iterations["dur"]).as_py() if iterations.num_rows else None
    of_gaps = _MEDIANS * float(np.median(gaps)) if len(gaps) >= _FEW else 0.0
    return int(max(of_gaps, _SHARE * (step or span)))


def conclude(name: str, measured: pa.Table, least_ratio: float) -> Result:
    """Make the Result.

    Args:
        name: of the analysis.
        measured: SHOWN, then trace.
        least_ratio: as the analysis.
    """
    devices = measured.to_pylist()  # devices: few
    if not devices:
        return _finding.nothing_to_see(name)

    def make(row: Mapping[str, Any]) -> Finding | None:
        if row["sum_dur"] < max(least_ratio * row["span_dur"], 1):
            return None
        return _of(name, row)

    return _finding.result(
        name, "by_device", devices, SHOWN, "Gaps of each device", make,
        "No device did nothing for long.",
    )  # fmt: skip


def _of(name: str, row: Mapping[str, Any]) -> Finding:
    running = (
        "max(ts + dur) OVER (ORDER BY ts, id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"
    )
    end = row["ts"] + row["span_dur"]
    within = _evidence.where(
        {"trace": row["trace"], "device_id": row["device_id"]},
        f"ts BETWEEN {row['ts']} AND {end}",
        "dur > 0",
    )
    beside = _evidence.where(
        {"trace": row["trace"]}, f"ts BETWEEN {row['ts']} AND {end}", f"ts + dur <= {end}"
    )
    both = (
        f"(SELECT {_evidence.COLUMNS} FROM gpu_slice WHERE {within} UNION ALL "  # noqa: S608
        f"SELECT {_evidence.COLUMNS} FROM gpu_profiler_overhead WHERE {beside})"
    )
    evidence = (
        f"SELECT {_evidence.COLUMNS}, gap_dur FROM (SELECT {_evidence.COLUMNS}, ts - {running} AS "  # noqa: S608
        f"gap_dur FROM {both}) WHERE gap_dur > {row['limit_ns']} ORDER BY gap_dur DESC, id"
    )
    subject = _finding.label(row["device_id"])
    return _finding.finding(
        name,
        {"trace": row["trace"], "ts": row["ts"], "dur": row["span_dur"], "count": row["count"]},
        row["sum_dur"],
        row["span_dur"],
        kind="gaps",
        subject_type="device",
        subject=subject,
        subject_id=row["device_id"],
        baseline=row["median_dur"],
        message=f"{subject.capitalize()} did nothing {row['count']} times for more than "
        f"{format_ns(row['limit_ns'])}, the longest {format_ns(row['max_dur'])}; "
        f"{_finding.saving(row['sum_dur'], row['span_dur'])}.",
        evidence_sql=evidence,
        recommendation="Look at what the host did in the gaps: load data and synchronise on other "
        "threads, launch ahead, or capture the launches in a graph.",
    )
