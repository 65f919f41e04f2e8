"""Kinds of work by name, and the steadiness of steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from traceql.analyses import _warmup
from traceql.model.result import Exhibit, Result, abstain
from traceql.model.units import format_ns, format_ratio

if TYPE_CHECKING:
    from traceql.model.protocols import Tables

_REMEDY = (
    "Record device activity: with torch.profiler use activities=[CPU, CUDA], with nsys "
    "--trace=cuda, with rocprofv3 --kernel-trace --memory-copy-trace."
)
_NORMAL = 1.4826
_SOME_SHORT = 0.1


def measure(tables: Tables) -> pa.Table:
    """Add to the sums of `op` the number of steady steps, their median and variation."""
    op, iteration = tables["op"], tables["iteration"]
    steady = _warmup.steady(iteration) if iteration.num_rows else None
    count, middle, variation = 0, None, None
    if steady is not None:
        main = _warmup.of_main_track(iteration)
        dur = main["dur"].to_numpy()[main["ts"].to_numpy() >= steady.start].astype(float)
        count, middle = len(dur), float(np.median(dur))
        variation = _NORMAL * float(np.median(np.abs(dur - middle))) / middle if middle else None
    rows = op.num_rows
    for name, value, kind in (
        ("step_count", count, pa.int64()),
        ("step_dur", middle, pa.float64()),
        ("step_variation", variation, pa.float64()),
    ):
        op = op.append_column(name, pa.array([value] * rows, kind))
    return op


def conclude(name: str, measured: pa.Table, short_ns: int) -> Result:
    """Make the Result of `workload.profile`.

    Args:
        name: of the analysis.
        measured: device_id, class, ops, total_dur, p50_dur, short_count, short_dur, bytes, example,
            step_count, step_dur, step_variation, trace.
        short_ns: as the analysis.
    """
    rows = measured.to_pylist()  # a dozen per device
    whole = sum(row["total_dur"] for row in rows)
    if not whole:
        return abstain(name, "the trace has no device operations with a length", _REMEDY)
    table = [
        {
            "where": "device" if row["device_id"] is None else f"device {row['device_id']}",
            "kind": row["class"],
            "op_count": row["ops"],
            "total_dur": row["total_dur"],
            "time_ratio": row["total_dur"] / whole,
            "p50_dur": row["p50_dur"],
            "short_ratio": row["short_count"] / row["ops"],
            "moved_bytes": row["bytes"],
            "example": row["example"],
        }
        for row in rows
    ]
    table.sort(key=lambda row: (-row["total_dur"], row["where"], row["kind"]))
    return Result(
        name,
        tables={"kind": pa.Table.from_pylist(table, _KIND)},
        exhibits=(
            Exhibit("kind", "bars", "Device time by kind of work",
                    {"label": "kind", "value": "total_dur"},
                    note="Told by words in the names of kernels."),
        ),
        headline=_headline(rows, whole, short_ns),
    )  # fmt: skip


_KIND = pa.schema(
    [
        ("where", pa.string()), ("kind", pa.string()), ("op_count", pa.int64()),
        ("total_dur", pa.int64()), ("time_ratio", pa.float64()), ("p50_dur", pa.int64()),
        ("short_ratio", pa.float64()), ("moved_bytes", pa.int64()), ("example", pa.string()),
    ]
)  # fmt: skip


def _headline(rows: list[dict[str, Any]], whole: int, short_ns: int) -> str:
    sums: dict[str, int] = {}
    for row in rows:
        sums[row["class"]] = sums.get(row["class"], 0) + row["total_dur"]
    ranked = sorted(sums.items(), key=lambda pair: (-pair[1], pair[0]))[:3]
    text = ", ".join(f"{kind} {format_ratio(total / whole)}" for kind, total in ranked)
    ops, short = sum(row["ops"] for row in rows), sum(row["short_count"] for row in rows)
    said = [f"Device time is {text}"]
    if short >= _SOME_SHORT * ops:
        said.append(
            f"{format_ratio(short / ops)} of the work is shorter than {format_ns(short_ns)}"
        )
    first = rows[0]
    if first["step_variation"] is not None:
        said.append(
            f"{first['step_count']:,} steps of {format_ns(first['step_dur'])} vary by "
            f"{format_ratio(first['step_variation'])}"
        )
    return f"{'; '.join(said)}."
