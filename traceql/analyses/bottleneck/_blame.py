"""Charge the time of every device, stretch by stretch, to what it did or waited for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from traceql.analyses import _warmup
from traceql.kernels import intervals, span_join, spans
from traceql.kernels.intervals import Intervals

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceql.model.protocols import Tables

    Int64 = NDArray[np.int64]

NOBODY = -1
"""Stands for a missing id."""

API = ("", "data_loading", "file_io", "sync", "allocation", "copy_call", "launch", "wait")
"""Causes by class of a name."""

SCHEMA = pa.schema(
    [
        pa.field("row", pa.string(), nullable=False),  # part, cause, call, name, gap or device
        pa.field("device_id", pa.int64()),
        pa.field("what", pa.string()),
        pa.field("name_id", pa.int64()),
        pa.field("utid", pa.int64()),
        pa.field("ts", pa.int64()),
        pa.field("dur", pa.int64()),
        pa.field("count", pa.int64()),
    ]
)


class Wall(NamedTuple):
    """A device (NOBODY: none), its wall, and the thread that launches most of its work."""

    device: int | None
    start: int
    end: int
    thread: int


class Host(NamedTuple):
    """Host slices of a stretch, with what each says of its time."""

    utid: Int64
    ts: Int64
    end: Int64
    cause: NDArray[np.int8]
    """Place in API; 0: an operation; NOBODY: no activity, a step or a profiler's own span."""
    name: Int64


class Ops(NamedTuple):
    """Operations of one device, by ts; see the analysis for `part`."""

    ts: Int64
    end: Int64
    part: Int64
    launched: Int64
    """When the launch returned; NOBODY where it is not known."""
    thread: Int64
    is_home: NDArray[np.bool_]


class Pieces(NamedTuple):
    """Times of a thread and whose they are, ascending and disjoint."""

    ts: Int64
    end: Int64
    cause: NDArray[np.int8]
    name: Int64


class Names:
    """What is known of names by id."""

    def __init__(self, table: pa.Table) -> None:
        order = np.argsort(table["id"].to_numpy(), kind="stable")
        self.ids = table["id"].to_numpy()[order].astype(np.int64)
        self.texts = table["text"].take(pa.array(order))
        self._class = table["class"].to_numpy()[order].astype(np.int8)
        self._marker = table["is_marker"].to_numpy(zero_copy_only=False)[order].astype(bool)

    def _of(self, ids: Int64, values: Any) -> Any:
        if not len(self.ids):
            return np.zeros(len(ids), values.dtype)
        place = np.minimum(np.searchsorted(self.ids, ids), len(self.ids) - 1)
        return np.where(self.ids[place] == ids, values[place], np.zeros(1, values.dtype))

    def classes(self, ids: Int64) -> NDArray[np.int8]:
        """Give the class of each name, 0 for those without."""
        return np.asarray(self._of(ids, self._class), np.int8)

    def markers(self, ids: Int64) -> NDArray[np.bool_]:
        """Say which names are of steps."""
        return np.asarray(self._of(ids, self._marker), bool)


def measure(tables: Tables) -> pa.Table:
    """Measure one stretch.

    Args:
        tables: event (those of the stretch), name, block, thread, device, gap, iteration.

    Returns:
        SCHEMA: per device rows `part` (what it did) and `cause` (what it waited for, with the name
        that held it); `call`: slices of a name that begin here; `name`: texts. The first stretch
        also gives the `device`s with their walls, the `thread`s looked at, and the longest `gap`s.
    """
    event = tables["event"]
    if not event.num_rows or not tables["block"].num_rows:
        return SCHEMA.empty_table()
    names = Names(tables["name"])
    number = event["block"][0].as_py()
    block = tables["block"].filter(pc.field("block") == number).to_pylist()[0]
    first = number == min(tables["block"]["block"].to_pylist())
    walls = _walls(tables)
    low = -(1 << 62) if first else block["lo"]
    column = {name: _ints(event, name) for name in event.column_names if name != "block"}
    threads = list(dict.fromkeys(tables["thread"]["utid"].to_pylist()))
    host_rows = np.flatnonzero((column["part"] == NOBODY) & np.isin(column["place"], threads))
    host = _host(column, host_rows, names)
    leaves = {utid: _leaves(host, utid) for utid in threads}
    rows: list[dict[str, Any]] = []
    for wall in walls:  # devices: few
        start, end = max(wall.start, low), min(wall.end, block["hi"])
        if start < end:
            ops = _ops_of(column, wall)
            rows += _charged(wall, Intervals(_one(start), _one(end)), ops, leaves)
    whole = (min((w.start for w in walls), default=0), max((w.end for w in walls), default=0))
    rows += _calls(column, host_rows, whole)
    rows += _texts(names, {row["name_id"] for row in rows if row["row"] == "cause"})
    if first:
        rows += _once(tables, walls, threads)
    return pa.Table.from_pylist(rows, SCHEMA)


