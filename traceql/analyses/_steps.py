"""Steps of a program: from markers, or from the period of a sequence of names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from traceql.analyses import _period
from traceql.model import tables
from traceql.model.result import Exhibit, Result, abstain
from traceql.model.units import format_ns, format_ratio

if TYPE_CHECKING:
    from numpy.typing import NDArray

_REMEDY = (
    "Mark steps: torch.profiler's schedule with prof.step(), an NVTX range `step 1`, … around each "
    "iteration; or record at least three iterations."
)

_LONG_PERIOD = 20
_MOST_SOUGHT = 20_000
_PROBE = 64
_ALIKE = 0.5
_SHIFTED = 0.5
"""Least share that repeats at the period where steps differ by operations more or less."""

_FEWEST_SHIFTED = 5
_MOST_CELLS = 50_000_000


def _schema() -> pa.Schema:
    """Columns of the table `iteration`, how many operations lie in each, and of what sequence."""
    base = tables.table("iteration").arrow_schema
    return base.append(pa.field("op_count", pa.int64())).append(
        pa.field("sequence_length", pa.int64())
    )


def marked(markers: pa.Table, sequence: pa.Table) -> pa.Table:
    """Give the steps that markers name, numbered on each track.

    The measured rows are the same for every partition of `sequence`; `conclude` keeps one of each.

    Args:
        markers: track_id, ts, dur, name; ordered by track and ts.
        sequence: issued_ts: operations of one track, counted in the step that issued them.
    """
    track = markers["track_id"].to_numpy()
    first = np.flatnonzero(np.append(True, track[1:] != track[:-1]))
    index = np.arange(len(track)) - np.repeat(first, np.diff(np.append(first, len(track))))
    ts = markers["ts"].to_numpy()
    starts = np.sort(sequence["issued_ts"].to_numpy())
    inside = np.searchsorted(starts, ts + markers["dur"].to_numpy()) - np.searchsorted(starts, ts)
    n = len(track)
    return pa.Table.from_arrays(
        [
            pa.array(track, pa.int32()),
            pa.array(index, pa.int32()),
            markers["ts"].combine_chunks(),
            markers["dur"].combine_chunks(),
            markers["name"].combine_chunks(),
            pa.array(["marker"] * n, pa.string()),
            pa.array(np.ones(n)),
            pa.array(inside, pa.int64()),
            pa.array([len(starts)] * n, pa.int64()),
        ],
        schema=_schema(),
    )


def repeated(sequence: pa.Table, least_match: float, longest: int) -> pa.Table:
    """Give the steps that the period of one track's sequence of names shows.

    Args:
        sequence: track_id, ts, dur, name_id; ordered by ts; may be empty.
        least_match: least share that repeats.
        longest: most operations looked at for the period; all are cut by it.
    """
    names = sequence["name_id"].to_numpy()
    if len(names) < 2:
        return _schema().empty_table()
    period, match = _period.of_symbols(names[:longest])
    if period and len(names) > longest:
        match = float((names[period:] == names[:-period]).mean())
    # The same operation over and over is no step of a program.
    if match < _SHIFTED or len(np.unique(names[:period])) < 2:
        return _bare(sequence)
    ts = sequence["ts"].to_numpy()
    end = np.maximum.accumulate(ts + sequence["dur"].to_numpy())
    first = _first(ts, end, _begins(names, 0, period, match), period)
    begins = _begins(names, first, period, match)
    if match < least_match:
        match = _alike(names, begins)
    if len(begins) < 2 or match < least_match:  # what is seen once does not repeat
        return _bare(sequence)
    last = begins[-1] + period
    bounds = np.append(ts[begins], end[last - 1] if last >= len(ts) else ts[last])
    n = len(begins)
    return pa.Table.from_arrays(
        [
            pa.array([sequence["track_id"][0].as_py()] * n, pa.int32()),
            pa.array(np.arange(n), pa.int32()),
            pa.array(bounds[:-1], pa.int64()),
            pa.array(np.diff(bounds), pa.int64()),
            pa.nulls(n, pa.string()),
            pa.array(["autocorrelation"] * n, pa.string()),
            pa.array(np.full(n, match)),
            pa.array(np.full(n, period), pa.int64()),
            pa.array([len(ts)] * n, pa.int64()),
        ],
        schema=_schema(),
    )


def _first(
    ts: NDArray[np.int64], end: NDArray[np.int64], begins: NDArray[np.int64], period: int
) -> int:
    """Choose where the first step begins.

    A sequence of whole steps begins with one: a long period divides no sequence by chance. Else a
    step begins where, in the mean of all steps, the wait before it is longest; what was before the
    first operation is not known, so its place counts one wait less.

    Args:
        ts: int64 [n], ascending.
        end: int64 [n], latest end so far.
        begins: places one step apart, the first of them 0.
        period: of the steps.
    """
    if len(ts) % period == 0 and period >= _LONG_PERIOD:
        return 0
    wait = np.append(0, np.maximum(ts[1:] - end[:-1], 0))
    total = wait[begins[:, None] + np.arange(period)].sum(axis=0)
    known = np.full(period, len(begins))
    known[0] -= 1
    return int((total / np.maximum(known, 1)).argmax())


def _begins(names: NDArray[np.int64], first: int, period: int, match: float) -> NDArray[np.int64]:
    """Give where the steps begin; those that fit in whole.

    Where steps are not all alike, each is sought near its place: where most of the operations that
    the first step begins with follow; of equals the nearest to its place.
    """
    begins = np.arange(first, len(names) - period + 1, period)
    if match == 1.0 or len(begins) > _MOST_SOUGHT:
        return begins
    probe = names[first : first + min(period, _PROBE)]
    # Beyond half a period lies another step: a short one would be sought where the last was found.
    reach = min(max(3, period // 20), (period - 1) // 2)
    shifts = np.array(sorted(range(-reach, reach + 1), key=abs))
    found = [first]
    while found[-1] + period + reach + len(probe) <= len(names):  # at most _MOST_SOUGHT steps
        at = found[-1] + period
        alike = [float((names[at + d : at + d + len(probe)] == probe).mean()) for d in shifts]
        best = int(np.argmax(alike))
        found.append(at + int(shifts[best]) if alike[best] >= _ALIKE else at)
    rest = np.arange(found[-1] + period, len(names) - period + 1, period)
    every = np.append(np.array(found, np.int64), rest)
    return np.asarray(every[every + period <= len(names)])


def _alike(names: NDArray[np.int64], begins: NDArray[np.int64]) -> float:
    """Give the share of the operations that each step has in common with a usual one.

    One more operation in a step shifts all after it by one, so that places say less than counts.
    A usual step has of each name the median count.
    """
    distinct, codes = np.unique(names[begins[0] : begins[-1]], return_inverse=True)
    steps = len(begins) - 1
    if steps < _FEWEST_SHIFTED or steps * len(distinct) > _MOST_CELLS:
        return 0.0
    step = np.repeat(np.arange(steps), np.diff(begins))
    cells = np.bincount(step * len(distinct) + codes, minlength=steps * len(distinct))
    counts = cells.reshape(steps, len(distinct))
    usual = np.median(counts, axis=0)
    shared = np.minimum(counts, usual).sum(axis=1)
    return float(np.mean(shared / np.maximum(counts.sum(axis=1), usual.sum())))


def _bare(sequence: pa.Table) -> pa.Table:
    """Say that a sequence was there, without a period: one row of no length, index -1."""
    row = {
        "track_id": sequence["track_id"][0].as_py(),
        "iteration_index": -1,
        "ts": sequence["ts"][0].as_py(),
        "dur": 0,
        "source": "autocorrelation",
        "confidence": 0.0,
        "sequence_length": sequence.num_rows,
    }
    return pa.Table.from_pylist([row], _schema())


def conclude(name: str, measured: pa.Table) -> Result:
    """Make the Result of `iteration`.

    Args:
        name: of the analysis.
        measured: what `marked` or `repeated` gave, then trace.
    """
    if not measured.num_rows:
        return abstain(name, "there are no step markers and no sequence of operations", _REMEDY)
    found = measured.filter(pc.field("iteration_index") >= 0)
    wanted = tables.table("iteration").arrow_schema
    if not found.num_rows:
        longest = max(measured["sequence_length"].to_pylist())
        return Result(
            name,
            status="empty",
            tables={"iteration": wanted.empty_table()},
            headline=f"No step repeats in {longest:,} operations.",
        )
    found = _once(found)
    steps = _per_track(found)
    best = max(steps.to_pylist(), key=lambda row: row["step_count"])
    how = "markers" if best["source"] == "marker" else "the order of operations"
    per = f", {best['median_op_count']:,} operations each" if best["median_op_count"] else ""
    return Result(
        name,
        tables={"iteration": found.select(wanted.names).cast(wanted), "step": steps},
        exhibits=(
            Exhibit("step", "table", "Steps by track"),
            Exhibit(
                "iteration",
                "line",
                "Length of each step",
                {"x": "iteration_index", "y": "dur", "series": "track_id"},
            ),
        ),
        headline=f"{best['step_count']:,} steps by {how}, median {format_ns(best['median_dur'])}"
        f" ± {format_ratio(best['variation_ratio'])}{per}.",
    )


def _once(found: pa.Table) -> pa.Table:
    """Keep one row a step, the one with most operations: markers are measured per sequence."""
    ordered = found.sort_by(
        [("track_id", "ascending"), ("iteration_index", "ascending"), ("op_count", "descending")]
    )
    track, index = ordered["track_id"].to_numpy(), ordered["iteration_index"].to_numpy()
    new = np.append(True, (track[1:] != track[:-1]) | (index[1:] != index[:-1]))
    return ordered.filter(pa.array(new))


def _per_track(found: pa.Table) -> pa.Table:
    rows: list[dict[str, Any]] = []
    for track in found["track_id"].unique().to_pylist():  # tracks with steps: few
        mine = found.filter(pc.field("track_id") == track)
        dur = mine["dur"].to_numpy().astype(float)
        rows.append(
            {
                "track_id": track,
                "source": mine["source"][0].as_py(),
                "step_count": len(dur),
                "median_dur": int(np.median(dur)),
                "min_dur": int(dur.min()),
                "max_dur": int(dur.max()),
                "variation_ratio": float(dur.std() / dur.mean()) if dur.mean() else 0.0,
                "median_op_count": int(np.median(mine["op_count"].to_numpy())),
                "confidence": mine["confidence"][0].as_py(),
            }
        )
    kinds = {int: pa.int64(), float: pa.float64(), str: pa.string()}
    return pa.Table.from_pylist(
        rows, pa.schema([(key, kinds[type(value)]) for key, value in rows[0].items()])
    )
