"""Sorting order of rows by several integer keys."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from traceql.kernels.decorator import as_input, bare_kernel, inlined, kernel

Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
UInt64 = NDArray[np.uint64]

WORD_BITS = 64
LONG_TIE = 64
"""Longer runs of equal words are left to a sort that is not quadratic."""
OUT_IS_FULL, ALL_TAKEN = -1, -2


def is_sorted(*keys: ArrayLike) -> bool:
    """Say whether rows ascend by the keys, first key first; equal rows are in order.

    Args:
        keys: int64 [n] each.

    Raises:
        ValueError: lengths differ.
    """
    tied: NDArray[np.bool_] | None = None
    for key in _checked(keys):
        before, after = key[:-1], key[1:]
        wrong = after < before if tied is None else tied & (after < before)
        if wrong.any():
            return False
        tied = before == after if tied is None else tied & (before == after)
        if not tied.any():
            return True
    return True


def argsort(*keys: ArrayLike) -> Int32:
    """Order rows by the keys, first key first; equal rows keep their order.

    Rows already in order cost one comparison each. Others: as many leading keys as fit in 64 bits
    (each less its minimum) are packed into a word and radix-sorted, least digit first; only runs
    equal in that word are sorted by the other keys.

    Args:
        keys: int64 [n] each, n < 2^31, at least one key.

    Returns:
        int32 [n]: the row that stands at each place.

    Raises:
        ValueError: lengths differ, or no key.
    """
    checked = _checked(keys)
    rows = len(checked[0])
    if is_sorted(*checked):
        return np.arange(rows, dtype=np.int32)
    word, bits, used = _pack(checked)
    words = np.empty((2, rows), np.uint64)
    words[0] = word
    room = np.empty((2, rows), np.int32)
    order: Int32 = room[radix_order(bits, words, room, np.zeros((6, 2048), np.int64))]
    if used < len(checked):
        _break_ties(order, word, checked[used:])
    return order


def sorted_rows(keys: Int64) -> Int64:
    """Sort rows that are keys only.

    Keys that fit in 64 bits together move as one word, and no order of rows has to be followed.

    Args:
        keys: int64 [k, n], k at least 1.

    Returns:
        int64 [k, n].
    """
    depth, rows = keys.shape
    if rows == 0:
        return keys
    low, high = keys.min(axis=1), keys.max(axis=1)
    widths = widths_of(low, high)
    if len(widths) < depth:
        return keys[:, argsort(*keys)]
    words = np.empty((2, rows), np.uint64)
    _join(np.ascontiguousarray(keys), low, widths, words)
    now = _radix_sort(int(widths.sum()), words, np.zeros((6, 2048), np.int64))
    found = np.empty((depth, rows), np.int64)
    _part(words[now], low, widths, found)
    return found


def widths_of(low: Int64, high: Int64) -> Int64:
    """Give the bits that leading keys need, each less its minimum, while all fit in a word."""
    widths: list[int] = []
    for least, most in zip(low.tolist(), high.tolist(), strict=True):  # a handful of keys
        width = (most - least).bit_length()
        if sum(widths) + width > WORD_BITS:
            break
        widths.append(width)
    return np.array(widths, np.int64)


@kernel
def _join(keys: Int64, low: Int64, widths: Int64, words: UInt64) -> None:
    """Write each row as one word to the first row of `words`."""
    for i in range(keys.shape[1]):
        word = np.uint64(0)
        for k in range(keys.shape[0]):
            distance = np.uint64(keys[k, i]) - np.uint64(low[k])
            # A shift by 64 is none; the keys before one of 64 bits are all the same.
            alone = widths[k] == 64
            word = distance if alone else (word << np.uint64(widths[k])) | distance
        words[0, i] = word


@kernel
def _part(words: UInt64, low: Int64, widths: Int64, keys: Int64) -> None:
    """Undo `_join`."""
    for i in range(words.shape[0]):
        word = words[i]
        for k in range(keys.shape[0] - 1, -1, -1):
            alone = widths[k] == 64
            ones = ~np.uint64(0) if alone else (np.uint64(1) << np.uint64(widths[k])) - np.uint64(1)
            keys[k, i] = np.int64((word & ones) + np.uint64(low[k]))
            word = np.uint64(0) if alone else word >> np.uint64(widths[k])


@kernel
def _radix_sort(bits: int, words: UInt64, counts: Int64) -> int:
    """Sort the words of row 0 by their low `bits`, as `radix_order`; give the row of the result."""
    rows = words.shape[1]
    passes = (bits + 10) // 11
    _count_digits(words[0], passes, counts)
    now = 0
    for step in range(passes):
        shift = np.uint64(11 * step)
        _turn_to_places(counts[step])
        for i in range(rows):
            value = words[now, i]
            digit = np.int64((value >> shift) & np.uint64(2047))
            at = counts[step, digit]
            counts[step, digit] = at + 1
            words[1 - now, at] = value
        now = 1 - now
    return now


@inlined
def _count_digits(words: UInt64, passes: int, counts: Int64) -> None:
    """Count how often each digit of 11 bits occurs, for each pass."""
    for i in range(words.shape[0]):
        word = words[i]
        for step in range(passes):
            counts[step, np.int64(word & np.uint64(2047))] += 1
            word >>= np.uint64(11)


@inlined
def _turn_to_places(counts: Int64) -> None:
    """Turn counts of digits into where the first word with each goes."""
    total = 0
    for digit in range(counts.shape[0]):
        count = counts[digit]
        counts[digit] = total
        total += count


def _checked(keys: tuple[ArrayLike, ...]) -> list[Int64]:
    arrays = [as_input(key, np.int64) for key in keys]
    if len({len(array) for array in arrays}) != 1:
        raise ValueError("keys must be given, and of one length")
    return arrays


def _pack(keys: list[Int64]) -> tuple[UInt64, int, int]:
    """Pack leading keys into one word per row; give also its bits and the number of keys."""
    word = np.zeros(len(keys[0]), np.uint64)
    bits = used = 0
    for key in keys:
        low = int(key.min())
        width = (int(key.max()) - low).bit_length()
        if bits + width > WORD_BITS:
            break
        # Unsigned subtraction wraps to the right distance even over the whole int64 range.
        offset = key.view(np.uint64) - np.uint64(low & 0xFFFFFFFFFFFFFFFF)
        word = offset if bits == 0 else (word << np.uint64(width)) | offset
        bits += width
        used += 1
    return word, bits, used


def _break_ties(order: Int32, word: UInt64, keys: list[Int64]) -> None:
    stacked = np.stack(keys)
    if _order_short_ties(order, word, stacked):
        return
    ranked = word[order]
    same = ranked[1:] == ranked[:-1]
    member = np.zeros(len(order), np.bool_)
    member[1:] |= same
    member[:-1] |= same
    places = np.flatnonzero(member)
    rows = order[places]
    order[places] = rows[np.lexsort([key[rows] for key in reversed(keys)] + [word[rows]])]


@kernel
def _order_short_ties(order: Int32, word: UInt64, keys: Int64) -> bool:
    """Sort each run of equal words by insertion; False, at a run that is too long for that."""
    first, rows = 0, order.shape[0]
    for at in range(1, rows + 1):
        if at < rows and word[order[at]] == word[order[first]]:
            if at - first >= LONG_TIE:
                return False
            row, place = order[at], at
            while place > first and _is_before(keys, row, order[place - 1]):
                order[place] = order[place - 1]
                place -= 1
            order[place] = row
        else:
            first = at
    return True


@kernel
def _is_before(keys: Int64, one: int, other: int) -> bool:
    for k in range(keys.shape[0]):
        if keys[k, one] != keys[k, other]:
            return bool(keys[k, one] < keys[k, other])
    return False


@kernel
def radix_order(bits: int, words: UInt64, order: Int32, counts: Int64) -> int:
    """Sort stably by the low `bits` of each word, 11 bits a pass (Knuth, TAOCP 3, 5.2.5).

    Args:
        bits: 0 to 64.
        words: uint64 [2, n], the words in row 0; written over.
        order: int32 [2, n], room.
        counts: int64 [6, 2048], zeros.

    Returns:
        The row of `order` that has the result.
    """
    rows = words.shape[1]
    passes = (bits + 10) // 11
    _count_digits(words[0], passes, counts)
    for i in range(rows):
        order[0, i] = i
    now = 0
    for step in range(passes):
        shift = np.uint64(11 * step)
        _turn_to_places(counts[step])
        # Words move with their rows: reading them through `order` would miss the cache each time.
        for i in range(rows):
            value = words[now, i]
            digit = np.int64((value >> shift) & np.uint64(2047))
            at = counts[step, digit]
            counts[step, digit] = at + 1
            order[1 - now, at] = order[now, i]
            words[1 - now, at] = value
        now = 1 - now
    return now


@bare_kernel
def merge(
    sources: Int64, place: Int64, stop: Int64, more: NDArray[np.bool_], out: Int64, rows: int
) -> tuple[int, int]:
    """Copy rows of sorted sources to `out` in order.

    Args:
        sources: int64 [s, k, n], the keys of rows.
        place: int64 [s]: the next row of each source; moves on as rows are taken.
        stop: int64 [s]: where its rows end.
        more: bool [s]: whether more rows of the source are to come.
        out: int64 [k, m].
        rows: how many stand in it already.

    Returns:
        (the source to be filled, OUT_IS_FULL or ALL_TAKEN; rows in `out`).
    """
    depth = sources.shape[1]
    while True:
        best, second, third = -1, -1, -1
        for s in range(place.shape[0]):
            at = place[s]
            if at == stop[s]:
                if more[s]:
                    return s, rows
            elif best < 0 or _comes_first(sources, s, at, best, place[best]):
                best, second, third = s, best, second
            elif second < 0 or _comes_first(sources, s, at, second, place[second]):
                second, third = s, second
            elif third < 0 or _comes_first(sources, s, at, third, place[third]):
                third = s
        if best < 0:
            return ALL_TAKEN, rows
        at, last = place[best], stop[best]
        if second >= 0 and _comes_first(sources, second, place[second], best, last - 1):
            rows = _merge_two(sources, place, stop, best, second, third, out, rows)
        else:
            until = min(last, at + out.shape[1] - rows)
            for k in range(depth):
                source, target = sources[best, k, at:until], out[k, rows : rows + until - at]
                for i in range(target.shape[0]):
                    target[i] = source[i]
            rows, place[best] = rows + until - at, until
        if rows == out.shape[1]:
            return OUT_IS_FULL, rows


@inlined
def _merge_two(
    sources: Int64, place: Int64, stop: Int64, one: int, other: int, third: int, out: Int64,
    rows: int,
) -> int:  # fmt: skip
    """Copy rows of the two sources that come first, until it is the turn of the third."""
    at, there = place[one], place[other]
    while at < stop[one] and there < stop[other] and rows < out.shape[1]:
        is_other = _comes_first(sources, other, there, one, at)
        source, row = (other, there) if is_other else (one, at)
        if third >= 0 and _comes_first(sources, third, place[third], source, row):
            break
        for k in range(sources.shape[1]):
            out[k, rows] = sources[source, k, row]
        rows += 1
        if is_other:
            there += 1
        else:
            at += 1
    place[one], place[other] = at, there
    return rows


@inlined
def _comes_first(sources: Int64, one: int, at: int, other: int, there: int) -> bool:
    for k in range(sources.shape[1]):
        if sources[one, k, at] != sources[other, k, there]:
            return bool(sources[one, k, at] < sources[other, k, there])
    return False
