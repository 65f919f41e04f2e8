"""Call trees of tracks, cut to their largest nodes, and sums by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from traceql.kernels import calltree

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceql.model.protocols import Tables

    Numbers = NDArray[np.int32] | NDArray[np.int64]

SIDES = ("annotation", "device", "host")
"""By their codes, which are in this order."""
OTHER = "(other)"
NAMELESS = "(no name)"

SCHEMA = pa.schema(
    [
        pa.field("row", pa.string(), nullable=False),  # track, node, op, total or bin
        pa.field("track_id", pa.int64()),
        pa.field("side", pa.string()),
        pa.field("name", pa.string()),
        pa.field("category", pa.string()),
        pa.field("node", pa.int64()),
        pa.field("parent", pa.int64()),
        pa.field("bin", pa.int64()),
        pa.field("calls", pa.int64()),
        pa.field("total_dur", pa.int64()),
        pa.field("self_dur", pa.int64()),
        pa.field("min_dur", pa.int64()),
        pa.field("max_dur", pa.int64()),
        pa.field("mean_dur", pa.float64()),
        pa.field("p50_dur", pa.int64()),
        pa.field("p99_dur", pa.int64()),
    ]
)


class Tree(NamedTuple):
    """Nodes as equal-length columns; `parent` is the place of the parent, -1 for a root."""

    parent: Numbers
    name: list[str]
    total: NDArray[np.int64]
    own: NDArray[np.int64]
    calls: NDArray[np.int64]


def measure(tables: Tables, nodes: int) -> pa.Table:
    """Measure one track.

    Args:
        tables: slice (one track's, in nesting order), op, bin, name, category, track.
        nodes: most nodes of the tree.

    Returns:
        SCHEMA: a row `track` that says what it is; a row per `node`; per side and name a row
        `total`; rows `op` and `bin` of the names whose home is this track.
    """
    slices = tables["slice"]
    if not slices.num_rows:
        return SCHEMA.empty_table()
    track = slices["track_id"][0].as_py()
    names = _Names(tables["name"])
    walk = calltree.Walk(len(SIDES))
    for batch in slices.to_batches():
        walk.add(
            batch["depth"].to_numpy(),
            batch["name_id"].to_numpy(),
            batch["self_dur"].fill_null(-1).to_numpy(),
            batch["dur"].to_numpy(),
            batch["side_code"].to_numpy(),
        )
    parts = [
        _rows("track", track, {"name": [_label(track, tables["track"])]}),
        _nodes(track, walk.tree(), names, nodes),
        *_totals(track, walk, names),
        _ops(track, tables, names),
        _bins(track, tables, names),
    ]
    return pa.concat_tables(parts)


class _Names:
    """Texts of a dictionary by id, looked up many at once."""

    def __init__(self, dimension: pa.Table) -> None:
        order = np.argsort(dimension["id"].to_numpy(), kind="stable")
        self._ids = dimension["id"].to_numpy()[order]
        self._texts = dimension["text"].take(pa.array(order))

    def of(self, ids: Numbers) -> pa.Array:
        """Give the texts; an id that is not there is nameless."""
        if not len(self._ids):
            return pa.array([NAMELESS] * len(ids), pa.string())
        place = np.minimum(np.searchsorted(self._ids, ids), len(self._ids) - 1)
        known = self._ids[place] == ids
        texts = self._texts.take(pa.array(place)).combine_chunks()
        return pc.if_else(pa.array(known), texts, NAMELESS).fill_null(NAMELESS)


def _rows(row: str, track: int, columns: dict[str, Any]) -> pa.Table:
    """Give rows of SCHEMA with these columns, null in the others."""
    count = len(next(iter(columns.values())))
    full = {"row": [row] * count, "track_id": [track] * count, **columns}
    arrays = [_column(full.get(field.name), field.type, count) for field in SCHEMA]
    return pa.Table.from_arrays(arrays, schema=SCHEMA)


def _column(values: Any, type_: pa.DataType, count: int) -> pa.Array:
    if values is None:
        return pa.nulls(count, type_)
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values.cast(type_)
    return pa.array(values, type_)


def _nodes(track: int, built: calltree.CallTree, names: _Names, nodes: int) -> pa.Table:
    # Names are looked up for the nodes that are kept: there may be many more.
    order, other = largest(built.parent, built.total_dur, nodes)
    texts = names.of(built.name[order]).to_pylist()
    tree = _assembled(built, order, other, texts)
    return _rows(
        "node",
        track,
        {
            "node": np.arange(len(tree.name)),
            "parent": tree.parent,
            "name": tree.name,
            "calls": tree.calls,
            "total_dur": tree.total,
            "self_dur": tree.own,
        },
    )


def _assembled(
    built: calltree.CallTree, order: NDArray[np.int64], other: NDArray[np.int64], texts: list[str]
) -> Tree:
    kept = Tree(built.parent, [], built.total_dur, built.self_dur, built.calls)
    return cut(kept, order, other, texts)


def largest(
    parent: Numbers, total: NDArray[np.int64], nodes: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Choose the `nodes` largest, parents first; and the places of those cut off beneath them.

    A parent is at least as large as its children and stands before them, so it is kept with them.

    Returns:
        (kept, ascending; the dropped whose parent is kept or that are roots, ascending).
    """
    if len(total) <= nodes:
        return np.arange(len(total)), np.empty(0, np.int64)
    nodes = max(nodes, 1)
    least = np.partition(total, len(total) - nodes)[len(total) - nodes]
    kept = total > least
    kept[np.flatnonzero(total == least)[: nodes - int(kept.sum())]] = True
    top = (parent < 0) | kept[parent]
    return np.flatnonzero(kept), np.flatnonzero(~kept & top)


def cut(tree: Tree, order: NDArray[np.int64], other: NDArray[np.int64], texts: list[str]) -> Tree:
    """Give the kept nodes, and under each parent one node for all that is cut off beneath it.

    Args:
        tree: all nodes; names are not looked at.
        order: places of the kept.
        other: places of the dropped whose parent is kept.
        texts: names of the kept, in order.
    """
    place = np.full(len(tree.parent) + 1, -1)  # the last place: parent of the roots
    place[order] = np.arange(len(order))
    above = place[tree.parent[order]]
    under, group = np.unique(place[tree.parent[other]], return_inverse=True)
    rest, calls = np.zeros(len(under), np.int64), np.zeros(len(under), np.int64)
    np.add.at(rest, group, tree.total[other])
    np.add.at(calls, group, tree.calls[other])
    return Tree(
        np.append(above, under),
        [*texts, *([OTHER] * len(under))],
        np.append(tree.total[order], rest),
        np.append(tree.own[order], rest),
        np.append(tree.calls[order], calls),
    )


def _totals(track: int, walk: calltree.Walk, names: _Names) -> list[pa.Table]:
    found = []
    for code, side in enumerate(SIDES):
        sums = walk.outermost(code)
        if len(sums.name):
            columns = {
                "side": [side] * len(sums.name),
                "name": names.of(sums.name),
                "total_dur": sums.total_dur,
            }
            found.append(_rows("total", track, columns))
    return found


def _ops(track: int, tables: Tables, names: _Names) -> pa.Table:
    mine = tables["op"].filter(pc.equal(tables["op"]["home_track_id"], track))
    categories = _Names(tables["category"])
    category = mine["category_id"].combine_chunks()
    texts = categories.of(category.fill_null(-1).to_numpy())
    return _rows(
        "op",
        track,
        {
            "side": mine["side"],
            "name": names.of(mine["name_id"].to_numpy()),
            "category": pc.if_else(category.is_valid(), texts, pa.scalar(None, pa.string())),
            **{
                column: mine[column].combine_chunks()
                for column in (
                    "calls", "self_dur", "min_dur", "max_dur", "mean_dur", "p50_dur", "p99_dur",
                )
            },
        },
    )  # fmt: skip


def _bins(track: int, tables: Tables, names: _Names) -> pa.Table:
    mine = tables["bin"].filter(pc.equal(tables["bin"]["home_track_id"], track))
    return _rows(
        "bin",
        track,
        {
            "side": mine["side"],
            "name": names.of(mine["name_id"].to_numpy()),
            "bin": mine["bin"].combine_chunks(),
            "calls": mine["count"].combine_chunks(),
        },
    )


def _label(track: int, tracks: pa.Table) -> str:
    """Name a track for people: its process and thread, or its device and stream."""
    row = tracks.filter(pc.equal(tracks["track_id"], track)).to_pylist()
    return label(row[0]) if row else f"track {track}"


def label(row: dict[str, Any]) -> str:
    """Name a track for people.

    Args:
        row: track_id, type, name, process, device_id, stream_id, tid.
    """
    if row["device_id"] is not None:
        stream = f" stream {row['stream_id']}" if row["stream_id"] is not None else ""
        return f"device {row['device_id']}{stream or ' ' + (row['name'] or row['type'])}"
    own = row["name"] or (f"thread {row['tid']}" if row["tid"] is not None else row["type"])
    return f"{row['process']} / {own}" if row["process"] else str(own)
