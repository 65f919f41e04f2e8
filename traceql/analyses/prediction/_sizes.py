"""Throughput of traces at several sizes, and the laws that explain it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from traceql.analyses import _evidence, _series
from traceql.analyses.prediction import _scaling
from traceql.model.result import Exhibit, Finding, Result, abstain, severity
from traceql.model.units import format_ratio

if TYPE_CHECKING:
    from collections.abc import Sequence

    from traceql.analyses.prediction._scaling import Law
    from traceql.model.protocols import Tables

REMEDY = (
    "Record the same program with at least four numbers of workers, and name the traces by it "
    "(run_1, run_2, run_4, …) or record a world size."
)
_MEASURED = pa.schema(
    [
        ("size", pa.int64()), ("step_ns", pa.float64()), ("steps", pa.int64()),
        ("n_events", pa.int64()), ("start_ts", pa.int64()), ("end_ts", pa.int64()),
    ]
)  # fmt: skip
_POINTS = {
    "size": pa.int64(), "trace_count": pa.int64(), "throughput_per_s": pa.float64(),
    "speedup": pa.float64(), "efficiency": pa.float64(), "serial_fraction": pa.float64(),
    "fitted_per_s": pa.float64(),
}  # fmt: skip
_LAWS = {
    "law": pa.string(), "rate_per_s": pa.float64(), "sigma": pa.float64(), "kappa": pa.float64(),
    "aicc": pa.float64(), "best_size": pa.float64(), "predicted_size": pa.int64(),
    "predicted_per_s": pa.float64(), "predicted_low": pa.float64(),
    "predicted_high": pa.float64(),
}  # fmt: skip


class Rule(NamedTuple):
    """Parameters of `prediction.scalability`."""

    recorded: bool
    """Whether a size that the trace records counts."""
    per_worker: bool
    least_efficiency: float


def measure(tables: Tables) -> pa.Table:
    """Reduce a trace to one row: its recorded size (null: none) and the length of its steps.

    Args:
        tables: world, top, iteration.
    """
    top = tables["top"].to_pylist()[0]
    if not top["n_events"]:
        return _MEASURED.empty_table()
    steps = _series.steps_of(tables["iteration"])
    whole = float(top["end_ts"] - top["start_ts"])
    row = {
        "size": tables["world"]["size"][0].as_py(),
        "step_ns": float(np.median(steps.dur)) if steps is not None else whole,
        "steps": len(steps.dur) if steps is not None else 0,
        **top,
    }
    return pa.Table.from_pylist([row], _MEASURED)


def sizes_of(names: Sequence[str]) -> list[int | None]:
    """Read sizes from names: the only number in which they differ; None each, if it is not one.

    Ranks and dates differ too: a second number that differs leaves the size unknown.
    """
    parts = [re.split(r"(\d+)", name) for name in names]
    if len({len(part) for part in parts}) != 1 or len({tuple(p[::2]) for p in parts}) != 1:
        return [None] * len(names)
    differing = [i for i in range(1, len(parts[0]), 2) if len({int(p[i]) for p in parts}) > 1]
    if len(differing) != 1:
        return [None] * len(names)
    return [int(part[differing[0]]) for part in parts]


def conclude(name: str, measured: pa.Table, rule: Rule) -> Result:
    """Make the Result.

    Args:
        name: of the analysis.
        measured: of `measure`, then trace.
        rule: what size and throughput are, and what is too little.
    """
    rows: list[dict[str, Any]] = measured.to_pylist()  # one for each trace
    named = sizes_of([row["trace"] for row in rows])
    for row, found in zip(rows, named, strict=True):
        recorded = row["size"] if rule.recorded else None
        row["size"] = recorded if recorded is not None else found
    known = [row for row in rows if row["size"] and row["size"] > 0 and row["step_ns"] > 0]
    if len({(row["steps"] > 0) for row in known}) > 1:  # lengths of traces are no steps
        known = [row for row in known if row["steps"] > 0]
    points = _points(known, per_worker=rule.per_worker)
    if len(points) < _scaling.LEAST_POINTS:
        return abstain(name, f"{len(points)} sizes in {len(rows)} traces, of at least four", REMEDY)
    sizes = np.array([p["size"] for p in points], np.float64)
    rate = np.array([p["throughput_per_s"] for p in points])
    laws = _scaling.choose(sizes, rate)
    _describe(points, laws[0])
    last = points[-1]
    findings = []
    if last["efficiency"] < rule.least_efficiency:
        findings.append(_finding(name, points, laws[0], known))
    return Result(
        name,
        status="ok" if findings else "empty",
        findings=tuple(findings),
        tables={"scalability": _table(points, _POINTS), "law": _table(_rows(laws, sizes), _LAWS)},
        exhibits=(
            Exhibit(
                "scalability", "line", "Throughput by size",
                {"x": "size", "y": "throughput_per_s"},
            ),
            Exhibit("scalability", "table", "Throughput, efficiency, serial fraction by size"),
            Exhibit(
                "law", "table", "Laws, the likeliest first",
                note="A prediction at twice the largest size, with its 90 % interval.",
            ),
        ),
        headline=_headline(last, laws[0]),
    )  # fmt: skip


def _points(rows: Sequence[dict[str, Any]], *, per_worker: bool) -> list[dict[str, Any]]:
    """Give the throughput at each size, ascending."""
    found = []
    for size in sorted({row["size"] for row in rows}):  # sizes: few
        mine = [1e9 / row["step_ns"] for row in rows if row["size"] == size]
        rate = float(np.median(mine)) * (size if per_worker else 1)
        found.append({"size": size, "trace_count": len(mine), "throughput_per_s": rate})
    return found


def _describe(points: list[dict[str, Any]], law: Law) -> None:
    """Add speedup, efficiency and serial fraction, all relative to one worker by the law."""
    sizes = np.array([p["size"] for p in points], np.float64)
    # The smallest size that was measured, scaled to one by the law.
    first = points[0]["throughput_per_s"]
    one = first * law.rate / float(law.throughput(sizes[:1])[0])
    speedup = np.array([p["throughput_per_s"] for p in points]) / one
    serial = _scaling.karp_flatt(sizes, speedup)
    fitted = law.throughput(sizes)
    for place, point in enumerate(points):
        point["speedup"] = float(speedup[place])
        point["efficiency"] = float(speedup[place] / sizes[place])
        point["serial_fraction"] = float(serial[place]) if sizes[place] > 1 else None
        point["fitted_per_s"] = float(fitted[place])


def _rows(laws: Sequence[Law], sizes: np.ndarray[Any, Any]) -> list[dict[str, Any]]:
    ahead = int(2 * sizes.max())
    rows = []
    for law in laws:
        low, high = _scaling.interval(law, float(ahead))
        rows.append(
            {
                "law": law.name, "rate_per_s": law.rate, "sigma": law.sigma, "kappa": law.kappa,
                "aicc": law.aicc if np.isfinite(law.aicc) else None,
                "best_size": law.best_size if np.isfinite(law.best_size) else None,
                "predicted_size": ahead,
                "predicted_per_s": float(law.throughput(np.array([float(ahead)]))[0]),
                "predicted_low": low, "predicted_high": high,
            }
        )  # fmt: skip
    return rows


def _table(rows: Sequence[dict[str, Any]], columns: dict[str, pa.DataType]) -> pa.Table:
    return pa.Table.from_pylist(rows, pa.schema(list(columns.items())))


def _finding(
    name: str, points: Sequence[dict[str, Any]], law: Law, known: Sequence[dict[str, Any]]
) -> Finding:
    last = points[-1]
    mine = [row for row in known if row["size"] == last["size"]]
    lost = float(np.clip(1 - last["efficiency"], 0, 1))
    chosen = ", ".join(_evidence.literal(row["trace"]) for row in mine)
    return Finding(
        traces=tuple(row["trace"] for row in mine),
        analysis=name,
        kind="scaling",
        severity=severity(lost),
        subject_type="size",
        subject=f"{last['size']} workers",
        message=f"{last['size']} workers do {last['speedup']:.1f} times the work of one "
        f"(efficiency {format_ratio(last['efficiency'])}); {_said(law)}.",
        confidence_basis="heuristic",
        evidence_sql=_evidence.select(
            "slice", {}, f"trace IN ({chosen})", "depth = 0", "dur > 0",
            f"ts >= {min(row['start_ts'] for row in mine)}",
            f"ts < {max(row['end_ts'] for row in mine)}",
        ),
        n_events=sum(row["n_events"] for row in mine),
        value=last["throughput_per_s"],
        unit="1/s",
        baseline=last["throughput_per_s"] / last["efficiency"],
        n=len(points),
        effect=last["efficiency"],
        impact_ratio=lost,
        recommendation=_advice(law, last["size"]),
    )  # fmt: skip


def _said(law: Law) -> str:
    if law.name == "linear":
        return "the sizes alone explain it"
    text = f"{law.name.upper() if law.name == 'usl' else law.name.capitalize()}: "
    text += f"contention {format_ratio(law.sigma)}"
    if law.kappa > 0:
        text += f", coherence {law.kappa:.2g}, most throughput with {law.best_size:,.0f} workers"
    return text


def _advice(law: Law, size: int) -> str:
    if law.best_size < size:
        return f"Use about {law.best_size:,.0f} workers: more of them do less."
    if law.kappa > 0:
        return "Shorten what workers tell each other: all-to-all exchange grows with their square."
    return "Shorten what only one worker does, or what all wait for in turn."


def _headline(last: dict[str, Any], law: Law) -> str:
    return (
        f"Efficiency at {last['size']} workers is {format_ratio(last['efficiency'])}; {_said(law)}."
    )
