"""Per-name statistics of closed slices: small, and they add up over traces."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from traceql.assembly.order import ints
from traceql.kernels.histogram import Accumulator
from traceql.kernels.totals import Totals
from traceql.model import tables

STORED = tables.table("sketch").stored_schema


class Sketch:
    """Adds up finished slices by name."""

    def __init__(self) -> None:
        self._totals, self._histogram = Totals(), Accumulator()

    def add(self, slices: pa.RecordBatch) -> None:
        """Take finished slices; those that were never closed are left out."""
        # Group 0 is the null name.
        group = ints(slices["name_id"]) + 1
        dur = ints(slices["dur"])
        self._totals.add(group, dur, ints(slices["self_dur"], 0))
        self._histogram.add(group, dur)

    def rows(self) -> pa.RecordBatch:
        """Give the rows of `sketch`, ordered by name_id, the null name last."""
        totals, buckets = self._totals.result(), self._histogram.result()
        pairs = np.stack([buckets.bucket, buckets.counted], axis=1).astype("<i4")
        ends = np.searchsorted(buckets.group, totals.group, "right")
        starts = np.searchsorted(buckets.group, totals.group, "left")
        # A loop over names, not rows: each has its own piece of bytes.
        histograms = [
            pairs[start:end].tobytes()
            for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
        ]
        rows = pa.RecordBatch.from_arrays(
            [
                pa.array(totals.group - 1, pa.int32(), mask=totals.group == 0),
                pa.array(totals.counted),
                pa.array(totals.total),
                pa.array(totals.total_self),
                pa.array(totals.smallest),
                pa.array(totals.largest),
                pa.array(histograms, pa.binary()),
            ],
            schema=STORED,
        )
        nameless = int(len(totals.group) > 0 and totals.group[0] == 0)
        order = np.roll(np.arange(rows.num_rows), -nameless)
        return rows.take(pa.array(order))
