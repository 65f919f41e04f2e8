"""Records of CUDA events: instants on the tracks of their streams."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from traceql.importers._columns import filled, filtered, mapped, picked, where
from traceql.importers._packing import Args, span_rows
from traceql.importers.nsight.calls import STRINGS, labelled
from traceql.model.protocols import Chunk

if TYPE_CHECKING:
    from traceql.importers.nsight.context import Context

EVENTS = "CUPTI_ACTIVITY_KIND_CUDA_EVENT"
_PLACES = frozenset({"timestamp", "globalPid", "deviceId", "contextId", "streamId",
                     "correlationId"})  # fmt: skip
_BITS = 40
"""Correlation ids are 32 bits in CUPTI."""


class EventTimes:
    """Records of CUDA events that have no time of their own: when the call was that made them.

    Args:
        context: the export.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._batches: list[dict[str, pa.Array]] = []
        keys: list[np.ndarray] = []
        for columns in context.batches(EVENTS, ("timestamp", "globalPid", "correlationId")):
            self._batches.append(columns)
            keys.append(_key(columns["globalPid"], columns["correlationId"]))
        whole = np.concatenate([np.empty((0, 2), np.int64), *keys])
        self._processes = np.unique(whole[:, 0])
        joint = self._joint(whole)
        self._order = np.argsort(joint, kind="stable")
        self._sorted = joint[self._order]
        self._time = np.zeros(len(whole), np.int64)
        self._has = np.zeros(len(whole), np.bool_)
        at = 0
        for columns in self._batches:
            given = filled(columns["timestamp"])
            here = slice(at, at + len(given))
            self._time[here], self._has[here] = given, given != 0
            at += len(given)

    def learn(self, calls: Mapping[str, pa.Array]) -> None:
        """Look at calls: the starts of those that recorded an event are its time."""
        if self._has.all():
            return
        key = self._joint(_key(calls["globalTid"], calls["correlationId"]))
        place = np.searchsorted(self._sorted, key)
        place[place == len(self._sorted)] = 0
        found = np.flatnonzero((self._sorted[place] == key) & (key >= 0))
        events = self._order[place[found]]
        late = ~self._has[events]
        self._time[events[late]] = filled(calls["start"])[found[late]]
        self._has[events] = True

    def _joint(self, keys: np.ndarray) -> np.ndarray:
        """Give one number for each (process, correlation); below 0 where none can be meant."""
        process, correlation = keys[:, 0], keys[:, 1]
        place = np.minimum(np.searchsorted(self._processes, process), len(self._processes) - 1)
        known = (self._processes[place] == process) & (correlation > 0)
        return np.where(known & (correlation < 1 << _BITS), place << _BITS | correlation, -1)

    def chunks(self) -> Iterator[Chunk]:
        """Give the records as instants on the tracks of their streams; after the calls."""
        at = 0
        args, track = Args(), self._context.actors.device_track
        for columns in self._batches:
            rows = len(columns["globalPid"])
            has, time = self._has[at : at + rows], self._time[at : at + rows]
            at += rows
            self._context.diagnostics.count("cuda_event_without_time", int((~has).sum()))
            if not has.any():
                continue
            there, ts = filtered(columns, has), time[has]
            for name in ("deviceId", "contextId", "streamId"):
                there.setdefault(name, pa.nulls(len(ts), pa.int64()))
            places = [there[n] for n in ("globalPid", "deviceId", "contextId", "streamId")]
            tracks = mapped(places, len(ts), lambda *key: track("cuda_event", *key))
            said = {
                name: labelled(self._context, EVENTS, name, column)
                for name, column in there.items()
                if name not in _PLACES and name not in STRINGS
            }
            correlation = filled(there["correlationId"])
            one = np.zeros(len(ts), np.int64)
            found = {
                "ordinal": self._context.ordinals(len(ts)),
                "ts": ts,
                "dur": one,
                "track_id": tracks,
                "name": picked(pa.array(["CUDA event"]), one),
                "category": picked(pa.array(["cuda_event"]), one),
                "correlation_id": where(correlation, correlation != 0),
            }
            yield Chunk("span", span_rows(found, args.pack(said, len(ts))))


def _key(global_id: pa.Array, correlation: pa.Array) -> np.ndarray:
    return np.stack([filled(global_id, -1) >> 24, filled(correlation)], axis=1)
