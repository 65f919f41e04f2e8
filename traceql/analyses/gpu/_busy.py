"""Measure how one device and its streams spent their time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from traceql.kernels import intervals

if TYPE_CHECKING:
    from numpy.typing import NDArray

COMPUTE, COMM, COPY, FILL = range(4)
"""Values of the input column `part`."""

KEPT_GAPS = 100
"""Longest gaps of a device that are kept."""

TIMES = (
    "span_dur", "busy_dur", "idle_dur", "kernel_dur", "compute_dur", "comm_dur", "overlap_dur",
    "memcpy_dur", "memset_dur", "exposed_comm_dur", "exposed_memcpy_dur", "exposed_memset_dur",
    "host_wait_dur", "kernel_wait_dur", "other_wait_dur",
)  # fmt: skip
COUNTS = (
    "op_count", "comm_count", "memcpy_count", "gap_count", "host_wait_count", "kernel_wait_count",
    "other_wait_count",
)  # fmt: skip
SCHEMA = pa.schema(
    [
        pa.field("row", pa.string(), nullable=False),  # device, stream or gap
        pa.field("device_id", pa.int64()),
        pa.field("stream_id", pa.int64()),
        pa.field("ts", pa.int64()),
        *(pa.field(name, pa.int64()) for name in TIMES + COUNTS),
    ]
)


def measure(ops: pa.Table, kernel_wait_ns: int) -> pa.Table:
    """Measure one device.

    Args:
        ops: ts, end_ts, launch_ts (ns), device_id, stream_id, part; ascending by ts; may be empty.
        kernel_wait_ns: see the analysis.

    Returns:
        SCHEMA: a row `device`, a row per `stream`, and up to KEPT_GAPS rows `gap` (ts; span_dur is
        the length), longest first.
    """
    if not ops.num_rows:
        return SCHEMA.empty_table()
    device = ops.column("device_id")[0].as_py()
    ts, end = _ints(ops, "ts"), _ints(ops, "end_ts")
    part, stream = _ints(ops, "part"), _ints(ops, "stream_id")
    launch = _ints(ops, "launch_ts")
    rows = [_times(ts, end, part) | {"row": "device", "device_id": device}]
    found = ops.column("stream_id").unique().to_pylist()
    for number in sorted(found, key=lambda s: (s is None, s)):  # streams of one device: few
        mine = stream == (_MISSING if number is None else number)
        row = _times(ts[mine], end[mine], part[mine])
        row |= _waits(ts[mine], end[mine], launch[mine], kernel_wait_ns)
        rows.append(row | {"row": "stream", "device_id": device, "stream_id": number})
    rows[0] |= _total(rows[1:])
    rows += [gap | {"device_id": device} for gap in _gaps(ts, end)]
    return pa.Table.from_pylist(rows, SCHEMA)


_MISSING = -(1 << 63)


def _ints(table: pa.Table, column: str) -> NDArray[np.int64]:
    values = table.column(column).combine_chunks().cast(pa.int64()).fill_null(_MISSING)
    return np.asarray(values.to_numpy(zero_copy_only=False), np.int64)


def _times(
    ts: NDArray[np.int64], end: NDArray[np.int64], part: NDArray[np.int64]
) -> dict[str, Any]:
    """Give lengths of unions; |a without b| is |a or b| less |b|."""

    def length(*parts: int) -> int:
        wanted = np.isin(part, parts)
        return intervals.busy(ts[wanted], end[wanted])

    span = int(end.max() - ts[0])
    compute, kernels = length(COMPUTE), length(COMPUTE, COMM)
    comm, copies = length(COMM), length(COMPUTE, COMM, COPY)
    busy = length(COMPUTE, COMM, COPY, FILL)
    return {
        "ts": int(ts[0]),
        "span_dur": span,
        "busy_dur": busy,
        "idle_dur": span - busy,
        "kernel_dur": kernels,
        "compute_dur": compute,
        "comm_dur": comm,
        "overlap_dur": compute + comm - kernels,
        "memcpy_dur": length(COPY),
        "memset_dur": length(FILL),
        "exposed_comm_dur": kernels - compute,
        "exposed_memcpy_dur": copies - kernels,
        "exposed_memset_dur": busy - copies,
        "op_count": len(ts),
        "comm_count": int((part == COMM).sum()),
        "memcpy_count": int((part == COPY).sum()),
        "gap_count": len(intervals.gaps(ts, end).ts),
    }


def _waits(
    ts: NDArray[np.int64], end: NDArray[np.int64], launch: NDArray[np.int64], kernel_wait_ns: int
) -> dict[str, int]:
    """Say why the stream waited, gap by gap."""
    last_end = np.maximum.accumulate(end)[:-1]
    gap = ts[1:] - last_end
    waited = gap > 0
    host = waited & (launch[1:] != _MISSING) & (launch[1:] > last_end)
    own = waited & ~host & (gap < kernel_wait_ns)
    found: dict[str, int] = {}
    for name, chosen in (("host", host), ("kernel", own), ("other", waited & ~host & ~own)):
        found[f"{name}_wait_dur"] = int(gap[chosen].sum())
        found[f"{name}_wait_count"] = int(chosen.sum())
    return found


def _total(streams: list[dict[str, Any]]) -> dict[str, int]:
    names = [name for name in TIMES + COUNTS if "_wait_" in name]
    return {name: sum(row[name] for row in streams) for name in names}


def _gaps(ts: NDArray[np.int64], end: NDArray[np.int64]) -> list[dict[str, Any]]:
    found = intervals.gaps(ts, end)
    length = found.end - found.ts
    longest = np.lexsort((found.ts, -length))[:KEPT_GAPS]
    return [
        {"row": "gap", "ts": int(found.ts[i]), "span_dur": int(length[i])} for i in longest.tolist()
    ]
