"""Curves of a level within the steps, each beside those of the other steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from traceql.analyses import _discoveries, _evidence, _warmup
from traceql.analyses.anomaly.memory import LEVEL
from traceql.model.result import Exhibit, Finding, Result, abstain, severity
from traceql.model.units import format_bytes, format_ratio

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceql.model.protocols import Tables

    Floats = NDArray[np.float64]
    Times = NDArray[np.int64]

SCHEMA = pa.schema(
    [
        ("device_id", pa.int64()), ("step_ts", pa.list_(pa.int64())),
        ("step_dur", pa.list_(pa.int64())), ("peak", pa.list_(pa.float64())),
        ("mean", pa.list_(pa.float64())), ("event_count", pa.list_(pa.int64())),
    ]
)  # fmt: skip
WINDOW = 21
_MOST_FOR_SLOPE = 1_000
_LEAST_SPREAD = 0.0025
_MOST_RATIO = 0.1
_Z_OF_TENTH = 1.2816
_NO_MEMORY = (
    "Record allocations: with torch.profiler use profile_memory=True, with nsys "
    "--cuda-memory-usage=true, with rocprofv3 --memory-allocation-trace."
)
_NO_STEPS = (
    "Record at least eight steps after warm-up, and mark them: torch.profiler's schedule with "
    "prof.step(), or an NVTX range around each iteration."
)


class Judged(NamedTuple):
    """Of each step: what was expected, and the probability of as much or more; float64 [n].

    `warm` is how many of the first steps are warm-up.
    """

    expected: Floats
    p: Floats
    warm: int


def measure(tables: Tables, least_steps: int) -> pa.Table:
    """Reduce the level of one device to peak and mean of each steady step.

    Args:
        tables: level (device_id, ts, level; in order), iteration.
        least_steps: with fewer, the row has no steps.

    Returns:
        SCHEMA, one row; none without levels.
    """
    level = tables["level"]
    if not level.num_rows:
        return SCHEMA.empty_table()
    row: dict[str, Any] = {"device_id": level["device_id"][0].as_py()}
    steady = _warmup.steady(tables["iteration"])
    if steady is None:
        return pa.Table.from_pylist([row], SCHEMA)
    steps = _warmup.of_main_track(tables["iteration"])
    start, dur = steps["ts"].to_numpy(), steps["dur"].to_numpy()
    ts = level["ts"].to_numpy()
    kept = (start >= steady.start) & (start >= ts[0]) & (dur > 0)
    start, dur = start[kept], dur[kept]
    if len(start) < least_steps:
        return pa.Table.from_pylist([row], SCHEMA)
    peak, mean = curve(ts, level["level"].to_numpy(), start, dur)
    inside = np.searchsorted(ts, start + dur) - np.searchsorted(ts, start)
    row |= {
        "step_ts": start.tolist(), "step_dur": dur.tolist(), "peak": peak.tolist(),
        "mean": mean.tolist(), "event_count": inside.tolist(),
    }  # fmt: skip
    return pa.Table.from_pylist([row], SCHEMA)


def curve(ts: Times, level: Floats, start: Times, dur: Times) -> tuple[Floats, Floats]:
    """Give peak and mean over time of a level, that holds until the next, in each step.

    Args:
        ts: int64 [n], ascending, from no later than the first step.
        level: float64 [n], from each ts on.
        start: int64 [m], of the steps, ascending.
        dur: int64 [m], each > 0.
    """
    entry = np.searchsorted(ts, start, side="right") - 1
    last = np.maximum(np.searchsorted(ts, start + dur, side="left"), entry + 1)
    bounds = np.column_stack((entry, last)).ravel()
    padded = np.append(level, -np.inf)  # the last bound may be the end
    peak = np.maximum.reduceat(padded, bounds)[::2]
    area = np.concatenate(([0.0], np.cumsum(level[:-1] * np.diff(ts))))

    def until(when: Times) -> Floats:
        at = np.searchsorted(ts, when, side="right") - 1
        return np.asarray(area[at] + level[at] * (when - ts[at]))

    return peak, (until(start + dur) - until(start)) / dur


def judge(values: Floats, least_effect: float) -> Judged:
    """Judge each value of a series beside those around it.

    Args:
        values: float64 [n], n > 2.
        least_effect: leading values off the usual by this factor are warm-up.
    """
    from scipy import ndimage, stats

    n = len(values)
    every = -(-n // _MOST_FOR_SLOPE)
    places = np.arange(n, dtype=np.float64)
    slope = float(stats.theilslopes(values[::every], places[::every])[0])
    drift = slope * places
    level = values - drift
    around = ndimage.median_filter(level, min(WINDOW, n), mode="mirror")
    whole = float(np.median(level))
    half = min(WINDOW, n) // 2
    edge = (places < half) | (places >= n - half)
    if n <= 2 * WINDOW:  # too few to follow changes of level near both ends
        around = np.where(edge, whole, around)
    expected = around + drift
    excess = values - expected
    warm = _warm(level, least_effect)
    late = excess[warm:]
    tenth = float(np.quantile(late, 0.9, method="lower"))
    spread = max(1.4826 * float(np.median(np.abs(late))), tenth / _Z_OF_TENTH)
    least = _LEAST_SPREAD * np.maximum(np.abs(expected), 1.0)
    p = stats.t.sf(excess / np.maximum(spread, least), max(n - 2, 1))
    return Judged(expected, p, warm)


def _warm(level: Floats, least_effect: float) -> int:
    """Count leading values that are off the median of the second half, at most half of all."""
    half = len(level) // 2
    usual = float(np.median(level[half:]))
    off = np.abs(level - usual) > (least_effect - 1) * abs(usual)
    return min(int(np.argmin(off)) if not off.all() else half, half)


def conclude(name: str, measured: pa.Table, q: float, least_effect: float) -> Result:
    """Make the Result of `anomaly.memory`.

    Args:
        name: of the analysis.
        measured: SCHEMA, then trace.
        q: highest expected share of false steps.
        least_effect: a step below this multiple of its baseline is not told of.
    """
    rows = measured.to_pylist()  # one a device
    if not rows:
        return abstain(name, "no allocation was recorded", _NO_MEMORY)
    rows = [row for row in rows if row["peak"]]
    if not rows:
        return abstain(name, "there are too few steps to compare", _NO_STEPS)
    for row in rows:
        _judge_row(row, least_effect)
    adjusted = np.array(_discoveries.q_values(np.concatenate([row["p"] for row in rows])))
    at = np.cumsum([len(row["p"]) for row in rows])[:-1]
    findings = []
    for row, qs in zip(rows, np.split(adjusted, at), strict=True):
        row["q"] = qs
        row["flagged"] = (qs <= q) & (row["ratio"] >= least_effect) & (row["event_count"] > 0)
        if 0 < row["flagged"].sum() <= max(1, _MOST_RATIO * len(qs)):
            findings.append(_finding(name, row))
    steps = sum(len(row["p"]) for row in rows)
    told = sum(finding.n_events for finding in findings)
    return Result(
        name,
        status="ok" if findings else "empty",
        findings=tuple(findings),
        tables={"step_memory": _table(rows)},
        exhibits=(
            Exhibit("step_memory", "line", "Peak of each step",
                    {"x": "step", "y": "peak_bytes", "series": "device"}),
        ),
        headline=f"{told} of {steps} steps held more memory than those around them."
        if findings
        else f"None of {steps} steps held more memory than those around it.",
    )  # fmt: skip


def _judge_row(row: dict[str, Any], least_effect: float) -> None:
    """Add p and the ratio to what was expected, of the worse of peak and mean."""
    for key in ("peak", "mean", "event_count", "step_ts", "step_dur"):
        row[key] = np.array(row[key])
    peak, mean = (judge(row[key], least_effect) for key in ("peak", "mean"))
    row["expected"] = peak.expected
    row["p"] = np.minimum(2 * np.minimum(peak.p, mean.p), 1.0)
    row["p"][: max(peak.warm, mean.warm)] = 1.0
    ratios = [
        value / np.maximum(judged.expected, 1.0)
        for value, judged in ((row["peak"], peak), (row["mean"], mean))
    ]
    row["ratio"] = np.where(peak.p <= mean.p, ratios[0], ratios[1])


def _finding(name: str, row: dict[str, Any]) -> Finding:
    flagged = row["flagged"]
    peaks, expected = row["peak"][flagged], row["expected"][flagged]
    ratio, count = row["ratio"][flagged], int(flagged.sum())
    excess = float(np.max(peaks - expected)) / max(float(row["peak"].max()), 1.0)
    q = float(row["q"][flagged].max())
    where = "host" if row["device_id"] is None else f"device {row['device_id']}"
    starts, durs = row["step_ts"][flagged], row["step_dur"][flagged]
    return Finding(
        traces=(row["trace"],),
        analysis=name,
        kind="memory_bump",
        severity=severity(min(max(excess, 0.0), 1.0), q),
        subject_type="device",
        subject_id=row["device_id"],
        subject=f"memory of {where}",
        message=f"{count} of {len(flagged)} steps held {format_ratio(float(ratio.max()) - 1)} more "
        f"memory of {where} than the steps around: peak {format_bytes(int(peaks.max()))}, expected "
        f"{format_bytes(int(expected[peaks.argmax()]))}.",
        confidence_basis="test",
        confidence=1 - q,
        evidence_sql=peaks_of(row, starts.tolist(), (starts + durs).tolist()),
        n_events=count,
        ts=int(starts[0]),
        dur=int(starts[-1] + durs[-1] - starts[0]),
        value=float(np.median(peaks)),
        unit="bytes",
        baseline=float(np.median(expected)),
        n=len(flagged),
        p_value=float(row["p"][flagged].max()),
        q_value=q,
        effect=float(np.median(ratio)),
        effect_low=float(ratio.min()),
        effect_high=float(ratio.max()),
        impact_ratio=min(max(excess, 0.0), 1.0),
        recommendation="Look at what these steps had that others had not: a longer sequence or a "
        "larger batch, an evaluation, a checkpoint, a workspace of another algorithm.",
    )


def peaks_of(row: dict[str, Any], starts: list[int], ends: list[int]) -> str:
    """Ask for the allocation event at the peak of each of the steps."""
    steps = ", ".join(f"({a}, {b})" for a, b in zip(starts, ends, strict=True))
    mine = _evidence.where({"trace": row["trace"], "device_id": row["device_id"]})
    return (
        f"SELECT {_evidence.COLUMNS}, level AS level_bytes "  # noqa: S608
        f"FROM (SELECT trace, id, ts, 0::BIGINT AS dur, kind AS name, {LEVEL} AS level "
        f"FROM allocation WHERE bytes IS NOT NULL AND {mine}) "
        f"JOIN (VALUES {steps}) step(start_ts, end_ts) ON ts >= start_ts AND ts < end_ts "
        "QUALIFY row_number() OVER (PARTITION BY start_ts ORDER BY level DESC, ts, id) = 1"
    )


def _table(rows: list[dict[str, Any]]) -> pa.Table:
    """Give one row a step of each device."""
    return pa.concat_tables(
        pa.table(
            {
                "device": [str(row["device_id"] if row["device_id"] is not None else "host")]
                * len(row["p"]),
                "step": np.arange(len(row["p"])),
                "ts": row["step_ts"],
                "peak_bytes": row["peak"],
                "expected_bytes": row["expected"],
                "mean_bytes": row["mean"],
                "q_value": row["q"],
                "is_flagged": row["flagged"],
            }
        )
        for row in rows
    )
