"""One export, from its tables to chunks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from traceql.errors import CorruptTrace
from traceql.importers.nsight import cpu, cuda, generic, memory, metrics
from traceql.importers.nsight.calls import KNOWN, Spans
from traceql.importers.nsight.context import Context
from traceql.importers.nsight.cuda_events import EventTimes
from traceql.importers.nsight.files import file_accesses
from traceql.importers.nsight.inputs import opened
from traceql.importers.nsight.launches import Launches
from traceql.importers.nsight.nvtx import Nvtx
from traceql.importers.nsight.stacks import Stacks

if TYPE_CHECKING:
    from traceql.importers.nsight.inputs import Export
    from traceql.model.protocols import Chunk, Source

_NAMES = re.compile(
    r"(?:ENUM_|TARGET_INFO_|META_DATA_|EXPORT_META_DATA$|StringIds$|ThreadNames$|PROCESSES$"
    r"|ProcessStreams$|ANALYSIS_|MPI_RANKS$|MPI_COMMUNICATORS$|UCP_WORKERS$|UnwindMethodType$"
    r"|NVTX_(?:PAYLOAD|SCOPES|EXPORT)|GENERIC_EVENT_|NIC_ID_MAP$|NET_IB_DEVICE|sqlite_"
    r"|DIAGNOSTIC_EVENT$|DYNAMIC_NVTXPAYLOAD|NVTX_EVENTS_PAYLOAD_SCHEMAS$|NVTXT_META_EVENTS$"
    r"|PMU_EVENT_REQUESTS$|ETW_(?:PROVIDERS|TASKS)$|OSRT_FILE_ACCESS_DESCRIPTORS$)"
)
"""Tables that tell of others' rows and have none of their own on the timeline."""
_SEVERITIES = {1: "info", 2: "data_loss", 3: "error", 4: "info"}


class Reading:
    """Reads one export.

    Args:
        source: the file or folder.
        keep_environment: keep environment variables, user and host names, paths and commands.
    """

    def __init__(self, source: Source, *, keep_environment: bool) -> None:
        self._source, self._keep = source, keep_environment

    def chunks(self) -> Iterator[Chunk]:
        """Give the chunks, table after table.

        Raises:
            CorruptTrace: there is no table that an export has.
            MissingTool: it is a raw report, and there is no `nsys`.
        """
        with opened(self._source) as export:
            if not any(is_of_export(name) for name in export.tables):
                raise CorruptTrace(self._source.path, 0, "no table of an nsys export is in it")
            context = Context(export, keep_environment=self._keep)
            yield from context.facts.metadata()
            stacks = Stacks(context)
            stacks.read()
            yield from stacks.chunks()
            yield from _timeline(context)
            yield from _rest(context, export)
            _other_processes(context)
            yield from context.actors.chunks()
            yield from context.facts.device_chunk(context.actors.devices)
            _said(context)
            damage = [*export.damage, *self._source.damage]
            yield from context.diagnostics.chunk(damage)


def is_of_export(name: str) -> bool:
    """Tell whether a table is one that only exports of nsys have."""
    return name in KNOWN or name in cuda.WORKS or name.startswith(
        ("CUPTI_ACTIVITY_KIND_", "TARGET_INFO_", "ENUM_NSYS_")
    ) or name in {"NVTX_EVENTS", "META_DATA_EXPORT", "EXPORT_META_DATA", "SCHED_EVENTS",
                  "COMPOSITE_EVENTS", "GPU_METRICS", "GENERIC_EVENTS", "OSRT_API"}  # fmt: skip


def _timeline(context: Context) -> Iterator[Chunk]:
    """Read tables whose meaning is known; what encloses others comes first."""
    for table in ("NVTX_EVENTS", "NVTXT_EVENTS"):
        nvtx = Nvtx(context, table)
        nvtx.learn()
        yield from nvtx.chunks()
    for table, kind in KNOWN.items():
        if _has(context, table):
            yield from Spans(context, table, kind).chunks()
    events, launches = EventTimes(context), Launches()
    yield from cuda.Runtime(context, events, launches).chunks()
    for table in cuda.WORKS:
        yield from cuda.DeviceWork(context, table, launches).chunks()
    yield from launches.calls()
    yield from cuda.Synchronization(context).chunks()
    yield from events.chunks()
    yield from cpu.samples(context)
    yield from cpu.scheduling(context)
    yield from memory.allocations(context)
    for table in memory.INSTANTS:
        yield from memory.Instants(context, table).chunks()
    yield from file_accesses(context)
    yield from metrics.gpu_metrics(context)
    yield from metrics.network_metrics(context)
    yield from metrics.cpu_metrics(context)
    yield from metrics.context_switches(context)
    yield from generic.generic_events(context)


def _has(context: Context, table: str) -> bool:
    """Tell whether a table has rows with times; an OpenMP table may have none."""
    columns = {column.name for column in context.export.tables.get(table, ())}
    return "start" in columns and bool(context.export.count(table))


def _rest(context: Context, export: Export) -> Iterator[Chunk]:
    """Read tables that are not known: slices where they have a start and an end."""
    for table, listed in export.tables.items():
        if table in context.done or _NAMES.match(table):
            continue
        columns = {column.name for column in listed}
        if {"start", "end"} <= columns:
            yield from Spans(context, table).chunks()
        elif rows := export.count(table):
            context.diagnostics.count("table_not_read", rows)
            context.diagnostics.say(
                "info", f"table_not_read.{table}", rows,
                "Rows of a table that has neither start and end nor a known meaning.",
            )  # fmt: skip


def _other_processes(context: Context) -> None:
    """Number processes that have no events, but output, files or messages of their own."""
    for table in ("ProcessStreams", "ANALYSIS_FILE", "DIAGNOSTIC_EVENT"):
        for row in context.facts.all(table, globalPid="i"):
            if row["globalPid"] is not None:
                context.actors.process(row["globalPid"])


def _said(context: Context) -> None:
    """Pass on what nsys itself said of the capture, message by message."""
    seen: dict[tuple[str, str], int] = {}
    for row in context.facts.all("DIAGNOSTIC_EVENT", severity="i", text="s"):
        if row["text"]:
            key = (_SEVERITIES.get(row["severity"], "info"), row["text"])
            seen[key] = seen.get(key, 0) + 1
    for place, ((severity, text), count) in enumerate(seen.items()):
        context.diagnostics.say(severity, f"nsys.{place:03}", count, " ".join(text.split()))
