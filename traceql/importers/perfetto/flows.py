"""Flows of track events: all points are held, since the first in time is the start."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import TYPE_CHECKING

from traceql.model import tables
from traceql.model.protocols import Chunk

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from traceql.importers.perfetto.context import Context

    Int64 = NDArray[np.int64]

TERMINATES, ENCLOSING = 1, 2
_BATCH_ROWS = 1 << 16


class Flows:
    """Points of flows as numbers, 40 bytes each."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._ids, self._numbers = array("Q"), array("q")

    def point(
        self, flow_id: int, ordinal: int, ts: int, track_id: int, *, terminates: bool,
        enclosing: bool,
    ) -> None:  # fmt: skip
        """Add a point: of the slice of an ordinal, or of the one that ends at a time."""
        self._ids.append(flow_id)
        flags = TERMINATES * terminates | ENCLOSING * enclosing
        # What ends at a time encloses the nanosecond before.
        self._numbers.extend((ordinal, ts - enclosing, track_id, flags))

    def points(
        self, flow_ids: Int64, ordinals: Int64, ts: Int64, tracks: Int64, flags: Int64
    ) -> None:
        """Add points of many events.

        Args:
            flow_ids: int64 [n], as bits.
            ordinals: int64 [n].
            ts: int64 [n].
            tracks: int64 [n].
            flags: int64 [n], of TERMINATES and ENCLOSING.
        """
        import numpy as np

        before = ts - (flags & ENCLOSING != 0)
        rows = np.stack([ordinals, before, tracks, flags], axis=1)
        self._ids.frombytes(flow_ids.tobytes())
        self._numbers.frombytes(np.ascontiguousarray(rows).tobytes())

    def chunks(self) -> Iterator[Chunk]:
        """Give the rows of `flow_point`, in the order of the file.

        Of each flow the first point in time is the start, and so is the first one after an end.
        """
        import numpy as np
        import pyarrow as pa

        if not self._ids:
            return
        ids = np.frombuffer(self._ids, np.uint64)
        ordinal, ts, track, flags = np.frombuffer(self._numbers, np.int64).reshape(-1, 4).T
        ends = flags & TERMINATES != 0
        order = np.lexsort((ordinal, ts, ids))
        key, over = ids[order], ends[order]
        first = np.ones(len(order), np.bool_)
        first[1:] = (key[1:] != key[:-1]) | over[:-1]
        step = np.empty(len(order), np.int64)
        step[order] = np.where(over, 2, np.where(first, 0, 1))
        steps = np.array(["start", "step", "end"], object)
        bindings = np.array(["own", "enclosing"], object)
        bound = (flags & ENCLOSING != 0).astype(np.int64)
        for start in range(0, len(order), _BATCH_ROWS):
            here = slice(start, start + _BATCH_ROWS)
            yield Chunk("flow_point", tables.conform("flow_point", {
                "ordinal": ordinal[here], "ts": ts[here],
                "track_id": track[here].astype(np.int32),
                "key": pa.array(ids[here]).cast(pa.string()),
                "step": pa.array(steps[step[here]], pa.string()),
                "binding": pa.array(bindings[bound[here]], pa.string()),
            }))  # fmt: skip
