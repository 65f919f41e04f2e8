"""Judge the gaps between the events of an operation."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from traceql.analyses import _evidence, _warmup
from traceql.kernels import states
from traceql.model.result import Exhibit, Finding, Result, abstain, severity
from traceql.model.units import format_ns, format_ratio

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceql.model.protocols import Tables

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

_REMEDY = "Record more of a run: operations of 16 to 20,000 events are looked at."
_ON_BEAT, _BEAT_SPREAD, _BEAT_WIDTH = 0.9, 0.05, 0.1
_BURSTY, _STEADY = 0.3, -0.3
_QUICKER = 4.0
_LEAST_RUN = 3
_IN_BURSTS, _MOST_TIME = 0.5, 0.2
_MISSED = 1.5
"""The mean gap of a beat is at most this multiple of the median: few beats are missed."""

_ABOUT, _MOST_STEPS = 0.2, 0.8
"""So far from the median may the number of events in so many of the steps be, to be theirs."""

_FEW = 10

_LISTED = 100
_HIDDEN = {"bursts", "steps", "shown_events", "side_dur"}
SCHEMA = pa.schema(
    [
        ("name", pa.string()), ("is_device", pa.bool_()), ("comes", pa.string()),
        ("event_count", pa.int64()), ("total_dur", pa.int64()), ("side_dur", pa.int64()),
        ("mean_gap_dur", pa.float64()), ("median_gap_dur", pa.float64()),
        ("burstiness", pa.float64()), ("memory_ratio", pa.float64()),
        ("burst_count", pa.int64()), ("burst_events", pa.int64()), ("burst_gap_dur", pa.float64()),
        ("burst_dur", pa.int64()), ("start_ts", pa.int64()), ("end_ts", pa.int64()),
        ("steps", pa.int64()), ("shown_events", pa.int64()),
        ("bursts", pa.list_(pa.int64())),  # first and last ts of each that is shown
    ]
)  # fmt: skip


class Bursts(NamedTuple):
    """Bursts of a series of events: places of their first and last event, int64 [k]."""

    first: Ints
    last: Ints


def burstiness(gaps: Floats) -> float:
    """Give how much gaps vary: -1 on a beat, 0 at random, 1 at most (Goh & Barabási 2008).

    Corrected for the number of events as by Kim & Jo (2016), equation 28: a few events cannot be
    as bursty as many.

    Args:
        gaps: float64 [n], n > 1, not all zero.
    """
    n = len(gaps) + 1
    r = float(gaps.std() / gaps.mean())
    more, less = math.sqrt(n + 1), math.sqrt(n - 1)
    return (more * r - less) / ((more - 2) * r + less)


def bursts(gaps: Floats) -> Bursts:
    """Find bursts by Kleinberg's automaton of two states (2002), the quick one four times as fast.

    Args:
        gaps: float64 [n], between events, in order.
    """
    mean = float(gaps.mean())
    slow = gaps / mean
    quick = _QUICKER * gaps / mean - math.log(_QUICKER)
    high = states.two_states(slow, quick, math.log(len(gaps) + 1))
    edges = np.flatnonzero(np.diff(np.concatenate(([0], high.astype(np.int8), [0]))))
    first, last = edges[::2], edges[1::2]
    long = last - first >= _LEAST_RUN
    return Bursts(first[long], last[long])


def measure(tables: Tables) -> pa.Table:
    """Judge one operation.

    Args:
        tables: event (of one operation, by ts), name, iteration.

    Returns:
        SCHEMA, one row; none without events.
    """
    event = tables["event"]
    if event.num_rows < 3:
        return SCHEMA.empty_table()
    ts = event["ts"].to_numpy()
    gaps = np.diff(ts).astype(np.float64)
    if not gaps.any():
        return SCHEMA.empty_table()
    per_step = _per_step(event["issued_ts"].to_numpy(), tables["iteration"])
    names = tables["name"]
    at = names["id"].to_numpy().searchsorted(event["name_id"][0].as_py())
    found = bursts(gaps)
    inside = int((found.last - found.first + 1).sum())
    within = [gaps[a:b] for a, b in zip(found.first, found.last, strict=True)]  # bursts: few
    largest = np.sort(np.argsort(-(found.last - found.first), kind="stable")[:_LISTED])
    edges = np.stack((ts[found.first], ts[found.last]), axis=1)[largest]
    shown = np.diff(ts.searchsorted(edges + np.array([0, 1])), axis=1)
    row: dict[str, Any] = {
        "name": names["text"][int(at)].as_py(), "is_device": bool(event["is_device"][0].as_py()),
        "event_count": len(ts), "total_dur": event["total_dur"][0].as_py(),
        "side_dur": event["side_dur"][0].as_py(), "mean_gap_dur": float(gaps.mean()),
        "median_gap_dur": float(np.median(gaps)), "burstiness": burstiness(gaps),
        "memory_ratio": _memory(gaps), "burst_count": len(found.first), "burst_events": inside,
        "burst_gap_dur": float(np.median(np.concatenate(within))) if within else None,
        "burst_dur": int((ts[found.last] - ts[found.first]).sum()),
        "steps": len(per_step), "start_ts": int(ts[0]), "end_ts": int(ts[-1]) + 1,
        "bursts": edges.ravel().tolist(), "shown_events": int(shown.sum()),
    }  # fmt: skip
    row["comes"] = _comes(row, gaps, per_step)
    return pa.Table.from_pylist([row], SCHEMA)


def _per_step(issued: Ints, iteration: pa.Table) -> Ints:
    """Count the events of each steady step; none without steps."""
    steady = _warmup.steady(iteration) if iteration.num_rows else None
    if steady is None:
        return np.empty(0, np.int64)
    steps = _warmup.of_main_track(iteration)
    start, dur = steps["ts"].to_numpy(), steps["dur"].to_numpy()
    start, dur = start[start >= steady.start], dur[start >= steady.start]
    issued = np.sort(issued)
    found: Ints = np.searchsorted(issued, start + dur) - np.searchsorted(issued, start)
    return found


def _memory(gaps: Floats) -> float | None:
    """Correlate each gap with the next."""
    before, after = gaps[:-1], gaps[1:]
    if len(before) < 2 or not before.std() or not after.std():
        return None
    return float(np.corrcoef(before, after)[0, 1])


def _comes(row: dict[str, Any], gaps: Floats, per_step: Ints) -> str:
    """Say how an operation comes."""
    usual = float(np.median(per_step)) if len(per_step) else 0.0
    if usual and (np.abs(per_step - usual) <= _ABOUT * usual).mean() >= _MOST_STEPS:
        return "every step"
    beat = row["median_gap_dur"]
    spread = 1.4826 * float(np.median(np.abs(gaps - beat)))
    if beat and spread <= _BEAT_SPREAD * beat and row["mean_gap_dur"] <= _MISSED * beat:
        off = np.abs(gaps / beat - np.maximum(np.rint(gaps / beat), 1))
        if (off <= _BEAT_WIDTH).mean() >= _ON_BEAT:
            return "periodic"
    span = row["end_ts"] - row["start_ts"]
    gathered = row["burst_events"] >= _IN_BURSTS * row["event_count"]
    short = row["burst_dur"] <= _MOST_TIME * span
    if row["burstiness"] >= _BURSTY and gathered and short:
        return "bursty"
    return "steady" if row["burstiness"] < _STEADY else "irregular"


def _is_told(row: dict[str, Any]) -> bool:
    """Say whether it stands apart: without steps a loop has a beat, and bursts in each turn."""
    if row["comes"] == "bursty":
        return bool(row["steps"] or row["burst_count"] <= _FEW)
    return bool(row["comes"] == "periodic" and row["steps"])


def conclude(name: str, measured: pa.Table, least_ratio: float) -> Result:
    """Make the Result of `pattern.arrivals`.

    Args:
        name: of the analysis.
        measured: SCHEMA, then trace.
        least_ratio: smallest share of the time of its side that makes a finding.
    """
    rows = measured.to_pylist()  # some dozens
    if not rows:
        return abstain(name, "no operation has a fitting number of events", _REMEDY)
    found = [row for row in rows if _is_told(row)]
    findings = [
        _finding(name, row) for row in found if row["total_dur"] >= least_ratio * row["side_dur"]
    ]
    findings.sort(key=lambda f: (-int(f.severity), -(f.impact_ratio or 0.0), f.subject))
    rows.sort(key=lambda row: (row["comes"] not in {"periodic", "bursty"}, -row["total_dur"]))
    shown = [field for field in SCHEMA if field.name not in _HIDDEN]
    counts = {kind: sum(row["comes"] == kind for row in rows) for kind in ("periodic", "bursty")}
    return Result(
        name,
        status="ok" if findings else "empty",
        findings=tuple(findings),
        tables={"arrival": pa.Table.from_pylist(rows, pa.schema(shown))},
        exhibits=(
            Exhibit("arrival", "table", "How operations come",
                    note="burstiness: -1 on a beat, 0 at random, 1 at most."),
        ),
        headline=f"Of {len(rows)} operations {counts['periodic']} come on a beat and "
        f"{counts['bursty']} in bursts, apart from the steps.",
    )  # fmt: skip


def _finding(name: str, row: dict[str, Any]) -> Finding:
    beat = row["comes"] == "periodic"
    side = "device" if row["is_device"] else "host"
    impact = min(row["total_dur"] / row["side_dur"], 1.0) if row["side_dur"] else 0.0
    known = row["name"] or "(no name)"
    short = known if len(known) <= 60 else f"{known[:59]}…"
    evidence, n_events, shown = _sql(row)
    if beat:
        value = row["median_gap_dur"]
        message = (
            f"{short} comes every {format_ns(value)}, {row['event_count']:,} times, whatever the "
            f"steps do; it takes {format_ratio(impact)} of the {side} time."
        )
        advice = "See what drives it (a timer, a poll, a log, a collector), and whether so often."
    else:
        value = row["burst_gap_dur"]
        span = max(row["end_ts"] - row["start_ts"], 1)
        message = (
            f"{row['burst_events']:,} of {row['event_count']:,} {short} come in "
            f"{row['burst_count']:,} bursts{shown}, {format_ns(value)} apart, that take "
            f"{format_ratio(row['burst_dur'] / span)} of the time."
        )
        advice = "See what releases the bursts: a full queue, a batch, a flush, a lock let go."
    return Finding(
        traces=(row["trace"],),
        analysis=name,
        kind="periodic_arrivals" if beat else "bursty_arrivals",
        severity=severity(0.0),  # how something comes costs nothing in itself
        subject_type="op",
        subject=f"{known} ({side})",
        message=message,
        confidence_basis="heuristic",
        evidence_sql=evidence,
        n_events=n_events,
        ts=row["start_ts"],
        dur=row["end_ts"] - row["start_ts"],
        value=value,
        unit="ns",
        baseline=row["mean_gap_dur"],
        n=row["event_count"],
        statistic=row["burstiness"],
        effect=row["mean_gap_dur"] / value if value else None,
        impact_ratio=impact,
        recommendation=advice,
    )


def _sql(row: dict[str, Any]) -> tuple[str, int, str]:
    """Ask for the events, of bursts for those within them; how many, and which are shown."""
    side = (
        "id IN (SELECT slice_id FROM gpu_op)"
        if row["is_device"]
        else "coalesce(category, '') NOT IN ('Trace', 'python_function') AND id NOT IN "
        "(SELECT slice_id FROM gpu_op) AND track_id IN (SELECT id FROM track WHERE device_id "
        "IS NULL)"
    )
    window = (f"ts >= {row['start_ts']}", f"ts < {row['end_ts']}", "dur >= 0", side)
    mine = {"trace": row["trace"], "name": row["name"]}
    if row["comes"] == "periodic":
        return _evidence.select("slice", mine, *window), row["event_count"], ""
    edges = list(zip(row["bursts"][::2], row["bursts"][1::2], strict=True))
    listed = ", ".join(f"({a}, {b})" for a, b in edges)
    inside = (
        f"EXISTS (SELECT 1 FROM (VALUES {listed}) burst(first_ts, last_ts) "  # noqa: S608
        "WHERE ts BETWEEN first_ts AND last_ts)"
    )
    shown = "" if len(edges) == row["burst_count"] else f" (the largest {len(edges)} are shown)"
    return _evidence.select("slice", mine, *window, inside), row["shown_events"], shown
