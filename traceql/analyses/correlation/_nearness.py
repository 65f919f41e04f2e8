"""Conclude about events that come close: which are tied, how strongly, how late."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from traceql.analyses import _discoveries, _evidence
from traceql.analyses.correlation import _coefficients
from traceql.model.result import Exhibit, Finding, Result, Severity, abstain
from traceql.model.units import format_ns, format_ratio

_REMEDY = "Record more of a run: operations of 8 to 2,000 events each are looked at."
_Z = 1.96
_COLUMNS = {
    "first": pa.string(), "second": pa.string(), "relation": pa.string(), "strength": pa.string(),
    "lag_dur": pa.int64(), "near": pa.int64(), "first_count": pa.int64(),
    "second_count": pa.int64(), "share": pa.float64(), "by_chance": pa.float64(),
    "lift": pa.float64(), "p_value": pa.float64(), "q_value": pa.float64(),
}  # fmt: skip


class Rule(NamedTuple):
    """Parameters of the analysis."""

    q: float
    least_strength: float
    most_findings: int


def conclude(name: str, measured: pa.Table, rule: Rule) -> Result:
    """Make the Result of `correlation.events`.

    Args:
        name: of the analysis.
        measured: SCHEMA of `_near`, then trace.
        rule: parameters.
    """
    told = measured.filter(pc.field("row") == "all").to_pylist()
    if not told:
        return abstain(name, "there are no two operations of a fitting number of events", _REMEDY)
    pairs = measured.filter(pc.field("row") == "pair").to_pylist()  # most_ops squared at most
    tests = sum(row["pair_count"] for row in told)
    # What was not passed on had a p above a twentieth; it counts among the tests.
    p_values = [max(row["p_all"], row["p_local"]) for row in pairs]
    padded = [*p_values, *[1.0] * (tests - len(p_values))]
    for row, p, q in zip(pairs, p_values, _discoveries.q_values(padded), strict=False):
        row |= {"p_value": p, "q_value": q}
        _judge(row)
    found = [r for r in pairs if r["q_value"] <= rule.q or r["relation"] == "between phases"]
    found.sort(key=lambda row: (row["relation"], -row["low"], row["first"], row["second"]))
    tied = [row for row in found if row["relation"] == "near" and row["low"] >= rule.least_strength]
    findings = tuple(_finding(name, row) for row in _once(tied)[: rule.most_findings])
    shown = [{c: row[c] for c in _COLUMNS} for row in found[:500]]
    looked = f"{tests:,} pairs of {sum(row['op_count'] for row in told)} operations"
    return Result(
        name,
        status="ok" if findings else "empty",
        findings=findings,
        tables={"near": pa.Table.from_pylist(shown, pa.schema(list(_COLUMNS.items())))},
        exhibits=(
            Exhibit("near", "table", "Operations that come close",
                    note="nested: one calls, encloses or launches the other. in order: one thread "
                    "issues both. between phases: both belong to the same part of the run."),
        ),
        headline=f"{len(findings)} of {looked} come close more often than by chance."
        if findings
        else f"Nothing comes close more often than by chance, in {looked}.",
    )  # fmt: skip


def _judge(row: dict[str, Any]) -> None:
    """Add share, strength, lift and relation."""
    count = row["first_count"]
    share, usual = row["near"] / count, min(row["expected"] / count, 1.0)
    middle = share + _Z**2 / (2 * count)
    reach = _Z * np.sqrt(share * (1 - share) / count + _Z**2 / (4 * count**2))
    least = float((middle - reach) / (1 + _Z**2 / count))
    low = max((least - usual) / (1 - usual), 0.0) if usual < 1 else 0.0
    between = row["p_all"] <= 0.001 < row["p_local"]
    row |= {
        "share": share, "by_chance": usual, "lift": share / usual if usual else None, "low": low,
        "least": least, "strength": _coefficients.strength(low, 1.0),
        "lag_dur": row["lag"] * row["width"],
        "relation": "nested" if row["nested"] else "in order" if row["in_order"]
        else "between phases" if between else "near",
    }  # fmt: skip


def _once(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Keep of a pair the direction that is the stronger."""
    seen: set[frozenset[tuple[str, str]]] = set()
    kept = []
    for row in rows:
        pair = frozenset({(row["first"], row["first_side"]), (row["second"], row["second_side"])})
        if pair not in seen:
            seen.add(pair)
            kept.append(row)
    return kept


def _short(name: str) -> str:
    return name if len(name) <= 60 else f"{name[:59]}…"


def _finding(name: str, row: dict[str, Any]) -> Finding:
    first, second = (f"{_short(row[k])} ({row[k + '_side']})" for k in ("first", "second"))
    when = f"within {format_ns(2 * row['width'])} of"
    if row["lag"]:
        side = "after" if row["lag"] > 0 else "before"
        when = f"about {format_ns(abs(row['lag_dur']))} {side}"
    evidence = _sql(row)
    return Finding(
        traces=(row["trace"],),
        analysis=name,
        kind="near" if not row["lag"] else "lagged",
        severity=Severity.info,  # that things are tied costs nothing in itself
        subject_type="pair",
        # Whole names: what is cut off may be all that two kernels differ in.
        subject=f"{row['first']} ({row['first_side']}) ~ {row['second']} ({row['second_side']})",
        message=f"{second} begins {when} {row['near']:,} of {row['first_count']:,} {first}, "
        f"{format_ratio(row['share'])}, by chance {format_ratio(row['by_chance'])} "
        f"({row['strength']}).",
        confidence_basis="test",
        confidence=1 - row["q_value"],
        evidence_sql=evidence,
        n_events=row["near"],
        ts=row["start_ts"],
        dur=row["end_ts"] - row["start_ts"],
        value=row["share"],
        unit="ratio",
        baseline=row["by_chance"],
        n=row["first_count"],
        statistic=(row["near"] - row["expected"]) / row["spread"] if row["spread"] else None,
        p_value=row["p_value"],
        q_value=row["q_value"],
        effect=row["lift"],
        effect_low=row["least"] / row["by_chance"] if row["by_chance"] else None,
        recommendation="Look at what both need or wait for: a lock, a queue, memory that is handed "
        "back, the same input; or whether one is the cause of the other.",
    )


def _sql(row: dict[str, Any]) -> str:
    """Ask for the events of the first near which the second begins, by the bins of both."""
    place = f"((ts - {row['start_ts']}) // {row['width']})"
    bins = row["bins"]

    def events(which: str) -> str:
        side = (
            "id IN (SELECT slice_id FROM gpu_op)"
            if row[f"{which}_side"] == "device"
            else "coalesce(category, '') NOT IN ('Trace', 'python_function') AND id NOT IN "
            "(SELECT slice_id FROM gpu_op) AND track_id IN (SELECT id FROM track WHERE device_id "
            "IS NULL)"
        )
        return _evidence.where(
            {"trace": row["trace"], "name": row[which]}, "dur >= 0", f"ts >= {row['start_ts']}",
            f"ts < {row['end_ts']}", side,
        )  # fmt: skip

    there = f"SELECT {place} FROM slice WHERE {events('second')}"  # noqa: S608
    lag = row["lag"] + 2 * bins
    near = " OR ".join(f"({place} + {lag + more}) % {bins} IN ({there})" for more in (0, 1))
    return f"SELECT {_evidence.COLUMNS} FROM slice WHERE {events('first')} AND ({near})"  # noqa: S608
