"""Links between calls and the work of devices that they launched, by correlation id.

Most calls launched nothing, but which is known only once the work was read: until then calls wait
in about two bytes each, so that no table is read twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from traceql.importers._columns import Growing, distinct, filled, picked, valid
from traceql.importers.nsight.actors import scope_of
from traceql.model.protocols import Chunk

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceql.importers._columns import Bool, Int64

_MOST_FLAGS = 1 << 26
"""Correlation ids that lie closer together than that are looked up by their place."""
_PART_ROWS = 1 << 15
"""The ids of so few calls in a row mostly lie within 16 bits."""


class _Linked(NamedTuple):
    """Spans with a correlation id and a scope, int64 [n] each."""

    ordinal: Int64
    scope: Int64
    correlation: Int64

    def chunk(self, scopes: pa.Array, role: str) -> Chunk:
        """Give the rows of `link`."""
        columns = {
            "ordinal": pa.array(self.ordinal),
            "scope": picked(scopes, self.scope),
            "correlation_id": pa.array(self.correlation),
            "role": picked(pa.array([role]), np.zeros(len(self.ordinal), np.int64)),
        }
        fields = [pa.field(name, column.type) for name, column in columns.items()]
        return Chunk(
            "link", pa.RecordBatch.from_arrays(list(columns.values()), schema=pa.schema(fields))
        )


class _Narrow(NamedTuple):
    """Numbers in as few bytes as what lies between them needs."""

    least: int
    most: int
    rows: int
    more: NDArray[np.unsignedinteger] | None
    """Unsigned [n], beyond the least; None: all are the same, or each is one more."""
    step: int

    @classmethod
    def of(cls, numbers: Int64) -> _Narrow:
        least, most, rows = int(numbers.min()), int(numbers.max()), len(numbers)
        if least == most:
            return cls(least, most, rows, None, 0)
        if most - least == rows - 1 and bool((numbers[1:] > numbers[:-1]).all()):
            return cls(least, most, rows, None, 1)
        kind = np.min_scalar_type(most - least)
        return cls(least, most, rows, (numbers - np.int64(least)).astype(kind), 0)

    def whole(self) -> Int64:
        if self.more is not None:
            return self.more.astype(np.int64) + np.int64(self.least)
        if self.step:
            return np.arange(self.least, self.least + self.rows)
        return np.full(self.rows, self.least, np.int64)

    def at(self, places: NDArray[np.intp]) -> Int64:
        """Give some of the numbers."""
        if self.more is not None:
            return self.more.take(places).astype(np.int64) + np.int64(self.least)
        return places * self.step + self.least


class Launches:
    """Tells calls and work by their correlation ids, and says what is linked."""

    def __init__(self) -> None:
        self._scopes = Growing()
        self._calls: list[list[tuple[_Narrow, ...]]] = []
        self._work: list[_Narrow] = []

    def _linked(self, spans: pa.RecordBatch, global_id: pa.Array) -> _Linked | None:
        """Give the spans with a correlation id of a process that is known; None: none has."""
        ids = spans["correlation_id"]
        has = valid(ids) & valid(global_id)
        if not has.any():
            return None
        found = distinct([global_id], len(global_id))
        numbers = [-1 if g is None else self._scopes.number(scope_of(g)) for (g,) in found.keys]
        scope = np.array(numbers, np.int64).take(found.codes)
        linked = _Linked(filled(spans["ordinal"]), scope, filled(ids))
        return linked if has.all() else _Linked(*(column[has] for column in linked))

    def call(self, spans: pa.RecordBatch, global_id: pa.Array) -> None:
        """Take calls, rows of `span`, each with the id of its thread."""
        linked = self._linked(spans, global_id)
        if linked is not None:
            self._calls.append([
                tuple(_Narrow.of(column[at : at + _PART_ROWS]) for column in linked)
                for at in range(0, len(linked.ordinal), _PART_ROWS)
            ])  # fmt: skip

    def work(self, spans: pa.RecordBatch, global_id: pa.Array) -> Iterator[Chunk]:
        """Take work of devices, each with the id of its process, and give its rows of `link`."""
        linked = self._linked(spans, global_id)
        if linked is not None:
            self._work.append(_Narrow.of(linked.correlation))
            yield linked.chunk(self._scopes.array, "device")

    def calls(self) -> Iterator[Chunk]:
        """Give the rows of `link` of calls that launched work; all work must have been taken."""
        awaited = _Awaited(self._work)
        for parts in self._calls if self._work else ():
            found = []
            for part in parts:
                *_, correlation = part
                places = np.flatnonzero(awaited.among(correlation.whole()))
                found.append(_Linked(*(column.at(places) for column in part)))
            whole = _Linked(*(np.concatenate(columns) for columns in zip(*found, strict=True)))
            if len(whole.ordinal):
                yield whole.chunk(self._scopes.array, "host")
        self._calls, self._work = [], []


class _Awaited:
    """Correlation ids of work, of whatever process."""

    def __init__(self, work: list[_Narrow]) -> None:
        self._least = min((ids.least for ids in work), default=0)
        most = max((ids.most for ids in work), default=0)
        self._is_there: Bool | None = None
        self._ids = np.empty(0, np.int64)
        if most - self._least < _MOST_FLAGS:
            self._is_there = np.zeros(most - self._least + 1, np.bool_)
            for ids in work:
                self._is_there[ids.whole() - self._least] = True
        else:
            self._ids = np.concatenate([ids.whole() for ids in work])

    def among(self, ids: Int64) -> Bool:
        """Tell which ids are of work."""
        there = self._is_there
        if there is None:
            return np.isin(ids, self._ids)
        most = self._least + len(there) - 1
        if self._least <= int(ids.min()) and int(ids.max()) <= most:
            return there.take(ids - self._least, mode="clip")
        inside = (ids >= self._least) & (ids <= most)
        return inside & there[np.where(inside, ids - self._least, 0)]
