"""Samples of counters in plain events: one for each number in their args."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from traceql.importers.chrome.growing import Growing
from traceql.importers.chrome.vocabulary import token
from traceql.kernels import scan_columns as at
from traceql.kernels.counter_args import LEAST_BYTES, LEFT, Series, read_series
from traceql.kernels.gather import SAID
from traceql.kernels.intern import Dictionary
from traceql.kernels.key_table import KeyTable
from traceql.kernels.sort_out import COUNTER, SLOW

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceql.importers._json_stream import Members
    from traceql.importers.chrome.arguments import Args
    from traceql.importers.chrome.counters import Counters
    from traceql.importers.chrome.lexicon import Lexicon
    from traceql.importers.chrome.numbering import Visit
    from traceql.kernels.scan_columns import Columns

    Int64 = NDArray[np.int64]
    Int32 = NDArray[np.int32]

_ID = 1 << at.ID | 1 << at.ID_IS_TEXT


class Samples(NamedTuple):
    """Samples of a batch.

    Attributes:
        rows: int64 [n], the event of each, ascending.
        keys: int64 [n], numbers of their keys in `Counting.keys`.
        tracks: int32 [n], numbers of their tracks in `Counting.tracks`, by `Counting.number`.
        values: float64 [n].
    """

    rows: Int64
    keys: Int64
    tracks: Int32
    values: NDArray[np.float64]

    def until(self, count: int) -> Samples:
        """Give those of the first events."""
        size = int(np.searchsorted(self.rows, count))
        return Samples._make(column[:size] for column in self)


NO_SAMPLES = Samples(
    np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0)
)


class Counting:
    """What args of counters say, by template, and the tracks of the series met so far."""

    def __init__(self) -> None:
        self.keys = Dictionary(1 << 6, 1 << 10)
        self.places, self.tracks = KeyTable(), Growing(np.int64)
        self._templates = KeyTable()
        self._counts, self._firsts = Growing(np.int64), Growing(np.int64)
        self._key, self._source = Growing(np.int32), Growing(np.int8)
        self._value = Growing(np.float64)

    def samples(self, columns: Columns, groups: NDArray[np.uint8], args: Args) -> Samples:
        """Read the samples of a batch; events that cannot be read here become SLOW."""
        rows = np.flatnonzero(groups == COUNTER)
        template = columns.ids[at.ARGS_ID][rows].astype(np.int64)
        zero = np.zeros(rows.size, np.int64)
        ids, fresh = self._templates.number(template, zero, zero)
        if fresh.size:
            self._learn(template[fresh], args)
        counts = self._counts.array[ids]
        groups[rows[counts < 0]] = SLOW
        counts = np.maximum(counts, 0)
        every = np.repeat(rows, counts)
        ends = np.cumsum(counts)
        within = np.arange(every.size) - np.repeat(ends - counts, counts)
        series = np.repeat(self._firsts.array[ids], counts) + within
        source, values = self._source.array[series], self._value.array[series]
        lifted = np.flatnonzero(source >= 0)
        values[lifted] = columns.lifted[source[lifted], every[lifted]]
        keys = self._key.array[series].astype(np.int64)
        return Samples(every, keys, np.zeros(every.size, np.int32), values)

    def _learn(self, templates: Int64, args: Args) -> None:
        arena, offsets, sure = args.sure(templates)
        sizes = offsets[templates + 1] - offsets[templates]
        room = int(sizes.sum()) // LEAST_BYTES + templates.size
        out = Series(
            np.empty((2, room), np.int64), np.empty((2, room), np.int64),
            np.empty(room, np.int8), np.zeros(room),
        )  # fmt: skip
        counts = np.empty(templates.size, np.int64)
        total = read_series(arena, offsets, sure, out, counts)
        source, values = out.source[:total], out.values[:total]
        # Numbers of 16 digits and more, or with exponents: Python reads them, each once.
        for place in np.flatnonzero(source == LEFT).tolist():
            begin, end = out.numbers[:, place].tolist()
            values[place] = float(arena[begin:end].tobytes())
        source[source == LEFT] = SAID
        first = len(self._source) + np.cumsum(np.maximum(counts, 0)) - np.maximum(counts, 0)
        self._firsts.extend(first)
        self._counts.extend(counts)
        keys = self.keys.add(arena, out.keys[0, :total].copy(), out.keys[1, :total].copy())
        self._key.extend(keys)
        self._source.extend(source)
        self._value.extend(values)

    def number(
        self, samples: Samples, columns: Columns, lanes: Int32, lexicon: Lexicon, counters: Counters
    ) -> tuple[Samples, list[tuple[int, int, Visit]]]:
        """Number the tracks of samples; give what is to be visited, as `Numbering.places`."""
        rows = samples.rows
        present = columns.present[rows].astype(np.int64) & _ID
        name = columns.ids[at.NAME_ID][rows].astype(np.int64) + 1
        number = np.where(present & 1 << at.ID, columns.numbers[at.ID][rows], 0)
        ids, fresh = self.places.number(
            lanes[rows] | name << 32, number, samples.keys | present << 32
        )
        visits = []
        for place in fresh.tolist():
            row = int(rows[place])
            key = self.keys.text(int(samples.keys[place]))
            members = _members(columns, lexicon, row)
            visits.append((row, 1, self._visit(counters, members, key)))
        return samples._replace(tracks=ids), visits

    def _visit(self, counters: Counters, members: Members, key: bytes) -> Visit:
        def visit() -> bool:
            self.tracks.append(counters.track(members, key))
            return True

        return visit


def _members(columns: Columns, lexicon: Lexicon, row: int) -> Members:
    """Give the fields of an event that say which counter it is of."""
    found: Members = {}
    for field, is_text, key in ((at.PID, at.PID_IS_TEXT, b"pid"), (at.ID, at.ID_IS_TEXT, b"id")):
        source = token(columns, lexicon.texts, row, field, is_text)
        if source is not None:
            found[key] = source
    name, category = (int(columns.ids[i][row]) for i in (at.NAME_ID, at.CATEGORY_ID))
    if name >= 0:
        found[b"name"] = b'"%b"' % lexicon.names.raw[name]
    if category >= 0:
        found[b"cat"] = b'"%b"' % lexicon.categories.raw[category]
    return found
