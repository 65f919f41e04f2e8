"""Texts that may hold holes: take the mark off those that only look so, and find the holes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traceql.kernels.compose import Texts
from traceql.kernels.decorator import as_input, bare_kernel
from traceql.kernels.lift import MARK

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Bytes = NDArray[np.uint8]

ESCAPE = 2
"""Byte before a text without holes that could be taken for one with holes."""

_LETTER_A = 65


@bare_kernel
def _unescape(
    data: Bytes, offsets: NDArray[np.int64], keys: int,
    out: Bytes, ends: NDArray[np.int32], holes: NDArray[np.int32],
) -> None:  # fmt: skip
    used = 0
    ends[0] = 0
    for row in range(offsets.shape[0] - 1):
        start, stop = offsets[row], offsets[row + 1]
        escaped = start < stop and data[start] == ESCAPE
        if escaped:
            start += 1
        found = 0
        after_mark = False
        for place in range(start, stop):
            byte = int(data[place])
            key = byte - _LETTER_A
            if after_mark and 0 <= key < keys:
                found |= 1 << key
            after_mark = byte == MARK
            out[used + place - start] = data[place]
        used += stop - start
        ends[row + 1] = used
        holes[row] = 0 if escaped else found


def unescape(data: ArrayLike, offsets: ArrayLike, keys: int) -> tuple[Texts, NDArray[np.int32]]:
    """Take off escapes and find holes.

    Args:
        data: uint8, texts one after the other; those that begin with ESCAPE have no holes.
        offsets: int64 [n + 1], ascending: where each text begins; the last is the end.
        keys: how many letters stand for holes, at most 31.

    Returns:
        The texts without that byte; int32 [n], the set of holes of each.

    Raises:
        ValueError: too many keys, or texts of 2 GiB or more.
    """
    texts, places = as_input(data, np.uint8), as_input(offsets, np.int64)
    size = int(places[-1] - places[0])
    if keys > 31 or size >= 1 << 31:
        raise ValueError(f"{keys} keys, {size} bytes")
    found = Texts(np.empty(size, np.uint8), np.empty(places.size, np.int32))
    holes = np.empty(places.size - 1, np.int32)
    _unescape(texts, places, keys, *found, holes)
    return Texts(found.data[: found.ends[-1]], found.ends), holes
