"""Kernels and copies of AMD's tools, whatever form they were read from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from traceql.importers._columns import distinct
from traceql.importers._rocm.actors import is_device
from traceql.importers._rocm.names import COPY_NAMES, blit_of, constant, worded
from traceql.importers._rocm.rows import Slices, Work, Writer, blocks, narrow

if TYPE_CHECKING:
    from traceql.importers._columns import Int64
    from traceql.importers._rocm.trace import Trace
    from traceql.model.protocols import Chunk

DIRECTIONS = ("x", "y", "z")
_SIDES = {"h": None, "d": "device", "a": "array", "p": "device"}


@dataclass
class Place:
    """Where and when rows of device work ran.

    Attributes:
        start: int64 ns, no nulls.
        end: int64 ns, no nulls.
        upids: int64 [n].
        devices: int64 [n], -1 where unknown.
        queues: int64, null where unknown.
        streams: int64, null where unknown.
        correlation: int64, null or 0 where there is none.
    """

    start: pa.Array
    end: pa.Array
    upids: Int64
    devices: Int64
    queues: pa.Array
    streams: pa.Array
    correlation: pa.Array

    def __post_init__(self) -> None:
        """Take numbers that no device can have for unknown."""
        self.devices = np.where(is_device(self.devices), self.devices, -1)


@dataclass
class Launch:
    """How kernels were launched: int64 columns, None where the tool does not tell.

    Attributes:
        grid: work-items of the whole grid in x, y and z.
        group: work-items of a group in x, y and z.
        registers: vector registers of a work-item.
        shared_bytes: local data share of a group, static and dynamic together.
        static_shared_bytes: the part that the code object asks for.
        dynamic_shared_bytes: the rest.
    """

    grid: tuple[pa.Array, pa.Array, pa.Array] | None = None
    group: tuple[pa.Array, pa.Array, pa.Array] | None = None
    registers: pa.Array | None = None
    shared_bytes: pa.Array | None = None
    static_shared_bytes: pa.Array | None = None
    dynamic_shared_bytes: pa.Array | None = None

    def columns(self) -> dict[str, pa.Array]:
        """Give the columns of `gpu_span`; a grid of work-items becomes one of blocks."""
        found: dict[str, pa.Array] = {}
        for place, direction in enumerate(DIRECTIONS):
            if self.group is not None:
                found[f"block_{direction}"] = narrow(self.group[place])
            if self.group is not None and self.grid is not None:
                found[f"grid_{direction}"] = blocks(self.grid[place], self.group[place])
        more = {
            "registers_per_thread": self.registers,
            "shared_bytes": self.shared_bytes,
            "static_shared_bytes": self.static_shared_bytes,
            "dynamic_shared_bytes": self.dynamic_shared_bytes,
        }
        found.update({name: column for name, column in more.items() if column is not None})
        return found


@dataclass
class Device:
    """Writes the device work of a trace.

    Args:
        trace: that is being read.
    """

    trace: Trace
    _kernels: Writer = field(init=False)
    _copies: Writer = field(init=False)
    _fills: Writer = field(init=False)

    def __post_init__(self) -> None:
        self._kernels, self._copies = Writer(self.trace), Writer(self.trace)
        self._fills = Writer(self.trace)

    def kernels(
        self, place: Place, names: pa.Array, launch: Launch, said: Mapping[str, pa.Array]
    ) -> Iterator[Chunk]:
        """Give dispatches of kernels; args tell those of the runtime's own as `blit`."""
        rows = len(names)
        if not rows:
            return
        blit = worded(names, blit_of)
        more = {"blit": blit} if blit.null_count < rows else {}
        work = Work(constant("kernel", rows), place.devices, _stream(place), launch.columns())
        yield from self._kernels.slices(
            self._slices(place, names, "kernel", {**said, **more}), work
        )

    def copies(
        self, place: Place, kinds: pa.Array, sizes: pa.Array | None, said: Mapping[str, pa.Array]
    ) -> Iterator[Chunk]:
        """Give copies.

        Args:
            place: of them.
            kinds: htod, dtoh and so on, or unknown.
            sizes: int64 bytes; None where the tool does not tell.
            said: what else is told.
        """
        rows = len(kinds)
        if not rows:
            return
        names = worded(kinds, lambda kind: COPY_NAMES.get(kind or "", "Memcpy"))
        more: dict[str, pa.Array] = {
            "copy_kind": kinds,
            "src_memory": worded(kinds, lambda kind: _side(kind, 0)),
            "dst_memory": worded(kinds, lambda kind: _side(kind, -1)),
        }
        if sizes is not None:
            more["bytes"] = sizes
        work = Work(constant("memcpy", rows), place.devices, _stream(place), more)
        yield from self._copies.slices(self._slices(place, names, "gpu_memcpy", said), work)

    def fills(self, place: Place, names: pa.Array, said: Mapping[str, pa.Array]) -> Iterator[Chunk]:
        """Give fills of memory that the tool tells from kernels."""
        rows = len(names)
        work = Work(
            constant("memset", rows), place.devices, _stream(place),
            {"dst_memory": constant("device", rows)},
        )  # fmt: skip
        yield from self._fills.slices(self._slices(place, names, "gpu_memset", said), work)

    def _slices(
        self, place: Place, names: pa.Array, category: str, said: Mapping[str, pa.Array]
    ) -> Slices:
        tracks = self.trace.actors.device_tracks(
            place.upids, place.devices, place.queues, place.streams
        )
        return Slices(
            place.start, place.end, tracks, names, constant(category, len(names)), place.upids,
            place.correlation, said, role="device",
        )  # fmt: skip


def _stream(place: Place) -> pa.Array:
    """Give the stream of each row, its queue where the tool knows no streams."""
    if place.streams.null_count == 0:
        return place.streams
    return pa.compute.coalesce(place.streams, place.queues)


def _side(kind: str | None, place: int) -> str | None:
    if not kind or kind == "unknown":
        return None
    return _SIDES.get(kind[place])


def copying_devices(kinds: pa.Array, sources: Int64, targets: Int64) -> Int64:
    """Give the device that a copy belongs to: the one that is no host; the target of two.

    Args:
        kinds: htod and so on.
        sources: int64 [n], -1 where unknown.
        targets: int64 [n].
    """
    found = distinct([kinds], len(kinds))
    from_device = np.array([(k or "").startswith("dtoh") for (k,) in found.keys], np.bool_)
    of_host = np.array([k == "htoh" for (k,) in found.keys], np.bool_)
    devices: Int64 = np.where(from_device[found.codes], sources, targets)
    return np.where(of_host[found.codes], -1, devices)
