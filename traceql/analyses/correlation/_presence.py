"""Operations that come in some steps: which share their steps beyond chance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from traceql.analyses import _discoveries, _evidence, _warmup
from traceql.analyses.correlation import _coefficients, _pairs
from traceql.model.result import Exhibit, Finding, Result, Severity, abstain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from traceql.model.protocols import Tables

_REMEDY = (
    "Record at least eight steps after warm-up, with step markers such as ProfilerStep or NVTX "
    "ranges named 'step N'."
)
LEAST_STEPS = 8
_QUARTERS = 4
_SHOWN = 500
SCHEMA = pa.schema(
    [
        ("step_count", pa.int64()), ("name", pa.string()), ("is_device", pa.bool_()),
        ("present", pa.list_(pa.bool_())), ("event_count", pa.int64()),
        ("start_ts", pa.int64()), ("end_ts", pa.int64()),
    ]
)  # fmt: skip
_COLUMNS = {
    "first": pa.string(), "second": pa.string(), "first_steps": pa.int64(),
    "second_steps": pa.int64(), "both_steps": pa.int64(), "steps": pa.int64(),
    "lift": pa.float64(), "pmi_bits": pa.float64(), "phi": pa.float64(), "phi_low": pa.float64(),
    "phi_high": pa.float64(), "independent": pa.float64(), "p_value": pa.float64(),
    "q_value": pa.float64(), "strength": pa.string(), "guard": pa.string(),
}  # fmt: skip


class Rule(NamedTuple):
    """Parameters of the analysis."""

    q: float
    least_phi: float
    most_findings: int


def measure(tables: Tables, least_steps: int) -> pa.Table:
    """Say in which steady steps an operation comes.

    Args:
        tables: op (is_device, name_id, ts, issued_ts; of one operation, by issued_ts), name,
            iteration.
        least_steps: in which an operation must come, and must not.

    Returns:
        SCHEMA, one row; of no name where the operation comes in too few steps, or too many.
    """
    iteration, rows = tables["iteration"], tables["op"]
    steady = _warmup.steady(iteration) if iteration.num_rows else None
    if steady is None:
        return SCHEMA.empty_table()
    steps = _warmup.of_main_track(iteration).filter(pc.field("ts") >= steady.start)
    ts, end = steps["ts"].to_numpy(), (steps["ts"].to_numpy() + steps["dur"].to_numpy())
    row: dict[str, Any] = {"step_count": len(ts)}
    if len(ts) >= LEAST_STEPS and rows.num_rows:
        issued, begun = rows["issued_ts"].to_numpy(), rows["ts"].to_numpy()
        present = np.searchsorted(issued, end) > np.searchsorted(issued, ts)
        if least_steps <= present.sum() <= len(ts) - least_steps:
            names = tables["name"]
            at = names["id"].to_numpy().searchsorted(rows["name_id"][0].as_py())
            row |= {
                "name": names["text"][int(at)].as_py(),
                "is_device": bool(rows["is_device"][0].as_py()), "present": present.tolist(),
                "event_count": len(issued), "start_ts": int(begun.min()),
                "end_ts": int(begun.max()) + 1,
            }  # fmt: skip
    return pa.Table.from_pylist([row], SCHEMA)


def conclude(name: str, measured: pa.Table, rule: Rule) -> Result:
    """Make the Result of `correlation.together`.

    Args:
        name: of the analysis.
        measured: SCHEMA, then trace.
        rule: parameters.
    """
    rows = measured.to_pylist()  # operations: some hundreds
    steps = max((row["step_count"] for row in rows), default=0)
    if steps < LEAST_STEPS:
        return abstain(name, "fewer than eight steps", _REMEDY)
    ops = [row for row in rows if row["present"]]
    pairs = _tested(ops) if len(ops) > 1 else []
    found = [r for r in pairs if r["q_value"] <= rule.q and r["strength"] != "negligible"]
    found.sort(key=lambda row: (-abs(row["phi"]), row["first"], row["second"]))
    real = [row for row in found if not row["guard"] and _nearer(row) >= rule.least_phi]
    findings = tuple(_finding(name, row) for row in real[: rule.most_findings])
    looked = f"{len(pairs):,} pairs of {len(ops)} operations that come in some of {steps:,} steps"
    shown = [{c: row[c] for c in _COLUMNS} for row in found[:_SHOWN]]
    return Result(
        name,
        status="ok" if findings else "empty",
        findings=findings,
        tables={"together": pa.Table.from_pylist(shown, pa.schema(list(_COLUMNS.items())))},
        exhibits=(
            Exhibit("together", "table", "Operations that share their steps, or never do",
                    note="independent: how many steps these are worth. guard: why a pair makes no "
                    "finding."),
        ),
        headline=f"{len(real)} of {looked} do so together or apart."
        if real
        else f"Nothing certain in {looked}.",
    )  # fmt: skip


def _tested(ops: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Test every pair."""
    from scipy import stats

    rows = np.array([op["present"] for op in ops], np.float64)
    steps = rows.shape[1]
    whole = _coefficients.coefficients(rows)
    straight = _coefficients.pearson(_coefficients.without_drift(rows))
    quarter = np.arange(steps) * _QUARTERS // steps
    inside = _coefficients.within(rows, quarter) if steps >= 4 * _QUARTERS else whole.r
    both = (rows @ rows.T).astype(np.int64)
    first, second = np.triu_indices(len(ops), 1)
    rough = np.nan_to_num(whole.p_value[first, second], nan=1.0)
    pairs: list[dict[str, Any]] = []
    for i, j, p in zip(first.tolist(), second.tolist(), rough.tolist(), strict=True):
        a, b, ab = int(both[i, i]), int(both[j, j]), int(both[i, j])
        exact = 1.0
        if p <= 0.05:  # the exact test is for these; what is above is far from any q
            table = [[ab, a - ab], [b - ab, steps - a - b + ab]]
            exact = float(stats.fisher_exact(table)[1])
        phi = float(whole.r[i, j])
        low, high = float(whole.low[i, j]), float(whole.high[i, j])
        lift = ab * steps / (a * b)
        pairs.append({
            "first": _label(ops[i]), "second": _label(ops[j]), "first_steps": a,
            "second_steps": b, "both_steps": ab, "steps": steps, "lift": lift,
            "pmi_bits": float(np.log2(lift)) if lift else None, "phi": phi, "phi_low": low,
            "phi_high": high, "independent": float(whole.independent[i, j]),
            "p_value": max(p, exact),
            "strength": _coefficients.strength(low, high) if np.isfinite(phi) else "negligible",
            "guard": _pairs.guard(phi, float(straight[i, j]), float(inside[i, j])),
            "ops": (ops[i], ops[j]),
        })  # fmt: skip
    for row, q in zip(pairs, _discoveries.q_values([r["p_value"] for r in pairs]), strict=True):
        row["q_value"] = q
    return pairs


