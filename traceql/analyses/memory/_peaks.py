"""Levels, peaks and who holds them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from traceql.analyses import _evidence
from traceql.analyses.memory import _replay
from traceql.analyses.memory._events import REMEDY
from traceql.model.result import Exhibit, Finding, Result, Severity, abstain, severity
from traceql.model.units import format_bytes, format_ratio

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceql.model.protocols import Tables

BEFORE = "(before the recording)"
_KEPT_SITES = 200
_FULL = 0.97

SCHEMA = pa.schema(
    [
        pa.field("row", pa.string(), nullable=False),  # device, point or site
        pa.field("device_id", pa.int64()),
        pa.field("site", pa.string()),
        pa.field("basis", pa.string()),
        pa.field("ts", pa.int64()),
        pa.field("dur", pa.int64()),
        pa.field("peak_ts", pa.int64()),
        pa.field("allocated_bytes", pa.int64()),
        pa.field("reserved_bytes", pa.int64()),
        pa.field("peak_bytes", pa.int64()),
        pa.field("end_bytes", pa.int64()),
        pa.field("turnover_bytes", pa.int64()),
        pa.field("alloc_count", pa.int64()),
        pa.field("free_count", pa.int64()),
        pa.field("lifetime_p50_dur", pa.int64()),
        pa.field("limit_bytes", pa.int64()),
        pa.field("near_count", pa.int64()),
        pa.field("unused_count", pa.int64()),
        pa.field("most_reserved_bytes", pa.int64()),
        pa.field("unused_bytes", pa.int64()),
    ]
)


class Rule(NamedTuple):
    """When memory is nearly full, and when too much of it lies unused."""

    limit_ratio: float
    unused_ratio: float


def measure(tables: Tables, rule: Rule, points: int) -> pa.Table:
    """Replay one device.

    Args:
        tables: allocation (of one device, by ts and id; may be empty), device.
        rule: as the analysis.
        points: most rows `point`.

    Returns:
        SCHEMA: a row `device`, rows `point` (the highest level of each stretch), rows `site`.
    """
    table = tables["allocation"]
    if not table.num_rows:
        return SCHEMA.empty_table()
    number = table["device_id"][0].as_py()
    limits = {row["device_id"]: row["memory_bytes"] for row in tables["device"].to_pylist()}
    given = _replay.events(table)
    found = _replay.replay(given)
    at = int(found.level.argmax())
    row = _device(given, found, at) | _judged(given, found, rule, limits.get(number))
    rows = [row, *_points(given, found, points), *_sites(given, found, at)]
    return pa.Table.from_pylist([{**r, "device_id": number} for r in rows], SCHEMA)


def _device(given: _replay.Events, found: _replay.Replay, at: int) -> dict[str, Any]:
    # Where all is freed in the recording the level was highest before it.
    early = found.base > found.level[at]
    return {
        "row": "device",
        "basis": found.basis,
        "ts": int(given.ts[0]),
        "dur": int(given.ts[-1] - given.ts[0]),
        "allocated_bytes": found.base,
        "peak_bytes": found.base if early else int(found.level[at]),
        "end_bytes": int(found.level[-1]),
        "turnover_bytes": int(given.bytes[given.is_alloc].sum()),
        "alloc_count": int(given.is_alloc.sum()),
        "free_count": int((~given.is_alloc).sum()),
        "reserved_bytes": None if given.reserved is None else int(given.reserved[at]),
        "peak_ts": int(given.ts[0 if early else at]),
    }


def _judged(
    given: _replay.Events, found: _replay.Replay, rule: Rule, limit: int | None
) -> dict[str, Any]:
    """Count the events at which a rule of a finding holds, as the evidence will."""
    row: dict[str, Any] = {"limit_bytes": limit}
    told = given.reserved if _positive(given.reserved) else given.total
    if limit and told is not None:
        row["near_count"] = int((told >= int(rule.limit_ratio * limit)).sum())
    if given.reserved is not None and _positive(given.reserved) and given.total is not None:
        most = int(given.reserved.max())
        unused = most - int(found.level[given.reserved == most].max())
        row |= {"most_reserved_bytes": most, "unused_bytes": unused}
        row["unused_count"] = int((given.reserved == most).sum())
    elif told is not None:
        row["most_reserved_bytes"] = int(told.max())
    return row


def _positive(values: NDArray[np.int64] | None) -> bool:
    """Say whether there is anything; Kineto writes 0 for what an allocator does not reserve."""
    return values is not None and bool((values > 0).any())


def _points(given: _replay.Events, found: _replay.Replay, points: int) -> list[dict[str, Any]]:
    """Give the highest level of each stretch of events."""
    edges = np.unique(np.linspace(0, len(given.ts), points + 1).astype(np.int64))
    rows = []
    for low, high in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):  # `points`
        at = low + int(found.level[low:high].argmax())
        reserved = None if given.reserved is None else int(given.reserved[at])
        rows.append({"row": "point", "ts": int(given.ts[at]), "reserved_bytes": reserved,
                     "allocated_bytes": int(found.level[at])})  # fmt: skip
    return rows


def _sites(given: _replay.Events, found: _replay.Replay, at: int) -> list[dict[str, Any]]:
    """Sum by site: what it held at the peak, holds at the end, allocated in all."""
    allocs = np.flatnonzero(given.is_alloc)
    known = bool((found.dies != _replay.UNKNOWN).any())
    early = found.base > found.level[at]
    held = _replay.live(found, -1 if early else at)
    peak, end = (
        _replay.by_site(given, held),
        _replay.by_site(given, _replay.live(found, len(given.ts) - 1)),
    )
    turnover = _replay.by_site(given, allocs)
    counts = np.bincount(given.site[allocs], minlength=len(given.sites))
    order = np.lexsort((np.arange(len(counts)), -turnover, -peak))
    rows: list[dict[str, Any]] = [
        {
            "row": "site",
            "site": given.sites[i],
            "peak_bytes": int(peak[i]) if known else None,
            "end_bytes": int(end[i]) if known else None,
            "turnover_bytes": int(turnover[i]),
            "alloc_count": int(counts[i]),
            "lifetime_p50_dur": _lifetime(given, found, i) if known else None,
        }
        for i in order[:_KEPT_SITES].tolist()
        if counts[i]
    ]
    if known and found.basis != "relative":
        whole = found.base if early else int(found.level[at])
        rest, over = whole - int(peak.sum()), int(found.level[-1]) - int(end.sum())
        rows.append({"row": "site", "site": BEFORE, "peak_bytes": rest, "end_bytes": over})
    return rows


def _lifetime(given: _replay.Events, found: _replay.Replay, site: int) -> int | None:
    rows = np.flatnonzero((given.site == site) & (found.dies >= 0))
    if not len(rows):
        return None
    return int(np.median(given.ts[found.dies[rows]] - given.ts[rows]))


def _where(device: int | None) -> str:
    return "host" if device is None else f"device {device}"


def conclude(name: str, measured: pa.Table, rule: Rule) -> Result:
    """Make the Result of `memory.timeline`.

    Args:
        name: of the analysis.
        measured: SCHEMA, then trace.
        rule: as the analysis.
    """
    devices = measured.filter(pc.field("row") == "device").to_pylist()  # devices: few
    if not devices:
        return abstain(name, "the trace has no allocations with a size", REMEDY)
    findings = [f for device in devices for f in _findings(name, device, rule)]
    findings.sort(key=lambda f: (-int(f.severity), -(f.impact_ratio or 0.0), f.subject, f.kind))
    points = measured.filter(pc.field("row") == "point").to_pylist()
    sites = measured.filter(pc.field("row") == "site").to_pylist()  # a few hundred per device
    peaks = {device["device_id"]: device["peak_bytes"] for device in devices}
    return Result(
        name,
        findings=tuple(findings),
        tables={
            "level": pa.Table.from_pylist([_row(device) for device in devices], _DEVICE),
            "site": pa.Table.from_pylist([_site(site, peaks) for site in sites], _SITE),
            "timeline": pa.Table.from_pylist(
                [{"where": _where(p["device_id"]), **p} for p in points], _POINT
            ),
        },
        exhibits=(
            Exhibit("timeline", "line", "Allocated memory",
                    {"x": "ts", "y": "allocated_bytes", "series": "where"}),
            Exhibit("level", "table", "Levels and rates",
                    note="A relative basis: the level is at least this."),
            Exhibit("site", "table", "Who held the peak, and who allocated"),
        ),
        headline=_headline(devices, sites),
    )  # fmt: skip


_DEVICE = pa.schema(
    [
        ("where", pa.string()), ("basis", pa.string()), ("start_bytes", pa.int64()),
        ("peak_bytes", pa.int64()), ("peak_ts", pa.int64()), ("end_bytes", pa.int64()),
        ("reserved_at_peak_bytes", pa.int64()), ("most_reserved_bytes", pa.int64()),
        ("limit_bytes", pa.int64()), ("alloc_count", pa.int64()), ("free_count", pa.int64()),
        ("turnover_bytes", pa.int64()), ("allocs_per_s", pa.float64()),
        ("frees_per_s", pa.float64()),
        ("turnover_bytes_per_s", pa.float64()),
    ]
)  # fmt: skip
_SITE = pa.schema(
    [
        ("where", pa.string()), ("site", pa.string()), ("peak_bytes", pa.int64()),
        ("peak_ratio", pa.float64()), ("end_bytes", pa.int64()), ("turnover_bytes", pa.int64()),
        ("alloc_count", pa.int64()), ("lifetime_p50_dur", pa.int64()),
    ]
)  # fmt: skip
_POINT = pa.schema(
    [
        ("where", pa.string()), ("ts", pa.int64()), ("allocated_bytes", pa.int64()),
        ("reserved_bytes", pa.int64()),
    ]
)  # fmt: skip


def _row(device: dict[str, Any]) -> dict[str, Any]:
    seconds = device["dur"] / 1e9
    return {
        **device,
        "where": _where(device["device_id"]),
        "start_bytes": device["allocated_bytes"],
        "reserved_at_peak_bytes": device["reserved_bytes"],
        "allocs_per_s": device["alloc_count"] / seconds if seconds else None,
        "frees_per_s": device["free_count"] / seconds if seconds else None,
        "turnover_bytes_per_s": device["turnover_bytes"] / seconds if seconds else None,
    }


def _site(site: dict[str, Any], peaks: dict[int | None, int]) -> dict[str, Any]:
    peak, held = peaks[site["device_id"]], site["peak_bytes"]
    ratio = held / peak if held is not None and peak else None
    return {**site, "where": _where(site["device_id"]), "peak_ratio": ratio}


def _headline(devices: list[dict[str, Any]], sites: list[dict[str, Any]]) -> str:
    said = []
    for device in sorted(devices, key=lambda d: -d["peak_bytes"])[:2]:
        least = "at least " if device["basis"] == "relative" else ""
        text = (
            f"{_where(device['device_id'])} peaked at {least}{format_bytes(device['peak_bytes'])}"
        )
        held = [s for s in sites if s["device_id"] == device["device_id"] and s["peak_bytes"]]
        if held and device["peak_bytes"]:
            most = max(held, key=lambda s: s["peak_bytes"])
            share = format_ratio(most["peak_bytes"] / device["peak_bytes"])
            text += f", {share} of it held by {_short(most['site'])}"
        said.append(text)
    text = "; ".join(said)
    return f"{text[0].upper()}{text[1:]}."


def _short(site: str) -> str:
    return site if len(site) <= 60 else f"{site[:59]}…"


class _Case(NamedTuple):
    """What one kind of finding says."""

    kind: str
    severity: Severity
    message: str
    rule: str
    """Condition of the events it speaks of."""
    n_events: int
    impact: float
    value: int
    baseline: int
    advice: str


def _findings(name: str, device: dict[str, Any], rule: Rule) -> list[Finding]:
    found = []
    limit, most = device["limit_bytes"], device["most_reserved_bytes"]
    unused, where = device["unused_bytes"], _where(device["device_id"]).capitalize()
    column = "reserved_bytes" if unused is not None else "total_bytes"
    if device["near_count"]:
        ratio = most / limit
        found.append(
            _Case(
                "near_limit", Severity.critical if ratio >= _FULL else Severity.high,
                f"{where} came to {format_bytes(most)}, {format_ratio(ratio)} of its "
                f"{format_bytes(limit)}.",
                f"{column} >= {int(rule.limit_ratio * limit)}", device["near_count"],
                min(ratio, 1.0), most, limit,
                "Keep less alive: smaller batches, activation checkpointing, lower precision, "
                "sharded optimizer state; see who holds the peak.",
            )
        )  # fmt: skip
    if unused and unused > rule.unused_ratio * most:
        share = min(unused / limit if limit else unused / most, 1.0)
        found.append(
            _Case(
                "reserved_unused", severity(share),
                f"{where} had {format_bytes(most)} reserved, of which {format_bytes(unused)}, "
                f"{format_ratio(unused / most)}, were never in use while it was.",
                f"reserved_bytes = {most}", device["unused_count"], share, unused, most,
                "Fragmentation or an oversized cache: let segments expand "
                "(expandable_segments), keep sizes alike, or release the cache once.",
            )
        )  # fmt: skip
    return [_finding(name, device, case) for case in found]


def _finding(name: str, device: dict[str, Any], case: _Case) -> Finding:
    start, end = device["ts"], device["ts"] + device["dur"]
    conditions = {"trace": device["trace"], "device_id": device["device_id"]}
    within = (f"ts BETWEEN {start} AND {end}", "bytes IS NOT NULL", case.rule)
    return Finding(
        traces=(device["trace"],),
        analysis=name,
        kind=case.kind,
        severity=case.severity,
        subject_type="device",
        subject=_where(device["device_id"]),
        subject_id=device["device_id"],
        message=case.message,
        confidence_basis="exact",
        confidence=1.0,
        evidence_sql=f"SELECT trace, id, ts, 0 AS dur, kind AS name, bytes, total_bytes, "  # noqa: S608
        f"reserved_bytes FROM allocation WHERE {_evidence.where(conditions, *within)}",
        n_events=case.n_events,
        n=device["alloc_count"] + device["free_count"],
        ts=start,
        dur=device["dur"],
        value=float(case.value),
        unit="bytes",
        baseline=float(case.baseline),
        effect=case.value / case.baseline,
        impact_ratio=case.impact,
        recommendation=case.advice,
    )
