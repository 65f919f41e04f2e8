"""Runs of plain track events as columns: the same rows that reading one by one gives."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from traceql.importers._packing import Packed, span_rows
from traceql.importers.perfetto.arguments import arguments
from traceql.importers.perfetto.clocks import Clock, clock_of
from traceql.importers.perfetto.coding import Unusual, among, coded, dictionary, mixed
from traceql.importers.perfetto.context import MOST_NS
from traceql.importers.perfetto.flows import ENCLOSING, TERMINATES
from traceql.importers.perfetto.launches import Events, Launches
from traceql.importers.perfetto.messages import PACKET, TRACK_EVENT
from traceql.importers.perfetto.rocm import HOST, WORK
from traceql.importers.perfetto.track_events import BEGIN, COUNTER, END, INSTANT
from traceql.importers.perfetto.wire import WireError, decode
from traceql.kernels import packets as at
from traceql.model import tables
from traceql.model.protocols import Chunk

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceql.importers.perfetto.context import Context
    from traceql.importers.perfetto.described import Described
    from traceql.importers.perfetto.sequences import Sequence
    from traceql.importers.perfetto.track_events import TrackEvents
    from traceql.importers.perfetto.tracks import Track

    Int64 = NDArray[np.int64]

_EXACT = 1 << 53
_SHORTEST = 48
"""Shorter runs are read one by one in less time."""
_MASK = (1 << 64) - 1


class _Times(NamedTuple):
    """Times of a run on the clock of the trace, and where clocks of differences have come to."""

    ts: Int64
    reached: list[tuple[Clock, int]]


class _OfSequences(NamedTuple):
    """Sequences of a run, and the number of that of each packet."""

    codes: Int64
    all: list[Sequence]


class Fast:
    """Reads runs of plain events; gives nothing and leaves all as it was where one is unusual."""

    def __init__(
        self, context: Context, described: Described, events: TrackEvents,
        sequences: dict[int, Sequence],
    ) -> None:  # fmt: skip
        self._context, self._described, self._events = context, described, events
        self._sequences = sequences

    def run(self, buffer: bytes, packets: at.Packets) -> list[Chunk] | None:
        """Read a run of plain packets that follow each other.

        Returns:
            The rows; None where the run must be read one by one.
        """
        try:
            return list(self._chunks(buffer, packets))
        except (Unusual, WireError):  # what is damaged is counted where packets are read
            return None

    def _chunks(self, buffer: bytes, packets: at.Packets) -> Iterator[Chunk]:
        c, holes = packets.columns, packets.holes
        of = self._of_sequences(c)
        times = self._times(c, of)
        ts, kind = times.ts, c[at.TYPE]
        name = self._texts("event_names", buffer, c[at.NAME : at.NAME_SIZE + 1], of)
        category = self._texts(
            "event_categories", buffer, c[at.CATEGORY : at.CATEGORY_SIZE + 1], of
        )
        said = arguments(buffer, c, packets.texts, of.codes, of.all)
        extra = self._extra(buffer, c, of)
        begins = kind == BEGIN
        codes, met = self._tracks(c, of)
        launches = Launches(
            Events(begins, category, name, codes, met, holes, said), self._events.rocm
        )
        self._check(c, codes, met, category, launches.known)
        # From here on nothing is unusual any more.
        for clock, time in times.reached:
            self._context.clocks.run_on(clock, time)
        _call(met, codes, name, kind)
        track: Int64 = np.array([t.track_id for t in met], np.int64)[codes]
        first = self._context.take_ordinals(len(ts), int(ts[-1]))
        ordinal = np.arange(first, first + len(ts))
        self._add_flows(c, ordinal, ts, track)
        yield from _counters(c, ordinal, ts, track, np.array([t.multiplier for t in met])[codes])
        correlation, has_correlation = launches.correlations()
        for is_edge in (True, False):
            here = np.flatnonzero((begins | (kind == END)) if is_edge else kind == INSTANT)
            if not len(here):
                continue
            rows = {
                "ordinal": ordinal[here], "ts": ts[here], "track_id": track[here].astype(np.int32),
                "name": _unnamed(name.take(pa.array(here)), empty=is_edge),
                "category": category.take(pa.array(here)), "extra": extra.take(pa.array(here)),
            }  # fmt: skip
            if is_edge:
                rows["is_end"] = kind[here] == END
                rows["correlation_id"] = pa.array(correlation[here], mask=~has_correlation[here])
            else:
                rows["dur"] = np.zeros(len(here), np.int64)
            count = c[at.INTEGERS][here]
            lifted = {j: pa.array(holes[j][here], mask=count <= j)
                      for j in range(int(count.max(initial=0)))}  # fmt: skip
            packed = Packed(said.args.take(pa.array(here)), lifted)
            yield Chunk("edge" if is_edge else "span", span_rows(rows, packed))
        yield from launches.chunks(ordinal)

    def _of_sequences(self, c: Int64) -> _OfSequences:
        """Find the sequences; what they said must be known where a packet needs it."""
        numbers = coded(c[at.SEQUENCE])
        found = []
        for i in numbers.first.tolist():
            sequence = self._sequences.get(int(c[at.SEQUENCE][i]))
            if sequence is None:
                raise Unusual
            found.append(sequence)
        needs = np.bincount(numbers.codes, c[at.FLAGS] & 2, len(found)) > 0
        if any(need and not s.valid for need, s in zip(needs.tolist(), found, strict=True)):
            raise Unusual
        return _OfSequences(numbers.codes, found)

    def _times(self, c: Int64, of: _OfSequences) -> _Times:
        """Move times to the clock of the trace."""
        ts: Int64 = c[at.TS].copy()
        reached: dict[Clock, int] = {}
        both = coded(mixed(of.codes, c[at.CLOCK]))
        for number, i in enumerate(both.first.tolist()):
            sequence = of.all[of.codes[i]]
            clock_id = int(c[at.CLOCK][i]) or sequence.clock_id
            if not clock_id:
                continue
            clock = clock_of(clock_id, sequence.number)
            way = self._context.clocks.way(clock)
            if way is None or clock in reached:
                raise Unusual
            here = both.codes == number
            time = ts[here]
            if (
                float(time.max()) * way.multiplier * (1 if way.running is None else len(time))
                > 1e18
            ):
                raise Unusual
            time = time * way.multiplier
            if way.running is not None:
                time = way.running + np.cumsum(time)
                reached[clock] = int(time[-1])
            for source, target in way.steps:
                one, other = np.array(source, np.int64), np.array(target, np.int64)
                place = np.maximum(np.searchsorted(one, time, "right") - 1, 0)
                time = time + (other[place] - one[place])
            ts[here] = time
        if ts.min() <= -MOST_NS or ts.max() >= MOST_NS:
            raise Unusual
        return _Times(ts, list(reached.items()))

    def _texts(self, kind: str, buffer: bytes, told: Int64, of: _OfSequences) -> pa.DictionaryArray:
        """Give texts, interned ones or those that stand in the events; 0 is none."""
        key, place, size = told
        inline = place > 0
        both = coded(mixed(np.where(inline, -1, of.codes), key))
        if inline.any() and not at.same(
            np.frombuffer(buffer, np.uint8), place, size, both.first[both.codes]
        ):
            raise Unusual
        texts: list[str | None] = []
        for i in both.first.tolist():
            text = None
            if inline[i]:
                text = buffer[place[i] : place[i] + size[i]].decode("utf-8", "replace")
            elif key[i]:
                text = of.all[of.codes[i]].text(kind, int(key[i]))
                if text is None:
                    raise Unusual
            texts.append(text)
        return dictionary(both.codes, texts)

    def _extra(self, buffer: bytes, c: Int64, of: _OfSequences) -> pa.DictionaryArray:
        """Write what has no column; equal fields are written once."""
        both = coded(mixed(of.codes, c[at.EXTRA]))
        texts: list[str | None] = []
        for i in both.first.tolist():
            text = None
            if c[at.EXTRA][i]:
                packet = decode(PACKET, buffer[c[at.START][i] : c[at.END][i]])
                event = decode(TRACK_EVENT, packet["track_event"])
                text = self._events.unplaced(event, of.all[of.codes[i]])
            texts.append(text)
        return dictionary(both.codes, texts)

    def _tracks(self, c: Int64, of: _OfSequences) -> tuple[Int64, list[Track]]:
        """Give the tracks, made in the order in which they are first met, and their numbers."""
        both = coded(mixed(of.codes, c[at.HAS_UUID], c[at.UUID]))
        met = [self._track(c, i, of.all[of.codes[i]]) for i in both.first.tolist()]
        by_id: dict[int, int] = {}
        numbers = [by_id.setdefault(track.track_id, len(by_id)) for track in met]
        distinct = {track.track_id: track for track in met}
        codes: Int64 = np.array(numbers, np.int64)[both.codes]
        return codes, list(distinct.values())

    def _check(
        self, c: Int64, codes: Int64, met: list[Track], category: pa.DictionaryArray,
        known: NDArray[np.bool_],
    ) -> None:  # fmt: skip
        """Look for tracks whose events say what they are.

        Raises:
            Unusual: there is one.
        """
        counts, of_work = np.zeros((2, len(met)), np.bool_)
        counts[codes[c[at.TYPE] == COUNTER]] = True
        of_work[codes[known & among(category, HOST | WORK)]] = True
        for track, counter, works in zip(met, counts.tolist(), of_work.tolist(), strict=True):
            named = track.name is not None
            if (
                works
                and track.type == "async"
                and (not named or self._events.rocm.would_name(track))
            ):
                raise Unusual
            if counter and (track.type != "counter" or track.incremental or not track.name):
                raise Unusual

    def _track(self, c: Int64, i: int, sequence: Sequence) -> Track:
        uuid = int(c[at.UUID][i]) & _MASK if c[at.HAS_UUID][i] else None
        if uuid is None:
            uuid = sequence.defaults.get("track_uuid")
        if uuid is None and sequence.tid is not None and sequence.pid is not None:
            thread = self._context.actors.thread(sequence.tid, sequence.pid)
            return self._context.tracks.of_thread(thread)
        return self._described.track(uuid or 0)

    def _add_flows(self, c: Int64, ordinal: Int64, ts: Int64, track: Int64) -> None:
        own, end = (np.flatnonzero((c[row] == 1) & (c[at.TYPE] != COUNTER))
                    for row in (at.HAS_FLOW, at.HAS_END))  # fmt: skip
        if not len(own) and not len(end):
            return
        here = np.concatenate([own, end])
        ids = np.concatenate([c[at.FLOW][own], c[at.FLOW_END][end]])
        flags = np.where(c[at.TYPE][here] == END, ENCLOSING, 0)
        flags[len(own) :] |= TERMINATES
        order = np.argsort(here, kind="stable")
        here = here[order]
        self._events.flows.points(ids[order], ordinal[here], ts[here], track[here], flags[order])


def runs(columns: Int64) -> Iterator[tuple[int, int, int]]:
    """Give the runs of packets: start, end, and what at.ODD says of them."""
    odd = columns[at.ODD].copy()
    value = np.where(columns[at.VALUE_KIND] == at.OF_INT, columns[at.VALUE], 0)
    odd[(odd == 0) & ((value >= _EXACT) | (value <= -_EXACT))] = 1  # a double would not hold them
    bounds = [0, *(np.flatnonzero(odd[1:] != odd[:-1]) + 1).tolist(), len(odd)]
    for start, end in pairwise(bounds):
        is_short = odd[start] == 0 and end - start < _SHORTEST
        yield start, end, 1 if is_short else int(odd[start])


def _call(met: list[Track], codes: Int64, name: pa.DictionaryArray, kind: Int64) -> None:
    """Name tracks that nothing names by their first event with a name."""
    unnamed = np.array([t.type == "async" and t.name is None for t in met], np.bool_)
    if not unnamed.any():
        return
    texts = name.dictionary.to_pylist()
    has = np.array([bool(text) for text in texts], np.bool_)
    numbers = name.indices.to_numpy(zero_copy_only=False)
    here = np.flatnonzero(unnamed[codes] & has[numbers] & (kind != COUNTER))
    first = coded(codes[here]).first
    for i in here[first].tolist():
        met[codes[i]].name = texts[numbers[i]]


def _counters(
    c: Int64, ordinal: Int64, ts: Int64, track: Int64, multiplier: Int64
) -> Iterator[Chunk]:
    here = np.flatnonzero(c[at.TYPE] == COUNTER)
    if not len(here):
        return
    is_int, raw = c[at.VALUE_KIND][here] == at.OF_INT, c[at.VALUE][here]
    value = np.where(is_int, raw.astype(np.float64), raw.view(np.float64))
    yield Chunk("counter_sample", tables.conform("counter_sample", {
        "ordinal": ordinal[here], "ts": ts[here], "track_id": track[here].astype(np.int32),
        "value": value * multiplier[here].astype(np.float64),
    }))  # fmt: skip


def _unnamed(names: pa.DictionaryArray, *, empty: bool) -> pa.DictionaryArray:
    """An empty name of an edge is none."""
    texts = names.dictionary.to_pylist()
    if not empty or "" not in texts:
        return names
    return pa.DictionaryArray.from_arrays(
        names.indices, pa.array([text or None for text in texts], pa.string())
    )
