"""Launch links: which host call launched which work of a device."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from traceql.assembly.columns import Labels, Values, array_of, values_of, where
from traceql.assembly.either import EitherSorter
from traceql.assembly.keys import KeySorter
from traceql.assembly.order import Memory, ints
from traceql.kernels.launch import Works
from traceql.kernels.order import is_sorted, sorted_rows
from traceql.model import tables

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceql.assembly.number import Numbering

    Int64 = NDArray[np.int64]

_STORED = tables.table("gpu_op").stored_schema
_COLUMNS = tuple(
    name for name in tables.table("gpu_span").arrow_schema.names if name in _STORED.names
)
_KINDS = {
    name: np.dtype(np.int32 if _STORED.field(name).type == pa.int32() else np.int64)
    for name in _COLUMNS
}
_LABELS = tuple(name for name in _COLUMNS if pa.types.is_string(_STORED.field(name).type))

_ROLES = ("host", "device")
NO_SLICE = -1


class Links:
    """Device work and its launches.

    Launch and work share (scope, correlation id). Slices are numbered in order of time, so the
    launch of an op is, of the host calls with its key, the one with the largest id up to its own
    (the innermost, where a runtime call encloses a driver call), else the first of all.
    """

    def __init__(self, memory: Memory, scratch: Path) -> None:
        self._scopes, self._roles = Labels(), Labels(_ROLES)
        self._labels = {name: Labels() for name in _LABELS}
        # Keys: scope, correlation, twice the ordinal and one more for device work.
        self._links = KeySorter("link", 3, memory, scratch, grouped=True)
        self._ops, self._placed = (
            EitherSorter(name, 1, _KINDS, memory, scratch, grouped=False, most_gaps=len(_COLUMNS))
            for name in ("gpu", "gpu-op")
        )
        self.duplicates = 0
        """Keys with more than one host call."""
        self.without_slice = 0
        """Rows of device work whose event made no slice."""

    def add_links(self, rows: pa.RecordBatch) -> None:
        """Take rows of staging `link`."""
        scope, role = self._scopes.encode(rows["scope"]), self._roles.encode(rows["role"])
        if scope is not None and role is not None:
            correlation, place = ints(rows["correlation_id"]), ints(rows["ordinal"]) << 1
            self._links.add((scope.values, correlation, place | (role.values == 1)))

    def add_ops(self, rows: pa.RecordBatch) -> None:
        """Take rows of staging `gpu_span`."""
        columns = {}
        for name in _COLUMNS:
            labels = self._labels.get(name)
            column = rows[name]
            found = labels.encode(column) if labels else values_of(column, wide=False)
            if found is not None:
                columns[name] = found
        self._ops.add((ints(rows["ordinal"]),), columns)

    def rows(self, numbers: Numbering) -> Iterator[pa.RecordBatch]:
        """Give the rows of `gpu_op` in order of their slice."""
        works = Works(numbers.rows)
        for rows in self._ops.sorted():
            ids = numbers.of(rows.keys()[0])
            there = ids != NO_SLICE
            if not there.all():
                self.without_slice += int((~there).sum())
                ids, rows = ids[there], rows.of(there)  # noqa: PLW2901  (fewer of them)
            works.add(ids)
            self._placed.move(ids[np.newaxis], rows)
        self._ops.clear()
        self._match(works, numbers)
        for rows in self._placed.sorted():
            ids = rows.keys()[0]
            call = works.calls(ids)
            yield self._op_rows(ids, rows.columns(), where(call, call != NO_SLICE))
        self._placed.clear()

    def _op_rows(self, ids: Int64, columns: dict[str, Values], launch: Values) -> pa.RecordBatch:
        known = {**columns, "slice_id": Values(ids, None), "launch_slice_id": launch}
        arrays, fields = [], []
        for field in _STORED:
            labels, column = self._labels.get(field.name), known.get(field.name)
            arrays.append(
                labels.coded(column, len(ids)) if labels else array_of(column, field.type, len(ids))
            )
            fields.append(field.with_type(arrays[-1].type))
        return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))

    def _match(self, works: Works, numbers: Numbering) -> None:
        """Find the calls that launched the works."""
        for scope, correlation, place in _whole_keys(self._links):
            ids = numbers.of(place >> 1)
            # Of one key, ids follow time, where ordinals follow the file.
            linked = np.stack([scope, correlation, ids << 1 | place & 1])
            if ids.min() == NO_SLICE:
                linked = linked[:, ids != NO_SLICE]
            if not is_sorted(*linked):
                linked = sorted_rows(linked)
            self.duplicates += works.match(linked[:2], linked[2])
        self._links.clear()


def _whole_keys(links: KeySorter) -> Iterator[Int64]:
    """Give all links, cut so that those of a key come together."""
    rest = np.empty((3, 0), np.int64)
    for rows in links.sorted():
        whole = np.concatenate([rest, rows], axis=1)
        starts = (whole[:2, 1:] != whole[:2, :-1]).any(axis=0)
        cut = int(starts.size - starts[::-1].argmax()) if starts.any() else 0
        if cut:
            yield whole[:, :cut]
        rest = whole[:, cut:]
    if rest.shape[1]:
        yield rest
