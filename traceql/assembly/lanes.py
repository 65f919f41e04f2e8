"""Lanes: sorted blocks of rows on disk, laid out so that few are merged at a time."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import NamedTuple

Key = tuple[int, ...]


class Span(NamedTuple):
    """From where to where the rows of a block go, by their keys."""

    first: Key
    last: Key


def lanes(blocks: Sequence[Span]) -> list[list[int]]:
    """Lay blocks into as few lanes as they need: in a lane each ends before the next begins.

    Rows that came in order make one lane, however often they went to disk. Of equal keys the
    earlier block's come first: it is before the later one in a lane, or in another.

    Args:
        blocks: some thousands, in the order in which they were written.

    Returns:
        Numbers of blocks.
    """
    found: list[list[int]] = []
    ends: list[tuple[Key, int, int]] = []
    for number in sorted(range(len(blocks)), key=lambda n: (blocks[n].first, n)):
        if ends and ends[0][:2] < (blocks[number].first, number):
            lane = ends[0][2]
            heapq.heapreplace(ends, (blocks[number].last, number, lane))
            found[lane].append(number)
        else:
            heapq.heappush(ends, (blocks[number].last, number, len(found)))
            found.append([number])
    return found