def _one(value: int) -> Int64:
    return np.array([value], np.int64)


def _walls(tables: Tables) -> list[Wall]:
    """Give each device its wall: its work, and the marked steps that its work overlaps.

    Without devices the busiest thread has one, if steps are marked.
    """
    devices = tables["device"].to_pylist()
    threads = tables["thread"].to_pylist()
    steps = tables["iteration"]
    if steps.num_rows:
        steps = _warmup.of_main_track(steps.filter(pc.field("source") == "marker"))
    first = pc.min(steps["ts"]).as_py() if steps.num_rows else None
    last = pc.max(pc.add(steps["ts"], steps["dur"])).as_py() if steps.num_rows else None
    found = []
    for row in devices:
        start, end = row["ts"], row["end_ts"]
        if first is not None and last is not None and first < end and last > start:
            start, end = min(start, first), max(end, last)
        mine = [t for t in threads if t["device_id"] == row["device_id"] and t["launches"]]
        most = max(mine, key=lambda t: t["device_launches"], default=None)
        found.append(Wall(row["device_id"], start, end, most["utid"] if most else NOBODY))
    if not devices and threads and first is not None and last is not None:
        found.append(Wall(None, first, last, threads[0]["utid"]))
    return found


def _ops_of(column: dict[str, Int64], wall: Wall) -> Ops:
    device = NOBODY if wall.device is None else wall.device
    mine = np.flatnonzero((column["part"] >= 0) & (column["place"] == device))
    mine = mine[np.lexsort((column["id"][mine], column["ts"][mine]))]
    home = column["is_home"][mine].astype(bool)
    ts, end, part = (column[name][mine] for name in ("ts", "end_ts", "part"))
    return Ops(ts, end, part, column["far"][mine], column["other"][mine], home)


def _ints(table: pa.Table, column: str) -> Int64:
    values = table.column(column).combine_chunks()
    if values.null_count:
        values = values.cast(pa.int64()).fill_null(NOBODY)
    return np.asarray(values.to_numpy(zero_copy_only=False)).astype(np.int64, copy=False)


def _host(column: dict[str, Int64], mine: Int64, names: Names) -> Host:
    """Tell what each host slice says of its time; parents stand before children."""
    keys = [column[name][mine] for name in ("id", "depth", "ts", "place")]
    mine = mine[np.lexsort(keys)]
    ids, parent, name = (column[key][mine] for key in ("id", "far", "other"))
    own = names.classes(name)
    silent = (column["is_marker"][mine] > 0) | names.markers(name)
    plain = column["is_python"][mine] > 0
    order = np.argsort(ids, kind="stable")
    place = np.full(len(ids), NOBODY)
    if len(ids):
        ordered = ids[order]
        at = np.minimum(np.searchsorted(ordered, parent), len(ids) - 1)
        place = np.where((ordered[at] == parent) & (parent >= 0), order[at], NOBODY)
    depth = column["depth"][mine]
    cause, label = _inherited(depth, place, own, name, silent, plain)
    utid, ts, end = (column[key][mine] for key in ("place", "ts", "end_ts"))
    return Host(utid, ts, end, cause, label)


