"""Factors of efficiency."""

from __future__ import annotations

import math
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from traceql.analyses.gpu import _busy
from traceql.model.result import Exhibit, Result, abstain
from traceql.model.units import format_ns, format_ratio

_REMEDY = (
    "Record device activity: with torch.profiler use activities=[CPU, CUDA], with nsys "
    "--trace=cuda, with rocprofv3 --kernel-trace --memory-copy-trace."
)
_COVERED = 0.5

SCHEMA = pa.schema(
    [
        pa.field("device_id", pa.int64()),
        pa.field("ts", pa.int64()),
        pa.field("span_dur", pa.int64()),
        pa.field("busy_dur", pa.int64()),
        pa.field("compute_dur", pa.int64()),
        pa.field("exposed_comm_dur", pa.int64()),
        pa.field("exposed_memcpy_dur", pa.int64()),
        pa.field("occupancy_ratio", pa.float64()),
        pa.field("occupancy_covered_ratio", pa.float64()),
    ]
)


def measure(ops: pa.Table) -> pa.Table:
    """Measure one device.

    Args:
        ops: ts, end_ts, dur, part, occupancy_ratio, device_id, stream_id, launch_ts; by ts; may be
            empty.
    """
    sums = _busy.measure(ops, 0).filter(pc.field("row") == "device").to_pylist()
    if not sums or not sums[0]["span_dur"]:
        return SCHEMA.empty_table()
    kernels = ops.filter(pc.field("part") == _busy.COMPUTE)
    whole = pc.sum(kernels["dur"]).as_py() or 0
    told = kernels.filter(pc.field("occupancy_ratio").is_valid())
    known = pc.sum(told["dur"]).as_py() or 0
    weighted = pc.sum(pc.multiply(told["dur"], told["occupancy_ratio"])).as_py()
    row = {name: sums[0].get(name) for name in SCHEMA.names}
    row["occupancy_ratio"] = weighted / known if known else None
    row["occupancy_covered_ratio"] = known / whole if whole else 0.0
    return pa.Table.from_pylist([row], SCHEMA)


def factors(devices: list[dict[str, Any]]) -> dict[str, float]:
    """Give the factors; see the analysis. The first is the product of the others.

    Args:
        devices: rows of SCHEMA, at least one.
    """
    start = min(d["ts"] for d in devices)
    wall = max(d["ts"] + d["span_dur"] for d in devices) - start
    useful = [d["compute_dur"] for d in devices]
    most = max(devices, key=lambda d: d["compute_dur"])
    mean = sum(useful) / len(useful)
    found = {
        "parallel efficiency": mean / wall,
        "load balance": mean / most["compute_dur"] if most["compute_dur"] else 1.0,
        "presence": most["span_dur"] / wall,
        "busy": most["busy_dur"] / most["span_dur"],
        "compute": most["compute_dur"] / most["busy_dur"] if most["busy_dur"] else 0.0,
    }
    product = math.prod(list(found.values())[1:])
    assert math.isclose(product, found["parallel efficiency"], rel_tol=1e-9, abs_tol=1e-15)
    return found


def conclude(name: str, measured: pa.Table) -> Result:
    """Make the Result of `workload.efficiency`.

    Args:
        name: of the analysis.
        measured: SCHEMA, then trace.
    """
    devices = measured.to_pylist()  # devices: few
    if not devices:
        return abstain(name, "the trace has no device operations with a length", _REMEDY)
    found = factors(devices)
    losing = min(list(found)[1:], key=lambda factor: found[factor])
    rows = [
        {"factor": factor, "ratio": ratio, "lost_ratio": 1 - ratio, "loses_most": factor == losing}
        for factor, ratio in found.items()
    ]
    return Result(
        name,
        tables={
            "factor": pa.Table.from_pylist(rows, _FACTOR),
            "by_device": pa.Table.from_pylist([_row(device) for device in devices], _DEVICE),
        },
        exhibits=(
            Exhibit("factor", "bars", "Efficiency and its factors",
                    {"label": "factor", "value": "ratio"},
                    note="The first is the product of the others."),
            Exhibit("by_device", "table", "Devices"),
        ),
        headline=_headline(found, losing, devices),
    )  # fmt: skip


_FACTOR = pa.schema(
    [
        ("factor", pa.string()), ("ratio", pa.float64()), ("lost_ratio", pa.float64()),
        ("loses_most", pa.bool_()),
    ]
)  # fmt: skip
_DEVICE = pa.schema(
    [
        ("where", pa.string()), ("span_dur", pa.int64()), ("useful_dur", pa.int64()),
        ("busy_ratio", pa.float64()), ("compute_ratio", pa.float64()),
        ("occupancy_ratio", pa.float64()),
    ]
)  # fmt: skip


def _row(device: dict[str, Any]) -> dict[str, Any]:
    number, busy = device["device_id"], device["busy_dur"]
    covered = device["occupancy_covered_ratio"] >= _COVERED
    return {
        "where": "device" if number is None else f"device {number}",
        "span_dur": device["span_dur"],
        "useful_dur": device["compute_dur"],
        "busy_ratio": busy / device["span_dur"],
        "compute_ratio": device["compute_dur"] / busy if busy else None,
        "occupancy_ratio": device["occupancy_ratio"] if covered else None,
    }


def _headline(found: dict[str, float], losing: str, devices: list[dict[str, Any]]) -> str:
    count = f"{len(devices)} devices compute" if len(devices) > 1 else "The device computes"
    start = min(d["ts"] for d in devices)
    wall = max(d["ts"] + d["span_dur"] for d in devices) - start
    parts = " x ".join(
        f"{factor} {format_ratio(ratio)}"
        for factor, ratio in list(found.items())[1:]
        if ratio < 1 or factor == "busy"
    )
    text = f"{count} {format_ratio(found['parallel efficiency'])} of {format_ns(wall)}: {parts}"
    return f"{text}; {losing} loses most." if found[losing] < 1 else f"{text}."
