"""Texts around decimal numbers, as the buffers of an Arrow array of strings."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from traceql.kernels.decorator import bare_kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]
    Int64 = NDArray[np.int64]
    Int32 = NDArray[np.int32]

_MOST_DIGITS = 20
_ZERO, _MINUS = 48, 45


class Texts(NamedTuple):
    """Some texts: number i is data[ends[i]:ends[i + 1]]."""

    data: Bytes
    ends: Int32


@bare_kernel
def _compose(
    before: Texts, after: Texts, codes: Int32, numbers: Int64, with_number: NDArray[np.bool_],
    data: Bytes, ends: Int32,
) -> None:  # fmt: skip
    used = 0
    ends[0] = 0
    for row in range(codes.shape[0]):
        code = codes[row]
        if code >= 0:
            for place in range(before.ends[code], before.ends[code + 1]):
                data[used] = before.data[place]
                used += 1
            if with_number[row]:
                number = numbers[row]
                rest = np.uint64(number)
                if number < 0:
                    rest = np.uint64(0) - rest
                    data[used] = _MINUS
                    used += 1
                count = 1
                tenth = rest // np.uint64(10)
                while tenth != 0:
                    tenth //= np.uint64(10)
                    count += 1
                for place in range(used + count - 1, used - 1, -1):
                    tenth = rest // np.uint64(10)
                    data[place] = _ZERO + np.int64(rest - tenth * np.uint64(10))
                    rest = tenth
                used += count
            for place in range(after.ends[code], after.ends[code + 1]):
                data[used] = after.data[place]
                used += 1
        ends[row + 1] = used


def compose(
    before: Texts, after: Texts, codes: Int32, numbers: Int64, with_number: NDArray[np.bool_]
) -> Texts:
    """Write a text for each row: one of some beginnings, a number, one of some ends.

    Args:
        before: the beginnings.
        after: as many ends.
        codes: int32 [n], which of them; below 0 the text is empty.
        numbers: int64 [n].
        with_number: bool [n], whether the number is written.

    Returns:
        The n texts.

    Raises:
        ValueError: they are 2 GiB or longer, a code has no text, or the lengths differ.
    """
    if not codes.size == numbers.size == with_number.size:
        raise ValueError("columns must be of one length")
    count = min(before.ends.size, after.ends.size) - 1
    if codes.size and int(codes.max()) >= count:
        raise ValueError(f"code {codes.max()} of {count} texts")
    sizes = np.diff(before.ends[: count + 1]).astype(np.int64) + np.diff(after.ends[: count + 1])
    room = int(np.append(sizes, 0)[np.maximum(codes, -1)].sum()) + _MOST_DIGITS * codes.size
    if room >= 1 << 31:
        raise ValueError("texts of 2 GiB or more")
    found = Texts(np.empty(room, np.uint8), np.empty(codes.size + 1, np.int32))
    _compose(before, after, codes, numbers, with_number, *found)
    return Texts(found.data[: found.ends[-1]], found.ends)
