"""Sampled metrics: of GPUs and SoCs, of network adapters, CPU counters, and generic events."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from traceql.importers._columns import filled, mapped
from traceql.model import tables
from traceql.model.protocols import Chunk

if TYPE_CHECKING:
    from traceql.importers.nsight.context import Context

_GPU_MASK = 0xFF
_UNITS = (
    (re.compile(r"clock frequency", re.IGNORECASE), "Hz"),
    (re.compile(r"\[?throughput %\]?|%|\b(active|in flight|unused warp slots|issue|bandwidth|"
                r"(read|write) throughput|unallocated warps.*)\b", re.IGNORECASE), "%"),
    (re.compile(r"requests to bar1", re.IGNORECASE), "count"),
)  # fmt: skip
"""Unit by name, for metrics of a GPU: clocks are hertz, what is a share is in percent."""
_NAMED_UNITS = re.compile(
    r"(?:[\[(_ ])(mW|W|watts|mJ|J|°?C|celsius|MHz|GHz|Hz|kHz|MiB|GiB|KiB|MB|bytes|B|%|ns|us|ms|s)"
    r"[\])]?\s*$"
)
"""A unit at the end of the name of a field: `power_mW`, `Temperature (C)`."""


def gpu_metrics(context: Context) -> Iterator[Chunk]:
    """Give GPU_METRICS and SOC_METRICS: a track for each metric of each device."""
    for table in ("GPU_METRICS", "SOC_METRICS"):
        names: dict[tuple[int | None, int | None], tuple[str | None, str | None]] = {
            (row["typeId"], row["metricId"]): (row["metricName"], row["typeName"])
            for row in context.facts.all(f"TARGET_INFO_{table}", typeId="i", metricId="i",
                                         metricName="s", typeName="s")
        }  # fmt: skip

        def track(
            type_id: int | None, metric: int | None,
            table: str = table, names: Mapping[Any, Any] = names,
        ) -> int:  # fmt: skip
            name, kind = names.get((type_id, metric), (None, None))
            if name is None:
                context.diagnostics.count("counter_without_meaning")
            is_gpu = table == "GPU_METRICS"
            return context.actors.counter_track(
                (table, type_id, metric), name or f"{table} {type_id}/{metric}",
                _unit(name) if name else None,
                device_id=(type_id or 0) & _GPU_MASK if is_gpu else None,
                args={"domain": kind} if kind else None,
            )  # fmt: skip

        yield from _counters(context, table, "timestamp", ("typeId", "metricId"), track)


def network_metrics(context: Context) -> Iterator[Chunk]:
    """Give metrics of adapters and switches: each value counts from start to end, at its end."""
    known = {
        (row["metricsListId"], row["metricsIdx"]): row
        for row in context.facts.all("TARGET_INFO_NETWORK_METRICS", metricsListId="i",
                                     metricsIdx="i", name="s", description="s", unit="s")
    }  # fmt: skip
    for table in ("NET_NIC_METRIC", "NET_IB_SWITCH_METRIC"):

        def track(
            adapter: int | None, port: int | None, listed: int | None, index: int | None,
            table: str = table,
        ) -> int:  # fmt: skip
            row = known.get((listed, index), {})
            if not row:
                context.diagnostics.count("counter_without_meaning")
            return context.actors.counter_track(
                (table, adapter, port, listed, index),
                row.get("name") or f"{table} {listed}/{index}", row.get("unit") or None,
                args={"adapter": adapter, "port": port, "description": row.get("description")},
            )  # fmt: skip

        keys = ("globalId", "portId", "metricsListId", "metricsIdx")
        yield from _counters(context, table, "end", keys, track)


def cpu_metrics(context: Context) -> Iterator[Chunk]:
    """Give counters of CPU cores and SoCs, by their component and event."""
    events = {
        row["id"]: row["name"]
        for row in context.facts.all("TARGET_INFO_PERF_METRIC", id="i", name="s")
    }
    parts = {
        row["componentId"]: row["name"]
        for row in context.facts.all("TARGET_INFO_COMPONENT", componentId="i", name="s")
    }
    for table, key, value in (
        ("PERF_EVENT_SOC_OR_CPU_RAW_EVENT", "eventId", "count"),
        ("PERF_EVENT_SOC_OR_CPU_METRIC_EVENT", "metricId", "value"),
    ):

        def track(component: int | None, event: int | None, table: str = table) -> int:
            return context.actors.counter_track(
                (table, component, event), events.get(event) or f"{table} {event}", None,
                args={"component": parts.get(component, component)},
            )  # fmt: skip

        yield from _counters(context, table, "end", ("componentId", key), track, value)


def _counters(
    context: Context, table: str, time: str, keys: tuple[str, ...], track: Callable[..., int],
    value: str = "value",
) -> Iterator[Chunk]:  # fmt: skip
    """Give the samples of a table whose rows are (time, keys, value)."""
    for columns in context.timed(table, time, (*keys, value)):
        rows = len(columns[time])
        yield sample_rows(
            context, columns[time], mapped([columns[key] for key in keys], rows, track),
            pc.cast(columns[value], pa.float64(), safe=False),
        )  # fmt: skip


def sample_rows(context: Context, ts: pa.Array, tracks: np.ndarray, value: pa.Array) -> Chunk:
    """Make rows of `counter_sample`."""
    columns = {"ordinal": context.ordinals(len(ts)), "ts": ts, "track_id": tracks, "value": value}
    return Chunk("counter_sample", tables.conform("counter_sample", columns))


def _unit(name: str) -> str | None:
    return next((unit for pattern, unit in _UNITS if pattern.search(name)), None)


def named_unit(name: str) -> str | None:
    """Give the unit that a name ends with."""
    found = _NAMED_UNITS.search(name)
    return found[1] if found else None


def context_switches(context: Context) -> Iterator[Chunk]:
    """Give GPU_CONTEXT_SWITCH_EVENTS: times in which a context was on a GPU.

    A context is on from tag 8 (restore start) to the next tag 7 (save end) of the same context.
    """
    table = "GPU_CONTEXT_SWITCH_EVENTS"
    wanted = ("timestamp", "tag", "contextId", "gpuId", "globalPid")
    parts = [
        np.stack([filled(columns[name], -1) for name in wanted])
        for columns in context.timed(table, "timestamp", wanted)
    ]
    if not parts:
        return
    ts, tag, which, gpu, process = np.concatenate(parts, axis=1)
    chosen = np.isin(tag, (7, 8))
    ts, tag, which, gpu, process = (c[chosen] for c in (ts, tag, which, gpu, process))
    order = np.lexsort((ts, which, gpu))
    ts, tag, which, gpu, process = (c[order] for c in (ts, tag, which, gpu, process))
    same = (which[1:] == which[:-1]) & (gpu[1:] == gpu[:-1])
    on = np.flatnonzero((tag[:-1] == 8) & (tag[1:] == 7) & same)
    if not len(on):
        return
    actors = context.actors
    tracks = mapped(
        [pa.array(gpu[on])], len(on),
        lambda g: actors.device_track(
            "gpu_context_switch", None, g, None, None, "GPU context switches"
        ),
    )  # fmt: skip
    name = pa.array([f"Context {number}" for number in which[on].tolist()])
    yield Chunk("span", tables.conform("span", {
        "ordinal": context.ordinals(len(on)),
        "ts": ts[on],
        "dur": ts[on + 1] - ts[on],
        "track_id": tracks,
        "name": name,
        "category": pa.array(["gpu_context"] * len(on)),
    }))  # fmt: skip
