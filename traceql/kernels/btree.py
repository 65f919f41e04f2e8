"""Find the leaf pages of a table in a SQLite file, in order of their rowids.

Facts of the format: https://sqlite.org/fileformat2.html section 1.6. Every page is looked at once
at most, whatever the pointers of a damaged file say.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from traceql.kernels.decorator import bare_kernel
from traceql.kernels.sqlite_bytes import big16, big32, varint
from traceql.kernels.vector import load8

Int64 = NDArray[np.int64]
Bytes = NDArray[np.uint8]

INTERIOR, LEAF = 5, 13
_LEAST, _MOST = -(1 << 63), (1 << 63) - 1


class Pages(NamedTuple):
    """A file as pages."""

    data: Bytes
    """Uint8 [n], the whole file."""
    size: int
    """Bytes of a page."""
    usable: int
    """Bytes of a page that SQLite uses."""

    @property
    def number(self) -> int:
        """How many whole pages the file has."""
        return len(self.data) // self.size

    def check(self) -> None:
        """Make sure that kernels stay within the file.

        Raises:
            ValueError: the sizes are not possible.
        """
        if not (512 <= self.size <= 65536 and 480 <= self.usable <= self.size):
            raise ValueError(f"pages of {self.size} bytes with {self.usable} usable")
        if self.data.ndim != 1 or self.data.dtype != np.uint8 or not self.data.flags.c_contiguous:
            raise ValueError("the file is not an array of bytes")


class Leaves(NamedTuple):
    """Leaf pages, and which rowids can be on each."""

    page: Int64
    """Int64 [n], page numbers from 1."""
    low: Int64
    """Int64 [n], the least rowid that may be there."""
    high: Int64
    """Int64 [n], the greatest."""
    damaged: Int64
    """Int64 [m], pages that are no pages of a table, or point to such."""


def leaves(pages: Pages, root: int) -> Leaves:
    """Walk the tree of a table.

    Args:
        pages: the file; usable is between 480 and size.
        root: page number of the root.

    Raises:
        ValueError: the sizes are not possible.
    """
    pages.check()
    count = pages.number
    if not 1 <= root <= count:
        nothing = np.empty(0, np.int64)
        return Leaves(nothing, nothing, nothing, np.array([root], np.int64))
    met = np.zeros(count + 1, np.bool_)
    stack = np.empty((count, 3), np.int64)
    found = np.empty((count, 3), np.int64)
    damaged = np.empty(count, np.int64)
    base = pages.data.ctypes.data
    sizes = (pages.size, pages.usable, count)
    n, bad = _walk(base, sizes, root, met, stack, found, damaged)
    page, low, high = (np.ascontiguousarray(found[:n, k]) for k in range(3))
    return Leaves(page, low, high, damaged[:bad].copy())


@bare_kernel
def _walk(
    base: int,
    sizes: tuple[int, int, int],
    root: int,
    met: NDArray[np.bool_],
    stack: Int64,
    found: Int64,
    damaged: Int64,
) -> tuple[int, int]:
    size, usable, count = sizes
    n = bad = 0
    depth = 1
    stack[0, 0], stack[0, 1], stack[0, 2] = root, _LEAST, _MOST
    met[root] = True
    while depth > 0:
        depth -= 1
        number, low, high = stack[depth, 0], stack[depth, 1], stack[depth, 2]
        page = base + (number - 1) * size
        head = page + 100 if number == 1 else page
        kind = load8(head)
        if kind == LEAF:
            found[n, 0], found[n, 1], found[n, 2] = number, low, high
            n += 1
            continue
        cells = big16(head + 3)
        first = head + 12 + 2 * cells
        end = page + usable
        if kind != INTERIOR or first > end:
            damaged[bad] = number
            bad += 1
            continue
        is_whole = True
        start = depth
        for i in range(cells + 1):
            child, key = big32(head + 8), high
            if i < cells:
                cell = page + big16(head + 12 + 2 * i)
                after = 0
                if first <= cell <= end - 5:
                    child = big32(cell)
                    key, after = varint(cell + 4, end)
                if after == 0:
                    is_whole = False
                    continue
            if child < 1 or child > count or met[child]:
                is_whole = False
            else:
                met[child] = True
                stack[depth, 0], stack[depth, 1], stack[depth, 2] = child, low, min(key, high)
                depth += 1
            if key == _MOST:
                low = key
            elif key >= low:
                low = key + 1
        # The first child lies deepest; it has to come out first.
        for k in range((depth - start) // 2):
            for j in range(3):
                a, b = stack[start + k, j], stack[depth - 1 - k, j]
                stack[start + k, j], stack[depth - 1 - k, j] = b, a
        if not is_whole:
            damaged[bad] = number
            bad += 1
    return n, bad
