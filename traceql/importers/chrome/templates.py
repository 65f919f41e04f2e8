"""What templates of args say of work on devices: read once, and then looked up by number."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from traceql.importers.chrome.growing import Growing
from traceql.importers.chrome.kineto import parse
from traceql.kernels.gather import MISSING, SAID, gather
from traceql.model import tables

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Int64 = NDArray[np.int64]
    Bool = NDArray[np.bool_]

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


def fact(value: int | None) -> tuple[int, int]:
    """Give the value of a fact and its source, as `kernels.gather.gather` takes them."""
    if value is None:
        return 0, MISSING
    return (0, value - 1) if isinstance(value, Hole) else (value, SAID)


class Facts:
    """Rows of integers, of which some stand in lifted columns.

    Args:
        width: integers of a row.
    """

    def __init__(self, width: int) -> None:
        self._said = [Growing(np.int64) for _ in range(width)]
        self._source = [Growing(np.int8) for _ in range(width)]
        self._known = [False] * width

    def __len__(self) -> int:
        return len(self._said[0])

    def extend(self, rows: Sequence[Sequence[int | None]]) -> None:
        """Add rows; a hole says that the integer stands in a lifted column."""
        for field, column in enumerate(zip(*rows, strict=True)):
            said, sources = zip(*map(fact, column), strict=True)
            self.extend_field(field, np.array(said, np.int64), np.array(sources, np.int8))

    def extend_field(self, field: int, said: Int64, source: NDArray[np.int8]) -> None:
        """Add a field of some rows, as `kernels.gather.gather` takes it."""
        self._said[field].extend(said)
        self._source[field].extend(source)
        self._known[field] |= bool((source != MISSING).any())

    def knows(self, field: int) -> bool:
        """Tell whether any row has the field."""
        return self._known[field]

    def gather(
        self, field: int, rows: NDArray[np.int32], lifted: Int64, events: Int64
    ) -> tuple[Int64, Bool | None]:
        """Look a field up.

        Args:
            field: which.
            rows: int32 [n], numbers of rows; -1 has none.
            lifted: int64 [columns, events], the lifted integers.
            events: int64 [n], the event of each row.

        Returns:
            int64 [n]; bool [n], where there is none, or None where all are there.
        """
        if not self._known[field]:
            return np.zeros(rows.size, np.int64), np.ones(rows.size, np.bool_)
        values, missing = np.empty(rows.size, np.int64), np.empty(rows.size, np.bool_)
        said, source = self._said[field].array, self._source[field].array
        none = gather(said, source, rows, lifted, events, values, missing)
        return values, missing if none else None
