"""Judge the strata of one name."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from traceql.analyses import _warmup
from traceql.analyses.anomaly import _modes, _surrogates

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceql.model.protocols import Tables

SCHEMA = pa.schema(
    [
        pa.field("name", pa.string()),
        pa.field("side", pa.string()),
        pa.field("category", pa.string()),
        pa.field("kind", pa.string()),
        pa.field("device_id", pa.int64()),
        *(pa.field(f"{what}_{axis}", pa.int64()) for what in ("grid", "block") for axis in "xyz"),
        pa.field("bytes", pa.int64()),
        pa.field("copy_kind", pa.string()),
        pa.field("event_count", pa.int64()),  # after warm-up; 0: too few to judge
        pa.field("start_ts", pa.int64()),
        pa.field("end_ts", pa.int64()),
        pa.field("total_dur", pa.int64()),
        pa.field("side_dur", pa.int64()),
        pa.field("median_dur", pa.float64()),
        pa.field("baseline_dur", pa.float64()),
        pa.field("mean_dur", pa.float64()),
        pa.field("sd_dur", pa.float64()),
        pa.field("mode_count", pa.int64()),
        pa.field("z3_count", pa.int64()),
        # Durations that the rule may flag, ascending, each with its p and how often it occurs.
        pa.field("candidate_dur", pa.list_(pa.int64())),
        pa.field("candidate_p", pa.list_(pa.float64())),
        pa.field("candidate_count", pa.list_(pa.int64())),
        # What the rule flags in surrogates: the p of each, and how many events were drawn; 0: none.
        pa.field("chance_p", pa.list_(pa.float64())),
        pa.field("chance_count", pa.int64()),
    ]
)


class Rule(NamedTuple):
    """What an event must meet to be a candidate."""

    method: str
    least_effect: float
    least_ticks: int
    least_ratio: float


_CANDIDATE_P = 0.01
"""A higher p is never flagged: q is at most the share of events flagged times this."""


def measure(tables: Tables, stratum: Sequence[str], rule: Rule) -> pa.Table:
    """Judge every stratum of one name.

    Args:
        tables: event (one name's, those of a stratum together), stratum, name, category,
            iteration.
        stratum: columns that tell strata apart.
        rule: see Rule; strata with a smaller share of the time of their side are left out.

    Returns:
        SCHEMA, one row per stratum that was looked at, by its columns.
    """
    events = tables["event"]
    if not events.num_rows:
        return SCHEMA.empty_table()
    steady = _warmup.steady(tables["iteration"])
    value, number = events["value"].to_numpy(), events["stratum"].to_numpy()
    ts, issued = events["ts"].to_numpy(), events["issued_ts"].to_numpy()
    name_id = events["name_id"][0].as_py()
    known = {row["stratum"]: row for row in _of_name(tables["stratum"], name_id)}
    bounds = np.append(np.flatnonzero(np.append(True, number[1:] != number[:-1])), len(number))
    rows = []
    for start, end in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        row = known.get(int(number[start]))
        if row is None:  # too few, or too short
            continue
        side = {"total": row["side_total"], "quantum": row["quantum"]}
        if end - start < _modes.FEWEST or value[start:end].sum() < rule.least_ratio * side["total"]:
            continue
        first = {column: row[column] for column in stratum}
        within = _window(ts[start:end], issued[start:end], steady)
        steps = steady.steps if steady else 0
        rows.append(_row(first, ts[start:end], value[start:end], side, within, steps, rule))
    rows.sort(key=lambda row: [(row[column] is None, row[column] or 0) for column in stratum])
    _add_texts(rows, name_id, tables)
    return pa.Table.from_pylist(rows, SCHEMA)


def _of_name(strata: pa.Table, name_id: int) -> list[dict[str, Any]]:
    """Give the strata of a name: at most one in least_ratio of all there are."""
    import pyarrow.compute as pc

    rows: list[dict[str, Any]] = strata.filter(pc.equal(strata["name_id"], name_id)).to_pylist()
    return rows


def _window(
    ts: NDArray[np.int64], issued: NDArray[np.int64], steady: _warmup.Steady | None
) -> tuple[int, int]:
    """Give the window of ts in which the steady events of a stratum lie.

    Device work belongs to the step that launched it, however late it ran. Without steps the first
    event is left out: it may have paid for all the others.
    """
    if steady is None:
        return int(ts.min()) + 1, int(ts.max()) + 1
    mine = ts[(issued >= steady.start) & (issued < steady.end)]
    if not len(mine):
        return steady.start, steady.end
    return int(mine.min()), int(mine.max()) + 1


def _row(
    first: dict[str, Any],
    ts: NDArray[np.int64],
    value: NDArray[np.int64],
    side: dict[str, Any],
    within: tuple[int, int],
    steps: int,
    rule: Rule,
) -> dict[str, Any]:
    order = np.argsort(ts, kind="stable")
    ts, value = ts[order], value[order]
    start, end = within
    kept = (ts >= start) & (ts < end)
    row = first | {
        "start_ts": start,
        "end_ts": end,
        "total_dur": int(value.sum()),
        "side_dur": side["total"],
        "event_count": 0,
    }
    value = value[kept]
    if len(value) < _modes.FEWEST:
        return row
    mean, sd = float(value.mean()), float(value.std())
    over = value > mean + 3 * sd
    row |= {
        "event_count": len(value),
        "median_dur": float(np.median(value)),
        "mean_dur": mean,
        "sd_dur": sd,
        "z3_count": int(over.sum()),
    }
    return row | _judged(value, over, side, steps, rule)


def _judged(
    value: NDArray[np.int64],
    over: NDArray[np.bool_],
    side: dict[str, Any],
    steps: int,
    rule: Rule,
) -> dict[str, Any]:
    """Apply the rule; `over` is what the three-sigma rule flags."""
    quantum = side["quantum"]
    judged = _modes.judge(value, quantum)
    if rule.method == "z3":
        found = _candidates(value, np.where(over, 0.0, 1.0), over)
        return found | {"baseline_dur": float(value.mean()), "mode_count": judged.modes}
    usual = _modes.habit(value, steps)
    if usual > rule.least_effect * math.exp(judged.center):
        judged = _modes.beside(judged, value, usual)
    center = math.exp(judged.center)
    chosen = _chosen(judged, value, quantum, rule)
    found = _candidates(value, judged.p, chosen)
    found |= {"baseline_dur": center, "mode_count": judged.modes, "chance_count": 0}
    # Surrogates are dear: only a stratum that may become a finding has to say how sure it is.
    if (value[chosen] - center).sum() < rule.least_ratio * side["total"]:
        return found
    clean = value[~(chosen & _surrogates.surely(judged.p))]
    by_chance, drawn = _surrogates.by_chance(
        clean,
        quantum,
        lambda again, drawn: _chosen(again, drawn, quantum, rule),
        np.random.default_rng(len(value)),
    )
    return found | {"chance_p": by_chance, "chance_count": drawn}


def _chosen(
    judged: _modes.Judgement, value: NDArray[np.int64], quantum: int, rule: Rule
) -> NDArray[np.bool_]:
    """Say which lengths the rule may flag, whatever false discovery control says later."""
    center = math.exp(judged.center)
    chosen = judged.p <= _CANDIDATE_P
    chosen &= value >= rule.least_effect * center
    return np.asarray(chosen & (value - center >= rule.least_ticks * quantum))


def _candidates(
    value: NDArray[np.int64], p: NDArray[np.float64], chosen: NDArray[np.bool_]
) -> dict[str, Any]:
    """Give the chosen durations, distinct and ascending, with falling p and counts."""
    durations, at, counts = np.unique(value[chosen], return_index=True, return_counts=True)
    falling = np.minimum.accumulate(p[chosen][at]) if len(at) else np.empty(0)
    return {
        "candidate_dur": durations.tolist(),
        "candidate_p": falling.tolist(),
        "candidate_count": counts.tolist(),
    }


def _add_texts(rows: list[dict[str, Any]], name_id: int, tables: Tables) -> None:
    if not rows:
        return
    name = _text(tables["name"], name_id)
    for row in rows:
        row["name"] = name
        row["category"] = _text(tables["category"], row.pop("category_id"))


def _text(dimension: pa.Table, number: int | None) -> str | None:
    import pyarrow.compute as pc

    if number is None:
        return None
    found = dimension.filter(pc.equal(dimension["id"], number))["text"].to_pylist()
    return found[0] if found else None