def _nearer(row: dict[str, Any]) -> float:
    return float(min(abs(row["phi_low"]), abs(row["phi_high"])))


def _label(op: dict[str, Any], *, whole: bool = False) -> str:
    known = op["name"] or "(no name)"
    short = known if whole or len(known) <= 80 else f"{known[:79]}…"
    return f"{short} ({'device' if op['is_device'] else 'host'})"


def _finding(name: str, row: dict[str, Any]) -> Finding:
    rarer = min(row["ops"], key=lambda op: op["event_count"])
    side = (
        "id IN (SELECT slice_id FROM gpu_op)"
        if rarer["is_device"]
        else "coalesce(category, '') NOT IN ('Trace', 'python_function') AND id NOT IN "
        "(SELECT slice_id FROM gpu_op) AND track_id IN (SELECT id FROM track WHERE device_id "
        "IS NULL)"
    )
    together = row["phi"] > 0
    how = "come in the same steps" if together else "come in different steps"
    return Finding(
        traces=(rarer["trace"],),
        analysis=name,
        kind="together" if together else "apart",
        severity=Severity.info,  # that things share their steps costs nothing in itself
        subject_type="pair",
        # What is cut off a name may be all that two kernels differ in.
        subject=" ~ ".join(_label(op, whole=True) for op in row["ops"]),
        message=f"{row['first']} and {row['second']} {how}: both in {row['both_steps']:,} of "
        f"{row['steps']:,} steps, where they come in {row['first_steps']:,} and "
        f"{row['second_steps']:,} (phi = {row['phi']:.2f}, {row['strength']}).",
        confidence_basis="test",
        confidence=1 - row["q_value"],
        evidence_sql=_evidence.select(
            "slice",
            {"trace": rarer["trace"], "name": rarer["name"]},
            "dur >= 0",
            f"ts >= {rarer['start_ts']}",
            f"ts < {rarer['end_ts']}",
            side,
        ),
        n_events=rarer["event_count"],
        ts=rarer["start_ts"],
        dur=rarer["end_ts"] - rarer["start_ts"],
        value=row["phi"],
        n=row["steps"],
        statistic=row["phi"],
        p_value=row["p_value"],
        q_value=row["q_value"],
        effect=row["phi"],
        effect_low=row["phi_low"],
        effect_high=row["phi_high"],
        recommendation="Look at what chooses them: a branch, a shape, an interval of logging or "
        "evaluation; together they may be one cause of slow steps.",
    )
