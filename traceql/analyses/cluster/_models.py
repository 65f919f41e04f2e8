"""Models of the cost of copies and kernels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from traceql.analyses.cluster import _regress
from traceql.model.result import Exhibit, Result, abstain
from traceql.model.units import format_bytes, format_ns

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_REMEDY = (
    "Record device operations with their shapes: torch.profiler with CUDA activities, nsys "
    "--trace=cuda."
)


_ALPHA = 0.01
_MOST_FACTOR = 2.0


class Transfer(NamedTuple):
    """time = latency + bytes / bandwidth; and its mean absolute error in log time."""

    latency_ns: float
    bytes_per_s: float
    error: float


def transfer(size: Floats, dur: Floats) -> Transfer:
    """Fit latency and bandwidth to times of copies, errors relative to the times.

    Args:
        size: bytes, float64 [n], not all the same.
        dur: ns, float64 [n], positive.
    """
    from scipy import optimize

    # In units of the largest the columns are of one order, as the solver wants.
    unit = float(size.max())
    design = np.column_stack([1 / dur, size / unit / dur])
    (latency, slope), _ = optimize.nnls(design, np.ones(len(dur)))
    said = latency + slope * size / unit
    rate = unit / slope * 1e9 if slope > 0 else float("inf")
    return Transfer(float(latency), rate, float(np.abs(np.log(said / dur)).mean()))


def conclude(name: str, measured: pa.Table, least: int, least_gain_ratio: float) -> Result:
    """Make the Result of `cluster.cost`.

    Args:
        name: of the analysis.
        measured: kind, name_id, blocks, threads_per_block, bytes, calls, p50_dur, total_dur, trace.
        least: fewest strata of a model.
        least_gain_ratio: as the analysis.
    """
    if not measured.num_rows:
        return abstain(name, "the trace has no device operations with a length", _REMEDY)
    rows = []
    for kind in sorted(measured["kind"].unique().to_pylist()):  # kernels, directions of copies
        mine = measured.filter(pc.field("kind") == kind)
        rows.append(_kernels(mine, least, least_gain_ratio) if kind == "kernel"
                    else _copies(kind, mine, least))  # fmt: skip
    held = [row for row in rows if row["holds"]]
    return Result(
        name,
        status="ok" if held else "empty",
        tables={"model": pa.Table.from_pylist(rows, _MODEL)},
        exhibits=(Exhibit("model", "table", "Models of cost, and what they are worth"),),
        headline=" ".join(row["model"] for row in held)
        or "No model of cost holds: sizes and shapes do not tell the time.",
    )


_MODEL = pa.schema(
    [
        ("kind", pa.string()), ("holds", pa.bool_()), ("model", pa.string()),
        ("stratum_count", pa.int64()), ("latency_dur", pa.float64()),
        ("bandwidth_bytes_per_s", pa.float64()), ("exponent_blocks", pa.float64()),
        ("exponent_threads", pa.float64()), ("error_factor", pa.float64()),
        ("baseline_error_factor", pa.float64()),
    ]
)  # fmt: skip


def _copies(kind: str, strata: pa.Table, least: int) -> dict[str, Any]:
    sizes = strata.group_by("bytes").aggregate([("p50_dur", "mean")]).sort_by("bytes")
    size, dur = (sizes[c].to_numpy().astype(float) for c in ("bytes", "p50_dur_mean"))
    row: dict[str, Any] = {"kind": kind, "holds": False, "stratum_count": len(size)}
    if len(size) < least:
        return row | {"model": f"{kind}: {len(size)} sizes, {least} are needed."}
    found = transfer(size, dur)
    baseline = float(np.abs(np.log(np.median(dur) / dur)).mean())
    factor = float(np.exp(found.error))
    rate = f"{format_bytes(found.bytes_per_s)}/s" if np.isfinite(found.bytes_per_s) else "no limit"
    return row | {
        "holds": found.error < baseline and factor <= _MOST_FACTOR,
        "model": f"{kind}: {format_ns(found.latency_ns)} + bytes / {rate}, wrong by a "
        f"factor of {factor:.2f}.",
        "latency_dur": found.latency_ns,
        "bandwidth_bytes_per_s": found.bytes_per_s if np.isfinite(found.bytes_per_s) else None,
        "error_factor": factor,
        "baseline_error_factor": float(np.exp(baseline)),
    }


def _kernels(strata: pa.Table, least: int, least_gain_ratio: float) -> dict[str, Any]:
    known = strata.filter((pc.field("blocks") > 0) & (pc.field("threads_per_block") > 0))
    row: dict[str, Any] = {"kind": "kernel", "holds": False, "stratum_count": known.num_rows}
    if known.num_rows < least:
        return row | {"model": f"Kernels: {known.num_rows} shapes, {least} are needed."}
    shape = [np.log(known[c].to_numpy()) for c in ("blocks", "threads_per_block")]
    x, y = np.column_stack(shape), np.log(known["p50_dur"].to_numpy().astype(float))
    judged = _regress.judge(x, y, known["name_id"].to_numpy().astype(np.int64))
    if judged is None:
        return row | {"model": "Kernels: too few names to judge a model."}
    line = _regress.fit(x, y)
    enough = judged.error < (1 - least_gain_ratio) * judged.baseline
    factor, baseline = (float(np.exp(e)) for e in (judged.error, judged.baseline))
    return row | {
        "holds": enough and judged.p < _ALPHA and factor <= _MOST_FACTOR,
        "model": f"Kernels take time as blocks^{line.slope[0]:.2f} x "
        f"threads per block^{line.slope[1]:.2f}, wrong by a factor of {factor:.2f} on names not "
        f"seen (the median by {baseline:.2f}).",
        "exponent_blocks": float(line.slope[0]),
        "exponent_threads": float(line.slope[1]),
        "error_factor": factor,
        "baseline_error_factor": baseline,
    }