def _inherited(
    depth: Int64,
    place: Int64,
    own: NDArray[np.int8],
    name: Int64,
    silent: NDArray[np.bool_],
    python: NDArray[np.bool_],
) -> tuple[NDArray[np.int8], Int64]:
    """Hand down causes and names, depth by depth.

    A data loader holds everything beneath it; an API call everything that is no API call itself;
    an operation everything that is neither, unless the operation is a frame of Python.
    """
    cause = np.where(silent & (own != 1), NOBODY, own).astype(np.int8)
    label = name.copy()
    weak = python & (own == 0)
    order = np.argsort(depth, kind="stable")
    bounds = np.flatnonzero(np.diff(depth[order])) + 1
    for level in np.split(order, bounds)[1:]:  # one step a depth, not a row
        child = level[place[level] != NOBODY]
        above = place[child]
        given = cause[above]
        take = (given == 1) | ((given > 0) & (cause[child] <= 0))
        take |= (given == 0) & (cause[child] <= 0) & ~weak[above]
        take |= (given == 0) & (cause[child] == NOBODY)
        cause[child[take]], label[child[take]] = given[take], label[above[take]]
        weak[child[take]] &= weak[above[take]]
    return cause, label


def _leaves(host: Host, utid: int) -> Pieces:
    """Cut the time of a thread into pieces of its innermost slice."""
    low, high = np.searchsorted(host.utid, [utid, utid + 1])
    ts = host.ts[low:high]
    owned = spans.flatten(np.array([0, len(ts)]), ts, host.end[low:high])
    row = owned.row + low
    active = host.cause[row] != NOBODY
    row, start, end = row[active], owned.ts[active], owned.end[active]
    return Pieces(start, end, host.cause[row], host.name[row])


def _charged(
    wall: Wall, window: Intervals, ops: Ops, leaves: dict[int, Pieces]
) -> list[dict[str, Any]]:
    """Split a window of a device's wall."""
    ts, end, rank = ops.ts, ops.end, ops.part
    home = ops.is_home & (ts >= wall.start) & (ts < wall.end)
    rows, before, busy = [], 0, Intervals(_one(0)[:0], _one(0)[:0])
    parts = ("compute", "exposed_comm", "exposed_memcpy", "exposed_memset")
    for number, part in enumerate(parts):
        mine = rank <= number
        busy = intervals.intersect(intervals.union(ts[mine], end[mine]), window)
        length = int((busy.end - busy.ts).sum())
        begun = int((home & (rank == number)).sum())
        rows.append(_row("part", wall.device, part, length - before, count=begun))
        before = length
    gaps = _without(window, busy)
    return rows + _blamed(wall, gaps, ops, leaves)


def _row(row: str, device: int | None, what: str, dur: int, **more: Any) -> dict[str, Any]:
    return {"row": row, "device_id": device, "what": what, "dur": dur, **more}


def _without(these: Intervals, others: Intervals) -> Intervals:
    """Give the times of disjoint ascending intervals that others do not cover."""
    left = span_join.uncovered(
        np.array([0, len(these.ts)]), these.ts, these.end,
        np.array([0, len(others.ts)]), others.ts, others.end,
    )  # fmt: skip
    return Intervals(left.ts, left.end)


def _blamed(
    wall: Wall, gaps: Intervals, ops: Ops, leaves: dict[int, Pieces]
) -> list[dict[str, Any]]:
    """Charge the gaps of a device, each along the chain that ends it."""
    ts, launched, thread = ops.ts, ops.launched, ops.thread
    following = np.searchsorted(ts, gaps.end)  # the operation that ends the gap, if one does
    last = following >= len(ts)
    at = np.minimum(following, max(len(ts) - 1, 0))
    who = np.full(len(gaps.ts), wall.thread)
    until = gaps.end.copy()
    if len(ts):
        known = ~last & (thread[at] != NOBODY) & (launched[at] != NOBODY)
        who = np.where(known, thread[at], np.where(last, wall.thread, NOBODY))
        until = np.where(known, np.clip(launched[at], gaps.ts, gaps.end), gaps.end)
    rows = [_row("cause", wall.device, "queue", int((gaps.end - until).sum()), name_id=NOBODY)]
    for utid in np.unique(who).tolist():  # threads that launch: few
        mine = (who == utid) & (until > gaps.ts)
        waiting = Intervals(gaps.ts[mine], until[mine])
        if utid == NOBODY or utid not in leaves:
            lost = int((waiting.end - waiting.ts).sum())
            rows.append(_row("cause", wall.device, "unknown", lost, name_id=NOBODY))
        else:
            rows += _asked(wall.device, waiting, utid, leaves)
    return rows


