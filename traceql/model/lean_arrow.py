"""Spare Arrow what costs much and is for nothing.

That is to import pandas, a quarter of a second, only to learn that none is used; and to make
columns without any value again and again.
"""

from __future__ import annotations

import importlib
import sys
import threading
from importlib.machinery import ModuleSpec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

_PANDAS = "pandas"
_MOST_NULLS = 1 << 18
_of_nulls: dict[pa.DataType, pa.Array] = {}


class _Hidden:
    """A finder of modules that says there is no pandas."""

    @staticmethod
    def find_spec(name: str, _path: object = None, _target: object = None) -> ModuleSpec | None:
        if name == _PANDAS:
            raise ModuleNotFoundError(name, name=name)
        return None


def spare_pandas() -> None:
    """Let pyarrow look for pandas now, and find none, if nobody has imported it.

    pyarrow looks once, when it first makes an array or a scalar; what really needs pandas, such as
    `Table.to_pandas`, looks again and finds it. Where other threads run nothing is hidden, since
    they might want pandas just then.
    """
    if _PANDAS in sys.modules or threading.active_count() > 1:
        return
    arrow = importlib.import_module("pyarrow")
    hidden = _Hidden()
    sys.meta_path.insert(0, hidden)
    try:
        arrow.array([], arrow.int8())
        arrow.scalar("")
    finally:
        sys.meta_path.remove(hidden)


def nulls(rows: int, kind: pa.DataType) -> pa.Array:
    """Give an array of nulls: the memory of one that was made before, if it is long enough."""
    import pyarrow as pa

    if rows > _MOST_NULLS:
        return pa.nulls(rows, kind)
    known = _of_nulls.get(kind)
    if known is None or len(known) < rows:
        known = _of_nulls[kind] = pa.nulls(rows, kind)
    return known if len(known) == rows else known.slice(0, rows)
