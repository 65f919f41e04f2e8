"""Series over the steps of a program: time of every operation, counters, copies, memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

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
SCHEMA = pa.schema(
    [
        ("kind", pa.int8()), ("key", pa.int64()), ("name", pa.string()), ("unit", pa.string()),
        ("values", pa.list_(pa.float64())), ("steps", pa.list_(pa.int64())),
        ("n_events", pa.int64()), ("start_ts", pa.int64()), ("end_ts", pa.int64()),
        ("track_id", pa.int32()), ("markers", pa.list_(pa.string())),
        ("step_ts", pa.list_(pa.int64())), ("all_steps", pa.bool_()),
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


def steps_of(iteration: pa.Table, *, all_of_them: bool = False) -> Steps | None:
    """Give the steps of the track with most of them, without warm-up; None without any.

    Args:
        iteration: rows of the table `iteration`.
        all_of_them: warm-up too.
    """
    steady = _warmup.steady(iteration)
    if steady is None:
        return None
    mine = _warmup.of_main_track(iteration)
    if not all_of_them:
        mine = mine.filter(pc.field("ts") >= steady.start)
    numberless = pc.unique(pc.replace_substring_regex(mine["name"], r"\d+$", ""))
    markers = tuple(sorted(name for name in numberless.to_pylist() if name))
    track = mine["track_id"][0].as_py()
    return Steps(mine["ts"].to_numpy(), mine["dur"].to_numpy(), track, markers)


def both(tables: Tables) -> pa.Table:
    """Reduce the events of one series over all steps, and over those that are not warm-up.

    Args:
        tables: as for `measure`.

    Returns:
        SCHEMA, at most two rows.
    """
    return pa.concat_tables([measure(tables, all_steps=True), measure(tables)])


def measure(tables: Tables, *, all_steps: bool = False) -> pa.Table:
    """Reduce the events of one series to one value a step.

    Times and bytes are summed by when the work was issued, counters averaged over time (a value
    holds until the next), memory is at its peak.

    Args:
        tables: iteration, and INPUTS of `_series_sql`, the events of one series.
        all_steps: over the steps of warm-up too.

    Returns:
        SCHEMA, at most one row.
    """
    steps = steps_of(tables["iteration"], all_of_them=all_steps)
    event = tables["event"]
    if steps is None or not event.num_rows:
        return SCHEMA.empty_table()
    series = int(event["series"][0].as_py())
    kind, key = series >> SHIFT, (series & ((1 << SHIFT) - 1)) - 1
    ts, value = event["ts"].to_numpy(), event["value"].to_numpy()
    issued = event["issued_ts"].to_numpy()
    if kind in _OF_LEVELS and ts[0] >= steps.ts[0] + steps.dur[0]:  # the first step is unknown
        return SCHEMA.empty_table()
    values = _OF_LEVELS.get(kind, _sums)(steps, issued, value)
    name, unit = _named(tables, kind, key)
    start, end = int(steps.ts[0]), int((steps.ts + steps.dur).max())
    row = {
        "kind": kind, "key": key, "name": name, "unit": unit, "values": values.tolist(),
        "steps": steps.dur.tolist(), "n_events": int(((ts >= start) & (ts < end)).sum()),
        "start_ts": start, "end_ts": end, "track_id": steps.track_id,
        "markers": list(steps.markers), "step_ts": steps.ts.tolist(), "all_steps": all_steps,
    }  # fmt: skip
    return pa.Table.from_pylist([row], SCHEMA)


def _sums(steps: Steps, ts: Any, value: Any) -> Floats:
    place = np.searchsorted(steps.ts, ts, side="right") - 1
    inside = (place >= 0) & (ts < steps.ts[place] + steps.dur[place])
    return np.bincount(place[inside], value[inside], len(steps.ts)).astype(np.float64)


def _peaks(steps: Steps, ts: Any, value: Any) -> Floats:
    """Give the greatest of a value that holds until the next."""
    first = np.maximum(np.searchsorted(ts, steps.ts, "right") - 1, 0)
    last = np.maximum(np.searchsorted(ts, steps.ts + steps.dur, "left"), first + 1)
    return np.array([value[a:b].max() for a, b in zip(first, last, strict=True)], np.float64)


def _means(steps: Steps, ts: Any, value: Any) -> Floats:
    """Give the mean over time of a value that holds until the next, from when it is known."""
    area = np.concatenate(([0.0], np.cumsum(value[:-1] * np.diff(ts))))

    def until(when: Any) -> Any:
        at = np.searchsorted(ts, when, "right") - 1
        return area[at] + value[at] * (when - ts[at])

    start, end = np.maximum(steps.ts, ts[0]), steps.ts + steps.dur
    return np.asarray((until(end) - until(start)) / np.maximum(end - start, 1))


_OF_LEVELS = {COUNTER: _means, MEMORY: _peaks}


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


def series_of(measured: pa.Table, *, all_steps: bool = False) -> list[dict[str, Any]]:
    """Give the series of one trace, the lengths of its steps first.

    Args:
        measured: SCHEMA, then trace.
        all_steps: those over the steps of warm-up too.
    """
    mine = measured.filter(pc.equal(measured["all_steps"], all_steps))
    rows: list[dict[str, Any]] = mine.to_pylist()  # at most some hundred series
    if not rows:
        return []
    largest = max((r for r in rows if r["kind"] in {HOST, DEVICE}),
                  key=lambda r: sum(r["values"]), default=None)  # fmt: skip
    first = rows[0]
    step = {**first, "kind": STEP, "key": 0, "name": "step", "unit": "ns",
            "values": [float(v) for v in first["steps"]], "largest": largest}  # fmt: skip
    if first["markers"]:
        return [{**step, "n_events": len(first["steps"])}, *rows]
    if largest is None:  # no events show the steps
        return rows
    return [{**step, "n_events": largest["n_events"]}, *rows]


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
