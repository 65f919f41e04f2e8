"""Conclude about occupancy: devices that kernels leave unfilled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from traceql.analyses import _evidence
from traceql.model.result import Exhibit, Finding, Result, abstain, severity
from traceql.model.units import format_ns, format_ratio

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

_REMEDY = (
    "Record launch shapes and the properties of the devices: torch.profiler does; with nsys use "
    "--trace=cuda, with rocprofv3 --kernel-trace and --output-format json."
)


def conclude(name: str, measured: pa.Table, least_ratio: float, comm_pattern: str) -> Result:
    """Make the Result of `workload.occupancy`.

    Args:
        name: of the analysis.
        measured: what the input gives, then trace.
        least_ratio: as the analysis.
        comm_pattern: as the analysis.
    """
    if not measured.num_rows:
        missing = "no kernel has both a launch shape and a device with known limits"
        return abstain(name, missing, _REMEDY)
    fill = np.minimum(_ints(measured, "blocks") / _ints(measured, "multiprocessors"), 1.0)
    measured = measured.append_column("fill_ratio", pa.array(fill))
    table = _table(measured.filter(pc.field("resident_blocks").is_valid()))
    devices = [
        device
        for number in measured["device_id"].unique().to_pylist()  # devices: few
        if (device := _device(measured.filter(pc.field("device_id") == number)))
    ]
    findings = [f for device in devices if (f := _finding(name, device, least_ratio, comm_pattern))]
    return Result(
        name,
        findings=tuple(findings),
        tables={"shape": table},
        exhibits=(Exhibit("shape", "table", "Occupancy of the shapes with most time"),),
        headline=_headline(table, devices),
    )


def _ints(table: pa.Table, column: str) -> Ints:
    values: Ints = table[column].to_numpy().astype(np.int64)
    return values


def _table(known: pa.Table) -> pa.Table:
    return known.select(
        ["device_id", "name", "blocks", "threads", "registers", "shared_bytes", "calls",
         "total_dur", "resident_blocks", "limited_by", "theoretical_ratio", "achieved_ratio",
         "fill_ratio"]
    )  # fmt: skip


def _device(shapes: pa.Table) -> dict[str, Any]:
    """Sum what the kernels of a device leave unfilled."""
    total, fill = _ints(shapes, "total_dur"), shapes["fill_ratio"].to_numpy()
    small = shapes.filter(pc.field("fill_ratio") < 1)
    start, end = pc.min(shapes["start_ts"]).as_py(), pc.max(shapes["end_ts"]).as_py()
    return {
        "trace": shapes["trace"][0].as_py(),
        "device_id": shapes["device_id"][0].as_py(),
        "multiprocessors": shapes["multiprocessors"][0].as_py(),
        "ts": start,
        "dur": end - start,
        "kernel_dur": int(total.sum()),
        "unfilled_dur": float((total * (1 - fill)).sum()),
        "small_dur": pc.sum(small["total_dur"]).as_py() or 0,
        "small_count": pc.sum(small["calls"]).as_py() or 0,
        "count": pc.sum(shapes["calls"]).as_py(),
        "largest": small["name"][0].as_py() if small.num_rows else None,
    }


def _headline(table: pa.Table, devices: list[dict[str, Any]]) -> str:
    said = []
    if table.num_rows:
        weight = table["total_dur"].to_numpy().astype(float)
        reached = float(np.average(table["achieved_ratio"].to_numpy(), weights=weight))
        possible = float(np.average(table["theoretical_ratio"].to_numpy(), weights=weight))
        said.append(
            f"kernels hold {format_ratio(reached)} of the warps on average of time, of "
            f"{format_ratio(possible)} that their shapes allow"
        )
    small, whole = (sum(d[key] for d in devices) for key in ("small_dur", "kernel_dur"))
    said.append(
        f"for {format_ratio(small / whole)} of kernel time blocks are fewer than multiprocessors"
    )
    text = "; ".join(said)
    return f"{text[0].upper()}{text[1:]}."


def _finding(
    name: str, device: dict[str, Any], least_ratio: float, comm_pattern: str
) -> Finding | None:
    """Speak of a device that kernels leave unfilled for long."""
    lost = min(device["unfilled_dur"] / device["dur"], 1.0)
    if lost < least_ratio:
        return None
    where = f"device {device['device_id']}"
    start, end = device["ts"], device["ts"] + device["dur"]
    largest = device["largest"] or "(no name)"
    return Finding(
        traces=(device["trace"],),
        analysis=name,
        kind="unfilled",
        severity=severity(lost),
        subject_type="device",
        subject=where,
        subject_id=device["device_id"],
        message=f"For {format_ns(device['small_dur'])} kernels of {where} had fewer blocks than "
        f"its {device['multiprocessors']} multiprocessors, most of it in "
        f"{largest if len(largest) <= 60 else largest[:59] + '…'}; unfilled, that is "
        f"{format_ratio(lost)} of the span.",
        confidence_basis="exact",
        confidence=1.0,
        evidence_sql=_evidence.select(
            "gpu_kernel_launch",
            {"trace": device["trace"], "device_id": device["device_id"]},
            "dur > 0",
            "thread_count > 0",
            f"block_count < {device['multiprocessors']}",
            f"ts BETWEEN {start} AND {end}",
            f"NOT coalesce(regexp_matches(name, {_evidence.literal(comm_pattern)}, 'i'), false)",
        ),
        n_events=device["small_count"],
        n=device["count"],
        ts=start,
        dur=device["dur"],
        value=device["unfilled_dur"],
        unit="ns",
        effect=lost,
        impact_ratio=lost,
        recommendation="Give these kernels more blocks: larger batches, split reductions "
        "(split-K), or run independent ones side by side on several streams.",
    )