def _asked(
    device: int | None, waiting: Intervals, utid: int, leaves: dict[int, Pieces]
) -> list[dict[str, Any]]:
    """Ask the thread, then the others, what they did while the device waited."""
    rows: list[dict[str, Any]] = []
    for asked in (utid, *(other for other in leaves if other != utid)):
        pieces = leaves[asked]
        if asked != utid:  # another thread that sleeps holds nobody
            awake = ~np.isin(pieces.cause, (API.index("sync"), API.index("wait")))
            pieces = _where(pieces, awake)
        rows += _met(device, waiting, pieces, asked)
        waiting = _without(waiting, Intervals(pieces.ts, pieces.end))
        if not len(waiting.ts):
            return rows
    left = int((waiting.end - waiting.ts).sum())
    return [*rows, _row("cause", device, "untraced_host", left, name_id=NOBODY)]


def _where(pieces: Pieces, kept: NDArray[np.bool_]) -> Pieces:
    return Pieces(pieces.ts[kept], pieces.end[kept], pieces.cause[kept], pieces.name[kept])


def _met(device: int | None, waiting: Intervals, pieces: Pieces, utid: int) -> list[dict[str, Any]]:
    """Sum the time of pieces within the waiting, by cause and name."""
    n = len(waiting.ts)
    if not n or not len(pieces.ts):
        return []
    ts = np.append(waiting.ts, pieces.ts)
    order = np.argsort(ts, kind="stable")
    found = span_join.intersect(
        np.array([0, len(ts)]), ts[order], np.append(waiting.end, pieces.end)[order],
        (order >= n).astype(np.int64), 2,
    )  # fmt: skip
    row = order[found.rows[:, 1]] - n
    width = int(pieces.name.max()) - NOBODY + 1  # names are numbered without holes
    cell = pieces.cause[row].astype(np.int64) * width + (pieces.name[row] - NOBODY)
    total = np.zeros(len(API) * width, np.int64)
    np.add.at(total, cell, found.end - found.ts)
    return [
        _row("cause", device, API[at // width] or "host_op", int(total[at]),
             name_id=at % width + NOBODY, utid=utid)
        for at in np.flatnonzero(total).tolist()
    ]  # fmt: skip


def _calls(column: dict[str, Int64], mine: Int64, whole: tuple[int, int]) -> list[dict[str, Any]]:
    """Count the slices of each name that begin in the stretch and overlap the walls."""
    home, ts, end, name = (column[key][mine] for key in ("is_home", "ts", "end_ts", "other"))
    inside = (home > 0) & (end > whole[0]) & (ts < whole[1])
    ids, counts = np.unique(name[inside], return_counts=True)
    return [
        {"row": "call", "name_id": name, "count": count}
        for name, count in zip(ids.tolist(), counts.tolist(), strict=True)
    ]


def _texts(names: Names, wanted: set[int]) -> list[dict[str, Any]]:
    ids = np.array(sorted(wanted - {NOBODY}), np.int64)
    ids = ids[np.isin(ids, names.ids)]
    texts = names.texts.take(pa.array(np.searchsorted(names.ids, ids))).to_pylist()
    return [
        {"row": "name", "name_id": name, "what": text}
        for name, text in zip(ids.tolist(), texts, strict=True)
    ]


def _once(tables: Tables, walls: list[Wall], threads: list[int]) -> list[dict[str, Any]]:
    counts = {row["device_id"]: row["op_count"] for row in tables["device"].to_pylist()}
    rows: list[dict[str, Any]] = [
        {
            "row": "device",
            "device_id": wall.device,
            "ts": wall.start,
            "dur": wall.end - wall.start,
            "utid": wall.thread,
            "count": counts.get(wall.device, 0),
        }
        for wall in walls
    ]
    rows += [{"row": "thread", "utid": utid} for utid in threads]
    rows += [
        {"row": "gap", "device_id": gap["device_id"], "ts": gap["ts"], "dur": gap["gap_dur"]}
        for gap in tables["gap"].to_pylist()  # a hundred per device
    ]
    return rows
