"""What templates of args say of work on devices: read once, and then looked up by number."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from traceql.importers.chrome.kineto import folded

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Int64 = NDArray[np.int64]
    Bool = NDArray[np.bool_]

_NULL, _SAID = -2, -1
_HOLE = re.compile(rb"\x01([A-P])")
_MARK = "hole of template "
_LETTER_A = 65


class Hole(int):
    """An integer that stands elsewhere: in lifted column `self - 1`.

    It goes through the readers of values as what it is, a small positive integer.
    """


def read(template: bytes) -> Mapping[str, Any] | None:
    """Parse a template, keys folded, with holes where lifted integers stood.

    None where a text in it could be taken for a hole.
    """
    if _MARK.encode() in template or b"\\u" in template:
        return None
    said = folded(_HOLE.sub(rb'"' + _MARK.encode() + rb'\1"', template))
    for key, value in said.items():
        if isinstance(value, str) and value.startswith(_MARK):
            said[key] = Hole(ord(value[-1]) - _LETTER_A + 1)
    return said


class Facts:
    """Rows of integers, of which some stand in lifted columns.

    Args:
        width: integers of a row.
    """

    def __init__(self, width: int) -> None:
        self._said = np.zeros((width, 64), np.int64)
        self._source = np.full((width, 64), _NULL, np.int8)
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def add(self, values: Sequence[int | None]) -> None:
        """Add a row."""
        if self._size == self._said.shape[1]:
            self._said = np.concatenate((self._said, np.zeros_like(self._said)), axis=1)
            self._source = np.concatenate((self._source, np.full_like(self._source, _NULL)), axis=1)
        self._said[:, self._size] = [
            0 if value is None or isinstance(value, Hole) else value for value in values
        ]
        self._source[:, self._size] = [
            _NULL if value is None else value - 1 if isinstance(value, Hole) else _SAID
            for value in values
        ]
        self._size += 1

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
