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


def steady(iteration: pa.Table) -> Steady | None:
    """Find the steps that are not warm-up; None without at least three steps.

    Judged on the track with most steps: leading ones that are off the median of the second half
    are dropped, at most half of them.

    Args:
        iteration: rows of the table `iteration`.
    """
    if iteration.num_rows < _LEAST_STEPS:
        return None
    track = iteration["track_id"].to_numpy()
    tracks, counts = np.unique(track, return_counts=True)
    if counts.max() < _LEAST_STEPS:
        return None
    mine = np.flatnonzero(track == tracks[counts.argmax()])
    ts, dur = iteration["ts"].to_numpy()[mine], iteration["dur"].to_numpy()[mine]
    order = np.argsort(ts, kind="stable")
    ts, dur = ts[order], dur[order]
    usual = float(np.median(dur[len(dur) // 2 :]))
    off = (dur > _OFF * usual) | (dur * _OFF < usual)
    drop = int(np.argmin(off)) if not off.all() else len(off)
    drop = min(drop, len(dur) // 2)
    return Steady(int(ts[drop]), int((ts + dur).max()), len(dur) - drop)
