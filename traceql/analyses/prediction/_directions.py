"""Conclude about series: direction, forecast, and what rises that should not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from traceql.analyses import _discoveries, _series, _trend
from traceql.analyses._series_sql import LEAST_STEPS, STEP
from traceql.analyses.prediction import _forecast
from traceql.model.result import Exhibit, Finding, Result, abstain, severity
from traceql.model.units import format_bytes, format_ns, format_ratio

if TYPE_CHECKING:
    from collections.abc import Sequence

REMEDY = (
    "Record at least eight steps after warm-up, with step markers such as ProfilerStep or NVTX "
    "ranges named 'step N'."
)
_COLUMNS = {
    "series": pa.string(), "kind": pa.string(), "unit": pa.string(), "steps": pa.int64(),
    "warm_up_steps": pa.int64(), "median": pa.float64(), "slope_per_step": pa.float64(),
    "slope_low": pa.float64(), "slope_high": pa.float64(), "change_ratio": pa.float64(),
    "p_value": pa.float64(), "q_value": pa.float64(), "direction": pa.string(),
    "forecast_steps": pa.int64(), "forecast": pa.float64(), "forecast_low": pa.float64(),
    "forecast_high": pa.float64(), "forecast_method": pa.string(),
}  # fmt: skip


class Rule(NamedTuple):
    """Parameters of `prediction.trend`."""

    q: float
    least_change: float
    margin: float
    horizon: int


def conclude(name: str, measured: pa.Table, rule: Rule) -> Result:
    """Make the Result.

    Args:
        name: of the analysis.
        measured: SCHEMA of `_series`, then trace.
        rule: when a trend matters.
    """
    series = _series.series_of(measured)
    judged = [row for s in series if (row := _judge(s, rule)) is not None]
    if not judged:
        return abstain(name, "fewer than eight steps that are not warm-up", REMEDY)
    found = _discoveries.q_values([row["p_value"] for row in judged])
    for row, q in zip(judged, found, strict=True):
        row["q_value"] = q
    for row in judged:
        row["direction"] = _direction(row, rule)
    findings = [f for row in judged if (f := _finding(name, row, rule)) is not None]
    findings.sort(key=lambda f: (-int(f.severity), -(f.impact_ratio or 0), f.subject))
    judged.sort(key=lambda row: (row["kind"] != "step", row["q_value"], row["series"]))
    table = pa.Table.from_pylist(
        [{c: row[c] for c in _COLUMNS} for row in judged], pa.schema(list(_COLUMNS.items()))
    )
    return Result(
        name,
        status="ok" if findings else "empty",
        findings=tuple(findings),
        tables={"trend": table},
        exhibits=(
            Exhibit(
                "trend",
                "table",
                "Trends and forecasts",
                note="change_ratio is from the first step to the last; the forecast is of the last "
                "step looked ahead to, with its 90 % interval.",
            ),
        ),
        headline=_headline(judged, findings),
    )


def _judge(series: dict[str, Any], rule: Rule) -> dict[str, Any] | None:
    values = np.array(series["values"], np.float64)
    cut = _trend.warm_up(values)
    kept = values[cut:]
    if len(kept) < LEAST_STEPS or not np.isfinite(kept).all() or not np.ptp(kept):
        return None
    fit = _trend.line(kept)
    trend = _trend.prewhitened(kept, fit.slope)
    ahead = _forecast.forecast(kept, rule.horizon)
    median = float(np.median(kept))
    span = len(kept) - 1
    start = fit.intercept if abs(fit.intercept) > abs(median) / 100 else median
    return {
        "source": series, "kept": kept, "fit": fit, "series": series["name"],
        "kind": _series.KINDS[series["kind"]], "unit": series["unit"], "steps": len(kept),
        "warm_up_steps": cut, "median": median, "slope_per_step": fit.slope,
        "slope_low": fit.low, "slope_high": fit.high,
        "change_ratio": fit.slope * span / abs(start) if start else None,
        "p_value": trend.p, "statistic": trend.z, "q_value": 1.0, "direction": "unclear",
        "forecast_steps": None if ahead is None else len(ahead.mean),
        "forecast": None if ahead is None else float(ahead.mean[-1]),
        "forecast_low": None if ahead is None else float(ahead.low[-1]),
        "forecast_high": None if ahead is None else float(ahead.high[-1]),
        "forecast_method": "not enough data" if ahead is None else ahead.method,
    }  # fmt: skip


def _direction(row: dict[str, Any], rule: Rule) -> str:
    margin = rule.margin * abs(row["median"])
    if _trend.is_stable(row["fit"], row["steps"], margin):
        return "stable"
    if row["q_value"] <= rule.q and row["slope_low"] * row["slope_high"] > 0:
        return "rising" if row["slope_per_step"] > 0 else "falling"
    return "unclear"


def _finding(name: str, row: dict[str, Any], rule: Rule) -> Finding | None:
    source = row["source"]
    if row["direction"] != "rising" or row["kind"] in {"counter", "copies"}:
        return None
    if row["change_ratio"] is None or row["change_ratio"] < rule.least_change:
        return None
    rise = row["slope_per_step"] * (row["steps"] - 1)
    is_time = row["unit"] == "ns"
    whole = float(np.sum(source["steps"])) if is_time else row["fit"].intercept + rise
    impact = rise * row["steps"] / 2 / whole if is_time else rise / whole
    impact = float(np.clip(impact, 0, 1))
    write = format_ns if is_time else format_bytes
    what = "Steps" if source["kind"] == STEP else row["series"]
    return Finding(
        traces=(source["trace"],),
        analysis=name,
        kind="rising",
        severity=severity(impact, row["q_value"]),
        subject_type="series",
        subject=f"{row['series']} ({row['kind']})",
        message=f"{what} rose by {format_ratio(row['change_ratio'])} over {row['steps']} steps, "
        f"from {write(row['fit'].intercept)} a step to {write(row['fit'].intercept + rise)}.",
        confidence_basis="test",
        confidence=1 - row["q_value"],
        evidence_sql=_series.evidence(source),
        n_events=source["n_events"],
        ts=source["start_ts"],
        dur=source["end_ts"] - source["start_ts"],
        value=row["fit"].intercept + rise,
        unit=row["unit"],
        baseline=row["fit"].intercept,
        n=row["steps"],
        statistic=row["statistic"],
        p_value=row["p_value"],
        q_value=row["q_value"],
        effect=1 + row["change_ratio"],
        effect_low=1 + row["change_ratio"] * row["slope_low"] / row["slope_per_step"],
        effect_high=1 + row["change_ratio"] * row["slope_high"] / row["slope_per_step"],
        impact_ratio=impact,
        recommendation="Look at what grows with the steps: caches, lists of results, fragmentation "
        "of memory, clocks that fall as the device warms up.",
    )


def _headline(judged: Sequence[dict[str, Any]], findings: Sequence[Finding]) -> str:
    step = next((row for row in judged if row["kind"] == "step"), None)
    text = f"{len(findings)} of {len(judged)} series rise by more than they should"
    if step is None:
        return f"{text}."
    words = {"stable": "are stable", "unclear": "show no certain trend"}
    said = words.get(step["direction"], f"are {step['direction']}")
    return f"Step times {said}; {text}."
