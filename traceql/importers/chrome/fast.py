"""The events of large files: split and scanned by kernels, odd ones by the slow path."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from traceql.importers._json_stream import Members, whole_object
from traceql.importers.chrome.ahead import Ahead
from traceql.importers.chrome.columns import Events
from traceql.importers.chrome.counters import Counters
from traceql.importers.chrome.feed import Feed
from traceql.importers.chrome.interleave import interleave
from traceql.importers.chrome.numbering import Numbering, Work
from traceql.importers.chrome.plain import sort_out
from traceql.importers.chrome.rows import BATCH_ROWS
from traceql.importers.chrome.scanning import scanned
from traceql.kernels.scan_columns import Columns
from traceql.kernels.sort_out import SLOW
from traceql.model import tables
from traceql.model.protocols import Chunk

if TYPE_CHECKING:
    import pyarrow as pa

    from traceql.importers._json_stream import JsonStream
    from traceql.importers.chrome.context import Context
    from traceql.importers.chrome.feed import Part
    from traceql.importers.chrome.kineto import Kineto
    from traceql.importers.chrome.lexicon import Lexicon
    from traceql.importers.chrome.numbering import Places, Visit
    from traceql.importers.chrome.plain import Plain

LIFTED = tables.table("slice").lifted_args

Odd = Callable[[Members, int, int, bytes], None]
"""Reads an event slowly: members, ordinal, offset, text."""


class Outcome(NamedTuple):
    """How far it went."""

    ordinal: int
    closed: bool
    """The array ended; otherwise something at the cursor is damaged, or the text ends."""


class _Judged(NamedTuple):
    columns: Columns
    plain: Plain
    places: Places
    work: Work
    visits: list[tuple[int, int, Visit]]


class Fast:
    """Reads events of an array into chunks.

    The rows are those of the slow path, whatever the blocks and the threads: both number tracks
    by asking the same in the same order (`Numbering`), and events that are not plain go to the
    slow path itself.

    Args:
        odd: reads an event that is not plain.
        threads: that work, the caller's among them.
        block_bytes: how much text is scanned at a time.
    """

    def __init__(
        self, context: Context, kineto: Kineto, odd: Odd, *, threads: int, block_bytes: int
    ) -> None:
        self._context, self._kineto, self._odd = context, kineto, odd
        self._threads, self._block_bytes = threads, block_bytes
        self._numbering = Numbering(context, kineto)
        self._counters = Counters(context)
        self._lexicons: list[Lexicon] = []
        self.plain = False
        """Whether any event was plain."""

    def chunks(self, stream: JsonStream, ordinal: int) -> Iterator[Chunk | Outcome]:
        """Read on from the cursor, which stands between elements of an array.

        The cursor is moved behind what was read. The last thing given is the outcome.
        """
        yield from self._context.rows.rest()
        offset, blocks = stream.lend()
        ahead = None if self._threads == 1 else Ahead(blocks)
        feed = Feed(blocks if ahead is None else iter(ahead), offset, self._block_bytes)
        try:
            ordinal, place = yield from self._scanned(feed, ordinal)
        finally:
            if ahead is not None:
                ahead.stop()
        stream.go_on(*feed.rest(feed.position if place is None else place))
        yield Outcome(ordinal, feed.closed and place is None)

    def _scanned(self, feed: Feed, ordinal: int) -> Generator[Chunk, None, tuple[int, int | None]]:
        """Give the chunks of a feed; return the next ordinal, and where an event is damaged."""
        damage: int | None = None
        parts = scanned(feed.parts(), self._lexicons, LIFTED, self._kineto, self._threads)
        for part, lexicon, columns in parts:
            cut, chunks = self._batch(part, columns, lexicon, ordinal)
            yield from chunks
            if cut is not None:
                damage = part.offset(cut)
                ordinal += cut
                lexicon.spoiled = True
                parts.close()
                break
            ordinal += part.starts.size
            feed.release(part)
        return ordinal, damage

    def _batch(
        self, part: Part, columns: Columns, lexicon: Lexicon, ordinal: int
    ) -> tuple[int | None, list[Chunk]]:
        """Read a batch; give the first damaged event, if any, and the rows before it."""
        judged = self._judge(part, columns, lexicon, ordinal)
        cut = None
        for row, step, visit in judged.visits:
            if not visit():
                cut = row
                break
            del step
        if cut is not None:
            columns = Columns._make(column[..., :cut] for column in columns)
            judged = _cut(judged, columns, cut)
        chunks = self._rows(judged, lexicon, ordinal)
        chunks += self._context.rows.rest()
        return cut, chunks

    def _judge(self, part: Part, columns: Columns, lexicon: Lexicon, ordinal: int) -> _Judged:
        plain = sort_out(columns, lexicon, lexicon.learn())
        places, visits = self._numbering.places(columns, plain, lexicon)
        work = self._numbering.works(columns, plain, lexicon)
        if plain.works.size:
            lane = self._context.tracks.numbered
            visits += self._numbering.stream_visits(plain, places, work, lexicon, lane)
        if plain.samples.rows.size:
            samples, found = lexicon.counting.number(
                plain.samples, columns, places.lanes, lexicon, self._counters
            )
            plain = plain._replace(samples=samples)
            visits += found
        if plain.any_slow:
            odd = np.flatnonzero(plain.groups == SLOW).tolist()
            visits += [(row, 0, self._odd_visit(part, row, ordinal + row)) for row in odd]
        visits.sort(key=lambda visit: visit[:2])
        return _Judged(columns, plain, places, work, visits)

    def _odd_visit(self, part: Part, row: int, ordinal: int) -> Visit:
        def visit() -> bool:
            raw = part.raw(row)
            members = whole_object(raw)
            if members is None:
                return False
            self._odd(members, ordinal, part.offset(row), raw)
            return True

        return visit

    def _rows(self, judged: _Judged, lexicon: Lexicon, ordinal: int) -> list[Chunk]:
        """Give the rows of plain events, with those of odd events among them."""
        plain = judged.plain
        self.plain |= not plain.any_slow or bool(plain.groups.any())
        events = Events(judged.columns, ordinal, plain, judged.places, lexicon, self._context)
        work = judged.work
        self._kineto.devices.update(np.unique(work.device[~work.no_device]).tolist())
        if plain.memories.size:
            device, none = events.memory_devices()
            self._kineto.devices.update(np.unique(device[~none]).tolist())
        chunks: list[Chunk] = []
        for table, fast in events.tables(work):
            slow: list[tuple[Any, ...]] = self._context.rows.take(table)
            rows = interleave(table, fast, slow) if slow else fast
            chunks += _sliced(table, rows)
        return chunks


def _sliced(table: str, rows: pa.RecordBatch) -> Iterator[Chunk]:
    for start in range(0, rows.num_rows, BATCH_ROWS):
        yield Chunk(table, rows.slice(start, BATCH_ROWS))


def _cut(judged: _Judged, columns: Columns, count: int) -> _Judged:
    """Keep only the first events."""
    plain, places, work = judged.plain, judged.places, judged.work
    works = int(np.searchsorted(plain.works, count))
    memories = int(np.searchsorted(plain.memories, count))
    asyncs = int(np.searchsorted(places.asyncs, count))
    return _Judged(
        columns,
        plain._replace(
            groups=plain.groups[:count],
            kinds=plain.kinds[:count],
            keys=plain.keys[:, :count],
            works=plain.works[:works],
            work_ids=plain.work_ids[:works],
            memories=plain.memories[:memories],
            memory_ids=plain.memory_ids[:memories],
            samples=plain.samples.until(count),
        ),
        places._replace(
            lanes=places.lanes[:count],
            asyncs=places.asyncs[:asyncs],
            async_ids=places.async_ids[:asyncs],
        ),
        Work(
            work.device[:works],
            work.no_device[:works],
            work.stream[:works],
            work.no_stream[:works],
        ),
        [],
    )
