"""Conclude about levels: where series change, by how much, and at what cost."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from traceql.analyses import _changes, _discoveries, _divisive, _series
from traceql.analyses._series_sql import COUNTER, STEP
from traceql.model.result import Exhibit, Finding, Result, abstain, severity
from traceql.model.units import format_bytes, format_ns, format_ratio

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_REMEDY = (
    "Record at least ten steps, with step markers such as ProfilerStep or NVTX "
    "ranges named 'step N'."
)
_OTAVA_P = 1e-5
_WARM_STEPS = 5
_COLUMNS = {
    "series": pa.string(), "kind": pa.string(), "unit": pa.string(), "steps": pa.int64(),
    "index": pa.int64(), "ts": pa.int64(), "before": pa.float64(), "after": pa.float64(),
    "change_ratio": pa.float64(), "change_low": pa.float64(), "change_high": pa.float64(),
    "p_value": pa.float64(), "q_value": pa.float64(), "autocorrelation": pa.float64(),
}  # fmt: skip


class Rule(NamedTuple):
    """Parameters of `pattern.change_points`."""

    method: str
    q: float
    least_change: float
    least_ratio: float


class _Judged(NamedTuple):
    """A series with its changes.

    Attributes:
        levels: one value a step: the level it is at. changes: their places, in steps.
        logs: whether levels were compared by logarithms. p: of the surest change.
    """

    source: dict[str, Any]
    values: Floats
    levels: Floats
    found: _changes.Levels
    logs: bool
    p: float


def conclude(name: str, measured: pa.Table, rule: Rule) -> Result:
    """Make the Result.

    Args:
        name: of the analysis.
        measured: SCHEMA of `_series`, then trace.
        rule: how changes are found, and when they matter.
    """
    judged = [
        j for s in _series.series_of(measured, all_steps=True) if (j := _judge(s, rule)) is not None
    ]
    if not judged:
        return abstain(name, "fewer than ten steps", _REMEDY)
    adjusted = _discoveries.q_values([series.p for series in judged])
    findings = [
        finding
        for series, q in zip(judged, adjusted, strict=True)
        if (finding := _finding(name, series, q, rule)) is not None
    ]
    findings.sort(key=lambda f: (-int(f.severity), -(f.impact_ratio or 0), f.subject))
    rows = [r for s, q in zip(judged, adjusted, strict=True) for r in _rows(s, q) if q <= rule.q]
    rows.sort(key=lambda r: (r["kind"] != "step", r["q_value"], r["series"], r["index"]))
    changed = len({(row["kind"], row["series"]) for row in rows})
    return Result(
        name,
        status="ok" if findings else "empty",
        findings=tuple(findings),
        tables={
            "change": pa.Table.from_pylist(rows, pa.schema(list(_COLUMNS.items()))),
            "level": _lines(judged, adjusted, rule),
        },
        exhibits=(
            Exhibit(
                "change", "table", "Changes of level",
                note="index counts the steps from 0; the interval is of 95 %.",
            ),
            Exhibit("level", "line", "Series that change their level",
                    roles={"x": "step", "y": "of_median", "series": "series"}),
        ),
        headline=f"{len(rows)} changes of level in {changed} of {len(judged)} series; "
        f"{len(findings)} series took longer or held more for a while than they need.",
    )  # fmt: skip


def _judge(series: dict[str, Any], rule: Rule) -> _Judged | None:
    values = np.array(series["values"], np.float64)
    if len(values) < _changes.LEAST or not np.isfinite(values).all():
        return None
    logs = series["kind"] != COUNTER and bool((values > 0).all())
    seen = np.log(values) if logs else values
    found = _divided(values, seen) if rule.method == "divisive" else _changes.find(seen)
    found = _without_warm_up(found, len(values))
    bounds = [0, *(change.at for change in found.changes), len(values)]
    levels = np.repeat(
        [float(np.median(values[a:b])) for a, b in itertools.pairwise(bounds)],
        np.diff(bounds),
    )
    p = min((change.p for change in found.changes), default=1.0)
    return _Judged(series, values, levels, found, logs, p)


def _without_warm_up(found: _changes.Levels, count: int) -> _changes.Levels:
    """Drop the end of warm-up, which is expected."""
    changes = found.changes
    if changes and changes[0].at <= max(_WARM_STEPS, count // 10):
        changes = changes[1:]
    return found._replace(changes=changes)


def _divided(values: Floats, seen: Floats) -> _changes.Levels:
    splits = _divisive.windowed(values, max_p=_OTAVA_P)
    bounds = [0, *(split.at for split in splits), len(values)]
    changes = []
    for i, split in enumerate(splits):
        left, right = seen[bounds[i] : split.at], seen[split.at : bounds[i + 2]]
        error = float(np.sqrt(left.var() / len(left) + right.var() / len(right)))
        means = float(left.mean()), float(right.mean())
        changes.append(_changes.Change(split.at, bounds[i], bounds[i + 2], *means, error, split.p))
    return _changes.Levels(tuple(changes), 0.0, 0.0)


def _ratio(judged: _Judged, difference: float, before: float) -> float | None:
    """Give a difference of levels as a share of the level before; None from nothing."""
    if judged.logs:
        return float(np.expm1(difference))
    return difference / abs(before) if before else None


def _rows(judged: _Judged, q: float) -> list[dict[str, Any]]:
    """Describe every change of a series."""
    source, rows = judged.source, []
    for change in judged.found.changes:
        apart = change.after - change.before
        reach = 1.96 * change.error
        unlogged = np.exp if judged.logs else float
        rows.append({
            "series": source["name"], "kind": _series.KINDS[source["kind"]], "unit": source["unit"],
            "steps": len(judged.values), "index": change.at,
            "ts": source["step_ts"][change.at],
            "before": float(unlogged(change.before)), "after": float(unlogged(change.after)),
            "change_ratio": _ratio(judged, apart, change.before),
            "change_low": _ratio(judged, apart - reach, change.before),
            "change_high": _ratio(judged, apart + reach, change.before),
            "p_value": change.p, "q_value": q, "autocorrelation": judged.found.phi,
        })  # fmt: skip
    return rows


def _finding(name: str, judged: _Judged, q: float, rule: Rule) -> Finding | None:
    source, levels = judged.source, judged.levels
    if not judged.found.changes or q > rule.q or source["unit"] not in {"ns", "bytes"}:
        return None
    kind = _series.KINDS[source["kind"]]
    if kind in {"counter", "copies"}:
        return None
    rows = _rows(judged, q)
    row = max(rows, key=lambda r: abs(np.log1p(max(r["change_ratio"] or 0.0, -0.999))))
    low, high = float(levels.min()), float(levels.max())
    if row["change_ratio"] is None or not low or high / low - 1 < rule.least_change:
        return None
    is_time = source["unit"] == "ns"
    excess = float((levels - low).sum())
    impact = excess / float(np.sum(source["steps"])) if is_time else (high - low) / high
    impact = float(np.clip(impact, 0, 1))
    if impact < rule.least_ratio:
        return None
    write = format_ns if is_time else format_bytes
    what = "Steps" if source["kind"] == STEP else source["name"]
    spent = f"; {format_ns(excess)} above the lowest level in all" if is_time else ""
    return Finding(
        traces=(source["trace"],),
        analysis=name,
        kind="level_up" if row["change_ratio"] > 0 else "level_down",
        severity=severity(impact, q),
        subject_type="series",
        subject=f"{source['name']} ({kind})",
        message=f"{what} went from {write(row['before'])} to {write(row['after'])} a step "
        f"({format_ratio(row['change_ratio'])}) at step {row['index']} of {row['steps']}"
        f"{_more(rows)}{spent}.",
        confidence_basis="test",
        confidence=1 - q,
        evidence_sql=_series.evidence(source),
        n_events=source["n_events"],
        ts=row["ts"],
        dur=source["end_ts"] - row["ts"],
        value=row["after"],
        unit=source["unit"],
        baseline=row["before"],
        n=row["steps"],
        p_value=judged.p,
        q_value=q,
        effect=1 + row["change_ratio"],
        effect_low=1 + row["change_low"],
        effect_high=1 + row["change_high"],
        impact_ratio=impact,
        recommendation="Look at what else began or ended there: another phase or shape of input, "
        "a recompilation, clocks, other processes, memory that is reclaimed.",
    )


def _more(rows: list[dict[str, Any]]) -> str:
    others = len(rows) - 1
    return f", the largest of {others + 1} changes" if others else ""


def _lines(judged: Sequence[_Judged], adjusted: Sequence[float], rule: Rule) -> pa.Table:
    """Give values of series that change, over their median: at most eight, the surest first."""
    changed = [(q, j) for j, q in zip(judged, adjusted, strict=True) if j.found.changes]
    changed = [pair for pair in changed if pair[0] <= rule.q]
    changed.sort(key=lambda pair: (pair[1].source["kind"] != STEP, pair[0], pair[1].source["name"]))
    series, steps, values = [], [], []
    for _, one in changed[:8]:
        middle = float(np.median(one.values)) or 1.0
        label = f"{one.source['name']} ({_series.KINDS[one.source['kind']]})"
        series += [label] * len(one.values)
        steps += list(range(len(one.values)))
        values += (one.values / middle).tolist()
    return pa.table(
        {
            "series": pa.array(series, pa.string()),
            "step": pa.array(steps, pa.int64()),
            "of_median": pa.array(values, pa.float64()),
        }
    )
