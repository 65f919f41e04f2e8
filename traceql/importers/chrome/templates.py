"""What templates of args say of work on devices: read once, and then looked up by number."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from traceql.importers.chrome.kineto import parse
from traceql.model import tables

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Int64 = NDArray[np.int64]
    Bool = NDArray[np.bool_]

_NULL, _SAID = -2, -1
_HOLE = re.compile(rb"\x01[A-P]")


class Hole(int):
    """An integer that stands elsewhere: in lifted column `self - 1`.

    It goes through the readers of values as what it is, a small positive integer.
    """


KEYS = tables.table("slice").lifted_args
_FOLDED = [(key.lower(), Hole(k + 1)) for k, key in enumerate(KEYS)]


def read(template: bytes, holes: int) -> Mapping[str, Any] | None:
    """Parse a template, keys folded, with holes where lifted integers stood.

    Args:
        template: of args.
        holes: the set of its holes.

    Returns:
        None where two keys may be the same but for case or escapes: which of them counts, the slow
        path knows.
    """
    if b"\\u" in template:
        return None
    value = plainly(template)
    if value is None:
        return {}
    said = {key.lower(): part for key, part in value.items()}
    if len(said) < len(value):
        return None
    said.update(_holes(holes))
    return said


def plainly(template: bytes) -> dict[str, Any] | None:
    """Parse a template, zeros in its holes; None where it is no object that Python can parse."""
    value = parse(_HOLE.sub(b"0", template))
    return value if isinstance(value, dict) else None


@cache
def _holes(holes: int) -> dict[str, Hole]:
    return dict(_FOLDED[k] for k in range(len(_FOLDED)) if holes >> k & 1)


class Facts:
    """Rows of integers, of which some stand in lifted columns.

    Args:
        width: integers of a row.
    """

    def __init__(self, width: int) -> None:
        self._said = np.zeros((width, 64), np.int64)
        self._source = np.full((width, 64), _NULL, np.int8)
        self._size = 0
        self._sources: dict[tuple[int, tuple[type, ...]], list[int]] = {}

    def __len__(self) -> int:
        return self._size

    def extend(self, rows: Sequence[Sequence[int | None]], holes: Sequence[int]) -> None:
        """Add rows, each read from a template with these holes."""
        if not rows:
            return
        end = self._size + len(rows)
        if end > self._said.shape[1]:
            more = ((0, 0), (0, max(end, 2 * self._size) - self._said.shape[1]))
            self._said, self._source = np.pad(self._said, more), np.pad(self._source, more)
        said = [[value or 0 for value in row] for row in rows]
        source = [self._sources_of(row, hole) for row, hole in zip(rows, holes, strict=True)]
        self._said[:, self._size : end] = np.array(said, np.int64).T
        self._source[:, self._size : end] = np.array(source, np.int8).T
        self._size = end

    def _sources_of(self, row: Sequence[int | None], holes: int) -> list[int]:
        shape = holes, tuple(map(type, row))  # says which columns the holes are
        found = self._sources.get(shape)
        if found is None:
            found = self._sources[shape] = [
                _NULL if value is None else value - 1 if isinstance(value, Hole) else _SAID
                for value in row
            ]
        return found

    def gather(
        self, field: int, rows: NDArray[np.int32], lifted: Int64, events: Int64
    ) -> tuple[Int64, Bool | None]:
        """Look a field up.

        Args:
            field: which.
            rows: int32 [n], numbers of rows.
            lifted: int64 [columns, events], the lifted integers.
            events: int64 [n], the event of each row.

        Returns:
            int64 [n]; bool [n], where there is none, or None where all are there.
        """
        source = self._source[field]
        known = source[: self._size]
        highest, lowest = (known.max(), known.min()) if known.size else (_NULL, _NULL)
        if highest == _NULL:
            return np.zeros(rows.size, np.int64), np.ones(rows.size, np.bool_)
        values = self._said[field][rows]
        sources = source[rows]
        if highest >= 0:
            for column in np.flatnonzero(np.bincount(sources[sources >= 0], minlength=16)):
                here = np.flatnonzero(sources == column)
                values[here] = lifted[column][events[here]]
        missing = sources == _NULL if lowest == _NULL else None
        return values, missing
