"""Time in calls that wait."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from traceql.analyses import _evidence
from traceql.analyses.bottleneck import _sweep
from traceql.kernels import spans
from traceql.model.result import Exhibit, Finding, Result, abstain, severity
from traceql.model.units import format_ns, format_ratio

if TYPE_CHECKING:
    from traceql.model.protocols import Tables

_REMEDY = "Record host threads with their calls: nsys --trace=cuda,osrt, torch.profiler with CPU."

SCHEMA = pa.schema(
    [
        pa.field("row", pa.string(), nullable=False),  # name, thread or known
        pa.field("name", pa.string()),
        pa.field("kind", pa.string()),
        pa.field("utid", pa.int64()),
        pa.field("calls", pa.int64()),
        pa.field("total_dur", pa.int64()),
        pa.field("longest_dur", pa.int64()),
        pa.field("together_dur", pa.int64()),
        pa.field("thread_count", pa.int64()),
        pa.field("ts", pa.int64()),
        pa.field("end_ts", pa.int64()),
    ]
)


def measure(tables: Tables) -> pa.Table:
    """Sum one name.

    Args:
        tables: wait (name, kind, ts, end_ts, utid; of one name, by thread and ts; may be empty);
            thread (utid, ts, end_ts).

    Returns:
        SCHEMA: a row `name`, a row `thread` for each that waits; a row `known` if there are
        threads but no waits.
    """
    wait, threads = tables["wait"], tables["thread"]
    if not wait.num_rows:
        rows = [{"row": "known", "thread_count": threads.num_rows}] if threads.num_rows else []
        return pa.Table.from_pylist(rows, SCHEMA)
    utid = wait["utid"].to_numpy().astype(np.int64)
    bounds = np.concatenate([[0], np.flatnonzero(np.diff(utid)) + 1, [len(utid)]])
    ts, end = wait["ts"].to_numpy(), wait["end_ts"].to_numpy()
    merged = spans.merge(bounds, ts, end)
    of = np.repeat(np.arange(len(bounds) - 1), merged.counts)
    total = np.zeros(len(bounds) - 1, np.int64)
    np.add.at(total, of, merged.end - merged.ts)
    by_time = np.argsort(merged.ts, kind="stable")
    found = _sweep.profile(merged.ts[by_time], merged.end[by_time])
    walls = {row["utid"]: row for row in threads.to_pylist()}  # threads
    same = {"name": wait["name"][0].as_py(), "kind": wait["kind"][0].as_py()}
    rows = [
        {
            "row": "name",
            **same,
            "calls": len(ts),
            "total_dur": int(total.sum()),
            "longest_dur": int((end - ts).max()),
            "together_dur": int(found.dur[found.level >= 2].sum()),
            "thread_count": len(total),
        }
    ]
    for number, (low, high) in enumerate(itertools.pairwise(bounds)):
        thread = int(utid[low])
        rows.append(
            {
                "row": "thread",
                **same,
                "utid": thread,
                "calls": int(high - low),
                "total_dur": int(total[number]),
                "ts": walls[thread]["ts"],
                "end_ts": walls[thread]["end_ts"],
            }
        )
    return pa.Table.from_pylist(rows, SCHEMA)


def conclude(name: str, measured: pa.Table, least_ratio: float) -> Result:
    """Make the Result of `bottleneck.contention`.

    Args:
        name: of the analysis.
        measured: SCHEMA, then trace.
        least_ratio: as the analysis.
    """
    if not measured.num_rows:
        return abstain(name, "the trace has no slices on threads", _REMEDY)
    names = measured.filter(pc.field("row") == "name").to_pylist()  # some dozens
    threads = measured.filter(pc.field("row") == "thread").to_pylist()
    names.sort(key=lambda row: (-row["total_dur"], row["name"]))
    findings = [f for row in threads if (f := _finding(name, row, names, least_ratio))]
    findings.sort(key=lambda f: (-int(f.severity), -(f.impact_ratio or 0.0), f.subject))
    return Result(
        name,
        status="ok" if names else "empty",
        findings=tuple(findings),
        tables={
            "wait": pa.Table.from_pylist(names, _WAIT),
            "by_thread": pa.Table.from_pylist([_row(row) for row in threads], _THREAD),
        },
        exhibits=(
            Exhibit("wait", "table", "Calls that wait", note="Together: several threads at once."),
            Exhibit("by_thread", "table", "Waits of each thread"),
        ),
        headline=_headline(names),
    )


_WAIT = pa.schema(
    [
        ("kind", pa.string()), ("name", pa.string()), ("calls", pa.int64()),
        ("total_dur", pa.int64()), ("longest_dur", pa.int64()), ("together_dur", pa.int64()),
        ("thread_count", pa.int64()),
    ]
)  # fmt: skip
_THREAD = pa.schema(
    [
        ("utid", pa.int64()), ("kind", pa.string()), ("name", pa.string()), ("calls", pa.int64()),
        ("total_dur", pa.int64()), ("wall_ratio", pa.float64()),
    ]
)  # fmt: skip


def _row(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "wall_ratio": _share(row)}


def _share(row: dict[str, Any]) -> float:
    return float(row["total_dur"] / (row["end_ts"] - row["ts"]))


def _headline(names: list[dict[str, Any]]) -> str:
    if not names:
        return "No call of the trace is known to wait."
    said = []
    for kind in ("lock", "device sync", "sleep"):
        mine = [row for row in names if row["kind"] == kind]
        if mine:
            total = sum(row["total_dur"] for row in mine)
            said.append(f"{kind} {format_ns(total)} (most in {mine[0]['name']})")
    return f"Threads waited: {', '.join(said)}."


def _finding(
    name: str, row: dict[str, Any], names: list[dict[str, Any]], least_ratio: float
) -> Finding | None:
    """Speak of a thread that waits long for locks."""
    share = _share(row)
    if row["kind"] != "lock" or share < least_ratio:
        return None
    whole = next(other for other in names if other["name"] == row["name"])
    utid = row["utid"]
    tracks = f"SELECT id FROM track WHERE type = 'thread' AND utid % 4294967296 = {utid}"  # noqa: S608
    return Finding(
        traces=(row["trace"],),
        analysis=name,
        kind="lock_wait",
        severity=severity(share),
        subject_type="thread",
        subject=f"thread {utid} · {row['name']}",
        subject_id=utid,
        message=f"Thread {utid} waited {format_ns(row['total_dur'])}, {format_ratio(share)} of its "
        f"time, in {row['calls']:,} calls of {row['name']}; {whole['thread_count']} threads call "
        f"it, and waited together for {format_ns(whole['together_dur'])}.",
        confidence_basis="exact",
        confidence=1.0,
        evidence_sql=_evidence.select(
            "slice",
            {"trace": row["trace"], "name": row["name"]},
            "dur > 0",
            f"ts >= {row['ts']}",
            f"ts + dur <= {row['end_ts']}",
            f"track_id IN ({tracks})",
        ),
        n_events=row["calls"],
        n=row["calls"],
        ts=row["ts"],
        dur=row["end_ts"] - row["ts"],
        value=float(row["total_dur"]),
        unit="ns",
        effect=1 / (1 - share) if share < 1 else None,
        impact_ratio=min(share, 1.0),
        recommendation="Hold the lock for less, split it, or give each thread its own data.",
    )
