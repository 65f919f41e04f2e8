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
from traceql.kernels.sqlite_bytes import big16, big32, big_signed, copy_exactly, varint

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
_MOST_TEXT = (1 << 31) - 64
_FIRST_TEXT = 1 << 16


class Batch(NamedTuple):
    """Rows of a table, column after column in stored order."""

    rows: int
    values: Int64
    """Int64 [k, at least rows], of the columns that are numbers; reals as their bits."""
    state: Bytes
    """Uint8 [c, at least rows], of all columns wanted: NULL, THERE or ODD."""
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
        wanted = self._kinds != SKIPPED
        is_text = self._kinds == BYTES
        self._shape = int(wanted.sum()), int((wanted & ~is_text).sum()), int(is_text.sum())
        order = np.zeros((2, len(self._kinds)), np.int64)
        order[0] = np.cumsum(wanted) - 1
        order[1] = np.where(is_text, np.cumsum(is_text), np.cumsum(wanted & ~is_text)) - 1
        self._order = order
        self._at = 0
        self._text_bytes = _FIRST_TEXT
        self._scratch = np.empty(0, np.uint8)
        self._damaged = np.empty(len(leaves.page), np.int64)
        self._damages = 0

    @property
    def damaged(self) -> Int64:
        """Pages so far whose rows are missing: int64 [n], page numbers."""
        return self._damaged[: self._damages]

    def read(self, memory: Bytes | None = None) -> Batch | None:
        """Give the next rows; None: there are no more.

        Args:
            memory: where `values` may be put, `value_bytes` long and aligned to 8 bytes.
        """
        wanted, numbers, texts = self._shape
        capacity = self._capacity
        if memory is None:
            memory = np.empty(self.value_bytes, np.uint8)
        values = memory[: numbers * capacity * 8].view(np.int64).reshape(numbers, capacity)
        state = np.empty((wanted, capacity), np.uint8)
        starts = np.zeros((texts, capacity + 1), np.int32)
        odd_rows, rowids = np.empty(capacity, np.int64), np.empty(capacity, np.int64)
        while True:
            text = np.empty((texts, self._text_bytes), np.uint8)
            pages = self._pages
            sizes = (pages.size, pages.usable, pages.number)
            where = (pages.data.ctypes.data, text.ctypes.data, self._scratch.ctypes.data)
            room = (capacity, self._text_bytes, len(self._scratch) - 8)
            status, self._at, rows, odd, self._damages, needed = _read(
                where, sizes, room, self._leaves.page, self._leaves.low, self._leaves.high,
                self._at, self._kinds, self._order, self._absent, values, values.view(np.float64),
                state, starts, odd_rows, rowids, self._damaged, self._damages,
            )  # fmt: skip
            if rows:
                return Batch(rows, values, state, starts, text, odd_rows[:odd], rowids)
            if status == _END:
                return None
            self._grow(status, needed)

    @property
    def value_bytes(self) -> int:
        """How many bytes the values of a batch take."""
        return self._shape[1] * self._capacity * 8

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
def _number(
    kind: int, serial: int, at: int, length: int, slot: int, n: int, values: Int64, reals: Float64
) -> int:
    """Store a number as int64 or float64; what the cell is."""
    if serial == 0:
        values[slot, n] = 0
        return NULL
    if serial == 7:
        bits = big_signed(at, 8)
        values[slot, n] = bits
        if kind == INTEGER:
            return ODD
        # SQLite gives NULL for what is not a number.
        return NULL if bits & 0x7FFFFFFFFFFFFFFF > 0x7FF0000000000000 else THERE
    if serial >= 12:
        values[slot, n] = 0
        return ODD
    value = serial - 8 if serial >= 8 else big_signed(at, length)
    if kind == INTEGER:
        values[slot, n] = value
    else:
        reals[slot, n] = float(value)
    return THERE


@inlined
def _text(
    serial: int, at: int, length: int, slot: int, n: int, starts: Int32, texts: int, room: int
) -> int:
    """Store a text or blob; what the cell is, or minus the bytes that are needed."""
    used = int(starts[slot, n])
    starts[slot, n + 1] = used
    if serial == 0:
        return NULL
    if serial < 12:
        return ODD
    if used + length > room:
        return -(used + length)
    copy_exactly(texts + slot * room + used, at, length)
    starts[slot, n + 1] = used + length
    return THERE


@inlined
def _cells(
    start: int, length: int, n: int, rowid: int, texts: int, room: int, kinds: Bytes, order: Int64,
    absent: NDArray[np.bool_], values: Int64, reals: Float64, state: Bytes, starts: Int32,
) -> tuple[int, int]:  # fmt: skip
    """Store the columns of a record; status, and whether a cell is odd or the bytes needed."""
    end = start + length
    head, at = varint(start, end)
    if at == 0 or head > length or start + head < at:
        return _DAMAGED, 0
    types_end = data = start + head
    column = odd = 0
    while at < types_end or column < kinds.shape[0]:
        serial = size = 0
        kind = SKIPPED
        if column < kinds.shape[0]:
            kind = kinds[column]
        is_absent = at >= types_end
        if not is_absent:
            serial, at = varint(at, types_end)
            size = _length(serial)
            if at == 0 or size < 0 or size > end - data:
                return _DAMAGED, 0
        if kind != SKIPPED:
            slot = order[1, column]
            if kind == BYTES:
                found = _text(serial, data, size, slot, n, starts, texts, room)
                if found < 0:
                    return _TEXT_FULL, -found
            elif kind == INTEGER or kind == REAL:
                found = _number(kind, serial, data, size, slot, n, values, reals)
            else:
                found = THERE
                if kind == ROWID:
                    values[slot, n] = rowid
                else:
                    reals[slot, n] = float(rowid)
            if is_absent and absent[column] and found == NULL:
                found = ODD
            odd |= found
            state[order[0, column], n] = found
        data += size
        column += 1
    return (_PLAIN if data == end else _DAMAGED), odd & ODD


@bare_kernel
def _read(
    where: tuple[int, int, int], sizes: tuple[int, int, int], room: tuple[int, int, int],
    leaves: Int64, lows: Int64, highs: Int64, at: int, kinds: Bytes, order: Int64,
    absent: NDArray[np.bool_], values: Int64, reals: Float64, state: Bytes, starts: Int32,
    odd_rows: Int64, rowids: Int64, damaged: Int64, damages: int,
) -> tuple[int, int, int, int, int, int]:  # fmt: skip
    """Read whole pages until one does not fit.

    Returns:
        Status; the next leaf; rows; rows with odd cells; damaged pages; bytes needed.
    """
    n = odd = needed = 0
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
            status, needed = _cells(start, length, n, rowid, where[1], room[1], kinds, order,
                                    absent, values, reals, state, starts)  # fmt: skip
            if status != _PLAIN:
                break
            rowids[n] = rowid
            if needed:
                odd_rows[odd] = n
                odd += 1
            n += 1
        if status != _PLAIN:
            n, odd = rows, odds
        if status == _DAMAGED:
            damaged[damages] = number
            damages += 1
        elif status != _PLAIN:
            if n > 0:
                return _FULL, at, n, odd, damages, 0
            more = _MORE_TEXT if status == _TEXT_FULL else _MORE_SCRATCH
            return more, at, 0, 0, damages, needed
        at += 1
    return _END, at, n, odd, damages, 0
