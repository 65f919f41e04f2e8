"""Measure what steps leave allocated: by block, and by the lowest level of each."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from traceql.analyses import _period, _warmup
from traceql.analyses.memory import _replay

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceql.model.protocols import Tables

    Int64 = NDArray[np.int64]

LEAST_STEPS = 8
_LONGEST = 65_536
_LEAST_MATCH = 0.9
_LEAST_SHARE = 0.2
_LEAST_HIT = 5
_QUARTERS = 4

SCHEMA = pa.schema(
    [
        pa.field("row", pa.string(), nullable=False),  # device, floor or site
        pa.field("device_id", pa.int64()),
        pa.field("site", pa.string()),
        pa.field("source", pa.string()),
        pa.field("step", pa.int64()),
        pa.field("ts", pa.int64()),
        pa.field("end_ts", pa.int64()),
        pa.field("bytes", pa.int64()),
        pa.field("size_bytes", pa.int64()),
        pa.field("count", pa.int64()),
        pa.field("step_count", pa.int64()),
        pa.field("hit_count", pa.int64()),
        pa.field("peak_bytes", pa.int64()),
        pa.field("end_bytes", pa.int64()),
        pa.field("limit_bytes", pa.int64()),
        pa.field("basis", pa.string()),
        pa.field("age_p50_dur", pa.int64()),
    ]
)


def measure(tables: Tables, age: int) -> pa.Table:
    """Measure one device.

    Args:
        tables: allocation (of one device, by ts and id; may be empty), device, iteration.
        age: steps for which a block must have been left.

    Returns:
        SCHEMA: a row `device`; a row `floor` per step with its lowest level; a row `site` for each
        that leaks: blocks and bytes left over `step_count` steps, in `hit_count` of them.
    """
    table = tables["allocation"]
    if not table.num_rows:
        return SCHEMA.empty_table()
    number = table["device_id"][0].as_py()
    limits = {row["device_id"]: row["memory_bytes"] for row in tables["device"].to_pylist()}
    given = _replay.events(table)
    found = _replay.replay(given)
    bounds, source = _steps(given, tables["iteration"])
    device = {
        "row": "device",
        "source": source,
        "basis": found.basis,
        "peak_bytes": max(int(found.level.max()), found.base),
        "end_bytes": int(found.level[-1]),
        "limit_bytes": limits.get(number),
        "step_count": max(len(bounds) - 1, 0),
        "count": len(given.ts),
    }
    rows = [device]
    if len(bounds) > LEAST_STEPS:
        first, last = int(bounds[0]), int(bounds[-1])
        device |= {"ts": int(given.ts[first]), "end_ts": int(given.ts[last - 1])}
        device["count"] = last - first
        rows += _floors(given, found, bounds)
        rows += _sites(given, found, bounds, age)
    return pa.Table.from_pylist([{**row, "device_id": number} for row in rows], SCHEMA)


def _steps(given: _replay.Events, iteration: pa.Table) -> tuple[Int64, str]:
    """Give the places of the events where steps begin, and where the last ends."""
    steady = _warmup.steady(iteration) if iteration.num_rows else None
    if steady is not None:
        main = _warmup.of_main_track(iteration)
        ts, dur = main["ts"].to_numpy(), main["dur"].to_numpy()
        ts, dur = ts[ts >= steady.start], dur[ts >= steady.start]
        edges = np.append(ts, ts[-1] + dur[-1])
        bounds = np.searchsorted(given.ts, edges)
        if (np.diff(bounds) > 0).mean() > 0.5:  # the steps allocate
            return bounds, "steps"
    return _cycles(given), "cycles"


def _cycles(given: _replay.Events) -> Int64:
    """Cut events where their sequence of sites and sizes repeats; the first cycle is warm-up."""
    signed = np.where(given.is_alloc, given.bytes + 1, -given.bytes - 1)
    _, symbol = np.unique(np.stack([given.site, signed]), axis=1, return_inverse=True)
    period, match = _period.of_symbols(symbol.ravel()[:_LONGEST].astype(np.int64))
    if not period or match < _LEAST_MATCH:
        return np.empty(0, np.int64)
    # A phase that begins after the first event needs no start: any is as good for floors.
    return np.arange(period, len(given.ts) + 1, period)


def _floors(given: _replay.Events, found: _replay.Replay, bounds: Int64) -> list[dict[str, Any]]:
    level = np.append(found.base, found.level)
    rows = []
    for step, (low, high) in enumerate(zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)):
        floor = int(level[low : high + 1].min())  # steps: some thousands
        at = int(given.ts[min(low, len(given.ts) - 1)])
        rows.append({"row": "floor", "step": step, "bytes": floor, "ts": at})
    return rows


def _sites(
    given: _replay.Events, found: _replay.Replay, bounds: Int64, age: int
) -> list[dict[str, Any]]:
    """Sum the blocks that were left for `age` steps, of sites that leave some all the time."""
    steps = len(bounds) - 1 - age
    if steps < _LEAST_HIT:
        return []
    low, high = int(bounds[0]), int(bounds[steps])
    left = np.flatnonzero(found.dies[low:high] == _replay.NEVER) + low
    left = left[given.bytes[left] > 0]
    step = np.searchsorted(bounds, left, side="right") - 1
    rows = []
    order = np.lexsort((left, given.bytes[left], given.site[left]))
    left, step = left[order], step[order]
    site, size = given.site[left], given.bytes[left]
    for first, end in _runs(site):  # sites: some hundreds
        kept = [
            (int(size[first + a]), slice(first + a, first + b))
            for a, b in _runs(size[first:end])
            if b - a >= _LEAST_HIT and _is_regular(step[first + a : first + b], steps)
        ]
        # Of one size, what leaks is told from what the same site caches.
        chosen: list[tuple[int | None, slice]] = [*kept]
        if not kept and _is_regular(step[first:end], steps):
            chosen = [(None, slice(first, end))]
        for block_bytes, place in chosen:
            blocks = left[place]
            rows.append(
                {
                    "row": "site",
                    "site": given.sites[int(site[first])],
                    "size_bytes": block_bytes,
                    "ts": int(given.ts[low]),
                    "end_ts": int(given.ts[high - 1]),
                    "bytes": int(given.bytes[blocks].sum()),
                    "count": len(blocks),
                    "step_count": steps,
                    "hit_count": len(np.unique(step[place])),
                    "age_p50_dur": int(np.median(given.ts[-1] - given.ts[blocks])),
                }
            )
    return rows


def _runs(values: Int64) -> list[tuple[int, int]]:
    """Give where equal values begin and end."""
    if not len(values):
        return []
    edges = np.flatnonzero(np.diff(values)) + 1
    bounds = [0, *edges.tolist(), len(values)]
    return list(itertools.pairwise(bounds))


def _is_regular(step: Int64, steps: int) -> bool:
    """Say whether something is left all the time: often enough, and in every quarter."""
    hit = np.unique(step)
    spread = np.unique(hit * _QUARTERS // steps)
    return len(hit) >= max(_LEAST_HIT, _LEAST_SHARE * steps) and len(spread) == _QUARTERS
