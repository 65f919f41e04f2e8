"""Conclude from judged strata: control false discoveries, write findings."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from traceql.analyses import _evidence
from traceql.model.result import Exhibit, Finding, Result, abstain, severity
from traceql.model.units import format_bytes, format_ns, format_ratio

_REMEDY = "Record slices with their lengths: this trace has none, or none in the window."
_ALONE = 0.01
_CHANCE = 0.01
_SHAPE = ("grid_x", "grid_y", "grid_z", "block_x", "block_y", "block_z")


class Flagged(NamedTuple):
    """The flagged durations of a stratum, ascending."""

    dur: list[int]
    counts: list[int]
    p: list[float]
    q: float


def conclude(name: str, measured: pa.Table, method: str, q: float, least_ratio: float) -> Result:
    """Make the Result of `anomaly.duration`.

    Args:
        name: of the analysis.
        measured: SCHEMA of `_strata`, then trace.
        method: modes or z3.
        q: highest expected share of false events.
        least_ratio: a finding with a smaller impact is not made.
    """
    rows = measured.to_pylist()  # strata above a share of the time: some thousands at most
    if not rows:
        return abstain(name, "no operation occurs eight times with a length", _REMEDY)
    judged = [row for row in rows if row["event_count"]]
    tested = sum(row["event_count"] for row in judged)
    adjusted = _adjusted(judged, tested)
    every = [_flagged(row, adjusted, q) for row in judged]
    level = max((flagged.p[0] for flagged in every if flagged.p), default=0.0)
    for row, flagged in zip(judged, every, strict=True):
        row["flagged_count"] = sum(flagged.counts)
        if row["chance_count"]:
            by_chance = sum(p <= level for p in row["chance_p"])
            row["false_positive_ratio"] = by_chance / row["chance_count"]
    findings = [
        _finding(name, row, flagged, method)
        for row, flagged in zip(judged, every, strict=True)
        if flagged.dur and _matters(row, flagged, least_ratio, judged)
    ]
    findings.sort(key=lambda f: (-int(f.severity), -(f.impact_ratio or 0), f.subject))
    events = sum(finding.n_events for finding in findings)
    looked = f"{tested:,} events in {len(judged):,} strata"
    return Result(
        name,
        status="ok" if findings else "empty",
        findings=tuple(findings),
        tables={"stratum": _table(rows)},
        exhibits=(
            Exhibit(
                "stratum",
                "table",
                "Strata",
                note="z3_count is what mean + 3 standard deviations would flag, for comparison; "
                "false_positive_ratio what the rule flags in surrogates that are nothing. "
                "An operation with several modes does several things under one name.",
            ),
        ),
        headline=f"Unusually long: {events:,} in {len(findings)} of the strata; {looked}."
        if findings
        else f"Nothing unusually long in {looked}.",
    )


def _adjusted(rows: list[dict[str, Any]], tested: int) -> dict[float, float]:
    """Give the q of every candidate's p: Benjamini-Hochberg over all events of all strata."""
    p = np.array([p for row in rows for p in row["candidate_p"]], np.float64)
    count = np.array([c for row in rows for c in row["candidate_count"]], np.int64)
    order = np.argsort(p, kind="stable")
    share = p[order] * tested / np.cumsum(count[order])
    q = np.minimum(np.minimum.accumulate(share[::-1])[::-1], 1.0)
    # Equal p take the q of their last, the lowest.
    return dict(zip(p[order].tolist(), q.tolist(), strict=True))


def _flagged(row: dict[str, Any], adjusted: dict[float, float], level: float) -> Flagged:
    """Give the durations of a stratum from the first whose q is within the level."""
    dur, p, count = row["candidate_dur"], row["candidate_p"], row["candidate_count"]
    first = next((i for i, value in enumerate(p) if adjusted[value] <= level), len(p))
    q = adjusted[p[first]] if first < len(p) else 1.0
    return Flagged(dur[first:], count[first:], p[first:], q)


def _matters(
    row: dict[str, Any], flagged: Flagged, least_ratio: float, judged: list[dict[str, Any]]
) -> bool:
    """Say whether the excess matters, also without the longest event.

    One event may be the scheduler's doing, whatever operation it strikes; it is worth a finding
    only if it alone costs a hundredth of the time. Nor is a stratum that is struck no more often
    than the others of its side, for the time it takes, if it costs less than that.
    """
    excess = np.repeat(flagged.dur, flagged.counts) - row["baseline_dur"]
    total, rest = float(excess.sum()), float(excess.sum() - excess.max())
    if total >= _ALONE * row["side_dur"]:
        return True
    return rest >= least_ratio * row["side_dur"] and not _as_others(row, judged)


def _as_others(row: dict[str, Any], judged: list[dict[str, Any]]) -> bool:
    """Say whether the rate at which other strata are struck explains how often this one is.

    The rate is taken at its lower bound (5 %, exact Poisson), so that a few flagged elsewhere
    explain nothing.
    """
    from scipy import stats

    others = [other for other in judged if other["side"] == row["side"] and other is not row]
    count = sum(other["flagged_count"] for other in others)
    exposed = sum(other["total_dur"] for other in others)
    if not count or not exposed:
        return False
    rate = float(stats.chi2.ppf(0.05, 2 * count)) / 2 / exposed
    p = float(stats.poisson.sf(row["flagged_count"] - 1, rate * row["total_dur"]))
    return p > _CHANCE


