"""Say what bounds each device, and rank what it waited for by what it costs."""

from __future__ import annotations

from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from traceql.analyses import _evidence
from traceql.analyses.bottleneck._blame import NOBODY
from traceql.model.result import Exhibit, Finding, Result, abstain, severity
from traceql.model.units import format_ns, format_ratio

_REMEDY = (
    "Record device activity beside the host: with torch.profiler use activities=[CPU, CUDA], with "
    "nsys --trace=cuda,nvtx,osrt, with rocprofv3 --runtime-trace; or mark the steps of the program."
)
_LEAD = 0.10
_BOUND = {
    "compute": "compute",
    "exposed_comm": "comm",
    "exposed_memcpy": "memory",
    "exposed_memset": "memory",
    "data_loading": "io",
    "file_io": "io",
    "launch": "latency",
    "queue": "latency",
    "copy_call": "host",
    "sync": "host",
    "allocation": "host",
    "wait": "host",
    "host_op": "host",
    "untraced_host": "host",
    "unknown": "unknown",
}
_SAID = {
    "compute": "kernels",
    "exposed_comm": "communication that no kernel hides",
    "exposed_memcpy": "copies that no kernel hides",
    "exposed_memset": "fills that no kernel hides",
    "data_loading": "the data loader",
    "file_io": "reading and writing files",
    "sync": "synchronisation calls",
    "allocation": "allocation calls",
    "copy_call": "copy calls of the host",
    "launch": "launch calls",
    "wait": "a sleeping host thread",
    "host_op": "host operations",
    "untraced_host": "host code outside any slice",
    "queue": "work launched in time that did not start",
    "unknown": "the host (launches were not recorded)",
}
_ADVICE = {
    "exposed_comm": "Overlap communication with computation: bucket gradients, more streams.",
    "exposed_memcpy": "Overlap copies with kernels: other streams, pinned memory, prefetching.",
    "exposed_memset": "Fill less: reuse buffers, fuse the fill into the kernel that writes.",
    "data_loading": "Load data beside the computation: more workers (num_workers > 0), prefetching "
    "and pinned memory, or cheaper decoding and augmentation.",
    "file_io": "Read ahead in another thread, cache, or write asynchronously.",
    "sync": "Synchronise less: keep results on the device, read them back once a step (.item(), "
    "print and logging of device values wait).",
    "allocation": "Allocate once and reuse: a caching or pooling allocator, no release in the "
    "loop (empty_cache).",
    "copy_call": "Copy from pinned memory, asynchronously, on a stream of its own.",
    "launch": "Launch less: fuse small kernels, capture a CUDA graph, compile the model.",
    "wait": "Find what wakes the thread: a lock, a queue or another process is in the way.",
    "host_op": "The host cannot keep up: fuse operations, capture a CUDA graph, compile the "
    "model, or give each step more work (a larger batch).",
    "untraced_host": "Time between the host's operations, often Python: record stacks "
    "(with_stack=True, or py-spy beside it) to see what it does.",
    "queue": "The work was launched in time: look for waits on events and other streams, and for "
    "launches of large graphs.",
}  # fmt: skip
_BY_GAP = ("untraced_host", "queue")


class Device(NamedTuple):
    """What one device did and waited for."""

    facts: dict[str, Any]
    time: dict[str, int]
    """By part or cause."""
    holder: dict[str, list[tuple[int, int]]]
    """By cause: (time, name_id), longest first."""
    op_count: dict[str, int]
    """By part: operations that begin in the wall."""


class Known(NamedTuple):
    """What is the same for all devices."""

    names: dict[int, str]
    calls: dict[int, int]
    threads: list[int]
    gaps: pa.Table
    start: int
    end: int
    comm_pattern: str


