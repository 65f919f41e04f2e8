"""Where the steady part of a trace lies."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa

_OFF = 1.2
"""A leading step longer or shorter than the median by this factor is warm-up."""

_LEAST_STEPS = 3


class Steady(NamedTuple):
    """The steps that are not warm-up: from, to (ns), and how many."""

    start: int
    end: int
    steps: int


def of_main_track(iteration: pa.Table) -> pa.Table:
    """Give the steps of the track with most of them, in order of time.

    Args:
        iteration: rows of the table `iteration`.
    """
    track = iteration["track_id"].to_numpy()
    tracks, counts = np.unique(track, return_counts=True)
    if not len(tracks):
        return iteration
    mine = np.flatnonzero(track == tracks[counts.argmax()])
    ts = iteration["ts"].to_numpy()[mine]
    return iteration.take(mine[np.argsort(ts, kind="stable")])


def steady(iteration: pa.Table) -> Steady | None:
    """Find the steps that are not warm-up; None without at least three steps.

    Judged on the track with most steps: leading ones that are off the median of the second half
    are dropped, at most half of them.

    Args:
        iteration: rows of the table `iteration`.
    """
    mine = of_main_track(iteration)
    if mine.num_rows < _LEAST_STEPS:
        return None
    ts, dur = mine["ts"].to_numpy(), mine["dur"].to_numpy()
    usual = float(np.median(dur[len(dur) // 2 :]))
    off = (dur > _OFF * usual) | (dur * _OFF < usual)
    drop = int(np.argmin(off)) if not off.all() else len(off)
    drop = min(drop, len(dur) // 2)
    return Steady(int(ts[drop]), int((ts + dur).max()), len(dur) - drop)
