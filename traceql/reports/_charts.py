"""Turn a table and the roles of its columns into the few numbers that a chart needs.

Everything is bounded here, whatever the size of the table: a report stays small because nothing
is drawn that cannot be seen. Loops below run over what is left after the bound.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from traceql.reports._cells import quantity
from traceql.reports._text import plain

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from traceql.model.result import Exhibit

Chart = dict[str, Any]
"""JSON for report.js: `form`, `title`, and what the form needs."""

_REQUIRED = {
    "bars": ("label", "value"),
    "histogram": ("low", "high", "count"),
    "flame": ("id", "parent_id", "name", "value"),
    "timeline": ("label", "ts", "dur"),
    "line": ("x", "y"),
}
_LOG_SPAN = 30
_BINS = 480
_NO_PARENT = -1


@dataclass(frozen=True)
class Bounds:
    """The most that one chart holds."""

    bars: int = 30
    series: int = 12
    bins: int = 200
    nodes: int = 3000
    lanes: int = 60
    cells: int = 16_000
    points: int = 2000
    characters: int = 100

    def scaled(self, share: float) -> Bounds:
        """Give tighter bounds: `share` of each, but never nothing."""
        values = {name: max(4, int(most * share)) for name, most in vars(self).items()}
        return Bounds(**values)


def chart(table: pa.Table, exhibit: Exhibit, bounds: Bounds) -> Chart | None:
    """Make the chart of an exhibit; None where it is a table, has no rows, or lacks a column.

    Args:
        table: the exhibit's table, of any length.
        exhibit: form and roles; a role that is not named is the column of the role's own name.
        bounds: the most to draw.
    """
    make = _FORMS.get(exhibit.form)
    if make is None or not table.num_rows:
        return None
    roles = _roles(table, exhibit)
    if any(role not in roles for role in _REQUIRED[exhibit.form]):
        return None
    made = make(table, roles, bounds)
    return {"form": exhibit.form, "title": plain(exhibit.title), **made} if made else None


def _roles(table: pa.Table, exhibit: Exhibit) -> Mapping[str, str]:
    present = set(table.column_names)
    named = {role: name for role, name in exhibit.roles.items() if name in present}
    own = {name: name for name in present if name not in exhibit.roles}
    return {**own, **named}


def _unit(table: pa.Table, column: str) -> str:
    return quantity(column, table.schema.field(column).type)


def _numbers(table: pa.Table, column: str) -> np.ndarray[Any, Any]:
    """Give a column as float64, NaN for null."""
    import numpy as np
    import pyarrow as pa

    values = table[column].cast(pa.float64(), safe=False)
    return np.asarray(values.to_numpy(zero_copy_only=False), np.float64)


def _texts(table: pa.Table, column: str, most: int) -> list[str]:
    return ["" if v is None else plain(str(v), most) for v in table[column].to_pylist()]


def _clean(value: float) -> float | int | None:
    """Give a number JSON can hold, whole where it is whole."""
    if not math.isfinite(value):
        return None
    return int(value) if value == int(value) else float(f"{value:.6g}")


def _bars(table: pa.Table, roles: Mapping[str, str], bounds: Bounds) -> Chart:
    first = table.slice(0, bounds.bars)
    return {
        "labels": _texts(first, roles["label"], bounds.characters),
        "values": [_clean(v) for v in _numbers(first, roles["value"]).tolist()],
        "unit": _unit(table, roles["value"]),
        "left_out": table.num_rows - first.num_rows,
    }


def _histogram(table: pa.Table, roles: Mapping[str, str], bounds: Bounds) -> Chart:
    import numpy as np

    groups, left_out = _series(table, roles, bounds)
    low, high = _numbers(table, roles["low"]), _numbers(table, roles["high"])
    lowest = float(np.min(low, where=low > 0, initial=np.inf))
    highest = float(np.nanmax(high))
    return {
        "series": [{"name": name, "bins": _bins(rows, roles, bounds)} for name, rows in groups],
        "unit": _unit(table, roles["low"]),
        "log": not bool((low < 0).any()) and highest > _LOG_SPAN * lowest,
        "left_out": left_out,
    }


def _bins(rows: pa.Table, roles: Mapping[str, str], bounds: Bounds) -> list[list[float | None]]:
    first = rows.slice(0, bounds.bins)
    low, high, count = (_numbers(first, roles[r]).tolist() for r in ("low", "high", "count"))
    return [
        [_clean(a), _clean(b), _clean(n)]
        for a, b, n in zip(low, high, count, strict=True)
        if math.isfinite(a) and math.isfinite(b)
    ]


def _series(
    table: pa.Table, roles: Mapping[str, str], bounds: Bounds
) -> tuple[list[tuple[str, pa.Table]], int]:
    """Split a table by its series, in order of appearance; also the number left out."""
    import pyarrow.compute as pc

    column = roles.get("series")
    if column is None:
        return [("", table)], 0
    keys = pc.unique(table[column].combine_chunks()).to_pylist()
    kept = keys[: bounds.series]
    groups = []
    for key in kept:
        same = pc.is_null(table[column]) if key is None else pc.equal(table[column], key)
        groups.append((plain(str(key), bounds.characters), table.filter(same)))
    return groups, len(keys) - len(kept)


def _line(table: pa.Table, roles: Mapping[str, str], bounds: Bounds) -> Chart:
    groups, left_out = _series(table, roles, bounds)
    unit = _unit(table, roles["x"])
    origin = _earliest(table, roles["x"]) if unit == "ts" else 0
    series = []
    for name, rows in groups:
        x = _since(rows, roles["x"], origin) if unit == "ts" else _numbers(rows, roles["x"])
        y = _numbers(rows, roles["y"])
        kept = _extremes(y, bounds.points)
        points = [
            [_clean(a), _clean(b)] for a, b in zip(x[kept].tolist(), y[kept].tolist(), strict=True)
        ]
        series.append({"name": name, "points": points})
    return {
        "series": series,
        "x_unit": "ns" if unit == "ts" else unit,
        "unit": _unit(table, roles["y"]),
        "x_label": roles["x"],
        "left_out": left_out,
    }


def _extremes(y: np.ndarray[Any, Any], most: int) -> np.ndarray[Any, Any]:
    """Choose at most `most` points: of each stretch the lowest and the highest, in order."""
    import numpy as np

    if len(y) <= most:
        return np.arange(len(y))
    starts = np.linspace(0, len(y), max(1, most // 2) + 1).astype(np.int64)
    filled = np.nan_to_num(y, nan=0.0)
    chosen = set()
    for a, b in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        stretch = filled[a:b]
        chosen |= {a + int(stretch.argmin()), a + int(stretch.argmax())}
    return np.array(sorted(chosen), np.int64)


def _flame(table: pa.Table, roles: Mapping[str, str], bounds: Bounds) -> Chart:
    """Keep the largest nodes whose ancestors are kept as well, parents before children."""
    import numpy as np

    value = np.nan_to_num(_numbers(table, roles["value"]), nan=0.0)
    largest = np.sort(np.argsort(-value, kind="stable")[: bounds.nodes])
    part = table.take(largest)
    ids = part[roles["id"]].to_pylist()
    parents = part[roles["parent_id"]].to_pylist()
    names = _texts(part, roles["name"], bounds.characters)
    sizes = value[largest].tolist()
    extra = {
        role: _numbers(part, roles[role]).tolist() for role in ("self", "count") if role in roles
    }
    order = _preorder(ids, parents, sizes)
    place = {row: i for i, (row, _) in enumerate(order)}
    texts: dict[str, int] = {}
    nodes = [
        [
            _NO_PARENT if parent is None else place[parent],
            texts.setdefault(names[row], len(texts)),
            _clean(sizes[row]),
            *(_clean(values[row]) for values in extra.values()),
        ]
        for row, parent in order
    ]
    return {
        "names": list(texts),
        "nodes": nodes,
        "extra": list(extra),
        "unit": _unit(table, roles["value"]),
        "left_out": table.num_rows - len(nodes),
    }


def _preorder(
    ids: list[Any], parents: list[Any], sizes: list[float]
) -> list[tuple[int, int | None]]:
    """Give (row, row of its parent) from the roots down, the largest child first.

    Rows that hang on a row which is not there are left out, and so are rings.
    """
    rows = {key: row for row, key in enumerate(ids)}
    children: dict[int | None, list[int]] = {}
    for row, key in enumerate(parents):
        if key is None or key == _NO_PARENT:
            children.setdefault(None, []).append(row)
        elif key in rows:
            children.setdefault(rows[key], []).append(row)
    order: list[tuple[int, int | None]] = []
    stack: list[tuple[int, int | None]] = [(row, None) for row in children.get(None, ())]
    stack.sort(key=lambda item: sizes[item[0]])
    while stack:
        row, parent = stack.pop()
        order.append((row, parent))
        below = sorted(children.get(row, ()), key=lambda child: sizes[child])
        stack.extend((child, row) for child in below)
    return order


def _timeline(table: pa.Table, roles: Mapping[str, str], bounds: Bounds) -> Chart | None:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    unsigned = pc.and_kleene(
        pc.is_valid(table[roles["ts"]]), pc.greater_equal(table[roles["dur"]], 0)
    )
    table = table.filter(unsigned)
    if not table.num_rows:
        return None
    coded = table[roles["label"]].cast(pa.string()).combine_chunks().dictionary_encode()
    lanes = coded.dictionary.to_pylist()
    lane = np.asarray(coded.indices.fill_null(-1).to_numpy(zero_copy_only=False))
    origin = _earliest(table, roles["ts"])
    start = _since(table, roles["ts"], origin)
    dur = _numbers(table, roles["dur"])
    share = np.nan_to_num(_numbers(table, roles["value"]), nan=0.0) if "value" in roles else None
    shown = (lane >= 0) & (lane < bounds.lanes)
    made: Chart
    if int(shown.sum()) > bounds.cells:
        bins = min(_BINS, max(1, bounds.cells // min(len(lanes), bounds.lanes)))
        lane, start, dur, share = _binned(
            lane[shown], start[shown], dur[shown], None if share is None else share[shown], bins
        )
        made = {}
    else:
        lane, start, dur = lane[shown], start[shown], dur[shown]
        share = None if share is None else share[shown]
        made = _timeline_names(table.filter(pa.array(shown)), roles, bounds)
    return {
        **made,
        "lanes": [plain(str(name), bounds.characters) for name in lanes[: bounds.lanes]],
        "cells": [
            [int(a), _clean(b), _clean(c), 1 if d is None else _clean(round(d, 3))]
            for a, b, c, d in zip(
                lane.tolist(),
                start.tolist(),
                dur.tolist(),
                [None] * len(lane) if share is None else share.tolist(),
                strict=True,
            )
        ],
        "shares": share is not None,
        "origin": str(origin),
        "left_out": max(0, len(lanes) - bounds.lanes),
    }


def _timeline_names(table: pa.Table, roles: Mapping[str, str], bounds: Bounds) -> Chart:
    """Give the names of cells as a dictionary and an index per cell, where they have names."""
    import pyarrow as pa

    if "name" not in roles:
        return {}
    coded = table[roles["name"]].cast(pa.string()).combine_chunks().dictionary_encode()
    texts = [plain(str(v), bounds.characters) for v in coded.dictionary.to_pylist()]
    return {"names": texts, "name_of": coded.indices.fill_null(-1).to_pylist()}


def _binned(
    lane: np.ndarray[Any, Any],
    start: np.ndarray[Any, Any],
    dur: np.ndarray[Any, Any],
    share: np.ndarray[Any, Any] | None,
    bins: int,
) -> tuple[np.ndarray[Any, Any], ...]:
    """Sum spans into equal bins per lane; what overlaps fills a bin at most once.

    A span adds 1/width of its length to the bins it touches: its two ends by difference arrays of
    the running integral, so the cost is that of the spans, not of the bins they cross.
    """
    import numpy as np

    width = max(float((start + dur).max()), 1.0) / bins
    lanes = int(lane.max()) + 1
    weight = np.ones(len(lane)) if share is None else share
    slope = np.zeros((lanes, bins + 2))
    jump = np.zeros((lanes, bins + 2))
    for sign, edge in ((1.0, start), (-1.0, start + dur)):
        position = np.minimum(edge / width, float(bins))
        cell = np.minimum(position.astype(np.int64), bins - 1)
        inside = (cell + 1) - position
        # From an edge on, the bin it lies in gains `inside`, every later bin a whole one.
        np.add.at(jump, (lane, cell), sign * weight * inside)
        np.add.at(slope, (lane, cell + 1), sign * weight)
    busy = np.clip(jump[:, :bins] + np.cumsum(slope, axis=1)[:, :bins], 0.0, 1.0)
    rows, cells = np.nonzero(busy > 1e-4)
    return rows, np.round(cells * width), np.full(len(rows), round(width)), busy[rows, cells]


def _earliest(table: pa.Table, column: str) -> int:
    import pyarrow.compute as pc

    return int(pc.min(table[column]).as_py() or 0)


def _since(table: pa.Table, column: str, origin: int) -> np.ndarray[Any, Any]:
    """Give times since `origin` as floats: subtracted as integers, 10^18 ns fit no float."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    since = pc.subtract(table[column].cast(pa.int64()), pa.scalar(origin, pa.int64()))
    return np.asarray(since.cast(pa.float64(), safe=False).to_numpy(), np.float64)


_FORMS: Mapping[str, Callable[[Any, Mapping[str, str], Bounds], Chart | None]] = {
    "bars": _bars,
    "histogram": _histogram,
    "flame": _flame,
    "timeline": _timeline,
    "line": _line,
}
