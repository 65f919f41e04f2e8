"""Cut resources into bins, name their shape, and conclude."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from traceql.analyses import _discoveries, _evidence, _phases, _shapes
from traceql.kernels import intervals
from traceql.model.result import Exhibit, Finding, Result, Severity, abstain
from traceql.model.units import format_bytes, format_ns, format_ratio

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceql.model.protocols import Tables

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

COUNTER, MEMORY, BUSY = range(3)
_KINDS = ("counter", "memory", "device")
_SHIFT = 33
_LEAST_SAMPLES = 2 * _shapes.LEAST
_PLAIN = ("steady", "irregular", "wandering")
_WINDOWS = 40
_REMEDY = (
    "Record counters beside the events: memory (profile_memory=True of torch.profiler, nsys "
    "--cuda-memory-usage), power and clocks (nsys --gpu-metrics-devices), or 'C' events."
)
SCHEMA = pa.schema(
    [
        ("kind", pa.int8()), ("key", pa.int64()), ("name", pa.string()), ("unit", pa.string()),
        ("n_events", pa.int64()), ("start_ts", pa.int64()), ("last_ts", pa.int64()),
        ("bin_dur", pa.int64()), ("values", pa.list_(pa.float64())), ("shape", pa.string()),
        ("share", pa.float64()), ("p_value", pa.float64()), ("period", pa.float64()),
        ("change_ratio", pa.float64()), ("times", pa.int64()), ("variation_ratio", pa.float64()),
        ("phase_ts", pa.list_(pa.int64())),
    ]
)  # fmt: skip


def measure(tables: Tables, most_bins: int) -> pa.Table:
    """Name the shape of one series.

    Args:
        tables: the inputs of `pattern.counters`, the events of one series.
        most_bins: of the series.

    Returns:
        SCHEMA, at most one row.
    """
    event = tables["event"]
    count = event.num_rows
    if count < _LEAST_SAMPLES:
        return SCHEMA.empty_table()
    series = int(event["series"][0].as_py())
    kind, key = series >> _SHIFT, (series & ((1 << _SHIFT) - 1)) - 1
    ts, end = event["ts"].to_numpy(), event["end_ts"].to_numpy()
    bins = min(most_bins, count // 2)
    start, last = int(ts[0]), int(ts[-1])
    width = (int(end.max() if kind == BUSY else last) - start) // bins
    if width < 1:
        return SCHEMA.empty_table()
    if kind == BUSY:
        values = intervals.coverage_by_bin(ts, end, start, width, bins) / width
    else:
        values = _means(ts, event["value"].to_numpy(), start + width * np.arange(bins + 1))
    if not np.isfinite(values).all():
        return SCHEMA.empty_table()
    shape = _shapes.classify(values)
    window = max(8, round(shape.period or bins / _WINDOWS))
    waves = shape.name in {"cyclical", "oscillating"}
    cuts = _phases.find(values, window) if waves else []
    name, unit = _named(tables["counter"], kind, key)
    row = {
        "kind": kind, "key": key, "name": name, "unit": unit, "n_events": count, "start_ts": start,
        "last_ts": last, "bin_dur": width, "values": values.tolist(), "shape": shape.name,
        "share": shape.share, "p_value": shape.p, "period": shape.period,
        "change_ratio": shape.change_ratio, "times": shape.times,
        "variation_ratio": shape.variation_ratio,
        "phase_ts": [start + width * cut for cut in cuts],
    }  # fmt: skip
    return pa.Table.from_pylist([row], SCHEMA)


def _means(ts: Ints, value: Floats, edges: Ints) -> Floats:
    """Give the mean over time between edges of values that hold until the next."""
    area = np.concatenate(([0.0], np.cumsum(value[:-1] * np.diff(ts))))
    at = np.clip(np.searchsorted(ts, edges, "right") - 1, 0, None)
    until = area[at] + value[at] * (edges - ts[at])
    return np.asarray(np.diff(until) / np.diff(edges))


def _named(counters: pa.Table, kind: int, key: int) -> tuple[str, str]:
    if kind == COUNTER:
        for row in counters.to_pylist():  # tracks: some hundreds
            if row["id"] == key:
                return row["name"] or f"counter {key}", row["unit"] or ""
    where = "unknown device" if key < 0 else f"device {key}"
    if kind == MEMORY:
        return ("host memory" if key < 0 else f"memory of {where}"), "bytes"
    return f"work of {where}", "busy share"


def conclude(name: str, measured: pa.Table, most: int) -> Result:
    """Make the Result.

    Args:
        name: of the analysis.
        measured: SCHEMA, then trace.
        most: findings.
    """
    rows = measured.to_pylist()  # series: some hundreds
    if not rows:
        return abstain(name, "no counter, memory or device has forty-eight samples", _REMEDY)
    known = [1.0 if row["p_value"] is None else min(row["p_value"], 1.0) for row in rows]
    for row, q in zip(rows, _discoveries.q_values(known), strict=True):
        row["q_value"] = None if row["p_value"] is None else q
    rows.sort(key=lambda row: (row["shape"] in _PLAIN, -row["share"], row["kind"], row["key"]))
    told = [row for row in rows if row["shape"] not in _PLAIN][:most]
    counts = {shape: sum(row["shape"] == shape for row in rows) for shape in _shapes.SHAPES}
    listed = ", ".join(f"{count} {shape}" for shape, count in counts.items() if count)
    return Result(
        name,
        status="ok" if told else "empty",
        findings=tuple(_finding(name, row) for row in told),
        tables={"resource": _table(rows), "level": _lines(told[:8])},
        exhibits=(
            Exhibit(
                "resource", "table", "Shapes of resources",
                note="share is how much of the variance the shape explains; phases are parts whose "
                "waves differ in form.",
            ),
            Exhibit("level", "line", "Resources over time",
                    roles={"x": "ts", "y": "value", "series": "series"}),
        ),
        headline=f"Of {len(rows)} resources: {listed}.",
    )  # fmt: skip


def _finding(name: str, row: dict[str, Any]) -> Finding:
    mean = float(np.mean(row["values"]))
    tested = row["p_value"] is not None
    return Finding(
        traces=(row["trace"],),
        analysis=name,
        kind=row["shape"],
        severity=Severity.info,
        subject_type="series",
        subject=f"{row['name']} ({_KINDS[row['kind']]} {row['key']})",
        message=f"{row['name']} {_said(row)}; its mean is {_amount(mean, row['unit'])}.",
        confidence_basis="test" if tested else "heuristic",
        confidence=1 - row["q_value"] if tested else None,
        evidence_sql=_sql(row),
        n_events=row["n_events"],
        ts=row["start_ts"],
        dur=row["last_ts"] - row["start_ts"],
        value=mean,
        unit=row["unit"] or None,
        n=len(row["values"]),
        p_value=row["p_value"],
        q_value=row["q_value"],
        effect=None if row["change_ratio"] is None else 1 + row["change_ratio"],
    )


def _said(row: dict[str, Any]) -> str:
    change = (
        "more than the level" if row["change_ratio"] is None else format_ratio(row["change_ratio"])
    )
    if row["shape"] in {"cyclical", "oscillating"}:
        period = format_ns(row["period"] * row["bin_dur"])
        word = "recurs" if row["shape"] == "cyclical" else "oscillates"
        phases = f", in {len(row['phase_ts']) + 1} phases" if row["phase_ts"] else ""
        return f"{word} every {period} ({row['times']} times{phases})"
    if row["shape"] == "stepped":
        times = row["times"]
        return (
            f"changes its level {'once' if times == 1 else f'{times} times'}, at most by {change}"
        )
    if row["shape"] == "bursty":
        return f"has {row['times']} bursts, {change} above its usual level"
    return f"{'grows' if row['shape'] == 'growing' else 'declines'} by {change}"


def _amount(value: float, unit: str) -> str:
    if unit == "bytes":
        return format_bytes(value)
    if unit == "busy share":
        return format_ratio(value)
    return f"{value:.4g} {unit}".rstrip()


def _sql(row: dict[str, Any]) -> str:
    """Write the query for the samples of a series."""
    mine = {"trace": row["trace"]}
    window = (f"ts >= {row['start_ts']}", f"ts <= {row['last_ts']}")
    if row["kind"] == COUNTER:
        named = (
            "(SELECT c.trace, c.id, c.ts, 0::BIGINT AS dur, t.name, c.track_id, c.value "
            "FROM counter c JOIN track t ON t.id = c.track_id)"
        )
        return _evidence.select(
            named, mine, *window, f"track_id % 4294967296 = {row['key']}",
            "value IS NOT NULL AND isfinite(value)",
        )  # fmt: skip
    device = {"device_id": row["key"] if row["key"] >= 0 else None}
    if row["kind"] == MEMORY:
        named = (
            "(SELECT trace, id, ts, 0::BIGINT AS dur, kind AS name, device_id, bytes "
            "FROM allocation)"
        )
        return _evidence.select(named, {**mine, **device}, *window, "bytes IS NOT NULL")
    ops = f"SELECT slice_id FROM gpu_op WHERE {_evidence.where(device)}"  # noqa: S608
    return _evidence.select("slice", mine, *window, "dur >= 0", f"id IN ({ops})")


def _table(rows: list[dict[str, Any]]) -> pa.Table:
    columns = {
        "name": pa.string(), "kind": pa.string(), "unit": pa.string(), "shape": pa.string(),
        "share": pa.float64(), "q_value": pa.float64(), "period_dur": pa.int64(),
        "change_ratio": pa.float64(), "times": pa.int64(), "variation_ratio": pa.float64(),
        "phases": pa.int64(), "samples": pa.int64(),
    }  # fmt: skip
    made = [
        {
            **{key: row[key] for key in columns if key in row},
            "kind": _KINDS[row["kind"]],
            "period_dur": None if row["period"] is None else int(row["period"] * row["bin_dur"]),
            "phases": len(row["phase_ts"]) + 1,
            "samples": row["n_events"],
        }
        for row in rows
    ]
    return pa.Table.from_pylist(made, pa.schema(list(columns.items())))


def _lines(rows: list[dict[str, Any]]) -> pa.Table:
    """Give the bins of some series."""
    ts = [row["start_ts"] + i * row["bin_dur"] for row in rows for i in range(len(row["values"]))]
    return pa.table(
        {
            "series": pa.array([row["name"] for row in rows for _ in row["values"]], pa.string()),
            "ts": pa.array(ts, pa.int64()),
            "value": pa.array([value for row in rows for value in row["values"]], pa.float64()),
        }
    )
