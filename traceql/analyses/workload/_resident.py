"""Blocks that are resident on a multiprocessor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from traceql.analyses import _evidence
from traceql.model.result import Exhibit, Finding, Result, abstain, severity
from traceql.model.units import format_ns, format_ratio

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

_REMEDY = (
    "Record launch shapes and the properties of the devices: torch.profiler does; with nsys use "
    "--trace=cuda."
)
_SHOWN = 200
LIMITS = ("blocks", "warps", "registers", "shared memory")
_FEW_BLOCKS = {(7, 5): 16, (8, 6): 16, (8, 7): 16, (8, 9): 24}
_BLOCKS = 32
_PARTITIONS = 4
_REGISTER_UNIT = 256
_SYSTEM_SHARED_BYTES = 1024


class Resident(NamedTuple):
    """Of each shape: resident blocks, the place in LIMITS that binds, occupancies, fill."""

    blocks: Ints
    limit: Ints
    theoretical: Floats
    achieved: Floats
    fill: Floats


def most_blocks(major: Ints, minor: Ints) -> Ints:
    """Give how many blocks a multiprocessor of a compute capability holds at most.

    Source: CUDA C++ Programming Guide, technical specifications per compute capability.
    """
    found = np.full(len(major), _BLOCKS)
    for (a, b), blocks in _FEW_BLOCKS.items():
        found[(major == a) & (minor == b)] = blocks
    return found


def resident(column: dict[str, Ints]) -> Resident:
    """Compute the occupancy of shapes.

    Args:
        column: blocks, threads, registers, shared_bytes, compute_major, compute_minor,
            multiprocessors, warp_threads, most_threads, most_registers, most_shared_bytes.
    """
    warps = -(-column["threads"] // column["warp_threads"])
    most_warps = column["most_threads"] // column["warp_threads"]
    per_warp = _up(column["registers"] * column["warp_threads"], np.int64(_REGISTER_UNIT))
    in_partition = column["most_registers"] // _PARTITIONS // np.maximum(per_warp, 1)
    major = column["compute_major"]
    unit = np.where(major <= 7, 256, 128)
    system = np.where(major >= 8, _SYSTEM_SHARED_BYTES, 0)
    shared = _up(column["shared_bytes"] + system, unit)
    free = np.int64(1 << 30)
    limits = np.stack(
        [
            most_blocks(major, column["compute_minor"]),
            most_warps // warps,
            np.where(per_warp > 0, _PARTITIONS * in_partition // warps, free),
            np.where(shared > 0, column["most_shared_bytes"] // np.maximum(shared, 1), free),
        ]
    )
    blocks = limits.min(axis=0)
    launched = column["blocks"] / column["multiprocessors"]
    held = np.minimum(blocks, launched) * column["threads"] / column["most_threads"]
    return Resident(
        blocks,
        limits.argmin(axis=0),
        blocks * warps / most_warps,
        np.minimum(held, 1.0),
        np.minimum(launched, 1.0),
    )


def _up(values: Ints, unit: Ints | np.int64) -> Ints:
    rounded: Ints = -(-values // unit) * unit
    return rounded


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
    known = measured.filter(
        pc.field("most_registers").is_valid() & pc.field("registers").is_valid()
        & pc.field("most_threads").is_valid() & pc.field("most_shared_bytes").is_valid()
        & pc.field("compute_major").is_valid() & (pc.field("threads") > 0)
    )  # fmt: skip
    table = _table(known)
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


_COLUMNS = (
    "blocks", "threads", "registers", "shared_bytes", "compute_major", "compute_minor",
    "multiprocessors", "warp_threads", "most_threads", "most_registers", "most_shared_bytes",
)  # fmt: skip


def _table(known: pa.Table) -> pa.Table:
    filled = known.set_column(
        known.schema.get_field_index("compute_minor"), "compute_minor",
        pc.fill_null(known["compute_minor"], 0),
    )  # fmt: skip
    found = resident({column: _ints(filled, column) for column in _COLUMNS})
    limits = pa.array(LIMITS).take(pa.array(found.limit))
    kept = ("device_id", "name", "blocks", "threads", "registers", "shared_bytes", "calls",
            "total_dur")  # fmt: skip
    columns = {column: known[column] for column in kept}
    columns |= {
        "resident_blocks": pa.array(found.blocks),
        "limited_by": limits,
        "theoretical_ratio": pa.array(found.theoretical),
        "achieved_ratio": pa.array(found.achieved),
        "fill_ratio": pa.array(found.fill),
    }
    return pa.table(columns)


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
            "gpu_kernel",
            {"trace": device["trace"], "device_id": device["device_id"]},
            "dur > 0",
            "block_x IS NOT NULL",
            f"grid_x::BIGINT * grid_y * grid_z < {device['multiprocessors']}",
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