def _finding(name: str, row: dict[str, Any], flagged: Flagged, method: str) -> Finding:
    durations = np.repeat(flagged.dur, flagged.counts)
    baseline = row["baseline_dur"]
    impact = float((durations - baseline).sum()) / row["side_dur"]
    typical = float(np.median(durations))
    n_events = len(durations)
    what = "self time" if row["side"] == "host" else "length"
    q = flagged.q if method == "modes" else None
    return Finding(
        traces=(row["trace"],),
        analysis=name,
        kind="long_duration",
        severity=severity(min(impact, 1.0), q),
        subject_type="op",
        subject=subject_of(row),
        message=f"{n_events} of {row['event_count']:,} {_short(row['name'])} took "
        f"{_range(flagged.dur[0], flagged.dur[-1])} ({what}), usually "
        f"{format_ns(baseline)}; together {format_ns(float((durations - baseline).sum()))} more, "
        f"{format_ratio(impact)} of the {row['side']} time.",
        confidence_basis="test" if method == "modes" else "heuristic",
        confidence=_confidence(row, flagged) if method == "modes" else None,
        evidence_sql=events_of(row, flagged.dur[0]),
        n_events=n_events,
        ts=row["start_ts"],
        dur=row["end_ts"] - row["start_ts"],
        value=typical,
        unit="ns",
        baseline=baseline,
        n=row["event_count"],
        statistic=(typical - row["mean_dur"]) / row["sd_dur"] if row["sd_dur"] else None,
        p_value=flagged.p[0] if method == "modes" else None,
        q_value=q,
        effect=typical / baseline,
        effect_low=flagged.dur[0] / baseline,
        effect_high=flagged.dur[-1] / baseline,
        impact_ratio=min(impact, 1.0),
        recommendation="Look at what ran beside these events: other streams and threads, copies, "
        "allocations, clock changes, garbage collection.",
    )


def _confidence(row: dict[str, Any], flagged: Flagged) -> float:
    """Give 1 - q, or less where more of the events would be flagged by chance."""
    by_chance = row.get("false_positive_ratio", 0.0) * row["event_count"] / sum(flagged.counts)
    return float(max(0.0, 1 - max(flagged.q, by_chance)))


def events_of(row: dict[str, Any], least: int) -> str:
    """Restate the stratum and its threshold as a query."""
    within = (f"ts >= {row['start_ts']}", f"ts < {row['end_ts']}")
    conditions = {"trace": row["trace"], "name": row["name"], "category": row["category"]}
    if row["side"] == "host":
        return _evidence.select(
            "slice",
            conditions,
            *within,
            f"self_dur >= {least}",
            "track_id IN (SELECT id FROM track WHERE device_id IS NULL)",
            "id NOT IN (SELECT slice_id FROM gpu_op)",
        )
    stratum = {"kind": row["kind"], "device_id": row["device_id"]}
    stratum |= {key: row[key] for key in (*_SHAPE, "bytes", "copy_kind")}
    ops = f"SELECT slice_id FROM gpu_op WHERE {_evidence.where(stratum)}"  # noqa: S608
    return _evidence.select("slice", conditions, *within, f"dur >= {least}", f"id IN ({ops})")


def _range(low: int, high: int) -> str:
    """Write a range of times; one value where both read the same."""
    first, last = format_ns(low), format_ns(high)
    return first if first == last else f"{first} to {last}"


def _short(name: str | None) -> str:
    text = name or "(no name)"
    return text if len(text) <= 60 else f"{text[:59]}…"


def subject_of(row: dict[str, Any]) -> str:
    """Name the stratum: stable over runs, and telling it from its neighbours."""
    parts = [row["name"] or "(no name)"]
    if row["side"] == "host":
        return f"{parts[0]} ({row['category']})" if row["category"] else parts[0]
    if row["device_id"] is not None:
        parts.append(f"device {row['device_id']}")
    for what in ("grid", "block"):
        if row[f"{what}_x"] is not None:
            axes = ",".join(str(row[f"{what}_{axis}"]) for axis in "xyz")
            parts.append(f"{what} {axes}")
    if row["copy_kind"] is not None:
        parts.append(row["copy_kind"])
    if row["bytes"] is not None:
        parts.append(format_bytes(row["bytes"]))
    return " · ".join(parts)


def _table(rows: list[dict[str, Any]]) -> pa.Table:
    ordered = sorted(rows, key=lambda r: (-r.get("flagged_count", 0), -r["total_dur"]))
    kept = [
        {
            "subject": subject_of(row),
            "side": row["side"],
            "event_count": row["event_count"],
            "flagged_count": row.get("flagged_count", 0),
            "z3_count": row["z3_count"],
            "false_positive_ratio": row.get("false_positive_ratio"),
            "mode_count": row["mode_count"],
            "baseline_dur": row["baseline_dur"],
            "median_dur": row["median_dur"],
            "mean_dur": row["mean_dur"],
            "total_dur": row["total_dur"],
            "total_ratio": row["total_dur"] / row["side_dur"],
        }
        for row in ordered
    ]
    kinds: dict[str, Any] = dict.fromkeys(kept[0], pa.int64())
    kinds |= {"subject": pa.string(), "side": pa.string(), "total_ratio": pa.float64()}
    kinds["false_positive_ratio"] = pa.float64()
    kinds |= dict.fromkeys(("baseline_dur", "median_dur", "mean_dur"), pa.float64())
    return pa.Table.from_pylist(kept, pa.schema(list(kinds.items())))
