"""How long how much was open at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from traceql.analyses import _evidence
from traceql.kernels import intervals, spans
from traceql.model.result import Exhibit, Finding, Result, abstain, severity
from traceql.model.units import format_ns, format_ratio

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

_REMEDY = "Record slices with their lengths, or device operations."

SCHEMA = pa.schema(
    [
        pa.field("row", pa.string(), nullable=False),  # group, level, lane or useful
        pa.field("group_id", pa.int64()),
        pa.field("lane_id", pa.int64()),
        pa.field("level", pa.int64()),
        pa.field("ts", pa.int64()),
        pa.field("dur", pa.int64()),
        pa.field("count", pa.int64()),
    ]
)


class Profile(NamedTuple):
    """Time with each number of open intervals, ascending; both int64 [m]."""

    level: NDArray[np.int64]
    dur: NDArray[np.int64]


def profile(ts: ArrayLike, end: ArrayLike) -> Profile:
    """Sum how long how many intervals are open, from the first start to the last end.

    Args:
        ts: int64 [n], ascending, ns.
        end: int64 [n], end[i] >= ts[i].

    Returns:
        Levels that last, each once; their times add up to the last end less the first start.
    """
    starts = np.asarray(ts, np.int64)
    points = spans.overlap_count(np.array([0, len(starts)]), starts, end)
    held = np.diff(points.ts)
    level, inverse = np.unique(points.value[:-1], return_inverse=True)
    total = np.zeros(len(level), np.int64)
    np.add.at(total, inverse, held)
    return Profile(level[total > 0], total[total > 0])


def mean(found: Profile) -> float:
    """Give the mean concurrency; 0 where no time passes."""
    whole = int(found.dur.sum())
    return float((found.level * found.dur).sum()) / whole if whole else 0.0


def imbalance(busy: ArrayLike) -> float:
    """Give DeRose's imbalance of n >= 2 busy times: 0 is even, 1 is all on one."""
    values = np.asarray(busy, np.float64)
    most, n = float(values.max()), len(values)
    return (most - float(values.mean())) / most * n / (n - 1) if most and n > 1 else 0.0


def measure(work: pa.Table) -> pa.Table:
    """Sweep over one group.

    Args:
        work: group_id, lane_id, ts, end_ts, is_comm; by lane, then ts; may be empty.
    """
    if not work.num_rows:
        return SCHEMA.empty_table()
    group = work["group_id"][0].as_py()
    lane = work["lane_id"].combine_chunks().fill_null(-1).to_numpy().astype(np.int64)
    ts, end = work["ts"].to_numpy(), work["end_ts"].to_numpy()
    order = np.lexsort((end, ts, lane))
    lane, ts, end = lane[order], ts[order], end[order]
    bounds = np.append(np.flatnonzero(np.append(True, lane[1:] != lane[:-1])), len(lane))
    merged = spans.merge(bounds, ts, end)
    lanes = lane[bounds[:-1]]
    busy = np.array(
        [part.sum() for part in np.split(merged.end - merged.ts, np.cumsum(merged.counts)[:-1])],
        np.int64,
    )
    useful = ~work["is_comm"].combine_chunks().to_numpy(zero_copy_only=False)[order]
    by_time = np.argsort(ts[useful], kind="stable")
    worked = intervals.busy(ts[useful][by_time], end[useful][by_time])
    if group % 2:  # a thread is one worker, whatever it has open
        ts, end = merged.ts, merged.end
    by_time = np.argsort(ts, kind="stable")
    found = profile(ts[by_time], end[by_time])
    start = int(ts.min())
    rows: list[dict[str, Any]] = [
        {"row": "group", "group_id": group, "ts": start, "dur": int(end.max()) - start,
         "count": work.num_rows},
        {"row": "useful", "group_id": group, "dur": worked, "count": int(useful.sum())},
    ]  # fmt: skip
    rows += [
        {"row": "level", "group_id": group, "level": level, "dur": dur}
        for level, dur in zip(found.level.tolist(), found.dur.tolist(), strict=True)
    ]
    counts = np.diff(bounds)
    rows += [
        {"row": "lane", "group_id": group, "lane_id": number, "dur": dur, "count": count}
        for number, dur, count in zip(lanes.tolist(), busy.tolist(), counts.tolist(), strict=True)
    ]
    return pa.Table.from_pylist(rows, SCHEMA)


