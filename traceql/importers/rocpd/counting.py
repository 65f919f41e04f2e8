"""Counter values: of dispatches, and of the sampler of rocprofiler-systems."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from traceql.importers._columns import filled, mapped, valid
from traceql.importers._rocm.joining import Index
from traceql.importers._rocm.rows import counters

if TYPE_CHECKING:
    from traceql.importers._columns import Bool, Int64
    from traceql.importers.rocpd.process import Process
    from traceql.model.protocols import Chunk

_ABOUT = ("symbol", "description", "component", "block", "value_type")


class Counting:
    """Joins values to the time of their event.

    One poll of the sampler has one event for all its values, and a sample for each of their
    tracks: so the values are taken once each, at the event's time, and never by sample.

    Args:
        process: whose.
    """

    def __init__(self, process: Process) -> None:
        self._process = process
        events = [filled(b["event_id"], -1) for b in process.batches("pmc_event", "event_id")]
        self._index = Index(np.unique(np.concatenate(events or [np.empty(0, np.int64)])))
        size = len(np.unique(np.concatenate(events))) if events else 0
        self._ts, self._has = np.zeros(size, np.int64), np.zeros(size, np.bool_)
        self._devices = np.full(size, -1, np.int64)

    def speak_of(self, events: pa.Array) -> Bool:
        """Tell which events have values."""
        return self._index.of(events) >= 0

    def learn(self, events: pa.Array, ts: pa.Array, devices: Int64 | None = None) -> None:
        """Learn when events were, and on which device."""
        at = self._index.of(events)
        here = at >= 0
        self._ts[at[here]], self._has[at[here]] = filled(ts)[here], True
        if devices is not None:
            self._devices[at[here]] = devices[here]

    def chunks(self) -> Iterator[Chunk]:
        """Give the values; those of an event that is not there are counted."""
        process = self._process
        wanted = ("id", "agent_id", "name", "units", *_ABOUT)
        kinds = {row["id"]: row for row in process.small("info_pmc", *wanted)}

        upid = next((process.trace.actors.process(pid, process.guid).upid
                     for pid in process.pids.values()), None)  # fmt: skip

        def track(kind: int | None, device: int) -> int:
            facts: dict[str, Any] = kinds.get(kind or 0, {})
            own = process.devices.get(facts.get("agent_id") or -1, device)
            about = {key: facts[key] for key in _ABOUT if facts.get(key) not in (None, "", "NULL")}
            return process.trace.actors.counter_track(
                (process.guid, kind, own), facts.get("name") or f"pmc {kind}",
                facts.get("units") or None, device_id=None if own < 0 else own, upid=upid,
                args=about or None,
            )  # fmt: skip

        for rows in process.batches("pmc_event", "event_id", "pmc_id", "value", real="value"):
            at = self._index.of(rows["event_id"])
            known = (at >= 0) & self._has[at] if len(self._has) else np.zeros(len(at), np.bool_)
            known &= valid(rows["value"])
            process.trace.diagnostics.count("counter_without_event", int((~known).sum()))
            if not known.any():
                continue
            kind = rows["pmc_id"].filter(pa.array(known))
            devices = self._devices[at[known]]
            tracks = mapped([kind, pa.array(devices)], len(kind), track)
            yield from counters(
                process.trace, pa.array(self._ts[at[known]]), tracks,
                rows["value"].filter(pa.array(known)),
            )  # fmt: skip
