"""Conclude about pairs of series: which are correlated, how strongly, and whether it is real."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from traceql.analyses import _discoveries, _series
from traceql.analyses._series_sql import COUNTER, DEVICE, HOST, LEAST_STEPS, MEMORY, STEP
from traceql.analyses.correlation import _coefficients
from traceql.model.result import Exhibit, Finding, Result, abstain, severity

if TYPE_CHECKING:
    from collections.abc import Sequence

_REMEDY = (
    "Record at least eight steps after warm-up, with step markers such as ProfilerStep or NVTX "
    "ranges named 'step N'; thirty or more make weak correlations visible."
)
_SHOWN = 500
_QUARTERS = 4
_STILL = 1e-9
_WIDTH = 80
_WORTH_A_LOOK = 0.2
"""Pairs with a greater q are only counted."""
_COLUMNS = {
    "first": pa.string(), "second": pa.string(), "kind": pa.string(), "steps": pa.int64(),
    "independent": pa.float64(), "r": pa.float64(), "r_low": pa.float64(), "r_high": pa.float64(),
    "rho": pa.float64(), "r_without_drift": pa.float64(), "r_within": pa.float64(),
    "lag_steps": pa.int64(), "p_value": pa.float64(), "q_value": pa.float64(),
    "strength": pa.string(), "guard": pa.string(),
}  # fmt: skip


def conclude(name: str, measured: pa.Table, q: float, least_r: float, most_findings: int) -> Result:
    """Make the Result.

    Args:
        name: of the analysis.
        measured: SCHEMA of `_series`, then trace.
        q: highest expected share of false pairs.
        least_r: smallest |r| by its interval.
        most_findings: pairs that become findings.
    """
    series = [s for s in _series.series_of(measured) if _varies(s)]
    steps = len(series[0]["values"]) if series else 0
    if len(series) < 2 or steps < LEAST_STEPS:
        return abstain(name, "fewer than eight steps, or than two series that vary", _REMEDY)
    pairs = _pairs(series)
    found = [row for row in pairs if row["q_value"] <= q and row["strength"] != "negligible"]
    found.sort(key=lambda row: (-(row["impact"] or 0), -abs(row["r"]), row["first"], row["second"]))
    real = [row for row in found if not row["guard"] and _nearer(row) >= least_r]
    findings = tuple(_finding(name, row) for row in real[:most_findings])
    table = pa.Table.from_pylist(
        [{c: row[c] for c in _COLUMNS} for row in found[:_SHOWN]],
        pa.schema(list(_COLUMNS.items())),
    )
    looked = f"{len(pairs):,} pairs of {len(series)} series over {steps} steps"
    return Result(
        name,
        status="ok" if findings else "empty",
        findings=findings,
        tables={"pair": table},
        exhibits=(
            Exhibit(
                "pair",
                "table",
                "Correlated pairs",
                note="independent: how many values the steps are worth. guard: why a pair makes no "
                "finding.",
            ),
        ),
        headline=f"{len(real)} of {looked} move together."
        if real
        else f"Nothing certain moves together in {looked}.",
    )


def _varies(series: dict[str, Any]) -> bool:
    values = np.array(series["values"], np.float64)
    if not np.isfinite(values).all() or not series["n_events"]:
        return False
    return bool(values.std() > _STILL * max(np.abs(values).max(), 1e-300))


def _in_logarithms(plain: Any) -> Any:
    """Take the logarithm of the rows that are positive."""
    positive = (plain > 0).all(axis=1, keepdims=True)
    return np.where(positive, np.log(np.where(positive, plain, 1.0)), plain)


def _pairs(series: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    plain = np.array([s["values"] for s in series], np.float64)
    rows = _in_logarithms(plain)
    whole = _coefficients.coefficients(rows)
    straight = _coefficients.pearson(_coefficients.without_drift(rows))
    count = rows.shape[1]
    quarter = np.arange(count) * _QUARTERS // count
    inside = _coefficients.within(rows, quarter) if count >= 4 * _QUARTERS else whole.r
    first, second = np.triu_indices(len(series), 1)
    p_value = np.nan_to_num(whole.p_value[first, second], nan=1.0)
    q_value = _discoveries.q_values(p_value)
    step = float(np.mean(series[0]["steps"]))
    deviation = plain.std(axis=1)
    lags = _lags(rows, first, second, np.asarray(q_value) <= _WORTH_A_LOOK)
    found = []
    each = zip(first.tolist(), second.tolist(), p_value, q_value, lags, strict=True)
    for i, j, p, q, lag in each:
        r, a, b = float(whole.r[i, j]), series[i], series[j]
        low, high = float(whole.low[i, j]), float(whole.high[i, j])
        times = a["unit"] == b["unit"] == "ns"
        swing = abs(r) * float(min(deviation[i], deviation[j])) / step if step and times else None
        found.append({
            "first": _label(a), "second": _label(b), "kind": _kind(a["kind"], b["kind"]),
            "steps": count, "independent": float(whole.independent[i, j]), "r": r, "r_low": low,
            "r_high": high, "rho": float(whole.rho[i, j]),
            "r_without_drift": float(straight[i, j]), "r_within": float(inside[i, j]),
            "lag_steps": lag, "p_value": float(p), "q_value": float(q),
            "strength": _coefficients.strength(low, high) if np.isfinite(r) else "negligible",
            "guard": guard(r, float(straight[i, j]), float(inside[i, j])),
            "impact": None if swing is None else min(swing, 1.0), "series": (a, b),
        })  # fmt: skip
    return found


def _lags(rows: Any, first: Any, second: Any, asked: Any) -> list[int | None]:
    """Give the lag of each pair that is asked for, where it is certain."""
    count = rows.shape[1]
    if count < 4 * LEAST_STEPS or not asked.any():
        return [None] * len(first)
    found = _coefficients.lagged(rows, min(8, count // 8))
    certain = asked & (found.p_value[first, second] <= 0.01)
    each = zip(certain.tolist(), found.lag[first, second].tolist(), strict=True)
    return [lag if known else None for known, lag in each]


def guard(r: float, straight: float, inside: float) -> str:
    """Say what a correlation is instead, where it is gone without drift or within phases."""
    for name, other in (("common drift", straight), ("between phases", inside)):
        if not np.isfinite(other) or other * r <= 0 or abs(other) < min(0.3, abs(r) / 2):
            return name
    return ""


def _nearer(row: dict[str, Any]) -> float:
    return float(min(abs(row["r_low"]), abs(row["r_high"])))


def _kind(first: int, second: int) -> str:
    kinds = {first, second}
    ops = {HOST, DEVICE}
    if kinds <= ops:
        return "op_op"
    if kinds & ops:
        return "memory_op" if MEMORY in kinds else "step_op" if STEP in kinds else "metric_op"
    return "memory_metric" if MEMORY in kinds else "metric_metric"


def _label(series: dict[str, Any], *, whole: bool = False) -> str:
    names = {DEVICE: "device", HOST: "host", COUNTER: "counter"}
    name = series["name"]
    if len(name) > _WIDTH and not whole:
        name = f"{name[: _WIDTH - 1]}…"
    more = f" {series['key']}" if series["kind"] == COUNTER else ""
    return f"{name} ({names[series['kind']]}{more})" if series["kind"] in names else name


def _finding(name: str, row: dict[str, Any]) -> Finding:
    a, b = row["series"]
    together = "rise and fall together" if row["r"] > 0 else "go against each other"
    impact = row["impact"]
    return Finding(
        traces=(a["trace"],),
        analysis=name,
        kind=row["kind"],
        severity=severity(impact or 0.0, row["q_value"]),
        subject_type="pair",
        # What is cut off a name may be all that two kernels differ in.
        subject=f"{_label(a, whole=True)} ~ {_label(b, whole=True)}",
        message=f"{row['first']} and {row['second']} {together} over {row['steps']} steps "
        f"(r = {row['r']:.2f}, {row['strength']}).",
        confidence_basis="test",
        confidence=1 - row["q_value"],
        evidence_sql=f"{_series.evidence(a)} UNION ALL {_series.evidence(b)}",
        n_events=a["n_events"] + b["n_events"],
        ts=a["start_ts"],
        dur=a["end_ts"] - a["start_ts"],
        value=row["r"],
        n=row["steps"],
        statistic=row["r"],
        p_value=row["p_value"],
        q_value=row["q_value"],
        effect=row["r"],
        effect_low=row["r_low"],
        effect_high=row["r_high"],
        impact_ratio=impact,
        recommendation="Correlation is no cause: look at the steps where both are high, and at "
        "what they share (a lock, a buffer, the size of the input).",
    )