def conclude(name: str, measured: pa.Table, least_ratio: float, comm_pattern: str) -> Result:
    """Make the Result of `bottleneck.concurrency`.

    Args:
        name: of the analysis.
        measured: SCHEMA, then trace.
        least_ratio: as the analysis.
        comm_pattern: as the analysis.
    """
    groups = measured.filter(pc.field("row") == "group").to_pylist()  # devices and processes: few
    if not groups:
        return abstain(name, "no slice of the trace has a length", _REMEDY)
    levels = measured.filter(pc.field("row") == "level")
    lanes = measured.filter(pc.field("row") == "lane")
    rows = [_row(group, levels, lanes) for group in groups]
    useful = {
        row["group_id"]: row for row in measured.filter(pc.field("row") == "useful").to_pylist()
    }
    finding = _uneven(name, groups, useful, least_ratio, comm_pattern)
    shown = [_level(level) for level in levels.to_pylist()]
    return Result(
        name,
        findings=(finding,) if finding else (),
        tables={
            "group": pa.Table.from_pylist(rows),
            "level": pa.Table.from_pylist(shown),
        },
        exhibits=(
            Exhibit("group", "table", "How much ran at once",
                    note="Devices count operations, processes count threads."),
            Exhibit("level", "bars", "Time at each number at once",
                    {"label": "label", "value": "dur"}),
        ),
        headline=_headline(rows),
    )  # fmt: skip


def _named(group_id: int) -> str:
    number, kind = group_id // 2, "process" if group_id % 2 else "device"
    return kind if number == -1 else f"{kind} {number}"


def _row(group: dict[str, Any], levels: pa.Table, lanes: pa.Table) -> dict[str, Any]:
    mine = levels.filter(pc.field("group_id") == group["group_id"])
    found = Profile(mine["level"].to_numpy(), mine["dur"].to_numpy())
    busy = lanes.filter(pc.field("group_id") == group["group_id"])["dur"].to_numpy()
    whole = group["dur"]
    return {
        "where": _named(group["group_id"]),
        "span_dur": whole,
        "mean_concurrency": mean(found),
        "most_concurrency": int(found.level.max()),
        "idle_ratio": float(found.dur[found.level == 0].sum()) / whole,
        "serial_ratio": float(found.dur[found.level <= 1].sum()) / whole,
        "lane_count": len(busy),
        "balance_ratio": float(busy.mean()) / float(busy.max()),
        "imbalance_ratio": imbalance(busy),
    }


def _level(level: dict[str, Any]) -> dict[str, Any]:
    where = _named(level["group_id"])
    return {
        "label": f"{where}: {level['level']}",
        "where": where,
        "concurrency": level["level"],
        "dur": level["dur"],
    }


def _headline(rows: list[dict[str, Any]]) -> str:
    said = [
        f"{row['where']} ran {row['mean_concurrency']:.2f} at once on average, at most one for "
        f"{format_ratio(row['serial_ratio'])} of {format_ns(row['span_dur'])}"
        for row in rows[:3]
    ]
    more = f"; {len(rows) - 3} more" if len(rows) > 3 else ""
    text = "; ".join(said)
    return f"{text[0].upper()}{text[1:]}{more}."


def _uneven(
    name: str,
    groups: list[dict[str, Any]],
    useful: dict[int, dict[str, Any]],
    least_ratio: float,
    comm_pattern: str,
) -> Finding | None:
    """Compare what devices do beside communication, in which they wait for each other."""
    pairs = [(g, useful[g["group_id"]]) for g in groups if g["group_id"] % 2 == 0]
    if len(pairs) < 2:
        return None
    busy = np.array([float(u["dur"]) for _, u in pairs])
    span = max(g["ts"] + g["dur"] for g, _ in pairs) - min(g["ts"] for g, _ in pairs)
    excess = float(busy.max() - busy.mean())
    if excess < least_ratio * span:
        return None
    most, did = pairs[int(busy.argmax())]
    ratio, share = imbalance(busy), excess / span
    device = None if most["group_id"] == -2 else most["group_id"] // 2
    start, end = most["ts"], most["ts"] + most["dur"]
    return Finding(
        traces=(most["trace"],),
        analysis=name,
        kind="imbalance",
        severity=severity(share),
        subject_type="device",
        subject=_named(most["group_id"]),
        subject_id=device,
        message=f"{_named(most['group_id']).capitalize()} worked {format_ns(float(busy.max()))}, "
        f"the {len(busy)} devices {format_ns(float(busy.mean()))} on average: an imbalance of "
        f"{format_ratio(ratio)}.",
        confidence_basis="exact",
        confidence=1.0,
        evidence_sql=_evidence.select(
            "gpu_slice",
            {"trace": most["trace"], "device_id": device},
            "dur > 0",
            f"ts BETWEEN {start} AND {end}",
            f"NOT coalesce(regexp_matches(name, {_evidence.literal(comm_pattern)}, 'i'), false)",
        ),
        n_events=did["count"],
        n=sum(u["count"] for _, u in pairs),
        ts=start,
        dur=most["dur"],
        value=float(busy.max()),
        unit="ns",
        baseline=float(busy.mean()),
        effect=float(busy.max() / busy.mean()),
        impact_ratio=share,
        recommendation="Spread the work by measured time, not by count: rebalance stages, shards "
        "or batches between the devices.",
    )
