"""Calls of HIP, HSA, RCCL and others, and roctx markers: one form of table for all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from traceql.importers._rocm.names import category_of, worded
from traceql.importers._rocm.rows import Slices, Writer, timed

if TYPE_CHECKING:
    from traceql.importers.rocprofv3.runs import Run, Table
    from traceql.model.protocols import Chunk


def calls(run: Run, table: Table) -> Iterator[Chunk]:
    """Give the calls of a file; a marker without length is an instant."""
    writer = Writer(run.trace)
    for columns in table.batches():
        for name in ("process_id", "thread_id", "correlation_id", "start_timestamp",
                     "end_timestamp"):  # fmt: skip
            columns[f"={name}"] = table.integers(table.take(columns, name))
        rows = timed(run.trace, columns, "=start_timestamp", "=end_timestamp")
        domain = table.take(rows, "domain")
        start, end = rows.pop("=start_timestamp"), rows.pop("=end_timestamp")
        pids, tids = rows.pop("=process_id"), rows.pop("=thread_id")
        correlation = rows.pop("=correlation_id")
        names, guids = table.take(rows, "function"), table.take(rows | {"": domain}, "guid")
        rows = {name: column for name, column in rows.items() if name.lower() != "guid"}
        upids = run.upids(pids, tids, guids)
        run.trace.actors.utids(upids, tids)
        yield from writer.slices(Slices(
            start, end, run.trace.actors.thread_tracks(upids, tids), names,
            worded(domain, category_of), upids, correlation,
            {"Domain": domain, **table.rest(rows)},
        ))  # fmt: skip