def conclude(name: str, measured: pa.Table, least_ratio: float, comm_pattern: str) -> Result:
    """Make the Result of `bottleneck.attribution`.

    Args:
        name: of the analysis.
        measured: SCHEMA of `_blame`, then trace.
        least_ratio: smallest share of the wall that makes a finding.
        comm_pattern: as the analysis.
    """
    facts = measured.filter(pc.field("row") == "device").to_pylist()  # devices: few
    if not facts:
        missing = "the trace has neither device operations nor marked steps"
        return abstain(name, missing, _REMEDY)
    known = _known(measured, facts, comm_pattern)
    devices = [_device(measured, row) for row in facts]
    findings = [f for device in devices for f in _findings(name, device, known, least_ratio)]
    findings.sort(key=lambda f: (-int(f.severity), -(f.impact_ratio or 0.0), f.subject, f.kind))
    return Result(
        name,
        status="ok",
        findings=tuple(findings),
        tables={
            "share": _shares(devices),
            "bound": _bounds(devices),
            "holder": _held(devices, known),
        },
        exhibits=(
            Exhibit("share", "bars", "Where the wall time of each device went",
                    {"label": "part", "value": "dur"}),
            Exhibit("bound", "table", "What bounds each device",
                    note="A bound is named when it leads by ten points."),
            Exhibit("holder", "table", "What held the devices back, by name"),
        ),
        headline=_headline(devices, known, least_ratio),
    )  # fmt: skip


def _known(measured: pa.Table, facts: list[dict[str, Any]], comm_pattern: str) -> Known:
    names = measured.filter(pc.field("row") == "name").group_by("name_id")
    texts = names.aggregate([("what", "min")])
    calls = measured.filter(pc.field("row") == "call").group_by("name_id")
    counts = calls.aggregate([("count", "sum")])
    wanted = counts.filter(pc.field("name_id").isin(texts["name_id"].to_pylist()))
    threads = measured.filter(pc.field("row") == "thread")["utid"].to_pylist()
    return Known(
        dict(zip(texts["name_id"].to_pylist(), texts["what_min"].to_pylist(), strict=True)),
        dict(zip(wanted["name_id"].to_pylist(), wanted["count_sum"].to_pylist(), strict=True)),
        sorted(threads),
        measured.filter(pc.field("row") == "gap"),
        min(row["ts"] for row in facts),
        max(row["ts"] + row["dur"] for row in facts),
        comm_pattern,
    )


def _same(column: str, value: int | None) -> pc.Expression:
    return pc.field(column).is_null() if value is None else pc.field(column) == value


def _device(measured: pa.Table, facts: dict[str, Any]) -> Device:
    mine = measured.filter(_same("device_id", facts["device_id"]))
    mine = mine.filter(pc.field("row").isin(["part", "cause"]))
    sums = mine.group_by("what").aggregate([("dur", "sum")])
    time = dict(zip(sums["what"].to_pylist(), sums["dur_sum"].to_pylist(), strict=True))
    held: dict[str, list[tuple[int, int]]] = {}
    named = mine.filter(pc.field("name_id") != NOBODY).group_by(["what", "name_id"])
    for row in named.aggregate([("dur", "sum")]).to_pylist():  # names that held a device
        held.setdefault(row["what"], []).append((row["dur_sum"], row["name_id"]))
    for holders in held.values():
        holders.sort(key=lambda pair: (-pair[0], pair[1]))
    counts = mine.filter(pc.field("row") == "part").group_by("what").aggregate([("count", "sum")])
    begun = dict(zip(counts["what"].to_pylist(), counts["count_sum"].to_pylist(), strict=True))
    return Device(facts, {k: v for k, v in time.items() if v}, held, begun)


def _label(device: Device) -> str:
    number = device.facts["device_id"]
    return "host" if number is None else f"device {number}"


def _by_bound(device: Device) -> list[tuple[str, int]]:
    """Give the bound classes and their time, longest first."""
    sums: dict[str, int] = {}
    for what, dur in device.time.items():
        sums[_BOUND[what]] = sums.get(_BOUND[what], 0) + dur
    return sorted(sums.items(), key=lambda pair: (-pair[1], pair[0]))


def _bound(device: Device) -> str:
    """Name the class that leads by ten points, else the two that lead."""
    ranked = _by_bound(device)
    if not ranked:
        return "nothing"
    lead = ranked[0][1] - (ranked[1][1] if len(ranked) > 1 else 0)
    if lead >= _LEAD * device.facts["dur"]:
        return ranked[0][0]
    return f"{ranked[0][0]} and {ranked[1][0]}"


def _waits(device: Device) -> list[tuple[str, int]]:
    """Give what the device waited for, longest first."""
    other = {"compute", "unknown"}
    if device.facts["device_id"] is None:  # what the thread itself computes is no waiting
        other |= {"host_op", "untraced_host", "launch"}
    waits = [(w, d) for w, d in device.time.items() if w not in other]
    return sorted(waits, key=lambda pair: (-pair[1], pair[0]))


