"""Links of calls and work, against sets of correlation ids."""

from __future__ import annotations

from unittest.mock import patch

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from traceql.importers.nsight import launches
from traceql.importers.nsight.launches import Launches

THREAD = 0x0001_0000_0123_4567
ids = st.integers(-5, 5) | st.integers(2**40, 2**40 + 300) | st.just(-(2**63))
batches = st.lists(st.lists(st.none() | ids, min_size=1, max_size=9), max_size=4)


def taken(batch: list[int | None], first: int) -> tuple[pa.RecordBatch, pa.Array]:
    spans = {
        "ordinal": pa.array(range(first, first + len(batch)), pa.int64()),
        "correlation_id": pa.array(batch, pa.int64()),
    }
    return pa.RecordBatch.from_pydict(spans), pa.array([THREAD] * len(batch), pa.int64())


@given(batches, batches, st.sampled_from([1, 3, 1 << 15]), st.sampled_from([2, 1 << 26]))
def test_calls_that_launched_work_are_linked_in_order(calls, work, part_rows, most_flags):
    numbered, first = [], 0
    for batch in calls:
        numbered.append((batch, first))
        first += len(batch)
    links = Launches()
    with (
        patch.object(launches, "_PART_ROWS", part_rows),
        patch.object(launches, "_MOST_FLAGS", most_flags),
    ):
        for batch, at in numbered:
            links.call(*taken(batch, at))
        device = [chunk for batch in work for chunk in links.work(*taken(batch, 0))]
        host = list(links.calls())

    launched = {id_ for batch in work for id_ in batch if id_ is not None}
    expected = [
        (at + place, id_)
        for batch, at in numbered
        for place, id_ in enumerate(batch)
        if id_ in launched
    ]
    rows = [row for chunk in host for row in chunk.rows.to_pylist()]
    assert [(row["ordinal"], row["correlation_id"]) for row in rows] == expected
    assert {row["role"] for row in rows} <= {"host"}
    assert {row["correlation_id"] for c in device for row in c.rows.to_pylist()} == launched
