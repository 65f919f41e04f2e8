"""Launch links: which host call launched which work of a device."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from traceql.assembly.columns import Labels, Values, array_of, values_of, where
from traceql.assembly.order import Memory, ints
from traceql.assembly.rows import RowSorter
from traceql.kernels.order import argsort
from traceql.model import tables

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceql.assembly.number import Numbering

    Int64 = NDArray[np.int64]

_STORED = tables.table("gpu_op").stored_schema
_COLUMNS = tuple(
    name for name in tables.table("gpu_span").arrow_schema.names if name in _STORED.names
)
_LABELS = tuple(name for name in _COLUMNS if pa.types.is_string(_STORED.field(name).type))

NO_SLICE = -1


class Links:
    """Device work and its launches.

    Launch and work share (scope, correlation id). Slices are numbered in order of time, so the
    launch of an op is, of the host calls with its key, the one with the largest id up to its own
    (the innermost, where a runtime call encloses a driver call), else the first of all.
    """

    def __init__(self, memory: Memory, scratch: Path) -> None:
        self._scopes = Labels()
        self._labels = {name: Labels() for name in _LABELS}
        # Keys: scope, correlation, ordinal, 1 for device work.
        self._links = RowSorter("link", 4, (), memory, scratch)
        self._ops = RowSorter("gpu", 1, _COLUMNS, memory, scratch)
        self._placed = RowSorter("gpu-op", 1, _COLUMNS, memory, scratch)
        self.duplicates = 0
        """Keys with more than one host call."""
        self.without_slice = 0
        """Rows of device work whose event made no slice."""

    def add_links(self, rows: pa.RecordBatch) -> None:
        """Take rows of staging `link`."""
        scope = self._scopes.encode(rows["scope"])
        if scope is not None:
            is_device = ints(pc.equal(rows["role"], "device"))
            correlation = ints(rows["correlation_id"])
            self._links.add((scope.values, correlation, ints(rows["ordinal"]), is_device), {})

    def add_ops(self, rows: pa.RecordBatch) -> None:
        """Take rows of staging `gpu_span`."""
        columns = {}
        for name in _COLUMNS:
            labels = self._labels.get(name)
            found = labels.encode(rows[name]) if labels else values_of(rows[name])
            if found is not None:
                columns[name] = found
        self._ops.add((ints(rows["ordinal"]),), columns)

    def rows(self, numbers: Numbering) -> Iterator[pa.RecordBatch]:
        """Give the rows of `gpu_op` in order of their slice."""
        device, launch = self._launches(numbers)
        for rows in self._ops.sorted(parts=4):
            ids = numbers.of(rows.keys()[0])
            there = ids != NO_SLICE
            self.without_slice += int((~there).sum())
            columns = {name: column.of(there) for name, column in rows.columns().items()}
            self._placed.add((ids[there],), columns)
        self._ops.clear()
        for rows in self._placed.sorted():
            ids = rows.keys()[0]
            yield self._op_rows(ids, rows.columns(), _launch_of(ids, device, launch))
        self._placed.clear()

    def _op_rows(self, ids: Int64, columns: dict[str, Values], launch: Values) -> pa.RecordBatch:
        known = {**columns, "slice_id": Values(ids, None), "launch_slice_id": launch}
        arrays = []
        for field in _STORED:
            labels, column = self._labels.get(field.name), known.get(field.name)
            arrays.append(
                labels.decode(column, len(ids))
                if labels
                else array_of(column, field.type, len(ids))
            )
        return pa.RecordBatch.from_arrays(arrays, schema=_STORED)

    def _launches(self, numbers: Numbering) -> tuple[Int64, Int64]:
        """Give slices of device work, ascending, and the slices that launched them.

        Sixteen bytes for each row of device work, the only thing here that is not on disk.
        """
        found = [(np.empty(0, np.int64), np.empty(0, np.int64))]
        for scope, correlation, ordinal, is_device in _whole_keys(self._links):
            ids = numbers.of(ordinal)
            linked = np.stack([scope, correlation, ids, is_device])[:, ids != NO_SLICE]
            if linked.shape[1]:
                # Of one key, ids follow time, where ordinals follow the file.
                found.append(self._launched(linked[:, argsort(*linked)]))
        self._links.clear()
        device, launch = (np.concatenate(column) for column in zip(*found, strict=True))
        order = argsort(device)
        return device[order], launch[order]

    def _launched(self, links: Int64) -> tuple[Int64, Int64]:
        place, is_device = links[2], links[3] == 1
        starts = _key_starts(links)
        group = np.cumsum(starts) - 1
        first = np.flatnonzero(starts)
        last = np.append(first[1:], len(place)) - 1
        row = np.arange(len(place))
        before = np.maximum.accumulate(np.where(is_device, -1, row))
        after = np.minimum.accumulate(np.where(is_device, len(place), row)[::-1])[::-1]
        call = np.where(before >= first[group], before, after)
        linked = is_device & (call >= first[group]) & (call <= last[group])
        self.duplicates += int((np.bincount(group, ~is_device) > 1).sum())
        return place[linked], place[call[linked]]


def _launch_of(ids: Int64, device: Int64, launch: Int64) -> Values:
    if not len(device):
        return where(ids, np.zeros(len(ids), np.bool_))
    found = np.searchsorted(device, ids)
    found[found == len(device)] = 0
    return where(launch[found], device[found] == ids)


def _key_starts(links: Int64) -> NDArray[np.bool_]:
    starts = np.ones(links.shape[1], np.bool_)
    starts[1:] = (links[:2, 1:] != links[:2, :-1]).any(axis=0)
    return starts


def _whole_keys(links: RowSorter) -> Iterator[Int64]:
    """Give all links, cut so that those of a key come together."""
    rest = np.empty((4, 0), np.int64)
    for rows in links.sorted(parts=4):
        whole = np.concatenate([rest, rows.keys()], axis=1)
        cut = int(np.flatnonzero(_key_starts(whole))[-1])
        if cut:
            yield whole[:, :cut]
        rest = whole[:, cut:]
    if rest.shape[1]:
        yield rest
