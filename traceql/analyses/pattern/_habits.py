"""Match rules against the operations of one device: what idles, or is exposed, because of what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from traceql.analyses import _warmup
from traceql.analyses.gpu.rule import _gaps
from traceql.kernels import intervals

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceql.model.protocols import Tables

    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

KERNEL, COPY = range(2)
SMALL_BYTES = 1 << 16
LEAST_SMALL = 50
LEAST_SLOPE = 1.2

_FEWEST_CALLS = 10
_LEAST_SHORT = 0.1
_LEAST_WAITING = 8
_FEWEST_PAIRS = 20
_SHORT_GAPS = 10
_FEWEST_GRIDS = 6
_GRID_RANGE = 8
_MISSING = -(1 << 63)

SCHEMA = pa.schema(
    [
        ("device_id", pa.int64()), ("rule", pa.string()), ("n_events", pa.int64()),
        ("gain_dur", pa.int64()), ("shared_dur", pa.int64()), ("threshold", pa.int64()),
        ("name", pa.string()),
        ("slope", pa.float64()), ("slope_low", pa.float64()), ("slope_high", pa.float64()),
        ("ts", pa.int64()), ("end_ts", pa.int64()), ("from_ts", pa.int64()),
        ("last_ts", pa.int64()),
        ("idle_dur", pa.int64()), ("exposed_dur", pa.int64()), ("op_count", pa.int64()),
        ("upids", pa.list_(pa.int64())),
    ]
)  # fmt: skip


class _Device(NamedTuple):
    """Operations of a device, ascending by start.

    Attributes:
        gap: idle time of the device directly before the operation. idle_from: when that began.
        late: launched after the device had fallen idle.
        told: copies whose exposed time `gpu.rule.cuda_memcpy_async` or `…_sync` tells of.
    """

    ts: Ints
    end: Ints
    kind: Ints
    bytes: Ints
    blocks: Ints
    name_id: Ints
    stream: Ints
    launch_dur: Ints
    elementwise: Bools
    told: Bools
    gap: Ints
    idle_from: Ints
    late: Bools


class _Idle(NamedTuple):
    """Idle times of a device.

    Attributes:
        known: those that `gpu.rule.gpu_gaps` or `gpu.rule.cuda_api_sync` tells of.
        is_known: whether the gap before an operation is one of them.
    """

    known: intervals.Intervals
    is_known: Bools


def measure(tables: Tables) -> pa.Table:
    """Match the rules against one device.

    Args:
        tables: iteration, and the inputs of `pattern.opportunities`, the operations of one device.

    Returns:
        SCHEMA: a row `device`, and one for each rule that has cases.
    """
    ops = tables["ops"]
    if not ops.num_rows:
        return SCHEMA.empty_table()
    device = _read(ops, tables["name"])
    upids = sorted(u for u in ops["upid"].unique().to_pylist() if u is not None)
    start, end = int(device.ts[0]), int(device.end.max())
    idle = intervals.gaps(device.ts, device.end)
    base = {
        "device_id": ops["device_id"][0].as_py(), "ts": start, "end_ts": end, "from_ts": start,
        "last_ts": int(device.ts[-1]),
        "idle_dur": int((idle.end - idle.ts).sum()), "op_count": ops.num_rows, "upids": upids,
        "exposed_dur": _exposed(device, device.kind != KERNEL),
    }  # fmt: skip
    steady = _warmup.steady(tables["iteration"])
    calls = _calls(tables["call"], upids, start, int(device.ts[-1]))
    known = _known(device, calls["sync"], tables["iteration"], end - start)
    held, pooling = _pooling(
        calls["allocation"], idle, known.known,
        max(start, steady.start) if steady else (start + end) // 2,
    )  # fmt: skip
    rows = [
        *pooling, *_launches(device, known, held), *_small_copies(device),
        *_growth(device, tables["name"]),
    ]  # fmt: skip
    none = {"gain_dur": 0, "shared_dur": 0}
    return pa.Table.from_pylist(
        [{**base, **none, "rule": "device"}, *({**base, **none, **row} for row in rows)], SCHEMA
    )


def _read(ops: pa.Table, names: pa.Table) -> _Device:
    def ints(column: str) -> Ints:
        values = ops[column].combine_chunks().cast(pa.int64()).fill_null(_MISSING)
        return np.asarray(values.to_numpy(zero_copy_only=False), np.int64)

    def of_names(column: str, name_id: Ints) -> Bools:
        chosen = names["id"].to_numpy()[names[column].to_numpy(zero_copy_only=False).astype(bool)]
        return np.isin(name_id, chosen)

    ts, end, launch_ts = ints("ts"), ints("end_ts"), ints("launch_ts")
    before = np.concatenate((ts[:1], np.maximum.accumulate(end)[:-1]))
    gap = np.maximum(ts - before, 0)
    called = ints("launch_name_id")
    told = (ints("is_pageable").astype(bool) & of_names("is_async_copy", called)) | (
        ~ints("is_passed").astype(bool) & of_names("is_sync_copy", called)
    )
    return _Device(
        ts, end, ints("kind"), ints("bytes"), ints("blocks"), ints("name_id"), ints("stream_id"),
        ints("launch_dur"), of_names("is_elementwise", ints("name_id")), told,
        gap, before, (launch_ts != _MISSING) & (launch_ts >= before) & (gap > 0),
    )  # fmt: skip


def _exposed(device: _Device, chosen: Bools) -> int:
    """Give the time of the chosen operations in which no kernel runs."""
    kernels = device.kind == KERNEL
    both = kernels | chosen
    covered = intervals.busy(device.ts[both], device.end[both])
    return covered - intervals.busy(device.ts[kernels], device.end[kernels])


def _known(device: _Device, waits: Ints, iterations: pa.Table, span: int) -> _Idle:
    """Find the idle times that the rules of gaps and of waiting calls tell of."""
    known = device.gap > _gaps.long_limit(device.gap[device.gap > 0], iterations, span)
    ts, end = waits
    if len(ts):
        at = np.searchsorted(ts, device.idle_from, side="right") - 1
        until = end[np.maximum(at, 0)]
        known |= (device.gap > 0) & (at >= 0) & (device.idle_from <= until) & (device.ts >= until)
    return _Idle(intervals.Intervals(device.idle_from[known], device.ts[known]), known)


def _launches(
    device: _Device, idle: _Idle, held: intervals.Intervals | None
) -> list[dict[str, Any]]:
    """Elementwise kernels that follow each other, and short ones that wait for their launch.

    A gap is claimed once: what allocating calls hold by pooling, the rest by fusion, then by
    launching.
    """
    kernels = device.kind == KERNEL
    rows = []
    chosen = device.elementwise & kernels
    near = np.zeros(len(chosen), bool)
    near[1:] = chosen[1:] & chosen[:-1] & (device.stream[1:] == device.stream[:-1])
    if near.sum() >= _FEWEST_PAIRS:
        usual = int(np.median((device.end - device.ts)[chosen]))
        near &= device.gap <= _SHORT_GAPS * max(usual, 1)
        rows.append(_row("fusion", chosen, device, near, idle, held))
    else:
        near[:] = False
    launched = kernels & (device.launch_dur != _MISSING)
    if launched.any():
        usual = int(np.median(device.launch_dur[launched]))
        short = kernels & (device.end - device.ts < usual)
        waiting = short & device.late & (device.gap <= _SHORT_GAPS * max(usual, 1))
        if waiting.sum() >= _LEAST_WAITING and short.sum() >= _LEAST_SHORT * kernels.sum():
            row = _row("launch_bound", short, device, waiting & ~near, idle, held)
            rows.append({**row, "threshold": usual})
    return rows


def _row(
    rule: str, cases: Bools, device: _Device, claimed: Bools, idle: _Idle,
    held: intervals.Intervals | None,
) -> dict[str, Any]:  # fmt: skip
    def length(chosen: Bools) -> int:
        gaps = intervals.Intervals(device.idle_from[chosen], device.ts[chosen])
        taken = intervals.intersect_length(held, gaps) if held is not None else 0
        return int(device.gap[chosen].sum()) - taken

    claimed = claimed & (device.gap > 0)
    return {
        "rule": rule, "n_events": int(cases.sum()), "gain_dur": length(claimed),
        "shared_dur": length(claimed & idle.is_known), "threshold": 0,
    }  # fmt: skip


def _small_copies(device: _Device) -> list[dict[str, Any]]:
    small = (device.kind == COPY) & (device.bytes >= 0) & (device.bytes < SMALL_BYTES)
    if small.sum() < LEAST_SMALL:
        return []
    return [{
        "rule": "small_copies", "n_events": int(small.sum()), "gain_dur": _exposed(device, small),
        "shared_dur": _exposed(device, small & device.told),
    }]  # fmt: skip


def _calls(calls: pa.Table, upids: list[int], start: int, last: int) -> dict[str, Ints]:
    """Give ts and end of the calls of the processes that drive the device, by kind: [2, n]."""
    ts, ends = calls["ts"].to_numpy(), calls["end_ts"].to_numpy()
    upid = calls["upid"].combine_chunks().cast(pa.int64()).fill_null(-1).to_numpy()
    mine = np.isin(upid, upids) & (ts >= start) & (ts <= last)
    found = {}
    for kind in ("sync", "allocation"):
        chosen = mine & calls[f"is_{kind}"].to_numpy(zero_copy_only=False).astype(bool)
        found[kind] = np.stack((ts[chosen], ends[chosen])).astype(np.int64)
    return found


def _pooling(
    calls: Ints, idle: intervals.Intervals, known: intervals.Intervals, start: int
) -> tuple[intervals.Intervals | None, list[dict[str, Any]]]:
    """Calls of steady steps that allocate or free: what they hold of the idle times."""
    ts, end = calls[:, calls[0] >= start]
    if len(ts) < _FEWEST_CALLS:
        return None, []
    held = intervals.union(ts, end)
    return held, [{
        "rule": "pooling", "n_events": len(ts), "from_ts": start,
        "gain_dur": intervals.intersect_length(held, idle),
        "shared_dur": intervals.intersect_length(held, known),
    }]  # fmt: skip


def _growth(device: _Device, texts: pa.Table) -> list[dict[str, Any]]:
    """Kernels whose time grows faster than their grid."""
    from scipy import stats

    known = (device.kind == KERNEL) & (device.blocks > 0) & (device.end > device.ts)
    known_as = dict(zip(texts["id"].to_pylist(), texts["text"].to_pylist(), strict=True))
    rows: list[dict[str, Any]] = []
    if not known.any():
        return rows
    names, places = np.unique(device.name_id[known], return_inverse=True)
    blocks, length = device.blocks[known], (device.end - device.ts)[known]
    order = np.argsort(places, kind="stable")
    for name, mine in zip(
        names.tolist(), np.split(order, np.cumsum(np.bincount(places))[:-1]), strict=True
    ):  # names of kernels: some hundreds
        sizes, at = np.unique(blocks[mine], return_inverse=True)
        if len(sizes) < _FEWEST_GRIDS or sizes[-1] < _GRID_RANGE * sizes[0]:
            continue
        usual = [float(np.median(length[mine][at == i])) for i in range(len(sizes))]
        fit = stats.theilslopes(np.log(usual), np.log(sizes))
        if fit.low_slope > LEAST_SLOPE:
            rows.append({
                "rule": "superlinear", "n_events": len(mine), "gain_dur": 0,
                "name": known_as.get(name),
                "slope": float(fit.slope), "slope_low": float(fit.low_slope),
                "slope_high": float(fit.high_slope), "threshold": int(length[mine].sum()),
            })  # fmt: skip
    return rows
