"""How surprising each operation is after the two before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from traceql.analyses import _evidence, _warmup
from traceql.analyses.anomaly import _departures
from traceql.analyses.anomaly.sequence import NUMBERS
from traceql.model.result import Exhibit, Finding, Result, abstain, severity
from traceql.model.units import format_ratio

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceql.model.protocols import Tables

    Codes = NDArray[np.int64]

ORDER = 2
MERGE = ORDER + 4
"""Hits this many places from each other are one event."""

_HIDDEN = {"of_device", *(field.name for field in _departures.FIELDS)}
_MOST_RATIO = 0.01
_LEAST_STEPS = 3
_REMEDY = "Record the single operations: slices of threads, or work of device streams."
SCHEMA = pa.schema(
    [
        ("track_id", pa.int32()), ("track", pa.string()), ("of_device", pa.bool_()),
        ("op_count", pa.int64()), ("symbol_count", pa.int64()), ("mean_bits", pa.float64()),
        ("most_seen", pa.int64()),
        ("hit_count", pa.int64()), ("event_count", pa.int64()), ("event_bits", pa.float64()),
        ("first_ts", pa.int64()), ("start_ts", pa.int64()), ("end_ts", pa.int64()),
        ("event_dur", pa.int64()), ("total_dur", pa.int64()), *_departures.FIELDS,
    ]
)  # fmt: skip

_COUNTED = 1 << 22
"""So many different keys are counted in a table, more by sorting."""


class Surprise(NamedTuple):
    """What is known of each place from the third on, [n - 2], and how many symbols there are.

    `bits` is the surprise, `seen` how often the operation comes after the same two, `repeats` says
    that it is the same as the one before.
    """

    bits: NDArray[np.float64]
    seen: NDArray[np.float64]
    repeats: NDArray[np.bool_]
    symbols: int


class Rule(NamedTuple):
    """A place is a hit from `least_bits` on, if it is seen at most `most_seen` times.

    One more of the same is none: how often a call polls or repeats is a matter of time.
    """

    least_bits: float
    most_seen: int


def surprise(symbols: Codes) -> Surprise:
    """Score each place of a sequence after the two before it.

    p0 = (c(x) - 1 + 1/V) / N, p1 = (c(a,x) - 1 + p0) / c(a), p2 = (c(b,a,x) - 1 + p1) / c(b,a),
    with counts over the places from the third on, N their number, V the number of symbols.

    Args:
        symbols: int64 [n], n > 2, any numbers.
    """
    codes, size = _dense(symbols - symbols.min(), int(np.ptp(symbols)) + 1)
    after, before, earlier = codes[2:], codes[1:-1], codes[:-2]
    p = (_count(after, size) - 1 + 1 / size) / len(after)
    p = (_count(before * size + after, size**2) - 1 + p) / _count(before, size)
    context, contexts = _dense(earlier * size + before, size**2)
    seen = _count(context * size + after, contexts * size)
    p = (seen - 1 + p) / _count(context, contexts)
    return Surprise(-np.log2(p), seen, after == before, size)


def _dense(keys: Codes, bound: int) -> tuple[Codes, int]:
    """Number the different keys in their order; give each place its number, and how many."""
    if bound > _COUNTED:
        distinct, at = np.unique(keys, return_inverse=True)
        return np.asarray(at, np.int64), len(distinct)
    numbers = np.cumsum(np.bincount(keys, minlength=bound) > 0)
    return numbers[keys] - 1, int(numbers[-1])


def _count(keys: Codes, bound: int) -> NDArray[np.float64]:
    """Give for each place how often its key, which is below `bound`, occurs."""
    if bound > _COUNTED:
        _, at, counts = np.unique(keys, return_inverse=True, return_counts=True)
        return np.asarray(counts[at], np.float64)
    return np.bincount(keys, minlength=bound).astype(np.float64)[keys]


def events(scored: Surprise, rule: Rule) -> Codes:
    """Give the places that begin an event: hits, no other hit in the MERGE places before."""
    hits = np.flatnonzero(_hits(scored, rule))
    return np.asarray(hits[np.diff(hits, prepend=-MERGE - 1) > MERGE])


def _hits(scored: Surprise, rule: Rule) -> NDArray[np.bool_]:
    rare = (scored.bits >= rule.least_bits) & (scored.seen <= rule.most_seen)
    return np.asarray(rare & ~scored.repeats)


def most_seen(ops: int, steps: int) -> int:
    """Give how often something may come in a sequence and still be out of the ordinary.

    In a tenth of the steps; where they are not known, at one place in 2,000; once in any case.

    Args:
        ops: length of the sequence.
        steps: of the program within it; 0: not known.
    """
    return max(1, steps // 10 if steps else ops // 2000)


def measure(tables: Tables, least_bits: float, least_ops: int, most_ops: int) -> pa.Table:
    """Score one sequence.

    Args:
        tables: sequence (one track's, in order), track, iteration, symbol.
        least_bits: see `events`.
        least_ops: a shorter sequence is counted only.
        most_ops: a longer one is cut.

    Returns:
        SCHEMA, one row; none where there is no sequence.
    """
    sequence = tables["sequence"]
    if not sequence.num_rows:
        return SCHEMA.empty_table()
    track = sequence["track_id"][0].as_py()
    names = dict(zip(*(tables["track"][c].to_pylist() for c in ("id", "name")), strict=True))
    ts = sequence["ts"].to_numpy()
    steady = _warmup.steady(tables["iteration"])
    start, end = _window(ts, sequence["issued_ts"].to_numpy(), steady)
    first, last = np.searchsorted(ts, (start, end)).tolist()
    cut = last - first > most_ops
    if cut:
        end = int(ts[first + most_ops])
        last = int(np.searchsorted(ts, end))
    kept = slice(first, last)
    symbols = sequence["symbol"].to_numpy()[kept].astype(np.int64)
    dur = sequence["dur"].to_numpy()[kept]
    compared: dict[str, Any] = {}
    if steady and steady.steps >= _LEAST_STEPS and last - first >= least_ops:
        ids, issued = (sequence[c].to_numpy()[kept] for c in ("id", "issued_ts"))
        ops = _departures.Ops(ids, ts[kept], dur, symbols, issued)
        steps = _warmup.of_main_track(tables["iteration"]).filter(
            (pc.field("ts") >= steady.start)
            & (pc.field("ts") + pc.field("dur") <= (end if cut else steady.end))
        )
        compared = _departures.measure(ops, steps, tables["symbol"], track)
    ts = ts[kept]
    row: dict[str, Any] = {
        "track_id": track, "track": names.get(track), "op_count": len(ts),
        "of_device": sequence["of_device"][0].as_py(), "start_ts": start, "end_ts": end,
        "total_dur": int(dur.sum()), **compared,
    }  # fmt: skip
    if len(ts) < max(least_ops, ORDER + 1) or (steady and steady.steps < _LEAST_STEPS):
        return pa.Table.from_pylist([row], SCHEMA)
    found = surprise(symbols)
    rule = Rule(least_bits, most_seen(len(ts), steady.steps if steady else 0))
    begun = events(found, rule)
    row |= {
        "symbol_count": found.symbols,
        "mean_bits": float(found.bits.mean()),
        "most_seen": rule.most_seen,
        "hit_count": int(_hits(found, rule).sum()),
        "event_count": len(begun),
    }
    if len(begun):
        row |= {
            "event_bits": float(np.median(found.bits[begun])),
            "first_ts": int(ts[begun[0] + ORDER]),
            "event_dur": int(dur[begun + ORDER].sum()),
        }
    return pa.Table.from_pylist([row], SCHEMA)


def _window(ts: Codes, issued: Codes, steady: _warmup.Steady | None) -> tuple[int, int]:
    """Give the window of ts in which the operations of steady steps lie."""
    whole = int(ts[0]), int(ts[-1]) + 1
    if steady is None:
        return whole
    mine = ts[(issued >= steady.start) & (issued < steady.end)]
    return (int(mine.min()), int(mine.max()) + 1) if len(mine) else (whole[0], whole[0])


def conclude(name: str, measured: pa.Table, least_bits: float, most_mean_bits: float) -> Result:
    """Make the Result of `anomaly.sequence`.

    Args:
        name: of the analysis.
        measured: SCHEMA, then trace.
        least_bits: surprise of an event.
        most_mean_bits: most mean surprise of a sequence that is judged.
    """
    rows = sorted(measured.to_pylist(), key=lambda row: -row["op_count"])  # one a track
    judged = [row for row in rows if row["mean_bits"] is not None]
    if not judged:
        return abstain(name, "no stream or thread has a sequence of operations to learn", _REMEDY)
    orderly = [row for row in judged if _is_orderly(row, most_mean_bits)]
    struck = [row for row in orderly if row["event_count"]]
    findings = [_finding(name, row, least_bits) for row in struck]
    findings += [f for row in judged if (f := _departures.finding(name, row)) is not None]
    findings.sort(key=lambda f: (-int(f.severity), -f.n_events, f.subject))
    count = sum(row["op_count"] for row in orderly)
    told = sum(row["event_count"] for row in struck)
    where = f"{count:,} operations of {len(orderly)} orderly sequences"
    shown = pa.schema([*[f for f in SCHEMA if f.name not in _HIDDEN], ("is_orderly", pa.bool_())])
    steps = _departures.tables(judged)
    for row in judged:
        row["is_orderly"] = row in orderly
    return Result(
        name,
        status="ok" if findings else "empty",
        findings=tuple(findings),
        tables={"sequence": pa.Table.from_pylist(judged, shown), **steps},
        exhibits=(
            Exhibit("sequence", "table", "Sequences of operations",
                    note="A sequence that its past does not predict has no order to depart from."),
            *_departures.exhibits(steps),
        ),
        headline=f"{told} unexpected places in {where}."
        if findings
        else f"Nothing unexpected in {where}.",
    )  # fmt: skip


def _is_orderly(row: dict[str, Any], most_mean_bits: float) -> bool:
    few = row["hit_count"] <= max(_MOST_RATIO * row["op_count"], 1)
    return bool(row["mean_bits"] <= most_mean_bits and few)


def _finding(name: str, row: dict[str, Any], least_bits: float) -> Finding:
    impact = row["event_dur"] / row["total_dur"] if row["total_dur"] else 0.0
    what = "stream" if row["of_device"] else "thread"
    track = f"{row['track']} (track {row['track_id']})"
    return Finding(
        traces=(row["trace"],),
        analysis=name,
        kind="unexpected_sequence",
        severity=severity(min(impact, 1.0)),
        subject_type="track",
        subject_id=row["track_id"],
        subject=track,
        message=f"{row['event_count']} of {row['op_count']:,} operations of {what} {track} came "
        f"where others were expected (median {row['event_bits']:.1f} bits, the sequence has "
        f"{row['mean_bits']:.2f} in the mean); they took {format_ratio(impact)} of its time.",
        confidence_basis="heuristic",
        evidence_sql=_sql(row, least_bits),
        n_events=row["event_count"],
        ts=row["first_ts"],
        value=row["event_bits"],
        unit="bits",
        baseline=row["mean_bits"],
        n=row["op_count"],
        effect=row["event_bits"] / row["mean_bits"] if row["mean_bits"] else None,
        impact_ratio=min(impact, 1.0),
        recommendation="Compare each place with the same place of another step: what ran there "
        "instead, and which input or condition chose it?",
    )


def _sql(row: dict[str, Any], least_bits: float) -> str:
    """Restate the score of every place, and the events in it."""
    side = (
        "id IN (SELECT slice_id FROM gpu_op)"
        if row["of_device"]
        else "coalesce(category, '') NOT IN ('Trace', 'python_function')"
    )
    within = _evidence.where(
        {"trace": row["trace"]},
        f"track_id % 4294967296 = {row['track_id']}",
        f"ts >= {row['start_ts']}", f"ts < {row['end_ts']}", "dur >= 0", side,
    )  # fmt: skip
    size, places = row["symbol_count"], row["op_count"] - ORDER
    return (
        "WITH op AS (SELECT trace, id, ts, dur, name, regexp_replace(coalesce(name, ''), "  # noqa: S608
        f"'{NUMBERS}', '#', 'g') AS x FROM slice WHERE {within}), "
        "chain AS (SELECT *, row_number() OVER o AS place, lag(x) OVER o AS a, "
        "lag(x, 2) OVER o AS b FROM op WINDOW o AS (ORDER BY ts, id)), "
        "counted AS (SELECT *, count(*) OVER (PARTITION BY b, a, x) AS seen, "
        "count(*) OVER (PARTITION BY b, a) AS context, count(*) OVER (PARTITION BY a, x) AS pair, "
        "count(*) OVER (PARTITION BY a) AS before, count(*) OVER (PARTITION BY x) AS own "
        f"FROM chain WHERE place > {ORDER}), "
        "hit AS (SELECT *, place - lag(place) OVER (ORDER BY place) AS apart FROM counted "
        f"WHERE x <> a AND seen <= {row['most_seen']} AND -log2((seen - 1 + (pair - 1 + (own - 1 + "
        f"1.0::DOUBLE / {size}) / {places}) / before) / context) >= {least_bits}) "
        f"SELECT {_evidence.COLUMNS} FROM hit WHERE apart IS NULL OR apart > {MERGE}"
    )
