"""Correlate the times of events: how often one begins near another, beside what shifts give."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceql.model.protocols import Tables

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

MOST_LAG = 64
_APART = 3
"""Shifts by fewer bins are near, and no part of what chance gives."""

_LOCAL = 8
_PASSED_ON = 0.05
_LEAST_Z, _LEAST_LATE_Z = 1.5, 3.0
_MOSTLY = 0.5

SCHEMA = pa.schema(
    [
        ("row", pa.string()),  # all (one, with counts) or pair
        ("op_count", pa.int64()), ("pair_count", pa.int64()),
        ("start_ts", pa.int64()), ("end_ts", pa.int64()), ("width", pa.int64()),
        ("bins", pa.int64()),
        ("first", pa.string()), ("first_side", pa.string()), ("second", pa.string()),
        ("second_side", pa.string()), ("first_count", pa.int64()), ("second_count", pa.int64()),
        ("near", pa.int64()), ("expected", pa.float64()), ("spread", pa.float64()),
        ("lag", pa.int64()), ("p_all", pa.float64()), ("p_local", pa.float64()),
        ("nested", pa.bool_()), ("in_order", pa.bool_()),
    ]
)  # fmt: skip


class _Op(NamedTuple):
    """The events of one operation, by ts; `at` is the bin of each, `track` what issued it."""

    side: str
    name: str
    ts: Ints
    dur: Ints
    issued: Ints
    at: Ints
    track: Ints


class Chance(NamedTuple):
    """What shifts give for one operation against all; float64 [p]: mean, variance; p of `count`."""

    mean: Floats
    variance: Floats
    p: Floats


def measure(tables: Tables, bins: int) -> pa.Table:
    """Correlate all pairs of operations of a trace.

    Args:
        tables: op (side, name_id, ts, dur, issued_ts, track_id; by operation, then ts), name.
        bins: into which time is cut.

    Returns:
        SCHEMA: one row `all`, and a row for each ordered pair that chance gives in less than
        a twentieth; none without two operations.
    """
    rows = tables["op"]
    if not rows.num_rows:
        return SCHEMA.empty_table()
    ts = rows["ts"].to_numpy()
    start = int(ts.min())
    width = max((int(ts.max()) - start) // bins + 1, 1)
    ops = _ops(rows, tables["name"], start, width)
    if len(ops) < 2:
        return SCHEMA.empty_table()
    at = {"start_ts": start, "end_ts": int(ts.max()) + 1, "width": width, "bins": bins}
    found: list[dict[str, Any]] = [
        {"row": "all", "op_count": len(ops), "pair_count": len(ops) * (len(ops) - 1), **at}
    ]
    counts = np.stack([np.bincount(op.at, minlength=bins) for op in ops]).astype(np.float64)
    there = (counts > 0).astype(np.float64)
    near = np.maximum(there, np.roll(there, -1, axis=1))  # in this bin, or in the next
    spectra = np.fft.rfft(near, axis=1)
    for i, op in enumerate(ops):  # some dozens
        shifted = np.rint(np.fft.irfft(np.conj(np.fft.rfft(counts[i])) * spectra, bins, axis=1))
        for j, row in _struck(shifted, i):
            other = ops[j]
            row |= {
                "row": "pair", **at, "first": op.name, "first_side": op.side,
                "second": other.name, "second_side": other.side, "first_count": len(op.ts),
                "second_count": len(other.ts),
                "nested": _nested(op, other) >= _MOSTLY * row["near"],
                "in_order": _in_order(op, other, (abs(row["lag"]) + 2) * width)
                >= _MOSTLY * row["near"],
            }  # fmt: skip
            found.append(row)
    return pa.Table.from_pylist(found, SCHEMA)


def _ops(rows: pa.Table, names: pa.Table, start: int, width: int) -> list[_Op]:
    named = dict(zip(names["id"].to_pylist(), names["text"].to_pylist(), strict=True))
    side = rows["side"].combine_chunks().dictionary_encode()
    sides = side.indices.to_numpy(zero_copy_only=False)
    name_id = rows["name_id"].to_numpy()
    edges = np.flatnonzero((np.diff(sides) != 0) | (np.diff(name_id) != 0)) + 1
    found = []
    for part in np.split(np.arange(len(name_id)), edges):
        ts, dur, issued = (rows[c].to_numpy()[part] for c in ("ts", "dur", "issued_ts"))
        label = side.dictionary[int(sides[part[0]])].as_py()
        text = named.get(int(name_id[part[0]])) or "(no name)"
        track = rows["track_id"].to_numpy()[part]
        found.append(_Op(label, text, ts, dur, issued, (ts - start) // width, track))
    return found


def _struck(shifted: Floats, own: int) -> list[tuple[int, dict[str, Any]]]:
    """Test the counts of one operation against all others; those that are hardly chance.

    Args:
        shifted: float64 [p, bins]: how often each other begins near, at every shift.
        own: the operation itself, left out.
    """
    bins = shifted.shape[1]
    lags = np.concatenate((np.arange(MOST_LAG + 1), np.arange(bins - MOST_LAG, bins)))
    mean = np.maximum(shifted.mean(axis=1), 1.0 / bins)
    spread = np.sqrt(np.maximum((shifted**2).mean(axis=1) - mean**2, mean))
    best = lags[shifted[:, lags].argmax(axis=1)]
    # No count nearer to the mean than so many deviations has a p that is passed on.
    at_once = shifted[:, 0] >= mean + _LEAST_Z * spread
    late = shifted[np.arange(len(best)), best] >= mean + _LEAST_LATE_Z * spread
    found = []
    for j in np.flatnonzero((at_once | late) & (np.arange(len(best)) != own)).tolist():
        tried = [(2.0, 0)] if at_once[j] else []
        if late[j] and best[j]:
            tried.append((2.0 * len(lags), int(best[j])))
        if not tried:
            continue
        judged = []
        for price, lag in tried:
            whole = chance(shifted[j : j + 1], np.array([lag]), bins // 2)
            judged.append((min(float(whole.p[0]) * price, 1.0), price, lag, whole))
        p_all, price, lag, whole = min(judged, key=lambda one: one[0])
        if p_all > _PASSED_ON:
            continue
        near = chance(shifted[j : j + 1], np.array([lag]), bins // _LOCAL)
        found.append((j, {
            "near": int(shifted[j, lag]), "expected": float(whole.mean[0]),
            "spread": float(np.sqrt(whole.variance[0])), "p_all": p_all,
            "lag": lag if lag <= bins // 2 else lag - bins,
            "p_local": min(float(near.p[0]) * price, 1.0),
        }))  # fmt: skip
    return found


def chance(shifted: Floats, at: Ints, reach: int) -> Chance:
    """Say how probable the count at one shift is beside those at others, up to `reach` bins off.

    Args:
        shifted: float64 [p, bins], counts at every circular shift.
        at: int64 [p], the shift that is judged.
        reach: at most bins / 2.
    """
    from scipy import special

    bins = shifted.shape[1]
    off = np.concatenate((np.arange(-reach, -_APART), np.arange(_APART + 1, reach)))
    others = np.take_along_axis(shifted, (at[:, None] + off) % bins, axis=1)
    count = shifted[np.arange(len(at)), at]
    mean, variance = others.mean(axis=1), others.var(axis=1)
    mean = np.maximum(mean, 1.0 / bins)
    wide = np.maximum(variance, mean * (1 + 1e-6))
    size = mean**2 / (wide - mean)
    # The upper tail of the negative binomial, from `count` on.
    p = np.where(count > 0, special.betainc(np.maximum(count, 1), size, mean / (size + mean)), 1.0)
    as_much = (others >= count[:, None]).mean(axis=1)
    return Chance(mean, wide, np.maximum(p, as_much))


def _nested(first: _Op, second: _Op) -> int:
    """Count those of the first that enclose one of the second, or are enclosed by one.

    Only calls of the host enclose; work of a device is enclosed by what launched it.
    """
    within = contains = np.zeros(len(first.ts), bool)
    if first.side == "host":
        issued = np.sort(second.issued)
        ends = first.ts + first.dur
        contains = np.searchsorted(issued, ends) > np.searchsorted(issued, first.ts)
    if second.side == "host":
        at = np.searchsorted(second.ts, first.issued, side="right") - 1
        within = (at >= 0) & (first.issued < second.ts[at] + second.dur[at])
    return int((within | contains).sum())


def _in_order(first: _Op, second: _Op, reach: int) -> int:
    """Count those of the first that have one of the second near which the same thread issued.

    Work of a device lags behind its calls by any time: with it all count that the same thread
    issued.

    Args:
        first: operation.
        second: another.
        reach: how far from each other they are issued, ns.
    """
    near = np.zeros(len(first.ts), bool)
    for track in np.intersect1d(first.track, second.track).tolist():  # threads: some dozens
        mine = first.track == track
        issued, others = first.issued[mine], np.sort(second.issued[second.track == track])
        near[mine] = np.searchsorted(others, issued + reach, side="right") > np.searchsorted(
            others, issued - reach
        )
        near[mine] |= "device" in {first.side, second.side}
    return int(near.sum())
