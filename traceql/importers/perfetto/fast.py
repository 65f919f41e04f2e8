"""Runs of plain track events as columns: the same rows that reading one by one gives."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from traceql.importers._packing import Packed, span_rows
from traceql.importers.perfetto.clocks import clock_of
from traceql.importers.perfetto.context import MOST_NS
from traceql.importers.perfetto.messages import ANNOTATION, PACKET, TRACK_EVENT
from traceql.importers.perfetto.rocm import CORRELATIONS, HOST, LAUNCHES, SCOPE, WORK
from traceql.importers.perfetto.track_events import BEGIN, COUNTER, END, INSTANT
from traceql.importers.perfetto.wire import decode
from traceql.kernels import packets as at
from traceql.model import tables
from traceql.model.protocols import Chunk

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceql.importers.perfetto.context import Context
    from traceql.importers.perfetto.described import Described
    from traceql.importers.perfetto.flows import Flows
    from traceql.importers.perfetto.sequences import Sequence
    from traceql.importers.perfetto.tracks import Track

    Int64 = NDArray[np.int64]

_EXACT = 1 << 53
_SHORTEST = 48
"""Shorter runs are read one by one in less time."""
_MOST_SHAPES = 64
"""More forms of args than this, and than one for eight events, cost more than they save."""
_MASK = (1 << 64) - 1


class _Unusual(Exception):
    """Something that only reading one by one gets right."""


class _Shape(NamedTuple):
    """Annotations of one form: their text with holes, and the hole of the correlation, or -1."""

    text: str | None
    correlation: int


class _Coded(NamedTuple):
    """Values of events: number of each in `values`, which come by first appearance."""

    codes: Int64
    first: Int64
    """The first event of each value."""


class Fast:
    """Reads runs of plain events; gives nothing and leaves all as it was where one is unusual."""

    def __init__(
        self, context: Context, described: Described, flows: Flows, sequences: dict[int, Sequence]
    ) -> None:
        self._context, self._described, self._flows = context, described, flows
        self._sequences = sequences

    def run(self, buffer: bytes, columns: Int64, holes: Int64) -> list[Chunk] | None:
        """Read a run.

        Args:
            buffer: what `columns` points into.
            columns: int64 [at.COLUMNS, n], of plain packets that follow each other.
            holes: int64 [at.HOLES, n].

        Returns:
            The rows; None where the run must be read one by one.
        """
        try:
            return list(self._chunks(buffer, columns, holes))
        except _Unusual:
            return None

    def _chunks(self, buffer: bytes, c: Int64, holes: Int64) -> Iterator[Chunk]:
        numbers = _coded(c[at.SEQUENCE])
        sequences = [self._sequence(int(c[at.SEQUENCE][i])) for i in numbers.first.tolist()]
        needs = np.bincount(numbers.codes, c[at.FLAGS] & 2, len(sequences)) > 0
        if any(need and not s.valid for need, s in zip(needs.tolist(), sequences, strict=True)):
            raise _Unusual
        ts = self._times(c, numbers.codes, sequences)
        name = self._texts("event_names", c[at.NAME], numbers.codes, sequences)
        category = self._texts("event_categories", c[at.CATEGORY], numbers.codes, sequences)
        if WORK & set(category.dictionary.to_pylist()):
            raise _Unusual
        shape_codes, shapes = self._shapes(buffer, c, numbers.codes, sequences)
        track = self._tracks(c, numbers.codes, sequences, category)
        # From here on nothing is unusual any more.
        first = self._context.take_ordinals(len(ts), int(ts[-1]))
        ordinal = np.arange(first, first + len(ts))
        self._add_flows(c, ordinal, ts, track)
        yield from self._counters(c, ordinal, ts, track)
        correlation, has_correlation = _correlations(c, holes, shape_codes, shapes, category)
        args = pa.DictionaryArray.from_arrays(
            pa.array(shape_codes.astype(np.int32)), pa.array([s.text for s in shapes], pa.string())
        )
        for is_edge in (True, False):
            kind = c[at.TYPE]
            which = (kind == BEGIN) | (kind == END) if is_edge else kind == INSTANT
            if not which.any():
                continue
            here = np.flatnonzero(which)
            rows = {
                "ordinal": ordinal[here], "ts": ts[here], "track_id": track[here].astype(np.int32),
                "name": _unnamed(name.take(pa.array(here)), empty=is_edge),
                "category": category.take(pa.array(here)),
            }  # fmt: skip
            if is_edge:
                rows["is_end"] = kind[here] == END
                valid = has_correlation[here]
                rows["correlation_id"] = pa.array(correlation[here], mask=~valid)
            else:
                rows["dur"] = np.zeros(len(here), np.int64)
            count = c[at.INTEGERS][here]
            lifted = {j: pa.array(holes[j][here], mask=count <= j)
                      for j in range(int(count.max(initial=0)))}  # fmt: skip
            packed = Packed(args.take(pa.array(here)), lifted)
            yield Chunk("edge" if is_edge else "span", span_rows(rows, packed))
        launched = has_correlation & (kind == BEGIN) & _among(category, LAUNCHES)
        if launched.any():
            n = int(launched.sum())
            yield Chunk("link", tables.conform("link", {
                "ordinal": ordinal[launched], "scope": pa.array([SCOPE] * n),
                "correlation_id": correlation[launched], "role": pa.array(["host"] * n),
            }))  # fmt: skip

    def _sequence(self, number: int) -> Sequence:
        found = self._sequences.get(number)
        if found is None:
            raise _Unusual
        return found

    def _times(self, c: Int64, codes: Int64, sequences: list[Sequence]) -> Int64:
        """Move times to the clock of the trace."""
        clocks = self._context.clocks
        ts: Int64 = c[at.TS].copy()
        both = _coded(codes * 1_000_003 + c[at.CLOCK])
        for number, i in enumerate(both.first.tolist()):
            sequence = sequences[codes[i]]
            clock_id = int(c[at.CLOCK][i]) or sequence.clock_id
            if not clock_id:
                continue
            steps = clocks.steps(clock_of(clock_id, sequence.number))
            if steps is None:
                raise _Unusual
            here = both.codes == number
            for source, target in steps:
                one, other = np.array(source, np.int64), np.array(target, np.int64)
                place = np.maximum(np.searchsorted(one, ts[here], "right") - 1, 0)
                ts[here] += other[place] - one[place]
        if ts.min() <= -MOST_NS or ts.max() >= MOST_NS:
            raise _Unusual
        return ts

    def _texts(
        self, kind: str, iids: Int64, codes: Int64, sequences: list[Sequence]
    ) -> pa.DictionaryArray:
        """Give interned texts; 0 is none."""
        both = _coded(_mixed(codes, iids))
        texts: list[str | None] = []
        for i in both.first.tolist():
            iid = int(iids[i])
            text = sequences[codes[i]].text(kind, iid) if iid else None
            if iid and text is None:
                raise _Unusual
            texts.append(text)
        return _dictionary(both.codes, texts)

    def _shapes(
        self, buffer: bytes, c: Int64, codes: Int64, sequences: list[Sequence]
    ) -> tuple[Int64, list[_Shape]]:
        both = _coded(_mixed(codes, c[at.SHAPE]))
        if len(both.first) > max(_MOST_SHAPES, len(codes) // 8):
            raise _Unusual
        shapes = []
        for i in both.first.tolist():
            if not c[at.SHAPE][i]:
                shapes.append(_Shape(None, -1))
                continue
            raw = buffer[c[at.START][i] : c[at.END][i]]
            shapes.append(_shape(raw, sequences[codes[i]]))
        return both.codes, shapes

    def _tracks(
        self, c: Int64, codes: Int64, sequences: list[Sequence], category: pa.DictionaryArray
    ) -> Int64:
        """Give the tracks, made in the order in which they are first met."""
        told = _mixed(c[at.HAS_UUID], c[at.UUID])
        both = _coded(_mixed(codes, told))
        made = [self._track(c, i, sequences[codes[i]]) for i in both.first.tolist()]
        counts = np.zeros(len(made), np.bool_)
        counts[both.codes[c[at.TYPE] == COUNTER]] = True
        host = np.zeros(len(made), np.bool_)
        host[both.codes[_among(category, HOST)]] = True
        for track, is_counter, is_host in zip(made, counts.tolist(), host.tolist(), strict=True):
            is_async = track.type == "async"
            if (is_async and (track.name is None or is_host)) or (
                is_counter and (track.type != "counter" or track.incremental or not track.name)
            ):
                raise _Unusual
        self._met = made
        self._met_codes = both.codes
        ids: Int64 = np.array([track.track_id for track in made], np.int64)
        return ids[both.codes]

    def _track(self, c: Int64, i: int, sequence: Sequence) -> Track:
        uuid = int(c[at.UUID][i]) & _MASK if c[at.HAS_UUID][i] else None
        if uuid is None:
            uuid = sequence.defaults.get("track_uuid")
        if uuid is None and sequence.tid is not None and sequence.pid is not None:
            thread = self._context.actors.thread(sequence.tid, sequence.pid)
            return self._context.tracks.of_thread(thread)
        return self._described.track(uuid or 0)

    def _counters(self, c: Int64, ordinal: Int64, ts: Int64, track: Int64) -> Iterator[Chunk]:
        here = np.flatnonzero(c[at.TYPE] == COUNTER)
        if not len(here):
            return
        is_int, raw = c[at.VALUE_KIND][here] == at.OF_INT, c[at.VALUE][here]
        value = np.where(is_int, raw.astype(np.float64), raw.view(np.float64))
        factor = np.array([t.multiplier for t in self._met], np.float64)[self._met_codes[here]]
        yield Chunk("counter_sample", tables.conform("counter_sample", {
            "ordinal": ordinal[here], "ts": ts[here], "track_id": track[here].astype(np.int32),
            "value": value * factor,
        }))  # fmt: skip

    def _add_flows(self, c: Int64, ordinal: Int64, ts: Int64, track: Int64) -> None:
        here = np.flatnonzero((c[at.HAS_FLOW] == 1) & (c[at.TYPE] != COUNTER))
        if len(here):
            self._flows.points(
                c[at.FLOW][here], ordinal[here], ts[here], track[here], c[at.TYPE][here] == END
            )


def runs(columns: Int64) -> Iterator[tuple[int, int, bool]]:
    """Give the runs of packets: start, end, and whether to read them as columns."""
    odd = columns[at.ODD] == 1
    value = np.where(columns[at.VALUE_KIND] == at.OF_INT, columns[at.VALUE], 0)
    odd |= (value >= _EXACT) | (value <= -_EXACT)  # a double would not hold them
    bounds = [0, *(np.flatnonzero(odd[1:] != odd[:-1]) + 1).tolist(), len(odd)]
    for start, end in pairwise(bounds):
        yield start, end, not odd[start] and end - start >= _SHORTEST


def _coded(values: Int64) -> _Coded:
    """Number the distinct values by first appearance."""
    _, first, codes = np.unique(values, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return _Coded(rank[codes.reshape(-1)], first[order])


def _mixed(codes: Int64, values: Int64) -> Int64:
    """Number the distinct pairs of a small and any number."""
    distinct, places = np.unique(values, return_inverse=True)
    return codes * len(distinct) + places.reshape(-1)


def _dictionary(codes: Int64, texts: list[Any]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(
        pa.array(codes.astype(np.int32)), pa.array(texts, pa.string())
    )


def _unnamed(names: pa.DictionaryArray, *, empty: bool) -> pa.DictionaryArray:
    """An empty name of an edge is none."""
    texts = names.dictionary.to_pylist()
    if not empty or "" not in texts:
        return names
    return pa.DictionaryArray.from_arrays(
        names.indices, pa.array([text or None for text in texts], pa.string())
    )


def _among(texts: pa.DictionaryArray, wanted: frozenset[str]) -> NDArray[np.bool_]:
    known = np.array([text in wanted for text in texts.dictionary.to_pylist()], np.bool_)
    found: NDArray[np.bool_] = known[texts.indices.to_numpy(zero_copy_only=False)]
    return found


def _correlations(
    c: Int64, holes: Int64, codes: Int64, shapes: list[_Shape], category: pa.DictionaryArray
) -> tuple[Int64, NDArray[np.bool_]]:
    """Give the correlations of host calls of AMD's tools, and which events have one."""
    hole = np.array([s.correlation for s in shapes], np.int64)[codes]
    has = (hole >= 0) & (c[at.TYPE] == BEGIN) & _among(category, HOST)
    return holes[np.where(has, hole, 0), np.arange(len(hole))], has


def _shape(raw: bytes, sequence: Sequence) -> _Shape:
    """Write annotations with holes for their integers."""
    event = decode(TRACK_EVENT, decode(PACKET, raw)["track_event"])
    parts: list[str] = []
    names: list[str] = []
    hole, found = 0, {}
    for each in event["debug_annotations"]:
        fields = decode(ANNOTATION, each)
        name = sequence.text("debug_annotation_names", fields.get("name_iid", 0))
        if name is None or name in names:
            raise _Unusual
        names.append(name)
        if "uint" in fields or "int" in fields:
            value, hole = f"\x01{chr(ord('A') + hole)}", hole + 1
            found[name] = hole - 1
        elif "string_iid" in fields:
            text = sequence.text("debug_annotation_string_values", fields["string_iid"])
            if text is None:
                raise _Unusual
            value = json.dumps(text, ensure_ascii=False)
        else:
            value = json.dumps(fields.get("string", fields.get("bool")), ensure_ascii=False)
        parts.append(f"{json.dumps(name, ensure_ascii=False)}:{value}")
    correlation = next((found[name] for name in CORRELATIONS if name in found), -1)
    return _Shape("{" + ",".join(parts) + "}", correlation)
