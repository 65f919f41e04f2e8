"""Launch links: which host call launched which work of a device."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from traceql.assembly.order import Memory, Sorter, by, concat, ints
from traceql.model import tables

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceql.assembly.number import Numbering

    Int64 = NDArray[np.int64]

_LINK = pa.schema(
    [
        ("place", pa.int64()),
        ("scope_id", pa.int32()),
        ("correlation_id", pa.int64()),
        ("is_device", pa.bool_()),
    ]
)
_GPU_STORED = tables.table("gpu_op").stored_schema
_GPU_SPAN = tables.table("gpu_span").arrow_schema

NO_SLICE = -1


class Links:
    """Device work and its launches.

    Launch and work share (scope, correlation id). Slices are numbered in order of time, so the
    launch of an op is, of the host calls with its key, the one with the largest id up to its own
    (the innermost, where a runtime call encloses a driver call), else the first of all.
    """

    def __init__(self, memory: Memory, scratch: Path) -> None:
        self._memory, self._scratch = memory, scratch
        self._scopes: dict[str, int] = {}
        self._links = Sorter("link", _LINK, lambda _: (), memory, scratch)
        self._ops = Sorter("gpu", _GPU_SPAN, lambda _: (), memory, scratch)
        self.duplicates = 0
        """Keys with more than one host call."""
        self.without_slice = 0
        """Rows of device work whose event made no slice."""

    def add_links(self, rows: pa.RecordBatch) -> None:
        """Take rows of staging `link`."""
        scopes = rows["scope"].dictionary_encode()
        numbers = [
            self._scopes.setdefault(t, len(self._scopes)) for t in scopes.dictionary.to_pylist()
        ]
        scope = pa.array(numbers, pa.int32()).take(scopes.indices)
        is_device = pc.equal(rows["role"], "device")
        columns = [rows["ordinal"], scope, rows["correlation_id"], is_device]
        self._links.add(pa.RecordBatch.from_arrays(columns, schema=_LINK))

    def add_ops(self, rows: pa.RecordBatch) -> None:
        """Take rows of staging `gpu_span`."""
        self._ops.add(rows)

    def rows(self, numbers: Numbering) -> Iterator[pa.RecordBatch]:
        """Give the rows of `gpu_op` in order of their slice."""
        device, launch = self._launches(numbers)
        ops = Sorter("gpu-op", _GPU_STORED, by("slice_id"), self._memory, self._scratch)
        for rows in self._ops.sorted():
            ids = numbers.of(ints(rows["ordinal"]))
            there = ids != NO_SLICE
            self.without_slice += int((~there).sum())
            ops.add(_op_rows(rows, ids, device, launch).filter(pa.array(there)))
        self._ops.clear()
        yield from ops.sorted()
        ops.clear()

    def _launches(self, numbers: Numbering) -> tuple[Int64, Int64]:
        """Give slices of device work, ascending, and the slices that launched them."""
        keyed = Sorter(
            "link-key",
            _LINK,
            by("scope_id", "correlation_id", "place", "is_device"),
            self._memory,
            self._scratch,
        )
        for rows in self._links.sorted():
            ids = numbers.of(ints(rows["place"]))
            linked = rows.set_column(0, _LINK.field(0), pa.array(ids))
            keyed.add(linked.filter(pa.array(ids != NO_SLICE)))
        self._links.clear()
        # Eight bytes for each row of device work, the only thing here that is not on disk.
        found = [(np.empty(0, np.int64), np.empty(0, np.int64))]
        found += [self._launched(group) for group in _whole_keys(keyed.sorted())]
        keyed.clear()
        device, launch = (np.concatenate(column) for column in zip(*found, strict=True))
        order = np.argsort(device, kind="stable")
        return device[order], launch[order]

    def _launched(self, rows: pa.RecordBatch) -> tuple[Int64, Int64]:
        place = ints(rows["place"])
        is_device = ints(rows["is_device"]) == 1
        starts = _key_starts(rows)
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


def _op_rows(rows: pa.RecordBatch, ids: Int64, device: Int64, launch: Int64) -> pa.RecordBatch:
    found = np.searchsorted(device, ids)
    found[found == len(device)] = 0
    missing = device[found] != ids if len(device) else np.ones(len(ids), np.bool_)
    launched = launch[found] if len(device) else ids
    columns = {name: rows[name] for name in rows.schema.names if name in _GPU_STORED.names}
    columns["slice_id"] = pa.array(ids, pa.int32())
    columns["launch_slice_id"] = pa.array(launched, pa.int32(), mask=missing)
    return pa.RecordBatch.from_arrays(
        [columns[name] for name in _GPU_STORED.names], schema=_GPU_STORED
    )


def _key_starts(rows: pa.RecordBatch) -> NDArray[np.bool_]:
    starts = np.ones(rows.num_rows, np.bool_)
    scope, correlation = ints(rows["scope_id"]), ints(rows["correlation_id"])
    starts[1:] = (scope[1:] != scope[:-1]) | (correlation[1:] != correlation[:-1])
    return starts


def _whole_keys(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Cut batches between keys, so that all rows of a key come together."""
    rest: list[pa.RecordBatch] = []
    for batch in batches:
        whole = concat([*rest, batch], _LINK)
        cut = int(np.flatnonzero(_key_starts(whole))[-1])
        if cut:
            yield whole.slice(0, cut)
        rest = [whole.slice(cut)]
    if rest and rest[0].num_rows:
        yield rest[0]
