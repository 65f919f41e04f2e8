"""Series over the steps of a program: time of every operation, counters, copies, memory."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from traceql.analyses import _evidence, _warmup
from traceql.analyses._series_sql import (
    COPIES,
    COUNTER,
    DEVICE,
    HOST,
    MEMORY,
    SHIFT,
    STEP,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceql.model.protocols import Tables

    Floats = NDArray[np.float64]

KINDS = ("host op", "device op", "counter", "copies", "memory", "step")
UNITS = ("ns", "ns", "", "bytes", "bytes", "ns")
SCHEMA = pa.schema(
    [
        ("kind", pa.int8()), ("key", pa.int64()), ("name", pa.string()), ("unit", pa.string()),
        ("values", pa.list_(pa.float64())), ("steps", pa.list_(pa.int64())),
        ("n_events", pa.int64()), ("start_ts", pa.int64()), ("end_ts", pa.int64()),
        ("track_id", pa.int32()), ("markers", pa.list_(pa.string())),
    ]
)  # fmt: skip


class Steps(NamedTuple):
    """The steps that are not warm-up, in order.

    Attributes:
        ts, dur: int64 [n]. track_id: on which they were found.
        markers: names of the markers without their numbers; empty where they were inferred.
    """

    ts: NDArray[np.int64]
    dur: NDArray[np.int64]
    track_id: int
    markers: tuple[str, ...]


def steps_of(iteration: pa.Table) -> Steps | None:
    """Give the steps of the track with most of them, without warm-up; None without any.

    Args:
        iteration: rows of the table `iteration`.
    """
    steady = _warmup.steady(iteration)
    if steady is None:
        return None
    track = iteration["track_id"].to_numpy()
    tracks, counts = np.unique(track, return_counts=True)
    best = int(tracks[counts.argmax()])
    ts, dur = iteration["ts"].to_numpy(), iteration["dur"].to_numpy()
    mine = np.flatnonzero((track == best) & (ts >= steady.start))
    mine = mine[np.argsort(ts[mine], kind="stable")]
    names = iteration["name"].take(pa.array(mine)).to_pylist()  # steps: some thousands
    prefixes = {re.sub(r"\d+$", "", name) for name in names if name}
    return Steps(ts[mine], dur[mine], best, tuple(sorted(prefixes)))


def measure(tables: Tables) -> pa.Table:
    """Reduce the events of one series to one value a step.

    Times and bytes are summed by when the work was issued, counters averaged over time (a value
    holds until the next), memory is at its peak.

    Args:
        tables: iteration, event (EVENTS of `_series_sql`, of one series), name, counter (COUNTERS).

    Returns:
        SCHEMA, at most one row for the series and, with the first series, one for the steps.
    """
    steps = steps_of(tables["iteration"])
    event = tables["event"]
    if steps is None or not event.num_rows:
        return SCHEMA.empty_table()
    series = int(event["series"][0].as_py())
    kind, key = series >> SHIFT, (series & ((1 << SHIFT) - 1)) - 1
    ts, value = event["ts"].to_numpy(), event["value"].to_numpy()
    issued = event["issued_ts"].to_numpy()
    level = kind in {COUNTER, MEMORY}
    values = (_levels if level else _sums)(steps, issued, value, peak=kind == MEMORY)
    if values is None:
        return SCHEMA.empty_table()
    name, unit = _named(tables, kind, key)
    start, end = int(steps.ts[0]), int((steps.ts + steps.dur).max())
    row = {
        "kind": kind, "key": key, "name": name, "unit": unit, "values": values.tolist(),
        "steps": steps.dur.tolist(), "n_events": int(((ts >= start) & (ts < end)).sum()),
        "start_ts": start, "end_ts": end, "track_id": steps.track_id,
        "markers": list(steps.markers),
    }  # fmt: skip
    return pa.Table.from_pylist([row], SCHEMA)


def _sums(steps: Steps, ts: Any, value: Any, *, peak: bool) -> Floats | None:
    del peak
    place = np.searchsorted(steps.ts, ts, side="right") - 1
    inside = (place >= 0) & (ts < steps.ts[place] + steps.dur[place])
    return np.bincount(place[inside], value[inside], len(steps.ts)).astype(np.float64)


def _levels(steps: Steps, ts: Any, value: Any, *, peak: bool) -> Floats | None:
    """Give the mean over time, or the peak, of a value that holds until the next."""
    ends = steps.ts + steps.dur
    first, last = np.searchsorted(ts, steps.ts, "right") - 1, np.searchsorted(ts, ends, "left")
    if first[0] < 0:  # nothing is known of the first steps
        return None
    if peak:
        tops = [value[a:b].max() for a, b in zip(first, np.maximum(last, first + 1), strict=True)]
        return np.array(tops, np.float64)
    area = np.concatenate(([0.0], np.cumsum(value[:-1] * np.diff(ts))))

    def until(when: Any) -> Any:
        at = np.searchsorted(ts, when, "right") - 1
        return area[at] + value[at] * (when - ts[at])

    return np.asarray((until(ends) - until(steps.ts)) / np.maximum(steps.dur, 1))


def _named(tables: Tables, kind: int, key: int) -> tuple[str, str]:
    if kind in {HOST, DEVICE}:
        texts = dict(zip(*(tables["name"][c].to_pylist() for c in ("id", "text")), strict=True))
        return texts.get(key) or "(no name)", "ns"
    if kind == COUNTER:
        for row in tables["counter"].to_pylist():  # tracks: some hundreds
            if row["id"] == key:
                return row["name"] or f"counter {key}", row["unit"] or ""
    if kind == MEMORY:
        return ("host memory" if key < 0 else f"memory of device {key}"), "bytes"
    return "bytes copied", "bytes"


def series_of(measured: pa.Table) -> list[dict[str, Any]]:
    """Give the series of one trace, the lengths of its steps first.

    Args:
        measured: SCHEMA, then trace.
    """
    rows = measured.to_pylist()  # at most some hundred series
    if not rows:
        return []
    largest = max((r for r in rows if r["kind"] in {HOST, DEVICE}),
                  key=lambda r: sum(r["values"]), default=None)  # fmt: skip
    first = rows[0]
    step = {**first, "kind": STEP, "key": 0, "name": "step", "unit": "ns",
            "values": [float(v) for v in first["steps"]], "largest": largest}  # fmt: skip
    if first["markers"]:
        step["n_events"] = len(first["steps"])
    elif largest is not None:
        step["n_events"] = largest["n_events"]
    return [step, *rows]


def evidence(row: Mapping[str, Any]) -> str:
    """Write the query for the events of a series between the first and the last step."""
    window = (f"ts >= {row['start_ts']}", f"ts < {row['end_ts']}")
    mine, kind = {"trace": row["trace"]}, row["kind"]
    if kind == STEP and not row["markers"]:
        return evidence(row["largest"])
    if kind == STEP:
        names = ", ".join(_evidence.literal(name) for name in row["markers"])
        return _evidence.select(
            "slice", mine, *window, "dur > 0", f"track_id % 4294967296 = {row['track_id']}",
            f"regexp_replace(name, '\\d+$', '') IN ({names})",
        )  # fmt: skip
    if kind in {HOST, DEVICE}:
        side = (
            ("dur > 0", "id IN (SELECT slice_id FROM gpu_op)")
            if kind == DEVICE
            else ("self_dur > 0", "category IS DISTINCT FROM 'Trace'",
                  "track_id IN (SELECT id FROM track WHERE device_id IS NULL)",
                  "id NOT IN (SELECT slice_id FROM gpu_op)")
        )  # fmt: skip
        return _evidence.select("slice", {**mine, "name": row["name"]}, *window, *side)
    if kind == COPIES:
        copies = "SELECT slice_id FROM gpu_op WHERE kind = 'memcpy' AND bytes IS NOT NULL"
        return _evidence.select("slice", mine, *window, "dur > 0", f"id IN ({copies})")
    if kind == COUNTER:
        named = (
            "(SELECT c.trace, c.id, c.ts, 0::BIGINT AS dur, t.name, c.track_id, c.value "
            "FROM counter c JOIN track t ON t.id = c.track_id)"
        )
        return _evidence.select(
            named, mine, *window, f"track_id % 4294967296 = {row['key']}",
            "value IS NOT NULL AND isfinite(value)",
        )  # fmt: skip
    device = {"device_id": row["key"] if row["key"] >= 0 else None}
    named = (
        "(SELECT trace, id, ts, 0::BIGINT AS dur, kind AS name, device_id, bytes FROM allocation)"
    )
    return _evidence.select(named, {**mine, **device}, *window, "bytes IS NOT NULL")
