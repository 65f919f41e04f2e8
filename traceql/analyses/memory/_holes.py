"""Holes between live blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from traceql.analyses import _evidence
from traceql.analyses.memory import _replay
from traceql.analyses.memory._events import REMEDY
from traceql.kernels import intervals, span_join
from traceql.model.result import Exhibit, Finding, Result, abstain, severity
from traceql.model.units import format_bytes, format_ratio

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Int64 = NDArray[np.int64]

_ADDRESSES = "Record addresses: torch.profiler of 1.13 or later with profile_memory=True."

SCHEMA = pa.schema(
    [
        pa.field("row", pa.string(), nullable=False),  # device or sample
        pa.field("device_id", pa.int64()),
        pa.field("ts", pa.int64()),
        pa.field("end_ts", pa.int64()),
        pa.field("count", pa.int64()),
        pa.field("arena_bytes", pa.int64()),
        pa.field("live_bytes", pa.int64()),
        pa.field("free_bytes", pa.int64()),
        pa.field("largest_bytes", pa.int64()),
        pa.field("hole_count", pa.int64()),
        pa.field("reserved_bytes", pa.int64()),
        pa.field("allocated_bytes", pa.int64()),
        pa.field("request_bytes", pa.int64()),
        pa.field("request_count", pa.int64()),
    ]
)


class Holes(NamedTuple):
    """Bytes touched so far, covered by live blocks, free; the largest hole, and how many."""

    arena: int
    live: int
    free: int
    largest: int
    holes: int

    @property
    def external_ratio(self) -> float:
        """1 - largest / free; 0 where nothing is free."""
        return 1 - self.largest / self.free if self.free else 0.0


def by_address(given: _replay.Events) -> Int64:
    """Give the events with an address, by address."""
    known = np.flatnonzero(given.address != _replay.NEVER)
    ordered: Int64 = known[np.argsort(given.address[known], kind="stable")]
    return ordered


def holes(given: _replay.Events, found: _replay.Replay, at: int, order: Int64) -> Holes:
    """Measure the holes after event `at`; blocks without address are not laid out.

    Args:
        given: events of a device.
        found: their replay.
        at: place of an event.
        order: of `by_address`.
    """
    seen = order[order <= at]
    touched = _laid(given, seen)
    dies = found.dies[seen]
    covered = _laid(given, seen[(dies == _replay.NEVER) | (dies > at)])
    left = span_join.uncovered(
        np.array([0, len(touched.ts)]), touched.ts, touched.end,
        np.array([0, len(covered.ts)]), covered.ts, covered.end,
    )  # fmt: skip
    sizes = left.end - left.ts
    return Holes(
        int((touched.end - touched.ts).sum()),
        int((covered.end - covered.ts).sum()),
        int(sizes.sum()),
        int(sizes.max(initial=0)),
        len(sizes),
    )


def _laid(given: _replay.Events, rows: Int64) -> intervals.Intervals:
    start = given.address[rows]
    return intervals.union(start, start + given.bytes[rows])


def measure(table: pa.Table, samples: int) -> pa.Table:
    """Measure one device.

    Args:
        table: allocations of one device, by ts and id; may be empty.
        samples: events after which to look.

    Returns:
        SCHEMA: a row `device` (count: 0 without addresses), rows `sample` in order of time.
    """
    if not table.num_rows:
        return SCHEMA.empty_table()
    number = table["device_id"][0].as_py()
    given = _replay.events(table)
    found = _replay.replay(given)
    n = len(given.ts)
    device: dict[str, Any] = {
        "row": "device",
        "ts": int(given.ts[0]),
        "end_ts": int(given.ts[-1]),
        "count": n,
    }
    rows = [device]
    if (given.address == _replay.NEVER).all():
        device["count"] = 0
    else:
        places = np.linspace(0, n - 1, samples).astype(np.int64).tolist()
        wanted = sorted({*places, int(found.level.argmax()), n - 1})
        order = by_address(given)
        rows += [_sample(given, found, at, order) for at in wanted]
        last = rows[-1]
        asked = given.bytes[given.is_alloc]
        blocked = (asked > last["largest_bytes"]) & (asked <= last["free_bytes"])
        device["request_count"] = int(blocked.sum())
        device["request_bytes"] = int(asked[blocked].min()) if blocked.any() else 0
    return pa.Table.from_pylist([{**row, "device_id": number} for row in rows], SCHEMA)


def _sample(given: _replay.Events, found: _replay.Replay, at: int, order: Int64) -> dict[str, Any]:
    measured = holes(given, found, at, order)
    reserved = None if given.reserved is None or given.total is None else int(given.reserved[at])
    return {
        "row": "sample",
        "ts": int(given.ts[at]),
        "arena_bytes": measured.arena,
        "live_bytes": measured.live,
        "free_bytes": measured.free,
        "largest_bytes": measured.largest,
        "hole_count": measured.holes,
        "reserved_bytes": reserved or None,
        "allocated_bytes": int(found.level[at]),
    }


_SAMPLE = pa.schema(
    [
        ("where", pa.string()), ("ts", pa.int64()), ("external_ratio", pa.float64()),
        ("free_bytes", pa.int64()), ("largest_bytes", pa.int64()), ("hole_count", pa.int64()),
        ("arena_bytes", pa.int64()), ("live_bytes", pa.int64()),
        ("unused_reserved_ratio", pa.float64()),
    ]
)  # fmt: skip


def conclude(name: str, measured: pa.Table, least_ratio: float, share_ratio: float) -> Result:
    """Make the Result of `memory.fragmentation`.

    Args:
        name: of the analysis.
        measured: SCHEMA, then trace.
        least_ratio: as the analysis.
        share_ratio: as the analysis.
    """
    devices = measured.filter(pc.field("row") == "device").to_pylist()  # devices: few
    if not devices:
        return abstain(name, "the trace has no allocations with a size", REMEDY)
    samples = measured.filter(pc.field("row") == "sample").to_pylist()
    if not samples:
        return abstain(name, "the allocations of the trace have no addresses", _ADDRESSES)
    rows = [_row(sample) for sample in samples]
    findings = []
    for device in devices:
        mine = [s for s in samples if s["device_id"] == device["device_id"]]
        if mine and (found := _finding(name, device, mine[-1], least_ratio, share_ratio)):
            findings.append(found)
    worst = max(rows, key=lambda row: (row["external_ratio"] * row["free_bytes"], row["ts"]))
    return Result(
        name,
        status="ok" if findings else "empty",
        findings=tuple(findings),
        tables={"hole": pa.Table.from_pylist(rows, _SAMPLE)},
        exhibits=(
            Exhibit("hole", "line", "External fragmentation",
                    {"x": "ts", "y": "external_ratio", "series": "where"}),
        ),
        headline=f"At worst {format_ratio(worst['external_ratio'])} of what was free on "
        f"{worst['where']} lay outside the largest hole ({format_bytes(worst['free_bytes'])} in "
        f"{worst['hole_count']:,} holes).",
    )  # fmt: skip


def _where(device: int | None) -> str:
    return "host" if device is None else f"device {device}"


def _external(sample: dict[str, Any]) -> float:
    free = sample["free_bytes"]
    return 1 - sample["largest_bytes"] / free if free else 0.0


def _row(sample: dict[str, Any]) -> dict[str, Any]:
    reserved = sample["reserved_bytes"]
    unused = (reserved - sample["allocated_bytes"]) / reserved if reserved else None
    return {
        **sample,
        "where": _where(sample["device_id"]),
        "external_ratio": _external(sample),
        "unused_reserved_ratio": unused,
    }


def _finding(
    name: str, device: dict[str, Any], last: dict[str, Any], least_ratio: float, share_ratio: float
) -> Finding | None:
    ratio, share = _external(last), last["free_bytes"] / max(last["arena_bytes"], 1)
    if ratio < least_ratio or share < share_ratio or not device["request_count"]:
        return None
    where, free, largest = _where(device["device_id"]), last["free_bytes"], last["largest_bytes"]
    conditions = {"trace": device["trace"], "device_id": device["device_id"], "kind": "alloc"}
    within = (f"ts BETWEEN {device['ts']} AND {device['end_ts']}", f"bytes > {largest}",
              f"bytes <= {free}")  # fmt: skip
    lost = ratio * share
    return Finding(
        traces=(device["trace"],),
        analysis=name,
        kind="external_fragmentation",
        severity=severity(lost),
        subject_type="device",
        subject=where,
        subject_id=device["device_id"],
        message=f"{format_bytes(free)} of {where} are free in {last['hole_count']:,} holes, the "
        f"largest of {format_bytes(largest)}: {device['request_count']:,} allocations of the "
        f"recording, from {format_bytes(device['request_bytes'])} on, would not fit though the "
        "free memory would hold them.",
        confidence_basis="exact",
        confidence=1.0,
        evidence_sql=f"SELECT trace, id, ts, 0 AS dur, kind AS name, bytes FROM allocation "  # noqa: S608
        f"WHERE {_evidence.where(conditions, *within)}",
        n_events=device["request_count"],
        n=device["count"],
        ts=device["ts"],
        dur=device["end_ts"] - device["ts"],
        value=ratio,
        unit="ratio",
        effect=ratio,
        impact_ratio=lost,
        recommendation="Allocate what lives long first, keep sizes alike, let segments expand "
        "(expandable_segments), or limit splitting (max_split_size_mb).",
    )
