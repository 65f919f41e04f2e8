"""Group operations, and mark those unlike the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from traceql.analyses.cluster import _distance, _groups
from traceql.model.result import Exhibit, Result, abstain

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_REMEDY = "Record more kinds of operations: all kernels, or host operations with their lengths."


class Rule(NamedTuple):
    """Parameters of the analysis."""

    least: int
    alpha: float
    seed: int


class Side(NamedTuple):
    """The operations of one side, and what was found among them."""

    name: str
    rows: list[dict[str, Any]]
    groups: _groups.Groups | None


def features(ops: pa.Table) -> Floats:
    """Give the features of operations, float64 [n, d]: those that vary."""
    low, middle, high = (ops[f"p{p}_dur"].to_numpy().astype(float) for p in (10, 50, 90))
    columns = [np.log(middle), np.log(high / low), np.log(ops["calls"].to_numpy().astype(float))]
    threads = ops["threads"]
    if not threads.null_count and pc.min(threads).as_py() > 0:
        columns.append(np.log(threads.to_numpy()))
    found = np.column_stack(columns)
    return found[:, found.std(axis=0) > 0]


def conclude(name: str, measured: pa.Table, rule: Rule) -> Result:
    """Make the Result of `cluster.operations`.

    Args:
        name: of the analysis.
        measured: side, name, calls, total_dur, p10_dur, p50_dur, p90_dur, threads, side_dur, trace.
        rule: parameters of the analysis.
    """
    sides = []
    for side in ("device", "host"):
        ops = measured.filter(pc.field("side") == side)
        if ops.num_rows >= rule.least:
            sides.append(_side(side, ops, rule))
    if not sides:
        most = max(measured["side"].value_counts().field("counts").to_pylist(), default=0)
        reason = f"the trace has {most} kinds of operations, {rule.least} are needed"
        return abstain(name, reason, _REMEDY)
    return Result(
        name,
        status="ok" if any(side.groups for side in sides) else "empty",
        tables={
            "op": pa.Table.from_pylist([row for side in sides for row in side.rows], _OP),
            "group": pa.Table.from_pylist([g for side in sides for g in _grouped(side)], _GROUP),
        },
        exhibits=(
            Exhibit("group", "table", "Groups of operations"),
            Exhibit("op", "table", "Operations, with their groups"),
        ),
        headline=_headline(sides),
    )


_OP = pa.schema(
    [
        ("side", pa.string()), ("name", pa.string()), ("group", pa.int64()),
        ("unlike", pa.bool_()), ("between", pa.bool_()), ("distance", pa.float64()),
        ("calls", pa.int64()),
        ("total_dur", pa.int64()), ("p50_dur", pa.int64()), ("p90_dur", pa.int64()),
        ("threads", pa.float64()),
    ]
)  # fmt: skip
_GROUP = pa.schema(
    [
        ("side", pa.string()), ("group", pa.int64()), ("op_count", pa.int64()),
        ("total_dur", pa.int64()), ("side_ratio", pa.float64()), ("p50_dur", pa.int64()),
        ("calls_p50", pa.float64()), ("largest", pa.string()),
    ]
)  # fmt: skip


def _side(side: str, ops: pa.Table, rule: Rule) -> Side:
    points = features(ops)
    wide = points.shape[1] > 0
    found = _groups.best(points, rule.seed) if wide else None
    far = _distance.mahalanobis(points, rule.seed, rule.alpha) if wide else None
    thin = _distance.mixture(points, rule.seed, rule.alpha) if wide else None
    rows = [
        {
            **row,
            "group": int(found.label[i]) if found else None,
            "unlike": bool(far.squared[i] > far.cut) if far is not None else None,
            "between": bool(thin.squared[i] > thin.cut) if thin is not None else None,
            "distance": float(np.sqrt(far.squared[i])) if far is not None else None,
        }
        for i, row in enumerate(ops.to_pylist())  # at most 2000
    ]
    return Side(side, rows, found)


def _grouped(side: Side) -> list[dict[str, Any]]:
    if side.groups is None:
        return []
    rows = []
    for group in range(len(side.groups.center)):  # ten at most
        mine = [row for row in side.rows if row["group"] == group]
        total = sum(row["total_dur"] for row in mine)
        rows.append(
            {
                "side": side.name,
                "group": group,
                "op_count": len(mine),
                "total_dur": total,
                "side_ratio": total / mine[0]["side_dur"],
                "p50_dur": int(np.median([row["p50_dur"] for row in mine])),
                "calls_p50": float(np.median([row["calls"] for row in mine])),
                "largest": mine[0]["name"],
            }
        )
    rows.sort(key=lambda row: -row["total_dur"])
    return rows


def _headline(sides: list[Side]) -> str:
    said = []
    for side in sides:
        count = f"{len(side.rows):,} {side.name} operations"
        if side.groups is None:
            said.append(f"{count} form no groups")
        else:
            said.append(f"{count} fall into {len(side.groups.center)} groups")
        unlike = sum(bool(row["unlike"]) for row in side.rows)
        if unlike:
            said[-1] += f", {unlike} are unlike the rest"
    text = "; ".join(said)
    return f"{text[0].upper()}{text[1:]}."
