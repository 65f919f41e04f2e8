"""Values of a series far from the median of those around them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from traceql.analyses import _evidence
from traceql.kernels import rolling
from traceql.model.result import Exhibit, Finding, Result, abstain, severity

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceql.model.protocols import Tables

    Floats = NDArray[np.float64]

_MOST_RATIO = 0.01
_MOST_P = 0.01
_TAIL = 0.995
_SURE_Z = 10.0
_REMEDY = (
    "Record counters: nsys --gpu-metrics-devices, a log of nvidia-smi or powermetrics, or counter "
    "events (`ph`: C) of the program."
)
SCHEMA = pa.schema(
    [
        ("track_id", pa.int32()), ("name", pa.string()), ("unit", pa.string()),
        ("value_count", pa.int64()), ("median", pa.float64()), ("spread", pa.float64()),
        ("start_ts", pa.int64()), ("end_ts", pa.int64()),
        # Values that the rule may tell of, the nearest first.
        ("p", pa.list_(pa.float64())), ("off", pa.list_(pa.float64())),
        ("value", pa.list_(pa.float64())), ("ts", pa.list_(pa.int64())),
        ("held", pa.list_(pa.int64())), ("next_off", pa.float64()),
    ]
)  # fmt: skip


class Excursions(NamedTuple):
    """Of each value: how far from the median around it, and the two-sided p; float64 [n]."""

    off: Floats
    p: Floats
    spread: float


def judge(values: Floats, window: int) -> Excursions:
    """Judge each value beside the median of the `window` values around it.

    Args:
        values: float64 [n], finite, in order of time.
        window: odd.
    """
    from scipy.special import ndtr

    half = window // 2
    padded = np.append(values, np.full(half, np.nan))
    around = rolling.statistics([0, len(padded)], padded, window).median[half:]
    off = values - around
    far = np.sort(np.abs(off))
    spread = 1.4826 * float(np.median(far))
    if spread == 0:
        spread = 1.2533 * float(far[: max(int(_TAIL * len(far)), 1)].mean())
    if spread == 0 and far[-1] > 0:  # what moves at all, moves by this or more
        spread = float(far[far > 0][0]) / _SURE_Z
    if spread == 0:
        return Excursions(off, np.ones(len(values)), 0.0)
    return Excursions(off, np.asarray(2 * ndtr(-np.abs(off) / spread)), spread)


def measure(tables: Tables, window: int, least_tail: float, least_values: int) -> pa.Table:
    """Judge the values of one counter.

    Args:
        tables: value (one track's, in order), track.
        window: of the running median.
        least_tail: how many times farther off than most values.
        least_values: a shorter series is counted only.

    Returns:
        SCHEMA, one row; none where there is no value.
    """
    rows = tables["value"]
    if not rows.num_rows:
        return SCHEMA.empty_table()
    number = rows["track_id"][0].as_py()
    tracks = {row["id"]: row for row in tables["track"].to_pylist()}  # some hundreds
    track = tracks.get(number, {})
    ts, values = rows["ts"].to_numpy(), rows["value"].to_numpy()
    row: dict[str, Any] = {
        "track_id": number, "name": track.get("name"), "unit": track.get("unit"),
        "value_count": len(values), "median": float(np.median(values)),
        "start_ts": int(ts[0]), "end_ts": int(ts[-1]) + 1,
    }  # fmt: skip
    if len(values) < max(least_values, window):
        return pa.Table.from_pylist([row], SCHEMA)
    found = judge(values, window)
    far = np.abs(found.off)
    usual = float(np.quantile(far, _TAIL, method="lower"))
    chosen = np.flatnonzero((found.p <= _MOST_P) & (far >= least_tail * usual) & (far > 0))
    chosen = chosen[np.argsort(far[chosen], kind="stable")]
    rest = np.delete(far, chosen)
    held = np.diff(ts, append=ts[-1])
    row |= {
        "spread": found.spread, "p": found.p[chosen].tolist(), "off": found.off[chosen].tolist(),
        "value": values[chosen].tolist(), "ts": ts[chosen].tolist(),
        "held": held[chosen].tolist(), "next_off": float(rest.max(initial=0.0)),
    }  # fmt: skip
    return pa.Table.from_pylist([row], SCHEMA)


def conclude(name: str, measured: pa.Table, q: float, window: int) -> Result:
    """Make the Result of `anomaly.counter`.

    Args:
        name: of the analysis.
        measured: SCHEMA, then trace.
        q: highest expected share of false values.
        window: of the running median.
    """
    rows = measured.to_pylist()  # one a counter
    if not rows:
        return abstain(name, "no counter was recorded", _REMEDY)
    judged = [row for row in rows if row["spread"] is not None]
    if not judged:
        return abstain(name, "every counter has too few values to know what is usual", _REMEDY)
    tested = sum(row["value_count"] for row in judged)
    level = _level(np.concatenate([row["p"] for row in judged]), tested, q)
    findings = []
    for row in judged:
        first = next((i for i, p in enumerate(row["p"]) if p <= level[0]), len(row["p"]))
        row["flagged_count"] = len(row["p"]) - first
        if 0 < row["flagged_count"] <= _MOST_RATIO * row["value_count"]:
            findings.append(_finding(name, row, first, level, window))
    findings.sort(key=lambda f: (-int(f.severity), -(f.statistic or 0), f.subject))
    told = sum(finding.n_events for finding in findings)
    looked = f"{tested:,} values of {len(judged)} counters"
    return Result(
        name,
        status="ok" if findings else "empty",
        findings=tuple(findings),
        tables={"counter_series": _table(judged)},
        exhibits=(Exhibit("counter_series", "table", "Counters"),),
        headline=f"{told} values far from those around them, of {looked}."
        if findings
        else f"Nothing far from what is around it in {looked}.",
    )


def _level(p: Floats, tested: int, q: float) -> tuple[float, float]:
    """Give the highest p that Benjamini-Hochberg keeps (-1: none), and its q."""
    order = np.sort(p)
    share = order * tested / np.arange(1, len(order) + 1)
    within = np.flatnonzero(share <= q)
    return (float(order[within[-1]]), float(share[within[-1]])) if len(within) else (-1.0, 1.0)


def _finding(
    name: str, row: dict[str, Any], first: int, level: tuple[float, float], window: int
) -> Finding:
    off, count = row["off"][first:], row["flagged_count"]
    value, baseline = row["value"][-1], row["value"][-1] - row["off"][-1]
    times = row["ts"][first:]
    whole = max(row["end_ts"] - 1 - row["start_ts"], 1)
    impact = min(sum(row["held"][first:]) / whole, 1.0)
    below = abs(row["off"][first - 1]) if first else row["next_off"]
    label = row["name"] or f"counter {row['track_id']}"
    unit = f" {row['unit']}" if row["unit"] else ""
    return Finding(
        traces=(row["trace"],),
        analysis=name,
        kind="counter_excursion",
        severity=severity(impact, level[1]),
        subject_type="track",
        subject_id=row["track_id"],
        subject=f"{label} (track {row['track_id']})",
        message=f"{count} of {row['value_count']:,} values of {label} stand far from those around "
        f"them: the farthest {value:,.6g}{unit} where {baseline:,.6g} is usual.",
        confidence_basis="test",
        confidence=1 - level[1],
        evidence_sql=_sql(row, (abs(off[0]) + below) / 2, window),
        n_events=count,
        ts=min(times),
        dur=max(times) - min(times),
        value=value,
        unit=row["unit"],
        baseline=baseline,
        n=row["value_count"],
        statistic=abs(off[-1]) / row["spread"],
        p_value=row["p"][first],
        q_value=level[1],
        effect=value / baseline if baseline else None,
        impact_ratio=impact,
        recommendation="Look at what ran at these times, and at other counters; a single value may "
        "be an error of the sensor.",
    )


def _sql(row: dict[str, Any], least: float, window: int) -> str:
    """Restate the distance from the running median, and its threshold."""
    half = window // 2
    mine = _evidence.where(
        {"trace": row["trace"]},
        f"track_id % 4294967296 = {row['track_id']}",
        "value IS NOT NULL", "isfinite(value)",
        f"ts >= {row['start_ts']}", f"ts < {row['end_ts']}",
    )  # fmt: skip
    label = _evidence.literal(row["name"] or f"counter {row['track_id']}")
    return (
        f"SELECT {_evidence.COLUMNS}, value, around FROM ("  # noqa: S608
        f"SELECT trace, id, ts, 0::BIGINT AS dur, {label} AS name, value, median(value) OVER "
        f"(ORDER BY ts, id ROWS BETWEEN {half} PRECEDING AND {half} FOLLOWING) AS around "
        f"FROM counter WHERE {mine}) WHERE abs(value - around) >= {_evidence.literal(least)}"
    )


def _table(rows: list[dict[str, Any]]) -> pa.Table:
    columns = ("track_id", "name", "unit", "value_count", "median", "spread", "flagged_count")
    shown = [{column: row[column] for column in columns} for row in rows]
    kinds = pa.schema(
        [*(SCHEMA.field(column) for column in columns[:-1]), ("flagged_count", pa.int64())]
    )
    return pa.Table.from_pylist(sorted(shown, key=lambda row: -row["flagged_count"]), kinds)
