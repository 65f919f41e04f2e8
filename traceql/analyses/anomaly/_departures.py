"""How each step of a program departs from the usual one: operations more, and operations less."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from traceql.analyses import _evidence
from traceql.kernels import edits
from traceql.model.result import Exhibit, Finding, severity
from traceql.model.units import format_ratio

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

_LEAST_STEPS = 3
_LEAST_FOR_FINDING = 8
_ALIKE = 0.05
"""Share of the operations by which most steps may differ from the usual one."""

_UNUSUAL = 0.1
_FEWEST_EDITS = 5
_MOST_UNUSUAL = 0.1
_MOST_EDITS = 1_000
_MOST_CELLS = 20_000_000
_COMPARED = 64
_SHOWN_STEPS = 8
_SHOWN_HUNKS = 200
_LISTED = 100
_NAMED = 4

_STEP = pa.struct(
    [
        ("step", pa.int64()), ("ts", pa.int64()), ("dur", pa.int64()), ("op_count", pa.int64()),
        ("removed", pa.int64()), ("inserted", pa.int64()), ("is_usual", pa.bool_()),
        ("inserted_dur", pa.int64()), ("first_ts", pa.int64()), ("last_ts", pa.int64()),
        ("within", pa.int64()),
    ]
)  # fmt: skip
_HUNK = pa.struct(
    [
        ("step", pa.int64()), ("place", pa.int64()), ("change", pa.string()), ("count", pa.int64()),
        ("ops", pa.string()), ("ts", pa.int64()), ("id", pa.int64()),
    ]
)  # fmt: skip
FIELDS = (pa.field("steps", pa.list_(_STEP)), pa.field("hunks", pa.list_(_HUNK)))
"""Of a sequence: its steady steps, and how the most unusual ones differ from the usual one."""


class Ops(NamedTuple):
    """The operations of a sequence within steady steps, ascending in ts; int64 [n]."""

    id: Ints
    ts: Ints
    dur: Ints
    symbol: Ints
    issued: Ints


def measure(ops: Ops, steps: pa.Table, texts: pa.Table, track_id: int) -> dict[str, Any]:
    """Compare each step with the usual one.

    The usual step is the sequence that most steps share, or, where no two are the same, the one
    whose operations are counted most like the median of all. The steps that differ most by counts
    (64 at most) are compared operation by operation.

    Args:
        ops: of a sequence.
        steps: rows of the table `iteration`, of one track, in order of time.
        texts: symbol, text.
        track_id: of the sequence.

    Returns:
        FIELDS; empty without at least three steps, or where they have no order in common.
    """
    if steps.num_rows < _LEAST_STEPS or not len(ops.id):
        return {}
    when = ops.issued
    if steps["source"][0].as_py() != "marker":
        if steps["track_id"][0].as_py() != track_id:  # its steps lie elsewhere in time
            return {}
        when = ops.ts
    begin, length = steps["ts"].to_numpy(), steps["dur"].to_numpy()
    at = np.searchsorted(begin, when, side="right") - 1
    inside = (at >= 0) & (when < begin[at] + length[at])
    order = np.flatnonzero(inside)
    order = _runs(order[np.argsort(at[order], kind="stable")], at, ops.symbol)
    numbers, starts = np.unique(at[order], return_index=True)
    if len(numbers) < _LEAST_STEPS:
        return {}
    off = _off(ops.symbol, order, starts)
    if off is None:
        return {}
    parts = np.split(order, starts[1:])
    usual = _usual(np.split(ops.symbol[order], starts[1:]), off)
    size = max(len(parts[usual]), 1)
    if np.median(np.abs(off - off[usual])) > _ALIKE * size:
        return {}
    rows = _rows_of(ops, order, starts, steps.take(numbers), usual)
    named = dict(zip(texts["symbol"].to_pylist(), texts["text"].to_pylist(), strict=True))
    hunks = []
    for place in sorted(np.argsort(-off, kind="stable")[:_COMPARED].tolist()):
        row, part = rows[place], parts[place]
        found = edits.shortest(ops.symbol[parts[usual]], ops.symbol[part], _MOST_EDITS)
        if found is None:
            continue
        row["removed"], row["inserted"] = len(found.removed), len(found.inserted)
        row["inserted_dur"] = int(ops.dur[part[found.inserted]].sum())
        if len(found.removed) + len(found.inserted):
            hunks.append(_hunks(ops, parts[usual], part, found, named, row["step"]))
    hunks.sort(key=lambda step: -sum(hunk["count"] for hunk in step))
    kept = [hunk for step in hunks[:_SHOWN_STEPS] for hunk in step[:_SHOWN_HUNKS]]
    return {"steps": rows, "hunks": kept}


def _runs(order: Ints, at: Ints, symbol: Ints) -> Ints:
    """Keep the first of each run of the same: how often a call polls is a matter of time.

    Args:
        order: places of operations, those of a step together.
        at: the step of each operation.
        symbol: of each operation.
    """
    step, mine = at[order], symbol[order]
    new = np.ones(len(order), bool)
    new[1:] = (mine[1:] != mine[:-1]) | (step[1:] != step[:-1])
    return np.asarray(order[new])


def _off(symbol: Ints, order: Ints, starts: Ints) -> Ints | None:
    """Count by how many operations each step differs from the median step; None: too many cells."""
    distinct, codes = np.unique(symbol, return_inverse=True)
    cells = len(starts) * len(distinct)
    if cells > _MOST_CELLS:
        return None
    step = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(order))))
    counts = np.bincount(step * len(distinct) + codes[order], minlength=cells)
    counts = counts.reshape(len(starts), len(distinct))
    middle = np.median(counts, axis=0)
    return np.asarray(np.abs(counts - middle).sum(axis=1), np.int64)


def _usual(sequences: Sequence[Ints], off: Ints) -> int:
    """Give the place of the first step that is like most others."""
    seen: dict[bytes, list[int]] = {}
    for place, sequence in enumerate(sequences):  # steps: some thousands
        seen.setdefault(sequence.tobytes(), []).append(place)
    most = max(seen.values(), key=lambda places: (len(places), -places[0]))
    return most[0] if len(most) > 1 else int(off.argmin())


def _rows_of(
    ops: Ops, order: Ints, starts: Ints, steps: pa.Table, usual: int
) -> list[dict[str, Any]]:
    """Give a row for each step, not yet compared.

    Args:
        ops: of the sequence.
        order: places of operations, those of a step together.
        starts: where each step begins in `order`.
        steps: its row of the table `iteration`.
        usual: place of the usual step.
    """
    first = np.minimum.reduceat(ops.ts[order], starts)
    last = np.maximum.reduceat(ops.ts[order], starts)
    within = np.searchsorted(ops.ts, last, "right") - np.searchsorted(ops.ts, first)
    columns = {
        "step": steps["iteration_index"].to_pylist(), "ts": steps["ts"].to_pylist(),
        "dur": steps["dur"].to_pylist(),
        "op_count": np.diff(np.append(starts, len(order))).tolist(),
        "first_ts": first.tolist(), "last_ts": last.tolist(), "within": within.tolist(),
    }  # fmt: skip
    same = {"removed": None, "inserted": None, "inserted_dur": 0}
    rows = zip(*columns.values(), strict=True)  # steps: few beside their operations
    return [
        dict(zip(columns, row, strict=True)) | same | {"is_usual": place == usual}
        for place, row in enumerate(rows)
    ]


def _hunks(
    ops: Ops, usual: Ints, part: Ints, found: edits.Edits, named: dict[int, str], step: int
) -> list[dict[str, Any]]:
    """Join edits that follow each other; what is missing is shown at what comes after it."""
    kept = np.delete(np.arange(len(usual)), found.removed)
    there = np.delete(np.arange(len(part)), found.inserted)
    # What stands in both orders a removal among the places of the step.
    after = np.append(there, len(part))[np.searchsorted(kept, found.removed)]
    rows = []
    for change, places, at, source in (
        ("removed", found.removed, after, usual),
        ("inserted", found.inserted, found.inserted, part),
    ):
        for run in np.split(np.arange(len(places)), np.flatnonzero(np.diff(places) != 1) + 1):
            if not len(run):
                continue
            place = int(at[run[0]])
            texts = [named.get(int(s)) or "(no name)" for s in
                     ops.symbol[source[places[run[:_NAMED]]]]]  # fmt: skip
            shown = part[min(place, len(part) - 1)]
            rows.append({
                "step": step, "place": place, "change": change, "count": len(run),
                "ops": ", ".join(texts) + (", …" if len(run) > _NAMED else ""),
                "ts": int(ops.ts[shown]), "id": int(ops.id[shown]),
            })  # fmt: skip
    return sorted(rows, key=lambda row: (row["place"], row["change"]))


def tables(measured: Sequence[dict[str, Any]]) -> dict[str, pa.Table]:
    """Give the tables `step` and `step_diff` of all sequences that have them."""
    rows = {"step": _rows(measured, "steps"), "step_diff": _rows(measured, "hunks")}
    schemas = {
        "step": [("track", pa.string()), *((f.name, f.type) for f in list(_STEP)[:7])],
        "step_diff": [("track", pa.string()), *((f.name, f.type) for f in _HUNK)],
    }
    return {
        name: pa.Table.from_pylist(rows[name], pa.schema(schemas[name]))
        for name in rows
        if rows[name]
    }


def _rows(measured: Sequence[dict[str, Any]], column: str) -> list[dict[str, Any]]:
    return [{"track": row["track"], **one} for row in measured for one in row[column] or ()]


def exhibits(made: dict[str, pa.Table]) -> tuple[Exhibit, ...]:
    """Show the tables that there are."""
    all_of_them = (
        Exhibit("step", "table", "Steps beside the usual one",
                note="removed, inserted: operations by which a step differs from the usual one."),
        Exhibit("step_diff", "table", "What unusual steps have more, and less",
                note="A removal stands at the operation that comes after it."),
    )  # fmt: skip
    return tuple(one for one in all_of_them if one.table in made)


def finding(name: str, row: dict[str, Any]) -> Finding | None:
    """Tell of steps that differ much from the usual one, where nearly all are like it."""
    steps = row["steps"] or ()
    if len(steps) < _LEAST_FOR_FINDING:
        return None
    size = next(step["op_count"] for step in steps if step["is_usual"])
    edited = [(s["removed"] or 0) + (s["inserted"] or 0) for s in steps]
    least = max(_UNUSUAL * size, _FEWEST_EDITS)
    unusual = [step for step, count in zip(steps, edited, strict=True) if count >= least]
    if not 0 < len(unusual) <= max(1, _MOST_UNUSUAL * len(steps)):
        return None
    most = max(edited)
    impact = min(sum(s["inserted_dur"] for s in unusual) / max(row["total_dur"], 1), 1.0)
    evidence, n_events = _evidence_of(row, unusual)
    what = "stream" if row["of_device"] else "thread"
    track = f"{row['track']} (track {row['track_id']})"
    return Finding(
        traces=(row["trace"],),
        analysis=name,
        kind="unusual_step",
        severity=severity(impact),
        subject_type="track",
        subject_id=row["track_id"],
        subject=track,
        message=f"{len(unusual)} of {len(steps)} steps of {what} {track} differ from the usual one "
        f"(of {size:,} operations) by up to {most:,}: "
        f"{sum(s['inserted'] or 0 for s in unusual):,} more and "
        f"{sum(s['removed'] or 0 for s in unusual):,} less; what they have more takes "
        f"{format_ratio(impact)} of its time.",
        confidence_basis="heuristic",
        evidence_sql=evidence,
        n_events=n_events,
        ts=unusual[0]["ts"],
        dur=unusual[0]["dur"],
        value=most / size,
        unit="ratio",
        n=len(steps),
        effect=1 + most / size,
        impact_ratio=impact,
        recommendation="Read the diff (table step_diff): an evaluation, a checkpoint, a first use "
        "of a shape, or a failed and repeated piece of work looks like this.",
    )


def _evidence_of(row: dict[str, Any], unusual: Sequence[dict[str, Any]]) -> tuple[str, int]:
    """Ask for the operations at which the steps differ; where those are many, for all of a step."""
    numbers = {step["step"] for step in unusual}
    ids = sorted({hunk["id"] for hunk in row["hunks"] if hunk["step"] in numbers})
    mine = {"trace": row["trace"]}
    on_track = f"track_id % 4294967296 = {row['track_id']}"
    whole = len(numbers) <= _SHOWN_STEPS and len(row["hunks"]) < _SHOWN_HUNKS
    if 0 < len(ids) <= _LISTED and whole:
        listed = ", ".join(map(str, ids))
        return _evidence.select("slice", mine, on_track, f"id % 4294967296 IN ({listed})"), len(ids)
    step = max(unusual, key=lambda s: (s["removed"] or 0) + (s["inserted"] or 0))
    side = (
        "id IN (SELECT slice_id FROM gpu_op)"
        if row["of_device"]
        else "coalesce(category, '') NOT IN ('Trace', 'python_function')"
    )
    within = (f"ts >= {step['first_ts']}", f"ts <= {step['last_ts']}", "dur >= 0")
    return _evidence.select("slice", mine, on_track, *within, side), step["within"]
