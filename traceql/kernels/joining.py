"""The span join: intervals of two tables, met and left over, by their places."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from traceql.kernels import segments, spans
from traceql.kernels import span_join as meetings
from traceql.kernels.decorator import as_input, kernel
from traceql.kernels.segments import NEVER

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
    sides = (*_sorted(a), *_sorted(b))
    counts = np.zeros(len(a.offsets) - 1, np.int64)
    # Spans that do not overlap within their table meet fewer times than there are spans.
    out = np.empty((4, len(a.ts) + len(b.ts)), np.int64)
    size = _meet(*sides, counts, out)
    if size > out.shape[1]:
        out = np.empty((4, size), np.int64)
        _meet(*sides, counts, out)
    return Joined(counts, *(out[column, :size] for column in range(4)))


def _sorted(side: Side) -> tuple[Int64, Int64, Int64, Int64]:
    """Give offsets, ts, dur in the order of ts, and the place of each in its segment."""
    offsets = segments.checked_offsets(side.offsets, len(side.ts))
    if len(side.ts) != len(side.dur):
        raise ValueError(f"{len(side.ts)} starts and {len(side.dur)} lengths")
    order = segments.order(offsets, side.ts)
    row = np.arange(len(side.ts), dtype=np.int64) if order is None else order
    place = row - np.repeat(offsets[:-1], np.diff(offsets))
    ts, dur = (side.ts, side.dur) if order is None else (side.ts[order], side.dur[order])
    return offsets, as_input(ts, np.int64), as_input(dur, np.int64), as_input(place, np.int64)


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


@kernel
def _end(ts: int, dur: int) -> int:
    """Give where a span ends; one of unknown length is an instant."""
    if dur <= 0:
        return ts
    return NEVER if ts > 0 and dur > NEVER - ts else ts + dur


@kernel
def _drop_past(open_: Int64, size: int, ts: Int64, dur: Int64, at: int) -> int:
    """Keep the open spans that meet one that starts at `at`."""
    kept = 0
    for k in range(size):
        i = open_[k]
        if ts[i] == at or _end(ts[i], dur[i]) > at:
            open_[kept] = i
            kept += 1
    return kept


@kernel
def _meet(
    a_offsets: Int64, a_ts: Int64, a_dur: Int64, a_place: Int64,
    b_offsets: Int64, b_ts: Int64, b_dur: Int64, b_place: Int64, counts: Int64, out: Int64,
) -> int:  # fmt: skip
    """Sweep both tables by ts, each with a list of its open spans; beyond `out` only count."""
    size, room = 0, out.shape[1]
    a_open, b_open = np.empty(a_ts.shape[0], np.int64), np.empty(b_ts.shape[0], np.int64)
    for s in range(a_offsets.shape[0] - 1):
        first, a_size, b_size = size, 0, 0
        i, j, a_stop, b_stop = a_offsets[s], b_offsets[s], a_offsets[s + 1], b_offsets[s + 1]
        while i < a_stop or j < b_stop:
            from_a = j == b_stop or (i < a_stop and a_ts[i] <= b_ts[j])
            if from_a:
                at = a_ts[i]
                b_size = _drop_past(b_open, b_size, b_ts, b_dur, at)
                others = b_size
            else:
                at = b_ts[j]
                a_size = _drop_past(a_open, a_size, a_ts, a_dur, at)
                others = a_size
            for k in range(others - 1, -1, -1):
                if size < room:
                    left, right = (i, b_open[k]) if from_a else (a_open[k], j)
                    until = min(_end(a_ts[left], a_dur[left]), _end(b_ts[right], b_dur[right]))
                    is_unknown = a_dur[left] < 0 or b_dur[right] < 0 or until == NEVER
                    out[0, size], out[1, size] = at, -1 if is_unknown else until - at
                    out[2, size], out[3, size] = a_place[left], b_place[right]
                size += 1
            if from_a:
                a_open[a_size] = i
                a_size += 1
                i += 1
            else:
                b_open[b_size] = j
                b_size += 1
                j += 1
        counts[s] = size - first
    return size
