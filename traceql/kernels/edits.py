"""The shortest way to make one sequence out of another: what to take out, what to put in."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from traceql.kernels.decorator import as_input, kernel

Int64 = NDArray[np.int64]
Int32 = NDArray[np.int32]


class Edits(NamedTuple):
    """An edit script; places ascend."""

    removed: Int64
    """Places of the first sequence that are taken out, int64 [r]."""
    inserted: Int64
    """Places of the second sequence that are put in, int64 [i]."""


def shortest(first: ArrayLike, second: ArrayLike, most: int) -> Edits | None:
    """Find the fewest removals and insertions that turn one sequence into another.

    The greedy algorithm of Myers (1986), on what the common begin and end leave: time of the length
    times the number of edits, memory of the square of `most`. Of several scripts of one length
    removals come early.

    Args:
        first: int64 [n].
        second: int64 [m].
        most: edits that are looked for, at least 0.

    Returns:
        None where more than `most` are needed.

    Raises:
        ValueError: most < 0.
    """
    if most < 0:
        raise ValueError(f"at most {most} edits")
    a, b = as_input(first, np.int64), as_input(second, np.int64)
    shorter = min(len(a), len(b))
    differs = np.flatnonzero(a[:shorter] != b[:shorter])
    head = int(differs[0]) if len(differs) else shorter
    room = shorter - head
    differs = np.flatnonzero(a[len(a) - room :][::-1] != b[len(b) - room :][::-1])
    tail = int(differs[0]) if len(differs) else room
    a, b = a[head : len(a) - tail], b[head : len(b) - tail]
    most = min(most, len(a) + len(b))
    reached = np.empty((most + 1, 2 * most + 3), np.int32)
    steps = _forward(a, b, most, reached)
    if steps < 0:
        return None
    removed, inserted = np.empty(steps, np.int64), np.empty(steps, np.int64)
    taken = _backward(len(a), len(b), steps, most, reached, removed, inserted)
    return Edits(removed[:taken][::-1] + head, inserted[: steps - taken][::-1] + head)


@kernel
def _forward(a: Int64, b: Int64, most: int, reached: Int32) -> int:
    """Row d of `reached` holds how far d edits come on each diagonal, k at most + 1 + k."""
    n, m = a.shape[0], b.shape[0]
    middle = most + 1
    for d in range(most + 1):
        for k in range(-d, d + 1, 2):
            if d == 0:
                x = 0
            elif k == -d or (
                k != d and reached[d - 1, middle + k - 1] < reached[d - 1, middle + k + 1]
            ):
                x = reached[d - 1, middle + k + 1]
            else:
                x = reached[d - 1, middle + k - 1] + 1
            while x < n and x - k < m and a[x] == b[x - k]:
                x += 1
            reached[d, middle + k] = x
            if x >= n and x - k >= m:
                return d
    return -1


@kernel
def _backward(
    n: int, m: int, steps: int, most: int, reached: Int32, removed: Int64, inserted: Int64
) -> int:
    """Follow the edits back from the end; gives how many removals there are."""
    middle = most + 1
    x, y = n, m
    taken, put = 0, 0
    for d in range(steps, 0, -1):
        k = x - y
        if k == -d or (k != d and reached[d - 1, middle + k - 1] < reached[d - 1, middle + k + 1]):
            x = reached[d - 1, middle + k + 1]
            y = x - k - 1
            inserted[put] = y
            put += 1
        else:
            x = reached[d - 1, middle + k - 1]
            y = x - k + 1
            removed[taken] = x
            taken += 1
    return taken
