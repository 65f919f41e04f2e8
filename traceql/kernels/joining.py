"""The span join: intervals of two tables, met and left over, by their places."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from traceql.kernels import segments, spans
from traceql.kernels import span_join as meetings

Int64 = NDArray[np.int64]


class Side(NamedTuple):
    """Spans of one table, in any order: offsets int64 [s + 1], ts and dur int64 [n].

    dur -1 is an instant whose length nobody knows; a span that it takes part in has dur -1.
    """

    offsets: Int64
    ts: Int64
    dur: Int64


class Joined(NamedTuple):
    """Spans of each segment in order of ts: counts [s], the others [m]; all int64.

    left, right: the place of the span in its segment, -1 where there is none.
    """

    counts: Int64
    ts: Int64
    dur: Int64
    left: Int64
    right: Int64


def span_join(a: Side, b: Side, *, left: bool, right: bool) -> Joined:
    """Find where spans of two tables meet, as Perfetto's SPAN_JOIN says.

    Args:
        a: the left table.
        b: the right table, with the same segments.
        left: also give what of `a` meets nothing in `b`.
        right: also give what of `b` meets nothing in `a`.

    Raises:
        ValueError: the segments differ.
    """
    if len(a.offsets) != len(b.offsets):
        raise ValueError("the sides differ in segments")
    parts = [_met(a, b)]
    if left:
        parts.append(_left_over(a, b))
    if right:
        rest = _left_over(b, a)
        parts.append(rest._replace(left=rest.right, right=rest.left))
    if len(parts) == 1:
        return parts[0]
    segment = np.concatenate([np.repeat(np.arange(len(p.counts)), p.counts) for p in parts])
    ts, dur, of_a, of_b = (
        np.concatenate([getattr(p, name) for p in parts]) for name in ("ts", "dur", "left", "right")
    )
    counts = sum((p.counts for p in parts), np.zeros(len(a.offsets) - 1, np.int64))
    place = np.argsort(segment, kind="stable")
    offsets = np.concatenate(([0], np.cumsum(counts)))
    order = segments.order(offsets, ts[place], of_a[place], of_b[place])
    place = place if order is None else place[order]
    return Joined(counts, ts[place], dur[place], of_a[place], of_b[place])


def _met(a: Side, b: Side) -> Joined:
    sizes_a, sizes_b = np.diff(a.offsets), np.diff(b.offsets)
    segment = np.concatenate([np.repeat(np.arange(len(n)), n) for n in (sizes_a, sizes_b)])
    place = np.argsort(segment, kind="stable")
    ts, dur = (np.concatenate(pair)[place] for pair in ((a.ts, b.ts), (a.dur, b.dur)))
    rows = len(a.ts)
    table = (place >= rows).astype(np.int64)
    offsets = a.offsets + b.offsets
    order = segments.order(offsets, ts, table, place)
    if order is not None:
        ts, dur, table, place = ts[order], dur[order], table[order], place[order]
    found = meetings.intersect(offsets, ts, segments.ends_of(ts, np.maximum(dur, 0)), table, 2)
    of_a, of_b = found.rows[:, 0], found.rows[:, 1]
    length = segments.lengths_of(found.ts, found.end)
    length[(dur[of_a] < 0) | (dur[of_b] < 0)] = -1
    own = np.repeat(np.arange(len(found.counts)), found.counts)
    return Joined(
        found.counts,
        found.ts,
        length,
        place[of_a] - a.offsets[own],
        place[of_b] - rows - b.offsets[own],
    )


def _left_over(a: Side, b: Side) -> Joined:
    order_a, order_b = segments.order(a.offsets, a.ts), segments.order(b.offsets, b.ts)
    place = np.arange(len(a.ts)) if order_a is None else order_a
    ts, dur = a.ts[place], a.dur[place]
    other_ts = b.ts if order_b is None else b.ts[order_b]
    other_dur = b.dur if order_b is None else b.dur[order_b]
    found = _spans_left(a.offsets, ts, dur, b.offsets, other_ts, other_dur)
    length = segments.lengths_of(found.ts, found.end)
    length[dur[found.row] < 0] = -1
    own = np.repeat(np.arange(len(found.counts)), found.counts)
    none = np.full(len(found.ts), -1, np.int64)
    return Joined(found.counts, found.ts, length, place[found.row] - a.offsets[own], none)


def _spans_left(
    offsets: Int64, ts: Int64, dur: Int64, other_offsets: Int64, other_ts: Int64, other_dur: Int64
) -> spans.Owned:
    """Give the pieces of sorted spans that no other meets; negative lengths are instants."""
    return meetings.uncovered(
        offsets, ts, segments.ends_of(ts, np.maximum(dur, 0)),
        other_offsets, other_ts, segments.ends_of(other_ts, np.maximum(other_dur, 0)),
    )  # fmt: skip
