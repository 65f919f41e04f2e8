"""Rules about copies and fills: measure those that a rule names against the kernels beside them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from traceql.analyses import _evidence
from traceql.analyses.gpu.rule import _finding
from traceql.kernels import intervals
from traceql.model.result import Result, abstain
from traceql.model.units import format_bytes, format_ns

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceql.model.result import Finding


SHOWN = pa.schema(
    [
        ("device_id", pa.int64()),
        ("copy_kind", pa.string()),
        ("src_memory", pa.string()),
        ("dst_memory", pa.string()),
        ("count", pa.int64()),
        ("sum_dur", pa.int64()),
        ("sum_bytes", pa.int64()),
        ("sum_api_dur", pa.int64()),
        ("exposed_dur", pa.int64()),
    ]
)
"""`exposed_dur`: while no kernel ran on the device."""
SCHEMA = pa.schema(
    [
        ("row", pa.string()),  # device or stratum
        *SHOWN,
        ("ts", pa.int64()),
        ("last_ts", pa.int64()),
        ("span_dur", pa.int64()),
        ("call_count", pa.int64()),
        ("memory_count", pa.int64()),
    ]
)
_STRATUM = ("copy_kind", "src_memory", "dst_memory")


def measure(ops: pa.Table, kind: str) -> pa.Table:
    """Measure one device.

    Args:
        ops: columns of `_condition.ops_sql`, ascending by ts; may be empty.
        kind: memcpy or memset: what the rule is about.

    Returns:
        SCHEMA: a row `device` with what is known of its copies, and one per `stratum` that is hit.
    """
    if not ops.num_rows:
        return SCHEMA.empty_table()
    device = ops["device_id"][0].as_py()
    ts, end = _ints(ops["ts"]), _ints(ops["end_ts"])
    of_kind = ops.filter(pc.field("kind") == kind)
    known = pc.or_(pc.is_valid(of_kind["src_memory"]), pc.is_valid(of_kind["dst_memory"]))
    rows: list[dict[str, Any]] = [
        {
            "row": "device",
            "device_id": device,
            "ts": int(ts[0]),
            "span_dur": int(end.max() - ts[0]),
            "count": of_kind.num_rows,
            "call_count": pc.sum(of_kind["has_call"]).as_py() or 0,
            "memory_count": pc.sum(known).as_py() or 0,
        }
    ]
    is_copy = pc.is_in(ops["kind"], pa.array(["memcpy", "memset"]))
    is_kernel = ~np.asarray(is_copy.combine_chunks().to_numpy(zero_copy_only=False), np.bool_)
    kernels = intervals.busy(ts[is_kernel], end[is_kernel])
    hits = ops.filter(ops["is_hit"])
    for key in hits.select(_STRATUM).group_by(list(_STRATUM)).aggregate([]).to_pylist():
        mask = np.ones(ops.num_rows, np.bool_)
        for column in _STRATUM:  # three columns of a few texts
            mask &= _equal(ops[column], key[column])
        mask &= ops["is_hit"].to_numpy()
        both = mask | is_kernel
        mine = ops.filter(pa.array(mask))
        rows.append(
            key
            | {
                "row": "stratum",
                "device_id": device,
                "ts": int(ts[mask][0]),
                "last_ts": int(ts[mask][-1]),
                "count": int(mask.sum()),
                "sum_dur": int((end - ts)[mask].sum()),
                "sum_bytes": pc.sum(mine["bytes"]).as_py(),
                "sum_api_dur": pc.sum(mine["api_dur"]).as_py(),
                "exposed_dur": intervals.busy(ts[both], end[both]) - kernels,
            }
        )
    return pa.Table.from_pylist(rows, SCHEMA)


def _ints(column: pa.ChunkedArray) -> NDArray[np.int64]:
    return np.asarray(column.combine_chunks().to_numpy(zero_copy_only=False), np.int64)


def _equal(column: pa.ChunkedArray, value: str | None) -> NDArray[np.bool_]:
    found = pc.is_null(column) if value is None else pc.fill_null(pc.equal(column, value), False)  # noqa: FBT003
    return np.asarray(found.to_numpy(), np.bool_)


def conclude(
    name: str,
    measured: pa.Table,
    condition: str,
    least_ratio: float,
    words: Mapping[str, str],
    *,
    needs_memory: bool,
) -> Result:
    """Make the Result of a rule.

    Args:
        name: of the analysis.
        measured: SCHEMA, then trace.
        condition: as of `_condition.ops_sql`, without parameters.
        least_ratio: strata that could save a smaller share of the span make no finding.
        words: kind (of the finding), what (plural, for people), title, remedy, nothing.
        needs_memory: whether the rule must know the kinds of memory.
    """
    devices = measured.filter(pc.field("row") == "device").to_pylist()  # devices: few
    if not devices:
        return _finding.nothing_to_see(name)
    if sum(d["count"] for d in devices):
        if not sum(d["call_count"] for d in devices):
            return abstain(
                name, "no call is known that asked for a copy or fill",
                "Record API calls beside device activity: nsys --trace=cuda, rocprofv3 "
                "--hip-trace, torch.profiler with activities=[CPU, CUDA].",
            )  # fmt: skip
        if needs_memory and not sum(d["memory_count"] for d in devices):
            return abstain(
                name, "the trace does not say which kind of memory copies or fills used",
                "Record with Nsight Systems, or with torch.profiler on CUDA.",
            )  # fmt: skip
    by_device = {d["device_id"]: d for d in devices}

    def make(row: Mapping[str, Any]) -> Finding | None:
        device = by_device[row["device_id"]]
        if row["exposed_dur"] < max(least_ratio * device["span_dur"], 1):
            return None
        return _of(name, row, device, condition, words)

    strata = measured.filter(pc.field("row") == "stratum").to_pylist()
    return _finding.result(name, "stratum", strata, SHOWN, words["title"], make, words["nothing"])


def _of(
    name: str,
    row: Mapping[str, Any],
    device: Mapping[str, Any],
    condition: str,
    words: Mapping[str, str],
) -> Finding:
    where = {"trace": row["trace"], **{k: row[k] for k in ("device_id", *_STRATUM)}}
    within = f"ts BETWEEN {row['ts']} AND {row['last_ts']}"
    said = ", ".join(f"{row[k]}" for k in _STRATUM if row[k] is not None)
    size = f", {format_bytes(row['sum_bytes'])}" if row["sum_bytes"] is not None else ""
    return _finding.finding(
        name,
        {"trace": row["trace"], "ts": row["ts"], "dur": row["last_ts"] - row["ts"],
         "count": row["count"]},
        row["exposed_dur"],
        device["span_dur"],
        kind=words["kind"],
        subject_type="copy",
        subject=f"{_finding.label(row['device_id'])}: {said}",
        subject_id=row["device_id"],
        message=f"{row['count']} {words['what']} ({said}) on {_finding.label(row['device_id'])} "
        f"took {format_ns(row['sum_dur'])}{size}; "
        f"{_finding.saving(row['exposed_dur'], device['span_dur'])}.",
        evidence_sql=_evidence.select("gpu_copy_call", where, f"({condition})", within),
        recommendation=words["remedy"],
    )  # fmt: skip
