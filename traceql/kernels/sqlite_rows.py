"""Read columns of rows off the leaf pages of a SQLite table.

Facts of the format: https://sqlite.org/fileformat2.html sections 1.6 and 2.1. A page is taken
whole or not at all: where a cell of it does not fit its page, its rowid is out of place, or its
record is not of the length that it says, none of its rows comes, and the page is named.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from traceql.kernels.decorator import bare_kernel, inlined
from traceql.kernels.sqlite_bytes import big16, big32, copy_exactly, swapped, varint
from traceql.kernels.vector import bits_below, load8, load64, same_bytes, signed

if TYPE_CHECKING:
    from traceql.kernels.btree import Bytes, Int64, Leaves, Pages

Int32 = NDArray[np.int32]
Float64 = NDArray[np.float64]

SKIPPED, INTEGER, REAL, BYTES, ROWID, REAL_ROWID = range(6)
"""What a stored column becomes: nothing, int64, float64, bytes; the rowid, as int64 or float64."""
NULL, THERE, ODD = range(3)
"""What a cell is; odd: not of the type wanted, or not stored."""
MOST_CELLS = 65536 // 6
"""No page has more rows."""
_END, _FULL, _MORE_TEXT, _MORE_SCRATCH = range(4)
_PLAIN, _DAMAGED, _TEXT_FULL = 0, -1, -2
_WHOLE, _CONSTANT, _TEXT, _DOUBLE, _REAL_OF_WHOLE, _OF_ROWID, _REAL_OF_ROWID = range(7)
_ONE = 0x3FF0000000000000
"""The bits of 1.0."""
_PLANS = 128
"""Plans that are kept, a power of two: records of a table have few forms of headers."""
_MOST_HEAD = 127
_MOST_TEXT = (1 << 31) - 64
_APART = 72
_FIRST_TEXT, _MUCH_TEXT = 1 << 16, 1 << 22


class Batch(NamedTuple):
    """Rows of a table, column after column in stored order."""

    rows: int
    values: Int64
    """Int64 [k, at least rows], of the columns that are numbers; reals as their bits."""
    state: Bytes
    """Uint8 [c, at least rows], of all columns wanted: NULL, THERE or ODD; written over when the
    next rows are read, as are rowids and the numbers of odd rows."""
    starts: Int32
    """Int32 [t, more than rows], where texts start in `texts`; the end of the last, too."""
    texts: Bytes
    """Uint8 [t, any]."""
    odd_rows: Int64
    """Int64 [m], ascending: rows with an odd cell."""
    rowids: Int64
    """Int64 [at least rows]."""


class RowReader:
    """Reads a table from its first leaf to its last.

    Args:
        pages: the file.
        leaves: of the table.
        kinds: uint8 [c], SKIPPED to REAL_ROWID for each stored column.
        absent_is_odd: bool [c], columns whose value in rows that end before them is not null.
        batch_rows: how many rows a batch has at most, or the rows of one page if these are more.
    """

    def __init__(
        self,
        pages: Pages,
        leaves: Leaves,
        kinds: Bytes,
        absent_is_odd: NDArray[np.bool_],
        batch_rows: int,
    ) -> None:
        pages.check()
        if len(kinds) != len(absent_is_odd):
            raise ValueError("columns differ in number")
        if len(leaves.page) and not (leaves.page.min() >= 1 and leaves.page.max() <= pages.number):
            raise ValueError("a leaf is not in the file")
        self._pages, self._leaves = pages, leaves
        self._kinds = np.ascontiguousarray(kinds, np.uint8)
        self._absent = np.ascontiguousarray(absent_is_odd, np.bool_)
        self._capacity = max(batch_rows, MOST_CELLS)
        # Columns a power of two apart would lie in the same lines of the cache.
        self._stride = self._capacity + _APART
        wanted = self._kinds != SKIPPED
        is_text = self._kinds == BYTES
        self._shape = int((wanted & ~is_text).sum()), int(is_text.sum())
        slots = np.where(is_text, np.cumsum(is_text), np.cumsum(wanted & ~is_text)) - 1
        self._columns = np.flatnonzero(wanted).astype(np.int64)
        self._slots = np.ascontiguousarray(slots[wanted], np.int64)
        self._kinds, self._absent = self._kinds[wanted], self._absent[wanted]
        self._plans = np.zeros((_PLANS + 1, len(self._columns), 4), np.int64)
        self._met = np.zeros((_PLANS + 1, 4), np.int64)
        self._at = 0
        self._text_bytes = _FIRST_TEXT
        self._scratch = np.empty(0, np.uint8)
        self._state = np.empty((len(self._columns), self._stride), np.uint8)
        self._rowids, self._odd_rows = np.empty((2, self._capacity), np.int64)
        self._damaged = np.empty(len(leaves.page), np.int64)
        self._damages = 0

    @property
    def file_bytes(self) -> int:
        """Bytes that the file must still have when rows are read."""
        return len(self._pages.data)

    @property
    def damaged(self) -> Int64:
        """Pages so far whose rows are missing: int64 [n], page numbers."""
        return self._damaged[: self._damages]

    def read(self, memory: Bytes | None = None) -> Batch | None:
        """Give the next rows; None: there are no more.

        Args:
            memory: where `values` may be put, `value_bytes` long and aligned to 8 bytes.
        """
        numbers, texts = self._shape
        capacity = self._capacity
        if memory is None:
            memory = np.empty(self.value_bytes, np.uint8)
        stride = self._stride
        values = memory[: numbers * stride * 8].view(np.int64).reshape(numbers, stride)
        state, odd_rows, rowids = self._state, self._odd_rows, self._rowids
        state.fill(THERE)
        starts = np.zeros((texts, capacity + 1), np.int32)
        while True:
            text = np.empty((texts, self._text_bytes), np.uint8)
            pages = self._pages
            sizes = (pages.size, pages.usable, pages.number)
            where = (pages.data.ctypes.data, text.ctypes.data, self._scratch.ctypes.data)
            room = (capacity, self._text_bytes, len(self._scratch) - 8)
            status, self._at, rows, odd, self._damages, needed = _read(
                where, sizes, room, self._leaves.page, self._leaves.low, self._leaves.high,
                self._at, self._columns, self._slots, self._kinds, self._absent, self._plans,
                self._met, values, values.view(np.float64), state, starts,
                odd_rows, rowids, self._damaged, self._damages,
            )  # fmt: skip
            if status == _MORE_TEXT and rows and self._text_bytes < _MUCH_TEXT:
                self._text_bytes *= 2  # of the next batch, so that it has more rows
            if rows:
                return Batch(rows, values, state, starts, text, odd_rows[:odd], rowids)
            if status == _END:
                return None
            self._grow(status, needed)

    @property
    def value_bytes(self) -> int:
        """How many bytes the values of a batch take."""
        return self._shape[0] * self._stride * 8

    def _grow(self, status: int, needed: int) -> None:
        if status == _MORE_SCRATCH:
            self._scratch = np.empty(max(2 * len(self._scratch), needed + 8), np.uint8)
        elif needed > _MOST_TEXT:
            self._damaged[self._damages] = self._leaves.page[self._at]
            self._damages += 1
            self._at += 1
        else:
            self._text_bytes = min(max(2 * self._text_bytes, needed), _MOST_TEXT)


@inlined
def _spilled(
    base: int, sizes: tuple[int, int, int], at: int, local: int, payload: int, target: int
) -> bool:
    """Put a payload together that goes on in overflow pages; tell whether all was there."""
    size, usable, count = sizes
    copy_exactly(target, at, local)
    done = local
    following = big32(at + local)
    while done < payload:
        if following < 1 or following > count:
            return False
        page = base + (following - 1) * size
        part = min(usable - 4, payload - done)
        copy_exactly(target + done, page + 4, part)
        done += part
        following = big32(page)
    return True


@inlined
def _record(
    where: tuple[int, int, int], sizes: tuple[int, int, int], room: int, cell: int, end: int
) -> tuple[int, int, int, int]:
    """Find the record of a cell.

    Returns:
        Status; the rowid; where the record starts, or the scratch that it needs; and its length.
    """
    base, _, scratch = where
    size, usable, count = sizes
    payload, after = varint(cell, end)
    if after == 0 or payload < 1 or payload > count * size:
        return _DAMAGED, 0, 0, 0
    rowid, at = varint(after, end)
    if at == 0:
        return _DAMAGED, 0, 0, 0
    most = usable - 35
    if payload <= most:
        if at + payload > end:
            return _DAMAGED, 0, 0, 0
        return _PLAIN, rowid, at, payload
    least = (usable - 12) * 32 // 255 - 23
    local = least + (payload - least) % (usable - 4)
    if local > most:
        local = least
    if at + local + 4 > end:
        return _DAMAGED, 0, 0, 0
    if payload > room:
        return _MORE_SCRATCH, 0, payload, 0
    if not _spilled(base, sizes, at, local, payload, scratch + 8):
        return _DAMAGED, 0, 0, 0
    return _PLAIN, rowid, scratch + 8, payload


@inlined
def _length(serial: int) -> int:
    """Give the bytes of a value; -1: there is no such type."""
    if serial < 5:
        return serial if serial >= 0 else -1
    if serial < 12:
        if serial == 5:
            return 6
        if serial < 8:
            return 8
        return 0 if serial < 10 else -1
    return (serial - 12) >> 1


@inlined
def _plan_cell(plan: Int64, w: int, kind: int, serial: int, size: int, offset: int) -> int:
    """Say how a cell of a stored type becomes one of a wanted kind; what it will be."""
    found = THERE
    step, operand = _CONSTANT, 0
    if kind == ROWID or kind == REAL_ROWID:
        step = _OF_ROWID if kind == ROWID else _REAL_OF_ROWID
    elif serial == 0:
        found = NULL
    elif kind == BYTES:
        found = THERE if serial >= 12 else ODD
    elif serial >= 12 or (serial == 7 and kind == INTEGER):
        found = ODD
    elif serial == 7:
        step = _DOUBLE
    elif serial >= 8:
        operand = serial - 8
        if kind == REAL:
            operand *= _ONE
    else:
        step = _WHOLE if kind == INTEGER else _REAL_OF_WHOLE
        # The number is read as the end of eight bytes.
        operand, offset = 64 - 8 * size, offset + size - 8
    if kind == BYTES:
        step, operand = _TEXT, (size if found == THERE else 0)
    plan[w, 0], plan[w, 1], plan[w, 2], plan[w, 3] = step, offset, operand, found
    return found


@inlined
def _plan(
    start: int, length: int, columns: Int64, kinds: Bytes, absent: NDArray[np.bool_], plan: Int64
) -> tuple[int, int, int]:
    """Plan how records with this header are read.

    Returns:
        Status; the length of the header; whether a cell is odd.
    """
    end = start + length
    head, at = varint(start, end)
    if at == 0 or head > length or start + head < at:
        return _DAMAGED, 0, 0
    types_end = data = start + head
    column = w = odd = 0
    while at < types_end:
        serial, at = varint(at, types_end)
        size = _length(serial)
        if at == 0 or size < 0 or size > end - data:
            return _DAMAGED, 0, 0
        if w < columns.shape[0] and columns[w] == column:
            odd |= _plan_cell(plan, w, kinds[w], serial, size, data - start)
            w += 1
        data += size
        column += 1
    while w < columns.shape[0]:  # columns that were added after this row
        if _plan_cell(plan, w, kinds[w], 0, 0, 8) == NULL and absent[w]:
            plan[w, 3] = ODD
            odd |= ODD
        w += 1
    return (_PLAIN if data == end else _DAMAGED), head, odd & ODD


@inlined
def _home(start: int, length: int, last: int) -> tuple[int, int]:
    """Give the plan that a record of this header has if it is there; and the header's length.

    Those with long headers, and at the end of the file, have the last plan, which serves once.
    """
    head = signed(np.uint64(load8(start)))
    if head > _MOST_HEAD or start > last:
        return _PLANS, 0
    word = np.uint64(length)
    for at in range(0, head, 8):
        part = load64(start + at)
        if head - at < 8:
            part &= bits_below(8 * (head - at))
        word = (word ^ part) * np.uint64(0x9E3779B97F4A7C15)
        word ^= word >> np.uint64(32)
    return signed(word) & (_PLANS - 1), head


@inlined
def _is_planned(met: Int64, known: int, start: int, head: int, length: int) -> bool:
    if known == _PLANS or met[known, 0] == 0:
        return False
    if met[known, 1] != head or met[known, 2] != length:
        return False
    return same_bytes(start, met[known, 0], head)


@inlined
def _store(
    start: int, n: int, rowid: int, texts: int, room: int, slots: Int64, plan: Int64,
    values: Int64, reals: Float64, state: Bytes, starts: Int32,
) -> int:  # fmt: skip
    """Store the cells of a record; 0, or the bytes that a column of texts needs."""
    for w in range(slots.shape[0]):
        step, slot, operand, found = plan[w, 0], slots[w], plan[w, 2], plan[w, 3]
        if step == _WHOLE:
            values[slot, n] = (swapped(load64(start + plan[w, 1])) << operand) >> operand
        elif step == _CONSTANT:
            values[slot, n] = operand
        elif step == _TEXT:
            used = int(starts[slot, n])
            needed: int = used + operand
            if needed > room:
                return needed
            copy_exactly(texts + slot * room + used, start + plan[w, 1], operand)
            starts[slot, n + 1] = needed
        elif step == _DOUBLE:
            bits = swapped(load64(start + plan[w, 1]))
            values[slot, n] = bits
            # SQLite gives NULL for what is not a number.
            found = NULL if bits & 0x7FFFFFFFFFFFFFFF > 0x7FF0000000000000 else THERE
        elif step == _REAL_OF_WHOLE:
            whole = (swapped(load64(start + plan[w, 1])) << operand) >> operand
            reals[slot, n] = float(whole)
        elif step == _OF_ROWID:
            values[slot, n] = rowid
        else:
            reals[slot, n] = float(rowid)
        if found != THERE:
            state[w, n] = found
    return 0


@inlined
def _find_plan(
    start: int, length: int, before: int, base: int, last: int, columns: Int64, kinds: Bytes,
    absent: NDArray[np.bool_], plans: Int64, met: Int64,
) -> tuple[int, int]:  # fmt: skip
    """Give the status and the plan of a record; most have the header of the one before."""
    if start <= last and _is_planned(met, before, start, met[before, 1], length):
        return _PLAIN, before
    known, head = _home(start, length, last)
    if _is_planned(met, known, start, head, length):
        return _PLAIN, known
    met[known, 0] = 0
    status, head, is_odd = _plan(start, length, columns, kinds, absent, plans[known])
    if status == _PLAIN:
        met[known, 1], met[known, 2], met[known, 3] = head, length, is_odd
        # What was put together elsewhere will be overwritten.
        met[known, 0] = start if base <= start <= last else 0
    return status, known


@bare_kernel
def _read(
    where: tuple[int, int, int], sizes: tuple[int, int, int], room: tuple[int, int, int],
    leaves: Int64, lows: Int64, highs: Int64, at: int, columns: Int64, slots: Int64,
    kinds: Bytes, absent: NDArray[np.bool_], plans: Int64, met: Int64, values: Int64,
    reals: Float64, state: Bytes, starts: Int32,
    odd_rows: Int64, rowids: Int64, damaged: Int64, damages: int,
) -> tuple[int, int, int, int, int, int]:  # fmt: skip
    """Read whole pages until one does not fit.

    Returns:
        Status; the next leaf; rows; rows with odd cells; damaged pages; bytes needed.
    """
    n = odd = needed = 0
    known = _PLANS
    last = where[0] + sizes[0] * sizes[2] - _MOST_HEAD - 32
    while at < leaves.shape[0]:
        number = leaves[at]
        page = where[0] + (number - 1) * sizes[0]
        end = page + sizes[1]
        head = page + 100 if number == 1 else page
        cells = big16(head + 3)
        first = head + 8 + 2 * cells
        if n + cells > room[0] and first <= end:
            return _FULL, at, n, odd, damages, 0
        rows, odds = n, odd
        status = _PLAIN if first <= end else _DAMAGED
        low, high = lows[at], highs[at]
        for i in range(cells):
            cell = page + big16(head + 8 + 2 * i)
            if status != _PLAIN or cell < first or cell > end - 4:
                status = _DAMAGED if status == _PLAIN else status
                break
            status, rowid, start, length = _record(where, sizes, room[2], cell, end)
            if status != _PLAIN:
                needed = start
                break
            if rowid < low or rowid > high or (i > 0 and rowid == rowids[n - 1]):
                status = _DAMAGED
                break
            low = rowid
            status, known = _find_plan(
                start, length, known, where[0], last, columns, kinds, absent, plans, met
            )
            if status != _PLAIN:
                break
            needed = _store(start, n, rowid, where[1], room[1], slots, plans[known],
                            values, reals, state, starts)  # fmt: skip
            if needed:
                status = _TEXT_FULL
                break
            rowids[n] = rowid
            if met[known, 3]:
                odd_rows[odd] = n
                odd += 1
            n += 1
        if status != _PLAIN:
            state[:, rows : n + 1] = THERE
            n, odd = rows, odds
        if status == _DAMAGED:
            damaged[damages] = number
            damages += 1
        elif status != _PLAIN:
            more = _MORE_TEXT if status == _TEXT_FULL else _MORE_SCRATCH
            return more, at, n, odd, damages, needed
        at += 1
    return _END, at, n, odd, damages, 0
