"""How much of each stretch of time a device was in use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from traceql.analyses import _evidence
from traceql.analyses.gpu.rule import _finding
from traceql.kernels import intervals
from traceql.model.units import format_ns, format_ratio

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceql.model.result import Finding, Result

SHOWN = pa.schema(
    [
        ("device_id", pa.int64()),
        ("ts", pa.int64()),
        ("dur", pa.int64()),
        ("in_use_ratio", pa.float64()),
        ("idle_dur", pa.int64()),
    ]
)
"""A row per stretch."""
SCHEMA = pa.schema(
    [
        ("row", pa.string()),  # device or stretch
        *SHOWN,
        ("count", pa.int64()),
        ("low", pa.list_(pa.int64())),
        ("high", pa.list_(pa.int64())),
    ]
)
"""`low` and `high` of a device: operations of its stretches are those with
ts < high and ts + dur > low of one of the pairs."""


def measure(ops: pa.Table, chunks: int, least_use: float) -> pa.Table:
    """Measure one device.

    Args:
        ops: ts, end_ts, device_id, ascending by ts; may be empty.
        chunks: as the analysis.
        least_use: as the analysis.

    Returns:
        SCHEMA: a row `device` and a row per `stretch`.
    """
    if not ops.num_rows:
        return SCHEMA.empty_table()
    ts, end = ops["ts"].to_numpy(), ops["end_ts"].to_numpy()
    start, stop = int(ts[0]), int(end.max())
    width = max(-(-(stop - start) // max(chunks, 1)), 1)
    edges = np.arange(start, stop, width, dtype=np.int64)
    whole = np.minimum(edges + width, stop) - edges
    covered = intervals.coverage_by_bin(ts, end, start, width, len(edges))
    used = _lengths_in(ts, end, np.append(edges, stop))
    is_low = used < least_use * whole
    device = ops["device_id"][0].as_py()
    rows = []
    bounds = np.flatnonzero(np.diff(np.concatenate(([False], is_low, [False])).astype(np.int8)))
    for first, last in bounds.reshape(-1, 2).tolist():  # at most half as many as chunks
        length = int(whole[first:last].sum())
        rows.append(
            {
                "row": "stretch",
                "device_id": device,
                "ts": int(edges[first]),
                "dur": length,
                "in_use_ratio": float(used[first:last].sum()) / length,
                "idle_dur": length - int(covered[first:last].sum()),
            }
        )
    low = [_reach(ts, end, row) for row in rows]
    touched = np.zeros(len(ts), np.bool_)
    for a, b in low:
        touched |= (ts < b) & (end > a)
    rows.append(
        {
            "row": "device",
            "device_id": device,
            "ts": start,
            "dur": stop - start,
            "idle_dur": sum(row["idle_dur"] for row in rows),
            "count": int(touched.sum()),
            "low": [a for a, _ in low],
            "high": [b for _, b in low],
        }
    )
    return pa.Table.from_pylist(rows, SCHEMA)


def _lengths_in(
    ts: NDArray[np.int64], end: NDArray[np.int64], edges: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Sum per chunk the lengths of intervals in it, each on its own.

    The time that intervals have had until t is the sum of (t - ts) over those begun, less the sum
    of (t - end) over those ended.
    """
    stops = np.sort(end)
    begun, ended = np.searchsorted(ts, edges), np.searchsorted(stops, edges)
    sum_ts, sum_end = np.append(0, np.cumsum(ts - ts[0])), np.append(0, np.cumsum(stops - ts[0]))
    at = edges - ts[0]
    had = (begun * at - sum_ts[begun]) - (ended * at - sum_end[ended])
    return np.asarray(np.diff(had), np.int64)


def _reach(ts: NDArray[np.int64], end: NDArray[np.int64], row: Mapping[str, Any]) -> list[int]:
    """Widen a stretch without any operation to those beside it, so that there is evidence."""
    low, high = row["ts"], row["ts"] + row["dur"]
    if ((ts < high) & (end > low)).any():
        return [low, high]
    # The first operation starts where the first stretch does, and the last one ends with the last.
    return [int(end[end <= low].max()) - 1, int(ts[ts >= high].min()) + 1]


def conclude(name: str, measured: pa.Table, least_ratio: float) -> Result:
    """Make the Result.

    Args:
        name: of the analysis.
        measured: SCHEMA, then trace.
        least_ratio: as the analysis.
    """
    devices = measured.filter(pc.field("row") == "device").to_pylist()  # devices: few
    if not devices:
        return _finding.nothing_to_see(name)
    stretches = measured.filter(pc.field("row") == "stretch").to_pylist()  # chunks: few

    def make(row: Mapping[str, Any]) -> Finding | None:
        if row["idle_dur"] < max(least_ratio * row["dur"], 1):
            return None
        mine = [s for s in stretches if s["device_id"] == row["device_id"]]
        return _of(name, row, mine)

    found = _finding.result(
        name, "device", devices, SHOWN, "", make, "Every device was in use all the time."
    )
    return _finding.shown(found, "stretch", stretches, SHOWN, "Times of little use")


def _of(name: str, row: Mapping[str, Any], stretches: list[dict[str, Any]]) -> Finding:
    subject = _finding.label(row["device_id"])
    length = sum(s["dur"] for s in stretches)
    used = sum(s["in_use_ratio"] * s["dur"] for s in stretches) / length
    reached = " OR ".join(
        f"(ts < {high} AND ts + dur > {low})"
        for low, high in zip(row["low"], row["high"], strict=True)
    )
    where = {"trace": row["trace"], "device_id": row["device_id"]}
    within = f"ts BETWEEN {row['ts']} AND {row['ts'] + row['dur']}"
    return _finding.finding(
        name,
        {"trace": row["trace"], "ts": row["ts"], "dur": row["dur"], "count": row["count"]},
        row["idle_dur"],
        row["dur"],
        kind="low_use",
        subject_type="device",
        subject=subject,
        subject_id=row["device_id"],
        message=f"{subject.capitalize()} was in use {format_ratio(used)} of "
        f"{format_ns(length)} in {len(stretches)} stretches; "
        f"{_finding.saving(row['idle_dur'], row['dur'])}.",
        evidence_sql=_evidence.select("gpu_slice", where, within, "dur <> -1", f"({reached})"),
        recommendation="Give the device more to do at these times: larger batches, more streams, "
        "or host work moved off the thread that launches.",
    )
