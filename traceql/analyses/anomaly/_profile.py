"""The profile of a trace: histograms of strata and counters, and memory within its steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from traceql.analyses.anomaly import _curves

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from traceql.model.protocols import Tables

    Floats = NDArray[np.float64]

STRATUM = (
    "side", "name", "category", "kind", "device_id", "grid_x", "grid_y", "grid_z", "block_x",
    "block_y", "block_z", "bytes", "copy_kind",
)  # fmt: skip
SCHEMA = pa.schema(
    [
        ("what", pa.string()),  # op, counter or memory
        ("side", pa.string()), ("name", pa.string()), ("category", pa.string()),
        ("kind", pa.string()), ("device_id", pa.int64()),
        *((f"{what}_{axis}", pa.int64()) for what in ("grid", "block") for axis in "xyz"),
        ("bytes", pa.int64()), ("copy_kind", pa.string()),
        ("track_id", pa.int64()), ("unit", pa.string()),
        # Cells of a histogram, ascending: how many, least, greatest, sum (counters: time held).
        ("n", pa.list_(pa.int64())), ("low", pa.list_(pa.float64())),
        ("high", pa.list_(pa.float64())), ("total", pa.list_(pa.float64())),
        ("event_count", pa.int64()), ("total_weight", pa.int64()), ("whole", pa.int64()),
        ("quantum", pa.int64()), ("start_ts", pa.int64()), ("end_ts", pa.int64()),
        # Of each steady step; and the median curve of memory within a step.
        ("step_ts", pa.list_(pa.int64())), ("step_dur", pa.list_(pa.int64())),
        ("peak", pa.list_(pa.float64())), ("event_counts", pa.list_(pa.int64())),
        ("curve", pa.list_(pa.float64())),
    ]
)  # fmt: skip
POINTS = 32
"""Places within a step at which the curve of memory is kept."""


class Histogram(NamedTuple):
    """Cells of a histogram, ascending; n int64 [m], the others float64 [m]."""

    n: NDArray[np.int64]
    low: Floats
    high: Floats
    total: Floats

    def quantile(self, share: float) -> float:
        """Give the greatest value of the cell in which a quantile lies."""
        reached = np.cumsum(self.n)
        return float(self.high[np.searchsorted(reached, share * reached[-1])])

    def middle(self, share: float = 0.5) -> float:
        """Give a quantile to the width of a cell: between its least and greatest value."""
        reached = np.cumsum(self.n)
        at = int(np.searchsorted(reached, share * reached[-1]))
        return float(self.low[at] + self.high[at]) / 2

    def above(self, bound: float) -> tuple[float, int, float]:
        """Give the least bound from `bound` on that cuts no cell, and count and total above it."""
        cut = (self.low <= bound) & (self.high > bound)
        bound = max(bound, float(self.high[cut].max(initial=bound)))
        over = self.low > bound
        return bound, int(self.n[over].sum()), float(self.total[over].sum())

    def sample(self, most: int) -> Floats:
        """Give at most so many values, evenly spaced by rank: each the middle of its cell."""
        count = int(self.n.sum())
        ranks = np.linspace(0, count - 1, min(count, most)).astype(np.int64)
        at = np.searchsorted(np.cumsum(self.n), ranks, side="right")
        return np.asarray((self.low[at] + self.high[at]) / 2)


def histogram(row: Mapping[str, Any]) -> Histogram:
    """Read the cells of a row."""
    return Histogram(
        np.array(row["n"], np.int64), *(np.array(row[c], float) for c in ("low", "high", "total"))
    )


def measure(tables: Tables, least_steps: int) -> pa.Table:
    """Give the profile of a trace.

    The rows of strata and counters are the same for every partition of `level`; `distinct` keeps
    one of each.

    Args:
        tables: op, counter (one row each, with cells), level (of one device, in order), iteration.
        least_steps: with fewer memory is left out.

    Returns:
        SCHEMA.
    """
    parts = [_filled(tables["op"], "op"), _filled(tables["counter"], "counter")]
    if tables["level"].num_rows:
        parts.append(_memory(tables, least_steps))
    return pa.concat_tables(parts)


def _filled(rows: pa.Table, what: str) -> pa.Table:
    """Give rows all columns of SCHEMA."""
    n = rows.num_rows
    columns = [
        rows[field.name].cast(field.type)
        if field.name in rows.schema.names
        else pa.array([what] * n if field.name == "what" else [None] * n, field.type)
        for field in SCHEMA
    ]
    return pa.Table.from_arrays(columns, schema=SCHEMA)


def _memory(tables: Tables, least_steps: int) -> pa.Table:
    """Reduce the level of one device to the peak of each step, and to a median curve."""
    curves = _curves.measure(tables, least_steps)
    (row,) = curves.to_pylist()
    if not row["peak"]:
        return SCHEMA.empty_table()
    level = tables["level"]
    start, dur = np.array(row["step_ts"]), np.array(row["step_dur"])
    shares = (np.arange(POINTS) + 0.5) / POINTS
    when = start[:, None] + (dur[:, None] * shares).astype(np.int64)
    at = np.searchsorted(level["ts"].to_numpy(), when, side="right") - 1
    curve = np.median(level["level"].to_numpy()[at], axis=0)
    found = {
        "what": "memory", "device_id": row["device_id"], "step_ts": row["step_ts"],
        "step_dur": row["step_dur"], "peak": row["peak"], "event_counts": row["event_count"],
        "curve": curve.tolist(),
    }  # fmt: skip
    return pa.Table.from_pylist([found], SCHEMA)


def distinct(rows: list[dict[str, Any]]) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Give one row of each stratum, counter and memory, by its key.

    The key names what a row is about, the same in every trace; of several counters of one name,
    unit and device the first is compared with the first.
    """
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    tracks: dict[tuple[Any, ...], list[int]] = {}
    for row in rows:  # strata: some thousands at most
        key: tuple[Any, ...] = (row["what"], *(row[column] for column in STRATUM))
        if row["what"] == "counter":
            same = tracks.setdefault((*key, row["unit"]), [])
            if row["track_id"] not in same:
                same.append(row["track_id"])
            key = (*key, row["unit"], same.index(row["track_id"]))
        found.setdefault(key, row)
    return found