def _headline(devices: list[Device], known: Known, least_ratio: float) -> str:
    said = []
    for device in devices[:2]:
        wall = device.facts["dur"]
        waits = _waits(device)
        text = f"{_label(device)} is bound by {_bound(device)}"
        if waits and wall and waits[0][1] >= least_ratio * wall:
            text = f"the bottleneck of {_label(device)} is {_said(waits[0][0], device, known)}"
            text += f" ({format_ratio(waits[0][1] / wall)} of {format_ns(wall)})"
            worked = device.time.get("compute", 0) / wall
            text += f"; kernels run {format_ratio(worked)} of the time"
        said.append(text)
    more = f"; {len(devices) - 2} more devices" if len(devices) > 2 else ""
    text = "; ".join(said)
    return f"{text[0].upper()}{text[1:]}{more}."


def _said(what: str, device: Device, known: Known) -> str:
    """Say a cause, with the name that held most of it."""
    holders = device.holder.get(what)
    if not holders:
        return _SAID[what]
    return f"{_SAID[what]}, {_short(known.names.get(holders[0][1]))}"


def _short(name: str | None) -> str:
    text = name or "(no name)"
    return text if len(text) <= 70 else f"{text[:69]}…"


def _shares(devices: list[Device]) -> pa.Table:
    rows = [
        {
            "part": f"{_label(device)}: {what.replace('_', ' ')}",
            "device_id": device.facts["device_id"],
            "cause": what,
            "bound": _BOUND[what],
            "dur": dur,
            "wall_ratio": dur / device.facts["dur"] if device.facts["dur"] else None,
        }
        for device in devices
        for what, dur in sorted(device.time.items(), key=lambda pair: -pair[1])
    ]
    kinds = {"device_id": pa.int64(), "dur": pa.int64(), "wall_ratio": pa.float64()}
    columns = ("part", "device_id", "cause", "bound", "dur", "wall_ratio")
    return pa.Table.from_pylist(rows, pa.schema([(c, kinds.get(c, pa.string())) for c in columns]))


def _bounds(devices: list[Device]) -> pa.Table:
    classes = ("compute", "memory", "comm", "io", "latency", "host", "unknown")
    rows = []
    for device in devices:
        wall, shares = device.facts["dur"], dict(_by_bound(device))
        row = {"device_id": device.facts["device_id"], "wall_dur": wall, "bound": _bound(device)}
        row |= {f"{c}_ratio": shares.get(c, 0) / wall if wall else None for c in classes}
        rows.append(row)
    schema = [("device_id", pa.int64()), ("wall_dur", pa.int64()), ("bound", pa.string())]
    schema += [(f"{c}_ratio", pa.float64()) for c in classes]
    return pa.Table.from_pylist(rows, pa.schema(schema))


def _held(devices: list[Device], known: Known) -> pa.Table:
    rows = [
        {
            "device_id": device.facts["device_id"],
            "cause": what,
            "name": known.names.get(name),
            "dur": dur,
            "wall_ratio": dur / device.facts["dur"],
            "call_count": known.calls.get(name),
        }
        for device in devices
        for what, holders in device.holder.items()
        for dur, name in holders[:20]
        if device.facts["dur"]
    ]
    rows.sort(key=lambda row: (row["device_id"] or -1, -row["dur"], row["cause"], row["name"]))
    columns = ("device_id", "cause", "name", "dur", "wall_ratio", "call_count")
    kinds = {"cause": pa.string(), "name": pa.string(), "wall_ratio": pa.float64()}
    return pa.Table.from_pylist(rows, pa.schema([(c, kinds.get(c, pa.int64())) for c in columns]))


