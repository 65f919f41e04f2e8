"""Rank names by time, and join the call trees of all tracks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from traceql.analyses import _calls
from traceql.model.result import Exhibit, Result
from traceql.model.units import format_ratio

_PER_OCTAVE = 8
_SQL = (
    "SELECT name, category, count(*) AS calls, sum(self_dur) AS self_dur, min(dur) AS min_dur, "
    "avg(dur) AS mean_dur, quantile_disc(dur, 0.5) AS p50_dur, quantile_disc(dur, 0.99) AS p99_dur "
    "FROM slice WHERE dur >= 0 GROUP BY name, category ORDER BY self_dur DESC"
)
_COLUMNS = (
    "name", "side", "category", "calls", "self_dur", "self_ratio", "total_dur", "mean_dur",
    "min_dur", "p50_dur", "p99_dur", "max_dur",
)  # fmt: skip


def conclude(name: str, measured: pa.Table, top: int, nodes: int) -> Result:
    """Make the Result of `hotspots`.

    Args:
        name: of the analysis.
        measured: SCHEMA of `_calls`, then trace.
        top: names in the bars.
        nodes: most nodes of the tree.
    """
    ops = _ops(measured)
    if not ops.num_rows:
        return Result(name, status="empty", headline="The trace has no slices that were closed.")
    # Annotations enclose the work of others; they would hide it.
    shown = ops.filter(pc.field("side") != "annotation").slice(0, top)
    return Result(
        name,
        tables={
            "op": ops,
            "top": pa.table({"name": _labels(shown), "self_dur": shown["self_dur"]}),
            "call": _tree(measured, nodes),
            "histogram": _histogram(measured, shown, max(1, top // 3)),
        },
        exhibits=(
            Exhibit("top", "bars", "Most self time", {"label": "name", "value": "self_dur"}),
            Exhibit("op", "table", "Operations by self time"),
            Exhibit(
                "call",
                "flame",
                "Calls, by self time of everything beneath",
                {
                    "id": "id",
                    "parent_id": "parent_id",
                    "name": "name",
                    "value": "total_dur",
                    "self": "self_dur",
                    "count": "calls",
                },
                note="Slices with the same path of names on a track are one box.",
            ),
            Exhibit(
                "histogram",
                "histogram",
                "Lengths of the operations with most self time",
                {"low": "low_dur", "high": "high_dur", "count": "count", "series": "name"},
            ),
        ),
        headline=_headline(ops),
        sql={"op": _SQL},
    )


def _ops(measured: pa.Table) -> pa.Table:
    """Give one row per side and name, by self time."""
    ops = measured.filter(pc.field("row") == "op")
    totals = measured.filter(pc.field("row") == "total").group_by(["side", "name"])
    totals = totals.aggregate([("total_dur", "sum")])
    plain = ops.select([c for c in _COLUMNS if c not in {"self_ratio", "total_dur"}])
    joined = plain.join(totals, ["side", "name"], join_type="left outer")
    whole = plain.group_by("side").aggregate([("self_dur", "sum")])
    joined = joined.join(
        whole.rename_columns(["side", "whole"]), "side", join_type="left outer"
    ).combine_chunks()
    self_dur = joined["self_dur"].to_numpy().astype(float)
    sums = joined["whole"].to_numpy().astype(float)
    ratio = np.divide(self_dur, sums, out=np.zeros(len(sums)), where=sums > 0)
    joined = joined.append_column("self_ratio", pa.array(ratio))
    joined = joined.rename_columns(
        ["total_dur" if n == "total_dur_sum" else n for n in joined.column_names]
    )
    order = [("self_dur", "descending"), ("side", "ascending"), ("name", "ascending")]
    return joined.select(list(_COLUMNS)).sort_by(order)


def _labels(ops: pa.Table) -> pa.Array:
    """Name operations in a chart; the side stands with it where both do."""
    several = len(ops["side"].unique()) > 1
    rows = zip(ops["name"].to_pylist(), ops["side"].to_pylist(), strict=True)  # at most `top`
    return pa.array([f"{n} ({s})" if several else n for n, s in rows], pa.string())


def _headline(ops: pa.Table) -> str:
    parts = []
    for side in ("host", "device"):
        mine = ops.filter(pc.equal(ops["side"], side)).slice(0, 1).to_pylist()
        if mine and mine[0]["self_dur"]:
            name = mine[0]["name"]
            short = name if len(name) <= 60 else f"{name[:59]}…"
            parts.append(f"{format_ratio(mine[0]['self_ratio'])} of {side} time is in {short}")
    text = "; ".join(parts) or "no slice has a length"
    return f"{text[0].upper()}{text[1:]}."


def _tree(measured: pa.Table, nodes: int) -> pa.Table:
    """Join the trees of all tracks, each under a root that names its track; cut again."""
    rows = measured.filter(pc.field("row") == "node").combine_chunks()
    tracks = measured.filter(pc.field("row") == "track").sort_by("track_id")
    track = rows["track_id"].to_numpy()
    numbers = tracks["track_id"].to_numpy()
    roots = len(numbers)
    sizes = np.array([int((track == n).sum()) for n in numbers], np.int64)
    offset = dict(zip(numbers.tolist(), (roots + np.cumsum(sizes) - sizes).tolist(), strict=True))
    order = np.lexsort((rows["node"].to_numpy(), track))
    parent, track = rows["parent"].to_numpy()[order], track[order]
    start = np.array([offset[n] for n in track.tolist()], np.int64)
    at_root = np.searchsorted(numbers, track)
    parent = np.where(parent >= 0, parent + start, at_root)
    total, own, count = (
        rows[c].to_numpy()[order].astype(np.int64) for c in ("total_dur", "self_dur", "calls")
    )
    of_track = np.zeros(roots, np.int64)
    np.add.at(of_track, at_root, own)
    whole = _calls.Tree(
        np.append(np.full(roots, -1), parent),
        [],
        np.append(of_track, total),
        np.append(np.zeros(roots, np.int64), own),
        np.append(np.ones(roots, np.int64), count),
    )
    names = pa.concat_arrays(
        [tracks["name"].combine_chunks(), rows["name"].combine_chunks().take(pa.array(order))]
    )
    return _flame(whole, names, nodes)


def _flame(whole: _calls.Tree, names: pa.Array, nodes: int) -> pa.Table:
    room = max(nodes // 2, 1)  # every kept node may have one (other) beneath it
    kept, other = _calls.largest(whole.parent, whole.total, room)
    tree = _calls.cut(whole, kept, other, names.take(pa.array(kept)).to_pylist())
    parents = pa.array([None if p < 0 else p for p in tree.parent.tolist()], pa.int64())
    columns: dict[str, Any] = {
        "id": pa.array(np.arange(len(tree.name)), pa.int64()),
        "parent_id": parents,
        "name": pa.array(tree.name, pa.string()),
        "total_dur": pa.array(tree.total, pa.int64()),
        "self_dur": pa.array(tree.own, pa.int64()),
        "calls": pa.array(tree.calls, pa.int64()),
    }
    return pa.table(columns)


def _histogram(measured: pa.Table, ops: pa.Table, top: int) -> pa.Table:
    """Give the histograms of the first names, in their order."""
    best = ops.slice(0, top).select(["side", "name"])
    best = best.append_column("rank", pa.array(np.arange(best.num_rows)))
    bins = measured.filter(pc.field("row") == "bin").select(["side", "name", "bin", "calls"])
    found = bins.join(best, ["side", "name"], join_type="inner").sort_by(
        [("rank", "ascending"), ("bin", "ascending")]
    )
    edge = found["bin"].to_numpy().astype(float)
    return pa.table(
        {
            "name": _labels(found),
            "low_dur": pa.array(np.exp2(edge / _PER_OCTAVE)),
            "high_dur": pa.array(np.exp2((edge + 1) / _PER_OCTAVE)),
            "count": found["calls"].cast(pa.int64()),
        }
    )
