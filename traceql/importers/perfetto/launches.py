"""Work of AMD devices in runs of track events, as `rocm.Rocm` reads it event by event."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from traceql.importers.perfetto.arguments import WHOLE
from traceql.importers.perfetto.coding import Unusual, among, coded, mixed
from traceql.importers.perfetto.rocm import (
    COPIES,
    CORRELATIONS,
    HOST,
    KERNELS,
    LAUNCHES,
    SAID,
    SCOPE,
    SIZES,
    WORK,
    Rocm,
)
from traceql.importers.perfetto.rows import COLUMNS
from traceql.model import tables
from traceql.model.protocols import Chunk

if TYPE_CHECKING:
    from traceql.importers.perfetto.arguments import Arguments, Shape
    from traceql.importers.perfetto.coding import Bool, Int64
    from traceql.importers.perfetto.tracks import Track

_LAUNCH = COLUMNS["gpu_span"][9:]


@dataclass
class Events:
    """The begins of a run, as far as device work is told by them.

    Attributes:
        begins: which events are begins.
        category: of all events.
        name: of all events.
        track_codes: int64 [n], numbers of `tracks`.
        tracks: of the events.
        holes: int64 [at.HOLES, n], integers of the args.
        said: the args.
    """

    begins: Bool
    category: pa.DictionaryArray
    name: pa.DictionaryArray
    track_codes: Int64
    tracks: list[Track]
    holes: Int64
    said: Arguments


@dataclass
class Launches:
    """Which events of a run are calls or work of AMD's tools, and how they belong together."""

    events: Events
    rocm: Rocm

    def __post_init__(self) -> None:
        """Look at the forms of args.

        Raises:
            Unusual: correlation or size of some is no integer.
        """
        e = self.events
        self.known = e.begins & among(e.category, HOST | WORK)
        self._is_kernel = self.known & among(e.category, KERNELS)
        self._is_copy = self.known & among(e.category, COPIES)
        self._correlation = self._hole(CORRELATIONS, self.known)
        self._size = self._hole(SIZES, self._is_copy)
        for number in np.unique(e.said.codes[self._is_kernel | self._is_copy]).tolist():
            shape = e.said.shapes[number]
            if shape is not None and any(_is_whole(shape, name) for name in SAID):
                raise Unusual

    def _hole(self, names: tuple[str, ...], which: Bool) -> Int64:
        """Give the hole of the first name that each event has, -1 where it has none."""
        found = [-1] * len(self.events.said.shapes)
        for number in np.unique(self.events.said.codes[which]).tolist():
            shape = self.events.said.shapes[number]
            if shape is None:
                continue
            if any(name in shape.texts for name in names):
                raise Unusual
            found[number] = next((shape.integers[n] for n in names if n in shape.integers), -1)
        holes: Int64 = np.array(found, np.int64)[self.events.said.codes]
        return holes

    def _integer(self, hole: Int64) -> Int64:
        values: Int64 = self.events.holes[np.maximum(hole, 0), np.arange(len(hole))]
        return values

    def correlations(self) -> tuple[Int64, Bool]:
        """Give the correlations, and which events have one."""
        return self._integer(self._correlation), self.known & (self._correlation >= 0)

    def chunks(self, ordinal: Int64) -> Iterator[Chunk]:
        """Give the rows of `link` and `gpu_span`.

        Args:
            ordinal: int64 [n], of all events.
        """
        is_work = self._is_kernel | self._is_copy
        correlation, has = self.correlations()
        linked = has & (is_work | among(self.events.category, LAUNCHES))
        if linked.any():
            role = pa.array(["host", "device"]).take(pa.array(is_work[linked].astype(np.int32)))
            yield Chunk("link", tables.conform("link", {
                "ordinal": ordinal[linked], "scope": pa.array([SCOPE] * len(role)),
                "correlation_id": correlation[linked], "role": role,
            }))  # fmt: skip
        here = np.flatnonzero(is_work)
        if len(here):
            told = self._told(here)
            size = self._integer(self._size)[here]
            has_size = self._is_copy[here] & (self._size[here] >= 0) & (size >= 0)
            yield Chunk("gpu_span", tables.conform("gpu_span", {
                "ordinal": ordinal[here],
                "correlation_id": pa.array(correlation[here], mask=~has[here]),
                "bytes": pa.array(size, mask=~has_size), **told,
            }))  # fmt: skip

    def _told(self, here: Int64) -> dict[str, pa.Array]:
        """Give what args tell of work; equal args of a track are looked at once."""
        e = self.events
        columns = [e.track_codes[here], e.said.codes[here]]
        names = e.name.indices.to_numpy(zero_copy_only=False)
        columns.append(np.where(self._is_copy[here], names[here], -1))
        for number in np.unique(e.said.codes[here]).tolist():
            shape = e.said.shapes[number]
            for place, codes in _looked_at(shape, e):
                of_shape = e.said.codes[here] == number
                columns.append(np.where(of_shape, codes[here], 0) if place else codes[here])
        both = coded(mixed(*columns))
        texts = e.name.dictionary.to_pylist()
        rows = []
        for i in here[both.first].tolist():
            values = _values(e, i)
            track = e.tracks[e.track_codes[i]]
            if self._is_kernel[i]:
                device, stream, *launch = self.rocm.kernel(values, track)
                rows.append(("kernel", device, stream, None, None, None, *launch))
            else:
                name = texts[names[i]] or ""
                rows.append(("memcpy", *self.rocm.copy(name, values, track), *(None,) * 8))
        keys = ("kind", "device_id", "stream_id", "copy_kind", "src_memory", "dst_memory", *_LAUNCH)
        distinct = tables.conform(
            "gpu_span", dict(zip(keys, map(list, zip(*rows, strict=True)), strict=True))
            | {"ordinal": list(range(len(rows)))},
        )  # fmt: skip
        taken = distinct.take(pa.array(both.codes))
        return {key: taken.column(key) for key in keys}


def _is_whole(shape: Shape, name: str) -> bool:
    return name in shape.texts and shape.kinds[shape.texts[name]] == WHOLE


def _looked_at(shape: Shape | None, e: Events) -> Iterator[tuple[int, Int64]]:
    """Give the columns of a form that tell something of its work."""
    if shape is None:
        return
    for name in SAID & shape.integers.keys():
        yield 1, e.holes[shape.integers[name]]
    for name in SAID & shape.texts.keys():
        yield 1, e.said.values[shape.texts[name]][0]


def _values(e: Events, i: int) -> Mapping[str, Any]:
    """Give the args of an event that tell something of its work."""
    shape = e.said.shapes[e.said.codes[i]]
    if shape is None:
        return {}
    found: dict[str, Any] = {n: int(e.holes[hole, i]) for n, hole in shape.integers.items()
                             if n in SAID}  # fmt: skip
    for name, place in shape.texts.items():
        if name in SAID:
            codes, texts = e.said.values[place]
            found[name] = json.loads(texts[codes[i]])
    return found | {name: flag for name, flag in shape.flags.items() if name in SAID}