def _findings(name: str, device: Device, known: Known, least_ratio: float) -> list[Finding]:
    wall, found = device.facts["dur"], []
    for what, dur in _waits(device):
        if not wall or dur < least_ratio * wall or what not in _ADVICE:
            continue
        evidence = _evidence_of(what, device, known)
        if evidence is None:
            continue
        ratio = dur / wall
        gain = f"at most {1 / (1 - ratio):.2f} times as fast" if ratio < 1 else "without bound"
        found.append(
            Finding(
                traces=(device.facts["trace"],),
                analysis=name,
                kind=what,
                severity=severity(ratio),
                subject_type="device" if device.facts["device_id"] is not None else "thread",
                subject=_label(device),
                subject_id=device.facts["device_id"],
                message=f"{_label(device).capitalize()} waited {format_ns(dur)}, "
                f"{format_ratio(ratio)} of the wall, for {_said(what, device, known)}"
                f"{_part(what, device, dur)}; without it the run would be {gain}.",
                confidence_basis="exact",
                confidence=1.0,
                evidence_sql=evidence[0],
                n_events=evidence[1],
                n=device.facts["count"] or None,
                ts=device.facts["ts"],
                dur=wall,
                value=float(dur),
                unit="ns",
                effect=1 / (1 - ratio) if ratio < 1 else None,
                impact_ratio=ratio,
                recommendation=_ADVICE[what],
            )
        )
    return found


def _part(what: str, device: Device, dur: int) -> str:
    """Say how much of a cause the first of several names holds."""
    holders = device.holder.get(what, [])
    if len(holders) < 2:
        return ""
    return f" ({format_ratio(holders[0][0] / dur)} of it, and {len(holders) - 1:,} more)"


def _evidence_of(what: str, device: Device, known: Known) -> tuple[str, int] | None:
    """Give a query for the calls that held most, or for the gaps; and how many rows it has."""
    trace = device.facts["trace"]
    if what.startswith("exposed"):
        return _exposed_evidence(what, device, known)
    if what in _BY_GAP and device.facts["device_id"] is not None:
        return _gap_evidence(device, known)
    holders = device.holder.get(what)
    if not holders:
        return None
    text, count = known.names.get(holders[0][1]), known.calls.get(holders[0][1], 0)
    if not count:
        return None
    utids = ", ".join(str(utid) for utid in known.threads)
    tracks = f"SELECT id FROM track WHERE type = 'thread' AND utid % 4294967296 IN ({utids})"  # noqa: S608
    return _evidence.select(
        "slice",
        {"trace": trace, "name": text},
        "dur >= 0",
        f"ts + dur > {known.start}",
        f"ts < {known.end}",
        f"track_id IN ({tracks})",
    ), count


def _exposed_evidence(what: str, device: Device, known: Known) -> tuple[str, int] | None:
    """Give a query for the communication, copies or fills of a device."""
    start, end = device.facts["ts"], device.facts["ts"] + device.facts["dur"]
    more = ["dur >= 0", f"ts >= {start}", f"ts < {end}"]
    conditions = {"trace": device.facts["trace"], "device_id": device.facts["device_id"]}
    if what == "exposed_comm":
        pattern = _evidence.literal(known.comm_pattern)
        more += ["kind NOT IN ('memcpy', 'memset')", f"regexp_matches(name, {pattern}, 'i')"]
    else:
        conditions["kind"] = what.removeprefix("exposed_")
    count = device.op_count.get(what, 0)
    return (_evidence.select("gpu_slice", conditions, *more), count) if count else None


def _gap_evidence(device: Device, known: Known) -> tuple[str, int] | None:
    """Give a query for the operations after the longest gaps that make half of the idle time."""
    mine = known.gaps.filter(_same("device_id", device.facts["device_id"]))
    lengths = sorted(mine["dur"].to_pylist(), reverse=True)
    if not lengths:
        return None
    idle, total, least = sum(lengths), 0, lengths[0]
    for length in lengths:  # a hundred at most
        if total >= idle / 2:
            break
        least, total = length, total + length
    shown = sum(length >= least for length in lengths)
    if shown == len(lengths) == 100:  # as short ones may have been cut off
        longer = [length for length in lengths if length > least]
        if not longer:
            return None
        least, shown = longer[-1], len(longer)
    running = (
        "max(ts + dur) OVER (ORDER BY ts, id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"
    )
    start, end = device.facts["ts"], device.facts["ts"] + device.facts["dur"]
    conditions = {"trace": device.facts["trace"], "device_id": device.facts["device_id"]}
    within = _evidence.where(conditions, "dur >= 0", f"ts BETWEEN {start} AND {end}")
    gaps = f"SELECT {_evidence.COLUMNS}, ts - {running} AS gap_dur FROM gpu_slice WHERE {within}"  # noqa: S608
    return f"SELECT {_evidence.COLUMNS}, gap_dur FROM ({gaps}) WHERE gap_dur >= {least}", shown  # noqa: S608
